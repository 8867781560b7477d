"""Synthetic hierarchies: steerability against coarse entropy (paper, Section 6.2 and Table 5)."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean
from typing import Any

import numpy as np

from fractalctl.report.figures import in_order
from fractalctl.report.markdown import NOTHING, chance, number, probability
from fractalctl.report.measured import ALPHA, ARMS, decimals, tested, verdict
from fractalctl.report.partitions import Experiment, entropy_of, gaps_of, means_of, values_of
from fractalctl.report.runs import Document
from fractalctl.report.sections import Claim, Picture, Section, Table
from fractalctl.report.steerability import NEAR_ZERO
from fractalctl.report.synthesis_pictures import curve_picture, entropies_picture
from fractalctl.statistics.corrections import adjust
from fractalctl.statistics.correlations import pearson, spearman
from fractalctl.statistics.paired import paired_t

PATTERN = "synth*.json"
PAPER_PREFIX = 64


def section(documents: Sequence[Document]) -> Section:
    """The report's part on synthetic hierarchies."""
    found = [Experiment(document) for document in documents]
    text = (
        "The finest classes are divided at random into K0 coarse ones whose sizes differ by one at most; "
        "texts and finest classes stay the same. A partition's S is the mean over training seeds. Parabolas "
        "go through the means of each K0. An inverted U must rise at the smallest H(L0) and fall at the "
        "largest (Lind and Mehlum, 2010); the interval of its vertex resamples partitions."
    )
    settings = list(dict.fromkeys(one.setting for one in found))
    together = [entropies_picture([one for one in found if one.setting == name]) for name in settings]
    parts: list[str | Table | Picture] = [text, *tables(documents), *map(curve_picture, found), *together]
    return Section("Synthetic hierarchies", parts, claims(documents))


def tables(documents: Sequence[Document]) -> list[Table]:
    """S at each number of coarse classes (Table 5), and the parabolas through it."""
    found = [Experiment(document) for document in documents]
    strategies = in_order(name for one in found for name in one.strategies)
    return [_sizes_table(found, strategies), _curves_table(found)]


def claims(documents: Sequence[Document]) -> list[Claim]:
    """Verdicts on what the paper claims of synthetic hierarchies."""
    return [claim for document in documents for claim in _claims(Experiment(document))]


def _sizes_table(found: Sequence[Experiment], strategies: Sequence[str]) -> Table:
    columns = ["where", "K0", "H(L0)", "H(L1|L0)", "branch", *(f"{name} S" for name in strategies), "gap"]
    if any(one.paper for one in found):
        columns += ["paper v5 S", "paper mrl S", "paper gap"]
    # The paper's cells come last, and go with their columns.
    rows = [row[: len(columns)] for one in found for row in _size_rows(one, strategies)]
    caption = (
        "Steerability over random partitions into K0 coarse classes, mean ± standard deviation over "
        "partitions; 'own' is the corpus's own coarse level, over training seeds. Entropies in bits, on the "
        "training rows. Gap: v5 - mrl (Table 5)."
    )
    return Table("table-5-synthetic", caption, columns, rows)


def _size_rows(one: Experiment, strategies: Sequence[str]) -> Iterator[list[str]]:
    for size, group in one.sizes.items():
        values = {name: means_of(group, name) for name in one.strategies}
        gaps = [mean(gaps) for partition in group if (gaps := gaps_of(partition))]
        yield [one.where, str(size), *_cells(group, values, gaps, strategies), *_published(one, size)]
    own = one.document["natural"]
    values = {name: values_of(own, name) for name in one.strategies}
    cells = _cells([own], values, gaps_of(own), strategies)
    yield [one.where, f"own {own['coarse']}", *cells, *[NOTHING] * 3]


def _cells(
    group: Sequence[Document], values: Mapping[str, list[float]], gaps: list[float], strategies: Sequence[str]
) -> list[str]:
    """Entropies, branching factor, S of each strategy, gap."""
    coarse, fine = group[0]["profile"]["classes"]
    entropies = [f"{entropy_of(group, key):.2f}" for key in ("h_l0", "h_l1_given_l0")]
    spreads = [decimals(values.get(name, []), 3, "+") for name in strategies]
    return [*entropies, f"{fine / coarse:.1f}", *spreads, decimals(gaps, 3, "+")]


def _published(one: Experiment, size: int) -> list[str]:
    theirs = one.paper.get("S", {}).get(str(size))
    if not theirs:
        return [NOTHING] * 3
    return [f"{value:+.3f}" for value in (theirs["v5"], theirs["mrl"], theirs["v5"] - theirs["mrl"])]


def _curves_table(found: Sequence[Experiment]) -> Table:
    rows = [
        [one.where, name, *_curve_cells(curve)]
        for one in found
        for name, curve in [
            *((name, one.curve(name)) for name in one.document["curves"]),
            ("paper, v5", one.paper_curve),
        ]
        if curve
    ]
    columns = ["where", "S of", "R2", "vertex", "K0 there", "bootstrap", "delta method", "inside"]
    columns += ["first slope", "last slope", "p (inverted U)"]
    caption = (
        "Parabolas through mean S over H(L0): where they turn (bits), with 95 % intervals from resampled "
        "partitions and from the fit; how many of the resamples have a maximum within the data; slopes in S "
        "per bit at the smallest and the largest H(L0), and the larger of their one-sided p values. The "
        "paper's own row is computed from its Table 5."
    )
    return Table("synthetic-curves", caption, columns, rows, left=2)


