"""Arms from files: which may be compared, what makes a corpus, and what is said of both."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from fractalctl.errors import RequestError
from fractalctl.statistics import (
    CorpusProfile,
    Options,
    adjust,
    analyse,
    compare,
    describe,
    read_observations,
)
from fractalctl.statistics.over_corpora import combine
from tests.statistics.material import (
    arms_of,
    feature_set,
    observations,
    profile,
    random_hits,
    write_evaluation,
    write_table,
)

SEEDS = (42, 123, 456)


@pytest.mark.parametrize("rival", ["lda", "v5-fractal"])
def test_any_two_arms_are_compared(tmp_path: Path, rival: str):
    arms_of(tmp_path, {"v5": 0.3})
    settings = {"method": "lda", "trunk": None, "settings": {"standardise": True}}
    changes = settings if rival == "lda" else {"strategy": "v5", "trunk": "fractal"}
    arms_of(tmp_path, {rival: 0.1}, **changes)
    (row,) = analyse(read_observations([tmp_path]), Options(pairs=(("v5", rival),))).comparisons
    assert (row.a, row.b, row.n) == ("v5", rival, 3)
    assert row.differs["trunk"] == ["linear", changes["trunk"]]


def test_one_arm_is_described_against_zero_and_its_backbones_truncation(tmp_path: Path):
    for corpus in ("clinc", "trec"):
        truncated = profile().truncated | {"256": {"L0": 0.9, "L1": 0.9}}
        arms_of(tmp_path, {"v5": 0.3}, corpus=corpus, profile=profile(truncated=truncated))
    measured = read_observations([tmp_path])
    found = analyse(measured, Options(correction="holm", meta=True, scaling=True, robustness=True))
    assert (found.comparisons, found.sign_test, found.meta, found.robustness) == ([], None, None, None)
    assert any("one arm, so nothing is compared" in note for note in found.notes)
    clinc, trec = found.described
    values = [one.metrics["S"] for one in measured if one.corpus == "clinc"]
    zero, cut = stats.ttest_1samp(values, 0), stats.ttest_1samp(values, (0.8 - 0.9) + (0.9 - 0.7))
    assert (clinc.arm, clinc.n, clinc.mean, clinc.sd) == ("v5", 3, np.mean(values), np.std(values, ddof=1))
    assert clinc.ci == pytest.approx(zero.confidence_interval())
    assert (clinc.zero.test.t, clinc.zero.test.p) == pytest.approx((zero.statistic, zero.pvalue))
    assert clinc.truncation.value == pytest.approx(0.1)
    assert (clinc.truncation.test.t, clinc.truncation.test.p) == pytest.approx((cut.statistic, cut.pvalue))
    adjusted = adjust([clinc.zero.test.p, trec.zero.test.p], "holm")
    assert [clinc.zero.p_adjusted, trec.zero.p_adjusted] == adjusted
    assert found.scaling.arm == "v5"


def test_heads_of_one_arm_are_trained_alike(tmp_path: Path):
    arms_of(tmp_path, {"v5": 0.3, "mrl": 0.0})
    write_evaluation(tmp_path, random_hits(7), seed=7, settings={"epochs": 10, "dims": [64, 128, 192, 256]})
    write_evaluation(tmp_path, random_hits(7), seed=7, strategy="mrl")
    measured = read_observations([tmp_path])
    message = r"v5: 'epochs' is 10 in .*seed-7/.* but 5 in .*seed-42/"
    for call in (compare, describe, lambda some: analyse(some, Options())):
        with pytest.raises(RequestError, match=message):
            call(measured)
    write_evaluation(tmp_path / "trec", random_hits(1), corpus="trec", settings={"epochs": 10})
    with pytest.raises(RequestError, match=r"v5: 'epochs' is 5 in .*clinc.* but 10 in .*trec"):
        analyse(read_observations([tmp_path / "clinc/minilm/v5/seed-42", tmp_path / "trec"]), Options())


def test_a_table_per_level_may_differ_between_corpora_of_other_depth(tmp_path: Path):
    for corpus, levels in (("clinc", 2), ("pydocs", 3)):
        table = {"epochs": 5, "full": [0.0] * (levels - 1) + [1.0]}
        described = profile([2 * 5**level for level in range(levels)], [1.0] * levels)
        arms_of(tmp_path, {"v5": 0.3, "mrl": 0.0}, corpus=corpus, settings=table, profile=described)
    assert len(compare(read_observations([tmp_path]))) == 2


def test_what_a_strategy_derives_from_the_depth_may_differ_with_it(tmp_path: Path):
    for corpus, levels in (("clinc", 2), ("pydocs", 3)):
        described = profile([2 * 5**level for level in range(levels)], [1.0] * levels)
        settings = {"amount": 0.9, "parts": levels}
        arms_of(tmp_path, {"zoom": 0.3}, corpus=corpus, settings=settings, profile=described)
        arms_of(tmp_path, {"mrl": 0.0}, corpus=corpus, profile=described)
    assert len(compare(read_observations([tmp_path]), [("zoom", "mrl")])) == 2
    arms_of(tmp_path, {"zoom": 0.3}, corpus="trec", settings={"amount": 0.9, "parts": 1})
    with pytest.raises(RequestError, match="zoom: 'parts' is 2 in"):
        compare(read_observations([tmp_path]), [("zoom", "mrl")])


def test_two_arms_that_were_trained_differently_are_compared_and_it_is_said(tmp_path: Path):
    arms_of(tmp_path, {"v5": 0.3})
    arms_of(tmp_path, {"mrl": 0.0}, settings={"epochs": 10, "dims": [64, 128, 192, 256]})
    found = analyse(read_observations([tmp_path]), Options())
    assert found.comparisons[0].differs == {"epochs": [5, 10]}
    assert "v5 and mrl differ in epochs (5, 10)" in found.notes


@pytest.mark.parametrize("changes", [{"n_reference": 100}, {"rows_seed": 7}, {"max_test": 61}, {"k": 3}])
def test_arms_that_were_measured_differently_are_not_compared(tmp_path: Path, changes: dict[str, int]):
    arms_of(tmp_path, {"v5": 0.3})
    arms_of(tmp_path, {"mrl": 0.0}, **changes)
    measured = read_observations([tmp_path])
    expected = (
        f"'{next(iter(changes))}' is" if len({one.protocol for one in measured}) == 1 else "across protocols"
    )
    with pytest.raises(RequestError, match=expected):
        compare(measured)


FULL, SAMPLE = feature_set("clinc", "minilm"), feature_set("clinc", "minilm-1a2b3c4d")


def two_sets(folder: Path, arms: tuple[str, ...], rivals: tuple[str, ...]) -> Path:
    """Two corpora of one name: arms on the one, rivals on the other."""
    arms_of(folder, dict.fromkeys(arms, 0.3), features=FULL)
    arms_of(folder, dict.fromkeys(rivals, 0.0), features=SAMPLE, profile=profile([3, 9], [1.2, 1.9]))
    return folder


def test_two_corpora_of_one_name_are_two(tmp_path: Path):
    measured = read_observations([two_sets(tmp_path, ("v5", "mrl"), ("v5", "mrl"))])
    found = analyse(measured, Options(meta=True))
    assert [row.label for row in found.comparisons] == ["clinc (minilm-1a2b3c4d)", "clinc (minilm)"]
    assert [len(row.values_a) for row in found.comparisons] == [3, 3]
    assert found.sign_test.n + found.sign_test.ties == 2
    assert any("count as several corpora" in note for note in found.notes)


def test_sets_of_one_name_in_two_stores_are_told_apart_by_identity(tmp_path: Path):
    for number, store in enumerate("ab"):
        changes = {
            "features": feature_set("clinc", "minilm", store * 64),
            "profile": profile([2, 4 + number]),
        }
        arms_of(tmp_path / store, {"v5": 0.3, "mrl": 0.0}, **changes)
    rows = compare(read_observations([tmp_path]))
    assert [row.label for row in rows] == ["clinc (minilm, aaaaaaaa)", "clinc (minilm, bbbbbbbb)"]


def test_arms_on_two_sets_of_one_corpus_are_not_compared(tmp_path: Path):
    measured = read_observations([two_sets(tmp_path, ("v5",), ("mrl",))])
    with pytest.raises(
        RequestError, match=r"v5 was measured on clinc \(minilm\) .* mrl on clinc \(minilm-1a2b3c4d\)"
    ):
        compare(measured)


def test_heads_on_another_set_than_their_own_are_a_place_of_their_own(tmp_path: Path):
    arms_of(tmp_path, {"v5": 0.3, "mrl": 0.0})
    arms_of(tmp_path, {"v5": 0.1, "mrl": 0.0}, corpus="trec", trained_on=feature_set("clinc"))
    arms_of(tmp_path, {"v5": 0.2, "mrl": 0.0}, corpus="trec")
    found = analyse(read_observations([tmp_path]), Options())
    assert [row.label for row in found.comparisons] == ["trec, trained on clinc/minilm", "clinc", "trec"]
    assert found.sign_test.n + found.sign_test.ties == 2
    assert any("do not count over corpora" in note for note in found.notes)


def test_a_pair_that_was_compared_on_foreign_sets_alone_says_nothing_over_corpora(tmp_path: Path):
    """An arm measured at home leaves corpora to speak of, but none of them is the pair's."""
    arms_of(tmp_path, {"v5": 0.3, "mrl": 0.0}, corpus="trec", trained_on=feature_set("clinc"))
    arms_of(tmp_path, {"zoom": 0.2}, corpus="trec")
    measured = read_observations([tmp_path])
    options = Options(correction="holm", meta=True, robustness=True)
    found = analyse(measured, options)
    assert [row.label for row in found.comparisons] == ["trec, trained on clinc/minilm"]
    assert (found.sign_test, found.meta, found.robustness, found.further) == (None, None, None, [])
    assert any("do not count over corpora" in note for note in found.notes)
    with pytest.raises(RequestError, match="arm 'v5' was not measured on the set that it was trained on"):
        analyse(measured, Options(scaling=True))
    arms_of(tmp_path, {"mrl": 0.1}, corpus="trec")
    pairs = (("v5", "mrl"), ("zoom", "mrl"))
    found = analyse(read_observations([tmp_path]), replace(options, pairs=pairs))
    assert [(one.a, one.sign_test.n) for one in found.over_corpora()] == [("zoom", 1)]
    assert (found.robustness.a, found.robustness.n) == ("zoom", 1)


