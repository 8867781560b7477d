"""The forest plot: what is drawn, and into which files."""

import sys
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from fractalctl.errors import MissingExtraError
from fractalctl.report.forest import _draw, draw_forest
from fractalctl.statistics import Options, analyse
from tests.statistics.material import observations
from tests.statistics.test_document import CORPORA


@pytest.fixture
def meta() -> dict:
    return analyse(observations(CORPORA), Options(meta=True))["meta"]


def test_writes_png_and_pdf(meta: dict, tmp_path: Path):
    png, pdf = draw_forest(meta, tmp_path / "forest")
    assert png.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert pdf.read_bytes()[:5] == b"%PDF-"
    assert b"/Type3" not in pdf.read_bytes()
    assert sorted(tmp_path.iterdir()) == [pdf, png]


def test_equal_plots_are_equal_files(meta: dict, tmp_path: Path):
    first, second = (draw_forest(meta, tmp_path / name) for name in ("a.png", "b.v2"))
    assert second[1].name == "b.v2.pdf"
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_draws_every_unit_the_pooled_effect_and_the_prediction_interval(meta: dict):
    axes = Figure().add_subplot()
    _draw(axes, meta)
    texts = [text.get_text() for text in axes.texts]
    assert set(CORPORA) | {"pooled", "prediction interval"} <= set(texts)
    low, high = meta["ci"]
    assert f"{meta['pooled']:.2f} [{low:.2f}, {high:.2f}]" in texts
    sizes = [float(collection.get_sizes()[0]) for collection in axes.collections]
    assert sizes == pytest.approx([70 * weight / max(meta["weights"]) for weight in meta["weights"]])


def test_two_units_have_no_prediction_interval(tmp_path: Path):
    two = analyse(observations({name: CORPORA[name] for name in ("c1", "c2")}), Options(meta=True))["meta"]
    axes = Figure().add_subplot()
    _draw(axes, two)
    assert "prediction interval" not in [text.get_text() for text in axes.texts]


def test_without_matplotlib_the_extra_is_named(meta: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(
        MissingExtraError, match=r"drawing figures needs the extra 'plot': pip install 'fractalctl\[plot\]'"
    ):
        draw_forest(meta, tmp_path / "forest")
