"""What a gradient method is trained on, as data: loss terms and the random choices that they need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fractalctl.heads.losses import Loss


class Part(Enum):
    """Kinds of parts of an embedding."""

    FULL = "full"
    DRAWN = "drawn prefix"
    PREFIX = "prefix"
    BLOCK = "block"


@dataclass(frozen=True)
class Where:
    """Which part of an embedding a term sees; classifiers see zeros in its other columns.

    Attributes:
        part: the whole, with block dropout where there is any; a prefix whose length is drawn with the
            objective's probabilities; prefix j of every row; or block j alone.
        number: j, from 0.
    """

    part: Part
    number: int = 0


FULL, DRAWN = Where(Part.FULL), Where(Part.DRAWN)


@dataclass(frozen=True)
class Term:
    """One loss on one part of the embedding against one level.

    Attributes:
        loss: a name of `fractalctl.heads.losses.LOSSES`, or a loss of one's own.
        level: from 0, the coarsest; negative numbers count from the finest.
        where: the part of the embedding.
        weight: factor; for a drawn prefix one for each of the J lengths.
        options: of the loss, such as its temperature.
    """

    loss: "str | Loss"
    level: int
    where: Where = FULL
    weight: float | tuple[float, ...] = 1.0
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Objective:
    """All that a method's loss is.

    Attributes:
        terms: summed.
        prefix_probabilities: (J,) of a drawn prefix's length; empty where no term draws one.
        keep: (J,) probability that a block survives block dropout; empty where none is dropped.
    """

    terms: Sequence[Term]
    prefix_probabilities: tuple[float, ...] = ()
    keep: tuple[float, ...] = ()
