"""Every table that one document of statistics has figures for."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from fractalctl.documents.pooled import Meta, Pooled
from fractalctl.documents.statistics import Comparison, Statistics
from fractalctl.numbers import MISSING, interval, number, p_value, percent, signed, spread
from fractalctl.report.results import named, slug, where
from fractalctl.tables import Table

PREDICTORS = {
    "depth": "H(L1|L0)",
    "baseline_accuracy": "baseline fine accuracy",
    "product": "H(L1|L0) x baseline fine accuracy",
}
"""How tables call the predictors; L1 stands for the finest level."""
POOLED = "pooled; 95 % CI; z; p; Hartung-Knapp; τ²; I²; prediction interval"
"""Headings of a pooled effect."""
FEWEST = 3
"""Units without which no correlation exists."""


def _table(
    document: Statistics,
    what: str,
    caption: str,
    columns: str | Sequence[str],
    rows: Iterable[Sequence[object]],
    left: int = 1,
    brief: str | Sequence[str] | None = None,
    folded: bool = False,
) -> Iterator[Table]:
    """Yield a table if it has rows; headings in one text are separated by ``;``."""
    if found := list(rows):
        place = where(document)
        caption = f"{caption}; {place}" if place else caption
        heads = columns.split("; ") if isinstance(columns, str) else columns
        shown = brief.split("; ") if isinstance(brief, str) else brief
        yield Table(named(document, what), caption, heads, found, left, shown, folded=folded)


def _p(document: Statistics) -> str:
    return f"p ({document.correction})" if document.correction else "p"


def known_p(one: Any) -> float | None:
    """The adjusted p of a comparison, or of a test against a value; the raw one where none was adjusted."""
    raw: float | None = one.p if isinstance(one, Comparison) else one.test.p
    return raw if one.p_adjusted is None else one.p_adjusted


def _pair(row: Any) -> str:
    return f"{row.label}: {row.a} - {row.b}"


def pairs_of(rows: Iterable[Comparison]) -> list[tuple[str, str]]:
    """The pairs of arms that comparisons compare, in their order."""
    return list(dict.fromkeys((row.a, row.b) for row in rows))


def described_table(document: Statistics) -> Iterator[Table]:
    """Every arm by itself: against zero, and against the backbone's own truncation."""
    rows = []
    for one in document.described:
        cells = [one.label, one.arm, spread(one.mean, one.sd), interval(one.ci, 3)]
        cells.append(p_value(known_p(one.zero)))
        cut = one.truncation
        cells += [signed(cut.value), p_value(known_p(cut))] if cut else [MISSING] * 2
        rows.append([*cells, one.n])
    caption = (
        f"{document.metric} of every arm: mean ± SD over seeds with its 95 % interval (Student's t); t tests "
        "over seeds against zero, and against the backbone's own features cut to the same lengths"
    )
    p = _p(document)
    columns = f"corpus; arm; {document.metric}; 95 % CI; {p} against 0; backbone, cut; {p} against it; seeds"
    yield from _table(document, "described", caption, columns, rows, left=2)


def comparison_tables(document: Statistics) -> Iterator[Table]:
    """One table per pair of arms."""
    points = document.scaling.points if document.scaling else []
    depths = {point.corpus: point.depth for point in points} if len(points) > 1 else {}
    for a, b in pairs_of(document.comparisons):
        found = [row for row in document.comparisons if (row.a, row.b) == (a, b)]
        rows = [
            [
                row.label, number(depths.get(row.corpus)), spread(row.mean_a, row.sd_a),
                spread(row.mean_b, row.sd_b), signed(row.difference),
                interval(row.difference_ci, 3), p_value(known_p(row)), number(row.cohens_d),
                interval(row.cohens_d_ci), row.n,
            ]
            for row in found
        ]  # fmt: skip
        differs = {name: values for row in found for name, values in row.differs.items()}
        caption = f"{document.metric}: {a} against {b}, mean ± SD over seeds, paired by seed"
        spelled = ", ".join(_setting(*one) for one in differs.items())
        caption += f"; they also differ in {spelled}" if spelled else ""
        p, stem = _p(document), f"comparisons-{slug(a)}-{slug(b)}"
        columns = ["corpus", "H(L1|L0)", a, b, "gap", "95 % CI of gap", p, "d", "95 % CI of d", "seeds"]
        brief = ["corpus", a, b, "gap", p, "d"]
        for table in _table(document, stem, caption, columns, rows, brief=brief):
            yield table if depths else table.without(["H(L1|L0)"])


