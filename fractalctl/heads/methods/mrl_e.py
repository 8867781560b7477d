"""Efficient Matryoshka representations: one classifier, cut to each prefix, all cross-entropies summed."""

from typing import Annotated, ClassVar

from msgspec import Meta

from fractalctl.heads.arms import Strategy
from fractalctl.heads.method import GradientMethod
from fractalctl.heads.settings import AtLeastOne, MethodSettings, Positive, TrainingSettings
from fractalctl.heads.terms import Objective, Part, Term, Where


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
        "mrl-e",
        MrlE(),
        "linear",
        meaning="Matryoshka with tied classifiers: fine at every prefix, all of them in each step",
    ),
)
