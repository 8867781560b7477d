"""Sparse codes: an autoencoder of which the largest numbers are kept, as many as a length's bytes hold."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from msgspec import Meta

from fractalctl.errors import RequestError
from fractalctl.heads.arms import Strategy
from fractalctl.heads.method import GradientMethod
from fractalctl.heads.settings import AtLeastOne, AtLeastZero, MethodSettings, Positive, TrainingSettings
from fractalctl.heads.terms import FULL, Objective, Term

if TYPE_CHECKING:
    from torch import Tensor

    from fractalctl.heads.examples import Examples
    from fractalctl.heads.losses import View
    from fractalctl.heads.trunks import Trunk

ALIVE = 1e-5
"""Above which a number counts as active (source)."""
ANNEALED = 0.7
"""Share of all steps after which the number of active ones no longer falls (CSRv2)."""


class CsrSettings(TrainingSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Factors and temperature are those of the source's code."""

    hidden: Annotated[int, Meta(ge=4, le=2**16, description="numbers of a code; the source has 4 h")] = 1536
    wider: Annotated[AtLeastZero, Meta(description="factor of the loss with four times as many active")] = (
        0.125
    )
    auxiliary: Annotated[AtLeastZero, Meta(description="factor of what dead numbers explain of the rest")] = (
        0.03125
    )
    auxiliary_active: Annotated[AtLeastOne, Meta(description="dead numbers that are active for that")] = 256
    dead_after: Annotated[AtLeastOne, Meta(description="steps without activity after which one is dead")] = 10
    contrast: Annotated[AtLeastZero, Meta(description="factor of the contrastive loss")] = 0.1
    temperature: Annotated[Positive, Meta(description="of the contrastive loss")] = 0.2
    supervised: Annotated[bool, Meta(description="whether rows of a finest class are positives (CSRv2)")] = (
        False
    )
    first_active: Annotated[
        int,
        Meta(ge=0, description="active numbers at the first step, falling from there (CSRv2); 0 for no fall"),
    ] = 0
    epochs: Annotated[AtLeastOne, Meta(description="passes over the training rows (source: 10)")] = 10
    batch_size: Annotated[AtLeastOne, Meta(description="rows per step (source: 128 to 4096)")] = 256
    learning_rate: Annotated[Positive, Meta(description="peak rate of AdamW (measured)")] = 1e-3
    weight_decay: Annotated[AtLeastZero, Meta(description="of AdamW (source: 0)")] = 0.0
    standardise: Annotated[bool, Meta(description="centre and scale the features first (source: no)")] = False


