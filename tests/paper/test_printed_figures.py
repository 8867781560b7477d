"""The paper's figures from the paper's own table, to the digits in which it prints them."""

import json
import math

import pytest

from fractalctl import paper
from fractalctl.documents import to_json
from fractalctl.statistics import (
    Options,
    analyse,
    hedges_correction,
    leave_one_out,
    pool,
    read_observations,
    sign_test,
)

ORDER = ["yahoo", "goemotions", "newsgroups", "trec", "arxiv", "dbpedia-classes", "clinc", "wos"]
P_ADJUSTED = ["0.666", "0.666", "0.414", "0.038", "0.078", "0.002", "0.004", "0.111"]
D = ["0.36", "0.49", "0.83", "2.35", "1.81", "5.52", "4.35", "1.51"]


@pytest.fixture(scope="session")
def paper_folder(data_folder):
    """Folder of the paper's printed tables as CSV; skips where there is none."""
    folder = data_folder.parent / "paper"
    if not (folder / "table11.csv").is_file():
        pytest.skip(f"no tables of the paper in {folder}")
    return folder


@pytest.fixture(scope="module")
def document(paper_folder):
    options = Options(
        correction="holm",
        meta=True,
        scaling=True,
        robustness=True,
        profiles=paper_folder / "table1.csv",
        quadratic=paper_folder / "table5.csv",
    )
    return paper.annotate(analyse(read_observations([paper_folder / "table11.csv"]), options))


def test_adjusted_p_and_d(document):
    rows = document.comparisons
    assert [row.corpus for row in rows] == ORDER
    assert [f"{row.p_adjusted:.3f}" for row in rows] == P_ADJUSTED
    assert [f"{row.cohens_d:.2f}" for row in rows] == D
    assert {row.df for row in rows} == {4}


def test_meta_analysis(document):
    meta = document.meta
    assert (f"{meta.pooled:.2f}", f"{meta.z:.2f}", f"{meta.p:.4f}") == ("1.49", "3.63", "0.0003")
    assert [f"{limit:.2f}" for limit in meta.ci] == ["0.69", "2.30"]
    assert f"{meta.i2:.2f}" == "0.63"
    assert [f"{limit:.2f}" for limit in meta.prediction_interval] == ["-0.86", "3.85"]


def test_the_printed_prediction_interval_is_that_of_seven_corpora(document):
    (without,) = (unit.without for unit in document.meta.influence if unit.label == "dbpedia-classes")
    assert [f"{limit:.2f}" for limit in without.prediction_interval] == ["-0.70", "3.18"]
    assert f"{without.pooled:.2f}" == "1.24"


def test_sign_test(document):
    assert document.sign_test.wins == document.sign_test.n == 8
    assert f"{document.sign_test.p_one_sided:.3f}" == "0.004"
    assert f"{document.sign_test.p_two_sided:.3f}" == "0.008"


def test_scaling(document):
    found = document.scaling.predictors
    for name, rho, p in (
        ("depth", "0.74", "0.035"),
        ("baseline_accuracy", "0.69", "0.058"),
        ("product", "0.90", "0.002"),
    ):
        spearman = found[name].spearman
        assert (f"{spearman.coefficient:.2f}", f"{spearman.p:.3f}") == (rho, p)
    assert f"{found['product'].pearson.coefficient:.2f}" == "0.97"
    assert found["product"].pearson.p < 0.001
    law = document.scaling.power_law
    assert [f"{value:.1f}" for value in (law.a, law.a_se, law.b, law.b_se)] == ["1.6", "0.3", "1.2", "0.2"]
    assert f"{law.r2:.3f}" == "0.957"


SPEARMAN = {
    None: (0.7425, 0.035), "yahoo": (0.61, 0.144), "goemotions": (0.64, 0.119), "newsgroups": (0.71, 0.071),
    "trec": (0.83, 0.021), "arxiv": (0.775, 0.041), "dbpedia-classes": (0.72, 0.068), "clinc": (0.72, 0.068),
    "wos": (0.865, 0.012),
}  # fmt: skip
"""Of Table 12, which prints 0.7748 and 0.8649 as 0.78 and 0.87: rounded to three digits, then to two."""