def _curve_cells(curve: Mapping[str, Any]) -> list[str]:
    fit, bootstrap, slopes = curve["quadratic"], curve["bootstrap"], curve["slopes"]
    vertex = fit["vertex"]
    there = NOTHING if vertex is None or vertex > 30 else f"{2**vertex:.0f}"
    share = bootstrap["share_inside"]
    return [
        f"{fit['r2']:.3f}",
        number(vertex, ".2f") + (" (minimum)" if fit["kind"] == "minimum" else ""),
        there,
        _interval(bootstrap["ci"]),
        _interval(fit["vertex_ci"]),
        NOTHING if share is None else f"{share:.0%}",
        f"{slopes['low']:+.3f}",
        f"{slopes['high']:+.3f}",
        probability(slopes["p"]),
    ]


def _interval(limits: Sequence[float] | None) -> str:
    return NOTHING if limits is None else f"[{limits[0]:.2f}, {limits[1]:.2f}]"


def _claims(one: Experiment) -> Iterator[Claim]:
    if curve := one.curve("v5"):
        claim = "S rises and then falls with H(L0), an inverted U (Section 6.2, Figure 5)"
        yield claim, one.where, _rises_and_falls(curve)
        if one.document["dims"][0] == PAPER_PREFIX and one.paper:
            low, high = one.paper["peak"]
            claim = f"S peaks at H(L0) of {low} to {high} bits, the capacity of 64 dimensions (Section 6.2)"
            yield claim, one.where, _peaks_between(curve, low, high)
        yield from _driver(one)
    if "mrl" in one.strategies:
        yield f"mrl stays near zero at every K0, |S| < {NEAR_ZERO} (Section 6.2)", one.where, _near_zero(one)
    if set(ARMS) <= set(one.strategies):
        yield "v5 is steerable beyond mrl at every K0 (Table 5)", one.where, _beyond(one)


def _rises_and_falls(curve: Mapping[str, Any]) -> str:
    fit, slopes = curve["quadratic"], curve["slopes"]
    p = "" if slopes["p"] is None else f"{chance(slopes['p'])}, "
    evidence = (
        f"slope {slopes['low']:+.3f} a bit at the smallest H(L0), {slopes['high']:+.3f} at the largest, "
        f"{p}R2 = {fit['r2']:.2f}, n = {fit['n']} sizes"
    )
    return tested(slopes["low"] > 0 > slopes["high"], slopes["p"], evidence)


def _peaks_between(curve: Mapping[str, Any], low: float, high: float) -> str:
    """Whether the parabola has a maximum within the data that may lie in the paper's range."""
    fit, ci = curve["quadratic"], curve["bootstrap"]["ci"]
    if fit["kind"] != "maximum" or not fit["inside"]:
        return verdict(False, "the parabola has no maximum within the data")
    vertex = fit["vertex"]
    first, last = ci or (vertex, vertex)
    place = f"vertex at {vertex:.2f} bits" + (f" {_interval(ci)}" if ci else "")
    return verdict(first <= high and last >= low, f"{place}, K0 about {2**vertex:.0f}")


def _driver(one: Experiment) -> Iterator[Claim]:
    """H(L0) and H(L1|L0) sum to the fixed H(finest), so no synthetic experiment can tell them apart."""
    groups = list(one.sizes.values())
    coarse, fine = ([entropy_of(group, key) for group in groups] for key in ("h_l0", "h_l1_given_l0"))
    s = [float(np.mean(means_of(group, "v5"))) for group in groups]
    together = pearson(coarse, fine).coefficient
    rises, falls = (spearman(x, s).coefficient for x in (coarse, fine))
    if together is None or rises is None or falls is None:
        return
    evidence = (
        f"H(L0) and H(L1|L0) correlate with r = {together:+.3f} here, as they sum to H(finest); S correlates "
        f"with them with rho = {rises:+.2f} and {falls:+.2f}, one the mirror of the other"
    )
    claim = "the experiment shows that H(L0) drives S, and not H(L1|L0) (Section 6.2, Figure 8)"
    yield claim, one.where, verdict(abs(together) < 0.99, evidence)


def _near_zero(one: Experiment) -> str:
    means = {size: float(np.mean(means_of(group, "mrl"))) for size, group in one.sizes.items()}
    worst = max(means, key=lambda size: abs(means[size]))
    return verdict(abs(means[worst]) < NEAR_ZERO, f"farthest at K0 = {worst}: mean S {means[worst]:+.3f}")


def _beyond(one: Experiment) -> str:
    """Paired t tests over training seeds, partitions averaged first; Holm over all K0."""
    gaps = [np.mean([gaps_of(partition) for partition in group], axis=0) for group in one.sizes.values()]
    means = [float(gap.mean()) for gap in gaps]
    adjusted = adjust([paired_t(gap).p for gap in gaps], "holm")
    sure = sum(p is not None and p < ALPHA and gap > 0 for p, gap in zip(adjusted, means, strict=True))
    evidence = (
        f"gaps {min(means):+.3f} to {max(means):+.3f}, {sure} of {len(means)} significant "
        f"(Holm), n = {len(gaps[0])} seeds"
    )
    if min(means) > 0 and sure < len(means):
        return f"**same direction, not significant**: {evidence}"
    return verdict(min(means) > 0, evidence)
