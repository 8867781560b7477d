"""The axis of the backbone: arms on a frozen encoder, and on one whose last layers are trained (Figure 7)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import torch

from fractalctl.backbones.encoder import load_backbone
from fractalctl.backbones.fine_tuning import LowerStates, TunableEncoder
from fractalctl.backbones.resolve import recorded_backbone
from fractalctl.backbones.spec import BackboneSpec, Dtype, Engine, with_weights
from fractalctl.device import choose_device
from fractalctl.documents.measured import Run
from fractalctl.errors import FractalError, RequestError
from fractalctl.experiments.axes import Plan
from fractalctl.experiments.conditions import SPLIT_SEED, Condition, RecomputedSet, SampledSet, Study
from fractalctl.experiments.training import Job
from fractalctl.heads.examples import Examples, needs_training_rows, training_examples
from fractalctl.measures.evaluation import Evaluator
from fractalctl.measures.neighbours import leave_one_out_accuracy
from fractalctl.measures.protocols import Protocol
from fractalctl.progress import Progress
from fractalctl.randomness import Purpose, generator
from store import FeatureSet

PAPER_LAYERS = 4
ENCODER_RATE = 2e-5
"""Peak rate of the encoder's AdamW: what BERT is fine-tuned with (Devlin et al. 2019, Appendix A.3).

The published runs have 1e-6, which moves the layers a twentieth as far a step (docs/experiments.md).
"""
CHECKED_ROWS = 32
LEAST_COSINE = 0.999
"""How alike a feature of the set and the same text's feature now must be: machines differ in rounding."""


@dataclass(frozen=True)
class TunedExamples(Examples):
    """Rows whose features the last layers of their encoder make anew at every step, for one head at a time.

    The standardisation is that of the features before any training, and stays as it is. Training leaves the
    encoder with the layers of the best epoch.

    Attributes:
        encoder: with the layers to begin with.
        states: of the texts of all rows, in their order.
        encoder_rate: peak learning rate of the layers; schedule and all else are the head's.
    """

    encoder: TunableEncoder
    states: LowerStates
    encoder_rate: float

    @property
    def parameters(self) -> Mapping[str, torch.Tensor]:
        """Of the encoder's open layers."""
        return self.encoder.parameters

    @property
    def rate(self) -> float:
        """Of the encoder's layers."""
        return self.encoder_rate

    def take(self, rows: torch.Tensor, _room: torch.Tensor | None = None) -> torch.Tensor:
        """Standardised features (..., h) of rows (...), with their gradient while one is asked for."""
        flat = rows.reshape(-1).cpu().numpy()
        if torch.is_grad_enabled():
            found = self.encoder.upper(self.states, flat)
        else:
            found = torch.from_numpy(self.encoder.features(self.states, flat)).to(self.device)
        return ((found - self.mean) * self.scale).view(*rows.shape, -1)

    def room(self, _rows: int) -> None:
        """None: the encoder makes its own."""

    def state(self) -> dict[str, torch.Tensor]:
        """A copy of the encoder's open layers."""
        return self.encoder.weights()

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """Put layers into the encoder."""
        self.encoder.load(dict(state))


def tuned(
    examples: Examples, encoder: TunableEncoder, states: LowerStates, rate: float = ENCODER_RATE
) -> TunedExamples:
    """The same rows with an encoder that is trained; RequestError if the rate is not positive."""
    if not rate > 0:
        raise RequestError(f"the encoder's learning rate must be positive, got {rate}")
    same = {one.name: getattr(examples, one.name) for one in fields(Examples)}
    return TunedExamples(**same, encoder=encoder, states=states, encoder_rate=rate)


def backbone(
    study: Study,
    layers: int = PAPER_LAYERS,
    encoder_rate: float = ENCODER_RATE,
    max_train: int | None = None,
    encoder: Path | None = None,
) -> Plan:
    """Train the encoder's last layers with the head, or not.

    All conditions share split, and each seed's initial head, batches, prefixes and block dropout. After
    training, the features of the test rows are computed anew by each run's own encoder.

    Args:
        study: whose set names its encoder; its arms are trained by gradient.
        layers: how many of the encoder's last layers are trained; the paper's 4 by default.
        encoder_rate: their peak learning rate.
        max_train: train on a random sample (seed 42) of so many rows.
        encoder: model folder of a set that was made from one.

    Raises RequestError: the set names no encoder, an arm is a closed form, or a number is too small;
    UnreachableError: the encoder is neither here nor to be had.
    """
    if layers < 1:
        raise RequestError(f"--layers: at least one layer must be trained, got {layers}")
    spec = with_weights(recorded_backbone(study.features, encoder), "training the last --layers")
    spec = replace(spec, dtype=Dtype.FLOAT32, engine=Engine.TORCH)
    sample, arms = _sampled(study.features, max_train), study.arms()
    if closed := [label for label, arm in arms.items() if arm.trunk is None]:
        raise RequestError(
            f"{closed[0]} is a closed form, by which no encoder can be trained; leave it out of --strategy"
        )
    fixed = {"layers": layers, "encoder_rate": encoder_rate}
    trained = TunedCondition(
        sample, arms, study.seeds, {"encoder": "tuned"}, fixed, spec=spec, layers=layers, rate=encoder_rate
    )
    frozen = Condition(sample, arms, study.seeds, {"encoder": "frozen"})
    usual = {"layers": PAPER_LAYERS, "encoder_rate": ENCODER_RATE, "max_train": None}
    chosen = {**fixed, "max_train": max_train}
    return Plan(
        sample,
        arms,
        # The tuned runs come first, so that an encoder that cannot be trained is found out at once.
        [trained, frozen],
        "encoder",
        ["frozen", "tuned"],
        {**fixed, "n_train": sample.n_rows("train"), "base_identity": study.features.identity},
        {name: value for name, value in chosen.items() if value != usual[name]},
    )


