"""Example queries and what they find at every prefix: the document that a report's slider shows."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from textwrap import shorten
from typing import Any

import numpy as np
import torch

from fractalctl.device import choose_device
from fractalctl.errors import RequestError
from fractalctl.experiments.evaluating import features_of
from fractalctl.experiments.evaluation_files import reusable
from fractalctl.experiments.policy import Overwrite
from fractalctl.experiments.siblings import family_folder, find_sibling
from fractalctl.experiments.training import kind_suffix
from fractalctl.heads.head import Head
from fractalctl.measures.answers import Answer, Reference
from fractalctl.measures.zoom import (
    Query,
    Zoom,
    agreements,
    answer,
    first_of_each_class,
    narrowing,
    rows_as_queries,
)
from fractalctl.progress import Progress, silent
from fractalctl.versions import versions
from store import FeatureStore
from store.files import write_json
from store.recipe import identity_of

ENCODING_TYPE = "fractalctl-zoom"
ENCODING_VERSION = "1.0"
STRATEGY, RIVAL = "v5", "mrl"
CHOICES = {
    "blind": "From each coarsest class in turn the first test row, then the first one of another finest "
    "class, and so on; no query was chosen for its answers.",
    "narrowing": "Chosen for their answers, the first such test row of each coarsest class: at the shortest "
    "prefix all have the query's coarsest class but fewer than half its finest one, at full length most have "
    "its finest one.",
}
"""How each group of example queries was chosen."""
LONGEST_TEXT = 400
"""Characters of a text that are kept: what a reader needs to see what it is about."""
DECIMALS = 6
"""Of a cosine; float32 embeddings have no more."""


@dataclass(frozen=True)
class Zooms:
    """Documents and where they lie, and how many of them lay there already."""

    paths: tuple[Path, ...]
    documents: tuple[dict[str, Any], ...]
    n_reused: int


def example_rows(labels: np.ndarray, count: int) -> list[int]:
    """Choose test rows without looking at their answers, evenly over the coarsest classes.

    Args:
        labels: (n, D) classes of the test rows.
        count: how many; fewer where there are fewer finest classes.

    Returns:
        Rows by the rule ``blind`` of `CHOICES`. Where there are more coarsest classes than rows are wanted,
        classes evenly spaced in their order take part.
    """
    classes = np.unique(labels[:, 0])
    if len(classes) > count:
        classes = classes[np.linspace(0, len(classes) - 1, count).round().astype(int)]
    turns = zip_longest(*(_one_per_finest_class(labels, coarse) for coarse in classes))
    return [row for turn in turns for row in turn if row is not None][:count]


def _one_per_finest_class(labels: np.ndarray, coarse: int) -> list[int]:
    rows = np.flatnonzero(labels[:, 0] == coarse)
    _, first = np.unique(labels[rows, -1], return_index=True)
    return [int(row) for row in rows[np.sort(first)]]


def heads_to_show(heads: Iterable[Head]) -> list[Head]:
    """One head per corpus, backbone and kind: of v5 where there is one, of the smallest seed."""
    best: dict[tuple[Path, str], Head] = {}
    for head in sorted(heads, key=lambda head: (head.strategy != STRATEGY, head.seed)):
        best.setdefault((family_folder(head), head.kind), head)
    return sorted(best.values(), key=lambda head: str(head.folder))


def write_zooms(
    heads: Sequence[Head],
    store: FeatureStore,
    count: int = 12,
    k: int = 10,
    overwrite: Overwrite = Overwrite.CHANGED,
    device: str = "auto",
    progress: Progress = silent,
    argv: Callable[[Head], list[str]] | None = None,
) -> Zooms:
    """Write ``RUNS/<corpus>/<backbone>/zoom.json`` for heads (``zoom-fractal.json`` and so on if not linear).

    Args:
        heads: one for each file, see `heads_to_show`.
        store: where feature sets are looked for by identity.
        count: example queries, see `example_rows`.
        k: answers at each length.
        overwrite: ``changed`` remakes what is out of date, ``always`` all; ``never`` refuses to replace.
        device: ``auto`` or a PyTorch device.
        progress: counts heads.
        argv: gives the argument vector that remakes a head's document.

    Raises:
        RequestError: a head's features are missing or have no test rows, or ``never`` meets something
            outdated.
    """
    paths, documents, reused = [], [], 0
    place = choose_device(device)
    with progress("answering example queries", len(heads)) as advance:
        for head in heads:
            path = family_folder(head) / f"zoom{kind_suffix(head.kind)}.json"
            shown = _Shown(head, find_sibling(head, RIVAL), store, count, k, place)
            document = reusable(path, shown.identity, overwrite)
            reused += document is not None
            if document is None:
                document = shown.document() | {"argv": argv(head) if argv else None}
                write_json(path, document)
            paths.append(path)
            documents.append(document)
            advance(1)
    return Zooms(tuple(paths), tuple(documents), reused)


class _Shown:
    """A head with its example queries."""

    def __init__(
        self, head: Head, rival: Head | None, store: FeatureStore, count: int, k: int, device: torch.device
    ) -> None:
        self._head, self._features = head, features_of(head, store)
        if "test" not in self._features.splits:
            raise RequestError(f"{self._features.path}: has no test split to take queries from")
        self._measured = [head] if rival is None or rival.identity == head.identity else [head, rival]
        self._count, self._k, self._device = count, k, device

    @property
    def identity(self) -> str:
        """Hexadecimal SHA-256 of all that determines the document; look-up and write both use it."""
        fixed = {
            "version": ENCODING_VERSION,
            "heads": [head.identity for head in self._measured],
            "features": self._features.identity,
            "queries": self._count,
            "k": self._k,
        }
        return identity_of(fixed)

    def document(self) -> dict[str, Any]:
        """The whole document but for the argument vector."""
        head, features = self._head, self._features
        references = [Reference(one, features, self._device) for one in self._measured]
        shares = [agreements(one, head.dims, self._k) for one in references]
        return {
            "encoding-type": ENCODING_TYPE,
            "encoding-version": ENCODING_VERSION,
            "corpus": head.corpus,
            "backbone": head.backbone,
            "strategy": head.strategy,
            "seed": head.seed,
            "head": head.kind,
            "dims": list(head.dims),
            "k": self._k,
            "metric": "cosine",
            "renormalised": True,
            "n_queries": features.n_rows("test"),
            "n_reference": features.n_rows("train"),
            "shares": {
                one.strategy: _mean_shares(found, head.dims)
                for one, found in zip(self._measured, shares, strict=True)
            },
            "changes": _changes(shares[0]),
            **self._examples(references[0], shares[0]),
            "identity": self.identity,
            "head_identity": head.identity,
            "features_identity": features.identity,
            "versions": versions(),
        }

    def _examples(self, reference: Reference, shares: np.ndarray) -> dict[str, Any]:
        """Groups of queries with the rows that answer them, and those rows."""
        labels = self._features.labels("test")
        chosen = {
            "blind": example_rows(labels, self._count),
            "narrowing": first_of_each_class(narrowing(shares), labels[:, 0], self._count),
        }
        groups: list[dict[str, Any]] = []
        rows: dict[int, dict[str, Any]] = {}
        for name, own in chosen.items():
            queries, found = self._answered(reference, sorted(own, key=lambda row: (labels[row, 0], row)))
            groups.append({"name": name, "choice": CHOICES[name], "queries": queries})
            rows |= found
        return {"groups": groups, "rows": {str(row): rows[row] for row in sorted(rows)}}

    def _answered(
        self, reference: Reference, rows: Sequence[int]
    ) -> tuple[list[dict[str, Any]], dict[int, dict[str, Any]]]:
        if not rows:
            return [], {}
        features = self._features
        names = features.ids("test")
        embedded = reference.embed(features.features("test")[np.asarray(rows)])
        zooms = answer(reference, rows_as_queries(features, rows), embedded, self._head.dims, self._k)
        queries = [
            {"row": row, **_described(names[row], one.query), "answers": _answers(one)}
            for row, one in zip(rows, zooms, strict=True)
        ]
        found = [answer for one in zooms for answers in one.answers.values() for answer in answers]
        return queries, {one.row: _described(one.name, one) for one in found}


def _mean_shares(shares: np.ndarray, dims: Sequence[int]) -> dict[str, dict[str, float]]:
    """Mean over all test rows of the share of answers that have the row's class, by length and level."""
    return {
        str(dimension): {f"L{level}": share for level, share in enumerate(row)}
        for dimension, row in zip(dims, shares.mean(axis=0).tolist(), strict=True)
    }


def _changes(shares: np.ndarray) -> dict[str, int]:
    """What becomes of test rows from the shortest prefix to the full length.

    ``rise``, ``stay`` and ``fall`` count rows by their share of answers of the right finest class.
    """
    change = shares[:, -1, -1] - shares[:, 0, -1]
    return {
        "rise": int((change > 0).sum()),
        "stay": int((change == 0).sum()),
        "fall": int((change < 0).sum()),
        "narrowing": int(narrowing(shares).sum()),
        "widening": int(narrowing(shares[:, ::-1]).sum()),
    }


def _described(name: str, one: Query | Answer) -> dict[str, Any]:
    return {"id": name, "text": _shortened(one.text), "labels": list(one.labels)}


def _answers(one: Zoom) -> dict[str, list[dict[str, Any]]]:
    return {
        str(dimension): [{"row": found.row, "cosine": round(found.cosine, DECIMALS)} for found in answers]
        for dimension, answers in one.answers.items()
    }


def _shortened(text: str) -> str:
    """A text on one line, cut after a word where it is long."""
    words = " ".join(text.split())
    return words if len(words) <= LONGEST_TEXT else shorten(words, LONGEST_TEXT, placeholder=" …")
