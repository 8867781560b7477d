"""What the paper says (``claims.toml``, ``printed.toml``), and the rules that lead to one of four verdicts.

A claim that something *differs* is judged by a test of the difference. A claim that something does *not*
differ is judged by an interval against a margin that the claim states (two one-sided tests): a large p is no
evidence of absence, so such a claim can come out as "cannot tell".
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from enum import StrEnum
from functools import cache, cached_property
from importlib.resources import files
from statistics import mean
from typing import Any

from fractalctl.documents.estimates import Correlation, PairedEffects, PairedT
from fractalctl.documents.measured import Interval
from fractalctl.numbers import p_phrase
from fractalctl.statistics import adjust, equivalence, paired_effects, paired_t
from fractalctl.statistics.paired import differences

PREFIXES = (64, 128, 192, 256)  # the paper's lengths, everywhere but in its Figure 6
ALPHA = 0.05
LEVEL = 1 - 2 * ALPHA  # of the intervals that one-sided tests at ALPHA are read from


@dataclass(frozen=True)
class Claim:
    """What the paper says in one line, where, on which results it is judged, and what decides.

    The margin is by how much what does not differ may differ, in the unit of the results.
    """

    text: str
    paper: str
    looks_at: str
    rule: str
    margin: float = 0.0


@cache
def table(name: str) -> dict[str, Any]:
    """What stands in one of this package's TOML files; not to be changed."""
    return tomllib.loads(files(__package__).joinpath(name).read_text(encoding="utf-8"))


def printed(place: str, corpus: str | None = None) -> dict[str, Any]:
    """What one table, figure or section prints, such as ``table_3``, or of a corpus in it; may be nothing."""
    found: dict[str, Any] = table("printed.toml")[place]
    return found if corpus is None else found.get(corpus, {})


@cache
def claims() -> dict[str, Claim]:
    """Every claim of the paper that runs can speak to, by a name of ours, in the order of reading."""
    said = table("claims.toml")
    rules = said["rules"]
    return {
        name: Claim(**(row | {"rule": rules.get(row["rule"], row["rule"])}))
        for name, row in said["claims"].items()
    }


class Verdict(StrEnum):
    """What can be said of a claim."""

    HOLDS = "holds"
    DIRECTION = "same direction, not significant"
    FAILS = "does not hold"
    OPEN = "cannot tell"


@dataclass(frozen=True)
class Finding:
    """A claim judged: where (corpus, backbone, protocol), on whose results; the verdict and its numbers."""

    claim: Claim
    where: str
    arms: str
    verdict: Verdict
    evidence: str


def finding(name: str, where: str, arms: str, verdict: Verdict, evidence: str) -> Finding:
    """A finding on a claim by its name."""
    return Finding(claims()[name], where, arms, verdict, evidence)


def exact_p(rho: Correlation) -> float | None:
    """The exact p of a correlation, for many units the approximate one."""
    return rho.p if rho.p_exact is None else rho.p_exact


def larger(difference: float, p: float | None, n: int) -> Verdict:
    """The verdict on a difference that should be above zero: two-sided p, units of replication.

    >>> [larger(*case).value for case in ((0.1, 0.01, 5), (0.1, 0.2, 5), (-0.1, 0.2, 5), (0.1, None, 1))]
    ['holds', 'same direction, not significant', 'does not hold', 'cannot tell']
    """
    if n < 2:
        return Verdict.OPEN
    if difference <= 0:
        return Verdict.FAILS
    return Verdict.HOLDS if p is not None and p < ALPHA else Verdict.DIRECTION


def no_difference(values: Sequence[float], margin: float) -> tuple[Verdict, str]:
    """The verdict on "practically zero", by where the 90 % interval of the mean lies; and the interval.

    Within the margin both one-sided tests at 5 % reject: it holds. Beyond it on one side the mean differs by
    more than the margin, significantly: it does not hold. Otherwise nobody can tell. Values are one per unit
    of replication: of one arm, or paired differences; the margin is positive, in their unit.

    >>> [no_difference(values, 0.02)[0].value for values in ([0.004, -0.006, 0.01], [0.04, 0.03, 0.05])]
    ['holds', 'does not hold']
    """
    found = equivalence(values, margin, ALPHA)
    if found.ci is None:
        return Verdict.OPEN, found.reason or "no test is possible"
    beyond = found.ci[0] > margin or found.ci[1] < -margin
    verdict = Verdict.HOLDS if found.equivalent else Verdict.FAILS if beyond else Verdict.OPEN
    return verdict, _limits(found.ci)


def at_most(values: Sequence[float], limit: float) -> tuple[Verdict, str]:
    """The same for "no more than a limit", which looks at one side.

    >>> [at_most(values, 0.01)[0].value for values in ([-0.01, -0.02, -0.03], [0.03, 0.04, 0.05])]
    ['holds', 'does not hold']
    """
    found = paired_t(values, level=LEVEL)
    if found.ci is None or not found.sd:
        return Verdict.OPEN, found.reason or "the values do not vary: no test is possible"
    low, high = found.ci
    verdict = Verdict.HOLDS if high < limit else Verdict.FAILS if low > limit else Verdict.OPEN
    return verdict, _limits(found.ci)


