"""Zoom and its nearest rival: the terms, the closed forms after training, and what the knob does."""

from itertools import product

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics.pairwise import cosine_similarity

from fractalctl.errors import RequestError
from fractalctl.heads.arms import Arm, build_arm
from fractalctl.heads.examples import held_out, read_examples
from fractalctl.heads.methods.heal import contrast_siblings
from fractalctl.heads.methods.zoom import LEARNED, SHARES, Searched, chosen_shares, narrowed, shares_of
from fractalctl.heads.moments import Moments
from fractalctl.heads.terms import FULL, Part, Where
from fractalctl.measures.neighbours import leave_one_out_accuracy
from tests.heads.conftest import arm_of, last_epoch_wins
from tests.heads.views import drawn, view_of

CPU = torch.device("cpu")


def terms_of(arm: Arm, levels: int, *, anchored: bool = False) -> list[tuple[int, Where, float]]:
    """Those that draw classes together, or those that keep similarities."""
    terms = arm._method.objective(arm.settings, levels).terms
    return [
        (term.level, term.where, term.weight) for term in terms if (term.loss == "distillation") == anchored
    ]


def trained(name: str, small_set, **settings):
    """An arm, the weights of one seed, and embeddings of the rows that it was fitted to."""
    arm = arm_of(name, **{"epochs": 12, "batch_size": 64, **settings})
    fitted = arm.fit(read_examples(*small_set, CPU), [1], last_epoch_wins())[0]
    return arm, fitted.weights, arm.embed(fitted.weights, small_set[0])


def test_each_level_has_its_part() -> None:
    first = Where(Part.PREFIX, 0)
    assert terms_of(build_arm("zoom-0.45", 2), 2) == [
        (0, first, 0.5),
        (-1, first, 0.5),
        (-1, FULL, 1.0),
        (0, FULL, 0.5),
    ]
    assert terms_of(build_arm("zoom-1", 3), 3) == [
        (0, first, 1.0),
        (1, Where(Part.PREFIX, 2), 1.0),
        (-1, FULL, 1.0),
        (0, FULL, 0.5),
    ]
    assert terms_of(build_arm("zoom", 3), 3) == terms_of(build_arm("zoom-1", 3), 3)
    assert [term[:2] for term in terms_of(build_arm("zoom-0", 2), 2)] == [(-1, first), (-1, FULL), (0, FULL)]


def test_the_anchor_holds_the_whole_and_what_a_prefix_is_to_keep() -> None:
    first = Where(Part.PREFIX, 0)
    anchored = build_arm("zoom-0.45", 2, settings={"anchor": "2"})
    assert terms_of(anchored, 2, anchored=True) == [(-1, first, 1.0), (-1, FULL, 2.0)]
    assert terms_of(build_arm("zoom-1", 2), 2, anchored=True) == [(-1, FULL, 1.0)]
    assert terms_of(build_arm("zoom", 2, settings={"anchor": "0"}), 2, anchored=True) == []


def test_a_number_behind_the_name_is_the_amount() -> None:
    assert build_arm("zoom-0.5", 2).label == "zoom-0.5"
    assert build_arm("zoom", 2, settings={"amount": ".5"}) == build_arm("zoom-0.5", 2)
    assert build_arm("zoom-0.9", 2).label == "zoom"
    with pytest.raises(RequestError, match="amount"):
        build_arm("zoom-2", 2)
    with pytest.raises(RequestError, match="v5-3"):
        build_arm("v5-3", 2)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(RequestError, match="3 parts, but 2 levels and 4 prefixes allow 2"):
        build_arm("zoom", 2, settings={"parts": "3"})


def test_cosines_of_the_whole_are_shares_of_the_parts(small_set) -> None:
    _, weights, found = trained("zoom", small_set, share=0.8)
    learned = weights["shares"][2] / 0.2
    assert found.is_nested and min(abs(learned - one) for one in LEARNED) < 1e-6
    whole = found.full
    assert np.linalg.norm(whole, axis=1) == pytest.approx(np.ones(len(whole)), abs=1e-5)
    for (start, stop), length in zip(
        [(0, 4), (4, 12), (12, 15), (15, 20)],
        [0.64, 0.16, 0.2 * learned, 0.2 * (1 - learned)],
        strict=True,
    ):
        norms = np.square(whole[:, start:stop]).sum(axis=1)
        assert norms == pytest.approx(np.full(len(whole), length), abs=1e-5)


