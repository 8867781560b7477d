"""Supervision: the table that says which level each prefix is trained on.

Every strategy of the paper is one row of `TABLES`; a user's own table comes from a TOML file.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
from msgspec import Meta

from fractalctl.errors import RequestError
from fractalctl.heads.arms import Strategy
from fractalctl.heads.method import GradientMethod
from fractalctl.heads.settings import AtLeastZero, MethodSettings, Positive, TrainingSettings
from fractalctl.heads.terms import DRAWN, FULL, Objective, Term

PREFIX_WEIGHT = 0.6
"""Weight of the prefix loss beside the full one (paper, Eq. 3)."""
KEEP_AT_FOUR_BLOCKS = (0.95, 0.9, 0.8, 0.7)
"""Block keep probabilities of the paper (Section 3, "Block dropout")."""

Weights = tuple[AtLeastZero, ...]


class Supervision(TrainingSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Loss weights over J prefixes and D levels, L = full loss + prefix weight * prefix loss.

    Raises ValueError: besides what its parts raise, the table is no J x D table, or gives nothing to learn.
    """

    full: Annotated[
        Weights, Meta(min_length=2, description="(D,) weight of each level on the full embedding")
    ]
    prefix: Annotated[
        tuple[Weights, ...], Meta(min_length=1, description="(J, D) weight of each level at each prefix")
    ]
    prefix_probabilities: Annotated[
        Weights, Meta(description="(J,) probability that a step trains prefix j; they sum to 1")
    ]
    keep: Annotated[
        tuple[Annotated[float, Meta(gt=0, le=1)], ...],
        Meta(description="(J,) probability that a block survives block dropout"),
    ]
    prefix_weight: Annotated[
        AtLeastZero, Meta(description="factor of the prefix loss; 0 leaves it out (paper, Eq. 3)")
    ] = PREFIX_WEIGHT
    cross_entropy: Annotated[
        AtLeastZero, Meta(description="factor of the classifiers' loss (paper, Algorithm 1)")
    ] = 1.0
    info_nce: Annotated[
        AtLeastZero, Meta(description="factor of InfoNCE against another row of the class (published runs)")
    ] = 0.0
    margin: Annotated[
        AtLeastZero, Meta(description="factor of margin ranking within the batch (published runs)")
    ] = 0.0
    temperature: Annotated[Positive, Meta(description="of InfoNCE (published runs)")] = 0.07

    def __post_init__(self) -> None:
        super().__post_init__()
        blocks, levels = self.n_blocks, len(self.full)
        for row, weights in enumerate(self.prefix, start=1):
            _require(
                len(weights) == levels, f"prefix row {row} has {len(weights)} weights, expected {levels}"
            )
        _require(
            len(self.prefix) == blocks,
            f"prefix has {len(self.prefix)} rows, expected {blocks}, one for each of dims",
        )
        for field in ("prefix_probabilities", "keep"):
            found = len(getattr(self, field))
            _require(found == blocks, f"{field} has {found} numbers, expected {blocks}")
        _require(
            abs(sum(self.prefix_probabilities) - 1) < 1e-6,
            "prefix_probabilities must be at least 0 and sum to 1",
        )
        _require(sum(self.full) > 0, "full gives no level any weight, so nothing is learned")
        _require(
            self.cross_entropy + self.info_nce + self.margin > 0,
            "cross_entropy, info_nce and margin are all 0, so nothing is learned",
        )

    @property
    def n_levels(self) -> int:
        """D, the number of levels."""
        return len(self.full)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


@dataclass(frozen=True)
class Table:
    """A supervision for any J and D.

    Attributes:
        full: how the full embedding is supervised, a key of `_ROWS` as a table of one row.
        prefix: how the prefixes are.
    """

    full: str
    prefix: str
    meaning: str
    has_prefix_term: bool = True
    has_block_dropout: bool = True

    def build(self, blocks: int, levels: int) -> dict[str, Any]:
        """The fields of `Supervision` for J prefixes and D levels.

        Prefix probabilities fall linearly, J : J-1 : ... : 1, the paper's 0.4, 0.3, 0.2, 0.1 at J = 4; keep
        probabilities are the paper's four, interpolated over the blocks for another J.
        """
        falling = np.arange(blocks, 0, -1)
        places = np.linspace(0, 3, blocks)
        keep = np.interp(places, range(4), KEEP_AT_FOUR_BLOCKS) if self.has_block_dropout else np.ones(blocks)
        return {
            "full": _floats(_weights(self.full, 1, levels)[0]),
            "prefix": tuple(map(_floats, _weights(self.prefix, blocks, levels))),
            "prefix_probabilities": _floats(falling / falling.sum()),
            "keep": _floats(keep),
            "prefix_weight": PREFIX_WEIGHT if self.has_prefix_term else 0.0,
        }