def test_a_corpus_under_several_backbones_counts_once(tmp_path: Path):
    for backbone in ("minilm", "e5-small"):
        arms_of(tmp_path, {"v5": 0.3, "mrl": 0.0}, backbone=backbone)
    arms_of(tmp_path, {"v5": 0.2, "mrl": 0.1}, corpus="trec", profile=profile([6, 50], [2.4, 2.2]))
    options = Options(correction="holm", meta=True, scaling=True, robustness=True)
    found = analyse(read_observations([tmp_path]), options)
    e5, minilm, trec = found.comparisons
    assert [row.label for row in found.comparisons] == ["clinc (e5-small)", "clinc (minilm)", "trec (minilm)"]
    assert found.meta.k == found.scaling.n == found.robustness.n == 2
    assert found.sign_test.n + found.sign_test.ties == 2
    (across,) = found.across_backbones
    assert (across.corpus, [group.label for group in across.groups]) == ("clinc", [e5.label, minilm.label])
    clinc, _ = found.meta.effects
    assert (clinc.label, clinc.averaged) == ("clinc", ["clinc (e5-small)", "clinc (minilm)"])
    assert clinc.effect == pytest.approx((e5.cohens_d + minilm.cohens_d) / 2)
    variances = [1 / 3 + row.cohens_d**2 / 6 for row in (e5, minilm)]
    assert clinc.se == pytest.approx(np.mean(np.sqrt(variances)))
    assert found.meta.difference.k == 2
    assert "r = 1" in found.meta.combined
    assert any(note.startswith("several feature sets measure clinc (2)") for note in found.notes)
    assert found.robustness.definitions[0].differences[1] == pytest.approx(trec.difference)
    only = analyse(read_observations([tmp_path]), Options(backbone="minilm", meta=True))
    assert [row.backbone for row in only.comparisons] == ["minilm", "minilm"]
    assert only.meta.combined is None


