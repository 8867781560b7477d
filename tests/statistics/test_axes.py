"""Tests of ablations against scipy, in their families, whatever the arms are called."""

import numpy as np
import pytest
from scipy import stats

from fractalctl.documents.experiments import Ablation
from fractalctl.errors import RequestError
from fractalctl.statistics import adjust, compare_ablations
from tests.statistics.material import ablation, profile, run

SEEDS = (42, 123, 456)
PAIRS_OF_LEVELS = ("S_01", "S_02", "S_12")


def along(corpus="clinc", arms=("v5", "mrl"), varied="block", points=(16, 96), seed=0) -> Ablation:
    random = np.random.default_rng(seed)
    runs = [
        run(arm, training, random.normal(0.05, 0.02), point={varied: point})
        for point in points
        for arm in arms
        for training in SEEDS
    ]
    return ablation(corpus, "capacity" if varied == "block" else "noise", varied, runs)


def with_levels(corpus="deep", arms=("v5", "mrl"), pairs=PAIRS_OF_LEVELS) -> Ablation:
    random = np.random.default_rng(1)
    runs = [
        run(arm, seed, 0.1, more={name: random.normal(0.05, 0.02) for name in (*pairs, "gain_L0")})
        for arm in arms
        for seed in SEEDS
    ]
    levels = 3 if len(pairs) > 1 else 2
    return ablation(corpus, "depth", None, runs, profile=profile([5] * levels, [1.0] * levels))


def values(one: Ablation, arm: str, point) -> list[float]:
    return [run.steerability.s for run in one.runs if (run.arm, *run.point.values()) == (arm, point)]


def test_arms_are_compared_at_every_point_of_every_corpus() -> None:
    documents = [along(seed=1), along("trec", points=(16, 32, 96), seed=2)]
    rows = compare_ablations(documents)
    assert [(row.corpus, row.a, row.family_size) for row in rows] == [
        ("clinc", "v5 at block 16", 2),
        ("clinc", "v5 at block 96", 2),
        ("trec", "v5 at block 16", 3),
        ("trec", "v5 at block 96", 3),
        ("trec", "v5 at block 32", 3),
    ]
    for row in rows:
        one = next(one for one in documents if one.corpus == row.corpus)
        point = int(row.a.split()[-1])
        peer = stats.ttest_rel(values(one, "v5", point), values(one, "mrl", point))
        assert (row.t, row.p) == (pytest.approx(peer.statistic), pytest.approx(peer.pvalue))


def test_points_are_compared_with_the_usual_one() -> None:
    one = along(arms=("lda",), varied="noise", points=(0, 10, 50))
    rows = compare_ablations([one])
    assert [(row.a, row.b) for row in rows] == [
        ("lda at noise 0", "lda at noise 10"),
        ("lda at noise 0", "lda at noise 50"),
    ]
    peers = [stats.ttest_rel(values(one, "lda", 0), values(one, "lda", p)).pvalue for p in (10, 50)]
    assert [row.p for row in rows] == pytest.approx(peers)
    assert [row.p_adjusted for row in rows] == adjust([row.p for row in rows], "holm")
    assert rows[0].differs == {"noise": [0, 10]}
    both = compare_ablations([along(points=(16, 64))])
    assert [(row.a, row.b, row.family_size) for row in both[2:]] == [("v5 at block 64", "v5 at block 16", 1)]


def test_one_arm_is_compared_with_no_other() -> None:
    assert compare_ablations([along(arms=("uhmt",), varied="noise", points=(10, 20))]) == []
    assert compare_ablations([with_levels(arms=("mrl",))]) == []
    assert compare_ablations([ablation("clinc", "alignment", None, [run("mrl", 1, 0.1)])]) == []


def test_an_axis_of_ones_own_compares_arms_at_every_point() -> None:
    cells = [(arm, point, seed) for arm in "ab" for point in (1, 2) for seed in (1, 2, 3)]
    runs = [run(arm, seed, 0.1 * seed ** (1 + (arm == "a")), point={"size": at}) for arm, at, seed in cells]
    rows = compare_ablations([ablation("clinc", "mine", "size", runs)])
    assert [(row.a, row.b) for row in rows] == [
        ("a at size 1", "b at size 1"),
        ("a at size 2", "b at size 2"),
    ]


