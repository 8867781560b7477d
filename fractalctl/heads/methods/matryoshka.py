"""A contrastive loss on every prefix at once, as sentence-transformers' MatryoshkaLoss wraps its losses."""

from typing import ClassVar

from fractalctl.heads.arms import Strategy
from fractalctl.heads.method import GradientMethod
from fractalctl.heads.settings import ContrastiveSettings, MethodSettings
from fractalctl.heads.terms import Objective, Part, Term, Where


class Matryoshka(GradientMethod):
    """MatryoshkaLoss over the supervised contrastive loss, on a head instead of a whole encoder.

        L = sum_j SupCon( e_1:d_j / |e_1:d_j|, finest class )

    Read in sentence-transformers: every length has weight 1, each prefix is normalised anew, all of them are
    taken in each step. The library's trainer would train the encoder with it; here the encoder is frozen, and
    the trunk is trained. The library's usual base loss needs pairs; with classes that is the supervised
    contrastive loss.
    """

    name = "matryoshka"
    source = "sentence-transformers, MatryoshkaLoss; Khosla et al. 2020, Eq. 2"
    Settings: ClassVar[type[MethodSettings]] = ContrastiveSettings
    tuned = GradientMethod.tuned | {"temperature": (0.03, 0.3)}

    def objective(self, settings: ContrastiveSettings, _n_levels: int) -> Objective:
        """A term for each prefix."""
        options = {"temperature": settings.temperature}
        return Objective(
            [
                Term("supervised-contrastive", -1, Where(Part.PREFIX, block), options=options)
                for block in range(settings.n_blocks)
            ]
        )


STRATEGIES = (
    Strategy(
        "matryoshka",
        Matryoshka(),
        "mlp",
        meaning="MatryoshkaLoss over a supervised contrastive loss: fine at every prefix",
    ),
)
