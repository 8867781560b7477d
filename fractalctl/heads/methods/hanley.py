"""Hanley and Durumeric's losses: graded similarity, a lower threshold for a shorter prefix."""

from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import Meta

from fractalctl.heads.arms import Strategy
from fractalctl.heads.method import GradientMethod
from fractalctl.heads.settings import AtLeastOne, AtLeastZero, MethodSettings, Positive, TrainingSettings
from fractalctl.heads.terms import Objective, Part, Term, Where

if TYPE_CHECKING:
    from torch import Tensor

    from fractalctl.heads.losses import View

NOWHERE = -1e9
"""Stands for a pair that is not there, in a logarithm of a sum."""


class HanleySettings(TrainingSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Scales and temperature are the source's; it has batches of 16 pairs, 5 epochs and a rate of 2e-5."""

    cosine: Annotated[AtLeastZero, Meta(description="weight of CoSENT; the source's is 1")] = 1.0
    angle: Annotated[AtLeastZero, Meta(description="weight of AnglE; the source's is 1")] = 1.0
    contrast: Annotated[AtLeastZero, Meta(description="weight of InfoNCE; the source's is 1")] = 1.0
    cosine_scale: Annotated[Positive, Meta(description="of cosines in CoSENT (source: 20)")] = 20.0
    angle_scale: Annotated[Positive, Meta(description="of angles in AnglE (source: 1)")] = 1.0
    temperature: Annotated[Positive, Meta(description="of InfoNCE (source: 0.05)")] = 0.05
    epochs: Annotated[AtLeastOne, Meta(description="passes over the training rows")] = 12
    batch_size: Annotated[AtLeastOne, Meta(description="rows per step; every two are a pair")] = 64
    learning_rate: Annotated[Positive, Meta(description="peak rate of AdamW (measured)")] = 2e-3


class Hanley(GradientMethod):
    """Three losses on every prefix; what counts as similar there depends on its length.

        L = sum_j [ CoSENT_j + AnglE_j + InfoNCE_j ]        all on e_1:d_j / |e_1:d_j|
        CoSENT = log(1 + sum_{(a,b) apart, (c,d) alike} exp( 20 (cos_ab - cos_cd) ))
        AnglE  = the same with |sum of real and imaginary parts of z_a / z_b|, scale 1, in the place of 20 cos
        InfoNCE: an anchor finds each row that is like it among those that are not, temperature 0.05

    Read in the source's code: thresholds on graded similarity rise with the share of dimensions ((.25, .25),
    (.5, .5), (.75, 1)), so that the short prefix has coarse pairs alone and the full vector the finest. Two
    rows of a label tree are as similar as the share of levels on which they agree, so a threshold is a level:
    at prefix j of J the level (j-1)/(J-1) * (D-1), rounded down, below which no two rows of the batch are
    alike.

    What differs, because features are frozen and there are classes: pairs are all pairs of rows of a batch,
    instead of annotated ones; there are no two dropout views of a row, so that the pairs (a, a') and their
    InfoNCE positives are left out; rows alike are left out of the denominator, where the source's sampler
    keeps them out of the batch. In the source InfoNCE takes partners for positives whatever the threshold;
    here it obeys the threshold. Real and imaginary parts are columns in turn, so that they stay what they are
    when a vector is cut; in the source they are halves. The source fine-tunes the whole encoder.
    """

    name = "hanley"
    source = (
        "Hanley and Durumeric 2025, ACL long.124, arXiv 2506.00277, and its code; Su 2022; Li and Li 2024"
    )
    Settings: ClassVar[type[MethodSettings]] = HanleySettings
    tuned = GradientMethod.tuned | {"temperature": (0.02, 0.2)}
    needs: ClassVar[dict[str, str]] = {
        "cosine_scale": "cosine",
        "angle_scale": "angle",
        "temperature": "contrast",
    }

    def objective(self, settings: HanleySettings, n_levels: int) -> Objective:
        """A term for each prefix, at its level, as far as its losses weigh something."""
        from fractalctl.heads.losses import Loss

        loss, last = Loss(graded), settings.n_blocks - 1
        names = ("cosine", "angle", "contrast", "cosine_scale", "angle_scale", "temperature")
        options = {name: getattr(settings, name) for name in names}
        levels = [block * (n_levels - 1) // last if last else -1 for block in range(settings.n_blocks)]
        return Objective(
            [
                Term(loss, level, Where(Part.PREFIX, block), options=options)
                for block, level in enumerate(levels)
                if settings.cosine + settings.angle + settings.contrast > 0
            ]
        )


def graded(
    view: "View",
    cosine: float,
    angle: float,
    contrast: float,
    cosine_scale: float,
    angle_scale: float,
    temperature: float,
) -> "Tensor":
    """The weighted sum (R,) of the three losses; all compare directions."""
    from torch.nn import functional

    from fractalctl.heads.losses import alike

    unit = functional.normalize(view.embedding, dim=2)
    cosines, same = unit @ unit.transpose(1, 2), alike(view.labels)
    loss = view.weights.new_zeros(len(unit))
    if cosine:
        loss = loss + cosine * ranked(cosine_scale * cosines, same)
    if angle:
        loss = loss + angle * ranked(angle_scale * angles(unit, cosines), same)
    if contrast:
        loss = loss + contrast * info_nce_among_unlike(cosines / temperature, same)
    return loss * view.weights.mean(dim=1)


def ranked(scores: "Tensor", same: "Tensor") -> "Tensor":
    """How far pairs that are alike are from scoring above all that are not: log(1 + sum exp(apart - alike)).

    The double sum is a product of two sums. Each pair counts once.

    Args:
        scores: (R, B, B) scaled scores of every two rows; those above the diagonal are taken.
        same: (R, B, B) whether two rows are alike.

    Returns:
        (R,) 0 where one kind of pair is missing.
    """
    import torch
    from torch.nn import functional

    pair = torch.ones_like(same).triu(1)
    low = (-scores).masked_fill(~(pair & same), NOWHERE).flatten(1).logsumexp(dim=1)
    high = scores.masked_fill(~(pair & ~same), NOWHERE).flatten(1).logsumexp(dim=1)
    return functional.softplus(low + high)


def angles(unit: "Tensor", cosines: "Tensor") -> "Tensor":
    """|sum of real and imaginary parts of z_a / z_b| (R, B, B) of every two rows (Li and Li 2024, Eq. 6)."""
    from torch.nn import functional

    padded = functional.pad(unit, (0, unit.shape[2] % 2))
    turned = padded[:, :, 1::2] @ padded[:, :, ::2].transpose(1, 2)
    return (cosines + turned - turned.transpose(1, 2)).abs()


def info_nce_among_unlike(scores: "Tensor", same: "Tensor") -> "Tensor":
    """Each anchor finds every row like it among the rows that are not; mean (R,) over those that have one."""
    import torch
    from torch.nn import functional

    unlike = scores.masked_fill(same, NOWHERE).logsumexp(dim=2, keepdim=True)
    positive = same & ~torch.eye(same.shape[1], dtype=torch.bool, device=same.device)
    n_positives = positive.sum(dim=2)
    each = (functional.softplus(unlike - scores) * positive).sum(dim=2) / n_positives.clamp(min=1)
    return each.sum(dim=1) / (n_positives > 0).sum(dim=1).clamp(min=1)


STRATEGIES = Strategy(
    "hanley",
    Hanley(),
    "mlp",
    meaning="graded similarity: coarse pairs in the short prefix, fine ones in the full vector",
)
