"""The road under SIGKILL: ``python -m tests.faults.road FOLDER KILLS STRIDE AT_ONCE`` says what was tried.

A corpus is featurized, heads are trained and evaluated, an ablation and a synthesis are made, an index and an
export are written, in a child that is killed, again and again until it has come to its end: KILLS times at a
random moment, and at every STRIDE-th fault point, which is before a file is synced, before it is renamed and
after that. Then no file may grow beyond some size, as on a disk that is full or under a quota, and AT_ONCE
children go the same road. All files must always be those of a child that nobody disturbed, byte for byte.
"""

import json
import os
import random
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from fractalctl.backbones.featurize import featurize
from fractalctl.corpora.request import CorpusRequest
from fractalctl.documents.export import ExportDocument  # noqa: F401  loaded before children are forked
from fractalctl.errors import FractalError
from fractalctl.experiments.ablation import ablate
from fractalctl.experiments.evaluating import evaluate_heads
from fractalctl.experiments.exporting import export_head
from fractalctl.experiments.indexing import write_index
from fractalctl.experiments.synthesis import synthesise
from fractalctl.experiments.training import build_arms, train_heads
from fractalctl.measures.protocols import Protocol
from store import FeatureStore
from store.errors import StoreError
from tests.backbones.models import WORDS, as_sentence_transformers, build_bert

SETTINGS = {"dims": (4, 8), "epochs": 1}
COMMANDS = ("featurize", "train", "evaluate", "ablate", "synth", "index", "export")
TEMPORARY = (".tmp", ".replaced")
SIZES = (0, 100, 1_000, 3_000, 10_000, 30_000, 100_000)
"""Bytes that a file may have where the disk is full: some are written, others are not."""
DISTURBED = ("random moments", "fault points", "full disks", "processes at once")


def furnish(base: Path) -> None:
    """A table of texts under two levels, and a tiny encoder."""
    as_sentence_transformers(build_bert(base / "model"), "mean_tokens")
    rows = [
        (f"{WORDS[n % 8]} {WORDS[n % 13]} {WORDS[n % 7]}", f"c{n % 8 // 4}", f"f{n % 8}") for n in range(160)
    ]
    lines = [",".join((*row, "test" if n % 4 == 3 else "train")) for n, row in enumerate(rows)]
    (base / "table.csv").write_text("\n".join(["text,coarse,fine,split", *lines]) + "\n")


def go(base: Path, folder: Path) -> None:
    """The road from a table to an export, as a user calls it again after a power cut."""
    store = FeatureStore(folder / "store")
    features = featurize(CorpusRequest(str(base / "table.csv")), str(base / "model"), store, device="cpu")
    arms, rule = build_arms(["v5", "lda"], 2, None, SETTINGS), Protocol("loo", max_test=30)
    heads = train_heads(features, arms, folder / "runs", [1, 2], device="cpu").heads
    evaluate_heads(heads, rule, store, device="cpu")
    few: dict[str, Any] = {"settings": SETTINGS, "seeds": [1], "protocol": rule, "device": "cpu"}
    ablate("noise", features, folder / "runs", ["v5"], values=[0, 50], **few)
    synthesise(features, folder / "runs", [2, 3], [1], ["lda"], **few | {"settings": {"dims": (4, 8)}})
    write_index(heads[0], features, folder / "index", (4, 8), device="cpu")
    export_head(heads[0], "sentence-transformers", folder / "export", encoder=base / "model",
                store=store.folder, device="cpu", offline=True)  # fmt: skip


def killed_at(point: int) -> list[int]:
    """Let this process die at a fault point, counted from 1; gives where it counts."""
    count = [0]

    def reach() -> None:
        count[0] += 1
        if count[0] == point:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(call: Callable[..., Any], *, behind: bool) -> Callable[..., Any]:
        def reached(*arguments: Any, **named: Any) -> Any:
            reach()
            found = call(*arguments, **named)
            if behind:
                reach()
            return found

        return reached

    os.fsync = around(os.fsync, behind=False)
    os.replace, os.rename = around(os.replace, behind=True), around(os.rename, behind=True)
    return count


def child(base: Path, folder: Path, point: int = 0, largest: int | None = None) -> int:
    """Go the road in a child that dies at a fault point, or whose files cannot be larger than so many bytes.

    Returns:
        Its process id. It ends with 3 where it refuses to go on, as a command would with 1.
    """
    number = os.fork()
    if number:
        return number
    count, code = killed_at(point), 1
    try:
        if largest is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
        go(base, folder)
        code = 0
        if not point:
            (base / "points").write_text(str(count[0]))
    except (OSError, FractalError, StoreError) as error:
        code = 3
        if largest is None:
            sys.stderr.write(f"{error}\n")
    finally:
        os._exit(code)


def ended(number: int) -> int:
    """How a child ended: its exit code, or the signal as a negative number."""
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def lived(base: Path, folder: Path, seconds: float | None = None, point: int = 0) -> bool:
    """Go the road in a child, killed after some seconds or at a point; whether it came to the end."""
    number = child(base, folder, point)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(number, signal.SIGKILL)
    code = ended(number)
    assert code in (0, -signal.SIGKILL), code
    return code == 0


def content(folder: Path) -> dict[str, bytes]:
    """Everything but locks, notes and what was left aside."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    seen = (path for path in files if not any(part.startswith(".") for part in path.parts))
    return {str(path): (folder / path).read_bytes() for path in seen if path.suffix != ".lock"}


def left_over(folder: Path) -> list[Path]:
    """What killed processes wrote aside."""
    return [path for path in folder.rglob(".*") if path.name.endswith(TEMPORARY)]


def rounds(
    base: Path, folder: Path, kills: int, stride: int, seconds: float, at_once: int
) -> Iterator[tuple[str, int]]:
    """Yield after every road how it was disturbed, and how often."""
    generator, done = random.Random(42), 0
    while done < kills:
        before = done
        while done < kills and not lived(base, folder, generator.uniform(0, seconds)):
            done += 1
        yield "random moments", done - before
    for point in range(1 + stride // 2, int((base / "points").read_text()) + 1, stride):
        assert not lived(base, folder, point=point)
        yield "fault points", 1
    for largest in SIZES if kills > 10 else SIZES[3:4]:
        code = ended(child(base, folder, largest=largest))
        assert code in (0, 3), code
        assert not left_over(folder), "what cannot be finished is taken away"
        yield "full disks", int(code == 3)
    if at_once > 1:
        codes = [ended(number) for number in [child(base, folder) for _ in range(at_once)]]
        assert codes == [0] * at_once, codes
        yield "processes at once", at_once


def main() -> None:
    torch.set_num_threads(1)
    base, kills, stride, at_once = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    folder = base / "here"
    furnish(base)
    assert lived(base, folder), "with nothing in memory yet"
    shutil.rmtree(folder)
    started = time.monotonic()
    assert lived(base, folder)
    seconds, expected = time.monotonic() - started, content(folder)
    found = {"files": len(expected), **dict.fromkeys(("roads", "left aside", *DISTURBED), 0)}
    shutil.rmtree(folder)
    points = (base / "points").read_text()
    for how, number in rounds(base, folder, kills, stride, seconds, at_once):
        assert lived(base, folder)
        here = content(folder)
        assert here.keys() == expected.keys(), sorted(here.keys() ^ expected.keys())
        assert not (others := [name for name in here if here[name] != expected[name]]), (how, others)
        found[how] += number
        found["roads"] += 1
        found["left aside"] += len(left_over(folder))
        shutil.rmtree(folder)
        (base / "points").write_text(points)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
