"""The frontier as a report draws it."""

import itertools

import msgspec
import pytest

from fractalctl.documents.compare import ArmsCompared
from fractalctl.report import Results, report_sections
from fractalctl.report.figures import ROOM, label_beside, new_figure, spaced
from fractalctl.report.sections import frontier
from fractalctl.report.sections.frontier import draw_frontier
from fractalctl.statistics.summary import compare_all
from fractalctl.tables import Picture, Table
from tests.statistics.material import evaluation, parts, random_hits

Text = pytest.importorskip("matplotlib.text").Text
FigureCanvasAgg = pytest.importorskip("matplotlib.backends.backend_agg").FigureCanvasAgg
ARMS = ("v5", "mrl", "lda", "zoom-0.9", "an-arm-of-a-long-name-epochs=10")


@pytest.fixture
def evaluations():
    return [
        evaluation(
            random_hits(seed, 0.1 * place), corpus=corpus, strategy=arm, seed=seed, protocol="index",
            metrics=parts(0.7 + 0.01 * place, 0.95, (0.6, 0.7)),
        )
        for corpus in ("clinc", "trec")
        for place, arm in enumerate(ARMS)
        for seed in (1, 2, 3)
    ]  # fmt: skip


@pytest.fixture
def document(evaluations) -> ArmsCompared:
    (found,) = compare_all(evaluations)
    return found


def test_the_section_is_there_where_evaluations_have_what_it_needs(evaluations, document) -> None:
    results = Results(evaluations=evaluations, compared=[document])
    titles = [section.title for section in report_sections(results)]
    assert titles.index("The frontier") == titles.index("Steerability") + 1
    assert {"Leakage", "Cascades"} <= set(titles)
    section = frontier.build(results)
    names = [part.name for part in section.parts if isinstance(part, Table | Picture)]
    assert names == [
        *(f"frontier-{corpus}-index" for corpus in ("clinc", "trec")),
        "frontier-tests-minilm-index",
        "frontier-ranks-minilm-index",
        *(f"frontier-{corpus}-minilm-index" for corpus in ("clinc", "trec")),
    ]
    assert frontier.build(Results(evaluations=evaluations)) is None


def test_the_table_shows_means_with_intervals_and_who_is_beaten(document) -> None:
    table = frontier.tables(document)[0]
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert list(rows) == [*ARMS, "minilm, cut"]
    cut = document.places[0].untrained[0]
    assert rows["minilm, cut"]["L0@64"] == f"{100 * cut.measures['short_coarse']:.1f}"
    for one in document.places[0].arms:
        row, leakage = rows[one.arm], one.measures["leakage"]
        assert row["leakage"] == f"{100 * leakage.mean:.1f} ± 0.0"
        assert row["frontier"] == ("yes" if not one.dominated_by else "no" if one.clearly else "maybe")
        assert (row["cost"], row["bytes"], "head kB" in row) == ("0.26", 1024, False), "nobody knows it"
        half = (one.measures["S"].ci[1] - one.measures["S"].ci[0]) / 2
        assert row["S"].endswith(f"± {half:.3f}")
    assert "L0 60.0 % (linear classifier), L1 70.0 % (linear classifier)" in table.caption
    assert {"L0@64", "L1@256"} <= set(table.columns)


def test_arms_of_other_lengths_share_a_table_that_names_no_length(document, evaluations) -> None:
    odd = evaluation(
        random_hits(1), strategy="odd", protocol="index", metrics=parts(), settings={"dims": [32]}
    )
    odd = msgspec.structs.replace(odd, dims=[64, 256], accuracy={k: odd.accuracy[k] for k in ("64", "256")})
    (found,) = compare_all([*evaluations, odd])
    assert {"L0@short", "L1@full"} <= set(frontier.tables(found)[0].columns)


def test_every_arm_has_a_line_of_its_own_and_the_frontier_is_on_top(document) -> None:
    figure = draw_frontier(document)
    FigureCanvasAgg(figure).draw()
    assert len(figure.axes) == 4 * len(document.places)
    for axes, place in zip(figure.axes[::4], document.places, strict=True):
        best = {one.arm for one in place.arms if not one.dominated_by}
        named = [text.get_text().replace("\n", "") for text in axes.get_yticklabels()]
        assert set(named) == set(ARMS)
        assert set(named[: len(best)]) == best
        boxes = [Text.get_window_extent(text) for text in axes.get_yticklabels()]
        assert all(above.y0 >= below.y0 for above, below in itertools.pairwise(boxes))
        faces = [line.get_markerfacecolor() for line in axes.lines if line.get_marker() == "o"]
        assert [face != "white" for face in faces] == [name in best for name in named]


def test_a_mean_is_drawn_where_it_is(document) -> None:
    figure = draw_frontier(document)
    place = document.places[0]
    names = [text.get_text().replace("\n", "") for text in figure.axes[0].get_yticklabels()]
    drawn = [line.get_xdata()[0] for line in figure.axes[2].lines if line.get_marker() == "o"]
    leakage = {one.arm: 100 * one.measures["leakage"].mean for one in place.arms}
    assert drawn == pytest.approx([leakage[name] for name in names])
    (line,) = [one for one in figure.axes[0].lines if one.get_label() == "minilm, cut"]
    assert line.get_xdata()[0] == pytest.approx(100 * place.untrained[0].measures["short_coarse"])


def test_labels_beside_a_panel_never_lie_on_each_other() -> None:
    figure = new_figure(4, 3)
    axes = figure.subplots()
    points = [(0.1 * place, 0.5 + 0.001 * place, f"arm-{place}", "black") for place in range(9)]
    axes.plot([0, 1], [0, 1])
    label_beside(axes, points)
    FigureCanvasAgg(figure).draw()
    boxes = [Text.get_window_extent(text) for text in axes.texts]  # of an annotation, without its arrow
    assert len(boxes) == len(points)
    for below, above in itertools.pairwise(sorted(boxes, key=lambda box: box.y0)):
        assert above.y0 - below.y0 > 0.8 * below.height
    assert all(box.x0 > axes.get_window_extent().x1 for box in boxes)


@pytest.mark.parametrize(
    "wanted", [[0.5] * 12, [0.0, 0.0, 0.0], [1.0, 1.0], [0.1, 0.12, 0.5, 0.53, 0.95], [0.3], [0.2] * 60]
)
def test_heights_are_apart_in_order_and_inside(wanted: list[float]) -> None:
    found = spaced(wanted)
    room = min(ROOM, 1 / max(1, len(wanted) - 1))
    assert all(b - a >= room - 1e-9 for a, b in itertools.pairwise(found))
    assert min(found) >= -1e-9
    assert max(found) <= 1 + 1e-9
    if all(b - a >= room for a, b in itertools.pairwise(wanted)):
        assert found == pytest.approx(wanted)
