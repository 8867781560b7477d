"""Supervised contrastive heads: rows of a class are drawn together, all others apart, on the full vector."""

from typing import Annotated, ClassVar

from msgspec import Meta

from fractalctl.heads.arms import Strategy
from fractalctl.heads.method import GradientMethod
from fractalctl.heads.settings import AtLeastZero, ContrastiveSettings, MethodSettings
from fractalctl.heads.terms import Objective, Term


class SupconSettings(ContrastiveSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The finest level, if wanted the coarsest too; an anchor needs rows of its class in the batch."""

    coarse_weight: Annotated[
        AtLeastZero, Meta(description="weight of the same loss on the coarsest level; the finest counts 1")
    ] = 0.0


class Supcon(GradientMethod):
    """The supervised contrastive loss (Khosla et al. 2020, Eq. 2, L_out) on the full vector alone."""

    name = "supcon"
    source = "Khosla et al. 2020, Supervised Contrastive Learning, Eq. 2"
    Settings: ClassVar[type[MethodSettings]] = SupconSettings
    tuned = GradientMethod.tuned | {"temperature": (0.03, 0.3)}

    def objective(self, settings: SupconSettings, _n_levels: int) -> Objective:
        """One term, or two."""
        options = {"temperature": settings.temperature}
        weights = {-1: 1.0, 0: settings.coarse_weight}
        return Objective(
            [
                Term("supervised-contrastive", level, weight=weight, options=options)
                for level, weight in weights.items()
                if weight
            ]
        )


STRATEGIES = Strategy(
    "supcon",
    Supcon(),
    "mlp",
    meaning="supervised contrastive: rows of a finest class together, full vector only",
)
