"""Zoom heads: prefixes with one knob, from keeping all to saying a class alone, beside discriminants."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from msgspec import Meta

from fractalctl.errors import RequestError
from fractalctl.heads.arms import Strategy
from fractalctl.heads.fitted import DivergedError, Fitted, Validate, Weights
from fractalctl.heads.method import GradientMethod
from fractalctl.heads.settings import AtLeastOne, AtLeastZero, ContrastiveSettings, MethodSettings
from fractalctl.heads.terms import FULL, Objective, Part, Term, Where
from fractalctl.progress import Progress

if TYPE_CHECKING:
    from torch import Tensor

    from fractalctl.heads.examples import Examples
    from fractalctl.heads.trunks.parts import Parts

SHARES = (0.98, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)
"""Of prefixes: among these is chosen."""
LEARNED = (0.5, 0.25)
"""Of the learned numbers in a last part that is learned and given: among these is chosen."""
SHORTLIST = 64
KEPT = 0.99
"""Share of nearest neighbours that a shortlist is to keep."""
REFERENCES, QUERIES = 20_000, 1_000
"""Rows that take part, at most."""
BELOW = -2.0
"""Any cosine."""
NARROWED = 0.9
"""Amount at which no loss asks a prefix for more than its class, and from which on it is narrowed."""
TRAINED_SHARE = 0.7
"""Of each prefix in the squared length of the next longer one while they are trained."""
GIVEN = 2 / 3
"""Of the last part's numbers that discriminants have."""
ROWS_AT_ONCE = 16384
SHARPEST = 0.03
"""Temperature of the prototypes' softmax at amount 1; at .01 a class is one point, its neighbours chance."""
Share = Annotated[float, Meta(ge=0, le=1)]


@dataclass(frozen=True)
class Searched:
    """Rows that search, or are searched.

    Attributes:
        rows: (n,) int64, by which a row is known that does both.
        parts: of their embeddings, (n, width) each, of unit length.
        finest: (n,) int64, their finest class.
    """

    rows: "Tensor"
    parts: Sequence["Tensor"]
    finest: "Tensor"


def shares_of(count: int, share: float, learned: float = 1) -> list[float]:
    """Of each part in the squared length, where every prefix has a share of the next longer one.

    Args:
        learned: share of what is learned in the last part; below 1 the rest is given, a part of its own.

    >>> shares_of(3, 0.5), shares_of(2, 0.5, 0.25)
    ([0.25, 0.25, 0.5], [0.5, 0.125, 0.375])
    """
    found = [1.0]
    for _ in range(count - 1):
        found = [found[0] * share, found[0] * (1 - share), *found[1:]]
    return found if learned == 1 else [*found[:-1], found[-1] * learned, found[-1] * (1 - learned)]


def chosen_shares(
    references: Searched, queries: Searched, candidates: Sequence[Sequence[float]], *, shortlisted: bool
) -> Sequence[float]:
    """Of each part, as the whole answers best.

    A query's answer is its nearest other reference by the whole; it is right if of the same finest class, and
    kept if fewer than 64 references are as near by the first part alone. Taken are the shares with most
    answers right, for a shortlist of those that keep 99 %, where any do. Of equals the first.

    Args:
        candidates: shares of each part, the better first.
        shortlisted: whether the first part is made to find what the whole would.
    """
    import torch

    if len(queries.parts) == 1:
        return candidates[0]
    pairs = zip(queries.parts, references.parts, strict=True)
    cosines = torch.stack([query @ reference.T for query, reference in pairs])
    cosines.masked_fill_(queries.rows[:, None] == references.rows, BELOW)
    answers = []
    for shares in candidates:
        nearest = torch.tensordot(cosines.new_tensor(shares), cosines, dims=1).argmax(dim=1)
        near = cosines[0].gather(1, nearest[:, None])
        kept = float(((cosines[0] >= near).sum(dim=1) <= SHORTLIST).double().mean())
        right = float((references.finest[nearest] == queries.finest).double().mean())
        answers.append((shortlisted and kept >= KEPT, right))
    return candidates[answers.index(max(answers))]