@pytest.mark.parametrize(("reference", "first"), [(None, "lda"), ("supcon", "supcon")])
def test_the_first_arm_or_the_reference_is_compared_whatever_it_is_called(
    reference: str | None, first: str
) -> None:
    one = along(arms=("lda", "v5", "supcon"), points=(16,))
    others = [arm for arm in ("lda", "v5", "supcon") if arm != first]
    rows = compare_ablations([one], reference)
    assert [(row.a, row.b) for row in rows] == [
        (f"{first} at block 16", f"{arm} at block 16") for arm in others
    ]
    with pytest.raises(RequestError, match="no arm 'heal' to compare with; there are: lda, v5, supcon"):
        compare_ablations([one], "heal")


def test_conditions_are_corrected_over_all_corpora() -> None:
    random, arms = np.random.default_rng(2), (("v5", 0.1), ("inverted", -0.05), ("uhmt", 0.0), ("lda", 0.02))
    documents = [
        ablation(corpus, "alignment", None,
                 [run(arm, seed, random.normal(mean, 0.02)) for arm, mean in arms for seed in SEEDS])
        for corpus in ("clinc", "trec")
    ]  # fmt: skip
    rows = compare_ablations(documents)
    assert [(row.corpus, row.b) for row in rows] == [
        (corpus, arm) for corpus in ("clinc", "trec") for arm in ("inverted", "uhmt", "lda")
    ]
    assert [row.p_adjusted for row in rows] == adjust([row.p for row in rows], "holm")


def test_corpora_of_unlike_depth_are_compared_in_the_pairs_that_they_have() -> None:
    rows = compare_ablations([with_levels("flat", pairs=("S_01",)), with_levels("deep")])
    assert [(row.corpus, row.metric, row.family_size) for row in rows] == [
        ("flat", "S_01", 1),
        ("deep", "S_02", 1),
        ("deep", "S_01", 2),
        ("deep", "S_12", 2),
    ]


CELLS = [("mrl", "tuned", 0.0), ("v5", "tuned", 0.05), ("mrl", "frozen", 0.0), ("v5", "frozen", 0.05)]


def tuned(corpus: str, cells=CELLS) -> Ablation:
    random = np.random.default_rng(5)
    runs = [
        run(arm, seed, mean + 0.01 * random.normal(), point={"encoder": encoder})
        for arm, encoder, mean in cells
        for seed in SEEDS
    ]
    return ablation(corpus, "backbone", "encoder", runs)


def test_tuning_and_its_interaction_equal_scipy() -> None:
    document = tuned("clinc")
    rows = {(row.a, row.b): row for row in compare_ablations([document], "v5")}
    cell = {
        (arm, encoder): np.array(
            [r.steerability.s for r in document.runs if (r.arm, r.point["encoder"]) == (arm, encoder)]
        )
        for arm, encoder, _ in CELLS
    }
    leads = {encoder: cell["v5", encoder] - cell["mrl", encoder] for encoder in ("frozen", "tuned")}
    expected = {
        ("v5 frozen", "mrl frozen"): leads["frozen"],
        ("v5 tuned", "mrl tuned"): leads["tuned"],
        ("v5 frozen", "mrl tuned"): cell["v5", "frozen"] - cell["mrl", "tuned"],
        ("v5 over mrl tuned", "v5 over mrl frozen"): leads["tuned"] - leads["frozen"],
        ("v5 tuned", "v5 frozen"): cell["v5", "tuned"] - cell["v5", "frozen"],
        ("mrl tuned", "mrl frozen"): cell["mrl", "tuned"] - cell["mrl", "frozen"],
    }
    assert rows.keys() == expected.keys()
    for pair, gaps in expected.items():
        peer = stats.ttest_1samp(gaps, 0)
        assert (rows[pair].t, rows[pair].p) == (pytest.approx(peer.statistic), pytest.approx(peer.pvalue))
    assert [row.p_adjusted for row in rows.values()] == adjust([row.p for row in rows.values()], "holm")


def test_tuning_is_corrected_corpus_by_corpus() -> None:
    rows = compare_ablations([tuned("clinc"), tuned("trec")])
    assert [(row.corpus, row.family_size) for row in rows] == [("clinc", 6)] * 6 + [("trec", 6)] * 6
    assert compare_ablations([tuned("clinc", [cell for cell in CELLS if cell[0] == "v5"])]) == []
