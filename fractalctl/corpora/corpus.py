"""A corpus in memory: texts, the classes they belong to at every level, the tree of those classes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractalctl.corpora.registry import registered_corpora
from fractalctl.corpora.tree import LabelTree


def repeated_rows(texts: Sequence[str], reference: Iterable[str]) -> NDArray[np.bool_]:
    """Find the texts that also stand in a reference, but for case and surrounding space.

    Most encoders do not see the difference that is left aside.

    Args:
        texts: n texts, such as those of the test rows.

    Returns (n,) bool.

    >>> repeated_rows(["Who was Galileo ? ", "Why ?"], ["who was Galileo ?"])
    array([ True, False])
    """
    known = set(map(_essence, reference))
    return np.fromiter((_essence(text) in known for text in texts), np.bool_, len(texts))


def _essence(text: str) -> str:
    return text.strip().casefold()


@dataclass(frozen=True, eq=False)
class Split:
    """The rows of one split.

    Args:
        labels: (n, D) int32 class ids, coarse to fine.
        ids: n identifiers that say which row of the source each one is.
    """

    texts: list[str]
    labels: NDArray[np.int32]
    ids: list[str]

    def __len__(self) -> int:
        return len(self.texts)


@dataclass(frozen=True, eq=False)
class Corpus:
    """Texts with hierarchical labels.

    Args:
        name: as in the feature store.
        levels: D names of the levels, coarse to fine.
        tree: the classes; grown from all rows of the source, so that ids do not depend on samples.
        splits: ``train``, ``test`` and where there is one ``validation``.
        notes: what a reader of results should know (rows left out, counts that differ from the published).
    """

    name: str
    levels: tuple[str, ...]
    tree: LabelTree
    splits: dict[str, Split]
    notes: tuple[str, ...] = ()

    @property
    def entropies(self) -> tuple[float, ...]:
        """H(L0), H(L1 | L0), ... on the training split, in bits (the paper's Table 1)."""
        return self.tree.entropies(self.splits["train"].labels)

    @property
    def duplicates(self) -> int | None:
        """How many test rows stand in the training split too, see `repeated_rows`; None without test rows."""
        train, test = self.splits["train"], self.splits.get("test")
        return int(repeated_rows(test.texts, train.texts).sum()) if test else None


def describe(corpus: Corpus) -> dict[str, Any]:
    """Numbers and tree of a corpus, as JSON values.

    Returns ``name``, ``levels``, ``classes`` (K of each level), ``branching`` (mean number of children),
    ``entropies`` (H(L0), H(L1|L0), ... in bits, on the training split), ``rows`` by split, ``tree`` (class ->
    classes below it, with the number of training rows at the finest level), ``notes``, and of registered
    corpora ``title``, ``licence``, ``citation``, ``url``.
    """
    spec = registered_corpora().get(corpus.name)
    about = {key: getattr(spec, key) for key in ("title", "licence", "citation", "url")} if spec else {}
    return {
        "name": corpus.name,
        **about,
        "levels": list(corpus.levels),
        "classes": list(corpus.tree.class_counts),
        "branching": list(corpus.tree.branching),
        "entropies": list(corpus.entropies),
        "rows": {name: len(split) for name, split in corpus.splits.items()},
        "notes": list(corpus.notes),
        "tree": nested_tree(corpus),
    }


def nested_tree(corpus: Corpus) -> dict[str, Any]:
    """Classes below classes, down to the number of training rows of each finest class."""
    finest = corpus.splits["train"].labels[:, -1]
    rows = np.bincount(finest, minlength=corpus.tree.class_counts[-1])
    root: dict[str, Any] = {}
    for path, count in zip(corpus.tree.paths, rows, strict=True):
        branch = root
        for name in path[:-1]:
            branch = branch.setdefault(name, {})
        branch[path[-1]] = int(count)
    return root


def count_rows(branch: Any) -> int:
    """Training rows at and below a branch of a nested tree."""
    return sum(map(count_rows, branch.values())) if isinstance(branch, dict) else int(branch)
