"""The road under SIGKILL: ``python -m tests.faults.road FOLDER KILLS STRIDE AT_ONCE`` tells what was tried.

A corpus is featurized, heads are trained and evaluated, an ablation and a synthesis are made, an index, an
export and vectors are written, each in a child. A child is killed KILLS times at a random moment of the road,
and at every STRIDE-th fault point, which is before a file is synced, before and after it is renamed, and
before a file or an empty folder is removed. Then it is called again. Besides, no file may grow beyond some
size, as on a disk that is full or under a quota, and AT_ONCE children go the same road. All files must always
be those of a child that nobody disturbed, byte for byte; what was there before must be there after a kill;
and what was left aside must be gone once `store.leftovers` has cleared up.
"""

import json
import os
import random
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from fractalctl.backbones.featurize import featurize
from fractalctl.corpora.columns import TextFile
from fractalctl.corpora.request import CorpusRequest
from fractalctl.documents.exported import ExportDocument  # noqa: F401  loaded before children are forked
from fractalctl.errors import FractalError
from fractalctl.experiments.ablation import ablate
from fractalctl.experiments.embedding import Embedder
from fractalctl.experiments.evaluating import evaluate_heads
from fractalctl.experiments.exporting import export_head
from fractalctl.experiments.indexing import write_index
from fractalctl.experiments.synthesis import synthesise
from fractalctl.experiments.training import build_arms, train_heads
from fractalctl.experiments.vector_files import write_text_vectors
from fractalctl.heads.head import Head, load_head
from fractalctl.measures.protocols import Protocol
from store import FeatureSet, FeatureStore
from store.errors import StoreError
from store.leftovers import find_leftovers
from tests.backbones.models import WORDS, as_sentence_transformers, build_bert

CLOSED = {"dims": (4, 8)}
SETTINGS = {**CLOSED, "epochs": 1}
SEEDS = (1, 2)
RULE = Protocol("loo", max_test=30)
SIZES = (0, 100, 1_000, 3_000, 10_000, 30_000, 100_000)
"""Bytes that a file may have where the disk is full: some are written, others are not."""
KINDS = ("random moments", "fault points", "full disks", "processes at once")


def furnish(base: Path) -> None:
    """A table of texts under two levels, texts without labels, and a tiny encoder."""
    as_sentence_transformers(build_bert(base / "model"), "mean_tokens")
    rows = [
        (f"{WORDS[n % 8]} {WORDS[n % 13]} {WORDS[n % 7]}", f"c{n % 8 // 4}", f"f{n % 8}") for n in range(160)
    ]
    lines = [",".join((*row, "test" if n % 4 == 3 else "train")) for n, row in enumerate(rows)]
    (base / "table.csv").write_text("\n".join(["text,coarse,fine,split", *lines]) + "\n")
    (base / "texts.txt").write_text("".join(f"{text}\n" for text, *_ in rows))


@dataclass(frozen=True)
class Road:
    """The commands, each as a user gives it again after a power cut.

    Attributes:
        base: holds the table and the encoder.
        folder: all that commands write.
    """

    base: Path
    folder: Path

    @property
    def store(self) -> FeatureStore:
        return FeatureStore(self.folder / "store")

    @property
    def runs(self) -> Path:
        return self.folder / "runs"

    @property
    def features(self) -> FeatureSet:
        return self.store.resolve()

    @property
    def head(self) -> Head:
        return load_head(next(self.runs.rglob("v5*/seed-1")))

    def featurize(self) -> None:
        featurize(
            CorpusRequest(str(self.base / "table.csv")), str(self.base / "model"), self.store, device="cpu"
        )

    def train(self) -> None:
        arms = build_arms(["v5", "lda"], 2, None, SETTINGS)
        train_heads(self.features, arms, self.runs, SEEDS, device="cpu")

    def evaluate(self) -> None:
        heads = [load_head(path) for path in sorted(self.runs.rglob("seed-*")) if path.name[0] != "."]
        evaluate_heads(heads, RULE, self.store, device="cpu")

    def ablate(self) -> None:
        few: dict[str, Any] = {"settings": SETTINGS, "seeds": [1], "protocol": RULE, "device": "cpu"}
        ablate("noise", self.features, self.runs, ["v5"], values=[0, 50], **few)

    def synth(self) -> None:
        few: dict[str, Any] = {"settings": CLOSED, "seeds": [1], "protocol": RULE, "device": "cpu"}
        synthesise(self.features, self.runs, [2, 3], [1], ["lda"], **few)

    def index(self) -> None:
        write_index(self.head, self.features, self.folder / "index", (4, 8), device="cpu")

    def export(self) -> None:
        export_head(self.head, "sentence-transformers", self.folder / "export", encoder=self.base / "model",
                    store=self.store.folder, device="cpu", offline=True)  # fmt: skip

    def embed(self) -> None:
        def load() -> Embedder:
            return Embedder.of(self.head, self.base / "model", self.store.folder, "cpu", offline=True)

        texts = TextFile(self.base / "texts.txt")
        write_text_vectors(self.head, texts, self.folder / "vectors.npy", load, store=self.store.folder)


