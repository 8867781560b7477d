"""Capacity and noise: what is varied is what is said to be, and nothing else."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as draw
from scipy import stats

from fractalctl.errors import RequestError
from fractalctl.experiments.ablation import ablate_alignment
from fractalctl.experiments.axes import ablate_capacity, ablate_noise, corrupted, with_noise
from fractalctl.heads.recipe import TrainingRecipe
from fractalctl.measures.protocols import Protocol
from tests.feature_sets import make_features

SEEDS = (42, 123, 456)


@pytest.fixture(scope="module")
def shared_features(tmp_path_factory):
    from store import FeatureStore

    return make_features(FeatureStore(tmp_path_factory.mktemp("store")), depth=3)


def s_of(document, strategy, **point):
    return [
        run["steerability"]["S"]
        for run in document["runs"]
        if run["strategy"] == strategy and all(run[key] == value for key, value in point.items())
    ]


def test_capacity_is_the_alignment_ablation_at_other_lengths(features, recipe, tmp_path) -> None:
    path, document = ablate_capacity(features, tmp_path, seeds=SEEDS, recipe=recipe, values=(6, 3))
    assert path == tmp_path / "garden" / "gaussian" / "ablation-capacity.json"
    assert (document["axis"], document["varied"], document["values"]) == ("capacity", "block", [3, 6])
    for size in (3, 6):
        alone = TrainingRecipe(
            dims=tuple(size * block for block in (1, 2, 3, 4)), epochs=2, learning_rate=1e-2
        )
        expected = ablate_alignment(features, tmp_path / str(size), ["v5", "mrl"], SEEDS, alone)[1]
        found = [run for run in document["runs"] if run["block"] == size]
        assert [run["accuracy"] for run in found] == [run["accuracy"] for run in expected["runs"]]
        assert [run["hits"] for run in found] == [run["hits"] for run in expected["runs"]]
    again = ablate_capacity(features, tmp_path, seeds=SEEDS, recipe=recipe, values=(3, 6))[1]
    assert again == json.loads(json.dumps(document))


def test_capacity_compares_strategies_at_every_size(features, recipe, tmp_path) -> None:
    document = ablate_capacity(features, tmp_path, seeds=SEEDS, recipe=recipe, values=(3, 64))[1]
    found = {(row["a"], row["b"]): row for row in document["comparisons"]}
    assert list(found) == [
        ("v5 at block 3", "mrl at block 3"),
        ("v5 at block 64", "mrl at block 64"),
        ("v5 at block 64", "v5 at block 3"),
    ]
    peer = stats.ttest_rel(s_of(document, "v5", block=3), s_of(document, "mrl", block=3))
    assert found["v5 at block 3", "mrl at block 3"]["t"] == pytest.approx(peer.statistic)
    peer = stats.ttest_rel(s_of(document, "v5", block=64), s_of(document, "v5", block=3))
    row = found["v5 at block 64", "v5 at block 3"]
    assert (row["p"], row["family_size"]) == (pytest.approx(peer.pvalue), 1)


@pytest.mark.parametrize("values", [(), (0, 16)])
def test_a_block_has_a_size(features, recipe, tmp_path, values) -> None:
    with pytest.raises(RequestError, match="--values"):
        ablate_capacity(features, tmp_path, recipe=recipe, values=values)


@settings(deadline=None, max_examples=25)
@given(percent=draw.integers(0, 100), seed=draw.integers(0, 2**32 - 1))
def test_noise_makes_so_many_coarse_labels_wrong_and_nothing_else(shared_features, percent, seed) -> None:
    clean, noisy = shared_features.labels("train"), with_noise(shared_features, percent, seed).labels("train")
    wrong = sum(int(a) != int(b) for a, b in zip(clean[:, 0], noisy[:, 0], strict=True))
    assert wrong == round(400 * percent / 100)
    assert (noisy[:, 1:] == clean[:, 1:]).all()
    assert set(noisy[:, 0].tolist()) <= {0, 1}
    view = with_noise(shared_features, percent, seed)
    assert (view.labels("test") == shared_features.labels("test")).all()
    assert (view.labels("train") == noisy).all()


def test_what_is_wrong_stays_wrong_when_more_is(shared_features) -> None:
    clean = shared_features.labels("train")[:, 0]
    wrong = [
        set(np.flatnonzero(with_noise(shared_features, percent, 42).labels("train")[:, 0] != clean).tolist())
        for percent in (10, 20, 50)
    ]
    assert wrong[0] < wrong[1] < wrong[2]
    other = set(np.flatnonzero(with_noise(shared_features, 10, 7).labels("train")[:, 0] != clean).tolist())
    assert other != wrong[0]


def test_wrong_classes_are_equally_likely() -> None:
    counts = np.bincount(corrupted(np.full(40_000, 3, np.int32), 8, 50, 42), minlength=8)
    assert counts[3] == 20_000
    assert stats.chisquare(np.delete(counts, 3)).pvalue > 0.001


def test_each_seed_has_its_own_noise_and_the_clean_end_is_the_ordinary_training(
    features, recipe, tmp_path
) -> None:
    protocol = Protocol("index")
    path, document = ablate_noise(
        features, tmp_path, seeds=SEEDS, recipe=recipe, protocol=protocol, values=(50, 0)
    )
    assert path.name == "ablation-noise.json"
    assert [(run["noise"], run["seed"], run["strategy"]) for run in document["runs"][:3]] == [
        (0, 42, "v5"),
        (0, 42, "mrl"),
        (0, 123, "v5"),
    ]
    expected = ablate_alignment(features, tmp_path, ["v5", "mrl"], SEEDS, recipe, protocol)[1]
    for strategy in ("v5", "mrl"):
        alone = [run["steerability"]["S"] for run in expected["runs"] if run["strategy"] == strategy]
        assert s_of(document, strategy, noise=0) == pytest.approx(alone)
    coarse = {
        noise: np.mean([run["accuracy"]["4"]["L0"] for run in document["runs"]
                        if (run["noise"], run["strategy"]) == (noise, "v5")])
        for noise in (0, 50)
    }  # fmt: skip
    assert coarse[50] < coarse[0]
    found = {(row["a"], row["b"]): row for row in document["comparisons"]}
    row = found["v5 at noise 0", "v5 at noise 50"]
    peer = stats.ttest_rel(s_of(document, "v5", noise=0), s_of(document, "v5", noise=50))
    assert row["p"] == pytest.approx(peer.pvalue)


@pytest.mark.parametrize("percent", [-10, 101])
def test_noise_is_a_percentage(features, recipe, tmp_path, percent) -> None:
    with pytest.raises(RequestError, match=f"--values {percent}: noise is a percentage"):
        ablate_noise(features, tmp_path, recipe=recipe, values=(percent,))
