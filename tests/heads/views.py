"""What a loss is given, made from plain arrays."""

import torch

from fractalctl.heads.losses import View, log_shares


def view_of(embedding: torch.Tensor, labels: torch.Tensor, **others) -> View:
    """A view of embeddings (R, B, m) and labels (R, B); every row weighs 1."""
    usual = {
        "embedding": embedding,
        "labels": labels,
        "weights": torch.ones(labels.shape, dtype=embedding.dtype),
        "logits": lambda: None,
        "log_shares": lambda temperature: log_shares(embedding, temperature),
        "levels": labels[:, :, None],
        "positives": None,
        "features": embedding.detach(),
        "feature_shares": lambda temperature: log_shares(embedding.detach(), temperature),
        "parameters": {},
        "trunk": {},
        "embed": lambda features: features,
        "uniform": lambda shape: torch.full((len(embedding), *shape), 0.5, dtype=embedding.dtype),
    }
    return View(**usual | others)


def drawn(heads: int, rows: int, width: int, n_classes: int, seed: int = 0):
    """Embeddings (R, B, m) float64 that take a gradient, and labels (R, B)."""
    random = torch.Generator().manual_seed(seed)
    embedding = torch.randn(heads, rows, width, generator=random, dtype=torch.float64, requires_grad=True)
    return embedding, torch.randint(n_classes, (heads, rows), generator=random)
