"""Losses that belong to one method each, against plain loops over rows and pairs in float64."""

import math

import numpy as np
import pytest
import torch

from fractalctl.heads.losses import cosines, over_triplets
from fractalctl.heads.methods import adaptor, adversarial, dive, hanley, smec
from tests.heads.views import drawn, view_of


def unit_rows(embedding: torch.Tensor) -> np.ndarray:
    rows = embedding.detach().numpy()
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def pairs(scores, labels) -> tuple[list[float], list[float]]:
    """Scores of pairs of one class, and of all others, each pair once."""
    found: tuple[list[float], list[float]] = ([], [])
    for i in range(len(labels)):
        for j in range(i + 1, len(labels)):
            found[int(labels[i] != labels[j])].append(scores(i, j))
    return found


def plain_ranking(scores, labels) -> float:
    """log(1 + sum over every pair of pairs), as CoSENT is written."""
    same, different = pairs(scores, labels)
    return math.log(1 + sum(math.exp(far - near) for far in different for near in same))


def plain_angle(a: np.ndarray, b: np.ndarray) -> float:
    """|sum of the real and imaginary parts of a / b|, each unit vector a row of complex numbers."""
    first, second = (v[::2] + 1j * np.append(v, 0)[1::2][: len(v[::2])] for v in (a, b))
    quotient = first * second.conj()
    return abs((quotient.real + quotient.imag).sum())


@pytest.mark.parametrize(("n_classes", "width"), [(1, 6), (3, 6), (3, 5), (9, 4)])
def test_hanleys_losses_equal_plain_loops(n_classes: int, width: int) -> None:
    embedding, labels = drawn(2, 9, width, n_classes, seed=width)
    scales = {"cosine_scale": 20.0, "angle_scale": 1.5, "temperature": 0.05}
    found = {
        name: hanley.graded(
            view_of(embedding, labels), **{"cosine": 0, "angle": 0, "contrast": 0, name: 2.0}, **scales
        )
        for name in ("cosine", "angle", "contrast")
    }
    for head in range(2):
        rows, classes = unit_rows(embedding[head]), labels[head].tolist()
        cosine = plain_ranking(lambda i, j, rows=rows: 20 * float(rows[i] @ rows[j]), classes)
        angle = plain_ranking(lambda i, j, rows=rows: 1.5 * plain_angle(rows[i], rows[j]), classes)
        each = []
        for i, own in enumerate(classes):
            near, far = (
                [j for j in range(9) if j != i and (classes[j] == own) is kind] for kind in (True, False)
            )
            apart = sum(math.exp(rows[i] @ rows[j] / 0.05) for j in far)
            shares = [math.exp(rows[i] @ rows[j] / 0.05) for j in near]
            each += [-np.mean([math.log(share / (share + apart)) for share in shares])] if near else []
        contrast = float(np.mean(each)) if each else 0.0
        for name, expected in (("cosine", cosine), ("angle", angle), ("contrast", contrast)):
            assert found[name][head].item() == pytest.approx(2 * expected, rel=1e-9, abs=1e-12), name


def test_hanleys_gradients_are_those_of_finite_differences() -> None:
    embedding, labels = drawn(1, 5, 4, 2)

    def loss(values: torch.Tensor) -> torch.Tensor:
        return hanley.graded(view_of(values, labels), 1.0, 1.0, 1.0, 5.0, 1.0, 0.5)

    assert torch.autograd.gradcheck(loss, embedding)


@pytest.mark.parametrize("n_classes", [1, 1000])
def test_hanleys_losses_have_a_gradient_where_one_kind_of_pair_is_missing(n_classes: int) -> None:
    embedding, _ = drawn(1, 4, 4, 1)
    labels = torch.arange(4)[None] % n_classes
    loss = hanley.graded(view_of(embedding, labels), 1.0, 1.0, 1.0, 20.0, 1.0, 0.05)
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert torch.autograd.grad(loss.sum(), embedding)[0].abs().max() == 0


def plain_triplets(scores: np.ndarray, labels: list[int], weights, penalty) -> float:
    """Mean over pairs of a class of the mean over all rows of other classes."""
    found = []
    for i, own in enumerate(labels):
        others = [k for k, label in enumerate(labels) if label != own]
        for j, label in enumerate(labels):
            if j != i and label == own and others:
                found.append(weights[i] * np.mean([penalty(scores[i, k] - scores[i, j]) for k in others]))
    return float(np.mean(found)) if found else 0.0


