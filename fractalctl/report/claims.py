"""What the paper claims, held against the runs at hand; each verdict is computed, none is written by hand."""

from collections.abc import Iterator, Sequence
from statistics import mean

from fractalctl.report.markdown import probability
from fractalctl.report.runs import Document, RunFiles
from fractalctl.statistics.comparisons import Comparison

ALPHA = 0.05
NEAR_ZERO = 0.02
"""The paper's |S| below which a condition counts as not steerable (Sections 4 and 6.2)."""
MANY_CLASSES = 100
"""Fine classes from which on the paper speaks of a bottleneck (arXiv 123, CLINC 150, WOS 336)."""

Claim = tuple[str, str, str]
"""A claim, where it was looked at, and the verdict with its numbers."""


def claims(runs: RunFiles, ablation: Sequence[Comparison]) -> Iterator[Claim]:
    """Everything that the paper claims and that these runs can speak to.

    Args:
        runs: evaluations by protocol.
        ablation: comparisons of v5 with each other condition on fixed splits.
    """
    for protocol in runs.evaluations:
        for row in runs.v5_against_mrl(protocol):
            where = f"{row.unit.corpus}, {protocol}"
            yield "v5 is steerable beyond mrl (Table 3)", where, _difference(row)
            yield f"mrl stays near zero, |S| < {NEAR_ZERO} (Section 4)", where, _near_zero(row)
        for (corpus, _), documents in runs.groups(protocol).items():
            yield from _accuracy_claims(f"{corpus}, {protocol}", documents)
    for row in ablation:
        where = f"{row.unit.corpus}, fixed split"
        if row.b == "inverted":
            yield "inverting the alignment reverses the sign (Section 5)", where, _reversed(row)
        if row.b in ("no-prefix", "uhmt"):
            yield f"{row.b} takes S from v5 (Section 5)", where, _difference(row)
            yield f"{row.b} leaves S near zero, |S| < {NEAR_ZERO} (Section 5)", where, _near_zero(row)


def _verdict(held: bool, evidence: str) -> str:
    return f"**{'holds' if held else 'does not hold'}**: {evidence}"


def _difference(row: Comparison) -> str:
    """Whether a is above b, and how surely."""
    numbers = (
        f"S {mean(row.values_a):+.3f} against {mean(row.values_b):+.3f}, p = {probability(row.p_adjusted)}, "
        f"n = {len(row.seeds)} seeds"
    )
    significant = row.p_adjusted is not None and row.p_adjusted < ALPHA
    if mean(row.gaps) > 0 and not significant:
        return f"**same direction, not significant**: {numbers}"
    return _verdict(mean(row.gaps) > 0, numbers)


def _near_zero(row: Comparison) -> str:
    value = mean(row.values_b)
    return _verdict(abs(value) < NEAR_ZERO, f"mean S {value:+.3f}")


def _reversed(row: Comparison) -> str:
    value, negative = mean(row.values_b), sum(s < 0 for s in row.values_b)
    return _verdict(value < 0, f"mean S {value:+.3f}, negative for {negative} of {len(row.values_b)} seeds")


def _accuracy_claims(where: str, documents: Sequence[Document]) -> Iterator[Claim]:
    """Claims of Section 4 about the finest level at full length; nothing where an arm is missing."""
    full = str(documents[0]["dims"][-1])
    finest = list(documents[0]["accuracy"][full])[-1]
    arms = {
        name: [one["accuracy"][full][finest] for one in documents if one["strategy"] == name]
        for name in ("v5", "mrl")
    }
    if not all(arms.values()):
        return
    v5, mrl = (100 * mean(shares) for shares in arms.values())
    baseline = 100 * documents[0]["profile"]["baseline"][finest]
    yield (
        "v5 and mrl are alike at full length, within 3 points (Table 2)",
        where,
        _verdict(abs(v5 - mrl) < 3, f"{finest}@{full} {v5:.1f} % and {mrl:.1f} %"),
    )
    if documents[0]["profile"]["classes"][-1] >= MANY_CLASSES:
        evidence = f"{finest} {v5:.1f} % with v5@{full}, {baseline:.1f} % with the backbone, same protocol"
        yield (
            "the projection costs fine accuracy where fine classes are many (Section 4)",
            where,
            _verdict(v5 < baseline, evidence),
        )