def test_predictors_are_of_the_backbones_that_an_arm_was_measured_with(tmp_path: Path):
    """Another arm under another backbone tells nothing of what this one had to work with."""
    for number, corpus in enumerate(("clinc", "trec", "wos")):
        home, other = (
            profile(bits=(3.0, 2.0 + number), baseline={"L0": 0.9, "L1": share - 0.1 * number})
            for share in (0.8, 0.4)
        )
        arms_of(tmp_path, {"v5": 0.3, "mrl": 0.0}, corpus=corpus, profile=home)
        arms_of(tmp_path, {"mrl": 0.0}, corpus=corpus, backbone="e5-small", profile=other)
    everything, plain = read_observations([tmp_path]), Options(scaling=True, meta=True)
    found = analyse(everything, plain)
    assert [point.baseline_accuracy for point in found.scaling.points] == pytest.approx([0.8, 0.7, 0.6])
    alone = analyse(everything, replace(plain, backbone="minilm"))
    assert (found.scaling, found.meta.regression) == (alone.scaling, alone.meta.regression)


def test_more_backbones_never_make_a_corpus_count_for_more():
    """The combined variance is that of fully correlated errors: var((x + y) / 2) with correlation one."""
    generator = np.random.default_rng(0)
    shared = generator.normal(size=200_000)
    draws = [1.0 + 0.2 * shared, 2.0 + 0.4 * shared]
    effect, variance = combine([(1.0, 0.04), (2.0, 0.16)])
    assert effect == pytest.approx(np.mean(draws), abs=5e-3)
    assert variance == pytest.approx(np.var(np.mean(draws, axis=0)), rel=0.02)
    assert combine([(1.0, 0.04)] * 5) == pytest.approx((1.0, 0.04))