class Csr(GradientMethod):
    """CSR (ICML 2025) and CSRv2 (ICLR 2026): a tied sparse autoencoder of the frozen feature v.

        a = W (v - b) + c,   s_k = relu(top k of a),   v_k = W' s_k + b
        L = MSE(v, v_k) + wider MSE(v, v_4k) + auxiliary L_aux + contrast L_con
        L_aux = MSE(e, W' s + b) / MSE(e, mean of e),   e = v - v_k + b without gradient, s the dead ones' top
        L_con = mean -log( sum_positives exp(cos / t) / sum_all exp(cos / t) ),  cosines of codes s_k

    L_con sees the batch twice. In CSR the only positive of a row is its copy, which is as good as itself, so
    that the loss only spreads codes apart. In CSRv2 rows of its class are positives too, and k falls linearly
    from ``first_active`` over the first 70 % of all steps. Read in the code of both: model, losses and
    factors (CSRv2's auxiliary factor is that for text), Adam without decay. Here the threshold of death is
    counted in steps (theirs in passes, three to a step), the optimiser is the loop's, and batches are of 256.

    **Lengths are bytes**: a vector of d numbers takes 4 d bytes, in which there is room for 4 d / 6 active
    numbers with their places, 4 and 2 bytes each. It trains for the shortest length; longer ones keep more of
    the same code. Vectors are compared as whole codes: they are no columns to cut, and an index of dense
    vectors gains nothing by them.
    """

    name = "csr"
    source = "CSR, arXiv 2503.01776; CSRv2, arXiv 2602.05735; the code of both"
    Settings: ClassVar[type[MethodSettings]] = CsrSettings
    tuned = GradientMethod.tuned | {"contrast": (0.03, 3.0)}
    needs: ClassVar[dict[str, str]] = {
        "temperature": "contrast",
        "supervised": "contrast",
        "auxiliary_active": "auxiliary",
        "dead_after": "auxiliary",
    }

    def trunk(self, settings: CsrSettings) -> "Trunk":
        """The encoder."""
        return _encoder(settings.hidden)

    def code(self, settings: CsrSettings) -> int:
        """All numbers of a code."""
        return settings.hidden

    def nested(self, _settings: CsrSettings) -> bool:
        """Never."""
        return False

    def objective(self, settings: CsrSettings, _n_levels: int) -> Objective:
        """One term, of training that has come to its end.

        Raises:
            RequestError: there is another trunk, or the code is too short for four times the active numbers.
        """
        return self._objective(settings, total_steps=0)

    def _objective(self, settings: CsrSettings, total_steps: int) -> Objective:
        from fractalctl.heads.losses import Loss
        from fractalctl.heads.prefixes import active

        if settings.trunk != "linear":
            raise RequestError(f"csr has an encoder of its own and no other trunk, so not {settings.trunk}")
        most = max(4 * max(active(settings.dims[0]), settings.first_active), active(settings.dimension))
        if most > settings.hidden:
            raise RequestError(
                f"csr needs codes of {most} numbers for these dims, but hidden is {settings.hidden}"
            )
        names = ["wider", "auxiliary", "auxiliary_active", "dead_after"]
        names += ["contrast", "temperature", "supervised"]
        options: dict[str, Any] = {name: getattr(settings, name) for name in names}
        options["course"] = Course(active(settings.dims[0]), settings.first_active, total_steps)
        return Objective([Term(Loss(autoencoding), -1, FULL, options=options)])

    def fleet_objective(self, examples: "Examples", settings: CsrSettings) -> Objective:
        """The term, which counts the fleet's steps."""
        return self._objective(settings, self.steps(examples, settings))


def _encoder(hidden: int) -> "Trunk":
    """The map from features to numbers of which the largest are a code."""
    from torch import Tensor, bmm, no_grad

    from fractalctl.heads.prefixes import active
    from fractalctl.heads.trunks import Dims, Shapes, Trunk, Weights

    class Encoder(Trunk):
        """Tied weights: the decoder is the encoder's transpose."""

        name = "sparse encoder"
        meaning = "one matrix, tied to its decoder"
        nested = False
        at_once = 2

        def shapes(self, width: int, _dims: Dims) -> Shapes:
            """The matrix, the bias of codes, and the point that features are counted from."""
            return {"encoder": (width, hidden), "code_bias": (hidden,), "centre": (width,)}

        def blocks(
            self, weights: Weights, features: Tensor, _dims: Dims, _dropout: Tensor | None = None
        ) -> Tensor:
            """All numbers (R, B, hidden), before the largest are chosen."""
            return (
                bmm(features - weights["centre"][:, None], weights["encoder"]) + weights["code_bias"][:, None]
            )

        @no_grad()
        def embed(self, weights: Weights, features: Tensor, dims: Dims) -> tuple[Tensor, Tensor]:
            """Codes (n, hidden) of the longest length, twice."""
            one = {name: tensor[None] for name, tensor in weights.items()}
            codes = largest(self.blocks(one, features[None], dims), active(dims[-1]))[0]
            return codes, codes

    return Encoder()


@dataclass
class Course:
    """How far training has come, and which numbers of the codes are dead.

    Attributes:
        active: numbers of a code in the end.
        first: at the first step; 0 is as many as in the end.
        idle: (R, hidden) steps since each number was active.
    """

    active: int
    first: int
    total_steps: int
    step: int = 0
    idle: "Tensor | None" = None

    def now(self) -> int:
        """Active numbers of this step; the next call is of the next one."""
        done = min(1.0, self.step / (ANNEALED * self.total_steps)) if self.total_steps else 1.0
        self.step += 1
        return round(self.first * (1 - done) + self.active * done) if self.first else self.active

    def dead(self, codes: "Tensor", after: int) -> "Tensor":
        """Which numbers (R, hidden) were idle for so many steps, with this step's codes (R, B, hidden)."""
        import torch

        seen = (codes > ALIVE).any(dim=1)
        idle = torch.zeros_like(seen, dtype=torch.long) if self.idle is None else self.idle
        self.idle = torch.where(seen, 0, idle + 1)
        return self.idle > after


