"""Arms side by side: the frontier, lossless S, tests and ranks, by hand."""

from itertools import product

import numpy as np
import pytest

from fractalctl.errors import FractalError, RequestError
from fractalctl.statistics import compare, observation, side_by_side
from fractalctl.statistics.observations import Observation
from fractalctl.statistics.side_by_side import CRITERIA, clearly_better, dominating
from fractalctl.statistics.summary import compare_all
from tests.statistics.material import evaluation, observations, parts, random_hits

ARMS = {"v5": (0.3, 0.70, 0.90), "mrl": (0.0, 0.85, 0.97), "lda": (0.1, 0.60, 0.50)}
"""Steerability of the hits, leakage, share kept."""
FLAT = (0.75, 0.8)


def measured(protocol: str = "index", corpora=("clinc", "trec"), arms=ARMS, seeds=(42, 123, 456), **changes):
    random = np.random.default_rng(5)
    return [
        evaluation(
            random_hits(seed + 1000 * place, steerable),
            corpus=corpus, strategy=arm, arm=arm, seed=seed, protocol=protocol,
            metrics=parts(leakage + 0.01 * random.random(), kept, FLAT), **changes,
        )
        for place, corpus in enumerate(corpora)
        for arm, (steerable, leakage, kept) in arms.items()
        for seed in seeds
    ]  # fmt: skip


def compared(files, **options):
    return side_by_side([observation(one, f"file {number}") for number, one in enumerate(files)], **options)


def means_of(*rows: tuple[float, ...]) -> dict[str, dict[str, float]]:
    return {str(number): dict(zip(CRITERIA, row, strict=True)) for number, row in enumerate(rows)}


def test_domination_is_what_comparing_every_criterion_says() -> None:
    rows = list(product((0.1, 0.2), repeat=4))
    means = means_of(*rows)
    signs = [1 if more else -1 for more in CRITERIA.values()]
    for place, row in enumerate(rows):
        by_hand = []
        for other, rival in enumerate(rows):
            gains = [sign * (b - a) for sign, a, b in zip(signs, row, rival, strict=True)]
            if all(gain >= 0 for gain in gains) and any(gain > 0 for gain in gains):
                by_hand.append(str(other))
        assert dominating(str(place), means) == by_hand
    assert signs == [1, 1, -1, 1]


def test_equal_means_are_both_on_the_frontier() -> None:
    means = means_of((0.1 + 0.2, 0.5, 0.5, 0.5), (0.3, 0.5, 0.5, 0.5))
    assert dominating("0", means) == dominating("1", means) == []


def one_arm(*values: float) -> dict[int, Observation]:
    return {
        seed: Observation("c", "a", seed, dict.fromkeys(CRITERIA, 0.5) | {"full_fine": value})
        for seed, value in enumerate(values)
    }


def test_clear_is_what_an_interval_over_paired_seeds_says() -> None:
    low, high, noisy = one_arm(0.1, 0.2, 0.3), one_arm(0.41, 0.5, 0.62), one_arm(0.5, 0.1, 0.4)
    assert clearly_better(high, low) is True
    assert clearly_better(low, high) is False
    assert clearly_better(noisy, low) is False
    assert clearly_better(one_arm(0.9), low) is None
    assert clearly_better(one_arm(0.2, 0.3), one_arm(0.1, 0.2)) is True, "the same difference in all seeds"


def test_measures_are_means_over_seeds_with_their_interval() -> None:
    files = measured()
    document = compared(files)
    place = document.places[0]
    one = place.arms[0]
    own = [file for file in files if (file.corpus, file.arm) == ("clinc", "v5")]
    for name, expected in {
        "short_coarse": [file.accuracy["64"]["L0"] for file in own],
        "short_fine": [file.accuracy["64"]["L1"] for file in own],
        "full_coarse": [file.accuracy["256"]["L0"] for file in own],
        "full_fine": [file.accuracy["256"]["L1"] for file in own],
        "S": [file.steerability.s for file in own],
        "leakage": [file.metrics["leakage"].result["probe"]["L1"] for file in own],
    }.items():
        value = one.measures[name]
        assert value.values == pytest.approx(expected)
        assert value.mean == pytest.approx(np.mean(expected))
        assert value.sd == pytest.approx(np.std(expected, ddof=1))
        assert value.ci[0] < value.mean < value.ci[1]
    assert {
        name: one.measures[name].mean for name in ("kept_64", "cascade_64", "recall_at_1", "cost_64")
    } == (pytest.approx({"kept_64": 0.9, "cascade_64": 0.7, "recall_at_1": 0.72, "cost_64": 0.26}))
    assert (place.levels, one.seeds, one.bytes_per_vector, one.head_bytes) == (
        ("L0", "L1"), [42, 123, 456], 1024, None,
    )  # fmt: skip


def test_bytes_of_heads_are_those_of_the_file_beside() -> None:
    document = compared(measured(corpora=("clinc",)), head_bytes={"file 0": 4096})
    assert [one.head_bytes for one in document.places[0].arms] == [4096, None, None]


def test_lossless_s_takes_away_what_falls_short_of_flat_classifiers() -> None:
    document = compared(measured(corpora=("clinc",)))
    coarse, fine = document.places[0].references
    assert (coarse.accuracy, fine.accuracy, coarse.source) == (*FLAT, "linear classifier")
    for one in document.places[0].arms:
        columns = [one.measures[name].values for name in ("S", "short_coarse", "full_fine", "lossless_S")]
        for s, short, full, lossless in zip(*columns, strict=True):
            assert lossless == pytest.approx(s - max(0, 0.75 - short) - max(0, 0.8 - full))