@pytest.mark.parametrize("parts", [1, 2, 3])
def test_every_share_is_in_the_choice(small_set, monkeypatch, parts) -> None:
    """And one that is set is the only one; a single part has nothing to share."""
    offered: list[list[list[float]]] = []

    def choose(references: Searched, queries: Searched, candidates, *, shortlisted: bool):
        offered.append([*candidates])
        return chosen_shares(references, queries, candidates, shortlisted=shortlisted)

    monkeypatch.setattr("fractalctl.heads.methods.zoom.chosen_shares", choose)
    for share in (0.0, 0.8):
        trained("zoom", small_set, share=share, parts=parts, epochs=1)
    if parts == 1:
        assert offered == [[[1.0]], [[1.0]]]
    else:
        assert offered[0] == [shares_of(parts, *one) for one in product(SHARES, LEARNED)]
        assert offered[1] == [shares_of(parts, 0.8, learned) for learned in LEARNED]


def test_the_last_part_is_discriminants_of_the_rows_trained_on(small_set) -> None:
    """As scikit-learn finds them, up to turns among them: the same cosines."""
    features, labels, _ = small_set
    arm, _, found = trained("zoom", small_set, share=0.8, residual=0.0, shrinkage=0.0)
    rows = held_out(read_examples(*small_set, CPU), arm.settings, 1).training
    lda = LinearDiscriminantAnalysis(solver="eigen", n_components=5)
    centred = features - features[rows].mean(axis=0)
    expected = lda.fit(centred[rows], labels[rows, -1]).transform(centred)
    assert cosine_similarity(found.full[:, 15:]) == pytest.approx(cosine_similarity(expected), abs=1e-3)


def test_other_directions_fill_what_discriminants_leave(small_set) -> None:
    """At right angles to them where classes are white, of their own factor, the largest variance first."""
    features, labels, classes = small_set
    moments = Moments.of(features[50:], labels[50:, 1], classes[1])
    whole = Moments.of(features, labels[:, 1], classes[1])
    less = whole - Moments.of(features[:50], labels[:50, 1], classes[1])
    assert less.products == pytest.approx(moments.products)
    projection = moments.discriminants(10, 0.0, 0.5)
    assert less.discriminants(10, 0.0, 0.5) == pytest.approx(projection)
    rows = (features[50:] - features[50:].mean(axis=0)) @ projection
    centres = np.stack([rows[labels[50:, 1] == label].mean(axis=0) for label in range(4)])
    within = np.cov((rows - centres[labels[50:, 1]]).T, bias=True)
    assert within == pytest.approx(np.diag([1.0] * 3 + [0.25] * 7), abs=1e-3)
    assert np.abs(centres[:, 3:]).max() < 1e-3
    assert not moments.discriminants(30, 0.0, 0.5)[:, 24:].any()