def at_least(estimate: float, limits: Interval | None, threshold: float) -> Verdict:
    """The verdict on "so much or more", from an estimate and its limits.

    >>> [at_least(*case, threshold=0.8).value for case in ((0.9, (0.85, 0.95)), (0.85, (0.7, 1.0)))]
    ['holds', 'same direction, not significant']
    >>> [at_least(*case, threshold=0.8).value for case in ((0.75, (0.7, 0.9)), (0.5, (0.4, 0.6)))]
    ['cannot tell', 'does not hold']
    """
    if limits is None:
        return Verdict.OPEN
    low, high = limits
    if low >= threshold:
        return Verdict.HOLDS
    if high < threshold:
        return Verdict.FAILS
    return Verdict.DIRECTION if estimate >= threshold else Verdict.OPEN


def every(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on a claim of several parts: it fails if one fails, and holds only if all hold.

    >>> every([Verdict.HOLDS, Verdict.OPEN]).value, every([Verdict.FAILS, Verdict.OPEN]).value
    ('cannot tell', 'does not hold')
    """
    found = set(verdicts)
    order = (Verdict.FAILS, Verdict.OPEN, Verdict.DIRECTION)
    return next((one for one in order if one in found), Verdict.HOLDS if found else Verdict.OPEN)


def _limits(ci: Interval) -> str:
    return f"90 % interval [{ci[0]:+.3f}, {ci[1]:+.3f}]"


@dataclass(frozen=True)
class Contrast:
    """A against b, one number per seed; p is two-sided, after Holm's correction over m tests."""

    where: str
    arms: str
    a: Mapping[int, float]
    b: Mapping[int, float]
    _: KW_ONLY
    m: int = 1
    p: float | None = None

    @property
    def pairs(self) -> list[tuple[float, float]]:
        """Both numbers of every seed that both have."""
        return [(value, self.b[seed]) for seed, value in self.a.items() if seed in self.b]

    @property
    def gaps(self) -> list[float]:
        """A - b per seed, freed of the rounding noise of decimal fractions."""
        return differences(*zip(*self.pairs, strict=True)).tolist() if self.pairs else []

    @property
    def means(self) -> tuple[float, float]:
        """Of a and b over the seeds of both."""
        return mean(a for a, _ in self.pairs), mean(b for _, b in self.pairs)

    @cached_property
    def test(self) -> PairedT:
        """Paired t over seeds, before correction."""
        return paired_t(self.gaps)

    @cached_property
    def effects(self) -> PairedEffects:
        """Sizes of the effect."""
        a, b = zip(*self.pairs, strict=True)
        return paired_effects(a, b)

    @property
    def verdict(self) -> Verdict:
        """On "a is larger than b"."""
        return larger(mean(self.gaps), self.p, len(self.pairs))

    @property
    def seeds(self) -> str:
        """How many there are, and how many had no partner."""
        alone = len(set(self.a) ^ set(self.b))
        counted = f"n = {len(self.pairs)} seed{'s' if len(self.pairs) != 1 else ''}"
        return counted + (f", {alone} without a partner left out" if alone else "")


def corrected(contrasts: Iterable[Contrast]) -> list[Contrast]:
    """Holm's correction over all of these; those without a common seed are left out."""
    fair = [one for one in contrasts if one.pairs]
    p_values = [one.test.p for one in fair]
    m = sum(p is not None for p in p_values)
    return [
        Contrast(one.where, one.arms, one.a, one.b, m=m, p=p)
        for one, p in zip(fair, adjust(p_values, "holm"), strict=True)
    ]


def by_s(a: float, b: float) -> str:
    """Means of S as evidence."""
    return f"S {a:+.3f} against {b:+.3f}"


def by_percent(a: float, b: float) -> str:
    """Means of shares as evidence."""
    return f"{100 * a:.1f} % against {100 * b:.1f} %"


def by_points(a: float, b: float) -> str:
    """Means of differences of shares as evidence."""
    return f"{100 * a:+.1f} points against {100 * b:+.1f}"


def differ(
    name: str, tested: Iterable[Contrast], words: Callable[[float, float], str] = by_s
) -> list[Finding]:
    """Findings on "a is larger than b", of contrasts that are `corrected`; words put both means."""
    found = []
    for one in tested:
        told = [words(*one.means), *([] if one.p is None else [p_phrase(one.p)]), one.seeds]
        found.append(finding(name, one.where, one.arms, one.verdict, ", ".join(told)))
    return found


def near_zero(name: str, where: str, arms: str, values: Sequence[float]) -> Finding:
    """The finding on an arm's S being next to nothing."""
    verdict, limits = no_difference(values, claims()[name].margin)
    return finding(
        name, where, arms, verdict, f"mean S {mean(values):+.3f}, {limits}, n = {len(values)} seeds"
    )


def all_within(name: str, values: Mapping[Any, Sequence[float]]) -> tuple[Verdict, str]:
    """The verdict on several means being next to nothing, each with the claim's margin, and the numbers."""
    judged = {key: no_difference(found, claims()[name].margin) for key, found in values.items()}
    worst = max(values, key=lambda key: abs(mean(values[key])))
    within = sum(verdict is Verdict.HOLDS for verdict, _ in judged.values())
    evidence = (
        f"within the margin: {within} of {len(values)}; farthest at {worst}: {mean(values[worst]):+.3f}, "
        f"{judged[worst][1]}, n = {len(values[worst])} seeds"
    )
    return every(verdict for verdict, _ in judged.values()), evidence


def alike(name: str, one: Contrast, words: Callable[[float, float], str] = by_s) -> list[Finding]:
    """The finding on a and b being the same; none where they have no seed in common."""
    if not one.pairs:
        return []
    verdict, limits = no_difference(one.gaps, claims()[name].margin)
    evidence = f"{words(*one.means)}, difference: {limits}, {one.seeds}"
    return [finding(name, one.where, one.arms, verdict, evidence)]
