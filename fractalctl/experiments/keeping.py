"""The heads below a folder of runs, with their results: list them, remove them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fractalctl.errors import FractalError
from fractalctl.experiments.addresses import results_of, set_of
from fractalctl.heads.head import DESCRIPTION_FILE, WEIGHTS_FILE, Head, load_head
from fractalctl.numbers import minute
from store.files import LOCK, locked, remove_empty


@dataclass(frozen=True)
class KeptArm:
    """Heads of one arm on one feature set, which differ in their seed.

    Attributes:
        name: of their folder below the runs: ``tickets/minilm/zoom``.
        heads: by seed.
    """

    name: str
    heads: tuple[Head, ...]

    @property
    def results(self) -> list[Path]:
        """Everything that was measured of them."""
        return [path for head in self.heads for path in results_of(head.folder)]

    @property
    def protocols(self) -> list[str]:
        """Under which they were evaluated, as files name them."""
        stems = [path.stem.partition("evaluation-")[2] for path in self.results if path.suffix == ".json"]
        return list(dict.fromkeys(filter(None, stems)))

    @property
    def trained(self) -> str:
        """When the last of them was written, to the minute."""
        return minute(max((head.folder / DESCRIPTION_FILE).stat().st_mtime for head in self.heads))


def kept_arms(runs: Path, heads: Sequence[Head]) -> list[KeptArm]:
    """Heads by arm, the arm trained last first.

    Args:
        runs: below which names are short.
    """
    found: dict[Path, list[Head]] = {}
    for head in heads:
        found.setdefault(head.folder.parent, []).append(head)
    arms = [
        KeptArm(short_name(folder, runs), tuple(sorted(own, key=lambda head: head.seed)))
        for folder, own in found.items()
    ]
    return sorted(arms, key=lambda arm: (arm.trained, arm.name), reverse=True)


def readable_heads(runs: Path) -> tuple[list[Head], list[str]]:
    """Every head below a folder, and what is wrong with those that cannot be read."""
    heads, damaged = [], []
    for path in sorted(runs.rglob(DESCRIPTION_FILE)):
        if path.parent.name.startswith("."):
            continue
        try:
            heads.append(load_head(path))
        except FractalError as error:
            damaged.append(str(error))
    return heads, damaged


def short_name(folder: Path, runs: Path) -> str:
    """A folder's name below the runs, or its path where it lies elsewhere."""
    inside, above = folder.resolve(), runs.resolve()
    return inside.relative_to(above).as_posix() if inside.is_relative_to(above) else str(folder)


def remove_head(head: Head) -> list[Path]:
    """Remove a head and what was measured of it, and folders that are empty then.

    Returns what lies beside it and is not of this kind, such as exports and indexes: it stays.
    """
    with locked(set_of(head)):  # as whoever puts a head into these folders has it
        # Without its description nothing is a head any more, whatever happens next.
        for path in (head.folder / DESCRIPTION_FILE, head.folder / WEIGHTS_FILE, *results_of(head.folder)):
            path.unlink(missing_ok=True)
        left = sorted(path for path in head.folder.iterdir() if path.name != LOCK)
        remove_empty(head.folder)
        remove_empty(head.folder.parent)
    return left
