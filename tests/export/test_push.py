"""A folder goes to a hub that lives in the test process and speaks the few words that an upload needs."""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from fractalctl.errors import FractalError, RequestError, UnreachableError
from fractalctl.export.folders import push


@dataclass
class Hub:
    """Repositories by name, with their files by path."""

    address: str = ""
    status: int = 200
    made: dict[str, dict] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    tokens: set[str | None] = field(default_factory=set)
    messages: list[str] = field(default_factory=list)


class Answers(BaseHTTPRequestHandler):
    """Large files go as LFS blobs, all others within the commit."""

    hub: Hub

    def log_message(self, *_: object) -> None:
        pass

    def answer(self, document: object, status: int = 200) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_GET(self) -> None:
        self.hub.tokens.add(self.headers.get("Authorization"))
        if self.hub.status != 200:
            self.answer({"error": "no"}, self.hub.status)
            return
        self.answer({"sha": "0" * 40, "id": "owner/name", "siblings": [], "name": "owner", "type": "user"})

    def do_PUT(self) -> None:
        self.hub.blobs[self.path.rpartition("/")[2]] = self.body()
        self.answer({})

    def do_POST(self) -> None:
        hub, body = self.hub, self.body()
        hub.tokens.add(self.headers.get("Authorization"))
        if hub.status != 200:
            self.answer({"error": "no"}, hub.status)
        elif self.path.endswith("/repos/create"):
            asked = json.loads(body)
            hub.made[f"{asked.get('organization', 'owner')}/{asked['name']}"] = asked
            self.answer({"url": f"{hub.address}/owner/name", "id": "owner/name"})
        elif "/preupload/" in self.path:
            files = json.loads(body)["files"]
            self.answer({"files": [
                {"path": one["path"], "shouldIgnore": False, "oid": None,
                 "uploadMode": "lfs" if one["path"].endswith("safetensors") else "regular"}
                for one in files]})  # fmt: skip
        elif self.path.endswith("/objects/batch"):
            objects = json.loads(body)["objects"]
            self.answer({"transfer": "basic", "objects": [
                {"oid": one["oid"], "size": one["size"], "authenticated": True,
                 "actions": {"upload": {"href": f"{hub.address}/lfs/{one['oid']}", "header": {}}}}
                for one in objects]})  # fmt: skip
        elif "/commit/" in self.path:
            for line in map(json.loads, body.splitlines()):
                value = line["value"]
                if line["key"] == "header":
                    hub.messages.append(value["summary"])
                elif line["key"] == "file":
                    hub.files[value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    hub.files[value["path"]] = hub.blobs[value["oid"]]
            self.answer({"commitOid": "1" * 40, "commitUrl": f"{hub.address}/owner/name/commit/{'1' * 40}"})
        else:
            self.answer({})


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Answers,), {"hub": hub}))
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    Thread(target=server.serve_forever, daemon=True).start()
    for name, value in (("HF_ENDPOINT", hub.address), ("HF_TOKEN", "hf_secret"), ("HF_HUB_DISABLE_XET", "1")):
        monkeypatch.setenv(name, value)
    # What the library has read from the environment when it was first imported.
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.address)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "model"
    (place / "1_Pooling").mkdir(parents=True)
    (place / "README.md").write_text("---\nlicense: mit\n---\n# x\n")
    (place / "1_Pooling" / "config.json").write_text("{}")
    (place / "model.safetensors").write_bytes(bytes(range(256)) * 40)
    return place


pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("public", [False, True])
def test_every_file_arrives(hub: Hub, folder: Path, public: bool) -> None:
    address = push(folder, "owner/name", public=public)
    assert address == f"{hub.address}/owner/name/commit/{'1' * 40}"
    made = hub.made["owner/name"]
    assert made.get("visibility", "private" if made.get("private") else "public") == (
        "public" if public else "private"
    )
    assert {path: content for path, content in hub.files.items() if path != ".gitattributes"} == {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    oid = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert set(hub.blobs) == {oid}
    assert "Bearer hf_secret" in hub.tokens
    assert hub.messages == ["Exported by fractalctl"]


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (401, RequestError, "does not let you write owner/name"),
        (403, RequestError, "goes into HF_TOKEN"),
        (500, FractalError, "pushing owner/name failed"),
    ],
)
def test_what_the_hub_refuses(hub: Hub, folder: Path, status: int, kind, message: str) -> None:
    hub.status = status
    with pytest.raises(kind, match=message) as raised:
        push(folder, "owner/name")
    assert type(raised.value) is kind
    assert "hf_secret" not in str(raised.value)


def test_a_hub_that_is_not_there(hub: Hub, folder: Path, monkeypatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(UnreachableError, match=r"cannot be reached .* is whole, and 'hf upload"):
        push(folder, "owner/name")
    with pytest.raises(RequestError, match="--push 'name': expected owner/name"):
        push(folder, "name")
