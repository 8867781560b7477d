"""Small files in many formats, and a hub that lives in the test process."""

import gzip
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

COMMIT = "a" * 40


@pytest.fixture
def write_lines(tmp_path: Path) -> Callable[..., Path]:
    """Write JSON lines, gzipped where the name says so; returns the path."""

    def write(name: str, rows: Sequence[Any]) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return path

    return write


@pytest.fixture
def animals() -> list[dict[str, str]]:
    """Ten rows in two coarse and four fine classes, with splits."""
    classes = [("bird", "duck"), ("bird", "gull"), ("fish", "carp"), ("fish", "pike"), ("bird", "duck")]
    return [
        {"text": f"text {number} of a {fine}", "coarse": coarse, "fine": fine, "split": split}
        for split in ("train", "test")
        for number, (coarse, fine) in enumerate(classes)
    ]


class FakeHub(BaseHTTPRequestHandler):
    """As much of the hub's protocol as reading the datasets ``owner/<folder>`` of one directory needs."""

    root: Path
    requests: list[str]

    def log_message(self, *args: object) -> None:
        pass

    def _answer(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.requests.append(f"{self.command} {path}")
        parts = path.strip("/").removeprefix("api/").split("/")
        if path == "/":
            return self._answer(200)
        if parts[:2] != ["datasets", "owner"] or not (self.root / parts[2]).is_dir():
            return self._answer(404, X_Error_Code="RepoNotFound")
        folder, rest = self.root / parts[2], parts[3:]
        if rest[:1] == ["resolve"]:
            return self._file(folder / "/".join(rest[2:]))
        if rest[:1] == ["tree"]:
            return self._tree(folder, folder / "/".join(rest[2:]))
        names = [
            {"rfilename": item.relative_to(folder).as_posix()} for item in folder.rglob("*") if item.is_file()
        ]
        about = {"id": f"owner/{parts[2]}", "sha": COMMIT, "siblings": names, "private": False, "tags": []}
        return self._answer(200, json.dumps(about).encode())

    def _file(self, path: Path) -> None:
        if not path.is_file():
            return self._answer(404, X_Error_Code="EntryNotFound", X_Repo_Commit=COMMIT)
        content = path.read_bytes()
        return self._answer(200, content, ETag=f'"{hashlib.sha1(content).hexdigest()}"', X_Repo_Commit=COMMIT)

    def _tree(self, folder: Path, below: Path) -> None:
        entries = [
            {"type": "file", "size": item.stat().st_size, "oid": "0" * 40}
            | {"path": item.relative_to(folder).as_posix()}
            for item in sorted(below.iterdir())
            if item.is_file()
        ]
        self._answer(200, json.dumps(entries).encode())


@pytest.fixture
def fake_hub(tmp_path: Path) -> Iterator[tuple[str, Path, list[str]]]:
    """Address of a hub that serves ``root/<name>`` as the dataset ``owner/<name>``, the root, and its log."""
    root = tmp_path / "hub"
    root.mkdir()
    log: list[str] = []
    handler = type("Handler", (FakeHub,), {"root": root, "requests": log})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", root, log
        server.shutdown()
        thread.join()
