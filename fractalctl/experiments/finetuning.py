"""Two supervisions, each on a frozen encoder and on one whose last layers are trained (paper, Figure 7)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from fractalctl.backbones.encoder import load_backbone
from fractalctl.backbones.recorded import recorded_backbone
from fractalctl.backbones.registry import BackboneSpec, Dtype, Engine
from fractalctl.backbones.tuning import LowerStates, TunableEncoder
from fractalctl.device import choose_device
from fractalctl.errors import FractalError, RequestError
from fractalctl.experiments.ablation import (
    PROTOCOL,
    SPLIT_SEED,
    Ablation,
    Condition,
    Document,
    fixed_split,
)
from fractalctl.experiments.sampled import RecomputedSet, SampledSet
from fractalctl.experiments.training import supervisions
from fractalctl.heads.examples import prepare
from fractalctl.heads.finetuning import ENCODER_RATE, PAPER_LAYERS, TunedRun, Tuning, fine_tune
from fractalctl.heads.head import embed_with
from fractalctl.heads.recipe import SEEDS, TrainingRecipe
from fractalctl.heads.training import Run
from fractalctl.measures.evaluation import Evaluator
from fractalctl.measures.neighbours import leave_one_out_accuracy
from fractalctl.measures.protocols import Protocol
from fractalctl.progress import Progress, silent
from fractalctl.statistics.factorial import compare_tuning
from store import FeatureSet

STRATEGIES = ("v5", "mrl")
CHECKED_ROWS = 32
LEAST_COSINE = 0.999
"""How alike a feature of the set and the same text's feature now must be: machines differ in rounding."""


def ablate_backbone(
    features: FeatureSet,
    runs: Path,
    conditions: Sequence[str] = STRATEGIES,
    seeds: Sequence[int] = SEEDS,
    recipe: TrainingRecipe | None = None,
    protocol: Protocol = PROTOCOL,
    device: str = "auto",
    progress: Progress = silent,
    argv: list[str] | None = None,
    layers: int = PAPER_LAYERS,
    encoder_rate: float = ENCODER_RATE,
    max_train: int | None = None,
    encoder: Path | None = None,
) -> tuple[Path, Document]:
    """Train the encoder's last layers with the head, or not, and write ``ablation-backbone.json``.

    All conditions share split, and each seed's initial head, batches, prefixes and block dropout. After
    training, the test rows' features are computed anew by each run's own encoder.

    Args:
        features: trained on its train split, evaluated on its test split; its recipe names the encoder.
        runs: the file goes to RUNS/<corpus>/<backbone>/.
        conditions: names of strategies.
        seeds: one head per strategy, seed and kind of encoder.
        recipe: hyperparameters; the paper's by default.
        protocol: how accuracy is taken.
        device: ``auto`` or a PyTorch device.
        progress: shows steps.
        argv: the argument vector that remakes the file.
        layers: how many of the encoder's last layers are trained; the paper's 4 by default.
        encoder_rate: their peak learning rate.
        max_train: train on a random sample (seed 42) of so many rows.
        encoder: model folder of a set that was made from one.

    Raises:
        RequestError: the set has no texts or names no encoder, the encoder has fewer layers, a strategy is
            unknown, or the set does not fit the protocol.
        UnreachableError: the encoder is neither here nor to be had.
        FractalError: the encoder does not give the features of the set.
    """
    recipe, tuning = fixed_split(recipe), Tuning(layers, encoder_rate)
    spec = replace(recorded_backbone(features, encoder), dtype=Dtype.FLOAT32, engine=Engine.TORCH)
    sample = _sampled(features, max_train)
    tables = supervisions(sample, recipe, conditions)
    frozen = Condition(sample, recipe, tables, seeds, {"encoder": "frozen"})
    settings = {"encoder": "tuned", "layers": layers, "encoder_rate": encoder_rate}
    tuned = TunedCondition(sample, recipe, tables, seeds, settings, spec=spec, tuning=tuning)
    about = {
        "layers": layers,
        "encoder_rate": encoder_rate,
        "n_train": sample.n_rows("train"),
        "base_identity": features.identity,
    }
    # The tuned runs come first, so that an encoder that cannot be trained is found out at once.
    points = [tuned, frozen]
    ablation = Ablation("backbone", sample, points, recipe, seeds, protocol, compare_tuning, about)
    return ablation.write(runs, device, progress, argv)


