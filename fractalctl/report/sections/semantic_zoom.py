"""Semantic zoom: what a query finds at every length."""

from collections.abc import Sequence

from fractalctl.numbers import percents
from fractalctl.report.results import Results, corpus_names
from fractalctl.statistics.observations import grouped
from fractalctl.tables import Section, Slider, Table

ORDER = 5


def build(results: Results) -> Section | None:
    """The slider, and its shares as tables."""
    if not results.zooms:
        return None
    text = (
        "One vector per text: its first numbers answer the coarse question, all of them the fine one. "
        "Lengthen the vector, and see which training rows are nearest to a test query."
    )
    titles = {one.features.identity: one.profile.titles for one in results.evaluations}
    slider = Slider(results.zooms, titles)
    return Section("Semantic zoom", [text, slider, *overview_tables(slider)], ORDER)


def overview_tables(slider: Slider) -> list[Table]:
    """What the slider shows of all test queries, for those who cannot move it; a table for equal lengths."""
    caption = (
        "% of the k nearest training rows that have the query's class, mean over all test queries; one head "
        "each of the seed named."
    )
    tables, zooms = [], slider.zooms
    named = zip(corpus_names(zooms), zooms, strict=True)
    for dims, found in grouped(named, lambda pair: tuple(pair[1].dims)).items():
        rows: list[list[object]] = [
            [corpus, zoom.backbone, arm, title, zoom.seed, zoom.k, zoom.n_queries, *_at(shares, level, dims)]
            for corpus, zoom in found
            for arm, shares in zoom.shares.items()
            for level, title in slider.called(zoom).items()
        ]
        columns = ["corpus", "backbone", "arm", "level", "seed", "k", "queries", *(f"@{d}" for d in dims)]
        name = f"zoom-{'-'.join(map(str, dims))}"
        tables.append(Table(name, caption, columns, rows, left=4, folded=True))
    return tables


def _at(shares: dict[str, dict[str, float]], level: str, dims: Sequence[int]) -> list[str]:
    return [percents([shares[str(length)][level]]) for length in dims]
