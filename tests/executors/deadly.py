"""What workers do instead of their work, so that one of them is killed in the middle of it, once."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fractalctl.backbones import distributed
from fractalctl.device import choose_device
from fractalctl.experiments import training
from fractalctl.heads.examples import training_examples
from fractalctl.progress import Advance
from store import FeatureSet

encode, train = distributed._encode, training._train_in_worker


def die_once(note: Path) -> None:
    """End this process as a lack of memory does, unless some process has done so before."""
    try:
        note.touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def double_or_die(item: tuple[Path, int]) -> int:
    note, number = item
    if number == 3:
        die_once(note)
    return 2 * number


def fail(number: int) -> int:
    raise ValueError(f"{number} is not liked")


def process(_: object) -> int:
    return os.getpid()


class Encode:
    """`distributed._encode`; the process is killed amid a block, after another is done."""

    def __init__(self, parts: Path, note: Path, block: int) -> None:
        self.parts, self.note, self.block = parts, note, block

    def __call__(self, order, observed, group):
        key, texts = group
        if key.start != self.block or self.note.exists():
            return encode(order, observed, group)
        while not list(self.parts.glob("*.part")):
            time.sleep(0.01)
        return key, distributed._loaded(order).encode(texts, lambda _: die_once(self.note))


class Train:
    """`_train_in_worker`; the process is killed after some steps of the fleet with a certain seed."""

    def __init__(self, note: Path, seed: int) -> None:
        self.note, self.seed = note, seed

    def __call__(self, features: FeatureSet, device: str, fleet: training.Fleet) -> training.Outcome:
        if self.seed not in [job.seed for job in fleet]:
            return train(features, device, fleet)
        examples = training_examples(features, choose_device(device))
        return training._fit(examples, fleet, self._deadly_progress)

    @contextmanager
    def _deadly_progress(self, description: str, total: int) -> Iterator[Advance]:
        steps = iter(range(total))
        yield lambda _: die_once(self.note) if next(steps) == total // 2 else None