def test_dedicated_heads_are_references_where_they_are_better_and_alone_under_loo() -> None:
    arms = ARMS | {"coarse": (0.0, 0.5, 0.5), "fine": (0.0, 0.5, 0.5)}
    for protocol in ("index", "loo"):
        place = compared(measured(protocol, ("clinc",), arms)).places[0]
        found = {one.arm: one.measures for one in place.arms}
        own = found["coarse"]["full_coarse"].mean, found["fine"]["full_fine"].mean
        best = max(own[0], FLAT[0]), max(own[1], FLAT[1])
        expected = best if protocol == "index" else own
        assert [one.accuracy for one in place.references] == pytest.approx(list(expected))
        names = [
            "linear classifier" if a > b else n for a, b, n in zip(FLAT, own, ("coarse", "fine"), strict=True)
        ]
        assert [one.source for one in place.references] == (
            names if protocol == "index" else ["coarse", "fine"]
        )


def test_without_a_reference_there_is_no_lossless_s_and_a_note_says_why() -> None:
    document = compared(measured("loo", ("clinc",)))
    assert document.places[0].references == []
    assert all("lossless_S" not in one.measures for one in document.places[0].arms)
    assert "no flat classifier of both levels" in document.notes[0]
    assert {one.metric for one in document.tests} == {"S", *CRITERIA}


def test_tests_are_those_of_statistics_with_holm_over_the_arms_of_a_corpus() -> None:
    files = measured()
    document = compared(files, reference="lda")
    theirs = compare(
        [observation(one) for one in files],
        [("v5", "lda"), ("mrl", "lda")],
        metric="leakage",
        correction="holm",
        families=("corpus",),
    )
    found = [one for one in document.tests if one.metric == "leakage"]
    assert found == theirs
    assert {one.family for one in found} == {"clinc", "trec"}
    assert document.reference == "lda"
    assert compared(files).reference == "mrl"
    with pytest.raises(RequestError, match="no arm 'heal' to compare with"):
        compared(files, reference="heal")


def test_ranks_are_over_corpora_and_arms_that_all_of_them_have() -> None:
    files = measured(corpora=("clinc", "trec", "wos"))
    files += measured(corpora=("clinc",), arms={"extra": (0.0, 0.1, 0.1)})
    found = {one.measure: one for one in compared(files).rankings}
    assert found["leakage"].arms == ["lda", "v5", "mrl"]
    assert found["kept_64"].arms == ["mrl", "v5", "lda"]
    assert found["kept_64"].mean_ranks == [1, 2, 3]
    assert found["kept_64"].statistic == pytest.approx(6.0)
    assert found["kept_64"].corpora == ["clinc", "trec", "wos"]
    one = compared(measured(corpora=("clinc",)))
    assert "no ranks over corpora: ranks are compared over two corpora" in one.notes[-1]


def test_two_backbones_of_a_corpus_are_one_block() -> None:
    files = measured(corpora=("clinc",)) + measured(corpora=("clinc",), backbone="bge-small")
    document = compared(files)
    assert [place.label for place in document.places] == ["clinc (minilm)", "clinc (bge-small)"]
    assert document.rankings[0].corpora == ["clinc"]


def test_arms_are_ranked_where_all_of_them_were_measured() -> None:
    """Under another backbone, where all is worse, one of them alone was measured: that says nothing of it."""
    files = measured()
    alone = {"v5": (0.3, 0.70, 0.10)}
    ranks = [
        next(one for one in compared(some).rankings if one.measure == "kept_64")
        for some in (files, files + measured(arms=alone, backbone="bge-small"))
    ]
    assert [one.arms for one in ranks] == [["mrl", "v5", "lda"]] * 2
    assert ranks[0].mean_ranks == ranks[1].mean_ranks == [1, 2, 3]
    apart = measured(arms={"v5": ARMS["v5"]}) + measured(
        arms={"mrl": ARMS["mrl"], "lda": ARMS["lda"]}, backbone="bge-small"
    )
    assert {(tuple(one.corpora), one.statistic) for one in compared(apart).rankings} == {((), None)}


def test_what_was_not_measured_is_refused_by_name_with_what_to_do() -> None:
    old = evaluation(random_hits(0), protocol="index")
    with pytest.raises(
        RequestError, match=r"file 0: has no leakage and no kept_64; 'fractalctl evaluate' adds"
    ):
        compared([old])
    table = observations({"clinc": {"v5": [0.1], "mrl": [0.2]}})
    with pytest.raises(RequestError, match="arms are compared from evaluations, not from tables"):
        side_by_side(table)
    with pytest.raises(RequestError, match="no evaluations to compare"):
        side_by_side([])
    damaged = parts()
    damaged["cascade"].result["recall_at_1"] = "high"
    with pytest.raises(
        FractalError, match=r"metric 'cascade' cannot be read.*recall_at_1.*evaluate --metrics cascade"
    ):
        observation(evaluation(random_hits(0), metrics=damaged))


def test_old_evaluations_are_still_tested_and_left_out_of_the_frontier() -> None:
    old = [evaluation(random_hits(seed), strategy=arm, seed=seed) for arm in ("v5", "mrl") for seed in (1, 2)]
    assert len(compare([observation(one) for one in old])) == 1
    assert compare_all(old) == []
    (document,) = compare_all([*measured("loo", ("clinc",)), *old])
    assert [one.arm for one in document.places[0].arms] == list(ARMS)
    assert "4 evaluations have no leakage or cascade" in document.notes[-1]


def test_one_arm_has_no_tests() -> None:
    document = compared(measured(corpora=("clinc",), arms={"v5": ARMS["v5"]}))
    assert (document.reference, document.tests) == (None, [])
    assert document.places[0].arms[0].dominated_by == []
