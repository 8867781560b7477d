"""What predicts how steerable a corpus becomes."""

from typing import TYPE_CHECKING

from fractalctl.documents.pooled import Scaling
from fractalctl.numbers import number, p_phrase
from fractalctl.report.figures import COLOURS, frame, new_figure, wrapped
from fractalctl.report.prose import scaling
from fractalctl.report.results import Results, named, where
from fractalctl.report.sections.comparisons import of_evaluations
from fractalctl.report.statistics_tables import FEWEST, scaling_tables
from fractalctl.tables import Part, Picture, Section

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ORDER = 51
AXES = {"depth": "H(finest | L0), bits", "product": "H(finest | L0) x backbone's fine accuracy"}


def build(results: Results) -> Section | None:
    """The report's part on scaling; None where too few corpora were measured."""
    parts: list[Part] = []
    for document in of_evaluations(results):
        found = document.scaling
        if found and found.n >= FEWEST:
            caption = (
                f"Mean {found.metric} of {found.arm} per corpus, {where(document) or document.protocol}, "
                "against the depth of the label tree and its product with the accuracy of the backbone's "
                "own features."
            )
            name = named(document, "scaling")
            parts += [*scaling(document), *scaling_tables(document)]
            parts.append(Picture(name, caption, lambda found=found: _draw(found)))  # type: ignore[misc]
    return Section("Scaling over corpora", parts, ORDER) if parts else None


def _draw(found: Scaling) -> "Figure":
    figure = new_figure(8.0, 3.4)
    for axes, (name, label) in zip(figure.subplots(1, 2, sharey=True), AXES.items(), strict=True):
        x = {point.label: getattr(point, name) for point in found.points}
        middle = sum(x.values()) / len(x)
        for point in found.points:
            place = x[point.label], point.mean
            axes.plot(*place, "o", color=COLOURS[0])
            offset, side = ((4, 4), "left") if x[point.label] < middle else ((-4, 4), "right")
            axes.annotate(point.label, place, offset, textcoords="offset points", fontsize="small", ha=side)
        rho = found.predictors[name].spearman
        title = f"rho = {number(rho.coefficient)}, {p_phrase(rho.p)}"
        frame(axes, zero=True, xlabel=label, title=title)
        axes.margins(0.18)
    figure.axes[0].set_ylabel(wrapped(f"{found.metric} of {found.arm}", 40))
    return figure
