"""What predicts how steerable a corpus becomes: its depth, the backbone's grasp of it, or their product."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np

from fractalctl.documents.pooled import Predictor, Scaling, ScalingPoint
from fractalctl.errors import RequestError
from fractalctl.statistics.corpora import Corpus, by_corpus
from fractalctl.statistics.correlations import (
    FEW,
    kendall,
    leave_one_out,
    pearson,
    spearman,
    spearman_bootstrap,
)
from fractalctl.statistics.observations import CorpusProfile, Measured
from fractalctl.statistics.regressions import cooks_distances, power_law

PREDICTORS: dict[str, Callable[[CorpusProfile], float]] = {
    "depth": lambda profile: profile.depth,
    "baseline_accuracy": lambda profile: profile.baseline_accuracy,
    "product": lambda profile: profile.depth * profile.baseline_accuracy,
}
"""H(L1|L0), the baseline's fine accuracy, and the paper's product of both (section 6.1)."""


def scaling(measured: Measured, arm: str, metric: str, corpora: Sequence[Corpus]) -> Scaling:
    """Correlate an arm's metric with each predictor, drop each corpus in turn, bootstrap, fit the power law.

    The unit of replication is the corpus: seeds are averaged first, then the feature sets that measure it.

    Args:
        measured: of one protocol.
        arm: its label.
        metric: which measurement.
        corpora: with their profiles.

    Raises:
        RequestError: a corpus has no profile, or the arm was not measured.
    """
    points = _points(measured, arm, metric, corpora)
    values, labels = [point.mean for point in points], [point.label for point in points]
    columns = {name: [getattr(point, name) for point in points] for name in PREDICTORS}
    depth, accuracy = columns["depth"], columns["baseline_accuracy"]
    return Scaling(
        arm=arm,
        metric=metric,
        n=len(points),
        points=points,
        predictors={name: _predictor(column, values, labels) for name, column in columns.items()},
        power_law=power_law(depth, accuracy, values),
        power_law_logarithmic=power_law(depth, accuracy, values, "logarithmic"),
        reason=FEW if len(points) < 3 else None,
    )


def _points(measured: Measured, arm: str, metric: str, corpora: Sequence[Corpus]) -> list[ScalingPoint]:
    means = {
        place: float(np.mean([one.metrics[metric] for one in arms[arm].values()]))
        for place, arms in measured.items()
        if arm in arms
    }
    if not means:
        raise RequestError(f"arm '{arm}' was not measured, so there is nothing to scale")
    groups = by_corpus(corpora, means, lambda place: place)
    if missing := [corpus.label for corpus, _ in groups if corpus.profile is None]:
        raise RequestError(
            f"scaling needs the entropies and baseline accuracy of {', '.join(missing)}: give them with "
            "--profiles FILE.csv (dataset, h_l1_given_l0, baseline_l1)"
        )
    return [
        ScalingPoint(
            **msgspec.structs.asdict(corpus.unit(places)),
            mean=float(np.mean([means[place] for place in places])),
            **predicted,
        )
        for corpus, places in groups
        for predicted in [_predicted(corpus.profile)]
    ]


def _predicted(profile: CorpusProfile | None) -> dict[str, Any]:
    return {name: of(profile) for name, of in PREDICTORS.items()} if profile else {}


def _predictor(column: Sequence[float], values: Sequence[float], labels: Sequence[str]) -> Predictor:
    distances = cooks_distances(column, values)
    return Predictor(
        spearman=spearman(column, values),
        pearson=pearson(column, values),
        kendall=kendall(column, values),
        bootstrap=spearman_bootstrap(column, values),
        leave_one_out=leave_one_out(column, values, labels),
        cooks_distance=None if distances is None else dict(zip(labels, distances, strict=True)),
    )