def _sampled(features: FeatureSet, max_train: int | None) -> FeatureSet:
    """The set, or a view of it with a random sample of its training rows."""
    if "train" not in features.splits:
        raise RequestError(f"{features.path}: has no train split, only {', '.join(features.splits)}")
    n_rows = features.n_rows("train")
    if max_train is None or max_train >= n_rows:
        return features
    if max_train < 1:
        raise RequestError(f"--max-train must be at least 1, got {max_train}")
    order = np.random.default_rng(SPLIT_SEED).permutation(n_rows)
    return SampledSet(features, np.sort(order[:max_train]))


@dataclass(frozen=True, eq=False)
class TunedCondition(Condition):
    """Heads that are trained together with the encoder's last layers.

    Attributes:
        spec: the encoder.
        tuning: what of it is trained.
    """

    spec: BackboneSpec = field(kw_only=True)
    tuning: Tuning = field(kw_only=True)

    def train(
        self, runs: Sequence[Run], protocol: Protocol, device: str, progress: Progress
    ) -> Iterator[Document]:
        """Yield each run, once trained and evaluated, in the words of an evaluation file.

        Beside what a frozen run has: ``baseline``, accuracy per level of k-NN on the tuned features
        themselves, and ``moved``, the distance of the trained layers from where they began, as a share of
        their norm.
        """
        texts = _texts(self.features, protocol)
        encoder = TunableEncoder(load_backbone(self.spec, device=device), self.tuning.layers)
        states = _lower(encoder, texts, progress)
        _check_features(self.features, encoder, states["train"])
        classes = [len(names) for names in self.features.class_names]
        rows, labels = self.features.features("train"), self.features.labels("train")
        examples = prepare(rows, labels, classes, self.recipe, choose_device(device))
        began = encoder.weights()
        view = RecomputedSet(self.features, encoder, states)
        for run in runs:
            encoder.load(began)
            rate = self.tuning.learning_rate
            trained = fine_tune(
                encoder, states["train"], examples, run, self.recipe, rate, leave_one_out_accuracy, progress
            )
            evaluator = Evaluator(view, protocol, choose_device(device))
            yield self._outcome(trained, evaluator, began)

    def _outcome(self, trained: TunedRun, evaluator: Evaluator, began: dict[str, torch.Tensor]) -> Document:
        head, dims = trained.head, self.recipe.dims
        return {
            **self.settings,
            "strategy": head.run.supervision.name,
            "seed": head.run.seed,
            "best_epoch": head.best_epoch,
            "moved": _distance(trained.layers, began),
            "baseline": evaluator.profile.document()["baseline"],
            **evaluator.measure(partial(embed_with, self.recipe.head, head.weights, dims), dims),
        }


def _texts(features: FeatureSet, protocol: Protocol) -> dict[str, list[str]]:
    """Texts of the training rows and of the test rows that ask."""
    if "test" not in features.splits:
        raise RequestError(
            f"{features.path}: has no test split to evaluate on, only {', '.join(features.splits)}"
        )
    texts = {"train": features.texts("train"), "test": features.texts("test")[: protocol.test_rows]}
    for split, found in texts.items():
        if not any(text.strip() for text in found):
            raise RequestError(f"{features.path}: holds no texts in split {split}, which an encoder needs")
    return texts


def _lower(
    encoder: TunableEncoder, texts: dict[str, list[str]], progress: Progress
) -> dict[str, LowerStates]:
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