def _setting(name: str, both: Sequence[Any]) -> str:
    """A setting with its two values; of lists and tables, which no caption has room for, the name alone.

    >>> _setting("standardise", [None, True]), _setting("full", [[1.0, 0.0], [0.0, 1.0]])
    ('standardise (none and on)', 'full')
    """
    if any(isinstance(value, list | dict) for value in both):
        return name
    words = {"None": "none", "True": "on", "False": "off"}
    one, other = (words.get(str(value), value) for value in both)
    return f"{name} ({one} and {other})"


def pairs_table(document: Statistics) -> Iterator[Table]:
    """All comparisons in one table, for experiments that compare many pairs at few places."""
    rows = [
        [
            row.label, row.a, row.b, row.metric, signed(row.difference), interval(row.difference_ci, 3),
            f"{p_value(known_p(row))} (m = {row.family_size})", number(row.cohens_d),
            spread(row.mean_a, row.sd_a), spread(row.mean_b, row.sd_b), number(row.t), number(row.d_av),
            row.n,
        ]
        for row in document.comparisons
    ]  # fmt: skip
    caption = "Paired t tests over seeds; m is the size of the family that p is corrected in"
    columns = (
        f"corpus; a; b; metric; gap; 95 % CI of gap; {_p(document)}; d; of a; of b; paired t; d_av; seeds"
    )
    yield from _table(document, "pairs", caption, columns, rows, left=4)


def further_tests_table(document: Statistics) -> Iterator[Table]:
    """Each test over seeds in full, with the effect sizes that the first tables leave out."""
    rows = [
        [
            _pair(row), number(row.t), row.df, p_value(row.p), p_value(row.permutation.p),
            p_value(row.wilcoxon.p), p_value(row.permutation.minimum_p), number(row.hedges_g),
            number(row.d_av), interval(row.d_av_ci),
        ]
        for row in document.comparisons
    ]  # fmt: skip
    caption = (
        "Tests over seeds in full: paired t, uncorrected p, tests that assume less, further effect sizes"
    )
    columns = "comparison; t; df; p; permutation p; Wilcoxon p; smallest possible p; g; d_av; 95 % CI of d_av"
    yield from _table(document, "further-tests", caption, columns, rows, brief=(), folded=True)


def equivalence_table(document: Statistics) -> Iterator[Table]:
    """Whether b, and the difference, is practically zero."""
    found = [(row, row.equivalence) for row in document.comparisons if row.equivalence]
    rows = []
    for row, both in found:
        tests = both.b, both.difference
        cells = [[signed(one.mean), interval(one.ci, 3), p_value(one.p)] for one in tests]
        rows.append([_pair(row), *cells[0], *cells[1]])
    margins = dict.fromkeys(f"±{both.b.margin:g}" for _, both in found)
    caption = f"Equivalence to zero within {', '.join(margins)} (two one-sided t tests over seeds)"
    columns = "comparison; mean of b; 90 % CI; p; difference; 90 % CI of difference; p of difference"
    brief = "comparison; mean of b; 90 % CI; p"
    yield from _table(document, "equivalence", caption, columns, rows, brief=brief)


