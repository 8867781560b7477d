"""What predicts how steerable a corpus becomes."""

from typing import TYPE_CHECKING

from fractalctl.documents.pooled import Scaling
from fractalctl.numbers import number, p_phrase, signed
from fractalctl.report.figures import COLOURS, frame, new_figure, wrapped
from fractalctl.report.frontier_figure import label_beside
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
            top = max(found.points, key=lambda point: point.mean)
            alt = f"{caption} The largest mean is that of {top.label} ({signed(top.mean)})."
            parts.append(Picture(name, caption, lambda found=found: _draw(found), alt))  # type: ignore[misc]
    return Section("Scaling over corpora", parts, ORDER) if parts else None


def _draw(found: Scaling) -> "Figure":
    figure = new_figure(10.0, 3.6)
    for axes, (name, label) in zip(figure.subplots(1, 2, sharey=True), AXES.items(), strict=True):
        points = sorted(found.points, key=lambda point: point.mean)
        for point in points:
            axes.plot(getattr(point, name), point.mean, "o", color=COLOURS[0])
        rho = found.predictors[name].spearman
        title = f"rho = {number(rho.coefficient)}, {p_phrase(rho.p)}"
        frame(axes, zero=True, xlabel=label, title=title)
        axes.margins(0.1)
        label_beside(axes, [(getattr(point, name), point.mean, point.label, "black") for point in points])
    figure.axes[0].set_ylabel(wrapped(f"{found.metric} of {found.arm}", 40))
    return figure
