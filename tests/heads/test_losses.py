import numpy as np
import pytest
import torch
from torch.nn import functional

from fractalctl.heads.losses import (
    cross_entropy,
    distillation,
    info_nce,
    log_shares,
    margin_ranking,
    supervised_contrastive,
)
from tests.heads.plain_fractal import plain_contrastive, plain_margin


@pytest.mark.parametrize("n_classes", [1, 3, 50])
def test_loss_terms_equal_plain_loops(n_classes: int) -> None:
    random = torch.Generator().manual_seed(n_classes)
    anchors, positives = torch.randn(2, 3, 10, 6, generator=random)
    labels = torch.randint(n_classes, (3, 10), generator=random)
    weights = torch.rand(3, 10, generator=random)
    logits = torch.randn(3, 10, 50, generator=random)
    for run in range(3):
        unit, others = functional.normalize(anchors[run], dim=1), functional.normalize(positives[run], dim=1)
        assert info_nce(anchors, positives, weights)[run].item() == pytest.approx(
            plain_contrastive(unit, others, weights[run]).item(), rel=1e-5
        )
        assert margin_ranking(anchors, labels, weights)[run].item() == pytest.approx(
            plain_margin(unit, labels[run], weights[run]).item(), rel=1e-5
        )
        each = functional.cross_entropy(logits[run], labels[run], reduction="none")
        assert cross_entropy(logits, labels, weights)[run].item() == pytest.approx(
            (each * weights[run]).mean().item(), rel=1e-5
        )
        assert supervised_contrastive(log_shares(anchors, 0.3), labels, weights)[run].item() == pytest.approx(
            plain_supcon(unit, labels[run], weights[run], 0.3), rel=1e-5
        )


def plain_supcon(
    unit: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor, temperature: float
) -> float:
    """Khosla et al. 2020, Eq. 2, anchor by anchor; those without a positive are skipped."""
    found = []
    for i, anchor in enumerate(unit):
        positives = [p for p in range(len(unit)) if p != i and labels[p] == labels[i]]
        if positives:
            all_others = sum(torch.exp(anchor @ unit[a] / temperature) for a in range(len(unit)) if a != i)
            shares = [torch.log(torch.exp(anchor @ unit[p] / temperature) / all_others) for p in positives]
            found.append(weights[i] * -sum(shares) / len(positives))
    return float(sum(found) / len(found)) if found else 0.0


def test_distillation_equals_a_plain_loop_and_is_nothing_where_nothing_was_lost() -> None:
    random = torch.Generator().manual_seed(5)
    part = torch.randn(2, 7, 3, generator=random, dtype=torch.float64, requires_grad=True)
    features = torch.randn(2, 7, 5, generator=random, dtype=torch.float64)
    weights = torch.rand(2, 7, generator=random, dtype=torch.float64)
    found = distillation(log_shares(part, 0.3), log_shares(features, 0.3), weights)
    for run in range(2):
        total = 0.0
        for i in range(7):
            others = [a for a in range(7) if a != i]
            p, q = (
                np.exp(
                    [
                        float(functional.cosine_similarity(rows[run, i], rows[run, a], dim=0)) / 0.3
                        for a in others
                    ]
                )
                for rows in (features, part.detach())
            )
            total += float(weights[run, i]) * float(
                np.sum(p / p.sum() * np.log((p / p.sum()) / (q / q.sum())))
            )
        assert found[run].item() == pytest.approx(total / 7, rel=1e-9)
    same = log_shares(features, 0.3)
    assert distillation(same, same, weights).abs().max() == 0
    assert torch.autograd.gradcheck(
        lambda rows: distillation(log_shares(rows, 0.3), log_shares(features, 0.3), weights), part
    )


def test_supcon_of_lonely_rows_is_nothing_and_has_a_gradient() -> None:
    embeddings = torch.randn(1, 4, 3, generator=torch.Generator().manual_seed(1), requires_grad=True)
    loss = supervised_contrastive(log_shares(embeddings, 0.1), torch.arange(4)[None], torch.ones(1, 4))
    assert loss.item() == 0
    assert (torch.autograd.grad(loss.sum(), embeddings)[0] == 0).all()
    zeros = torch.zeros(1, 4, 3, requires_grad=True)
    labels = torch.zeros(1, 4, dtype=torch.long)
    loss = supervised_contrastive(log_shares(zeros, 0.1), labels, torch.ones(1, 4))
    assert torch.autograd.grad(loss.sum(), zeros)[0].isfinite().all()
