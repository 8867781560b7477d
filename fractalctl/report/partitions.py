"""Documents of synthetic hierarchies, read for tables, pictures and verdicts."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from statistics import mean
from typing import Any

from fractalctl.report.figures import in_order
from fractalctl.report.measured import ARMS, published
from fractalctl.report.runs import Document
from fractalctl.statistics.peaks import peak
from fractalctl.statistics.reading import encoder_of

PAPER_PROTOCOL = "loo"


@dataclass(frozen=True)
class Experiment:
    """One document, read for tables, pictures and verdicts."""

    document: Document

    @property
    def setting(self) -> str:
        """Encoder and protocol: S is compared within one."""
        return f"{encoder_of(self.document)}, {self.document['protocol']}"

    @property
    def where(self) -> str:
        """What tables and claims call it."""
        return f"{self.document['corpus']}, {self.setting}"

    @property
    def setting_slug(self) -> str:
        """For names of files."""
        return self.setting.replace("+", "-").replace(", ", "-")

    @property
    def slug(self) -> str:
        """For names of files."""
        return f"{self.document['corpus']}-{self.setting_slug}"

    @property
    def strategies(self) -> list[str]:
        """In the usual order."""
        return in_order(self.document["supervisions"])

    @cached_property
    def paper(self) -> Mapping[str, Any]:
        """The paper's numbers, where they were taken in this way; else nothing."""
        known: Mapping[str, Any] = published("synthesis").get(self.document["corpus"], {})
        return known if self.document["protocol"] == PAPER_PROTOCOL else {}

    @property
    def sizes(self) -> dict[int, list[Document]]:
        """Partitions by number of coarse classes."""
        found = defaultdict(list)
        for partition in self.document["partitions"]:
            found[partition["coarse"]].append(partition)
        return dict(found)

    @property
    def paper_curve(self) -> Mapping[str, Any] | None:
        """A fit through the paper's S of v5."""
        if not (theirs := self.paper.get("S")):
            return None
        x, y = ([[row[key]] for row in theirs.values()] for key in ("h_l0", "v5"))
        return asdict(peak(x, y))

    def curve(self, name: str) -> Mapping[str, Any] | None:
        """The fit of a strategy; None where there is none."""
        found: Mapping[str, Any] | None = self.document["curves"].get(name)
        return found if found and found["quadratic"] else None


def values_of(partition: Document, strategy: str, measure: str = "S") -> list[float]:
    """A measure of every training seed under one partition."""
    return [run["steerability"][measure] for run in partition["runs"] if run["strategy"] == strategy]


def means_of(partitions: Sequence[Document], strategy: str, measure: str = "S") -> list[float]:
    """Its mean over training seeds, for each partition."""
    return [mean(values_of(partition, strategy, measure)) for partition in partitions]


def gaps_of(partition: Document) -> list[float]:
    """S of v5 over that of mrl, for every training seed; nothing where an arm is missing."""
    v5, mrl = (values_of(partition, arm) for arm in ARMS)
    return [first - second for first, second in zip(v5, mrl, strict=True)] if v5 and mrl else []


def entropy_of(partitions: Sequence[Document], key: str = "h_l0") -> float:
    """Mean entropy over partitions, in bits."""
    return mean(partition["profile"][key] for partition in partitions)
