"""What an exporter is, and what it is given: this package's extension point.

An exporter is one module with its ``EXPORTER``. Modules of `fractalctl.export.formats` are found by
themselves, those of other packages through the entry point ``fractalctl.exporters``.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fractalctl.corpora.tree import PATH_SEPARATOR
from fractalctl.errors import MissingExtraError, RequestError, did_you_mean
from fractalctl.export import formats
from fractalctl.export.vectors import Vectors, unit
from fractalctl.plugins import collect, modules_of
from fractalctl.progress import Progress, silent

if TYPE_CHECKING:
    import torch

    from fractalctl.backbones.spec import BackboneSpec, Spec
    from fractalctl.documents.evaluation import Evaluation
    from fractalctl.heads.head import Head
    from store import FeatureSet

GROUP = "fractalctl.exporters"
ROWS_PER_BATCH = 500
OWN_KEYS = ("number", "text", "path", "id", "split")
"""What a row has beside its classes and its vectors, under the same names in every database."""


@dataclass(frozen=True)
class Subject:
    """A head that is to be exported, and all that an exporter may want to know of it.

    Attributes:
        levels: what the corpus calls its levels, coarsest first.
        lengths: ascending numbers of dimensions that databases and indexes shall hold.
        splits: of the corpus, whose rows they shall hold.
        find_features: gives the feature set that the head was trained on; raises RequestError without one.
        find_backbone: gives the backbone whose features the head takes; raises RequestError likewise.
        evaluation: of the head; None where nobody has measured it.
        rivals: evaluations of heads of other strategies, trained alike, by strategy.
        device: where embeddings are computed; None is the CPU.
    """

    head: "Head"
    levels: tuple[str, ...]
    lengths: tuple[int, ...]
    splits: tuple[str, ...]
    find_features: "Callable[[], FeatureSet]"
    find_backbone: "Callable[[], Spec]"
    evaluation: "Evaluation | None" = None
    rivals: "Mapping[str, Evaluation]" = field(default_factory=dict)
    offline: bool = False
    device: "torch.device | None" = None
    progress: Progress = silent
    note: Callable[[str], None] = lambda _: None
    argv: list[str] | None = None

    @cached_property
    def features(self) -> "FeatureSet":
        """The feature set that the head was trained on; RequestError if it is not here."""
        return self.find_features()

    def check_splits(self) -> None:
        """See that the corpus has the splits that were asked for; RequestError if it does not."""
        there = self.features.splits
        if missing := [split for split in self.splits if split not in there]:
            raise RequestError(f"{self.features.path}: has no split {missing[0]}; it has {', '.join(there)}")

    @cached_property
    def backbone(self) -> "BackboneSpec":
        """The backbone whose features the head takes; RequestError if not known, not named, or a service."""
        from fractalctl.backbones.spec import with_weights

        return with_weights(self.find_backbone(), "this format")

    @cached_property
    def model(self) -> Path:
        """Folder of the backbone, fetched where need be; UnreachableError if it cannot be had."""
        from fractalctl.backbones.locate import locate

        return locate(self.backbone, offline=self.offline)


@dataclass(frozen=True)
class Exporter:
    """One format.

    Attributes:
        name: by which users ask for it.
        meaning: what comes out, in half a line.
        write: writes a subject into a folder, and gives the paths that programs want to know.
        extends: whether the folder is a database that a later call goes on with; else it is replaced whole.
        is_model: whether the folder holds the head itself, which has no rows and is cut when it is used.
    """

    name: str
    meaning: str
    write: Callable[[Subject, Path], list[Path]]
    extends: bool = False
    is_model: bool = False


def exporters() -> dict[str, Exporter]:
    """Every exporter by name, plug-ins' last; FractalError if one cannot be loaded, or a name comes twice."""
    return collect(GROUP, Exporter, [(module.__name__, module.EXPORTER) for module in modules_of(formats)])


def exporter(name: str) -> Exporter:
    """An exporter by name; RequestError if there is none."""
    known = exporters()
    if name not in known:
        guess = did_you_mean(name, known)
        raise RequestError(f"format '{name}' is not known{guess}; choose from {', '.join(known)}")
    return known[name]


class Batch(NamedTuple):
    """Some rows of one split."""

    numbers: list[int]
    """Of the rows, counted from 0 over all splits: the same in every call."""
    texts: list[str]
    payloads: list[dict[str, Any]]
    """By key: the class at each level, see `level_keys`, ``path`` of all of them, ``id`` and ``split``."""
    vectors: dict[int, Vectors]
    """(n, length) float32 of length 1, by number of dimensions."""


def batches(subject: Subject, there: Callable[[Sequence[int]], int]) -> Iterator[Batch]:
    """Yield the rows that a database does not have yet; a batch that is there in part comes whole.

    Args:
        there: how many rows of some numbers the database has.

    Raises RequestError: the corpus has no such split.
    """
    features, first = subject.features, 0
    subject.check_splits()
    keys = level_keys(subject.levels, subject.lengths)
    for level, key in zip(subject.levels, keys, strict=True):
        if key != level:
            subject.note(f"The level {level} is called {key} here: each row has a {level} of its own")
    total, skipped = sum(features.n_rows(split) for split in subject.splits), 0
    with subject.progress("exporting", total) as advance:
        for split in subject.splits:
            count = features.n_rows(split)
            for start in range(0, count, ROWS_PER_BATCH):
                rows = range(start, min(start + ROWS_PER_BATCH, count))
                numbers = [first + row for row in rows]
                if there(numbers) == len(numbers):
                    skipped += len(numbers)
                else:
                    yield _batch(subject, keys, split, rows, numbers)
                advance(len(rows))
            first += count
    if skipped:
        subject.note(f"{skipped} of {total} rows were there already")


def level_keys(levels: Sequence[str], lengths: Sequence[int]) -> list[str]:
    """Under which key a row has its class at each level: the level's name, ``level_`` before it if taken.

    >>> level_keys(["domain", "path", "text", "level_text"], [64, 256])
    ['domain', 'level_path', 'level_level_text', 'level_text']
    """
    own = {*OWN_KEYS, *(f"vector_{length}" for length in lengths)}
    keys = []
    for level in levels:
        key = level
        while key in own or (key != level and key in levels):
            key = f"level_{key}"
        keys.append(key)
    return keys


def _batch(subject: Subject, keys: Sequence[str], split: str, rows: range, numbers: list[int]) -> Batch:
    features, chosen = subject.features, slice(rows.start, rows.stop)
    embedded = subject.head.prefixes(np.asarray(features.features(split)[chosen]), subject.device)
    labels, ids = features.labels(split)[chosen], features.ids(split)[chosen]
    payloads = []
    for own, name in zip(labels, ids, strict=True):
        path = [names[kind] for names, kind in zip(features.class_names, own, strict=True)]
        levels = dict(zip(keys, path, strict=True))
        payloads.append({**levels, "path": PATH_SEPARATOR.join(path), "id": name, "split": split})
    vectors = {length: unit(embedded.at(length)) for length in subject.lengths}
    return Batch(numbers, features.texts(split, rows), payloads, vectors)


def collection_name(subject: Subject) -> str:
    """What a database calls the rows: corpus and arm, in letters that every one takes."""
    return re.sub(r"[^A-Za-z0-9]+", "-", f"{subject.head.corpus}-{subject.head.arm}").strip("-")[:60]


def require(package: str, extra: str) -> None:
    """See that a database's client is installed; MissingExtraError if it is not."""
    if find_spec(package) is None:
        raise MissingExtraError(f"exporting to {extra}", extra)
