"""Evaluations whose steerability may be compared: one encoder, one protocol, any corpora and strategies."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from fractalctl.report.runs import Document
from fractalctl.statistics.comparisons import DEFAULT_PAIR, Comparison, compare
from fractalctl.statistics.observations import Observation, check_unique
from fractalctl.statistics.reading import encoder_of, observation

PAPER_PROTOCOL = "loo"
"""The protocol of the paper's tables; its numbers stand beside no other."""

HOW_MEASURED = {
    "loo": "each of the first {n_queries} test rows asks the others",
    "index": "test rows ask the training rows",
}


@dataclass(frozen=True)
class Setting:
    """Evaluations under one encoder and one protocol.

    Attributes:
        encoder: backbone and kind of head, see `encoder_of`.
        protocol: ``loo`` or ``index``.
        documents: evaluation documents.
    """

    encoder: str
    protocol: str
    documents: Sequence[Document]

    @property
    def name(self) -> str:
        """What headings, tables and claims call it."""
        return f"{self.encoder}, {self.protocol}"

    @property
    def slug(self) -> str:
        """For names of files."""
        return f"{self.encoder.replace('+', '-')}-{self.protocol}"

    @property
    def is_papers(self) -> bool:
        """Whether the paper's numbers were taken in this way."""
        return self.protocol == PAPER_PROTOCOL

    @property
    def how(self) -> str:
        """How accuracy was taken, for captions."""
        first = self.documents[0]
        rule = HOW_MEASURED[self.protocol].format(**first)
        return f"{self.name}: {rule}; k = {first['k']}, {first['metric']}, every prefix normalised anew"

    @cached_property
    def observations(self) -> list[Observation]:
        """The same as measurements."""
        found = [observation(document, _name(document)) for document in self.documents]
        check_unique(found)
        return found

    @cached_property
    def corpora(self) -> dict[str, list[Document]]:
        """Documents by corpus."""
        found = defaultdict(list)
        for document in self.documents:
            found[document["corpus"]].append(document)
        return dict(found)

    @cached_property
    def v5_against_mrl(self) -> list[Comparison]:
        """Paired over seeds per corpus, Holm over all corpora; none where an arm is missing everywhere."""
        arms: dict[str, set[str]] = defaultdict(set)
        for one in self.observations:
            arms[one.corpus].add(one.strategy)
        if not any(set(DEFAULT_PAIR) <= found for found in arms.values()):
            return []
        return compare(self.observations, correction="holm", allow_unpaired=True)


def settings(documents: Iterable[Document]) -> list[Setting]:
    """Group evaluations; the paper's protocol comes first, encoders in their order of appearance."""
    found: dict[tuple[str, str], list[Document]] = defaultdict(list)
    for document in documents:
        found[encoder_of(document), document["protocol"]].append(document)
    ordered = sorted(found.items(), key=lambda item: item[0][1] != PAPER_PROTOCOL)
    return [Setting(*key, members) for key, members in ordered]


def _name(document: Document) -> str:
    """What messages call an evaluation: where it lies below the folder of runs."""
    place = "{corpus}/{backbone}/{strategy}/seed-{seed}/evaluation-{protocol}.json"
    return place.format(**document)


def by_strategy(documents: Sequence[Document]) -> dict[str, list[float]]:
    """S of every evaluation or run, by strategy."""
    found: dict[str, list[float]] = defaultdict(list)
    for document in documents:
        found[document["strategy"]].append(document["steerability"]["S"])
    return dict(found)
