"""Hyperparameters of a training run, with the paper's values as defaults."""

from dataclasses import asdict, dataclass
from typing import Any

from fractalctl.errors import RequestError

SEEDS = (42, 123, 456, 789, 1024)
"""The paper's seeds (Section 2, "Statistical methodology")."""

SCHEDULES = ("cosine", "constant")
DRAWS = ("batch", "sample")


HEAD_DEFAULTS: dict[str, dict[str, Any]] = {
    "linear": {},
    "fractal": {
        "batch_size": 32,
        "learning_rate": 1e-4,
        "schedule": "constant",
        "standardise": False,
        "prefix_per": "sample",
    },
}
"""Where a kind of head departs from the defaults of `TrainingRecipe`: the recipe of the published runs."""


@dataclass(frozen=True)
class TrainingRecipe:
    """How a head is trained (paper, Section 3 "Training" and Appendix H).

    The defaults are those of the linear head; `for_head` gives those of any kind.

    Attributes:
        head: kind of head, a key of `HEAD_DEFAULTS`.
        dims: ascending prefix lengths; block j holds dimensions dims[j-1] to dims[j].
        epochs: passes over the training rows.
        batch_size: rows per step and run.
        learning_rate: peak rate of AdamW. The paper says 1e-4; the linear head, whose standardised input the
            paper does not describe, is undertrained at that rate after five epochs (docs/heads.md).
        weight_decay: decoupled decay of AdamW (published runs: 0.01; the paper is silent).
        schedule: ``cosine`` decays the rate to zero over all steps; ``constant`` keeps it.
        clip_norm: largest Euclidean norm of one run's whole gradient.
        standardise: centre each input dimension and scale it to unit variance over the training split.
        holdout: share of each finest class's training rows kept for choosing the best epoch.
        holdout_seed: fixes one hold-out for every seed (the paper's ablations); None draws one per seed.
        prefix_per: ``batch`` draws one prefix length for a whole batch (Algorithm 1), ``sample`` one per row.
    """

    head: str = "linear"
    dims: tuple[int, ...] = (64, 128, 192, 256)
    epochs: int = 5
    batch_size: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    schedule: str = "cosine"
    clip_norm: float = 1.0
    standardise: bool = True
    holdout: float = 0.15
    holdout_seed: int | None = None
    prefix_per: str = "batch"

    def __post_init__(self) -> None:
        ascending = all(low < high for low, high in zip((0, *self.dims), self.dims, strict=False))
        _require(bool(self.dims) and ascending, f"dims must be positive and ascending, got {list(self.dims)}")
        _require(self.epochs >= 1, f"epochs must be at least 1, got {self.epochs}")
        _require(self.batch_size >= 1, f"batch size must be at least 1, got {self.batch_size}")
        _require(self.learning_rate > 0, f"learning rate must be positive, got {self.learning_rate}")
        _require(self.weight_decay >= 0, f"weight decay must be at least 0, got {self.weight_decay}")
        _require(self.clip_norm > 0, f"clip norm must be positive, got {self.clip_norm}")
        _require(0 < self.holdout < 1, f"holdout must lie between 0 and 1, got {self.holdout}")

        _require(
            self.schedule in SCHEDULES, f"schedule is one of {', '.join(SCHEDULES)}, got '{self.schedule}'"
        )
        _require(
            self.prefix_per in DRAWS, f"a prefix is drawn per {' or '.join(DRAWS)}, got '{self.prefix_per}'"
        )

    @classmethod
    def for_head(cls, head: str, **options: Any) -> "TrainingRecipe":
        """The recipe of one kind of head: its own defaults, but for the options that are not None.

        Raises:
            RequestError: there is no such kind, or an option is outside its range.
        """
        if head not in HEAD_DEFAULTS:
            raise RequestError(f"head '{head}' is not known; choose from {', '.join(HEAD_DEFAULTS)}")
        given = {name: value for name, value in options.items() if value is not None}
        return cls(head=head, **{**HEAD_DEFAULTS[head], **given})

    @property
    def dimension(self) -> int:
        """d, the length of the full embedding."""
        return self.dims[-1]

    @property
    def n_blocks(self) -> int:
        """J, the number of prefixes."""
        return len(self.dims)

    def total_steps(self, rows: int) -> int:
        """Optimiser steps of one run on so many rows, those that are held out not among them."""
        return self.epochs * -(-rows // self.batch_size)

    def config(self) -> dict[str, Any]:
        """The recipe as JSON values; ``TrainingRecipe.from_config`` restores it."""
        return {**asdict(self), "dims": list(self.dims)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "TrainingRecipe":
        """Restore a recipe from `config` output."""
        return cls(**{**config, "dims": tuple(config["dims"])})


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise RequestError(message)
