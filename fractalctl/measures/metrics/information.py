"""Information: lower bounds, in bits, on what each prefix knows of each level, from held-out probes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import msgspec
import numpy as np
from scipy.optimize import brentq

from fractalctl.errors import RequestError
from fractalctl.heads.examples import hold_out
from fractalctl.measures.metrics import Metric, Subject
from fractalctl.measures.probes import STRENGTHS, Rows, Verdict, best_probe
from fractalctl.measures.steerability import INTERVAL_LEVEL
from fractalctl.randomness import Purpose, generator
from store import FeatureSet

MOST_ROWS = 20_000  # training rows that probes learn from; of more, a random sample
MOST_VALIDATION_ROWS = 5_000
ROWS_SEED = 42
HELD_OUT = 0.15  # share that calibrates the probes of a head that held nothing out, such as a closed form


class Bits(msgspec.Struct, frozen=True, kw_only=True):
    """A mean over rows.

    Attributes:
        bits: the mean.
        interval: 95 %, from the normal approximation.
    """

    bits: float
    interval: tuple[float, float]


class Entropy(msgspec.Struct, frozen=True, kw_only=True):
    """An entropy in bits, estimated from rows.

    Attributes:
        plug_in: of the shares among the rows; too small in expectation.
        corrected: with Miller and Madow's correction, about right on average.
        most: an upper limit with 95 % confidence, whatever the distribution; see `estimated_entropy`.
    """

    plug_in: float
    corrected: float
    most: float


class Theorem1(msgspec.Struct, frozen=True, kw_only=True):
    """The paper's Eq. 5, I(z_1; L0) > I(z_1; L1 | L0); L1 stands for all finer levels together.

    Attributes:
        dimension: length of z_1, the shortest prefix.
        coarse: lower bound on I(z_1; L0).
        fine_given_coarse: lower bound on I(z_1; L1 | L0).
        difference: of the two bounds; a hint, no proof.
        h_coarse: H(L0), which I(z_1; L0) cannot exceed.
        h_fine_given_coarse: H(L1 | L0), which I(z_1; L1 | L0) cannot exceed.
        coarse_share: the coarse bound as a share of H(L0); None where that is zero.
        fine_share: the fine bound as a share of H(L1 | L0); None where that is zero.
        verdict: ``holds`` or ``fails`` where that is sure with 95 % confidence, else ``open``.
    """

    dimension: int
    coarse: Bits
    fine_given_coarse: Bits
    difference: Bits
    h_coarse: Entropy
    h_fine_given_coarse: Entropy
    coarse_share: float | None
    fine_share: float | None
    verdict: Literal["holds", "fails", "open"]


def estimate(values: np.ndarray) -> Bits:
    """Mean over rows with its 95 % interval from the normal approximation.

    Entropies are means of -log2 of shares; to first order, taking the shares as given leaves their variance
    right (the delta method), so one interval holds for bits gained as well.
    """
    mean, half = float(values.mean()), 0.0
    if len(values) > 1:
        quantile = NormalDist().inv_cdf((1 + INTERVAL_LEVEL) / 2)
        half = float(quantile * values.std(ddof=1) / math.sqrt(len(values)))
    return Bits(bits=mean, interval=(mean - half, mean + half))


def estimated_entropy(surprise: np.ndarray, freedom: int) -> Entropy:
    """H(Y), or H(Y | X), of the population that the rows were drawn from.

    The plug-in estimate is too small in expectation, by log2(1 + (K - 1) / n) bits at most, whatever the
    distribution (Paninski), and of H(Y | X) by log2(1 + sum over x of (K_x - 1) / n), as the logarithm is
    concave. ``most`` adds that limit and the interval of the mean. ``corrected``, Miller and Madow's, is
    about right on average, so below the truth about half the time: no safe side of a verdict.

    Args:
        surprise: (n,) -log2 of the share of each row's class, among the rows of the same x if there is one.
        freedom: K - 1, or the sum of K_x - 1.

    Source: Paninski, Estimation of entropy and mutual information, Neural Computation 15, 2003, Proposition
    1; Miller, Note on the bias of information estimates, 1955.
    """
    rows, found = len(surprise), estimate(surprise)
    return Entropy(
        plug_in=found.bits,
        corrected=found.bits + freedom / (2 * rows * math.log(2)),
        most=found.interval[1] + largest_bias(freedom, rows),
    )


def largest_bias(freedom: int, rows: int) -> float:
    """Bits by which a plug-in entropy can be too small in expectation, see `estimated_entropy`."""
    return math.log2(1 + freedom / rows)


def theorem_1(
    surprise: Mapping[str, np.ndarray],
    gains: Mapping[str, np.ndarray],
    classes: Sequence[int],
    dimension: int,
) -> Theorem1:
    """Is I(z_1; L0) > I(z_1; L1 | L0)? L1 stands for all finer levels together.

    Both sides are known by lower bounds, and neither exceeds its entropy. So it surely holds where the coarse
    bound exceeds H(L1 | L0), surely fails where the fine bound exceeds H(L0), and else is open. Bounds are
    made with plug-in entropies, the safe side; entropies that bounds are compared with get all the bias that
    they may have. Rows are paired, so each comparison has one interval.

    Per quantity, coarsest first, ``surprise`` is -log2 of each row's share, (n,), and ``gains`` the bits
    gained by seeing the shortest prefix, of so many dimensions; ``classes`` are counted at each level,
    coarsest first.
    """
    first, *finer = surprise
    coarse, h_coarse = gains[first], surprise[first]
    fine, h_fine = (np.sum([rows[name] for name in finer], axis=0) for rows in (gains, surprise))
    free_coarse, free_fine = classes[0] - 1, classes[-1] - classes[0]
    rows = len(h_coarse)
    holds = estimate(coarse - h_fine).interval[0] > largest_bias(free_fine, rows)
    fails = estimate(fine - h_coarse).interval[0] > largest_bias(free_coarse, rows)
    return Theorem1(
        dimension=dimension,
        coarse=estimate(coarse),
        fine_given_coarse=estimate(fine),
        difference=estimate(coarse - fine),
        h_coarse=estimated_entropy(h_coarse, free_coarse),
        h_fine_given_coarse=estimated_entropy(h_fine, free_fine),
        coarse_share=float(coarse.mean() / h_coarse.mean()) if h_coarse.any() else None,
        fine_share=float(fine.mean() / h_fine.mean()) if h_fine.any() else None,
        verdict="holds" if holds else "fails" if fails else "open",
    )


def binary_entropy(share: float) -> float:
    """H2 in bits."""
    return -sum(part * math.log2(part) for part in (share, 1 - share) if part > 0)


def fano_bits(entropy: float, error: float, n_choices: int) -> float:
    """What an error rate alone proves: I(Z; Y) >= H(Y) - H2(error) - error log2(K - 1), at least 0, in bits.

    The error of any classifier with at most K classes to choose from; for H(Y | X) the error given X.

    Source: Fano, Transmission of Information, 1961; Cover and Thomas, Elements of Information Theory, 2.10.
    """
    return max(0.0, entropy - _most_doubt(error, n_choices))


def fano_error(doubt: float, n_choices: int) -> float:
    """Least error rate of any classifier where H(Y | Z) is so many bits: H2(e) + e log2(K - 1) = doubt.

    A cross-entropy is no less than H(Y | Z), so with one in its place this is the least error if the prefix
    knows no more than the bound says. K is the most classes to choose from.
    """
    most = 1 - 1 / n_choices
    if doubt <= 0 or n_choices < 2:
        return 0.0
    if doubt >= math.log2(n_choices):
        return most
    return float(brentq(lambda error: _most_doubt(error, n_choices) - doubt, 0.0, most))


def _most_doubt(error: float, n_choices: int) -> float:
    """Largest H(Y | Z) that an error rate allows."""
    return binary_entropy(error) + (error * math.log2(n_choices - 1) if n_choices > 1 else 0.0)


@dataclass(frozen=True)
class Quantity:
    """What a prefix may know: the class at one level, given the one above: ``L0``, ``L1|L0``, ``L2|L1``, ...

    ``children`` are ascending class ids below each class of the level above; all classes for L0.
    """

    name: str
    level: int
    children: tuple[np.ndarray, ...]

    @property
    def most_choices(self) -> int:
        """Most classes that a row can belong to, once the class above is known."""
        return max(map(len, self.children))

    def parents(self, labels: np.ndarray) -> np.ndarray:
        """(n,) class above of labels (n, D); 0 for L0."""
        return labels[:, self.level - 1] if self.level else np.zeros(len(labels), dtype=np.int64)

    def rows(self, embeddings: np.ndarray, labels: np.ndarray) -> Rows:
        """Embeddings (n, d) and labels (n, D) as a probe wants them."""
        return Rows(embeddings, self.parents(labels), labels[:, self.level])

    def surprise(self, labels: np.ndarray) -> np.ndarray:
        """-log2 of each class's share among the rows of its class above, (n,); its mean is the entropy."""
        classes, parents = labels[:, self.level], self.parents(labels)
        return -np.log2(np.bincount(classes)[classes] / np.bincount(parents)[parents]) + 0.0


