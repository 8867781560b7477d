"""Sparse codes: the autoencoder's losses against plain loops, and codes of every length as vectors."""

import math

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from fractalctl.errors import RequestError
from fractalctl.heads.arms import build_arm
from fractalctl.heads.methods import csr
from fractalctl.heads.prefixes import Prefixes, active
from fractalctl.measures.neighbours import leave_one_out_accuracy, nearest_at_prefixes
from tests.heads.conftest import arm_of
from tests.heads.views import drawn, view_of

SMALL = {"hidden": 64, "epochs": 8, "batch_size": 64, "learning_rate": 1e-2, "dims": (12, 24)}


def top(numbers: np.ndarray, k: int) -> np.ndarray:
    """The k largest of one row where they are positive."""
    kept = np.zeros_like(numbers)
    for place in sorted(range(len(numbers)), key=lambda place: -numbers[place])[:k]:
        kept[place] = max(0.0, numbers[place])
    return kept


def plain_spread(codes: np.ndarray, classes, temperature: float) -> float:
    """Rows and their copies, one after the other; positives are of one class, never oneself."""
    both, names = np.concatenate([codes, codes]), [*classes, *classes]
    unit = both / np.linalg.norm(both, axis=1, keepdims=True)
    each = []
    for i in range(len(both)):
        shares = {j: math.exp(unit[i] @ unit[j] / temperature) for j in range(len(both)) if j != i}
        near = sum(share for j, share in shares.items() if names[j] == names[i])
        each.append(-math.log(near / sum(shares.values())))
    return float(np.mean(each))


def example(seed: int = 0):
    """A view of 6 rows of 5 numbers in 2 heads, their codes of 16 numbers, and the autoencoder's weights."""
    random = torch.Generator().manual_seed(seed)
    features = torch.randn(2, 6, 5, generator=random, dtype=torch.float64)
    own = {
        "encoder": torch.randn(2, 5, 16, generator=random, dtype=torch.float64),
        "centre": torch.rand(2, 5).double(),
    }
    embedding = (features - own["centre"][:, None]) @ own["encoder"] + 0.3
    labels = torch.randint(3, (2, 6), generator=random)
    return view_of(embedding, labels, features=features, trunk=own)


OPTIONS = {
    "wider": 0.125,
    "auxiliary": 0.5,
    "auxiliary_active": 2,
    "dead_after": 1,
    "contrast": 0.1,
    "temperature": 0.2,
}


@pytest.mark.parametrize("supervised", [False, True])
def test_the_autoencoders_loss_equals_a_plain_loop(supervised: bool) -> None:
    view, course = example(), csr.Course(active=2, first=0, total_steps=10)
    for step in range(3):
        if step == 2:
            course.idle[:, 3:5] = 1
        found = csr.autoencoding(view, supervised=supervised, course=course, **OPTIONS)
        for head in range(2):
            x, numbers = view.features[head].numpy(), view.embedding[head].numpy()
            matrix, centre = view.trunk["encoder"][head].numpy(), view.trunk["centre"][head].numpy()
            codes, many = (np.array([top(row, k) for row in numbers]) for k in (2, 8))
            decoded = codes @ matrix.T + centre
            expected = ((x - decoded) ** 2).mean() + ((x - many @ matrix.T - centre) ** 2).mean() / 8
            classes = view.labels[head].tolist() if supervised else range(6)
            expected += 0.1 * plain_spread(codes, classes, 0.2)
            seen = [place for place in range(16) if (many[:, place] > 1e-5).any()]
            dead = [place for place in range(16) if place not in seen and (step or 0) >= 1]
            if step == 2:
                assert set(dead) == set(np.flatnonzero(course.idle[head].numpy() > 1))
            if dead:
                rest = x - decoded + centre
                explained = np.array([np.zeros(16) for _ in x])
                for row in range(6):
                    explained[row, dead] = top(numbers[row, dead], 2)
                error = ((rest - explained @ matrix.T - centre) ** 2).mean()
                expected += 0.5 * error / ((rest - rest.mean(axis=0)) ** 2).mean()
            assert found[head].item() == pytest.approx(expected, rel=1e-9)


