"""Figures: the same bytes each time, arms that are told apart, and what alternative texts say."""

import pytest

from fractalctl.report import Results
from fractalctl.report.figures import highest, save_figure
from fractalctl.report.sections import accuracy, steerability
from fractalctl.tables import Picture, Section
from tests.report import documents as made
from tests.report.documents import DIMS, SEEDS


def the_picture(section: Section | None) -> Picture:
    assert section
    (picture,) = (part for part in section.parts if isinstance(part, Picture))
    return picture


def test_files_of_a_figure_are_the_same_bytes_each_time(tmp_path) -> None:
    pytest.importorskip("matplotlib")
    picture = the_picture(steerability.build(Results(evaluations=made.evaluations())))
    files = [save_figure(picture.draw(), tmp_path / name) for name in ("first.png", "second")]
    assert [path.name for path in files[0]] == ["first.png", "first.pdf"]
    first, second = ([path.read_bytes() for path in paths] for paths in files)
    assert first == second
    assert b"/Type3" not in first[1]


def test_a_figure_of_many_arms_keeps_them_apart() -> None:
    many = {f"arm-{number}": [0.01 * number, 0.01 * number + 0.02] for number in range(9)}
    picture = the_picture(accuracy.build(Results(evaluations=made.evaluations(many))))
    panels = [axes for axes in picture.draw().axes if axes.has_data()]
    lines = [line for axes in panels[:3] for line in axes.lines if len(line.get_xdata()) == len(DIMS)]
    looks = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in lines}
    assert len([look for look in looks if look[2] in "osv^DPX"]) == len(many)
    assert {len([line for line in axes.lines if line.get_marker() in "osv^DPX"]) for axes in panels} == {4, 1}
    row = [axes.get_ylim() for axes in panels[:3]]
    assert row == row[:1] * 3, "one range for a row"
    assert len(SEEDS) == 4


def test_a_length_without_a_value_is_never_the_highest() -> None:
    nothing = float("nan")
    lines = {"a": ([64, 256], [[nothing, 91.0]]), "b": ([64, 256], [[80.0, 90.0]])}
    assert highest({"L0": lines}) == "L0: the highest are b at 64 (80.0) and a at 256 (91.0)."
    assert highest({"L0": lines, "L1": {"a": ([64], [[nothing]])}}) == highest({"L0": lines})