def quantities(features: FeatureSet) -> list[Quantity]:
    """What there is to know in a feature set's tree, coarsest level first."""
    found = [Quantity("L0", 0, (np.arange(len(features.class_names[0])),))]
    for above, parents in enumerate(features.parents):
        children = tuple(np.flatnonzero(parents == one) for one in range(len(features.class_names[above])))
        found.append(Quantity(f"L{above + 1}|L{above}", above + 1, children))
    return found


class RowCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows there were.

    Attributes:
        known: training rows that probes learn from.
        validation: training rows that they are calibrated on.
        test: rows that they are asked about.
    """

    known: int
    validation: int
    test: int


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one quantity at one length.

    Attributes:
        bits: lower bound on the mutual information: plug-in entropy less cross-entropy.
        interval: 95 %, over test rows.
        cross_entropy: of the probe, bits per test row.
        error: share of test rows that the probe gets wrong.
        fano_error: least error of any classifier if the prefix knew no more than the bound says.
        fano_bits: what the probe's error rate alone proves.
        strength: inverse penalty of the probe (scikit-learn's C).
        temperature: that divides its logits.
    """

    bits: float
    interval: tuple[float, float]
    cross_entropy: float
    error: float
    fano_error: float
    fano_bits: float
    strength: float
    temperature: float


