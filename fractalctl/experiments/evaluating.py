"""Evaluate heads that lie on disk, each against the feature set that it was trained on."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from fractalctl.device import choose_device
from fractalctl.errors import RequestError
from fractalctl.experiments.evaluation_files import evaluation_path, reusable
from fractalctl.experiments.policy import Overwrite
from fractalctl.heads.head import Head
from fractalctl.measures.evaluation import Evaluator
from fractalctl.measures.protocols import Protocol
from fractalctl.progress import Advance, Progress, silent
from fractalctl.versions import versions
from store import FeatureSet, FeatureStore
from store.files import write_json

Argv = Callable[[Head, Sequence[str]], list[str]]
"""The argument vector that remakes an evaluation, from its head and the metrics that it has."""


@dataclass(frozen=True)
class Evaluations:
    """Evaluation files in the order of their heads.

    Attributes:
        paths: of the files.
        documents: what they hold.
        n_reused: how many already lay there with everything that was asked for.
        warnings: what could not be compared, and why.
    """

    paths: tuple[Path, ...]
    documents: tuple[dict[str, Any], ...]
    n_reused: int
    warnings: tuple[str, ...] = ()


def features_of(head: Head, store: FeatureStore) -> FeatureSet:
    """The feature set that a head was trained on: where its description says, else by identity in the store.

    Raises:
        RequestError: it is in neither place.
    """
    recorded = head.description["features"]
    path = Path(recorded["path"])
    candidates = [FeatureSet(path)] if path.is_file() else []
    for features in [*candidates, *store.sets()]:
        if features.identity == recorded["identity"]:
            return features
    raise RequestError(
        f"{head.folder}: its feature set {path} (identity {recorded['identity'][:8]}) is neither there "
        f"nor in the store {store.folder}; featurize again, or name it with --features"
    )


def evaluate_heads(
    heads: Sequence[Head],
    protocol: Protocol,
    store: FeatureStore,
    features: FeatureSet | None = None,
    overwrite: Overwrite = Overwrite.CHANGED,
    device: str = "auto",
    progress: Progress = silent,
    argv: Argv | None = None,
    metrics: Sequence[str] = (),
) -> Evaluations:
    """Write ``evaluation-<protocol>.json`` beside each head; those that are up to date stay as they are.

    Metrics are parts of the same file. A file that is up to date but lacks one gets that part and no other;
    one that is made anew has the metrics asked for.

    Args:
        heads: see `fractalctl.heads.head.find_heads`.
        protocol: which rows ask and answer.
        store: where feature sets are looked for by identity.
        features: evaluates every head on this set instead of its own (transfer to another corpus).
        overwrite: ``changed`` recomputes what is out of date, ``always`` all; ``never`` refuses to replace.
        device: ``auto`` or a PyTorch device.
        progress: counts heads, once for the evaluation and once for its metrics.
        argv: see `Argv`.
        metrics: keys of `fractalctl.measures.metrics.METRICS`, or ``all``.

    Raises:
        RequestError: a head's features are missing or do not fit it, ``never`` meets something outdated,
            there is no such metric, or a metric lacks heads to compare with.
    """
    names = _checked(heads, metrics)
    task = _Task(overwrite, argv, names)
    title = f"evaluating {len(heads)} head{'s' * (len(heads) != 1)} ({protocol.name})"
    with progress(title, len(heads) * (1 + bool(names))) as advance:
        for own, group in _by_features(heads, store, features):
            evaluator = Evaluator(own, protocol, choose_device(device))
            for head in group:
                task.evaluate(head, evaluator)
                advance(1)
            if names:
                task.measure(group, evaluator, advance, choose_device(device))
    paths = tuple(evaluation_path(head, protocol) for head in heads)
    reused = sum(path not in task.written for path in paths)
    return Evaluations(paths, tuple(task.documents[path] for path in paths), reused, tuple(task.warnings))


def _checked(heads: Sequence[Head], metrics: Sequence[str]) -> tuple[str, ...]:
    """Names of metrics, once it is sure that they can be measured."""
    if not metrics:
        return ()
    from fractalctl.experiments.measuring import require_all_siblings
    from fractalctl.measures.metrics import metric_names

    names = metric_names(metrics)
    require_all_siblings(heads, names)
    return names


def _by_features(
    heads: Sequence[Head], store: FeatureStore, features: FeatureSet | None
) -> Iterator[tuple[FeatureSet, list[Head]]]:
    """Yield each feature set with the heads to evaluate on it."""
    groups: dict[Path, list[Head]] = defaultdict(list)
    sets: dict[Path, FeatureSet] = {}
    for head in heads:
        own = features or features_of(head, store)
        sets.setdefault(own.path.resolve(), own)
        groups[own.path.resolve()].append(head)
    for path, group in groups.items():
        yield sets[path], group


@dataclass
class _Task:
    """What is being evaluated, and what has become of it."""

    overwrite: Overwrite
    argv: Argv | None
    names: tuple[str, ...]
    documents: dict[Path, dict[str, Any]] = field(default_factory=dict)
    written: set[Path] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)

    def evaluate(self, head: Head, evaluator: Evaluator) -> None:
        """Take the evaluation that lies beside a head, or make it."""
        path = evaluation_path(head, evaluator.protocol)
        document = reusable(path, evaluator.identity(head.identity), self.overwrite)
        if document is None:
            document = evaluator.evaluate(head) | {"versions": versions()}
            self._write(path, document, head, ())
        self.documents[path] = document

    def measure(
        self, heads: Sequence[Head], evaluator: Evaluator, advance: Advance, device: torch.device
    ) -> None:
        """Add the metrics that evaluations on one feature set lack."""
        from fractalctl.experiments.measuring import Measuring
        from fractalctl.measures.metrics import METRICS

        paths = [evaluation_path(head, evaluator.protocol) for head in heads]
        known = {head.identity: self.documents[path] for head, path in zip(heads, paths, strict=True)}
        measuring = Measuring(evaluator, known, self.overwrite, device)
        for head, path in zip(heads, paths, strict=True):
            document = self.documents[path]
            if parts := measuring.measure(head, document, self.names):
                document |= parts
                self._write(path, document, head, [name for name in METRICS if name in document])
            advance(1)
        self.warnings += measuring.warnings()

    def _write(self, path: Path, document: dict[str, Any], head: Head, metrics: Sequence[str]) -> None:
        document["argv"] = self.argv(head, metrics) if self.argv else None
        write_json(path, document)
        self.written.add(path)