PEARSON = {
    None: (0.49, 0.218), "yahoo": (0.40, 0.376), "goemotions": (0.445, 0.318), "newsgroups": (0.47, 0.289),
    "trec": (0.48, 0.272), "arxiv": (0.495, 0.259), "dbpedia-classes": (0.49, 0.261), "clinc": (0.34, 0.457),
    "wos": (0.91, 0.004),
}  # fmt: skip
"""Of Table 12, from entropies of full precision; it prints 0.4446 and 0.4950 as 0.45 and 0.50."""


def test_leave_one_out_of_spearman(document):
    for row in document.scaling.predictors["depth"].leave_one_out:
        rho, p = SPEARMAN[row.dropped]
        assert row.spearman.coefficient == pytest.approx(rho, abs=0.0051)
        assert f"{row.spearman.p:.3f}" == f"{p:.3f}"


def test_leave_one_out_of_pearson_needs_entropies_of_full_precision(document):
    """Table 1 rounds the entropies; CLINC's is log2(15): fifteen equally likely intents in each domain."""
    found = document.scaling.predictors["depth"]
    for row in found.leave_one_out:
        assert row.pearson.p == pytest.approx(PEARSON[row.dropped][1], abs=0.0016)
    assert found.cooks_distance["wos"] == pytest.approx(3.68, abs=0.03)
    means = [point.mean for point in document.scaling.points]
    entropies = [1.2288, 1.8815, 1.8815, 2.2082, 2.6238, 3.17, math.log2(15), 5.05]
    for row in leave_one_out(entropies, means, ORDER):
        r, p = PEARSON[row.dropped]
        assert row.pearson.coefficient == pytest.approx(r, abs=0.0051)
        assert row.pearson.p == pytest.approx(p, abs=0.00051)


def test_bootstrap_share(document):
    share = document.scaling.predictors["depth"].bootstrap.share_positive
    assert share == pytest.approx(0.98, abs=0.004)


def test_parabola_of_the_synthetic_hierarchies(document):
    fit = document.quadratic.fits["v5"]
    assert (f"{fit.r2:.3f}", f"{fit.vertex:.2f}", fit.kind) == ("0.964", "4.39", "maximum")
    assert "3.6 to 4.0 bits" in fit.remark
    assert document.quadratic.fits["mrl"].remark is None


def test_what_disagrees_is_listed_with_its_reason(document):
    wrong = {figure.name: figure for figure in document.published if not figure.agrees}
    assert len(document.published) == 105
    assert len(wrong) == 17
    assert all(figure.remark for figure in wrong.values())
    assert wrong["prediction interval, lower limit"].printed == "-0.70"
    assert "seven corpora without DBpedia Classes" in wrong["prediction interval, lower limit"].remark
    assert "Table 12, nothing dropped, p of r" in wrong


def test_only_the_papers_table_is_set_beside_the_paper(paper_folder):
    measured = read_observations([paper_folder / "table11.csv"])
    assert paper.beside(analyse(measured[:-20], Options())) == []
    without_correction = paper.beside(analyse(measured, Options()))
    assert not any("adjusted p" in figure.name for figure in without_correction)
    assert any("gap" in figure.name for figure in without_correction)


def test_sign_test_of_table_10():
    assert f"{sign_test([-0.10, -0.07, 0.03, 0.27, 0.17, 0.33, 0.27, 0.30]).p_one_sided:.2f}" == "0.14"


def test_corrections_of_g_that_the_paper_names():
    assert hedges_correction(4) == pytest.approx(0.80, abs=0.005)
    assert hedges_correction(2) == pytest.approx(0.57, abs=0.01)


def test_the_document_is_json_without_nan(document):
    assert json.loads(json.dumps(to_json(document), allow_nan=False))


def test_pooling_seven_published_effects():
    """The per-corpus effects as published with the paper's code, before the eighth corpus."""
    d = [0.3647264785521421, 0.49190985824841515, 0.8271027384366041, 2.3523805972970373, 1.808912642571113,
         4.346984838244689, 1.5103864464536398]  # fmt: skip
    found = pool(d, [1 / 5 + effect**2 / 10 for effect in d])
    assert found.pooled == pytest.approx(1.2418498919552772)
    assert found.tau2 == pytest.approx(0.4414703307056912)
    assert found.prediction_interval == pytest.approx((-0.6968844222993471, 3.1805842062099012), abs=1e-6)
