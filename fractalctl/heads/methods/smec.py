"""SMEC: lengths are trained one after the other, each choosing its columns among those of the one before."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar

import msgspec
import numpy as np
from msgspec import Meta

from fractalctl.errors import RequestError
from fractalctl.heads.arms import Strategy
from fractalctl.heads.fitted import DivergedError, Fitted, Validate
from fractalctl.heads.method import GradientMethod
from fractalctl.heads.settings import AtLeastOne, AtLeastZero, MethodSettings, Positive, TrainingSettings
from fractalctl.heads.terms import Objective, Part, Term, Where
from fractalctl.progress import Progress

if TYPE_CHECKING:
    from torch import Tensor

    from fractalctl.heads.examples import Examples
    from fractalctl.heads.losses import View


class SmecSettings(TrainingSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Each of the three parts can be left out."""

    sequential: Annotated[bool, Meta(description="one length after the other (SMRL); else all at once")] = (
        True
    )
    selection: Annotated[
        bool, Meta(description="choose the columns that stay (ADS); else the first ones")
    ] = True
    memory: Annotated[
        int,
        Meta(ge=0, description="rows of past batches that similarities are kept with (S-XBM); 0 for none"),
    ] = 5000
    neighbours: Annotated[AtLeastOne, Meta(description="of these, the nearest to each row that count")] = 10
    alignment: Annotated[
        AtLeastZero, Meta(description="weight of these similarities; the ranking counts 1")
    ] = 1.0
    gumbel_temperature: Annotated[Positive, Meta(description="of the softmax that chooses columns")] = 1.0
    standardise: Annotated[
        bool, Meta(description="centre and scale the features, whose similarities are then others")
    ] = False
    weight_decay: Annotated[AtLeastZero, Meta(description="of AdamW; 0 lets frozen columns be")] = 0.0
    epochs: Annotated[AtLeastOne, Meta(description="passes over the rows, shared by the stages")] = 12
    batch_size: Annotated[AtLeastOne, Meta(description="rows per step")] = 128
    learning_rate: Annotated[Positive, Meta(description="peak rate of AdamW in each stage (measured)")] = 1e-3


class Smec(GradientMethod):
    """Sequential Matryoshka Embedding Compression (Zhang et al. 2025) of frozen features by a linear map.

    SMRL: J - 1 stages, one for each two neighbouring lengths, the longest first, with an optimiser of their
    own:

        L_s = rank(z) + rank(z') + alignment * S-XBM(z'),     z the longer prefix, z' what is to stay of it
        rank(z) = mean log(1 + exp( cos(z_i, z_k) - cos(z_i, z_j) )),    j of i's finest class, k of another
        S-XBM(z') = mean_{i, j in N(i)} | cos(x_i, x_j) - cos(z'_i, z'_j) |,   N(i) nearest of the memory

    The columns that do not stay are frozen after their stage. ADS: with importances p, one for each column of
    z, s = softmax((p + Gumbel noise) / t); the columns of the largest s stay, and the gradient is that of s
    (straight through). After the stage those of the largest p become the first columns, so that prefixes are
    nested. The memory holds the features of past batches, first in, first out; features are frozen, so they
    are never out of date.

    Known from the abstract, figures and reviews: the stages of length pairs and their freezing, Gumbel
    softmax and top-k, the memory and its top-k. Not verified: the form of the ranking (that of
    Matryoshka-Adaptor here), weights, temperatures, sizes, and that the map is one matrix whose columns are
    reordered (a review has a further layer for each shorter length, which would not be nested). The number of
    epochs is that of all stages together.
    """

    name = "smec"
    source = "Zhang et al. 2025, SMEC, EMNLP main.1332, arXiv 2510.12474"
    Settings: ClassVar[type[MethodSettings]] = SmecSettings
    tuned = GradientMethod.tuned | {"alignment": (0.03, 3.0)}
    needs: ClassVar[dict[str, str]] = {
        "neighbours": "memory",
        "alignment": "memory",
        "gumbel_temperature": "selection",
    }

    def objective(self, settings: SmecSettings, _n_levels: int) -> Objective:
        """A term for each stage, the longest prefix first.

        Raises RequestError: the trunk has no columns that can be frozen, or selection has no sequence.
        """
        from fractalctl.heads.losses import Loss

        if settings.trunk != "linear":
            raise RequestError(
                f"smec freezes columns, which the linear trunk alone has, not {settings.trunk}"
            )
        if settings.selection and not settings.sequential:
            raise RequestError(
                "smec selects columns from stage to stage: without sequential, set selection=no"
            )
        loss = Loss(compression, shapes=_importances if settings.selection else None)
        last = settings.n_blocks - 1
        stages = []
        for block in range(last, 0, -1) if last else (0,):
            memory = Memory(settings.memory, settings.neighbours) if settings.memory else None
            options = {
                "kept": settings.dims[max(0, block - 1)],
                "temperature": settings.gumbel_temperature,
                "memory": memory,
                "alignment": settings.alignment,
            }
            stages.append(Term(loss, -1, Where(Part.PREFIX, block), options=options))
        return Objective(stages)

    def fit_fleet(
        self,
        examples: "Examples",
        seeds: Sequence[int],
        settings: SmecSettings,
        validate: Validate,
        progress: Progress,
    ) -> list[Fitted]:
        """Train seeds stage by stage; one that diverges is not in the next."""
        from fractalctl.heads.training import train

        failures: list[str] = []
        heads = [Fitted(seed, {}) for seed in seeds]
        terms = self.objective(settings, len(examples.classes)).terms
        for stage in [[term] for term in terms] if settings.sequential else [terms]:
            length = settings.dims[stage[0].where.number]

            def scored(embeddings: np.ndarray, labels: np.ndarray, length: int = length) -> Sequence[float]:
                return validate(np.ascontiguousarray(embeddings[:, :length]), labels)

            left, initial = [head.seed for head in heads], [head.weights for head in heads]
            trunk, how = self.trunk(settings), self._of_stage(settings)
            try:
                trained = train(examples, trunk, Objective(stage), left, how, scored, progress, initial)
            except DivergedError as error:
                failures.append(str(error))
                trained = list(error.fitted)
            before = {head.seed: head for head in heads}
            heads = [_following(before[one.seed], one, stage[0].options["kept"]) for one in trained]
        if failures:
            raise DivergedError("; ".join(failures), heads)
        return heads

    def steps(self, examples: "Examples", settings: SmecSettings) -> int:
        """Optimiser steps over all stages."""
        return super().steps(examples, self._of_stage(settings)) * _n_stages(settings)

    def _of_stage(self, settings: SmecSettings) -> SmecSettings:
        """The settings with each stage's share of the epochs."""
        return msgspec.structs.replace(settings, epochs=max(1, round(settings.epochs / _n_stages(settings))))


