"""What the reports of all metrics share: documents by condition, means over seeds, verdicts over seeds."""

import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from fractalctl.report.figures import COLOURS, MARKERS, half_width, in_order
from fractalctl.report.markdown import chance
from fractalctl.report.runs import Document
from fractalctl.report.sections import Claim
from fractalctl.statistics.corrections import adjust
from fractalctl.statistics.paired import paired_t
from fractalctl.statistics.reading import encoder_of

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes

ALPHA = 0.05
ARMS = ("v5", "mrl")
PAPER_DIMS = (64, 128, 192, 256)
SPREAD = "mean ± standard deviation over seeds"


@dataclass(frozen=True)
class Group:
    """Evaluations of one corpus under one encoder and one condition that all have a metric.

    Attributes:
        corpus: its name.
        encoder: see `encoder_of`.
        condition: what else the numbers depend on, such as the protocol.
        dims: prefix lengths.
        documents: one per strategy and seed.
        metric: key of the metric.
    """

    corpus: str
    encoder: str
    condition: str
    dims: tuple[int, ...]
    documents: Sequence[Document]
    metric: str

    @property
    def where(self) -> str:
        """What tables and claims call it."""
        return f"{self.corpus}, {self.encoder}, {self.condition}"

    @property
    def slug(self) -> str:
        """For names of files."""
        return f"{self.corpus}-{self.encoder}-{self.condition}".replace("+", "-").replace(" ", "-")

    @property
    def strategies(self) -> list[str]:
        """Every strategy, in the usual order."""
        return in_order(document["strategy"] for document in self.documents)

    @property
    def shown(self) -> list[str]:
        """v5 and mrl where one of them is there, else every strategy: what a figure has room for."""
        return [name for name in ARMS if name in self.strategies] or self.strategies

    @property
    def levels(self) -> list[str]:
        """Names of the levels, coarsest first."""
        return list(self.documents[0]["accuracy"][str(self.dims[0])])

    def by_seed(self, strategy: str, read: Callable[[Mapping[str, Any]], float]) -> dict[int, float]:
        """One number of the metric per seed of a strategy."""
        return {
            document["seed"]: read(document[self.metric])
            for document in self.documents
            if document["strategy"] == strategy
        }

    def values(self, strategy: str, read: Callable[[Mapping[str, Any]], float]) -> list[float]:
        """The numbers of `by_seed`."""
        return list(self.by_seed(strategy, read).values())


def protocol_of(document: Document) -> str:
    """The condition of a metric that is taken under the file's protocol."""
    return str(document["protocol"])


def groups(
    documents: Sequence[Document], metric: str, condition: Callable[[Document], str] = protocol_of
) -> list[Group]:
    """Evaluations that have a metric, by corpus, encoder, condition and prefix lengths.

    Args:
        documents: evaluation documents of any kind.
        metric: its key; documents without it are passed over.
        condition: what sets results apart; where two files have the same one, the first stands.
    """
    found: dict[tuple[str, str, str, tuple[int, ...]], dict[tuple[str, int], Document]] = defaultdict(dict)
    for document in documents:
        if metric in document:
            key = (document["corpus"], encoder_of(document), condition(document), tuple(document["dims"]))
            found[key].setdefault((document["strategy"], document["seed"]), document)
    return [Group(*key, tuple(chosen.values()), metric) for key, chosen in found.items()]


def by_dims(found: Sequence[Group]) -> Iterator[tuple[tuple[int, ...], list[Group]]]:
    """Yield prefix lengths with their groups: one table each."""
    for dims in dict.fromkeys(group.dims for group in found):
        yield dims, [group for group in found if group.dims == dims]


def published(metric: str) -> dict[str, Any]:
    """The paper's numbers for a metric, from ``published/<metric>.toml``."""
    path = resources.files("fractalctl.report").joinpath("published", f"{metric}.toml")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def percent(values: Sequence[float], sign: str = "") -> str:
    """Mean and standard deviation of fractions, in %; ``sign`` is a format flag such as ``+``."""
    return decimals([100 * value for value in values], 1, sign)


def decimals(values: Sequence[float], places: int, sign: str = "") -> str:
    """Mean and standard deviation over seeds; the mean alone for one seed, a dash for none."""
    if not values:
        return "-"
    middle = f"{mean(values):{sign}.{places}f}"
    return f"{middle} ± {stdev(values):.{places}f}" if len(values) > 1 else middle


def draw_line(axes: "Axes", x: Sequence[float], values: "np.ndarray", name: str, place: int) -> None:
    """A line through means over seeds, with 95 % confidence intervals of the mean (Student's t).

    Args:
        axes: where.
        x: (n,) positions.
        values: (seeds, n).
        name: for the legend.
        place: of the name among all; decides colour and marker.
    """
    look: dict[str, Any] = {"color": COLOURS[place % len(COLOURS)], "marker": MARKERS[place % len(MARKERS)]}
    axes.errorbar(x, values.mean(axis=0), yerr=half_width(values), label=name, capsize=3, **look)


@dataclass(frozen=True)
class Contest:
    """Two quantities measured with the same seeds, of which the first should be the larger.

    Attributes:
        where: corpus and conditions.
        a: by seed.
        b: by seed.
        family: contests of one family are corrected together, such as those under one protocol.
    """

    where: str
    a: Mapping[int, float]
    b: Mapping[int, float]
    family: str = ""

    @property
    def seeds(self) -> list[int]:
        """Those of both."""
        return [seed for seed in self.a if seed in self.b]

    @property
    def gaps(self) -> list[float]:
        """A - b per seed."""
        return [self.a[seed] - self.b[seed] for seed in self.seeds]


def larger(claim: str, contests: Sequence[Contest], words: Callable[[float, float], str]) -> list[Claim]:
    """Verdicts on "a is larger than b" by paired t tests over seeds, Holm over each family of contests.

    Args:
        claim: what the paper says.
        contests: those without a seed in common are passed over.
        words: from the means of a and b to the evidence.
    """
    fair = [contest for contest in contests if contest.seeds]
    claims = []
    for family in dict.fromkeys(contest.family for contest in fair):
        members = [contest for contest in fair if contest.family == family]
        adjusted = adjust([paired_t(contest.gaps).p for contest in members], "holm")
        verdicts = [_verdict(*pair, words) for pair in zip(members, adjusted, strict=True)]
        claims += [(claim, one.where, text) for one, text in zip(members, verdicts, strict=True)]
    return claims


def _verdict(contest: Contest, p: float | None, words: Callable[[float, float], str]) -> str:
    a, b = (mean(side[seed] for seed in contest.seeds) for side in (contest.a, contest.b))
    evidence = f"{words(a, b)}, {chance(p)}, n = {len(contest.seeds)} seeds"
    return tested(a > b, p, evidence)


def verdict(held: bool, evidence: str) -> str:
    """Whether a claim that needs no test holds, and why."""
    return f"**{'holds' if held else 'does not hold'}**: {evidence}"


def tested(held: bool, p: float | None, evidence: str) -> str:
    """Whether a claim that was tested holds: a p of 0.05 or more, or none, speaks of the direction only."""
    if held and (p is None or p >= ALPHA):
        return f"**same direction, not significant**: {evidence}"
    return verdict(held, evidence)