def test_scaling_with_one_corpus_gives_null_and_a_reason(tmp_path: Path):
    arms_of(tmp_path, {"v5": 0.3, "mrl": 0.0})
    found = analyse(read_observations([tmp_path]), Options(scaling=True)).scaling
    assert found.n == 1
    assert found.predictors["depth"].spearman.coefficient is None
    assert found.predictors["depth"].bootstrap.ci is None
    assert "three units" in found.reason
    assert "four units" in found.power_law.reason


def test_rows_of_a_table_without_a_protocol_are_not_dropped_in_silence(tmp_path: Path):
    arms_of(tmp_path, {"v5": 0.3, "mrl": 0.0})
    own = write_table(tmp_path / "own.csv", [("clinc", "own", seed, 0.1) for seed in SEEDS])
    measured = read_observations([own, tmp_path / "clinc"])
    message = r"own\.csv, line 2 does not say its protocol, and others are of loo"
    with pytest.raises(RequestError, match=message):
        analyse(measured, Options())
    notes = analyse(measured, Options(protocol="loo")).notes
    assert notes[0] == f"3 measurements do not say a protocol and are left out: {own}, line 2"
    assert not any("under  and" in note or "taken" in note for note in notes)


def test_a_table_that_says_its_protocol_is_compared_with_evaluations(tmp_path: Path):
    arms_of(tmp_path, {"v5": 0.3, "mrl": 0.0})
    rows = [("clinc", "own", seed, 0.05, "loo") for seed in SEEDS]
    own = write_table(tmp_path / "own.csv", rows, "dataset,arm,seed,steerability,protocol")
    measured = read_observations([own, tmp_path / "clinc"])
    found = analyse(measured, Options(pairs=(("v5", "own"),)))
    assert found.comparisons[0].mean_b == pytest.approx(0.05)
    assert any(note.startswith(f"{own} does not say on which rows") for note in found.notes)
    arms_of(tmp_path, {"v5": 0.3, "mrl": 0.0}, backbone="e5-small")
    with pytest.raises(RequestError, match=r"line 2 could be of clinc \(e5-small\) and clinc \(minilm\)"):
        analyse(read_observations([own, tmp_path / "clinc"]), Options())
    both = read_observations([own, tmp_path / "clinc"])
    assert len(analyse(both, Options(pairs=(("v5", "own"),), backbone="minilm")).comparisons) == 1


def test_a_reference_is_compared_with_every_other_arm():
    values = {"clinc": {"raw": [0.0, 0.01], "v5": [0.1, 0.2], "mrl": [0.0, 0.03]}}
    measured = observations(values, profile=CorpusProfile(3.0, 0.5))
    found = analyse(measured, Options(reference="raw", meta=True))
    assert [(row.a, row.b) for row in found.comparisons] == [("v5", "raw"), ("mrl", "raw")]
    assert [(one.a, one.meta.k) for one in found.over_corpora()] == [("v5", 1), ("mrl", 1)]
    assert [row.arm for row in found.described] == ["raw", "v5", "mrl"]