class Information(msgspec.Struct, frozen=True, kw_only=True):
    """Lower bounds on what prefixes know of levels.

    Attributes:
        unit: ``bits``.
        seed: draws the training rows where there are too many.
        strengths: inverse penalties that are tried.
        rows: how many.
        entropy: plug-in, by quantity: ``L0``, ``L1|L0``, ``L2|L1``, ...
        bounds: by length, then by quantity.
        theorem_1: the paper's Eq. 5 at the shortest prefix.
    """

    unit: str
    seed: int
    strengths: list[float]
    rows: RowCounts
    entropy: dict[str, float]
    bounds: dict[str, dict[str, Bound]]
    theorem_1: Theorem1


def information(subject: Subject) -> Information:
    """Bounds on I(z_1:j; L0), I(z_1:j; L1 | L0), ... for every prefix j, with Fano's beside them.

    For any probe q, I(Z; Y) >= H(Y) - CE(q), where CE is its cross-entropy on rows that it has not seen, and
    given the class X above, I(Z; Y | X) >= H(Y | X) - CE(q(. | Z, X)); H and CE are taken on the test rows.
    Source: Barber and Agakov, The IM algorithm, NIPS 2003 (the bound); the paper's Theorem 1.
    """
    features, truth = subject.evaluator.features, subject.test_labels
    known, validation = training_rows(subject)
    wanted = quantities(features)
    surprise = {quantity.name: quantity.surprise(truth) for quantity in wanted}
    found = _probes(subject, wanted, known, validation)
    shortest = found[subject.dims[0]]
    gains = {name: surprise[name] - shortest[name].bits for name in surprise}
    return Information(
        unit="bits",
        seed=ROWS_SEED,
        strengths=list(STRENGTHS),
        rows=RowCounts(known=len(known), validation=len(validation), test=len(truth)),
        entropy={name: float(bits.mean()) for name, bits in surprise.items()},
        bounds={
            str(dimension): {one.name: _bound(one, surprise[one.name], verdicts[one.name]) for one in wanted}
            for dimension, verdicts in found.items()
        },
        theorem_1=theorem_1(surprise, gains, [len(names) for names in features.class_names], subject.dims[0]),
    )


