"""Alignment with an adversary: `v5`, and a classifier from whom the short prefix hides the fine class."""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta

from fractalctl.heads.arms import Strategy
from fractalctl.heads.methods.supervision import TABLES, Supervision, SupervisionMethod
from fractalctl.heads.settings import AtLeastZero, MethodSettings
from fractalctl.heads.terms import Objective, Part, Term, Where

if TYPE_CHECKING:
    from torch import Tensor

    from fractalctl.heads.losses import View


class AdversarialSettings(Supervision, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Those of the table, and how strongly the adversary's gradient is reversed."""

    reversal: Annotated[
        AtLeastZero,
        Meta(description="factor of the adversary's reversed gradient in the head (published runs: 0.5)"),
    ] = 0.5


class Adversarial(SupervisionMethod):
    """A table of supervision, and a fine classifier on the first prefix whose gradient is reversed there.

        L = L_v5 + CE( A e_1:1 + a, finest class ),   d L / d e_1:1 = ... - reversal * d CE / d e_1:1

    The adversary A learns to tell the finest class; the head learns that it cannot (Ganin and Lempitsky
    2015). The published runs have an adversary with a factor of 0.5 on `v5`; that theirs was linear and its
    factor constant from the first step is not verified. It shares the table's rate, batches and epochs.
    """

    name = "adversarial"
    source = "Ganin and Lempitsky 2015, arXiv 1409.7495; the published runs of the paper"
    Settings: ClassVar[type[MethodSettings]] = AdversarialSettings

    def objective(self, settings: Any, n_levels: int) -> Objective:
        """The table's terms and the adversary's."""
        from fractalctl.heads.losses import Loss

        table = super().objective(settings, n_levels)
        loss, options = Loss(reversed_cross_entropy, shapes=_shapes), {"reversal": settings.reversal}
        adversary = Term(loss, -1, Where(Part.PREFIX, 0), options=options)
        return Objective([*table.terms, adversary], table.prefix_probabilities, table.keep)


def _shapes(columns: int, classes: int) -> dict[str, tuple[int, ...]]:
    return {"adversary": (columns, classes), "adversary_bias": (classes,)}


def reversed_cross_entropy(view: "View", reversal: float) -> "Tensor":
    """Weighted mean (R,) of the cross-entropies of a classifier of its own; the head gets them reversed."""
    from fractalctl.heads.losses import cross_entropy
    from fractalctl.heads.trunks import affine

    seen = view.embedding.detach() * (1 + reversal) - view.embedding * reversal
    return cross_entropy(affine(view.parameters, "adversary", seen), view.labels, view.weights)


STRATEGIES = Strategy(
    "adversarial",
    Adversarial(),
    "linear",
    TABLES["v5"].build,
    meaning="v5, and a fine classifier on the short prefix whose gradient is reversed",
)