def _importances(columns: int, _classes: int) -> dict[str, tuple[int, ...]]:
    return {"importance": (columns,)}


def _n_stages(settings: SmecSettings) -> int:
    return max(1, settings.n_blocks - 1) if settings.sequential else 1


def _following(before: Fitted, after: Fitted, kept: int) -> Fitted:
    """A head after a stage: the columns that stay in front, and the history of all its stages."""
    weights = {name: tensor for name, tensor in after.weights.items() if not name.startswith("term_")}
    importance = after.weights.get("term_0.importance")
    if importance is not None:
        weights["projection"] = weights["projection"][
            :, _order(importance, kept, weights["projection"].shape[1])
        ]
    epochs = len(before.history)
    history = [msgspec.structs.replace(record, epoch=record.epoch + epochs) for record in after.history]
    return replace(
        after,
        weights=weights,
        history=(*before.history, *history),
        best_epoch=(after.best_epoch or 0) + epochs,
    )


def _order(importance: "Tensor", kept: int, columns: int) -> "Tensor":
    """All columns: first those of the largest importances, each kind in the order in which it was."""
    import torch

    stays = torch.zeros(columns, dtype=torch.bool)
    stays[importance.topk(kept).indices] = True
    return torch.cat([stays.nonzero()[:, 0], (~stays).nonzero()[:, 0]])


class Memory:
    """Features of past rows, first in, first out, for the similarities of nearest rows.

    Args:
        capacity: rows that are kept.
        neighbours: of these, how many count for each row.
    """

    def __init__(self, capacity: int, neighbours: int) -> None:
        self._capacity, self._neighbours = capacity, neighbours
        self._rows: Tensor | None = None

    def dissimilarity(self, view: "View", kept: "Tensor") -> "Tensor":
        """How far cosines with the nearest rows are from those of the features, weighted mean (R,).

        Args:
            view: its rows are compared, and remembered for the next batch.
            kept: (R or 1, 1, m) factor of the part's columns.
        """
        import torch
        from torch.nn import functional

        rows, heads = self._rows, len(view.features)
        if rows is None or len(rows) != heads:
            rows = view.features[:, :0]
        self._rows = torch.cat([rows, view.features.detach()], dim=1)[:, -self._capacity :]
        if not rows.shape[1]:
            return view.weights.new_zeros(heads)
        unit, remembered = (functional.normalize(part, dim=2) for part in (view.features, rows))
        wanted, nearest = (unit @ remembered.transpose(1, 2)).topk(
            min(self._neighbours, rows.shape[1]), dim=2
        )
        found = rows.gather(1, nearest.flatten(1)[:, :, None].expand(-1, -1, rows.shape[2]))
        others = functional.normalize(view.embed(found) * kept, dim=2).view(*nearest.shape, -1)
        own = functional.normalize(view.embedding * kept, dim=2)
        apart = (wanted - (own[:, :, None] * others).sum(dim=3)).abs()
        return (apart.mean(dim=2) * view.weights).mean(dim=1)


def compression(
    view: "View", kept: int, temperature: float, memory: Memory | None, alignment: float
) -> "Tensor":
    """One stage's loss (R,): the ranking of a prefix, and ranking and similarities of what stays of it."""
    from torch.nn import functional

    from fractalctl.heads.losses import cosines, over_triplets

    def ranking(part: "Tensor") -> "Tensor":
        return over_triplets(cosines(part), view.labels, view.weights, functional.softplus)

    stays = chosen(view, kept, temperature) if view.parameters else first(view, kept)
    loss = ranking(view.embedding) + ranking(view.embedding * stays)
    return loss if memory is None else loss + alignment * memory.dissimilarity(view, stays)


def first(view: "View", kept: int) -> "Tensor":
    """Factors (1, 1, m): 1 for the first columns."""
    import torch

    columns = torch.arange(view.embedding.shape[2], device=view.embedding.device)
    return (columns < kept).to(view.embedding.dtype)[None, None]


def chosen(view: "View", kept: int, temperature: float) -> "Tensor":
    """Factors (R, 1, m): 1 for the columns of the largest noisy importances, with the softmax's gradient."""
    import torch

    importance = view.parameters["importance"]
    uniform = view.uniform(tuple(importance.shape[1:])).clamp(1e-6, 1 - 1e-6)
    soft = torch.softmax((importance - (-uniform.log()).log()) / temperature, dim=1)
    hard = torch.zeros_like(soft).scatter(1, soft.topk(kept, dim=1).indices, 1.0)
    return (hard + soft - soft.detach())[:, None]


STRATEGIES = Strategy(
    "smec",
    Smec(),
    "linear",
    meaning="lengths trained one after the other, with chosen columns and a memory for similarities",
)
