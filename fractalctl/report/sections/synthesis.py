"""Synthetic hierarchies: steerability against coarse entropy."""

from collections.abc import Sequence
from statistics import mean

from fractalctl.documents.estimates import Peak
from fractalctl.documents.synth import PartitionResult, Synthesis
from fractalctl.numbers import MISSING, interval, listed, mean_sd, number, p_value, percent, signed
from fractalctl.report.results import Results, corpus_names, grouped, setting_of, slug
from fractalctl.report.statistics_tables import pairs_table
from fractalctl.report.synthesis_figures import by_size, curve_figure, entropies_figure, means_of
from fractalctl.tables import Part, Picture, Section, Table

ORDER = 70


def build(results: Results) -> Section | None:
    """The report's part on synthetic hierarchies."""
    found = results.syntheses
    if not found:
        return None
    text = (
        "The finest classes are divided at random into K0 coarse ones whose sizes differ by one at most; "
        "texts and finest classes stay the same. A partition's S is the mean over training seeds. Parabolas "
        "go through the means of each K0. An inverted U must rise at the smallest H(L0) and fall at the "
        "largest (Lind and Mehlum, 2010); the interval of its vertex resamples partitions."
    )
    parts: list[Part] = [text, *overview_tables(found)]
    tested = [one for one in results.statistics if one.about and one.about.kind == "synthesis"]
    parts += [table for one in tested for table in pairs_table(one)]
    parts += [_curve_picture(*pair, results.places) for pair in zip(_places(found), found, strict=True)]
    parts += [_entropies_picture(members) for members in grouped(found, setting_of).values()]
    return Section("Synthetic hierarchies", parts, ORDER)


def _places(found: Sequence[Synthesis]) -> list[str]:
    return [f"{name}, {setting_of(one)}" for name, one in zip(corpus_names(found), found, strict=True)]


def overview_tables(found: Sequence[Synthesis]) -> list[Table]:
    """S at each number of coarse classes, and the parabolas through it."""
    arms = list(dict.fromkeys(arm for one in found for arm in one.arms))
    sizes, curves = [], []
    for where, one in zip(_places(found), found, strict=True):
        for size, partitions in by_size(one).items():
            spreads = [mean_sd(means_of(partitions, arm)) for arm in arms]
            sizes.append([where, size, *_profile(partitions), *spreads])
        own = {arm: [run.steerability.s for run in one.natural.runs if run.arm == arm] for arm in arms}
        sizes.append(
            [where, f"own {one.natural.coarse}", *_profile([one.natural]), *map(mean_sd, own.values())]
        )
        curves += [
            [where, name, *_curve_cells(curve)] for name, curve in one.curves.items() if curve.quadratic
        ]
    caption = (
        "Steerability over random partitions into K0 coarse classes, mean ± standard deviation over "
        "partitions; 'own' is the corpus's own coarse level, over training seeds. Entropies in bits, on the "
        "training rows."
    )
    columns = ["where", "K0", "H(L0)", "H(L1|L0)", "branch", *(f"{arm} S" for arm in arms)]
    made = [Table("synthetic", caption, columns, sizes)]
    caption = (
        "Parabolas through mean S over H(L0): where they turn (bits), with 95 % intervals from resampled "
        "partitions and from the fit; how many of the resamples have a maximum within the data; slopes in S "
        "per bit at the smallest and the largest H(L0), and the larger of their one-sided p values."
    )
    columns = ["where", "S of", "R²", "vertex", "K0 there", "bootstrap", "delta method", "inside"]
    columns += ["first slope", "last slope", "p (inverted U)"]
    return [*made, *([Table("synthetic-curves", caption, columns, curves, left=2)] if curves else [])]


def _profile(partitions: Sequence[PartitionResult]) -> list[str]:
    """Entropies and branching factor."""
    classes = partitions[0].profile.classes
    entropies = [mean(getattr(one.profile, key) for one in partitions) for key in ("h_l0", "h_l1_given_l0")]
    return [*map(number, entropies), number(classes[-1] / classes[0], 1)]


def _curve_cells(curve: Peak) -> list[str]:
    fit, bootstrap, slopes = curve.quadratic, curve.bootstrap, curve.slopes
    assert fit  # noqa: S101  rows are made of curves that have one
    there = MISSING if fit.vertex is None or not 0 <= fit.vertex <= 30 else number(2**fit.vertex, 0)
    turns = number(fit.vertex) + (" (minimum)" if fit.kind == "minimum" else "")
    resampled = [interval(bootstrap.ci if bootstrap else None), interval(fit.vertex_ci)]
    inside = percent(bootstrap.share_inside if bootstrap else None)
    slope = [signed(slopes.low), signed(slopes.high), p_value(slopes.p)] if slopes else [MISSING] * 3
    return [number(fit.r2, 3), turns, there, *resampled, inside, *slope]


def _curve_picture(where: str, one: Synthesis, places: dict[str, int]) -> Picture:
    caption = (
        f"{where}: S over random partitions into K0 coarse classes. Small marks are partitions (means over "
        "training seeds), large ones the means of each K0; lines are parabolas through these, bands 95 % of "
        "resampled partitions. A dashed line is the vertex of a maximum, the strip its 95 % bootstrap "
        "interval; stars are the corpus's own coarse level. Right: the halves of S of the arm with the "
        "largest S."
    )
    tops = []
    for arm in one.arms:
        sizes = {
            size: mean(means_of(found, arm)) for size, found in by_size(one).items() if means_of(found, arm)
        }
        top = max(sizes, key=lambda size: sizes[size])
        tops.append(f"{arm} at {top} coarse classes ({signed(sizes[top])})")
    alt = f"{where}: S is largest with {listed(tops)}."
    return Picture(f"synthetic-{slug(where)}", caption, lambda: curve_figure(one, places), alt)


def _entropies_picture(found: Sequence[Synthesis]) -> Picture:
    names, setting = corpus_names(found), setting_of(found[0])
    caption = (
        f"{setting}: mean S over training seeds against both entropies, of the arm with the largest S. Lines "
        "join the means of random partitions of each K0, bars are standard deviations over partitions, "
        "stars are the corpora's own coarse levels. As both entropies sum to that of the finest classes, "
        "the two panels mirror each other for the random partitions of one corpus."
    )
    return Picture(f"synthetic-entropies-{slug(setting)}", caption, lambda: entropies_figure(found, names))