COMMANDS: dict[str, Callable[[Road], None]] = {
    "featurize": Road.featurize,
    "train": Road.train,
    "evaluate": Road.evaluate,
    "ablate": Road.ablate,
    "synth": Road.synth,
    "index": Road.index,
    "export": Road.export,
    "embed": Road.embed,
}


def killed_at(point: int) -> list[int]:
    """Let this process die at a fault point, counted from 1; gives where it counts."""
    count = [0]

    def reach() -> None:
        count[0] += 1
        if count[0] == point:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(call: Callable[..., Any], *, behind: bool = False) -> Callable[..., Any]:
        def reached(*arguments: Any, **named: Any) -> Any:
            reach()
            found = call(*arguments, **named)
            if behind:
                reach()
            return found

        return reached

    os.fsync, os.unlink, os.rmdir = around(os.fsync), around(os.unlink), around(os.rmdir)
    os.replace, os.rename = around(os.replace, behind=True), around(os.rename, behind=True)
    return count


def child(road: Road, names: Iterable[str], point: int = 0, largest: int | None = None) -> int:
    """Give commands in a child that dies at a fault point, or whose files can have so many bytes only.

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
        for name in names:
            COMMANDS[name](road)
        code = 0
        if not point and largest is None:
            (road.base / "points").write_text(str(count[0]))
    except (OSError, FractalError, StoreError) as error:
        code = 3
        if largest is None:
            sys.stderr.write(f"{error}\n")
    finally:
        os._exit(code)


def ended(number: int) -> int:
    """How a child ended: its exit code, or the signal as a negative number."""
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def lived(road: Road, names: Iterable[str], seconds: float | None = None, point: int = 0) -> bool:
    """Give commands in a child, killed after some seconds or at a point; whether it came to the end."""
    number = child(road, names, point)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(number, signal.SIGKILL)
    code = ended(number)
    assert code in (0, -signal.SIGKILL), (names, point, code)
    return code == 0


def content(folder: Path) -> dict[str, bytes]:
    """Everything but locks, notes and what was left aside."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    seen = (path for path in files if not any(part.startswith(".") for part in path.parts))
    return {str(path): (folder / path).read_bytes() for path in seen if path.suffix != ".lock"}


