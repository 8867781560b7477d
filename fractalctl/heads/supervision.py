"""Supervision: the table that says which level each prefix is trained on.

Every strategy of the paper is one row of `STRATEGIES`; a user's own table comes from a TOML file. One
training loop reads the table, so a new strategy needs a row here and nothing elsewhere.
"""

import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fractalctl.errors import RequestError

PREFIX_WEIGHT = 0.6
"""Weight of the prefix loss beside the full one (paper, Eq. 3)."""

KEEP_AT_FOUR_BLOCKS = (0.95, 0.9, 0.8, 0.7)
"""Block keep probabilities of the paper (Section 3, "Block dropout")."""


@dataclass(frozen=True)
class Supervision:
    """Loss weights of one strategy over J prefixes and D levels : L = full loss + weight * prefix loss.

    Attributes:
        name: how results refer to it.
        full: (D,) weight of each level's cross-entropy on the full embedding.
        prefix: (J, D) weight of each level's cross-entropy at each prefix.
        prefix_probabilities: (J,) probability that a step trains prefix j; sums to 1.
        keep: (J,) probability that a block survives block dropout.
        prefix_weight: factor of the prefix loss; 0 leaves it out.
    """

    name: str
    full: tuple[float, ...]
    prefix: tuple[tuple[float, ...], ...]
    prefix_probabilities: tuple[float, ...]
    keep: tuple[float, ...]
    prefix_weight: float = PREFIX_WEIGHT

    def __post_init__(self) -> None:
        blocks, levels = len(self.prefix), len(self.full)
        _require(levels >= 2, f"{self.name}: full has {levels} weight(s), expected one per level, at least 2")
        _require(blocks >= 1, f"{self.name}: prefix has no rows, expected one per prefix")
        for row, weights in enumerate(self.prefix, start=1):
            _require(
                len(weights) == levels,
                f"{self.name}: prefix row {row} has {len(weights)} weights, expected {levels}",
            )
        for field in ("prefix_probabilities", "keep"):
            found = len(getattr(self, field))
            _require(found == blocks, f"{self.name}: {field} has {found} numbers, expected {blocks}")
        numbers = [*self.full, *(weight for row in self.prefix for weight in row), self.prefix_weight]
        _require(
            min(numbers) >= 0 and bool(np.isfinite(numbers).all()),
            f"{self.name}: every loss weight must be a finite number of at least 0",
        )
        _require(sum(self.full) > 0, f"{self.name}: full gives no level any weight, so nothing is learned")
        _require(all(0 < keep <= 1 for keep in self.keep), f"{self.name}: keep must lie in (0, 1]")
        _require(
            min(self.prefix_probabilities) >= 0 and abs(sum(self.prefix_probabilities) - 1) < 1e-6,
            f"{self.name}: prefix_probabilities must be at least 0 and sum to 1",
        )

    @property
    def n_blocks(self) -> int:
        """J, the number of prefixes."""
        return len(self.prefix)

    @property
    def n_levels(self) -> int:
        """D, the number of levels."""
        return len(self.full)

    def config(self) -> dict[str, Any]:
        """The table as JSON values; ``Supervision(**config)`` restores it."""
        return {
            "name": self.name,
            "full": list(self.full),
            "prefix": [list(row) for row in self.prefix],
            "prefix_probabilities": list(self.prefix_probabilities),
            "keep": list(self.keep),
            "prefix_weight": self.prefix_weight,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Supervision":
        """Restore a table from `config` output or a parsed TOML document.

        Raises:
            RequestError: a key is missing, unknown or of the wrong type or length.
        """
        known = set(cls.__dataclass_fields__)
        if unknown := sorted(set(config) - known):
            raise RequestError(
                f"supervision has unknown keys {', '.join(unknown)}; known: {', '.join(sorted(known))}"
            )
        if missing := sorted(known - {"prefix_weight"} - set(config)):
            raise RequestError(f"supervision lacks {', '.join(missing)}")
        try:
            return cls(
                name=str(config["name"]),
                full=_floats(config["full"]),
                prefix=tuple(_floats(row) for row in config["prefix"]),
                prefix_probabilities=_floats(config["prefix_probabilities"]),
                keep=_floats(config["keep"]),
                prefix_weight=float(config.get("prefix_weight", PREFIX_WEIGHT)),
            )
        except (TypeError, ValueError) as error:
            raise RequestError(f"supervision holds something that is not a number: {error}") from error


def _floats(values: Iterable[Any]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise RequestError(f"supervision {message}")


def aligned(blocks: int, levels: int) -> np.ndarray:
    """Prefix j at position (j-1)/(J-1) * (D-1) between the levels, weights rounded to one decimal.

    Returns:
        (J, D) float64; at J = 4, D = 2 the paper's L0 weights 1, 0.7, 0.3, 0 (Eq. 2).
    """
    positions = np.linspace(0, levels - 1, blocks) if blocks > 1 else np.array([levels - 1.0])
    distance = np.abs(positions[:, None] - np.arange(levels)[None, :])
    return np.clip(1 - distance, 0, 1).round(1)


def _only(blocks: int, levels: int, level: int) -> np.ndarray:
    table = np.zeros((blocks, levels))
    table[:, level] = 1
    return table


def _uniform(blocks: int, levels: int) -> np.ndarray:
    return np.full((blocks, levels), 1 / levels)


@dataclass(frozen=True)
class Strategy:
    """One row of the strategy table.

    Attributes:
        full: gives (1, D) weights of the full embedding, called like ``prefix`` with J = 1.
        prefix: gives (J, D) weights of the prefixes from J and D.
        meaning: what it is, in half a line.
        has_prefix_term: whether the prefix loss is trained at all.
        has_block_dropout: whether blocks are dropped.
    """

    full: Callable[[int, int], np.ndarray]
    prefix: Callable[[int, int], np.ndarray]
    meaning: str
    has_prefix_term: bool = True
    has_block_dropout: bool = True


def _coarsest(blocks: int, levels: int) -> np.ndarray:
    return _only(blocks, levels, 0)


def _finest(blocks: int, levels: int) -> np.ndarray:
    return _only(blocks, levels, levels - 1)


def _inverted(blocks: int, levels: int) -> np.ndarray:
    return aligned(blocks, levels)[::-1]


STRATEGIES: dict[str, Strategy] = {
    "v5": Strategy(_finest, aligned, "aligned: short prefix coarse, full embedding fine"),
    "mrl": Strategy(_finest, _finest, "Matryoshka: fine at every prefix"),
    "inverted": Strategy(_coarsest, _inverted, "short prefix fine, full embedding coarse"),
    "no-prefix": Strategy(_finest, _finest, "alignment removed: no prefix term", has_prefix_term=False),
    "uhmt": Strategy(_uniform, _uniform, "aware of the hierarchy, not aligned with it"),
    "coarse": Strategy(_coarsest, _coarsest, "dedicated coarse encoder of the dual baseline"),
    "fine": Strategy(
        _finest,
        _finest,
        "dedicated fine encoder of the dual baseline",
        has_prefix_term=False,
        has_block_dropout=False,
    ),
}
"""Every named supervision (paper, Sections 3, 5 and 7)."""


def strategy(name: str, levels: int, blocks: int = 4) -> Supervision:
    """Build a named supervision for D levels and J blocks.

    Prefix probabilities fall linearly, J : J-1 : ... : 1, which is the paper's 0.4, 0.3, 0.2, 0.1 at J = 4;
    keep probabilities are the paper's four, interpolated over the blocks for another J.

    Raises:
        RequestError: the name is not in `STRATEGIES`, or fewer than two levels.
    """
    if name not in STRATEGIES:
        raise RequestError(f"strategy '{name}' is not known; choose from {', '.join(STRATEGIES)}")
    row = STRATEGIES[name]
    falling = np.arange(blocks, 0, -1)
    places = np.linspace(0, 3, blocks) if blocks > 1 else np.zeros(1)
    keep = np.interp(places, range(4), KEEP_AT_FOUR_BLOCKS) if row.has_block_dropout else np.ones(blocks)
    return Supervision(
        name=name,
        full=_floats(row.full(1, levels)[0]),
        prefix=tuple(_floats(weights) for weights in row.prefix(blocks, levels)),
        prefix_probabilities=_floats(falling / falling.sum()),
        keep=_floats(keep),
        prefix_weight=PREFIX_WEIGHT if row.has_prefix_term else 0.0,
    )


def read_supervision(path: Path, levels: int, blocks: int) -> Supervision:
    """Read a user's table from TOML and check it against the feature set's levels and the head's blocks.

    Raises:
        RequestError: the file is no TOML, or its table does not fit.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RequestError(f"{path}: not a TOML file: {error}") from error
    try:
        supervision = Supervision.from_config({"name": path.stem, **document})
    except RequestError as error:
        raise RequestError(f"{path}: {error}") from error
    if (supervision.n_blocks, supervision.n_levels) != (blocks, levels):
        raise RequestError(
            f"{path}: the table is {supervision.n_blocks} prefixes x {supervision.n_levels} levels, "
            f"but the head has {blocks} prefixes and the corpus {levels} levels"
        )
    return supervision
