import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from fractalctl.heads.examples import read_examples
from fractalctl.measures.neighbours import leave_one_out_accuracy
from tests.heads.conftest import arm_of, constant

CPU = torch.device("cpu")


def fitted(name: str, features, labels, classes, **settings):
    """Embeddings of the rows that an arm was fitted to."""
    arm = arm_of(name, len(classes), **settings)
    found = arm.fit(read_examples(features, labels, classes, CPU), [1, 2], constant)
    assert all(torch.equal(found[0].weights[key], found[1].weights[key]) for key in found[0].weights)
    assert [(one.seed, one.history, one.best_epoch) for one in found] == [(1, (), None), (2, (), None)]
    embedded = arm.embed(found[0].weights, features)
    assert arm.nested
    assert embedded.is_nested
    assert embedded.full.shape == (len(features), settings.get("dims", arm.dims)[-1])
    return embedded.full


def test_pca_is_scikit_learns_with_fixed_signs(small_set) -> None:
    ours = fitted("pca", *small_set)
    model = PCA(20).fit(small_set[0].astype(np.float64))
    theirs = model.transform(small_set[0].astype(np.float64))
    assert np.abs(ours) == pytest.approx(np.abs(theirs), abs=1e-3)
    turned = fitted("pca", -small_set[0], *small_set[1:])
    assert turned == pytest.approx(-ours, abs=1e-3)


@pytest.mark.parametrize("name", ["pca", "raw", "lda"])
def test_longer_than_the_feature_is_filled_with_zeros(small_set, name: str) -> None:
    found = fitted(name, *small_set, dims=(8, 40))
    assert np.isfinite(found).all()
    assert (found[:, 39] == 0).all()
    assert np.abs(found[:, :8]).sum() > 0


def test_raw_is_the_feature_cut(small_set) -> None:
    assert (fitted("raw", *small_set) == small_set[0][:, :20]).all()


def test_lda_without_shrinkage_is_scikit_learns(small_set) -> None:
    features, labels, _ = small_set
    same = np.stack([labels[:, 1], labels[:, 1]], axis=1)
    ours = fitted("lda", features, same, (4, 4), dims=(3, 6), shrinkage=0)
    theirs = LinearDiscriminantAnalysis(solver="eigen").fit(features, labels[:, 1]).transform(features)
    for column in range(3):
        assert abs(np.corrcoef(ours[:, column], theirs[:, column])[0, 1]) == pytest.approx(1, abs=1e-5)
        within = (
            ours[:, column]
            - np.array([ours[labels[:, 1] == c, column].mean() for c in range(4)])[labels[:, 1]]
        )
        assert within.var() == pytest.approx(1, rel=1e-3)
    assert np.abs(ours[:, 3:]).max() == 0


def blocks_with_directions(embedding: np.ndarray, dims) -> list[int]:
    varied = embedding.std(axis=0) > 1e-4
    return [int(part.sum()) for part in np.split(varied, dims[:-1])]


@pytest.mark.parametrize(
    ("levels", "dims", "expected"),
    [
        ((0, 2), (4, 8, 12, 20), [1, 4, 4, 2]),
        ((1, 2), (4, 8, 12, 20), [3, 4, 4, 0]),
        ((0, 1, 2), (4, 8, 12, 20), [1, 2, 4, 4]),
        ((0, 1, 2), (2, 20), [1, 10]),
        ((0, 1, 2), (20,), [11]),
        ((1, 2), (2, 4, 20), [2, 2, 7]),
    ],
)
def test_each_block_has_the_directions_of_its_levels(small_set, levels, dims, expected) -> None:
    features, labels, classes = small_set
    chosen = [classes[level] for level in levels]
    found = fitted("lda", features, labels[:, levels], chosen, dims=dims)
    assert blocks_with_directions(found, dims) == expected


@pytest.fixture
def tree() -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Four coarse classes far apart, three fine ones in each, nearer: (600, 24), labels (600, 2)."""
    random = np.random.default_rng(5)
    fine = random.integers(0, 12, 600)
    centres = random.normal(size=(12, 24)) + np.repeat(2 * random.normal(size=(4, 24)), 3, axis=0)
    features = (centres[fine] + 0.8 * random.normal(size=(600, 24))).astype(np.float32)
    return features, np.stack([fine // 3, fine], axis=1), (4, 12)


def test_the_prefix_of_lda_knows_the_coarse_level_and_not_the_fine_one(tree) -> None:
    accuracy = {}
    for fill in (0, 0.5):
        found = fitted("lda", *tree, dims=(8, 20), fill=fill)
        accuracy[fill] = [leave_one_out_accuracy(found[:, :d].copy(), tree[1]) for d in (8, 20)]
    (short, whole), (filled, _) = accuracy[0], accuracy[0.5]
    assert short[0] > 0.95
    assert whole[1] > 0.95
    assert short[1] < whole[1] - 0.1
    assert filled[1] > short[1] + 0.05


def test_the_constant_column_lets_cosines_tell_two_coarse_classes() -> None:
    """Seven in ten rows are of one class, so that the mean lies within it."""
    random = np.random.default_rng(0)
    coarse = (random.random(400) < 0.3).astype(int)
    labels = np.stack([coarse, 2 * coarse + random.integers(0, 2, 400)], axis=1)
    features = random.normal(size=(400, 6)).astype(np.float32)
    features[:, 0] += 4 * labels[:, 0]
    found = {
        c: fitted("lda", features, labels, (2, 4), dims=(4, 8), constant=c)[:, :4].copy() for c in (0, 1)
    }
    assert (np.ptp(found[1][:, 3]), found[1][0, 3] > 0) == (0, True)
    without, with_it = (leave_one_out_accuracy(found[c], labels)[0] for c in (0, 1))
    assert with_it > 0.95
    assert with_it > without + 0.05


def test_classes_without_variance_are_embedded_all_the_same() -> None:
    labels = np.repeat(np.array([[0, 0], [0, 1], [1, 2]]), 4, axis=0)
    features = np.eye(3, dtype=np.float32)[labels[:, 1]]
    found = fitted("lda", features, labels, (2, 3), dims=(2, 4))
    assert np.isfinite(found).all()
    assert len(np.unique(found.round(4), axis=0)) == 3


def test_supcon_draws_the_rows_of_a_class_together(examples, small_set) -> None:
    for name, settings in (
        ("supcon", {"epochs": 8}),
        ("supcon", {"epochs": 8, "coarse_weight": 1, "trunk": "linear"}),
    ):
        arm = arm_of(name, batch_size=128, learning_rate=2e-3, **settings)
        trained = arm.fit(examples, [1], leave_one_out_accuracy)[0]
        found = arm.embed(trained.weights, small_set[0]).full
        assert leave_one_out_accuracy(found, small_set[1])[2] > 0.97
        assert "classifier" not in trained.weights
        assert trained.history[-1].loss < trained.history[0].loss
