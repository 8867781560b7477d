"""Three levels and more: their measures against plain loops, and a level that is put on top."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from fractalctl.corpora.tree import LabelTree
from fractalctl.errors import RequestError
from fractalctl.experiments import depth
from fractalctl.experiments.depth import ablate_depth, deepened, known_groups
from fractalctl.measures.hits import unpack_hits
from tests.feature_sets import make_features

SEEDS = (42, 123, 456)


def test_every_pair_of_levels_equals_a_loop_over_hits(store, recipe, tmp_path) -> None:
    features = make_features(store, depth=3)
    path, document = ablate_depth(features, tmp_path, seeds=SEEDS, recipe=recipe)
    assert path == tmp_path / "garden" / "gaussian" / "ablation-depth.json"
    assert (document["levels"], document["added_level"]) == (3, None)
    for run in document["runs"]:
        hits = unpack_hits(run["hits"])
        gain = [hits[:, 3, level].mean() - hits[:, 0, level].mean() for level in range(3)]
        for coarser, finer in ((0, 1), (0, 2), (1, 2)):
            assert run["pairwise"][f"S_{coarser}{finer}"] == pytest.approx(gain[finer] - gain[coarser])
        assert run["pairwise"]["S_02"] == pytest.approx(run["steerability"]["S"])
        rising = [gain[1] - gain[0] > 1e-12, gain[2] - gain[1] > 1e-12]
        assert run["monotone_zoom"] == sum(rising) / 2


def test_tests_equal_scipy_and_the_outermost_pair_is_a_family_of_its_own(store, recipe, tmp_path) -> None:
    features = make_features(store, depth=3)
    document = ablate_depth(features, tmp_path, seeds=SEEDS, recipe=recipe)[1]
    found = {row["metric"]: row for row in document["comparisons"]}
    assert {name: row["family_size"] for name, row in found.items()} == {"S_02": 1, "S_01": 2, "S_12": 2}
    for name, row in found.items():
        v5, mrl = (
            [run["pairwise"][name] for run in document["runs"] if run["strategy"] == strategy]
            for strategy in ("v5", "mrl")
        )
        peer = stats.ttest_rel(v5, mrl)
        assert row["t"] == pytest.approx(peer.statistic)
        assert row["p"] == pytest.approx(peer.pvalue)
    low, high = sorted((found["S_01"]["p"], found["S_12"]["p"]))
    assert sorted(found[name]["p_adjusted"] for name in ("S_01", "S_12")) == pytest.approx(
        [min(1, 2 * low), min(1, max(2 * low, high))]
    )


def test_a_level_on_top_moves_no_class(features) -> None:
    view = deepened(features, {"rooted": ["plant"], "moving": ["animal"], "unused": ["stone"]})
    assert view.class_names == (("moving", "rooted"), *features.class_names)
    for split in features.splits:
        own, deep = features.labels(split), view.labels(split)
        assert (deep[:, 1:] == own).all()
        names = [view.class_names[0][top] for top in deep[:, 0]]
        assert names == [{0: "moving", 1: "rooted"}[int(coarse)] for coarse in own[:, 0]]
    assert view.identity != features.identity
    assert np.array_equal(view.features("test"), features.features("test"))


def test_a_set_of_two_levels_is_looked_at_with_a_third(features, recipe, tmp_path, monkeypatch) -> None:
    groups = {"one": ["animal"], "two": ["plant"]}
    monkeypatch.setattr(depth, "known_groups", lambda _: groups)
    document = ablate_depth(features, tmp_path, seeds=(42,), recipe=recipe)[1]
    assert document["added_level"] == groups
    assert document["base_identity"] == features.identity
    assert document["profile"]["classes"] == [2, 2, 12]
    assert document["supervisions"]["v5"]["prefix"] == [[1, 0, 0], [0.3, 0.7, 0], [0, 0.7, 0.3], [0, 0, 1]]


def test_the_registry_pairs_the_domains_of_clinc() -> None:
    domains = ["auto_and_commute", "banking", "credit_cards", "home", "kitchen_and_dining"]
    domains += ["meta", "small_talk", "travel", "utility", "work"]
    groups = known_groups(SimpleNamespace(corpus="clinc", class_names=(tuple(domains), ("x",))))
    assert len(groups) == 5
    assert sorted(child for children in groups.values() for child in children) == domains
    assert {len(children) for children in groups.values()} == {2}


@pytest.mark.parametrize("corpus", ["garden", "trec", "goemotions"])
def test_a_level_that_nobody_knows_is_not_made_up(store, recipe, tmp_path, corpus) -> None:
    features = make_features(store, corpus)
    with pytest.raises(RequestError, match="has 2 levels, and none is known above them"):
        ablate_depth(features, tmp_path, recipe=recipe)


def test_the_tree_of_a_view_is_a_tree(features) -> None:
    view = deepened(features, {"one": ["animal"], "two": ["plant"]})
    tree = LabelTree(view.class_names, view.parents)
    for split in view.splits:
        labels = view.labels(split)
        assert (tree.lineage(labels[:, -1]) == labels).all()
