"""A server on this machine that speaks as OpenAI and as Ollama do, and fails as it is told to."""

import base64
import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

KEY = "sk-very-secret-0123456789"
DIGEST = "a1" * 32
DIMENSION = 8


def vector(text: str, dimension: int = DIMENSION) -> np.ndarray:
    """What the server says to a text: arithmetic on its bytes, in float32."""
    seed = sum((place + 1) * byte for place, byte in enumerate(text.encode()))
    return np.sin(seed + np.arange(dimension)).astype(np.float32)


class FaultyServer(ThreadingHTTPServer):
    """Answers each request as the next of ``faults`` says, and well once there are none left.

    Attributes:
        faults: names of `FAULTS`, or of methods of the handler.
        asked: the texts of each request that was answered well.
        requests: how many came, whatever became of them.
        authorisations: what the requests had as such.
        dimensions: what the last request asked for.
        digest: of the only model that Ollama's half has.
        ends: until when it is silent, where it is told to be.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.faults: deque[str] = deque()
        self.asked: list[list[str]] = []
        self.requests = 0
        self.authorisations: list[str | None] = []
        self.dimensions: int | None = None
        self.digest = DIGEST
        self.lock = threading.Lock()
        self.ends = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def texts(self) -> list[str]:
        """All texts that were answered."""
        return [text for texts in self.asked for text in texts]

    def handle_error(self, *_: object) -> None:
        """Clients that give up are what the tests are about."""


class Handler(BaseHTTPRequestHandler):
    server: FaultyServer

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self.send(200, {"models": [{"model": "words:latest", "digest": self.server.digest}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server = self.server
        with server.lock:
            server.requests += 1
            server.authorisations.append(self.headers["Authorization"])
            server.dimensions = body.get("dimensions")
            fault = server.faults.popleft() if server.faults else None
        if fault in STATUSES:
            status, headers, said = STATUSES[fault]
            key = str(self.headers["Authorization"]).removeprefix("Bearer ")
            self.send(status, {"error": {"message": said.format(key=key)}}, headers)
            return
        if fault == "cut":
            self.connection.close()
            return
        if fault == "half":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
            return
        if fault == "silent":
            self.server.ends.wait(60)
            return
        if fault == "html":
            self.send(200, "<html>a proxy's page</html>")
            return
        texts = body["input"]
        vectors = [vector(text, body.get("dimensions") or DIMENSION) for text in texts]
        if fault == "short":
            vectors = vectors[:-1]
        elif fault == "wrong size":
            vectors[-1] = vectors[-1][:-1]
        elif fault == "nan":
            vectors[0][1] = np.nan
        if fault in (None, "good"):
            with server.lock:
                server.asked.append(texts)
        self.send(200, self.document(body, vectors))

    def document(self, body: dict[str, Any], vectors: list[np.ndarray]) -> dict[str, Any]:
        tokens = sum(map(len, body["input"]))
        if self.path.endswith("/api/embed"):
            rows = [row.tolist() for row in vectors]
            return {"model": body["model"], "embeddings": rows, "prompt_eval_count": tokens}
        coded = body.get("encoding_format") == "base64"
        rows = [
            {
                "object": "embedding",
                "index": place,
                "embedding": base64.b64encode(row.tobytes()).decode() if coded else row.tolist(),
            }
            for place, row in enumerate(vectors)
        ]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "model": body["model"], "data": rows[::-1], "usage": usage}

    def send(self, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
        content = document if isinstance(document, str) else json.dumps(document)
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if content is not document else "text/html")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content.encode())


STATUSES: dict[str, tuple[int, dict[str, str], str]] = {
    "429": (429, {"Retry-After": "0.05"}, "slow down, {key}"),
    "500": (500, {}, "something broke for {key}"),
    "401": (401, {}, "incorrect key {key}"),
    "404": (404, {}, "no model for {key}"),
    "400": (400, {}, "too many tokens, {key}"),
}


@contextmanager
def serving() -> Iterator[FaultyServer]:
    """A server for as long as the context lasts."""
    server = FaultyServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.ends.set()
        server.shutdown()
        server.server_close()
        thread.join()