def power_table(document: Statistics) -> Iterator[Table]:
    """What the seeds can show, and how many are needed."""
    rows = [
        [
            _pair(row), one.n, number(one.d), number(one.power), number(one.seeds_needed, 0),
            number(one.detectable_d),
        ]
        for row in document.comparisons
        if (one := row.power)
    ]  # fmt: skip
    columns = "comparison; seeds; d; power at d; seeds for power 0.8; detectable d"
    yield from _table(document, "power", "Power of the paired t test at the observed effect", columns, rows)


def query_table(document: Statistics) -> Iterator[Table]:
    """The difference with its interval over queries, where hits are known."""
    rows = [
        [_pair(row), signed(one.mean), interval(one.ci, 3), row.n]
        for row in (document.queries.comparisons if document.queries else ())
        if (one := row.bootstrap)
    ]
    caption = f"{document.metric} of these heads over queries: difference, bootstrap over queries"
    yield from _table(document, "queries", caption, "comparison; difference; 95 % CI; queries", rows)


def backbones_table(document: Statistics) -> Iterator[Table]:
    """Whether a difference depends on the backbone."""
    rows = []
    for one in document.across_backbones:
        groups = "; ".join(f"{group.label} {spread(group.mean, group.sd)}" for group in one.groups)
        apart = [" - ".join(one.widest or (MISSING,)), interval(one.widest_ci, 3)]
        rows.append([one.corpus, f"{one.a} - {one.b}", groups, number(one.f), p_value(one.p), *apart])
    caption = f"Whether the difference in {document.metric} depends on the backbone (Welch's test over seeds)"
    columns = "corpus; arms; difference by backbone; Welch's F; p; farthest apart; 90 % CI of that"
    yield from _table(document, "across-backbones", caption, columns, rows, left=3)


def signs_table(document: Statistics) -> Iterator[Table]:
    """Sign tests and pooled effects of all pairs, where there are several, and several corpora."""
    rows = []
    several = len({row.label for row in document.comparisons}) > 1
    for one in document.over_corpora() if several else ():
        test = one.sign_test
        signs = [f"{test.wins} of {test.n}", p_value(test.p_one_sided), p_value(test.p_two_sided)]
        meta = one.meta
        pooled = [number(meta.pooled), interval(meta.ci), percent(meta.i2)] if meta else [MISSING] * 3
        tested = [known_p(row) for row in document.comparisons if (row.a, row.b) == (one.a, one.b)]
        clear = sum(p is not None and p < document.alpha for p in tested)
        rows.append([one.a, one.b, *signs, f"{clear} of {len(tested)}", *pooled])
    columns = (
        "a; b; a above b; p (one-sided); p (two-sided); "
        f"{_p(document)} < {document.alpha}; pooled d; 95 % CI; I²"
    )
    yield from _table(
        document, "signs", "Every pair of arms over corpora", columns, rows if len(rows) > 1 else [], 2
    )


def pooled_table(document: Statistics) -> Iterator[Table]:
    """The pooled effects of all pairs that several corpora have, by one estimator."""
    pairs = [one.meta for one in document.over_corpora() if one.meta and one.meta.k > 1]
    rows = [[one.a, one.b, one.k, *_pooled_cells(one, 2)] for one in pairs]
    caption = "Pooled paired d of every pair, DerSimonian-Laird"
    for table in _table(document, "pooled", caption, f"a; b; corpora; {POOLED}", rows, left=2, brief=()):
        yield table.without(["z", "τ²"])


def meta_tables(document: Statistics, fewest: int = 1) -> Iterator[Table]:
    """The pooled effect by every estimator, without each corpus in turn, and what moderates it.

    Args:
        fewest: corpora of a pair that has tables.
    """
    for pair in document.over_corpora():
        if pair.meta and pair.meta.k >= fewest:
            yield from _meta_tables(document, pair.meta, f"{slug(pair.a)}-{slug(pair.b)}")


def _pooled_cells(one: Pooled, digits: int) -> list[str]:
    knapp = interval(one.hartung_knapp.ci if one.hartung_knapp else None, digits)
    tau2 = number(one.tau2, 2 if digits == 2 else 4)
    start = [number(one.pooled, digits), interval(one.ci, digits), number(one.z), p_value(one.p), knapp, tau2]
    return [*start, percent(one.i2), interval(one.prediction_interval, digits)]


