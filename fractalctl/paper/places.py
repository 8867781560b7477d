"""Results of the paper's two heads by place, whatever file they stand in."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from fractalctl.documents.measured import Accuracy, Conditions, Run, Steerability
from fractalctl.documents.synth import PartitionResult, Synthesis
from fractalctl.measures.metrics import metrics
from fractalctl.paper.judging import Contrast, Finding, Verdict
from fractalctl.paper.printed import claims
from fractalctl.report.results import Results

TAILS = ("", "-fractal")
"""What follows a strategy's name in an arm of the paper's: nothing for the linear head of its Algorithm 1, or
the head of its published runs. Arms with other settings are not judged."""

PAPER_ROWS = (None, 500, 2000)
"""Rows that were asked for at most; the protocol's own number is 500."""

Beside = tuple[str, str, str, object, object]
"""Where, arms, quantity, the number here, and the paper's."""

Key = tuple[str | float, ...]
"""A strategy, and its place on an axis where there is one."""


@dataclass(frozen=True)
class Head:
    """One head's numbers.

    Attributes:
        s: S.
        steerability: S and its relatives.
        accuracy: by length and level.
        more: further numbers of an axis.
        result: of the metric in question, in its own type.
    """

    s: float
    steerability: Steerability
    accuracy: Accuracy
    more: Mapping[str, float]
    result: Any = None


def steerability(head: Head) -> float:
    """S, which is what `Place.by_seed` reads unless told otherwise."""
    return head.s


@dataclass(frozen=True)
class Place:
    """One feature set under one protocol, measured with one of the paper's heads.

    Attributes:
        document: any file of it, for what they have in common.
        corpus: what to call the feature set.
        conditions: how the numbers were taken.
        tail: of `TAILS`.
        heads: by strategy (and point), then by seed.
    """

    document: Conditions
    corpus: str
    conditions: str
    tail: str
    heads: Mapping[Key, Mapping[int, Head]]

    @property
    def over(self) -> str:
        """What places of one group have in common."""
        return f"{self.document.backbone}, {self.conditions}"

    @property
    def where(self) -> str:
        """What findings call it."""
        return f"{self.corpus}, {self.over}"

    @property
    def is_papers(self) -> bool:
        """Whether numbers were taken as the paper's were: its k-NN asks among 500 or 2000 test rows."""
        one = self.document
        return one.protocol == "loo" and one.k == 5 and one.max_test in PAPER_ROWS

    @property
    def levels(self) -> list[str]:
        """Names of the levels, coarsest first."""
        return [f"L{level}" for level in range(len(self.document.profile.classes))]

    def arms(self, *strategies: str) -> str:
        """Labels of strategies here."""
        return ", ".join(f"{strategy}{self.tail}" for strategy in strategies)

    def by_seed(self, *key: str | float, read: Callable[[Head], float] = steerability) -> dict[int, float]:
        """One number of every head of a strategy (at a point)."""
        return {seed: read(head) for seed, head in self.heads.get(key, {}).items()}

    def values(self, *key: str | float, read: Callable[[Head], float] = steerability) -> list[float]:
        """The numbers of `by_seed`."""
        return list(self.by_seed(*key, read=read).values())

    def finding(self, name: str, strategies: str, verdict: Verdict, evidence: str) -> Finding:
        """A finding on a claim by its name, here."""
        return Finding(claims()[name], self.where, self.arms(*strategies.split(", ")), verdict, evidence)

    def against(self, strategies: str, a: Mapping[int, float], b: Mapping[int, float]) -> Contrast:
        """Any two sides of strategies here."""
        return Contrast(self.where, self.arms(*strategies.split(", ")), a, b)

    def contrast(self, a: str, b: str, read: Callable[[Head], float] = steerability) -> Contrast:
        """One strategy against another."""
        return self.against(f"{a}, {b}", self.by_seed(a, read=read), self.by_seed(b, read=read))

    def row(self, strategies: str, what: str, here: object, paper: object) -> Beside:
        """A number of one strategy, or of ``a, b``, beside the paper's."""
        return self.where, self.arms(*strategies.split(", ")), what, here, paper

    def points(self, strategy: str) -> list[Any]:
        """Where on the axis a strategy was run, ascending."""
        return sorted(key[1] for key in self.heads if key[0] == strategy)


Group = Sequence[Place]
"""Places under one backbone and protocol with one kind of head: tests are corrected over them."""


