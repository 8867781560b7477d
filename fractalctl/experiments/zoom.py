"""Example queries and what they find at every prefix: the document that a report's slider shows."""

from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from textwrap import shorten

import numpy as np
import torch

from fractalctl.device import choose_device
from fractalctl.documents import write_document
from fractalctl.documents.zoom import Changes, ExampleQuery, ExampleRow, FoundRow, QueryGroup, Zoom
from fractalctl.errors import RequestError
from fractalctl.experiments.addresses import features_of, matched_heads, result_path, set_of, subject
from fractalctl.experiments.policy import Note, Overwrite, reusable, unheard
from fractalctl.heads.head import Head
from fractalctl.measures.evaluation import accuracy_table
from fractalctl.measures.search import Answered as Answers
from fractalctl.measures.search import (
    Reference,
    agreements,
    answer,
    first_of_each_class,
    narrowing,
    rows_as_queries,
)
from fractalctl.versions import versions
from store import FeatureStore
from store.recipe import identity_of

QUERIES, ANSWERS = 12, 10
"""Example queries of each kind, and answers at each length, unless others are asked for."""
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


def example_rows(labels: np.ndarray, count: int) -> list[int]:
    """Choose test rows without looking at their answers, evenly over the coarsest classes.

    Args:
        labels: (n, D) classes of the test rows.
        count: how many; fewer where there are fewer finest classes.

    Returns rows by the rule ``blind`` of `CHOICES`. Where there are more coarsest classes than rows are
    wanted, classes evenly spaced in their order take part.
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


def show_zoom(
    head: Head,
    store: FeatureStore,
    count: int = QUERIES,
    k: int = ANSWERS,
    device: str = "auto",
    argv: list[str] | None = None,
    note: Note = unheard,
) -> Zoom:
    """Write ``zoom.json`` in the folder of a head's feature set; one that is up to date stays as it is.

    Args:
        head: that answers, see `fractalctl.experiments.addresses.first_heads`.
        store: where its feature set is looked for by identity.
        count: example queries of each kind, see `example_rows`.

    Raises RequestError: the head's features are missing or have no test rows.
    """
    shown = _Shown(head, store, count, k, choose_device(device))
    path = shown.path()
    if known := reusable(path, Zoom, shown.identity, Overwrite.CHANGED, note):
        return known
    document = shown.document(argv)
    write_document(path, document)
    return document


class _Shown:
    """A head with its example queries."""

    def __init__(self, head: Head, store: FeatureStore, count: int, k: int, device: torch.device) -> None:
        self._head, self._features = head, features_of(head, store)
        if "test" not in self._features.splits:
            raise RequestError(f"{self._features.path}: has no test split to take queries from")
        self._measured = {head.document.arm: head}
        self._measured |= {other.document.arm: other for other in matched_heads(head).values()}
        self._count, self._k, self._device = count, k, device

    @property
    def identity(self) -> str:
        """Hexadecimal SHA-256 of all that determines the document; look-up and write both use it."""
        heads = [head.identity for head in self._measured.values()]
        return identity_of({
            "version": Zoom.CURRENT, "head": self._head.identity, "heads": heads,
            "queries": self._count, "k": self._k,
        })  # fmt: skip

    def path(self) -> Path:
        """``zoom.json``, with a hash of what departs from the defaults."""
        asked, usual = {"queries": self._count, "k": self._k}, {"queries": QUERIES, "k": ANSWERS}
        departing = {name: value for name, value in asked.items() if value != usual[name]}
        return result_path(set_of(self._head), "zoom", departing)

    def document(self, argv: list[str] | None) -> Zoom:
        """The whole document."""
        head, features = self._head, self._features
        references = {arm: Reference(one, features, self._device) for arm, one in self._measured.items()}
        shares = {arm: agreements(one, one.head.dims, self._k) for arm, one in references.items()}
        own = head.document.arm
        groups, rows = self._examples(references[own], shares[own])
        return Zoom(
            **subject(head),
            dims=list(head.dims),
            queries=self._count,
            k=self._k,
            metric="cosine",
            renormalised=True,
            n_queries=features.n_rows("test"),
            n_reference=features.n_rows("train"),
            shares={arm: accuracy_table(found, self._measured[arm].dims) for arm, found in shares.items()},
            changes=_changes(shares[own]),
            groups=groups,
            rows=rows,
            identity=self.identity,
            head_identity=head.identity,
            versions=versions(),
            argv=argv,
        )

    def _examples(
        self, reference: Reference, shares: np.ndarray
    ) -> tuple[list[QueryGroup], dict[str, ExampleRow]]:
        """Groups of queries with the rows that answer them, and those rows."""
        labels = self._features.labels("test")
        chosen = {
            "blind": example_rows(labels, self._count),
            "narrowing": first_of_each_class(narrowing(shares), labels[:, 0], self._count),
        }
        groups: list[QueryGroup] = []
        rows: dict[int, ExampleRow] = {}
        for name, own in chosen.items():
            queries, found = self._answered(reference, sorted(own, key=lambda row: (labels[row, 0], row)))
            groups.append(QueryGroup(name=name, choice=CHOICES[name], queries=queries))
            rows |= found
        return groups, {str(row): rows[row] for row in sorted(rows)}

    def _answered(
        self, reference: Reference, rows: Sequence[int]
    ) -> tuple[list[ExampleQuery], dict[int, ExampleRow]]:
        if not rows:
            return [], {}
        features = self._features
        names = features.ids("test")
        embedded = reference.embed(np.array(features.features("test")[np.asarray(rows)]))
        zooms = answer(reference, rows_as_queries(features, rows), embedded, self._head.dims, self._k)
        queries = [
            ExampleQuery(
                row=row,
                id=names[row],
                text=_shortened(one.query.text),
                labels=list(one.query.labels),
                answers=_answers(one),
            )
            for row, one in zip(rows, zooms, strict=True)
        ]
        found = [found for one in zooms for answers in one.answers.values() for found in answers]
        return queries, {
            one.row: ExampleRow(id=one.name, text=_shortened(one.text), labels=list(one.labels))
            for one in found
        }


def _changes(shares: np.ndarray) -> Changes:
    """What becomes of test rows from the shortest prefix to the full length."""
    change = shares[:, -1, -1] - shares[:, 0, -1]
    return Changes(
        rise=int((change > 0).sum()),
        stay=int((change == 0).sum()),
        fall=int((change < 0).sum()),
        narrowing=int(narrowing(shares).sum()),
        widening=int(narrowing(shares[:, ::-1]).sum()),
    )


def _answers(one: Answers) -> dict[str, list[FoundRow]]:
    return {
        str(dimension): [FoundRow(row=found.row, cosine=round(found.cosine, DECIMALS)) for found in answers]
        for dimension, answers in one.answers.items()
    }


def _shortened(text: str) -> str:
    """A text on one line, cut after a word where it is long."""
    return shorten(text, LONGEST_TEXT, placeholder=" …")
