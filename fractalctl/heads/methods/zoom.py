"""Zoom heads: contrastive parts with one knob, from prefixes that keep all to ones that say a class alone."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta

from fractalctl.errors import RequestError
from fractalctl.heads.arms import Strategy
from fractalctl.heads.fitted import DivergedError, Fitted, Validate, Weights
from fractalctl.heads.method import GradientMethod
from fractalctl.heads.settings import AtLeastOne, AtLeastZero, MethodSettings, Positive, TrainingSettings
from fractalctl.heads.terms import FULL, Objective, Part, Term, Where
from fractalctl.progress import Progress

if TYPE_CHECKING:
    from torch import Tensor

    from fractalctl.heads.examples import Examples
    from fractalctl.heads.trunks.parts import Parts

NARROWED = 0.9
"""Amount from which on prefixes are narrowed."""
TRAINED_SHARE = 0.7
"""Of each prefix in the squared length of the next longer one while they are trained."""
SHARPEST = 0.05
"""Temperature of the prototypes' softmax at amount 1."""

Share = Annotated[float, Meta(ge=0, le=1)]


class ZoomSettings(TrainingSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The knob, what the parts weigh, and how they are trained."""

    amount: Annotated[
        Share,
        Meta(description="0: a prefix keeps all that it can; 1: it says its level's class and nothing else"),
    ] = 0.9
    share: Annotated[
        float,
        Meta(
            gt=0, lt=1, description="of each prefix in the squared length of the next longer one (measured)"
        ),
    ] = 0.9
    components: Annotated[
        Annotated[int, Meta(ge=0)],
        Meta(description="last numbers that are principal components of the backbone's features"),
    ] = 0
    component_share: Annotated[
        Share, Meta(description="of these components in the squared length of the full embedding")
    ] = 0.4
    coarse_weight: Annotated[
        AtLeastZero, Meta(description="of the coarsest level on the full embedding; the finest counts 1")
    ] = 0.5
    temperature: Annotated[Positive, Meta(description="of the softmax over the batch")] = 0.1
    dropout: Annotated[float, Meta(ge=0, lt=1, description="rate after the hidden layer")] = 0.2
    parts: Annotated[AtLeastOne, Meta(description="of the embedding; usually one for each level")] = 2
    trunk: Annotated[str, Meta(description="what carries the losses")] = "parts"
    epochs: Annotated[AtLeastOne, Meta(description="passes over the training rows")] = 25
    batch_size: Annotated[AtLeastOne, Meta(description="rows per step, each an anchor")] = 512
    learning_rate: Annotated[Positive, Meta(description="peak rate of AdamW")] = 2e-3


class Zoom(GradientMethod):
    """Supervised contrastive losses (Khosla et al. 2020, Eq. 2) on prefixes and on the full embedding.

    With z the amount, and prefix p of P that stands for level l(p) of D:

        L = sum_{p < P} z SupCon_l(p)(e_p) + (1 - z) SupCon_{D-1}(e_p)  +  SupCon_{D-1}(e) + c SupCon_0(e)

    Three things are done in closed form once that is trained. The parts are given their shares of the
    embedding's length: the larger a prefix's share, the more of a full-length search's answers are among
    those that it finds first. Beyond an amount of .9 prefixes are narrowed, see `narrowed`. And principal
    components of the features, where there are any, take the last numbers: what no label says stays there.
    """

    name = "zoom"
    source = "this project's; the loss is Khosla et al. 2020, Supervised Contrastive Learning, Eq. 2"
    Settings: ClassVar[type[MethodSettings]] = ZoomSettings

    def trunk(self, settings: ZoomSettings) -> "Parts":
        """As many parts as the settings say."""
        from fractalctl.heads.trunks.parts import Parts

        shares = tuple(_shares(settings.parts, TRAINED_SHARE))
        return Parts(shares, dropout=settings.dropout, vacant=settings.components)

    def check(self, settings: ZoomSettings, n_levels: int) -> None:
        """See that there are levels and numbers for every part."""
        most = min(n_levels, settings.n_blocks)
        if settings.parts > most:
            raise RequestError(
                f"zoom: {settings.parts} parts, but {n_levels} levels and {settings.n_blocks} prefixes "
                f"allow {most}"
            )
        if self.trunk(settings).widths(settings.dims)[-1] < 1:
            raise RequestError(
                f"zoom: {settings.components} components leave the last part no number of its own"
            )

    def objective(self, settings: ZoomSettings, n_levels: int) -> Objective:
        """Up to two terms for each part."""
        options = {"temperature": settings.temperature}
        return Objective(
            [
                Term("supervised-contrastive", level, where, weight, options)
                for level, where, weight in _weighted(settings, n_levels)
                if weight
            ]
        )

    def fit(
        self,
        examples: "Examples",
        seeds: Sequence[int],
        settings: ZoomSettings,
        validate: Validate,
        progress: Progress,
    ) -> list[Fitted]:
        """Train, then find what narrows the prefixes, and the components."""
        added = self._added(examples, settings)
        try:
            return [*map(added, super().fit(examples, seeds, settings, validate, progress))]
        except DivergedError as error:
            raise DivergedError(str(error), [*map(added, error.fitted)]) from error

    def _added(self, examples: "Examples", settings: ZoomSettings) -> Callable[[Fitted], Fitted]:
        """What adds prototypes and components to the weights of a trained head."""
        import torch

        from fractalctl.heads.moments import mean_of, principal_directions

        fixed: Weights = {}
        if settings.components:
            directions = principal_directions(examples.source, settings.components)
            bias = -mean_of(examples.source) @ directions
            fixed = {
                "components": torch.from_numpy(directions).float(),
                "components_bias": torch.from_numpy(bias).float(),
            }

        def add(fitted: Fitted) -> Fitted:
            prototypes = self._prototypes(examples, fitted.weights, settings) if _narrows(settings) else {}
            return replace(fitted, weights={**fitted.weights, **fixed, **prototypes})

        return add

    def _prototypes(self, examples: "Examples", weights: Weights, settings: ZoomSettings) -> Weights:
        """The mean direction (K, width) of each class of its level, for each part but the last."""
        import torch

        from fractalctl.heads.moments import parts

        levels = _spread(settings.parts, len(examples.classes))
        widths = self.trunk(settings).widths(settings.dims)
        sums = [
            torch.zeros(examples.classes[level], width) for level, width in zip(levels, widths, strict=True)
        ]
        for place, rows in parts(examples.source):
            trained, _ = super().embed(weights, torch.from_numpy(rows).float(), settings)
            labels = examples.labels[place].cpu()
            for part, found in enumerate(torch.split(trained[:, : sum(widths)], widths, dim=1)):
                sums[part].index_add_(0, labels[:, levels[part]], found)
        means = map(torch.nn.functional.normalize, sums[:-1])
        return {f"prototypes_{part}": directions for part, directions in enumerate(means)}

    def embed(self, weights: Weights, features: "Tensor", settings: ZoomSettings) -> "tuple[Tensor, Tensor]":
        """Parts of their shares, one after the other, narrowed where they are to be; then the components."""
        import torch
        from torch.nn import functional

        trained, _ = super().embed(weights, features, settings)
        widths = self.trunk(settings).widths(settings.dims)
        parts = [functional.normalize(part) for part in torch.split(trained[:, : sum(widths)], widths, dim=1)]
        if _narrows(settings):
            for number in range(settings.parts - 1):
                parts[number] = narrowed(parts[number], weights[f"prototypes_{number}"], settings.amount)
        learned = 1 - settings.component_share if settings.components else 1.0
        lengths = [(learned * share) ** 0.5 for share in _shares(settings.parts, settings.share)]
        if settings.components:
            lengths.append(settings.component_share**0.5)
            found = features @ weights["components"] + weights["components_bias"]
            parts.append(functional.normalize(found))
        embedding = torch.cat([part * length for part, length in zip(parts, lengths, strict=True)], dim=1)
        return embedding, embedding


def narrowed(part: "Tensor", prototypes: "Tensor", amount: float) -> "Tensor":
    """A part with less and less beside its class: measured, in this order, to cost a search least.

    With t from 0 to 1 as the amount goes from .9 to 1: up to t = 1/2 what lies outside the prototypes' span
    fades away; from there on the part is the prototypes' mean, weighted by a softmax of its cosines with
    them, whose temperature falls from 1 to .05, where nothing is left but the nearest.

    Args:
        part: (n, width), of unit length.
        prototypes: (K, width), of unit length.
        amount: over .9.

    Returns:
        (n, width), of unit length.
    """
    import torch
    from torch.nn import functional

    t = (amount - NARROWED) / (1 - NARROWED)
    if t > 0.5:
        temperature = SHARPEST ** (2 * t - 1)
        return functional.normalize(torch.softmax(part @ prototypes.T / temperature, dim=1) @ prototypes)
    _, sizes, axes = torch.linalg.svd(prototypes, full_matrices=False)
    axes = axes[sizes > 1e-4 * sizes[0]]
    return functional.normalize(torch.lerp(part, part @ axes.T @ axes, 2 * t))


def _narrows(settings: ZoomSettings) -> bool:
    return settings.amount > NARROWED and settings.parts > 1


def _spread(count: int, places: int) -> list[int]:
    from fractalctl.heads.trunks.parts import spread

    return spread(count, places)


def _weighted(settings: ZoomSettings, n_levels: int) -> Iterator[tuple[int, Where, float]]:
    """Level, place and weight of each term."""
    blocks, levels = _spread(settings.parts, settings.n_blocks), _spread(settings.parts, n_levels)
    for block, level in zip(blocks[:-1], levels[:-1], strict=True):
        yield level, Where(Part.PREFIX, block), settings.amount
        yield -1, Where(Part.PREFIX, block), 1 - settings.amount
    yield -1, FULL, 1.0
    yield 0, FULL, settings.coarse_weight


def _shares(count: int, share: float) -> list[float]:
    """Of each part in the squared length, where every prefix has a share of the next longer one.

    >>> _shares(3, 0.5)
    [0.25, 0.25, 0.5]
    """
    found = [1.0]
    for _ in range(count - 1):
        found = [found[0] * share, found[0] * (1 - share), *found[1:]]
    return found


def _by_depth(n_blocks: int, n_levels: int) -> dict[str, Any]:
    """A part for each level, as far as there are prefixes."""
    return {"parts": min(n_blocks, n_levels), "schedule": "one-cycle"}


def _anchored(n_blocks: int, n_levels: int) -> dict[str, Any]:
    """A quarter of the numbers are components; the prefixes weigh less, so that these have a say."""
    return _by_depth(n_blocks, n_levels) | {"components": 64, "share": 0.8}


_METHOD = Zoom()
STRATEGIES = (
    Strategy(
        "zoom",
        _METHOD,
        "parts",
        _by_depth,
        meaning="contrastive parts with one knob: prefixes say the coarser classes, the whole the finest",
        source=Zoom.source,
        knob="amount",
    ),
    Strategy(
        "zoom-anchored",
        _METHOD,
        "parts",
        _anchored,
        meaning="zoom beside principal components of the backbone: for few labels, for classes not seen",
        source=Zoom.source,
        knob="amount",
    ),
)
