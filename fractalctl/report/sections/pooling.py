"""Effects pooled over corpora."""

from collections.abc import Iterator

from fractalctl.documents.pooled import Meta
from fractalctl.documents.statistics import Statistics
from fractalctl.numbers import interval, number
from fractalctl.report.forest import forest_figure
from fractalctl.report.prose import pooled
from fractalctl.report.results import Results, named, slug, where
from fractalctl.report.sections.comparisons import of_evaluations
from fractalctl.report.statistics_tables import meta_tables
from fractalctl.tables import Part, Picture, Section

ORDER = 50


def build(results: Results) -> Section | None:
    """The report's part on pooled effects; None where too few corpora were measured."""
    parts: list[Part] = []
    for document in of_evaluations(results):
        if document.meta and document.meta.k > 1:
            parts += [*pooled(document), *meta_tables(document), *_pictures(document)]
    return Section("Pooled over corpora", parts, ORDER) if parts else None


def _pictures(document: Statistics) -> Iterator[Picture]:
    for pair in document.over_corpora():
        if pair.meta:
            yield _picture(document, pair.meta)


def _picture(document: Statistics, meta: Meta) -> Picture:
    caption = (
        f"Paired d of {meta.a} over {meta.b} per corpus and pooled, {where(document) or document.protocol}; "
        "bars are 95 % intervals, squares are as large as the corpus's weight, the grey bar is where a new "
        "corpus is to be expected."
    )
    name = named(document, f"forest-{slug(meta.a)}-{slug(meta.b)}")
    above = sum(one.effect > 0 for one in meta.effects)
    alt = (
        f"{meta.a} over {meta.b}: the effect is above zero on {above} of {len(meta.effects)} corpora; "
        f"pooled d {number(meta.pooled)}, 95 % interval {interval(meta.ci)}."
    )
    return Picture(name, caption, lambda: forest_figure(meta), alt)
