"""Results of the paper's two heads by place, whatever file they stand in."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from fractalctl.documents.experiments import Synthesis
from fractalctl.documents.measured import Accuracy, Conditions, Run, Steerability
from fractalctl.measures.metrics import metrics
from fractalctl.numbers import MISSING
from fractalctl.paper.judging import Contrast, Finding, Verdict, finding, table
from fractalctl.report.results import Results
from fractalctl.statistics.observations import grouped
from fractalctl.tables import Part, Section, Table

TAILS = ("", "-fractal")
"""What follows a strategy's name in an arm of the paper's: nothing for the linear head of its Algorithm 1, or
the head of its published runs. Arms with other settings are not judged."""

PAPER_ROWS = (None, 500, 2000)  # rows that were asked for at most; the protocol's own number is 500
Beside = tuple[str, str, str, object, object]  # where, arms, quantity, the number here, and the paper's
Key = tuple[str | float, ...]  # a strategy, and its place on an axis where there is one
FEW = 6  # so many findings are shown at once; a page opens more on demand
MARKS = {
    "holds": "good",
    "does not hold": "bad",
    "cannot tell": "between",
    Verdict.DIRECTION.value: "between",
}


@dataclass(frozen=True)
class Head:
    """One head's numbers, further ones of an axis, and the result of a metric, in its own type."""

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
    """One feature set (``corpus`` is what to call it) under one protocol, measured with one kind of head.

    Attributes:
        document: any file of it, for what they have in common.
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

    @property
    def titles(self) -> dict[str, str]:
        """What people call these levels."""
        return dict(zip(self.levels, self.document.profile.titles, strict=True))

    def arms(self, *strategies: str) -> str:
        """Labels of strategies here."""
        return ", ".join(f"{strategy}{self.tail}" for strategy in strategies)

    def of(self, *key: str | float) -> Mapping[int, Head]:
        """The heads of a strategy (at a point) by seed."""
        return self.heads.get(key, {})

    def by_seed(self, *key: str | float, read: Callable[[Head], float] = steerability) -> dict[int, float]:
        """One number of every head of a strategy (at a point)."""
        return {seed: read(head) for seed, head in self.of(*key).items()}

    def values(self, *key: str | float, read: Callable[[Head], float] = steerability) -> list[float]:
        """The numbers of `by_seed`."""
        return list(self.by_seed(*key, read=read).values())

    def finding(self, name: str, strategies: str, verdict: Verdict, evidence: str) -> Finding:
        """A finding on a claim by its name, here."""
        return finding(name, self.where, self.arms(*strategies.split(", ")), verdict, evidence)

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
    parts: list[str] = [one.protocol]
    parts += [f"k = {one.k}"] if one.k != 5 else []
    parts += [f"at most {one.max_test} rows"] if one.max_test is not None else []
    parts += [f"rows of seed {one.rows_seed}"] if one.rows_seed != 42 else []
    return ", ".join([*parts, "without duplicates"] if one.dropped_duplicates else parts)


def evaluated(
    metric: str | None = None, condition: Callable[[Any], str] | None = None
) -> Callable[[Results], list[Group]]:
    """Group evaluations of heads on the features that they were trained on; the paper's protocol comes first.

    With a metric only those that have it; its result is read. A condition says what the result depends on,
    where that is not the protocol; of several files with the same one the first counts.
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
            (one, conditions_of(one), tail, (run.strategy, *run.point.values()), run.seed, head)
            for one in results.ablations
            if one.axis == axis
            for run in one.runs
            if (tail := run.arm.removeprefix(run.strategy)) in TAILS
            for head in [Head(run.steerability.s, run.steerability, run.accuracy, run.more)]
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


Entry = tuple[Conditions, str, str, Key, int, Head]  # file, conditions, tail, key, seed, head


def _grouped(entries: Iterable[Entry]) -> list[Group]:
    alike = grouped(entries, lambda entry: (entry[0].backbone, *entry[1:3])).values()
    groups = [_places(grouped(own, lambda entry: entry[0].features.identity).values()) for own in alike]
    return sorted(groups, key=lambda group: not group[0].is_papers)


def _places(sets: Collection[Sequence[Entry]]) -> list[Place]:
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


def nothing(_group: Any) -> Iterator[Any]:
    """Of a chapter without claims, or without numbers."""
    return iter(())


@dataclass(frozen=True)
class Chapter:
    """One table, figure or section of the paper; its name is the stem of its tables' names.

    Attributes:
        groups: what the chapter looks at, in groups that are judged each by itself.
        judge: the claims on one group.
        beside: numbers of one group that the paper prints too.
    """

    name: str
    groups: Callable[[Results], Sequence[Any]]
    judge: Callable[[Any], Iterable[Finding]] = nothing
    beside: Callable[[Any], Iterable[Beside]] = nothing

    def findings(self, results: Results) -> list[Finding]:
        """Everything that is judged, in order."""
        return [found for group in self.groups(results) for found in self.judge(group)]

    def rows(self, results: Results) -> list[Beside]:
        """Everything that stands beside the paper's numbers, once each."""
        return list(dict.fromkeys(row for group in self.groups(results) for row in self.beside(group)))

    def section(self, results: Results, order: float) -> tuple[Section | None, list[Finding]]:
        """The chapter over results, None where nothing there concerns it; and its findings."""
        found, rows = self.findings(results), self.rows(results)
        words = table("claims.toml")["chapters"][self.name]
        title, parts = words["title"], list[Part]([words["text"]])
        if rows:
            columns = ["where", "arms", "what", "here", "paper"]
            beside = Table(f"paper-{self.name}", f"{title}: here and in the paper.", columns, rows, left=3)
            parts.append(beside if any(row[1] != MISSING for row in rows) else beside.without(["arms"]))
        if found:
            parts.append(_verdicts(self.name, found))
        return Section(title, parts, order) if found or rows else None, found


def counted(found: Iterable[Finding]) -> str:
    """How often each verdict was given: ``holds: 3; does not hold: 1``."""
    counts = Counter(one.verdict for one in found)
    return "; ".join(f"{verdict.value}: {counts[verdict]}" for verdict in Verdict if counts[verdict])


def _verdicts(name: str, found: Sequence[Finding]) -> Table:
    # The verdict comes first: a page keeps the first column in sight, however narrow it is.
    rows = [[one.verdict.value, one.claim.text, one.where, one.arms, one.evidence] for one in found]
    columns = ["verdict", "claim", "where", "arms", "evidence"]
    folded = len(rows) > FEW
    caption = f"Verdicts ({counted(found)})."
    return Table(f"verdicts-{name}", caption, columns, rows, 5, marks=MARKS, folded=folded)