@pytest.mark.parametrize("shortlisted", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_shares_are_chosen_as_a_plain_loop_chooses(seed: int, shortlisted: bool) -> None:
    random = np.random.default_rng(seed)
    classes = [random.integers(0, 5, size) for size in (200, 40)]
    centres = [random.normal(size=(5, width)) for width in (4, 6, 3)]
    numbers = [np.arange(200), random.permutation(300)[:40]]

    def parts(labels: np.ndarray) -> list[np.ndarray]:
        drawn = [
            known[labels] + (0.3 + seed) * random.normal(size=(len(labels), known.shape[1]))
            for known in centres
        ]
        return [part / np.linalg.norm(part, axis=1, keepdims=True) for part in drawn]

    references, queries = map(parts, classes)
    table = []
    for share in SHARES:
        for learned in LEARNED:
            kept = right = 0
            for row in range(40):
                others = numbers[0] != numbers[1][row]
                first, second, third = (
                    np.where(others, reference @ query[row], -9)
                    for reference, query in zip(references, queries, strict=True)
                )
                rest = learned * second + (1 - learned) * third
                nearest = int(np.argmax(share * first + (1 - share) * rest))
                kept += sorted(-first).index(-first[nearest]) < 64
                right += classes[0][nearest] == classes[1][row]
            table.append((shortlisted and kept >= 0.99 * 40, right, share, learned))
    *_, share, learned = max(table)
    searched = [
        Searched(torch.from_numpy(rows), [*map(torch.from_numpy, found)], torch.from_numpy(labels))
        for rows, found, labels in zip(numbers, (references, queries), classes, strict=True)
    ]
    candidates = [shares_of(2, *one) for one in product(SHARES, LEARNED)]
    found = chosen_shares(*searched, candidates, shortlisted=shortlisted)
    assert found == shares_of(2, share, learned)


def test_prototypes_are_mean_directions_of_the_classes(small_set) -> None:
    arm, weights, _ = trained("zoom-1", small_set)
    plain = {name: tensor for name, tensor in weights.items() if not name.startswith("prototypes")}
    before = build_arm("zoom", 3, settings={**arm.typed(), "amount": "0.9"}).embed(plain, small_set[0]).full
    for part, (start, stop), level in ((0, (0, 4), 0), (1, (4, 12), 1)):
        unit = before[:, start:stop] / np.linalg.norm(before[:, start:stop], axis=1, keepdims=True)
        labels = small_set[1][:, level]
        means = np.stack([unit[labels == label].mean(axis=0) for label in range(labels.max() + 1)])
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        assert weights[f"prototypes_{part}"].numpy() == pytest.approx(means, abs=1e-4)


@pytest.mark.parametrize("amount", [0.9, 0.93, 0.95, 0.97, 1.0])
def test_narrowing_equals_a_plain_loop(amount: float) -> None:
    random = np.random.default_rng(3)
    part, prototypes = (
        rows / np.linalg.norm(rows, axis=1, keepdims=True)
        for rows in (random.normal(size=(9, 6)), random.normal(size=(3, 6)))
    )
    t = (amount - 0.9) / 0.1
    expected = []
    for row in part:
        if t <= 0.5 + 1e-9:
            inside = prototypes.T @ np.linalg.solve(prototypes @ prototypes.T, prototypes @ row)
            found = row - 2 * t * (row - inside)
        else:
            weights = np.exp(prototypes @ row / 0.03 ** (2 * t - 1))
            found = weights / weights.sum() @ prototypes
        expected.append(found / np.linalg.norm(found))
    ours = narrowed(torch.from_numpy(part), torch.from_numpy(prototypes), amount).numpy()
    assert ours == pytest.approx(np.array(expected), abs=1e-6)


def test_the_knob_takes_the_finer_classes_out_of_the_prefix_alone(small_set) -> None:
    leaks = []
    for name in ("zoom-0", "zoom-0.9", "zoom-0.95", "zoom-1"):
        _, _, found = trained(name, small_set)
        coarse, _, leak = leave_one_out_accuracy(found.at(4), small_set[1])
        assert coarse > 0.97
        assert leave_one_out_accuracy(found.full, small_set[1])[2] > 0.9
        leaks.append(leak)
    assert leaks[0] > leaks[1] > leaks[2] > leaks[3]
    assert leaks[3] < 0.35 < 0.9 < leaks[0]


def test_siblings_count_more_among_the_negatives() -> None:
    embedding, fine = drawn(1, 12, 5, 6)
    view = view_of(embedding, fine, levels=torch.stack([fine // 3, fine], dim=2))
    unit = (embedding / embedding.norm(dim=2, keepdim=True))[0].detach().numpy()
    found = []
    for i in range(12):
        positives = [p for p in range(12) if p != i and fine[0, p] == fine[0, i]]
        if not positives:
            continue
        total = 0.0
        for a in range(12):
            sibling = fine[0, a] // 3 == fine[0, i] // 3 and fine[0, a] != fine[0, i]
            total += 0 if a == i else (1.3 if sibling else 1) * np.exp(unit[i] @ unit[a] / 0.2)
        found.append(-np.mean([unit[i] @ unit[p] / 0.2 - np.log(total) for p in positives]))
    assert contrast_siblings(view, 0.2, 1.3).item() == pytest.approx(np.mean(found), rel=1e-9)
    assert torch.autograd.gradcheck(
        lambda rows: contrast_siblings(view_of(rows, fine, levels=view.levels), 0.2, 1.3), embedding
    )


def test_heal_contrasts_and_classifies_the_coarse_block_and_the_whole(small_set) -> None:
    first = Where(Part.PREFIX, 0)
    assert terms_of(build_arm("heal", 2), 2) == [
        (0, first, 1.0),
        (-1, FULL, 1.0),
        (0, first, 0.5),
        (-1, FULL, 0.5),
    ]
    assert len(terms_of(build_arm("heal", 2, settings={"classify": "0"}), 2)) == 2
    _, _, found = trained("heal", small_set)
    assert found.is_nested
    assert leave_one_out_accuracy(found.at(4), small_set[1])[0] > 0.97
