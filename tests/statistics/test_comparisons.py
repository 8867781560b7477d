"""Comparisons of strategies: pairing, families, the paper's ablation table."""

import numpy as np
import pytest
from scipy import stats

from fractalctl.documents import to_json
from fractalctl.errors import RequestError
from fractalctl.statistics import Observation, adjust, compare, default_pairs, describe
from tests.statistics.material import observations

VALUES = {
    "clinc": {"v5": [0.10, 0.18, 0.15, 0.17, 0.15], "mrl": [0.01, 0.03, 0.01, -0.02, 0.0]},
    "trec": {"v5": [0.02, 0.06, 0.05, 0.04, 0.05], "mrl": [0.0, 0.02, -0.01, 0.0, -0.01]},
}


def test_every_figure_of_a_row():
    row = to_json(compare(observations(VALUES), correction="holm")[0])
    a, b = (np.array(VALUES["clinc"][arm]) for arm in ("v5", "mrl"))
    expected = stats.ttest_rel(a, b)
    assert (row["corpus"], row["a"], row["b"], row["n"], row["unit"]) == ("clinc", "v5", "mrl", 5, "seed")
    assert (row["mean_a"], row["sd_a"]) == pytest.approx((a.mean(), a.std(ddof=1)))
    assert (row["mean_b"], row["sd_b"]) == pytest.approx((b.mean(), b.std(ddof=1)))
    assert (row["difference"], row["t"], row["p"]) == pytest.approx(
        ((a - b).mean(), expected.statistic, expected.pvalue)
    )
    assert row["cohens_d"] == pytest.approx(expected.statistic / np.sqrt(5))
    assert row["p_adjusted"] == pytest.approx(2 * row["p"])
    assert row["df"] == 4
    assert row["wilcoxon"]["p"] == row["permutation"]["p"] == 0.0625
    assert row["reason"] is None
    wanted = {"corpus", "a", "b", "n", "mean_a", "sd_a", "mean_b", "sd_b", "difference", "t", "df", "p",
              "p_adjusted", "cohens_d", "hedges_g"}  # fmt: skip
    assert wanted <= row.keys()


def test_corpora_keep_their_order_and_pairs_follow_each_other():
    rows = compare(
        observations({"wos": VALUES["trec"], "arxiv": VALUES["clinc"]}), [("v5", "mrl"), ("mrl", "v5")]
    )
    assert [(row.corpus, row.a) for row in rows] == [
        ("wos", "v5"),
        ("wos", "mrl"),
        ("arxiv", "v5"),
        ("arxiv", "mrl"),
    ]
    assert rows[0].t == pytest.approx(-rows[1].t)


def test_without_a_correction_there_is_no_adjusted_p():
    (row, _) = compare(observations(VALUES))
    assert row.p_adjusted is None
    assert row.correction is None
    assert row.family_size == 2


def test_seeds_pair_whatever_their_order():
    shuffled = sorted(
        observations(VALUES), key=lambda one: (one.corpus, -one.seed if one.arm == "v5" else one.seed)
    )
    assert compare(shuffled)[0].t == pytest.approx(compare(observations(VALUES))[0].t)


def test_an_unpaired_seed_is_named():
    values = {"clinc": {"v5": [0.1, 0.2, 0.15], "mrl": [0.0, 0.01]}}
    with pytest.raises(
        RequestError, match=r"clinc: seeds pair the arms, but mrl lacks 2; .* --allow-unpaired"
    ):
        compare(observations(values))
    (row,) = compare(observations(values), allow_unpaired=True)
    assert row.seeds == [0, 1]
    disjoint = [Observation("clinc", "v5", 1, {"S": 0.1}), Observation("clinc", "mrl", 2, {"S": 0.0})]
    with pytest.raises(RequestError, match="v5 lacks 2; mrl lacks 1; none is in both"):
        compare(disjoint, allow_unpaired=True)


def test_heads_that_were_evaluated_differently_are_not_compared():
    arms = [Observation("clinc", arm, 1, {"S": 0.1}, conditions={"n_queries": n}, source=f"{arm}.json")
            for arm, n in (("v5", 500), ("mrl", 2000))]  # fmt: skip
    with pytest.raises(RequestError, match=r"'n_queries' is 500 in v5\.json but 2000 in mrl\.json"):
        compare(arms)


def test_protocols_are_not_mixed():
    mixed = [*observations(VALUES, protocol="loo"), *observations(VALUES, protocol="index")]
    with pytest.raises(RequestError, match="not comparable across protocols, and these are of loo and index"):
        compare(mixed)


