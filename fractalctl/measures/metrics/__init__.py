"""Metrics of heads beyond k-NN accuracy: modules here, and entry points ``fractalctl.metrics`` elsewhere.

A module has ``METRIC``, a `Metric`; an entry point names one, or a sequence of them.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec
import numpy as np

from fractalctl.documents.evaluation import Evaluation, MetricPart
from fractalctl.documents.measured import Accuracy
from fractalctl.errors import FractalError, RequestError, did_you_mean
from fractalctl.heads.prefixes import Prefixes
from fractalctl.measures.evaluation import Evaluator
from fractalctl.plugins import collect, modules_of
from fractalctl.tables import Section
from fractalctl.versions import versions
from store.recipe import identity_of

if TYPE_CHECKING:
    from fractalctl.heads.head import Head

EVERY, NONE = "all", "none"
VERSION = "2.0"  # of what the built-in metrics compute; parts of another version are measured again
Result = TypeVar("Result", bound=msgspec.Struct)
ByLevel = dict[str, float]  # values by level: ``L0`` is the coarsest


@dataclass(frozen=True)
class Matched:
    """A head of another strategy, with the same seed, settings and features, and its evaluation."""

    head: "Head"
    evaluation: Evaluation


@dataclass(frozen=True, eq=False)
class Subject:
    """A head that is being measured, and what is known of it already.

    Attributes:
        head: maps features to embeddings.
        evaluator: the feature set, the protocol and the device.
        evaluation: of the head under both.
        matched: heads by strategy that the metric uses or needs, as far as they are there.
    """

    head: "Head"
    evaluator: Evaluator
    evaluation: Evaluation
    matched: Mapping[str, Matched] = field(default_factory=dict)

    @property
    def dims(self) -> tuple[int, ...]:
        """Ascending prefix lengths."""
        return tuple(self.evaluation.dims)

    @property
    def accuracy(self) -> Accuracy:
        """k-NN accuracies under the protocol."""
        return self.evaluation.accuracy

    @property
    def test_labels(self) -> np.ndarray:
        """Classes (n, D) of the test sample, see `fractalctl.measures.evaluation.Evaluator`."""
        return self.evaluator.test_labels

    @cached_property
    def test(self) -> Prefixes:
        """Embeddings of the test sample."""
        return self.embed(self.evaluator.test_features)

    def embed(self, features: np.ndarray) -> Prefixes:
        """Embeddings of any rows of features (n, h)."""
        return self.head.prefixes(features, self.evaluator.device)

    def needs_two_lengths(self, metric: str) -> None:
        """Refuse a head of a single prefix length, which cannot be cut."""
        if len(self.dims) < 2:
            raise RequestError(
                f"{self.head.folder}: {metric} compares prefix lengths, but this head has only "
                f"{self.dims[0]}; train it with two --dims or more"
            )


@dataclass(frozen=True)
class Metric(Generic[Result]):
    """One metric of heads.

    Attributes:
        name: its key in evaluation files, and what ``--metrics`` is given.
        result: type of what it finds; its fields are documented where it is defined.
        measure: finds it.
        settings: JSON values that decide its numbers, beyond head, features and protocol.
        uses: strategies whose matched heads it compares with where they are there.
        needs: strategies whose matched heads it cannot do without.
        section: makes its part of a report of evaluations and their results, for a metric that comes in one
            file; those without one get a section of their name in `fractalctl.report.sections`, or a plain
            table.
        standard: whether `evaluate` measures it unless it is told not to.
    """

    name: str
    result: type[Result]
    measure: Callable[[Subject], Result]
    settings: Mapping[str, Any] = field(default_factory=dict)
    uses: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    section: Callable[[Sequence[tuple[Evaluation, Result]]], Section | None] | None = None
    standard: bool = False

    def identity(self, evaluation_identity: str, matched: Mapping[str, "Head"]) -> str:
        """Hexadecimal SHA-256 of all that decides the numbers; look-up and write both use it.

        That is the identity of the evaluation, and of the matched heads, by strategy, that it compares with.
        """
        fixed = {
            "version": VERSION,
            "metric": self.name,
            "evaluation": evaluation_identity,
            "settings": dict(self.settings),
            "matched": {strategy: head.identity for strategy, head in matched.items()},
        }
        return identity_of(fixed)

    def part(self, subject: Subject) -> MetricPart:
        """Measure a head: what goes into its evaluation file under the metric's name.

        RequestError where a matched head is missing; FractalError where the metric gave something that is not
        of its own type, or a number that is not finite.
        """
        if missing := [strategy for strategy in self.needs if strategy not in subject.matched]:
            raise RequestError(f"{subject.head.folder}: {self.name} needs heads of {' and '.join(missing)}")
        measured = self.measure(subject)
        try:
            result = msgspec.to_builtins(measured, str_keys=True)
            msgspec.convert(result, self.result)
            json.dumps(result, allow_nan=False)
        except (ValueError, TypeError) as error:
            raise FractalError(f"metric '{self.name}' of {subject.head.folder}: {error}") from error
        heads = {strategy: one.head for strategy, one in subject.matched.items()}
        identity = self.identity(subject.evaluation.identity, heads)
        return MetricPart(identity=identity, versions=versions(), result=result)

    def read(self, evaluation: Evaluation) -> Result | None:
        """The metric's result in an evaluation, see `fractalctl.documents.evaluation.Evaluation.result`."""
        return evaluation.result(self.name, self.result)


def metrics() -> dict[str, Metric[Any]]:
    """Every metric by name: built-in ones by name, then those of installed packages.

    FractalError where a plug-in cannot be loaded or is no metric, or a name comes twice.
    """
    return dict(_metrics(tuple(__path__), tuple(sys.path)))


@cache
def _metrics(*_places: tuple[str, ...]) -> dict[str, Metric[Any]]:
    """Looked for once in the same places, since going through all installed packages takes a while."""
    modules = modules_of(sys.modules[__name__])
    return collect("fractalctl.metrics", Metric, [(module.__name__, module.METRIC) for module in modules])


def metric_names(wanted: Sequence[str]) -> tuple[str, ...]:
    """Names of metrics, each once, in the order of `metrics`; ``all`` stands for every one.

    RequestError where there is no such metric.
    """
    known = metrics()
    if unknown := [name for name in wanted if name not in (*known, EVERY)]:
        guess = did_you_mean(unknown[0], [*known, EVERY, NONE])
        names = ", ".join(known)
        raise RequestError(f"metric '{unknown[0]}' is not known; choose from {names}, or {EVERY}{guess}")
    return tuple(name for name in known if name in wanted or EVERY in wanted)


def metrics_to_measure(wanted: Sequence[str]) -> tuple[str, ...]:
    """Names of the standard metrics and of those asked for; ``none`` leaves the standard ones out."""
    standard = [] if NONE in wanted else [name for name, metric in metrics().items() if metric.standard]
    return metric_names([*standard, *(name for name in wanted if name != NONE)])


def coarse_and_fine(accuracy: Accuracy) -> tuple[str, str]:
    """Names of the coarsest and the finest level of an accuracy table."""
    levels = list(next(iter(accuracy.values())))
    return levels[0], levels[-1]