def test_a_last_batch_of_one_row_leaves_nothing_to_explain() -> None:
    """One row is its own mean: dead numbers cannot explain less than that, and add neither loss nor slope."""
    whole = example()
    embedding = whole.embedding[:, :1].clone().requires_grad_()
    one = view_of(embedding, whole.labels[:, :1], features=whole.features[:, :1], trunk=whole.trunk)
    found = []
    for auxiliary in (0.5, 0.0):
        course = csr.Course(2, 0, 10, idle=torch.full((2, 16), 9))
        options = OPTIONS | {"auxiliary": auxiliary}
        loss = csr.autoencoding(one, supervised=False, course=course, **options)
        found += [loss.detach(), *torch.autograd.grad(loss.sum(), embedding)]
    assert torch.equal(found[0], found[2])
    assert torch.equal(found[1], found[3])


def test_gradients_are_those_of_finite_differences() -> None:
    codes, labels = drawn(1, 4, 6, 2)
    assert torch.autograd.gradcheck(lambda values: csr.spread(values, labels, 0.5), codes)
    assert torch.autograd.gradcheck(lambda values: csr.spread(values, None, 0.5), codes)
    view = example()

    def whole(embedding: torch.Tensor) -> torch.Tensor:
        other = view_of(embedding, view.labels, features=view.features, trunk=view.trunk)
        return csr.autoencoding(
            other, supervised=True, course=csr.Course(2, 0, 10), **OPTIONS | {"auxiliary": 0}
        )

    assert torch.autograd.gradcheck(whole, view.embedding.clone().requires_grad_())


def test_the_number_of_active_ones_falls_over_the_first_seven_tenths() -> None:
    course = csr.Course(active=10, first=24, total_steps=20)
    assert [course.now() for _ in range(20)] == [round(24 - 14 * min(1, step / 14)) for step in range(20)]
    steady = csr.Course(active=10, first=0, total_steps=20)
    assert {steady.now() for _ in range(5)} == {10}


@pytest.mark.parametrize("name", ["csr", "csrv2"])
def test_codes_are_learned_kept_and_cut_by_bytes(examples, small_set, name: str) -> None:
    arm = build_arm(name, 3, settings=SMALL | {"first_active": 12} if name == "csrv2" else SMALL)
    found = arm.fit(examples, [1, 2], leave_one_out_accuracy)[0]
    assert found.history[-1].loss < found.history[0].loss
    assert set(found.weights) == {"input_mean", "input_scale", "encoder", "code_bias", "centre"}
    embedded = arm.embed(found.weights, small_set[0])
    assert (arm.nested, embedded.is_nested, embedded.length, embedded.full.shape) == (
        False,
        False,
        24,
        (301, 64),
    )
    x = small_set[0].astype(np.float64)
    weights = {key: tensor.numpy().astype(np.float64) for key, tensor in found.weights.items()}
    numbers = (x - weights["centre"]) @ weights["encoder"] + weights["code_bias"]
    for length in (4, 12, 24):
        k = 4 * length // 6
        expected = np.array([top(row, k) for row in numbers])
        assert embedded.at(length) == pytest.approx(expected, abs=1e-3)
        assert (embedded.at(length) > 0).sum(axis=1).max() <= k
        assert leave_one_out_accuracy(embedded.at(length), small_set[1])[2] > 0.9
    part = embedded.take(np.arange(5, 20))
    assert (part.at(12) == embedded.at(12)[5:20]).all()


def test_neighbours_of_codes_are_those_of_whole_codes_at_each_length() -> None:
    random = np.random.default_rng(0)
    codes = [np.maximum(random.normal(size=(rows, 40)), 0).astype(np.float32) for rows in (30, 200)]
    queries, reference = (Prefixes(part, part, coded=24) for part in codes)
    found = nearest_at_prefixes(queries, reference, (6, 12, 24), 5)
    for place, length in enumerate((6, 12, 24)):
        asked, rows = (
            part if length == 24 else np.array([top(row, active(length)) for row in part]) for part in codes
        )
        model = NearestNeighbors(n_neighbors=5, metric="cosine").fit(rows)
        assert (found[:, place] == model.kneighbors(asked, return_distance=False)).all()


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(
        RequestError, match="csr needs codes of 168 numbers for these dims, but hidden is 100"
    ):
        build_arm("csr", 2, settings={"hidden": 100, "dims": (64, 128)})
    with pytest.raises(RequestError, match="encoder of its own and no other trunk, so not mlp"):
        build_arm("csrv2", 2, "mlp")
    assert arm_of("csr", hidden=128).label.startswith("csr-dims=4x8x12x20")