def test_a_corpus_without_one_arm_is_left_out():
    rows = compare(observations({**VALUES, "wos": {"v5": [0.1]}}))
    assert [row.corpus for row in rows] == ["clinc", "trec"]
    with pytest.raises(RequestError, match="with both v5 and uhmt; arms there are: mrl, v5"):
        compare(observations(VALUES), [("v5", "uhmt")])


def test_one_seed_gives_means_and_a_reason():
    (row,) = compare(observations({"clinc": {"v5": [0.1], "mrl": [0.02]}}), correction="holm")
    document = to_json(row)
    assert document["difference"] == pytest.approx(0.08)
    assert (document["t"], document["p"], document["p_adjusted"], document["sd_a"], document["cohens_d"]) == (
        None,
    ) * 5
    assert "needs at least two" in document["reason"]
    assert row.family_size == 0


def test_a_place_with_one_seed_is_no_test_of_an_arm():
    found = describe(observations({"clinc": {"v5": [0.1, 0.2]}, "trec": {"v5": [0.1]}}), correction="holm")
    assert [(row.corpus, row.family_size) for row in found] == [("clinc", 1), ("trec", 1)]
    assert (found[0].zero.p_adjusted, found[1].zero.p_adjusted) == (found[0].zero.test.p, None)


def test_equal_arms_give_p_one():
    (row,) = compare(observations({"clinc": {"v5": [0.1, 0.2], "mrl": [0.1, 0.2]}}))
    assert (row.p, row.permutation.p, row.wilcoxon.p, row.cohens_d) == (1.0, 1.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("arms", "reference", "pairs"),
    [
        (["mrl", "v5"], None, [("v5", "mrl")]),
        (["lda", "mrl", "v5"], None, [("v5", "mrl")]),
        (["mine", "theirs"], None, [("mine", "theirs")]),
        (["a", "b", "c"], None, [("b", "a"), ("c", "a")]),
        (["mrl", "zoom"], None, [("zoom", "mrl")]),
        (["lda", "pca", "raw", "zoom"], None, [("lda", "raw"), ("pca", "raw"), ("zoom", "raw")]),
        (["lda", "mrl", "v5"], "lda", [("mrl", "lda"), ("v5", "lda")]),
        (["v5"], None, []),
    ],
)
def test_default_pairs(arms: list[str], reference: str | None, pairs: list[tuple[str, str]]):
    assert default_pairs(arms, reference) == pairs


def test_an_unknown_reference_lists_the_arms():
    with pytest.raises(RequestError, match="no arm 'lda' to compare with; there are: a, b"):
        default_pairs(["a", "b"], "lda")


TABLE_4 = ("perturbation=inverted,no-prefix", "awareness=uhmt")


def test_the_families_of_the_ablation_table():
    """Over two corpora, four perturbation tests form one family and two tests of awareness another."""
    generator = np.random.default_rng(0)
    values = {
        corpus: {arm: list(generator.normal(mean, 0.02, 5)) for arm, mean in
                 (("v5", 0.05), ("inverted", -0.02), ("no-prefix", 0.01), ("uhmt", 0.0))}
        for corpus in ("clinc", "trec")
    }  # fmt: skip
    pairs = [("v5", other) for other in ("inverted", "no-prefix", "uhmt")]
    rows = compare(observations(values), pairs, correction="holm", families=TABLE_4)
    perturbations = [row for row in rows if row.family == "perturbation"]
    assert [(row.corpus, row.b) for row in perturbations] == [
        ("clinc", "inverted"), ("clinc", "no-prefix"), ("trec", "inverted"), ("trec", "no-prefix"),
    ]  # fmt: skip
    assert {row.family_size for row in perturbations} == {4}
    assert [row.p_adjusted for row in perturbations] == adjust([row.p for row in perturbations], "holm")
    assert [row.family_size for row in rows if row.family == "awareness"] == [2, 2]


def test_table_4_is_of_paired_tests():
    """Its t, d and p agree with each other: d = t / sqrt(n), and Holm's families run over both corpora."""
    for t, n, d in (
        (25.5, 5, 11.4),
        (13.7, 5, 6.1),
        (14.6, 5, 6.5),
        (4.5, 3, 2.6),
        (2.7, 3, 1.5),
        (7.7, 3, 4.4),
    ):
        assert t / np.sqrt(n) == pytest.approx(d, abs=0.08)
    p = [2 * stats.t.sf(t, n - 1) for t, n in ((25.5, 5), (13.7, 5), (4.5, 3), (2.7, 3))]
    assert adjust(p, "holm")[2:] == pytest.approx([0.092, 0.116], abs=0.003)
    assert adjust([2 * stats.t.sf(14.6, 4), 2 * stats.t.sf(7.7, 2)], "holm")[1] == pytest.approx(
        0.017, abs=0.001
    )