def _meta_tables(document: Statistics, meta: Meta, stem: str) -> Iterator[Table]:
    pooled = [[f"d, {name}", *_pooled_cells(one, 2)] for name, one in meta.estimators.items()]
    pooled += [["g, dersimonian-laird", *_pooled_cells(meta.hedges_g, 2)]] if meta.hedges_g else []
    plain = meta.difference
    pooled += [[f"{document.metric}, dersimonian-laird", *_pooled_cells(plain, 3)]] if plain else []
    caption = f"Pooled effect of {meta.a} against {meta.b}, k = {meta.k}, unit: {meta.unit}"
    caption += f" ({meta.combined})" if meta.combined else ""
    brief = "estimator; pooled; 95 % CI; p; I²; prediction interval"
    yield from _table(document, f"pooled-{stem}", caption, f"estimator; {POOLED}", pooled, brief=brief)
    without = [
        [
            one.label, percent(one.weight), *_pooled_cells(one.without, 2), number(one.residual),
            number(one.cooks_distance),
        ]
        for one in meta.influence
    ]  # fmt: skip
    caption = f"Leave-one-out: the pooled d of {meta.a} against {meta.b} without each corpus"
    columns = f"dropped; its weight; {POOLED}; its residual; Cook's distance"
    brief = "dropped; its weight; pooled; 95 % CI; I²; prediction interval"
    yield from _table(document, f"influence-{stem}", caption, columns, without, brief=brief)
    regressions = {"depth": meta.regression.depth, "product": meta.regression.product}
    slopes = [
        [
            PREDICTORS[name], number(slope.estimate), interval(slope.ci), number(slope.z), p_value(slope.p),
            number(one.tau2), percent(one.r2),
        ]
        for name, one in regressions.items()
        if one
        for slope in one.coefficients[1:]
    ]  # fmt: skip
    caption = f"Meta-regression of the d of {meta.a} against {meta.b} on one moderator at a time (reml)"
    columns = "moderator; slope; 95 % CI; z; p; residual τ²; explained"
    brief = "moderator; slope; 95 % CI; p; explained"
    yield from _table(document, f"meta-regression-{stem}", caption, columns, slopes, brief=brief)


def scaling_tables(document: Statistics) -> Iterator[Table]:
    """Correlations with each predictor, and the leave-one-out tables of depth and product."""
    scaling = document.scaling
    if not scaling or scaling.n < FEWEST:
        return
    rows = [
        [
            PREDICTORS[name], number(one.spearman.coefficient), p_value(one.spearman.p),
            p_value(one.spearman.p_exact), number(one.pearson.coefficient), p_value(one.pearson.p),
            number(one.kendall.coefficient), p_value(one.kendall.p), percent(one.bootstrap.share_positive),
        ]
        for name, one in scaling.predictors.items()
    ]  # fmt: skip
    caption = (
        f"What predicts the mean {scaling.metric} of {scaling.arm}, n = {scaling.n}, unit: {scaling.unit} "
        "(Spearman's rho, Pearson's r, Kendall's tau, bootstrap samples with rho > 0)"
    )
    columns = "predictor; rho; p; exact p; r; p of r; tau; p of tau; rho > 0"
    brief = "predictor; rho; p; exact p; r; p of r"
    yield from _table(document, "predictors", caption, columns, rows, brief=brief)
    columns = "dropped; k; Spearman's rho; p; exact p; Pearson's r; p of r; Cook's distance"
    for name, shown in (("depth", "dropped; k; Spearman's rho; p; Pearson's r; p of r"), ("product", ())):
        distances = scaling.predictors[name].cooks_distance or {}
        without = [
            [
                row.dropped or "none", row.k, number(row.spearman.coefficient), p_value(row.spearman.p),
                p_value(row.spearman.p_exact), number(row.pearson.coefficient), p_value(row.pearson.p),
                number(distances.get(row.dropped or "")),
            ]
            for row in scaling.predictors[name].leave_one_out
        ]  # fmt: skip
        caption = f"Leave-one-out: mean {scaling.metric} against {PREDICTORS[name]}"
        yield from _table(document, f"leave-one-out-{name}", caption, columns, without, brief=shown)


