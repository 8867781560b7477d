"""Matryoshka-Adaptor: a small residual after which prefixes are as similar as whole features were."""

from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta

from fractalctl.heads.arms import Strategy
from fractalctl.heads.method import GradientMethod
from fractalctl.heads.settings import AtLeastOne, AtLeastZero, MethodSettings, Positive, TrainingSettings
from fractalctl.heads.terms import FULL, Objective, Part, Term, Where

if TYPE_CHECKING:
    from torch import Tensor

    from fractalctl.heads.losses import View


class AdaptorSettings(TrainingSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Weights, batches and rate as the source's are reported; a weight of 0 leaves a loss out."""

    ranking: Annotated[
        AtLeastZero, Meta(description="weight of the ranking; 0 is the unsupervised adaptor")
    ] = 1.0
    nearest: Annotated[AtLeastZero, Meta(description="weight of similarities to nearest rows")] = 1.0
    pairwise: Annotated[AtLeastZero, Meta(description="weight of similarities of all pairs")] = 1.0
    reconstruction: Annotated[AtLeastZero, Meta(description="weight of what is added to the feature")] = 1.0
    neighbours: Annotated[
        AtLeastOne, Meta(description="nearest rows of the batch that count (not verified)")
    ] = 10
    trunk: Annotated[str, Meta(description="what carries the losses")] = "residual"
    standardise: Annotated[
        bool, Meta(description="centre and scale the features, whose similarities are then others")
    ] = False
    epochs: Annotated[AtLeastOne, Meta(description="passes over the training rows")] = 15
    batch_size: Annotated[AtLeastOne, Meta(description="rows per step")] = 128
    learning_rate: Annotated[Positive, Meta(description="peak rate of AdamW")] = 1e-3


class Adaptor(GradientMethod):
    """Matryoshka-Adaptor (Yoon et al. 2024), e = x + g(x), on a batch of rows and every prefix m of e.

        L = rank + nearest + pairwise + reconstruction                     each with its weight
        pairwise       = sum_m mean_{i != j}       | cos(x_i, x_j) - cos(e_i[:m], e_j[:m]) |
        nearest        = sum_m mean_{i, j in N(i)} | cos(x_i, x_j) - cos(e_i[:m], e_j[:m]) |
        reconstruction = mean_i mean | g(x_i) |
        rank           = sum_m mean log(1 + exp( cos(e_i, e_k) - cos(e_i, e_j) )),   j of i's class, k not

    N(i) are the nearest rows by cos(x_i, .). Known from abstracts, summaries and other people's code: the
    shape of the losses, the residual with one hidden layer, weights of 1, batches of 128, a rate of 1e-3,
    5000 steps. Not verified: whether sums or means are taken (means here, so that weights hold for any
    batch), the number of nearest rows, the hidden width, and that the supervised adaptor is trained in two
    stages (one here). The source looks for nearest rows in the whole corpus; here they are those of the
    batch. Its queries and documents are one kind of row here, relevant when of one finest class.
    """

    name = "adaptor"
    source = "Yoon et al. 2024, Matryoshka-Adaptor, arXiv 2407.20243, Eqs. 4 and 6"
    Settings: ClassVar[type[MethodSettings]] = AdaptorSettings
    tuned = GradientMethod.tuned | {"ranking": (0.3, 30.0)}
    needs: ClassVar[dict[str, str]] = {"neighbours": "nearest"}

    def objective(self, settings: AdaptorSettings, _n_levels: int) -> Objective:
        """Two terms for each prefix and one for the residual, as far as they weigh something."""
        from fractalctl.heads.losses import Loss

        similar = {name: getattr(settings, name) for name in ("nearest", "pairwise", "neighbours")}
        terms = []
        for block in range(settings.n_blocks):
            where = Where(Part.PREFIX, block)
            terms += [Term("ranking", -1, where, settings.ranking)] * (settings.ranking > 0)
            preserved = Term(Loss(dissimilarity), -1, where, options=similar)
            terms += [preserved] * (settings.nearest + settings.pairwise > 0)
        added = Term(Loss(addition), -1, FULL, settings.reconstruction)
        return Objective([*terms, *[added] * (settings.reconstruction > 0)])


def dissimilarity(view: "View", nearest: float, pairwise: float, neighbours: int) -> "Tensor":
    """How far cosines of the part are from those of the features, for all and for nearest rows, (R,)."""
    import torch

    from fractalctl.heads.losses import cosines

    wanted = cosines(view.features)
    apart = (wanted - cosines(view.embedding)).abs()
    rows = apart.shape[1]
    itself = torch.eye(rows, dtype=torch.bool, device=apart.device)
    closest = wanted.masked_fill(itself, -torch.inf).topk(min(neighbours, max(1, rows - 1)), dim=2).indices
    every = apart.masked_fill(itself, 0).sum(dim=2) / max(1, rows - 1)
    each = pairwise * every + nearest * apart.gather(2, closest).mean(dim=2)
    return (each * view.weights).mean(dim=1)


def addition(view: "View") -> "Tensor":
    """Mean size (R,) of what was added to the features."""
    from torch.nn import functional

    width = view.embedding.shape[2]
    kept = functional.pad(view.features, (0, max(0, width - view.features.shape[2])))[:, :, :width]
    return ((view.embedding - kept).abs().mean(dim=2) * view.weights).mean(dim=1)


STRATEGIES = Strategy(
    "adaptor",
    Adaptor(),
    "residual",
    meaning="Matryoshka-Adaptor: a residual that keeps similarities at every prefix and ranks by class",
)