def one_per_corpus(group: Group, *strategies: str) -> list[Place]:
    """One place of each corpus where strategies were measured, so that each counts once: the largest set."""
    found: dict[str, Place] = {}
    for place in sorted(group, key=lambda place: -place.document.n_reference):
        if all((name,) in place.heads for name in strategies):
            found.setdefault(place.document.corpus, place)
    return [place for place in group if found.get(place.document.corpus) is place]


def conditions_of(one: Conditions) -> str:
    """The protocol, with what departs from its defaults."""
    parts = [one.protocol]
    parts += [f"k = {one.k}"] if one.k != 5 else []
    parts += [f"at most {one.max_test} rows"] if one.max_test is not None else []
    parts += [f"rows of seed {one.rows_seed}"] if one.rows_seed != 42 else []
    return ", ".join([*parts, "without duplicates"] if one.dropped_duplicates else parts)


def evaluated(
    metric: str | None = None, condition: Callable[[Any], str] | None = None
) -> Callable[[Results], list[Group]]:
    """Group evaluations of heads on the features that they were trained on; the paper's protocol comes first.

    Args:
        metric: only those that have it; its result is read.
        condition: what the result depends on, where that is not the protocol; of several files with the same
            one the first counts.
    """

    def groups(results: Results) -> list[Group]:
        read = metrics()[metric].read if metric else None
        entries = []
        for one in results.evaluations:
            tail, result = one.arm.removeprefix(one.strategy), read(one) if read else None
            own = one.trained_on.identity == one.features.identity
            if tail in TAILS and own and (read is None or result is not None):
                head = Head(one.steerability.s, one.steerability, one.accuracy, {}, result)
                how = condition(result) if condition else conditions_of(one)
                entries.append((one, how, tail, (one.strategy,), one.seed, head))
        return _grouped(entries)

    return groups


def ablated(axis: str) -> Callable[[Results], list[Group]]:
    """Group the files of one axis."""

    def groups(results: Results) -> list[Group]:
        return _grouped(
            (one, conditions_of(one), tail, (run.strategy, *run.point.values()), run.seed, _head(run))
            for one in results.ablations
            if one.axis == axis
            for run in one.runs
            if (tail := run.arm.removeprefix(run.strategy)) in TAILS
        )

    return groups


def synthetic(results: Results) -> list[Group]:
    """Every synthetic experiment by itself; S at each K0 is the mean over its partitions."""
    return [group for one in results.syntheses for group in _grouped(_of_sizes(one))]


def _of_sizes(one: Synthesis) -> Iterable["Entry"]:
    sizes: dict[tuple[int, str, int], list[Run]] = {}
    for partition in one.partitions:
        for run in partition.runs:
            sizes.setdefault((partition.coarse, run.arm, run.seed), []).append(run)
    for (size, arm, seed), runs in sizes.items():
        if (tail := arm.removeprefix(runs[0].strategy)) in TAILS:
            s = mean(run.steerability.s for run in runs)
            head = Head(s, runs[0].steerability, runs[0].accuracy, {})
            yield one, conditions_of(one), tail, (runs[0].strategy, size), seed, head


def partitions_of(one: Synthesis, size: int) -> list[PartitionResult]:
    """The partitions into so many coarse classes."""
    return [partition for partition in one.partitions if partition.coarse == size]


def _head(run: Run) -> Head:
    return Head(run.steerability.s, run.steerability, run.accuracy, run.more)


Entry = tuple[Conditions, str, str, Key, int, Head]
"""File, conditions, tail, key, seed, head."""


def _grouped(entries: Iterable[Entry]) -> list[Group]:
    found: dict[tuple[str, str, str], dict[str, list[Entry]]] = {}
    for entry in entries:
        one, conditions, tail = entry[:3]
        sets = found.setdefault((one.backbone, conditions, tail), {})
        sets.setdefault(one.features.identity, []).append(entry)
    groups = [_places(list(sets.values())) for sets in found.values()]
    return sorted(groups, key=lambda group: not group[0].is_papers)


def _places(sets: Sequence[Sequence[Entry]]) -> list[Place]:
    names = [entries[0][0].corpus for entries in sets]
    places = []
    for name, entries in zip(names, sets, strict=True):
        one, conditions, tail = entries[0][:3]
        heads: dict[Key, dict[int, Head]] = {}
        for _, _, _, key, seed, head in entries:
            heads.setdefault(key, {}).setdefault(seed, head)
        label = f"{name} ({one.features.name})" if names.count(name) > 1 else name
        places.append(Place(one, label, conditions, tail, heads))
    return places
