"""Capacity, noise and depth: what is varied is what is said to be, and nothing else."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as draw
from scipy import stats

from fractalctl.corpora.tree import LabelTree
from fractalctl.errors import RequestError
from fractalctl.experiments import axes
from fractalctl.experiments.ablation import ablate
from fractalctl.experiments.axes import corrupted, deepened, known_groups, with_noise
from fractalctl.measures.protocols import Protocol
from store import FeatureStore
from tests.experiments.conftest import SETTINGS, label
from tests.feature_sets import make_features

SEEDS = (42, 123, 456)


@pytest.fixture(scope="module")
def shared_features(tmp_path_factory):
    return make_features(FeatureStore(tmp_path_factory.mktemp("store")), depth=3)


def run(axis, features, folder, **options):
    return ablate(axis, features, folder, **{"settings": SETTINGS, "seeds": SEEDS, **options})[1]


def s_of(document, strategy, **point):
    return [one.steerability.s for one in document.runs if (one.strategy, one.point) == (strategy, point)]


def test_capacity_is_the_alignment_ablation_at_other_lengths(features, tmp_path) -> None:
    document = run("capacity", features, tmp_path, values=(6, 3))
    assert (document.axis, document.varied, document.values) == ("capacity", "block", [3, 6])
    assert list(document.arms) == [label("v5"), label("mrl")]
    for size in (3, 6):
        dims = tuple(size * block for block in (1, 2, 3, 4))
        expected = run(
            "alignment", features, tmp_path, strategies=["v5", "mrl"], settings=SETTINGS | {"dims": dims}
        )
        found = [one for one in document.runs if one.point == {"block": size}]
        assert [one.arm for one in found] == [label("v5")] * 3 + [label("mrl")] * 3
        assert [one.accuracy for one in found] == [one.accuracy for one in expected.runs]
        assert [one.hits for one in found] == [one.hits for one in expected.runs]


def test_capacity_compares_arms_at_every_size(features, tmp_path) -> None:
    document = run("capacity", features, tmp_path, values=(3, 64))
    found = {(row.a, row.b): row for row in document.comparisons}
    v5, mrl = label("v5"), label("mrl")
    assert list(found) == [
        (f"{v5} at block 3", f"{mrl} at block 3"),
        (f"{v5} at block 64", f"{mrl} at block 64"),
        (f"{v5} at block 64", f"{v5} at block 3"),
    ]
    peer = stats.ttest_rel(s_of(document, "v5", block=64), s_of(document, "v5", block=3))
    row = found[f"{v5} at block 64", f"{v5} at block 3"]
    assert (row.p, row.family_size) == (pytest.approx(peer.pvalue), 1)


@pytest.mark.parametrize("values", [(), (0, 16)])
def test_a_block_has_a_size(features, tmp_path, values) -> None:
    with pytest.raises(RequestError, match="--values"):
        ablate("capacity", features, tmp_path, values=values)


@settings(max_examples=25)
@given(percent=draw.integers(0, 100), seed=draw.integers(0, 2**32 - 1))
def test_noise_makes_so_many_coarse_labels_wrong_and_nothing_else(shared_features, percent, seed) -> None:
    view = with_noise(shared_features, percent, seed)
    clean, noisy = shared_features.labels("train"), view.labels("train")
    wrong = sum(int(a) != int(b) for a, b in zip(clean[:, 0], noisy[:, 0], strict=True))
    assert wrong == round(400 * percent / 100)
    assert (noisy[:, 1:] == clean[:, 1:]).all()
    assert set(noisy[:, 0].tolist()) <= {0, 1}
    assert (view.labels("test") == shared_features.labels("test")).all()
    again = with_noise(shared_features, percent, seed)
    assert (again.labels("train") == noisy).all()


def test_what_is_wrong_stays_wrong_when_more_is(shared_features) -> None:
    clean = shared_features.labels("train")[:, 0]

    def wrong(percent: int, seed: int) -> set[int]:
        found = with_noise(shared_features, percent, seed).labels("train")[:, 0]
        return set(np.flatnonzero(found != clean).tolist())

    assert wrong(10, 42) < wrong(20, 42) < wrong(50, 42)
    assert wrong(10, 7) != wrong(10, 42)


def test_wrong_classes_are_equally_likely() -> None:
    counts = np.bincount(corrupted(np.full(40_000, 3, np.int32), 8, 50, 42), minlength=8)
    assert counts[3] == 20_000
    assert stats.chisquare(np.delete(counts, 3)).pvalue > 0.001


def test_each_seed_has_its_own_noise_and_the_clean_end_is_the_ordinary_training(features, tmp_path) -> None:
    rule = Protocol("index")
    document = run("noise", features, tmp_path, protocol=rule, values=(50, 0))
    assert [(one.point["noise"], one.seed, one.strategy) for one in document.runs[:3]] == [
        (0, 42, "v5"),
        (0, 42, "mrl"),
        (0, 123, "v5"),
    ]
    expected = run("alignment", features, tmp_path, strategies=["v5", "mrl"], protocol=rule)
    for strategy in ("v5", "mrl"):
        alone = [one.steerability.s for one in expected.runs if one.strategy == strategy]
        assert s_of(document, strategy, noise=0) == pytest.approx(alone, abs=0.02), "equal but for rounding"
    coarse = {
        noise: np.mean([one.accuracy["4"]["L0"] for one in document.runs if one.point["noise"] == noise])
        for noise in (0, 50)
    }
    assert coarse[50] < coarse[0]
    found = {(row.a, row.b): row for row in document.comparisons}
    row = found[f"{label('v5')} at noise 0", f"{label('v5')} at noise 50"]
    peer = stats.ttest_rel(s_of(document, "v5", noise=0), s_of(document, "v5", noise=50))
    assert row.p == pytest.approx(peer.pvalue)


def test_rows_that_answer_keep_their_labels_under_noise(features, tmp_path) -> None:
    options = {"strategies": ["raw"], "settings": {"dims": "4,8"}, "seeds": (42,), "values": (0, 50)}
    clean, noisy = run("noise", features, tmp_path, protocol=Protocol("index"), **options).runs
    assert (noisy.accuracy, noisy.hits) == (clean.accuracy, clean.hits), "nothing is learned from labels"


@pytest.mark.parametrize("percent", [-10, 101])
def test_noise_is_a_percentage(features, tmp_path, percent) -> None:
    with pytest.raises(RequestError, match=f"--values {percent}: noise is a percentage"):
        ablate("noise", features, tmp_path, values=(percent,))


def test_every_pair_of_levels_equals_a_loop_over_hits(store, tmp_path) -> None:
    features = make_features(store, depth=3)
    document = run("depth", features, tmp_path)
    assert (document.about["levels"], "added_level" in document.about) == (3, False)
    for one in document.runs:
        hits = one.hits.unpack()
        gain = [hits[:, 3, level].mean() - hits[:, 0, level].mean() for level in range(3)]
        for coarser, finer in ((0, 1), (0, 2), (1, 2)):
            assert one.more[f"S_{coarser}{finer}"] == pytest.approx(gain[finer] - gain[coarser])
        assert one.more["S_02"] == pytest.approx(one.steerability.s)
        rising = [gain[1] - gain[0] > 1e-12, gain[2] - gain[1] > 1e-12]
        assert one.more["monotone_zoom"] == sum(rising) / 2
    found = {row.metric: row for row in document.comparisons}
    assert {name: row.family_size for name, row in found.items()} == {"S_02": 1, "S_01": 2, "S_12": 2}


def test_a_level_on_top_moves_no_class(features) -> None:
    view = deepened(features, {"rooted": ["plant"], "moving": ["animal"], "unused": ["stone"]})
    assert view.class_names == (("moving", "rooted"), *features.class_names)
    tree = LabelTree(view.class_names, view.parents)
    for split in features.splits:
        own, deep = features.labels(split), view.labels(split)
        assert (deep[:, 1:] == own).all()
        names = [view.class_names[0][top] for top in deep[:, 0]]
        assert names == [{0: "moving", 1: "rooted"}[int(coarse)] for coarse in own[:, 0]]
        assert (tree.lineage(deep[:, -1]) == deep).all()
    assert view.identity != features.identity
    assert np.array_equal(view.features("test"), features.features("test"))


def test_a_set_of_two_levels_is_looked_at_with_a_third(features, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(axes, "known_groups", lambda _: {"one": ["animal"], "two": ["plant"]})
    document = run("depth", features, tmp_path, seeds=(42,))
    assert document.about["added_level"] == "one: animal; two: plant"
    assert document.about["base_identity"] == features.identity != document.features.identity
    assert document.profile.classes == [2, 2, 12]
    table = document.arms[label("v5")].settings["prefix"]
    assert table == [[1, 0, 0], [0.3, 0.7, 0], [0, 0.7, 0.3], [0, 0, 1]]


def test_the_registry_pairs_the_domains_of_clinc() -> None:
    domains = ["auto_and_commute", "banking", "credit_cards", "home", "kitchen_and_dining"]
    domains += ["meta", "small_talk", "travel", "utility", "work"]
    groups = known_groups(SimpleNamespace(corpus="clinc", class_names=(tuple(domains), ("x",))))
    assert len(groups) == 5
    assert sorted(child for children in groups.values() for child in children) == domains
    assert {len(children) for children in groups.values()} == {2}


@pytest.mark.parametrize("corpus", ["garden", "trec", "goemotions"])
def test_a_level_that_nobody_knows_is_not_made_up(store, tmp_path, corpus) -> None:
    features = make_features(store, corpus)
    with pytest.raises(RequestError, match="has 2 levels, and none is known above them"):
        ablate("depth", features, tmp_path)
