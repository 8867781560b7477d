"""A statistics section, ready for a paper: sentences from one document's figures, and the whole as text."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fractalctl.documents.base import to_json
from fractalctl.documents.pooled import Meta, OverCorpora, Scaling
from fractalctl.documents.statistics import Comparison, Statistics
from fractalctl.errors import RequestError
from fractalctl.numbers import interval, listed, number, p_phrase, percent, signed
from fractalctl.report.statistics_tables import PREDICTORS, pairs_of, reasons, statistics_tables
from fractalctl.report.writers import csv_text, latex_page, markdown_page, markdown_text
from fractalctl.tables import Section

CORRECTION_NAMES = {
    "holm": "Holm's step-down procedure (family-wise error rate)",
    "bonferroni": "Bonferroni's inequality (family-wise error rate)",
    "hochberg": "Hochberg's step-up procedure (family-wise error rate, independent or positively "
    "dependent tests)",
    "bh": "the Benjamini-Hochberg procedure (false discovery rate)",
    "by": "the Benjamini-Yekutieli procedure (false discovery rate, any dependence)",
}
PROTOCOL_NAMES = {
    "loo": " by leave-one-out k-NN among test rows",
    "index": " by k-NN of test rows among training rows",
}
TITLE = "Statistics"
FORMATS = ("md", "latex", "csv")
"""``md`` and ``latex`` hold the whole section, ``csv`` the comparisons in full precision."""


def methods(document: Statistics) -> Iterator[str]:
    """What was done, in the order of the results."""
    rows = document.comparisons
    if rows:
        yield f"{_design(document, rows)} {_tests(document, rows)}"
    elif document.described:
        yield _described_design(document)
    if document.queries:
        yield (
            "Where per-query hits were kept, the difference was also bootstrapped over test queries "
            "(percentile interval, queries paired over arms and seeds) and each seed's heads were compared "
            "by McNemar's exact test; these speak of other queries for the same heads, not of other seeds."
        )
    if document.meta:
        yield (
            "Effects were pooled over corpora by DerSimonian-Laird random-effects meta-analysis of paired d "
            "with variance 1/n + d²/(2n), between-unit variance truncated at zero; the prediction interval "
            "has k - 2 degrees of freedom. Other estimators, Hartung-Knapp intervals and leave-one-out "
            "serve as sensitivity analyses."
        )
    if document.scaling:
        yield (
            "Predictors were correlated with the mean over seeds, one value per corpus; Spearman's p is "
            "given by the t approximation and exactly, over all orders. The power law was fitted by "
            "nonlinear least squares."
        )


def _how(document: Statistics) -> str:
    protocol = document.protocol or ""
    name, _, rest = protocol.partition("-")
    return PROTOCOL_NAMES.get(name, "") + (f" ({markdown_text(protocol)})" if rest else "")


def _corpora(count: int) -> str:
    return f"{count} {'corpus' if count == 1 else 'corpora'}"


def _seeds(counts: set[int]) -> str:
    least, most = min(counts), max(counts)
    return (
        f"{least} training seed{'' if most == 1 else 's'}"
        if least == most
        else f"{least} to {most} training seeds"
    )


def _design(document: Statistics, rows: Sequence[Comparison]) -> str:
    corpora = _corpora(len({row.label for row in rows}))
    seeds = _seeds({row.n for row in rows})
    return f"{document.metric} was measured{_how(document)} for {seeds} of each arm on {corpora}."


def _described_design(document: Statistics) -> str:
    found = document.described
    corpora, seeds = _corpora(len({one.label for one in found})), _seeds({one.n for one in found})
    return (
        f"{document.metric} was measured{_how(document)} for {seeds} on {corpora}. Two-sided t tests over "
        "seeds, the unit of replication, compared it with zero and with the same measure of the backbone's "
        "own features, cut to the same lengths."
    )


def _tests(document: Statistics, rows: Sequence[Comparison]) -> str:
    pairs = listed([f"{markdown_text(a)} with {markdown_text(b)}" for a, b in pairs_of(rows)])
    text = (
        f"On each, two-sided paired t tests compared {pairs}; the unit of replication is the training seed. "
        "Effect sizes are paired Cohen's d (mean over standard deviation of the differences) and Hedges' g "
        "(exact correction), with 95 % intervals from the noncentral t distribution."
    )
    if not document.correction:
        return f"{text} p values are not corrected for multiple testing."
    families = [f"{markdown_text(family.name)} (m = {family.m})" for family in document.families]
    within = f"the {'family' if len(families) == 1 else 'families'} {listed(families)}"
    return f"{text} p values were adjusted by {CORRECTION_NAMES[document.correction]} within {within}."


def results(document: Statistics) -> Iterator[str]:
    """What came out."""
    for part in (comparisons, pooled, scaling, parabolas, definitions):
        yield from part(document)


def comparisons(document: Statistics) -> Iterator[str]:
    """What came out at single corpora, and on how many of them."""
    if not document.comparisons:
        yield from _single(document)
    for one in document.over_corpora():
        yield " ".join([_signs(document, one), *_significant(document, one.a, one.b)])
    if any(row.equivalence for row in document.comparisons):
        yield _equivalences(document)


def pooled(document: Statistics) -> Iterator[str]:
    """What came out over corpora."""
    for one in document.over_corpora():
        if one.meta:
            yield from _pooled(document, one.meta)


def _single(document: Statistics) -> Iterator[str]:
    for one in document.described:
        p = one.zero.test.p if one.zero.p_adjusted is None else one.zero.p_adjusted
        where = f"{markdown_text(one.arm)} on {markdown_text(one.label)}"
        text = f"{where}: mean {document.metric} {signed(one.mean)}"
        text += f" (95 % CI {interval(one.ci, 3)}; {p_phrase(p)} against zero" if one.ci else " ("
        if one.truncation and one.ci:
            raw, adjusted = one.truncation.test.p, one.truncation.p_adjusted
            text += (
                f", {p_phrase(raw if adjusted is None else adjusted)} against "
                f"{signed(one.truncation.value)} of the backbone's own truncation"
            )
        yield text + (f"; {one.n} seeds)." if one.ci else f"{one.n} seed).")


def _signs(document: Statistics, one: OverCorpora) -> str:
    test = one.sign_test
    higher = f"{markdown_text(one.a)} had a higher mean {document.metric} than {markdown_text(one.b)}"
    return (
        f"{higher} on {test.wins} of {test.n} corpora (exact sign test, {p_phrase(test.p_one_sided)} "
        f"one-sided, {p_phrase(test.p_two_sided)} two-sided)."
    )


def _significant(document: Statistics, a: str, b: str) -> Iterator[str]:
    after = "After correction" if document.correction else "Without correction"
    rows = [row for row in document.comparisons if (row.a, row.b) == (a, b)]
    found = [(row, row.p_adjusted if document.correction else row.p) for row in rows]
    each = [
        f"{markdown_text(row.label)} ({signed(row.difference)}, d = {number(row.cohens_d)}, {p_phrase(p)})"
        for row, p in found
        if p is not None and p < document.alpha
    ]
    text = (
        f"{after} {markdown_text(a)} differed from {markdown_text(b)} at {document.alpha} on {len(each)} of"
    )
    yield f"{text} {len(rows)}: {listed(each)}." if each else f"{text} {len(rows)}."


def _equivalences(document: Statistics) -> str:
    rows = [(row, row.equivalence.b) for row in document.comparisons if row.equivalence]
    arms = listed(list(dict.fromkeys(markdown_text(row.b) for row, _ in rows)))
    found = [markdown_text(row.label) for row, test in rows if test.equivalent]
    where = f" ({listed(found)})" if found else ""
    return (
        f"The mean {document.metric} of {arms} was equivalent to zero within ±{rows[0][1].margin} (two "
        f"one-sided t tests at {document.alpha}) in {len(found)} of {len(rows)} comparisons{where}."
    )


def _pooled(document: Statistics, meta: Meta) -> Iterator[str]:
    text = (
        f"The pooled d of {markdown_text(meta.a)} over {markdown_text(meta.b)} was {number(meta.pooled)} (95 "
        f"% CI {interval(meta.ci)}, z = {number(meta.z)}, {p_phrase(meta.p)}; k = {meta.k}), with I² = "
        f"{percent(meta.i2)} (Q({meta.q_df}) = {number(meta.q)}, {p_phrase(meta.q_p)}; τ² = "
        f"{number(meta.tau2)})."
    )
    if meta.hartung_knapp:
        knapp = meta.hartung_knapp
        text += f" The Hartung-Knapp interval is {interval(knapp.ci)} ({p_phrase(knapp.p)})."
    if meta.prediction_interval:
        text += f" The 95 % prediction interval for a new corpus is {interval(meta.prediction_interval)}."
    if plain := meta.difference:
        text += (
            f" In the unit of {document.metric} the pooled difference was {signed(plain.pooled)} (95 % CI "
            f"{interval(plain.ci, 3)})."
        )
    yield text
    if meta.influence:
        without = [(unit.without.pooled, markdown_text(unit.label)) for unit in meta.influence]
        (low, lowest), (high, highest) = min(without), max(without)
        yield (
            f"Leaving out one corpus at a time moves the pooled d between {number(low)} (without {lowest}) "
            f"and {number(high)} (without {highest})."
        )


def scaling(document: Statistics) -> Iterator[str]:
    """What predicts the metric."""
    if document.scaling:
        yield _scaling(document.scaling)


def _scaling(found: Scaling) -> str:
    parts = []
    for key, name in PREDICTORS.items():
        rho, r = found.predictors[key].spearman, found.predictors[key].pearson
        if rho.coefficient is not None:
            exact = "" if rho.p_exact is None else f", exact {p_phrase(rho.p_exact)}"
            parts.append(
                f"{markdown_text(name)}: Spearman rho = {number(rho.coefficient)} "
                f"({p_phrase(rho.p)}{exact}), Pearson r = {number(r.coefficient)} ({p_phrase(r.p)})"
            )
    text = f"The mean {found.metric} of {markdown_text(found.arm)} over {_corpora(found.n)} against "
    text += (
        "; ".join(parts) + "." if parts else f"its predictors: {found.reason or 'too few for a correlation'}."
    )
    law = found.power_law
    if law.a is None:
        return text
    return text + (
        f" The power law c {markdown_text('H(L1|L0)')}^a A^b, A the baseline's fine accuracy, has a = "
        f"{number(law.a, 1)} ± {number(law.a_se, 1)} and b = {number(law.b, 1)} ± {number(law.b_se, 1)} (± "
        f"standard error; R² = {number(law.r2, 3)})."
    )


def parabolas(document: Statistics) -> Iterator[str]:
    """Where curves over H(L0) turn."""
    for name, fit in document.quadratic.fits.items() if document.quadratic else ():
        text = f"Over H(L0) the parabola of {markdown_text(name)} (R² = {number(fit.r2, 3)}) "
        if not fit.inside:
            yield f"{text}has no vertex within the data."
            continue
        error = "" if fit.vertex_se is None else f" ± {number(fit.vertex_se)}"
        yield f"{text}has its {fit.kind} at {number(fit.vertex)}{error} bits."


def definitions(document: Statistics) -> Iterator[str]:
    """What other definitions of steerability say."""
    if (found := document.robustness) is None:
        return
    each = [
        f"{one.metric} {one.sign_test.wins}/{one.sign_test.n} ({p_phrase(one.sign_test.p_one_sided)})"
        for one in found.definitions
    ]
    arms = f"{markdown_text(found.a)} exceeds {markdown_text(found.b)}"
    yield f"Corpora on which {arms}, by definition (one-sided sign test): {listed(each)}."
    if found.missing:
        yield f"Not measured: {listed(found.missing)}."


def notes(document: Statistics) -> list[str]:
    """What to keep in mind when reading the numbers, as sentences in plain text; labels keep their case."""
    arms = {name for row in document.comparisons for name in (row.a, row.b)}
    arms |= {one.arm for one in document.described}
    shown = [note if note.split()[0] in arms else note[0].upper() + note[1:] for note in _notes(document)]
    return [f"{note.rstrip('.')}." for note in shown]


def _notes(document: Statistics) -> Iterator[str]:
    yield from document.notes
    if document.robustness and document.robustness.note:
        yield document.robustness.note
    for name, fit in document.quadratic.fits.items() if document.quadratic else ():
        if fit.remark:
            yield f"parabola of {name}: {fit.remark}"
    if figures := document.published:
        agreeing = sum(figure.agrees for figure in figures)
        yield (
            f"these are the paper's own measurements: {agreeing} of {len(figures)} printed figures follow "
            "from them to the last digit"
        )
    for reason, letter in reasons(document).items():
        yield f"{letter} {reason}"


def statistics_sections(document: Statistics) -> list[Section]:
    """Methods, results, tables, notes; those of which there is something to say."""
    written = [
        Section("Methods", list(methods(document))),
        Section("Results", list(results(document))),
        Section("Tables", statistics_tables(document)),
        Section("Notes", [markdown_text(note) for note in notes(document)]),
    ]
    return [section for section in written if section.parts]


def write_statistics(document: Statistics, form: str) -> str:
    """The section as text in one of `FORMATS`.

    Raises:
        RequestError: no such format, or CSV without any comparison.
    """
    if form == "csv":
        return comparisons_csv(document)
    writers = {"md": markdown_page, "latex": latex_page}
    if form not in writers:
        raise RequestError(f"--format {form}: expected {', '.join(FORMATS)}")
    return writers[form](TITLE, statistics_sections(document))


def comparisons_csv(document: Statistics) -> str:
    """The comparisons of a document as CSV, in full precision; of a document without any, the described arms.

    Nested keys are joined by dots, an interval becomes two columns, a list one cell.

    Raises:
        RequestError: there is neither.
    """
    rows = [_flat(to_json(row)) for row in document.comparisons or document.described]
    if not rows:
        raise RequestError("there is no comparison to write as CSV")
    stream = io.StringIO()
    columns = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {key: csv_text(cell) if isinstance(cell, str) else cell for key, cell in row.items()} for row in rows
    )
    return stream.getvalue()


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if key.endswith("ci"):
            low, high = value or (None, None)
            flat |= {f"{name}_low": low, f"{name}_high": high}
        elif isinstance(value, Mapping):
            flat |= _flat(value, f"{name}.")
        else:
            flat[name] = " ".join(map(str, value)) if isinstance(value, list | tuple) else value
    return flat
