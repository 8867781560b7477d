"""What the reports of all axes of ablations share: files by setting, S at a point, tests in a table."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fractalctl.report.figures import COLOURS, MARKERS, half_width, in_order
from fractalctl.report.markdown import number, probability
from fractalctl.report.measured import ARMS
from fractalctl.report.runs import Document
from fractalctl.report.settings import PAPER_PROTOCOL
from fractalctl.statistics.comparisons import Comparison
from fractalctl.statistics.reading import encoder_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STYLES = ("-", "--", ":", "-.")
APART = 0.012
"""How far the bars of neighbouring lines stand apart, as a share of the axis."""
NO_TEST = ("-", "-", "-")


def by_setting(documents: Sequence[Document]) -> dict[str, list[Document]]:
    """Ablations by encoder and protocol, whose numbers may stand in one table."""
    found = defaultdict(list)
    for document in documents:
        found[f"{encoder_of(document)}, {document['protocol']}"].append(document)
    return dict(found)


def slug(name: str) -> str:
    """A setting in names of files."""
    return name.replace("+", "-").replace(", ", "-")


def asked(documents: Sequence[Document]) -> str:
    """How many rows asked, for captions."""
    return ", ".join(f"{one['n_queries']} on {one['corpus']}" for one in documents)


def is_papers(document: Document) -> bool:
    """Whether the paper's numbers were taken in this way."""
    return bool(document["protocol"] == PAPER_PROTOCOL)


def strategies_of(document: Document) -> list[str]:
    """Every strategy, in the usual order."""
    return in_order(run["strategy"] for run in document["runs"])


def shown(document: Document) -> list[str]:
    """v5 and mrl where one of them is there, else every strategy."""
    found = strategies_of(document)
    return [name for name in ARMS if name in found] or found


def steerability_at(document: Document, strategy: str, point: Any) -> list[float]:
    """S of every seed of a strategy at one point of the axis."""
    varied = document["varied"]
    return [
        run["steerability"]["S"]
        for run in document["runs"]
        if run["strategy"] == strategy and run[varied] == point
    ]


def by_arms(compared: Sequence[Comparison]) -> Mapping[tuple[str, str, str], Comparison]:
    """Comparisons by corpus and the names of both arms."""
    return {(row.unit.corpus, row.a, row.b): row for row in compared}


def test_cells(row: Comparison | None) -> Sequence[str]:
    """Paired t, adjusted p and paired d."""
    if row is None:
        return NO_TEST
    p = f"{probability(row.p_adjusted)} (m = {row.family_size})"
    return number(row.test.t, ".1f"), p, number(row.effects.cohens_d, ".1f")


def draw_steerability(
    axes: "Axes", document: Document, strategy: str, label: str, colour: int, style: int, shift: float = 0
) -> None:
    """S over the points of an axis: means over seeds, bars are 95 % intervals of the mean (Student's t).

    Args:
        axes: where.
        document: an ablation along an axis with points.
        strategy: whose line.
        label: for the legend.
        colour: place in the palette, of the marker too.
        style: place among the styles of lines.
        shift: to the right, as a share of the axis, so that the bars of several lines stay apart.
    """
    points = document["values"]
    values = np.array([steerability_at(document, strategy, point) for point in points]).T
    look: dict[str, Any] = {
        "color": COLOURS[colour % len(COLOURS)],
        "marker": MARKERS[colour % len(MARKERS)],
        "linestyle": STYLES[style % len(STYLES)],
        "markerfacecolor": "white" if style else None,
    }
    apart = np.array(points) + shift * (max(points) - min(points))
    axes.errorbar(apart, values.mean(axis=0), yerr=half_width(values), label=label, capsize=3, **look)