def autoencoding(
    view: "View",
    wider: float,
    auxiliary: float,
    auxiliary_active: int,
    dead_after: int,
    contrast: float,
    temperature: float,
    supervised: bool,
    course: Course,
) -> "Tensor":
    """The whole loss (R,) of a step."""
    k = course.now()
    codes, many = largest(view.embedding, k), largest(view.embedding, 4 * k)
    found = _decoded(view, codes)
    loss = _error(view.features, found) + wider * _error(view.features, _decoded(view, many))
    dead = course.dead(many.detach(), dead_after)
    if auxiliary and bool(dead.any()):
        loss = loss + auxiliary * unexplained(view, found, dead, auxiliary_active)
    if contrast:
        classes = view.labels if supervised else None
        loss = loss + contrast * spread(codes, classes, temperature)
    return loss


def largest(numbers: "Tensor", k: int) -> "Tensor":
    """The k largest of each row where they are positive, zeros elsewhere."""
    import torch

    values, places = numbers.topk(k, dim=-1)
    return torch.zeros_like(numbers).scatter(-1, places, values.clamp(min=0))


def _decoded(view: "View", codes: "Tensor") -> "Tensor":
    return codes @ view.trunk["encoder"].transpose(1, 2) + view.trunk["centre"][:, None]


def _error(wanted: "Tensor", found: "Tensor") -> "Tensor":
    """Mean squared error (R,)."""
    return (wanted - found).square().mean(dim=(1, 2))


def unexplained(view: "View", found: "Tensor", dead: "Tensor", k: int) -> "Tensor":
    """How badly dead numbers (R, hidden) tell what codes leave over, relative to its mean.

    0 where no number is dead, or all rows leave the same over, as the only row of a last batch does.
    """
    import torch

    rest = (view.features - found + view.trunk["centre"][:, None]).detach()
    numbers = view.embedding.masked_fill(~dead[:, None], -torch.inf)
    codes = largest(numbers, min(k, numbers.shape[2]))
    apart = _error(rest, rest.mean(dim=1, keepdim=True))
    # Never divided by 0: the slope of such a quotient is no number, even where the quotient is not taken.
    share = _error(rest, _decoded(view, codes)) / torch.where(apart > 0, apart, 1.0)
    return torch.where(dead.any(dim=1) & (apart > 0), share, 0.0)


def spread(codes: "Tensor", classes: "Tensor | None", temperature: float) -> "Tensor":
    """The contrastive loss (R,) of codes (R, B, hidden); without classes a copy is the only positive."""
    import torch

    from fractalctl.heads.losses import alike, cosines

    scores = cosines(codes) / temperature
    rows = torch.arange(codes.shape[1], device=codes.device).expand(codes.shape[:2])
    positive = alike(rows if classes is None else classes)
    itself = torch.eye(codes.shape[1], dtype=torch.bool, device=codes.device)
    times = torch.where(itself, 1.0, 2.0).to(codes.dtype).log()
    scores = scores + times
    near = scores.masked_fill(~positive, -torch.inf).logsumexp(dim=2)
    return (scores.logsumexp(dim=2) - near).mean(dim=1)


STRATEGIES = (
    Strategy(
        "csr",
        Csr(),
        "linear",
        meaning="sparse codes of an autoencoder, as many numbers as a length's bytes hold; no labels",
    ),
    Strategy(
        "csrv2",
        Csr(),
        "linear",
        {"supervised": True, "first_active": 64, "auxiliary": 0.1},
        meaning="sparse codes that draw rows of a class together, more active numbers at first",
    ),
)