def _sampled(features: FeatureSet, max_train: int | None) -> FeatureSet:
    """The set, or a view of it with a random sample of its training rows."""
    needs_training_rows(features)
    n_rows = features.n_rows("train")
    if max_train is None or max_train >= n_rows:
        return features
    if max_train < 1:
        raise RequestError(f"--max-train must be at least 1, got {max_train}")
    order = generator(SPLIT_SEED, Purpose.TRAINING_ROWS).permutation(n_rows)
    return SampledSet(features, {"train": np.sort(order[:max_train])})


@dataclass(frozen=True, eq=False)
class TunedCondition(Condition):
    """Heads that are trained together with the encoder's last layers.

    Attributes:
        rate: their peak learning rate.
    """

    spec: BackboneSpec = field(kw_only=True)
    layers: int = field(kw_only=True)
    rate: float = field(kw_only=True)

    def train(
        self, jobs: Sequence[Job], protocol: Protocol, device: str, progress: Progress
    ) -> Iterator[tuple[Job, Run]]:
        """Yield each run, once trained and measured.

        Beside what a frozen run has: ``baseline``, accuracy per level of k-NN on the tuned features
            themselves, and
        ``moved``, the distance of the trained layers from where they began, as a share of their norm.
        """
        place = choose_device(device)
        asked, rule = _only_asked(self.features, protocol)
        encoder = TunableEncoder(load_backbone(self.spec, device=device), self.layers)
        states = _lower(encoder, asked, progress)
        _check_features(asked, encoder, states["train"])
        examples = tuned(training_examples(asked, place), encoder, states["train"], self.rate)
        began = encoder.weights()
        for job in jobs:
            encoder.load(began)
            (fitted,) = job.arm.fit(examples, [job.seed], leave_one_out_accuracy, progress)
            evaluator = Evaluator(RecomputedSet(asked, encoder, states), rule, place)
            more = {"moved": _distance(encoder.weights(), began)}
            baseline = evaluator.profile(job.arm.dims).baseline
            yield job, self.outcome(job, fitted, evaluator, more=more, baseline=baseline)


def _only_asked(features: FeatureSet, protocol: Protocol) -> tuple[FeatureSet, Protocol]:
    """A view with no more test rows than ask, and the protocol that asks all of them."""
    rows = Evaluator(features, protocol).rows.test_rows
    for split in ("train", "test"):
        if not any(text.strip() for text in features.texts(split)):
            raise RequestError(f"{features.path}: holds no texts in split {split}, which an encoder needs")
    rule = replace(protocol, max_test=len(rows), drop_duplicates=False)
    return SampledSet(features, {"test": rows}), rule


def _lower(encoder: TunableEncoder, features: FeatureSet, progress: Progress) -> dict[str, LowerStates]:
    texts = {split: features.texts(split) for split in ("train", "test")}
    with progress("encoding up to the trained layers", sum(map(len, texts.values()))) as advance:
        return {split: encoder.lower(found, advance) for split, found in texts.items()}


def _check_features(features: FeatureSet, encoder: TunableEncoder, states: LowerStates) -> None:
    """See that an encoder whose layers have not moved gives the features of the set."""
    rows = np.arange(min(CHECKED_ROWS, features.n_rows("train")))
    ours, theirs = encoder.features(states, rows), np.array(features.features("train")[rows])
    if ours.shape == theirs.shape:
        norms = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
        cosine = float(((ours * theirs).sum(axis=1) / norms).min())
        if cosine > LEAST_COSINE:
            return
    raise FractalError(
        f"{features.path}: {encoder.spec.name} gives other features for its texts than it holds; "
        "install the versions that its recipe names, or remove the set and featurize again"
    )


def _distance(layers: dict[str, torch.Tensor], began: dict[str, torch.Tensor]) -> float:
    """Norm of what layers moved by, as a share of the norm that they had."""
    moved = sum(float((layers[name] - began[name]).double().square().sum()) for name in began)
    return float(np.sqrt(moved / sum(float(tensor.double().square().sum()) for tensor in began.values())))