@dataclass
class Trials:
    """Commands that are disturbed and called again, and what came of it.

    Attributes:
        road: which they go.
        points: fault points of each command.
        seconds: that each takes.
        tried: how often something was done, by kind.
        left: how many files and folders were left aside, of all.
    """

    road: Road
    points: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    tried: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    left: int = 0
    generator: random.Random = field(default_factory=lambda: random.Random(42))

    def learn(self) -> None:
        """Go the road undisturbed, and keep what was there before each command and after it."""
        assert lived(self.road, COMMANDS), "with nothing in memory yet"
        shutil.rmtree(self.road.folder)
        self.road.folder.mkdir()
        for name in COMMANDS:
            shutil.copytree(self.road.folder, self._before(name))
            started = time.monotonic()
            assert lived(self.road, [name])
            self.seconds[name] = time.monotonic() - started
            self.points[name] = int((self.road.base / "points").read_text())
        shutil.copytree(self.road.folder, self._before(""))
        self.names = [*COMMANDS, ""]

    def _before(self, name: str) -> Path:
        return self.road.base / "before" / (name or "nothing more")

    def again(self, name: str) -> dict[str, bytes]:
        """Put everything where it was before a command; gives what that was."""
        shutil.rmtree(self.road.folder, ignore_errors=True)
        shutil.copytree(self._before(name), self.road.folder)
        return content(self.road.folder)

    def disturb(self, name: str, kind: str, disturb: Callable[[], int]) -> None:
        """Disturb a command, give it again, and see that nobody can tell; clear up after it."""
        before = self.again(name)
        self.tried[kind] += disturb()
        here = content(self.road.folder)
        lost = {path for path in before if here.get(path) != before[path]}
        assert not lost, (name, kind, lost)
        assert lived(self.road, [name])
        self.same(self._before(self.names[self.names.index(name) + 1]), (name, kind))

    def same(self, wanted: Path, what: object) -> None:
        """See that all files are as they should be, and that what was left aside can be cleared."""
        expected, here = content(wanted), content(self.road.folder)
        others = {path for path in expected | here if expected.get(path) != here.get(path)}
        assert not others, (what, others)
        leftovers = find_leftovers(self.road.folder, idle=0)
        for one in leftovers:
            one.remove()
        self.left += len(leftovers)
        aside = [path for path in self.road.folder.rglob(".*") if path.suffix in (".tmp", ".replaced")]
        assert not aside, (what, aside)
        assert content(self.road.folder) == expected

    def say(self) -> None:
        """Write what was tried so far as a line of JSON."""
        files, points = len(content(self._before(""))), sum(self.points.values())
        found = {"files": files, "points": points, "left aside": self.left, **self.tried}
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()

    def at_random(self, count: int) -> None:
        """Kill commands at random moments, those that take longer more often, some twice or more."""
        generator = self.generator
        names, weights = list(self.seconds), list(self.seconds.values())
        while self.tried["random moments"] < count:
            (name,) = generator.choices(names, weights)

            def kill(name: str = name) -> int:
                done = 0
                while self.tried["random moments"] + done < count and (not done or generator.random() < 0.3):
                    if lived(self.road, [name], generator.uniform(0, self.seconds[name])):
                        break
                    done += 1
                return done

            self.disturb(name, "random moments", kill)

    def at_points(self, stride: int) -> None:
        """Kill commands at every so manieth of all their fault points."""
        every = [(name, point) for name, number in self.points.items() for point in range(1, number + 1)]
        for name, point in every[stride // 2 :: stride]:
            self.disturb(
                name, "fault points", lambda n=name, p=point: int(not lived(self.road, [n], point=p))
            )

    def on_full_disks(self, sizes: Iterable[int]) -> None:
        """Go the whole road where no file can be larger than something, and then as always."""
        for largest in sizes:
            self.again("featurize")
            code = ended(child(self.road, COMMANDS, largest=largest))
            assert code in (0, 3), code
            aside = [path for path in self.road.folder.rglob(".*") if path.suffix in (".tmp", ".replaced")]
            assert not aside, "what cannot be finished is taken away"
            assert lived(self.road, COMMANDS)
            self.same(self._before(""), largest)
            self.tried["full disks"] += code == 3

    def at_once(self, count: int) -> None:
        """Go the whole road several times at once."""
        self.again("featurize")
        codes = [ended(number) for number in [child(self.road, COMMANDS) for _ in range(count)]]
        assert codes == [0] * count, codes
        self.same(self._before(""), "at once")
        self.tried["processes at once"] += count


def main() -> None:
    torch.set_num_threads(1)
    base, kills, stride, at_once = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    furnish(base)
    trials = Trials(Road(base, base / "here"))
    trials.learn()
    trials.at_once(at_once)
    trials.say()
    trials.on_full_disks(SIZES if kills > 10 else SIZES[3:4])
    trials.say()
    trials.at_points(stride)
    trials.say()
    for count in [*range(50, kills, 50), kills]:
        trials.at_random(count)
        trials.say()


if __name__ == "__main__":
    main()