def aligned(blocks: int, levels: int) -> np.ndarray:
    """Prefix j at position (j-1)/(J-1) * (D-1) between the levels, weights rounded to one decimal.

    Returns (J, D) float64; at J = 4, D = 2 the paper's L0 weights 1, 0.7, 0.3, 0 (Eq. 2).
    """
    positions = np.linspace(0, levels - 1, blocks) if blocks > 1 else np.array([levels - 1.0])
    distance = np.abs(positions[:, None] - np.arange(levels)[None, :])
    table: np.ndarray = np.clip(1 - distance, 0, None).round(1)
    return table


def _weights(kind: str, blocks: int, levels: int) -> np.ndarray:
    if kind in ("aligned", "inverted"):
        table = aligned(blocks, levels)
        return table if kind == "aligned" else table[::-1]
    if kind == "uniform":
        return np.full((blocks, levels), 1 / levels)
    table = np.zeros((blocks, levels))
    table[:, 0 if kind == "coarsest" else -1] = 1
    return table


def _floats(values: Iterable[Any]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


TABLES: dict[str, Table] = {
    "v5": Table("finest", "aligned", "aligned: short prefix coarse, full embedding fine"),
    "mrl": Table("finest", "finest", "Matryoshka: fine at every prefix"),
    "inverted": Table("coarsest", "inverted", "short prefix fine, full embedding coarse"),
    "no-prefix": Table("finest", "finest", "alignment removed: no prefix term", has_prefix_term=False),
    "uhmt": Table("uniform", "uniform", "aware of the hierarchy, not aligned with it"),
    "coarse": Table("coarsest", "coarsest", "dedicated coarse encoder of the dual baseline"),
    "fine": Table(
        "finest",
        "finest",
        "dedicated fine encoder of the dual baseline",
        has_prefix_term=False,
        has_block_dropout=False,
    ),
}
"""Every named supervision (paper, Sections 3, 5 and 7)."""


class SupervisionMethod(GradientMethod):
    """L = sum_l F[l] loss_l(e) + w sum_l T[j, l] loss_l(e_1:j), with j drawn at every step (Algorithm 1)."""

    name = "supervision"
    source = "the paper, Section 3 and Algorithm 1"
    Settings: ClassVar[type[MethodSettings]] = Supervision
    needs: ClassVar[dict[str, str]] = {"temperature": "info_nce"}

    def objective(self, settings: Supervision, n_levels: int) -> Objective:
        """A term for every level, part and loss that weighs; RequestError if the table has other levels."""
        if settings.n_levels != n_levels:
            raise RequestError(
                f"the table is {len(settings.prefix)} prefixes x {settings.n_levels} levels, "
                f"but the corpus has {n_levels} levels"
            )
        losses = {
            "info-nce": (settings.info_nce, {"temperature": settings.temperature}),
            "margin": (settings.margin, {}),
            "cross-entropy": (settings.cross_entropy, {}),
        }
        terms = []
        for loss, (factor, options) in losses.items():
            for level in range(n_levels):
                full = factor * settings.full[level]
                drawn = tuple(factor * settings.prefix_weight * row[level] for row in settings.prefix)
                terms += [Term(loss, level, FULL, full, options)] * (full > 0)
                terms += [Term(loss, level, DRAWN, drawn, options)] * any(drawn)
        return Objective(terms, settings.prefix_probabilities, settings.keep)


_METHOD = SupervisionMethod()
STRATEGIES = tuple(
    Strategy(name, _METHOD, "linear", table.build, table.meaning, "the paper, Sections 3, 5 and 7")
    for name, table in TABLES.items()
)
