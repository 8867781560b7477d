"""Baselines: the same lengths without labels, by principal components of the training rows.

The backbone cut, the other one, stands in every evaluation's profile.
"""

from functools import lru_cache

import msgspec
import numpy as np

from fractalctl.documents.measured import Accuracy
from fractalctl.heads.arms import build_arm
from fractalctl.heads.examples import training_examples
from fractalctl.heads.prefixes import Prefixes
from fractalctl.measures.evaluation import Evaluator, accuracy_table
from fractalctl.measures.metrics import Metric, Subject


class Baselines(msgspec.Struct, frozen=True, kw_only=True):
    """What a head of these lengths has to beat.

    Attributes:
        pca: k-NN accuracy of principal components at every length and level, under the evaluation's protocol;
            None where the set has no training rows.
    """

    pca: Accuracy | None


def baselines(subject: Subject) -> Baselines:
    """Measure the arm ``pca`` at the head's lengths, as if it had been trained on the set's training rows."""
    if "train" not in subject.evaluator.features.splits:
        return Baselines(pca=None)
    return Baselines(pca=_components(subject.evaluator, subject.dims))


@lru_cache(maxsize=2)
def _components(evaluator: Evaluator, dims: tuple[int, ...]) -> Accuracy:
    """Accuracy of principal components, once for all heads of some lengths."""
    import torch

    features, device = evaluator.features, evaluator.device or torch.device("cpu")
    arm = build_arm("pca", features.n_levels, settings={"dims": dims})
    examples = training_examples(features, device)
    (fitted,) = arm.fit(examples, [0], lambda *_: ())

    def embed(rows: np.ndarray) -> Prefixes:
        return arm.embed(fitted.weights, rows, device)

    return accuracy_table(evaluator.hits(embed, dims), dims)


METRIC = Metric("baselines", Baselines, baselines, standard=True)
