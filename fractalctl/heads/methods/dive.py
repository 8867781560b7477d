"""DIVE: triplets whose gradient ends at a margin, and views of each row made by several projections of it."""

from itertools import combinations
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta

from fractalctl.heads.arms import Strategy
from fractalctl.heads.method import GradientMethod
from fractalctl.heads.settings import AtLeastOne, AtLeastZero, MethodSettings, Positive, TrainingSettings
from fractalctl.heads.terms import FULL, Objective, Part, Term, Where

if TYPE_CHECKING:
    from torch import Tensor

    from fractalctl.heads.losses import View


class DiveSettings(TrainingSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """None of these numbers is the source's: only its abstract could be read."""

    margin: Annotated[AtLeastZero, Meta(description="by which the own class is to be more similar")] = 0.3
    contrast: Annotated[
        AtLeastZero, Meta(description="weight of NT-Xent between views; triplets count 1")
    ] = 0.1
    temperature: Annotated[Positive, Meta(description="of NT-Xent")] = 0.1
    views: Annotated[int, Meta(ge=2, description="learned projections of the embedding")] = 4
    view_width: Annotated[AtLeastOne, Meta(description="numbers of each projection")] = 32
    trunk: Annotated[str, Meta(description="what carries the losses")] = "residual"
    epochs: Annotated[AtLeastOne, Meta(description="passes over the training rows")] = 20
    batch_size: Annotated[AtLeastOne, Meta(description="rows per step")] = 128
    learning_rate: Annotated[Positive, Meta(description="peak rate of AdamW (measured)")] = 1e-3


class Dive(GradientMethod):
    """Self-limiting hinge triplets and head-wise NT-Xent (Zhao 2026) over a residual adapter.

        L = sum_j triplet(e_1:d_j) + contrast * NT-Xent(e)
        triplet = mean max(0, margin - cos(e_i, e_p) + cos(e_i, e_n)),   p of i's finest class, n of another
        NT-Xent = mean over two views a, b of -log( exp(cos(A e_i, B e_i) / t) / sum exp(cos / t) ),
                  the sum over both views of all other rows and the other view of row i

    A triplet that keeps the margin has no gradient at all, which is what limits the change to the feature;
    the views are learned projections of one embedding, and give every row a gradient where triplets are few.
    Verified from the abstract: a residual adapter, the hinge on triplets, NT-Xent between several learned
    projections of each row. Not verified: margin, temperature, weight, number and width of projections, how
    negatives are chosen (all rows of other classes here), and how lengths are trained (together here, the
    triplets on each of them).
    """

    name = "dive"
    source = "Zhao 2026, DIVE: Embedding Compression via Self-Limiting Gradient Updates, arXiv 2605.20689"
    Settings: ClassVar[type[MethodSettings]] = DiveSettings
    tuned = GradientMethod.tuned | {"margin": (0.05, 1.0)}
    needs: ClassVar[dict[str, str]] = dict.fromkeys(("temperature", "views", "view_width"), "contrast")

    def objective(self, settings: DiveSettings, _n_levels: int) -> Objective:
        """A term for each prefix, and one for the views."""
        from fractalctl.heads.losses import Loss

        def shapes(columns: int, _classes: int) -> dict[str, tuple[int, ...]]:
            return {f"view_{number}": (columns, settings.view_width) for number in range(settings.views)}

        options = {"margin": settings.margin}
        terms = [
            Term(Loss(hinge), -1, Where(Part.PREFIX, block), options=options)
            for block in range(settings.n_blocks)
        ]
        views = Loss(between_views, shapes=shapes)
        contrast = Term(views, -1, FULL, settings.contrast, {"temperature": settings.temperature})
        return Objective([*terms, *[contrast] * (settings.contrast > 0)])


def hinge(view: "View", margin: float) -> "Tensor":
    """By how much triplets fall short of a margin, mean (R,) over all of a batch."""
    from fractalctl.heads.losses import cosines, over_triplets

    return over_triplets(
        cosines(view.embedding), view.labels, view.weights, lambda excess: (excess + margin).clamp(min=0)
    )


def between_views(view: "View", temperature: float) -> "Tensor":
    """NT-Xent (Chen et al. 2020) of every two projections of the part, mean (R,)."""
    import torch

    from fractalctl.heads.losses import cosines

    projected = [torch.bmm(view.embedding, matrix) for matrix in view.parameters.values()]
    rows = view.embedding.shape[1]
    itself = torch.eye(2 * rows, dtype=torch.bool, device=view.embedding.device)
    loss, pairs = view.weights.new_zeros(len(view.weights)), list(combinations(projected, 2))
    weights = torch.cat([view.weights, view.weights], dim=1)
    for pair in pairs:
        scores = cosines(torch.cat(pair, dim=1)) / temperature
        shares = torch.log_softmax(scores.masked_fill(itself, -torch.inf), dim=2)
        found = torch.cat([shares.diagonal(side, 1, 2) for side in (rows, -rows)], dim=1)
        loss = loss - (found * weights).mean(dim=1)
    return loss / len(pairs)


STRATEGIES = Strategy(
    "dive",
    Dive(),
    "residual",
    meaning="self-limiting triplets at every prefix, NT-Xent between learned views",
)
