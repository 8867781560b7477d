"""Hierarchical embedding alignment: contrast coarse classes in a coarse block, fine ones in the whole."""

from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta

from fractalctl.errors import RequestError
from fractalctl.heads.arms import Strategy
from fractalctl.heads.method import GradientMethod
from fractalctl.heads.settings import AtLeastOne, AtLeastZero, MethodSettings, Positive, TrainingSettings
from fractalctl.heads.terms import FULL, Objective, Part, Term, Where

if TYPE_CHECKING:
    from torch import Tensor

    from fractalctl.heads.losses import View
    from fractalctl.heads.trunks.parts import Parts


class HealSettings(TrainingSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of the published runs, but for the number of epochs and the rows of a step."""

    temperature: Annotated[Positive, Meta(description="of the softmax over the batch (published runs)")] = 0.1
    sibling_weight: Annotated[
        Positive,
        Meta(description="of negatives of the same coarsest class, where others count 1 (published runs)"),
    ] = 1.3
    classify: Annotated[
        AtLeastZero, Meta(description="weight of the cross-entropy of either level (published runs)")
    ] = 0.5
    dropout: Annotated[
        float, Meta(ge=0, lt=1, description="rate after each hidden layer (published runs)")
    ] = 0.1
    trunk: Annotated[str, Meta(description="what carries the losses")] = "parts"
    epochs: Annotated[AtLeastOne, Meta(description="passes over the training rows (published runs)")] = 30
    batch_size: Annotated[AtLeastOne, Meta(description="rows per step, each an anchor (published runs)")] = 64
    learning_rate: Annotated[Positive, Meta(description="peak rate of AdamW (published runs)")] = 1e-3


class Heal(GradientMethod):
    """The loss of HEAL (Bhattarai et al. 2024) on a head with two projections, as in the published runs.

        L = SupCon_0(e_{1:1}) + SupCon_{D-1}(e; siblings 1.3) + 0.5 CE_0(e_{1:1}) + 0.5 CE_{D-1}(e)

    HEAL itself sums SupCon over the levels on the whole vector with a penalty for each depth, whose form
    could not be verified. The published runs give the coarsest level a block of its own, 64 of 256 numbers,
    and weigh negatives of the same coarse class; this is theirs, with their trunk of two layers of 512.
    """

    name = "heal"
    source = "Bhattarai et al. 2024 (arXiv 2412.04661); head and weights of the paper's published runs"
    Settings: ClassVar[type[MethodSettings]] = HealSettings

    def trunk(self, settings: HealSettings) -> "Parts":
        """Two hidden layers with LayerNorm, two projections as they come."""
        from fractalctl.heads.trunks.parts import Parts

        return Parts(fixed_lengths=False, depth=2, normalise=True, dropout=settings.dropout)

    def objective(self, settings: HealSettings, _n_levels: int) -> Objective:
        """Two contrastive terms, two classifications. Raises RequestError: there is another trunk."""
        from fractalctl.heads.losses import Loss

        if settings.trunk != "parts":
            raise RequestError(f"heal has parts of its own and no other trunk, so not {settings.trunk}")
        options, prefix = {"temperature": settings.temperature}, Where(Part.PREFIX)
        contrast = {**options, "sibling_weight": settings.sibling_weight}
        terms = [
            Term("supervised-contrastive", 0, prefix, options=options),
            Term(Loss(contrast_siblings), -1, options=contrast),
            Term("cross-entropy", 0, prefix, settings.classify),
            Term("cross-entropy", -1, FULL, settings.classify),
        ]
        return Objective(terms[: 4 if settings.classify else 2])


def contrast_siblings(view: "View", temperature: float, sibling_weight: float) -> "Tensor":
    """The supervised contrastive loss (Khosla et al. 2020, Eq. 2) with heavier negatives near by.

    A negative of the anchor's own coarsest class counts as `sibling_weight` rows in the sum over all others.

    Returns (R,) weighted mean over the anchors that have a positive.
    """
    import torch

    from fractalctl.heads.losses import alike, supervised_contrastive

    siblings = alike(view.levels[:, :, 0]) & ~alike(view.labels)
    shares = view.log_shares(temperature)
    heavier = 1 + (shares.exp() * siblings).sum(dim=2, keepdim=True) * (sibling_weight - 1)
    others = 1 - torch.eye(shares.shape[1], dtype=shares.dtype, device=shares.device)
    return supervised_contrastive(shares - heavier.log() * others, view.labels, view.weights)


STRATEGIES = Strategy(
    "heal",
    Heal(),
    "parts",
    meaning="contrastive: coarse classes in a block of their own, fine ones in the whole",
)