def robustness_tables(document: Statistics) -> Iterator[Table]:
    """Mean differences under each definition with their sign tests, and rank agreement."""
    if (found := document.robustness) is None:
        return
    tests = [one.sign_test for one in found.definitions]
    rows: list[list[object]] = [
        [unit.label, *(signed(one.differences[place]) for one in found.definitions)]
        for place, unit in enumerate(found.units)
    ]
    rows.append([f"{found.a} > {found.b}", *(f"{test.wins}/{test.n}" for test in tests)])
    rows.append(["sign test p (one-sided)", *(p_value(test.p_one_sided) for test in tests)])
    columns = "; ".join(["where", *(f"Δ {one.metric}" for one in found.definitions)])
    caption = f"Definitions of steerability: mean {found.a} - {found.b}"
    yield from _table(document, "definitions", caption, columns, rows)
    agreement = [
        [f"Δ {row.x}, Δ {row.y}", number(row.coefficient), p_value(row.p), p_value(row.p_exact)]
        for row in found.rank_agreement
        if found.n >= FEWEST
    ]
    caption = "Agreement of the definitions in ranking the corpora"
    columns = "definitions; Spearman rho; p; exact p"
    yield from _table(document, "rank-agreement", caption, columns, agreement)


def quadratic_table(document: Statistics) -> Iterator[Table]:
    """Parabolas over H(L0)."""
    if found := document.quadratic:
        rows = [
            [
                name, number(fit.r2, 3), number(fit.vertex), interval(fit.vertex_ci), number(fit.height, 3),
                fit.kind or MISSING, {True: "yes", False: "no", None: MISSING}[fit.inside],
            ]
            for name, fit in found.fits.items()
        ]  # fmt: skip
        columns = "arm; R²; vertex, bits; 95 % CI; height; it is a; within the data"
        yield from _table(
            document, "parabolas", f"Parabola over H(L0), {found.n} coarse partitions", columns, rows
        )


def printed_table(document: Statistics) -> Iterator[Table]:
    """Figures that a publication prints and its own measurements do not give; notes explain the letters."""
    letters = reasons(document)
    rows = [
        [figure.name, figure.printed, number(figure.computed, 4), letters.get(figure.remark or "", "")]
        for figure in document.published
        if not figure.agrees
    ]
    caption = "Printed, but not what the printed measurements give"
    yield from _table(document, "printed", caption, "figure; printed; here; why", rows)


def reasons(document: Statistics) -> dict[str, str]:
    """Each reason for a disagreement with the letter that the table calls it by."""
    remarks = [figure.remark for figure in document.published if figure.remark]
    return {remark: f"({chr(ord('a') + place)})" for place, remark in enumerate(dict.fromkeys(remarks))}


def statistics_tables(document: Statistics) -> list[Table]:
    """Every table whose figures are in the document, in the order of reading."""
    makers: tuple[Callable[[Statistics], Iterator[Table]], ...] = (
        described_table, comparison_tables, further_tests_table, equivalence_table, power_table, query_table,
        backbones_table, signs_table, meta_tables, scaling_tables, robustness_tables, quadratic_table,
        printed_table,
    )  # fmt: skip
    return [table for make in makers for table in make(document)]


def brief_tables(document: Statistics) -> list[Table]:
    """Tables and columns that a terminal shows; of arms by themselves only where none is compared."""
    left_out = [table.name for table in described_table(document)] if document.comparisons else []
    shown = [
        table for table in statistics_tables(document) if table.brief != () and table.name not in left_out
    ]
    return [table.in_brief() for table in shown]
