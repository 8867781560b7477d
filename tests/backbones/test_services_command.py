"""Commands that have a service encode: nothing is paid unasked, nothing twice, and no key is shown."""

import io
import json
import shlex
import sys
from pathlib import Path

import pytest

from fractalctl.backbones.featurize import featurize
from fractalctl.backbones.resolve import resolve_backbone
from fractalctl.backbones.services.backbone import ServiceBackbone
from fractalctl.cli import build_app
from store import FeatureStore
from tests.backbones.servers import DIMENSION, KEY, FaultyServer
from tests.backbones.tables import table_of, texts_of
from tests.cli.calls import call, done, said

pytest.importorskip("openai", reason="the extra remote is not installed")
pytest.importorskip("ollama", reason="the extra remote is not installed")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def typed(answer: str, line: str) -> int:
    """Run ``featurize`` where somebody types an answer; the exit code."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "stdin", Terminal(answer))
        build_app(["featurize"])(shlex.split(line))
    return int(ended.value.code or 0)


def test_somebody_is_asked_before_it_costs(
    server: FaultyServer, store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    request = table_of(tmp_path / "talk.csv", texts_of(10))
    line = f"featurize {request.source} -b openai:words --dimensions 8 --store {store.folder}"
    monkeypatch.setattr(ServiceBackbone, "is_here", False)
    refused = call(line)
    assert (refused.exit_code, refused.stdout, server.requests) == (2, "", 0)
    assert "10 texts go to openai:words: about " in refused.stderr and "give --yes" in refused.stderr
    assert (typed("n\n", line), server.requests) == (1, 0)
    assert "Go on? [y/N]" in capsys.readouterr().err
    assert not list(store.folder.glob("*/*.parts")), "nothing is left of what was not begun"
    assert typed("y\n", f"{line} --quiet --json") == 0
    shown = capsys.readouterr()
    assert "10 texts go to openai:words" in shown.err, "even if nothing else is said"
    assert json.loads(shown.out)["cache"] == "miss"
    store.remove(Path(json.loads(shown.out)["path"]))
    free = done(line)  # what was answered before costs nothing, and nobody is asked
    assert "all texts were answered before" in free.stderr
    new = table_of(tmp_path / "new.csv", ["new", *texts_of(9)])
    done(f"{line.replace(request.source, new.source)} --yes")
    assert server.texts.count("new") == 1
    assert sorted(server.texts) == sorted([*texts_of(10), "new"])


def test_new_texts_are_paid_for_once_and_not_unasked(
    server: FaultyServer, store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a command has the service encode, it asks before, as ``featurize`` does."""
    request = table_of(tmp_path / "talk.csv", texts_of(10))
    features = featurize(request, resolve_backbone("openai:words", dimensions=DIMENSION), store)
    done(f"train {features.path} -s v5 --dims 4,8 --epochs 1 --seeds 42 --store {store.folder}")
    (tmp_path / "new.txt").write_text("something new\nentirely\n")
    monkeypatch.setattr(ServiceBackbone, "is_here", False)
    monkeypatch.chdir(tmp_path)
    lines = ('search "a question"', "embed new.txt", "index --outside new.txt --output ix")
    for line, count in zip(lines, (1, 2, 0), strict=True):
        before = len(server.texts)
        line = f"{line} --store {store.folder}"
        if count:
            refused = call(line, "")
            assert (refused.exit_code, len(server.texts)) == (2, before)
            assert f"{count} texts go to openai:words: about " in said(refused)
            assert "give --yes" in refused.stderr
            done(f"{line} --yes", "")
            assert len(server.texts) == before + count
        again = done(line, "") if "embed" not in line else done(f"{line} -o again.npy", "")
        assert "all texts were answered before" in again.stderr
        assert len(server.texts) == before + count, "what was answered is not asked again"


def test_keys_are_in_no_file_and_no_output(server: FaultyServer, store: FeatureStore, tmp_path: Path) -> None:
    request = table_of(tmp_path / "talk.csv", texts_of(10))
    server.faults.extend(["429", "400"])
    line = f"featurize {request.source} -b openai:words --store {store.folder} --verbose"
    failed, made = call(line), done(line)
    assert failed.exit_code == 2
    assert "too many tokens, ***" in failed.stderr
    shown = failed.output + failed.stderr + made.output + made.stderr
    assert KEY not in shown and KEY[-8:] not in shown
    content = b"".join(path.read_bytes() for path in store.folder.rglob("*") if path.is_file())
    assert b"text number 3" in content and KEY.encode() not in content