@pytest.mark.parametrize("n_classes", [1, 2, 4, 50])
def test_triplets_equal_a_plain_loop(n_classes: int) -> None:
    embedding, labels = drawn(2, 9, 5, n_classes, seed=n_classes)
    weights = torch.rand(2, 9, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    ranking = over_triplets(cosines(embedding), labels, weights, torch.nn.functional.softplus)
    limited = dive.hinge(view_of(embedding, labels, weights=weights), margin=0.3)
    for head in range(2):
        rows = unit_rows(embedding[head])
        given = rows @ rows.T, labels[head].tolist(), weights[head].tolist()
        assert ranking[head].item() == pytest.approx(
            plain_triplets(*given, lambda excess: math.log(1 + math.exp(excess))), abs=1e-12
        )
        assert limited[head].item() == pytest.approx(
            plain_triplets(*given, lambda excess: max(0, excess + 0.3)), abs=1e-12
        )


def test_a_triplet_that_keeps_the_margin_has_no_gradient() -> None:
    labels = torch.tensor([[0, 0, 1, 1]])
    apart = torch.tensor([[[1.0, 0], [1, 0.01], [0, 1], [0.01, 1]]], requires_grad=True)
    loss = dive.hinge(view_of(apart, labels), margin=0.3)
    assert loss.item() == 0
    assert torch.autograd.grad(loss.sum(), apart)[0].abs().max() == 0
    assert dive.hinge(view_of(apart, labels), margin=1.5).item() > 0
    embedding, drawn_labels = drawn(1, 6, 4, 2)

    def both(values: torch.Tensor) -> torch.Tensor:
        ranked = over_triplets(cosines(values), drawn_labels, torch.ones(1, 6), torch.nn.functional.softplus)
        return ranked + dive.hinge(view_of(values, drawn_labels), 0.3)

    assert torch.autograd.gradcheck(both, embedding)


def test_views_contrast_as_simclr_writes_it() -> None:
    embedding, labels = drawn(2, 5, 4, 3)
    random = torch.Generator().manual_seed(4)
    own = {f"view_{k}": torch.randn(2, 4, 3, generator=random, dtype=torch.float64) for k in range(3)}
    found = dive.between_views(view_of(embedding, labels, parameters=own), temperature=0.5)
    for head in range(2):
        views = [unit_rows(embedding[head] @ matrix[head]) for matrix in own.values()]
        each = []
        for first, second in ((0, 1), (0, 2), (1, 2)):
            both = np.concatenate([views[first], views[second]])
            for i in range(10):
                shares = [math.exp(both[i] @ other / 0.5) for other in both]
                each.append(-math.log(shares[(i + 5) % 10] / (sum(shares) - shares[i])))
        assert found[head].item() == pytest.approx(np.mean(each), rel=1e-9)


def test_similarities_are_kept_as_the_adaptor_writes_it() -> None:
    embedding, labels = drawn(2, 7, 4, 3)
    features = drawn(2, 7, 6, 3, seed=5)[0].detach()
    view = view_of(embedding, labels, features=features)
    for head in range(2):
        rows, wanted = (unit_rows(part[head]) for part in (embedding, features))
        apart = np.abs(wanted @ wanted.T - rows @ rows.T)
        pairwise = np.mean([apart[i, j] for i in range(7) for j in range(7) if i != j])
        nearest = []
        for i in range(7):
            order = sorted((j for j in range(7) if j != i), key=lambda j, i=i: -(wanted[i] @ wanted[j]))
            nearest += [apart[i, j] for j in order[:3]]
        found = adaptor.dissimilarity(view, nearest=2.0, pairwise=0.5, neighbours=3)[head].item()
        assert found == pytest.approx(2 * np.mean(nearest) + 0.5 * pairwise, rel=1e-9)
        added = np.abs(embedding[head].detach().numpy() - features[head, :, :4].numpy())
        assert adaptor.addition(view)[head].item() == pytest.approx(added.mean(), rel=1e-9)
    longer = view_of(features, labels, features=embedding.detach())
    filled = np.concatenate([embedding[0].detach().numpy(), np.zeros((7, 2))], axis=1)
    found = adaptor.addition(longer)[0].item()
    assert found == pytest.approx(np.abs(features[0].numpy() - filled).mean(), rel=1e-9)


def test_the_memory_is_first_in_first_out_and_counts_its_nearest_rows() -> None:
    memory, seen = smec.Memory(capacity=8, neighbours=3), np.empty((2, 0, 6))
    matrix = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    kept = torch.tensor([[[1.0, 0, 1, 1]]], dtype=torch.float64)
    for step in range(4):
        features = drawn(2, 5, 6, 3, seed=step)[0].detach()
        embedding = features @ matrix
        labels = torch.zeros(2, 5, dtype=torch.long)
        view = view_of(embedding, labels, features=features, embed=lambda rows: rows @ matrix)
        found = memory.dissimilarity(view, kept)
        for head in range(2):
            each = []
            for i in range(5):
                own = features[head, i].numpy()
                scores = [own @ row / np.linalg.norm(own) / np.linalg.norm(row) for row in seen[head]]
                for place in np.argsort(scores)[::-1][:3]:
                    pair = [
                        row @ matrix[head].numpy() * kept[0, 0].numpy() for row in (own, seen[head][place])
                    ]
                    short = pair[0] @ pair[1] / np.linalg.norm(pair[0]) / np.linalg.norm(pair[1])
                    each.append(abs(scores[place] - short))
            assert found[head].item() == pytest.approx(np.mean(each) if each else 0, rel=1e-9)
        seen = np.concatenate([seen, features.numpy()], axis=1)[:, -8:]


def test_a_stage_ranks_the_prefix_and_what_stays_of_it() -> None:
    embedding, labels = drawn(2, 6, 5, 2)
    view, softplus = view_of(embedding, labels), torch.nn.functional.softplus
    found = smec.compression(view, kept=3, temperature=1.0, memory=None, alignment=1.0)
    expected = [
        over_triplets(cosines(part), labels, view.weights, softplus)
        for part in (embedding, embedding[..., :3])
    ]
    assert torch.allclose(found, sum(expected))


def test_columns_are_chosen_by_importance_and_learn_by_the_softmax() -> None:
    embedding, labels = drawn(2, 4, 5, 2)
    importance = torch.tensor(
        [[0.1, 3, -1, 2, 0], [5, 4, 3, 2, 1.0]], dtype=torch.float64, requires_grad=True
    )
    view = view_of(embedding, labels, parameters={"importance": importance})
    kept = smec.chosen(view, kept=2, temperature=0.5)
    assert kept.detach().round(decimals=9).tolist() == [[[0, 1, 0, 1, 0]], [[1, 1, 0, 0, 0]]]
    slopes = torch.randn(2, 1, 5, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    found = torch.autograd.grad((kept * slopes).sum(), importance)[0]
    noisy = (importance + 0.36651292058166435) / 0.5
    expected = torch.autograd.grad((torch.softmax(noisy, 1) * slopes[:, 0]).sum(), importance)[0]
    assert torch.allclose(found, expected)
    assert smec._order(importance[0], 2, 7).tolist() == [1, 3, 0, 2, 4, 5, 6]


def test_the_adversary_learns_and_the_head_gets_the_opposite() -> None:
    embedding, labels = drawn(2, 6, 4, 3)
    shapes = adversarial._shapes(4, 3)
    own = {
        name: torch.randn(2, *shape, dtype=torch.float64, requires_grad=True)
        for name, shape in shapes.items()
    }
    logits = torch.einsum("rbm,rmk->rbk", embedding, own["adversary"]) + own["adversary_bias"][:, None]
    each = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="none")
    plain = each.view(2, 6).mean(1)
    found = adversarial.reversed_cross_entropy(view_of(embedding, labels, parameters=own), reversal=0.5)
    assert torch.allclose(found, plain)
    inputs = [embedding, *own.values()]
    expected, turned = (torch.autograd.grad(loss.sum(), inputs) for loss in (plain, found))
    assert torch.allclose(turned[0], -0.5 * expected[0])
    assert all(map(torch.allclose, turned[1:], expected[1:]))