def _probes(
    subject: Subject, wanted: Sequence[Quantity], known: np.ndarray, validation: np.ndarray
) -> dict[int, dict[str, Verdict]]:
    """The best probe of each quantity at each prefix length."""
    features = subject.evaluator.features
    train = subject.embed(features.features("train")[np.concatenate([known, validation])])
    labels = features.labels("train")
    of_rows = labels[known], labels[validation], subject.test_labels
    found: dict[int, dict[str, Verdict]] = {}
    for dimension in subject.dims:
        parts = _standardised(train.at(dimension), subject.test.at(dimension), len(known))
        found[dimension] = {
            one.name: best_probe(one.children, *map(one.rows, parts, of_rows)) for one in wanted
        }
    return found


def training_rows(subject: Subject) -> tuple[np.ndarray, np.ndarray]:
    """Training rows, ascending, to learn from and to calibrate on: the head's own, or a sample of them."""
    features, settings = subject.evaluator.features, subject.head.document.settings
    if "train" not in features.splits:
        raise RequestError(
            f"{features.path}: has no train split for probes, only {', '.join(features.splits)}"
        )
    seed = settings.get("holdout_seed")
    split = hold_out(
        features.labels("train")[:, -1],
        settings.get("holdout") or HELD_OUT,
        subject.head.seed if seed is None else seed,
    )
    known = generator(ROWS_SEED, Purpose.PROBE_ROWS).permutation(split.training)[:MOST_ROWS]
    return np.sort(known), np.sort(split.validation[:MOST_VALIDATION_ROWS])


def _standardised(
    train: np.ndarray, test: np.ndarray, n_known: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Known, validation and test embeddings in float64, with zero mean and unit variance on the known ones.

    An invertible map of each dimension: it changes no information, only how penalties act.
    """
    mean, deviation = (measure(train[:n_known], axis=0, dtype=np.float64) for measure in (np.mean, np.std))
    scale = np.divide(1.0, deviation, out=np.ones_like(deviation), where=deviation > 0)
    known, validation, asked = ((rows - mean) * scale for rows in (train[:n_known], train[n_known:], test))
    return known, validation, asked


def _bound(quantity: Quantity, surprise: np.ndarray, found: Verdict) -> Bound:
    """One quantity at one prefix."""
    entropy, cost, error = (float(rows.mean()) for rows in (surprise, found.bits, found.errors))
    gained = estimate(surprise - found.bits)
    return Bound(
        bits=gained.bits,
        interval=gained.interval,
        cross_entropy=cost,
        error=error,
        fano_error=fano_error(cost, quantity.most_choices),
        fano_bits=fano_bits(entropy, error, quantity.most_choices),
        strength=found.strength,
        temperature=1 / found.sharpness,
    )


METRIC = Metric(
    "information",
    Information,
    information,
    {"seed": ROWS_SEED, "strengths": list(STRENGTHS), "most_rows": [MOST_ROWS, MOST_VALIDATION_ROWS]},
)