class ZoomSettings(ContrastiveSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The knob, what the parts weigh, and how they are trained."""

    amount: Annotated[
        Share,
        Meta(description="0: a prefix keeps all that it can; 1: it says its level's class and nothing else"),
    ] = 0.9
    share: Annotated[
        float,
        Meta(
            ge=0,
            lt=1,
            description="of a prefix in the squared length of the next longer one; 0: held-out rows choose",
        ),
    ] = 0.0
    shrinkage: Annotated[
        Share, Meta(description="weight of a multiple of the identity in the covariance within classes")
    ] = 0.1
    anchor: Annotated[
        AtLeastZero,
        Meta(description="weight of the features' similarities, which are kept beside the classes"),
    ] = 1.0
    residual: Annotated[
        AtLeastZero, Meta(description="factor of other directions beside the discriminants of the last part")
    ] = 0.3
    coarse_weight: Annotated[
        AtLeastZero, Meta(description="of the coarsest level on the full embedding; the finest counts 1")
    ] = 0.5
    dropout: Annotated[float, Meta(ge=0, lt=1, description="rate after the hidden layer")] = 0.5
    parts: Annotated[AtLeastOne, Meta(description="of the embedding; usually one for each level")] = 2
    trunk: Annotated[str, Meta(description="what carries the losses")] = "parts"
    epochs: Annotated[AtLeastOne, Meta(description="passes over the training rows")] = 25


class Zoom(GradientMethod):
    """Supervised contrastive losses (Khosla et al. 2020, Eq. 2) on prefixes, beside discriminants.

    An embedding is one part for each level. Two thirds of the last are given, in closed form: discriminants
    of the finest classes (Fisher 1936), whitened within classes, then other directions of the features,
    smaller. All else is learned. With z the amount over .9, at most 1, and prefix p of P that stands for
    level l(p) of D:

        L = sum_{p < P} z SupCon_l(p)(e_p) + (1 - z) (SupCon_{D-1}(e_p) + a KL(e_p))
            + SupCon_{D-1}(e) + c SupCon_0(e) + a KL(e)

    KL, weighted by the anchor a, is what a part has lost of the features' own similarities within a batch
    (Passalis and Tefas 2018): they speak of classes that no label names, and of few rows more surely than
    their labels do.

    Two things are done in closed form after that. Beyond an amount of .9 prefixes are narrowed, see
    `narrowed`. And the parts are given their shares of the embedding's length: the larger a prefix's share,
    the more of a full-length search's answers are among those that it finds first, and the less the
    discriminants have to say, see `fractalctl.heads.methods.zoom.chosen_shares`.
    """

    name = "zoom"
    source = "this project's; the loss is Khosla et al. 2020, Supervised Contrastive Learning, Eq. 2"
    Settings: ClassVar[type[MethodSettings]] = ZoomSettings
    tuned = GradientMethod.tuned | {"anchor": (0.1, 10.0)}

    def trunk(self, settings: ZoomSettings) -> "Parts":
        """As many parts as the settings say; where there are several, most of the last one is given."""
        from fractalctl.heads.trunks.parts import Parts

        shares = tuple(shares_of(settings.parts, TRAINED_SHARE))
        whole = Parts(shares, dropout=settings.dropout, shortcut=True)
        given = int(whole.widths(settings.dims)[-1] * GIVEN) if settings.parts > 1 else 0
        shares = tuple(shares_of(settings.parts, TRAINED_SHARE, LEARNED[0] if given else 1))
        return replace(whole, shares=shares, given=given)

    def check(self, settings: ZoomSettings, n_levels: int) -> None:
        """See that there are levels and prefixes for every part, and that no other trunk is asked for."""
        if settings.trunk != "parts":
            raise RequestError(f"zoom has parts of its own and no other trunk, so not {settings.trunk}")
        most = min(n_levels, settings.n_blocks)
        if settings.parts > most:
            raise RequestError(
                f"zoom: {settings.parts} parts, but {n_levels} levels and {settings.n_blocks} prefixes "
                f"allow {most}"
            )

    def objective(self, settings: ZoomSettings, n_levels: int) -> Objective:
        """Up to three terms for each part."""
        options = {"temperature": settings.temperature}
        return Objective(
            [
                Term(loss, level, where, weight, options)
                for loss, level, where, weight in _weighted(settings, n_levels)
                if weight
            ]
        )

    def initial(self, examples: "Examples", seed: int, settings: ZoomSettings) -> Weights:
        """The last part, an affine map of what the trunk is fed, from the rows that this seed is trained on.

        Held-out rows have no part in it: they choose the epoch and the shares.
        """
        width = self.trunk(settings).given
        if not width:
            return {}
        import torch

        from fractalctl.heads.examples import held_out
        from fractalctl.heads.moments import Moments

        source, labels = examples.source, examples.labels[:, -1].cpu().numpy()
        out = held_out(examples, settings, seed).validation
        moments = Moments.of(source, labels, examples.classes[-1])
        moments -= Moments.of(source[np.sort(out)], labels[np.sort(out)], examples.classes[-1])
        given = moments.discriminants(width, settings.shrinkage, settings.residual)
        inputs = examples.standardised() if settings.standardise else examples
        mean, scale = (tensor.double().cpu().numpy() for tensor in (inputs.mean, inputs.scale))
        found = {"given": given / scale[:, None], "given_bias": (mean - moments.mean) @ given}
        return {name: torch.from_numpy(array).float() for name, array in found.items()}

    def fit(
        self,
        examples: "Examples",
        seeds: Sequence[int],
        settings: ZoomSettings,
        validate: Validate,
        progress: Progress,
    ) -> list[Fitted]:
        """Train, then find what narrows the prefixes, and the shares."""

        def finished(fitted: Fitted) -> Fitted:
            return replace(fitted, weights=self._finished(examples, fitted, settings))

        try:
            return [*map(finished, super().fit(examples, seeds, settings, validate, progress))]
        except DivergedError as error:
            raise DivergedError(str(error), [*map(finished, error.fitted)]) from error

    def _finished(self, examples: "Examples", fitted: Fitted, settings: ZoomSettings) -> Weights:
        """All weights of a trained head: the learned ones, prototypes, and the parts' shares."""
        import torch

        weights = dict(fitted.weights)
        if _narrows(settings):
            weights |= self._prototypes(examples, weights, settings)
        shares = self._chosen(examples, weights, settings, fitted.seed)
        return {**weights, "shares": torch.tensor(shares)}

    def _chosen(
        self, examples: "Examples", weights: Weights, settings: ZoomSettings, seed: int
    ) -> Sequence[float]:
        """Of each part: what held-out rows choose when they search among all."""
        import torch

        from fractalctl.heads.examples import held_out

        def searched(rows: np.ndarray, most: int) -> Searched:
            some = rows[:: -(-len(rows) // most)]
            found = [parts for _, parts in self._embedded(examples, weights, settings, some)]
            parts = [torch.cat(part) for part in zip(*found, strict=True)]
            numbers = torch.from_numpy(some)
            return Searched(numbers, parts, examples.labels[numbers, -1].cpu())

        held = held_out(examples, settings, seed).validation
        references = searched(np.arange(len(examples.labels)), REFERENCES)
        queries = searched(held, QUERIES)
        candidates = [
            shares_of(settings.parts, share, learned)
            for share in ((settings.share,) if settings.share or settings.parts == 1 else SHARES)
            for learned in (LEARNED if self.trunk(settings).given else (1,))
        ]
        return chosen_shares(references, queries, candidates, shortlisted=not _narrows(settings))

    def _prototypes(self, examples: "Examples", weights: Weights, settings: ZoomSettings) -> Weights:
        """The mean direction (K, width) of each class of its level, for each part but the last."""
        import torch

        from fractalctl.heads.trunks.parts import spread

        levels = spread(settings.parts, len(examples.classes))[:-1]
        widths = self.trunk(settings).widths(settings.dims)
        sums = [
            torch.zeros(examples.classes[level], width) for level, width in zip(levels, widths, strict=False)
        ]
        for rows, parts in self._embedded(examples, weights, settings, np.arange(len(examples.labels))):
            labels = examples.labels[torch.from_numpy(rows)].cpu()
            for total, level, part in zip(sums, levels, parts, strict=False):
                total.index_add_(0, labels[:, level], part)
        means = map(torch.nn.functional.normalize, sums)
        return {f"prototypes_{part}": directions for part, directions in enumerate(means)}

    def _embedded(
        self, examples: "Examples", weights: Weights, settings: ZoomSettings, rows: np.ndarray
    ) -> Iterator[tuple[np.ndarray, "list[Tensor]"]]:
        """Some rows at a time, and their parts."""
        import torch

        for start in range(0, len(rows), ROWS_AT_ONCE):
            some = rows[start : start + ROWS_AT_ONCE]
            features = examples.take(torch.from_numpy(some).to(examples.device)).cpu()
            yield some, self._parts(weights, features, settings)
            examples.release()

    def _parts(self, weights: Weights, features: "Tensor", settings: ZoomSettings) -> "list[Tensor]":
        """Parts of unit length, narrowed where there are prototypes."""
        from torch import split
        from torch.nn.functional import normalize

        trained, _ = super().embed(weights, features, settings)
        parts = [*map(normalize, split(trained, self.trunk(settings).widths(settings.dims), dim=1))]
        for number, part in enumerate(parts[:-1]):
            if (name := f"prototypes_{number}") in weights:
                parts[number] = narrowed(part, weights[name], settings.amount)
        return parts

    def embed(self, weights: Weights, features: "Tensor", settings: ZoomSettings) -> "tuple[Tensor, Tensor]":
        """Parts of their shares, one after the other."""
        import torch

        parts = self._parts(weights, features, settings)
        embedding = torch.cat(
            [part * length for part, length in zip(parts, weights["shares"].sqrt(), strict=True)], dim=1
        )
        return embedding, embedding


def narrowed(part: "Tensor", prototypes: "Tensor", amount: float) -> "Tensor":
    """A part with less and less beside its class: measured, in this order, to cost a search least.

    With t from 0 to 1 as the amount goes from .9 to 1: up to t = 1/2 what lies outside the prototypes' span
    fades away; from there on the part is the prototypes' mean, weighted by a softmax of its cosines with
    them, whose temperature falls from 1 to .03, where little is left but the nearest.

    Args:
        part: (n, width), of unit length.
        prototypes: (K, width), of unit length.

    Returns (n, width), of unit length.
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


def _weighted(settings: ZoomSettings, n_levels: int) -> Iterator[tuple[str, int, Where, float]]:
    """Loss, level, place and weight of each term."""
    from fractalctl.heads.trunks.parts import spread

    said = min(settings.amount / NARROWED, 1.0)
    blocks, levels = spread(settings.parts, settings.n_blocks), spread(settings.parts, n_levels)
    contrast, keep = "supervised-contrastive", "distillation"
    for block, level in zip(blocks[:-1], levels[:-1], strict=True):
        prefix = Where(Part.PREFIX, block)
        yield contrast, level, prefix, said
        yield contrast, -1, prefix, 1 - said
        yield keep, -1, prefix, (1 - said) * settings.anchor
    yield contrast, -1, FULL, 1.0
    yield contrast, 0, FULL, settings.coarse_weight
    yield keep, -1, FULL, settings.anchor


STRATEGIES = Strategy(
    "zoom",
    Zoom(),
    "parts",
    lambda n_blocks, n_levels: {"parts": min(n_blocks, n_levels), "schedule": "one-cycle"},
    meaning="contrastive parts with one knob: prefixes say the coarser classes, the whole the finest",
    knob="amount",
)
