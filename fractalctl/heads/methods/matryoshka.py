"""Matryoshka losses: a contrastive one on every prefix, or one classifier that is cut to each prefix."""

from typing import Annotated, ClassVar

from msgspec import Meta

from fractalctl.heads.arms import Strategy
from fractalctl.heads.method import GradientMethod
from fractalctl.heads.settings import (
    AtLeastOne,
    ContrastiveSettings,
    MethodSettings,
    Positive,
    TrainingSettings,
)
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


class MrlESettings(TrainingSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Large batches and few steps; the source has images, a ResNet, SGD at 0.425 and 40 epochs."""

    epochs: Annotated[AtLeastOne, Meta(description="passes over the training rows")] = 20
    batch_size: Annotated[AtLeastOne, Meta(description="rows per step")] = 256
    learning_rate: Annotated[Positive, Meta(description="peak rate of AdamW (measured)")] = 3e-3


class MrlE(GradientMethod):
    """MRL-E (Kusupati et al. 2022, Section 3 and its code): weights tied over all prefixes.

        L = sum_j CE( W[:, :d_j] e_1:d_j + b, finest class )

    Every weight c_j is 1, the embedding is not normalised, and the sum is a sum. The strategy `mrl` differs:
    at each step it takes the full embedding and *one* prefix, drawn with falling probabilities and weighted
    0.6, with block dropout, as the Fractal paper has it; here every prefix is trained in every step and no
    block is dropped. MRL proper (a classifier for each prefix) is not offered: its prefixes are those of
    MRL-E but for the tied rows. The source's label smoothing of 0.1 is left out, as no other arm has it.
    """

    name = "mrl-e"
    source = "Kusupati et al. 2022, Matryoshka Representation Learning, arXiv 2205.13147, Section 3"
    Settings: ClassVar[type[MethodSettings]] = MrlESettings

    def objective(self, settings: MrlESettings, _n_levels: int) -> Objective:
        """A term for each prefix; one classifier serves them all, as prefixes are padded with zeros."""
        return Objective(
            [Term("cross-entropy", -1, Where(Part.PREFIX, block)) for block in range(settings.n_blocks)]
        )


STRATEGIES = (
    Strategy(
        "matryoshka",
        Matryoshka(),
        "mlp",
        meaning="MatryoshkaLoss over a supervised contrastive loss: fine at every prefix",
    ),
    Strategy(
        "mrl-e",
        MrlE(),
        "linear",
        meaning="Matryoshka with tied classifiers: fine at every prefix, all of them in each step",
    ),
)
