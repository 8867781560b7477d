"""Information: lower bounds, in bits, on what each prefix knows of each level, from held-out probes."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np

from fractalctl.errors import RequestError
from fractalctl.heads.draws import hold_out
from fractalctl.measures.bounds import Theorem1, estimate, fano_bits, fano_error, theorem_1
from fractalctl.measures.metrics import Metric, Subject
from fractalctl.measures.probes import STRENGTHS, Rows, Verdict, best_probe
from fractalctl.randomness import Purpose, generator
from store import FeatureSet

MOST_ROWS = 20_000
"""Training rows that probes learn from; of more, a random sample."""
MOST_VALIDATION_ROWS = 5_000
ROWS_SEED = 42
HELD_OUT = 0.15
"""Share that calibrates the probes of a head that held nothing out, such as a closed form."""


@dataclass(frozen=True)
class Quantity:
    """What a prefix may know: the class at one level, given the class at the level above.

    Attributes:
        name: ``L0``, ``L1|L0``, ``L2|L1``, ...
        level: of the class in question.
        children: ascending class ids below each class of the level above; all classes for L0.
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
    given the class X above, I(Z; Y | X) >= H(Y | X) - CE(q(. | Z, X)). Both H and CE are taken on the test
    rows; the plug-in H is too small in expectation, so the bound errs on the safe side. Probes learn from the
    rows that the head learnt from and are calibrated on those that it held out.

    Raises:
        RequestError: the feature set has no train split.

    References:
        Barber and Agakov, The IM algorithm, NIPS 2003 (the bound); the paper's Theorem 1.
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
    """Training rows, ascending, to learn from and to calibrate on: the head's own split, or a sample of it.

    Raises:
        RequestError: the feature set has no train split.
    """
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
