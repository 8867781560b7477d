"""Evaluate heads that lie on disk, on the feature set that each was trained on, or on another."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from fractalctl.corpora.recorded import level_names, published
from fractalctl.device import choose_device
from fractalctl.documents import write_document
from fractalctl.documents.evaluation import Evaluation, MetricPart
from fractalctl.errors import RequestError
from fractalctl.experiments.addresses import (
    evaluation_path,
    features_of,
    matched_heads,
    require_matched,
    set_of,
)
from fractalctl.experiments.policy import Note, Overwrite, reusable, unheard
from fractalctl.heads.head import Head
from fractalctl.measures.evaluation import Evaluator
from fractalctl.measures.metrics import Matched, Metric, Subject, metrics_to_measure
from fractalctl.measures.metrics import metrics as known_metrics
from fractalctl.measures.protocols import Protocol
from fractalctl.progress import Progress, silent
from fractalctl.statistics.observations import grouped
from fractalctl.versions import versions
from store import FeatureSet, FeatureStore

Argv = Callable[[Head, Sequence[str], Protocol], list[str]]
"""The argument vector that remakes an evaluation, from its head, the metrics that it has and its protocol."""
Rule = Callable[[FeatureSet], Protocol]
"""Which rows of a feature set ask and answer."""


def usual_protocol(features: FeatureSet) -> str:
    """The protocol of somebody who names none.

    ``loo`` where the paper is reproduced, on the corpora that others publish; ``index``, which is what a
    search does, on one's own. What has no training rows can only ask itself.
    """
    return "loo" if published(features) or "train" not in features.splits else "index"


def common_protocol(sets: Sequence[FeatureSet]) -> str:
    """The protocol of sets whose results are tested together: that of one's own where all are."""
    usual = {usual_protocol(one) for one in sets}
    return usual.pop() if len(usual) == 1 else "loo"


@dataclass(frozen=True)
class Evaluations:
    """Evaluation files in the order of their heads.

    Attributes:
        n_reused: how many already lay there with everything that was asked for.
        replaced: files that held something else before.
        warnings: what was left out, and why.
    """

    paths: tuple[Path, ...]
    documents: tuple[Evaluation, ...]
    n_reused: int
    replaced: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()


def evaluate_heads(
    heads: Sequence[Head],
    protocol: Protocol | Rule,
    store: FeatureStore,
    features: FeatureSet | None = None,
    overwrite: Overwrite = Overwrite.CHANGED,
    device: str = "auto",
    progress: Progress = silent,
    argv: Argv | None = None,
    metrics: Sequence[str] = (),
    note: Note = unheard,
) -> Evaluations:
    """Write ``evaluation-<protocol>.json`` beside each head; those that are up to date stay as they are.

    Metrics are parts of the same file. A file that is up to date but lacks one gets that part and no other;
    one that is made anew has the standard metrics and those asked for.

    Args:
        heads: see `fractalctl.heads.head.find_heads`.
        protocol: which rows ask and answer, or what says so of each feature set.
        store: where feature sets are looked for by identity.
        features: evaluates every head on this set instead of its own (transfer to another corpus), in a file
            that has the set in its name.
        overwrite: ``changed`` recomputes what is out of date, ``always`` all; ``never`` refuses to replace.
        progress: counts heads, once for the evaluation and once for its metrics.
        argv: see `Argv`.
        metrics: names of `fractalctl.measures.metrics` beside the standard ones, or ``all``: those whose
            matched heads are there; ``none`` leaves the standard ones out.
        note: told, before anything is measured, of each file that will be replaced.

    Raises RequestError: a head's features are missing or do not fit it, ``never`` meets something outdated,
    there is no such metric, or one that was asked for by name lacks heads to compare with.
    """
    names, left_out = _chosen(heads, metrics)
    groups = [
        (own, protocol if isinstance(protocol, Protocol) else protocol(own), group)
        for own, group in _by_features(heads, store, features)
    ]
    tasks = [
        _Task(Evaluator(own, rule, choose_device(device)), group, overwrite, argv, note)
        for own, rule, group in groups
    ]
    for task in tasks:
        task.look_up()
    names_of_rules = ", ".join(dict.fromkeys(rule.name for _, rule, _ in groups))
    title = f"evaluating {len(heads)} head{'s' * (len(heads) != 1)} ({names_of_rules})"
    with progress(title, len(heads) * (1 + bool(names))) as advance:
        for task in tasks:
            for head in task.heads:
                task.evaluate(head)
                advance(1)
            for head in task.heads if names else ():
                task.measure(head, names)
                advance(1)
    found = {path: document for task in tasks for path, document in task.documents.items()}
    paths = tuple(task.paths[head.folder] for head in heads for task in tasks if head.folder in task.paths)
    written = {path for task in tasks for path in task.written}
    return Evaluations(
        paths,
        tuple(found[path] for path in paths),
        sum(path not in written for path in paths),
        tuple(path for task in tasks for path in task.replaced),
        (*left_out, *(line for task in tasks for line in task.warnings())),
    )


def evaluate_again(
    head: Head, features: FeatureSet, protocol: Protocol, metrics: Sequence[str] = (), device: str = "auto"
) -> Evaluation:
    """Measure a head as `evaluate_heads` does, whatever lies beside it, and write nothing.

    Args:
        metrics: names of all that are measured, standard ones included.
    """
    task = _Unwritten(
        Evaluator(features, protocol, choose_device(device)), [head], Overwrite.ALWAYS, None, unheard
    )
    path = task.paths[head.folder] = evaluation_path(head, protocol, features)
    task.evaluate(head)
    task.measure(head, metrics)
    return task.documents[path]


def _chosen(heads: Sequence[Head], wanted: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Names of metrics, once it is sure that they can be measured, and what ``all`` leaves out.

    Raises RequestError: there is no such metric, or one that was asked for by name lacks heads.
    """
    known, kept, left_out = known_metrics(), [], []
    for name in metrics_to_measure(wanted):
        try:
            require_matched(heads, known[name].needs, name)
        except RequestError as error:
            if name in wanted:
                raise
            left_out.append(f"'{name}' is left out: {error}")
        else:
            kept.append(name)
    return tuple(kept), left_out


def _by_features(
    heads: Sequence[Head], store: FeatureStore, features: FeatureSet | None
) -> list[tuple[FeatureSet, list[Head]]]:
    """Each feature set with the heads to evaluate on it."""
    pairs = [(features or features_of(head, store), head) for head in heads]
    found = grouped(pairs, lambda pair: pair[0].identity).values()
    return [(own[0][0], [head for _, head in own]) for own in found]


@dataclass
class _Task:
    """Heads to evaluate on one feature set, and their evaluations.

    Attributes:
        evaluator: the feature set and the protocol.
        overwrite, argv, note: see `evaluate_heads`.
        documents: by path, as far as they are there.
        known: evaluations by identity of their head; those of matched heads are added as they are needed.
        written, replaced: paths.
        missed: folder of the feature set and seeds by metric and strategy that was not there.
    """

    evaluator: Evaluator
    heads: Sequence[Head]
    overwrite: Overwrite
    argv: Argv | None
    note: Note
    paths: dict[Path, Path] = field(default_factory=dict)
    documents: dict[Path, Evaluation] = field(default_factory=dict)
    known: dict[str, Evaluation] = field(default_factory=dict)
    written: set[Path] = field(default_factory=set)
    replaced: list[Path] = field(default_factory=list)
    missed: dict[tuple[str, str, Path], list[int]] = field(default_factory=dict)

    def look_up(self) -> None:
        """Find and announce what is there and what is replaced; RequestError if ``never`` forbids that."""
        for head in self.heads:
            path = evaluation_path(head, self.evaluator.protocol, self.evaluator.features)
            self.paths[head.folder] = path
            identity = self.evaluator.identity(head.identity)
            if found := reusable(path, Evaluation, identity, self.overwrite, self.note):
                levels = list(level_names(self.evaluator.features))  # not in files of earlier versions
                self._keep(path, replace(found, profile=replace(found.profile, levels=levels)))
            elif path.is_file():
                self.replaced.append(path)

    def evaluate(self, head: Head) -> None:
        """Make the evaluation of a head that has none."""
        path = self.paths[head.folder]
        if path not in self.documents:
            found = self.evaluator.evaluate(head)
            self._write(path, replace(found, versions=versions()), head)

    def measure(self, head: Head, names: Sequence[str]) -> None:
        """Add the metrics that a head's evaluation lacks, or has out of date.

        Raises RequestError: ``never`` meets a part of other heads or settings, or a metric does not fit.
        """
        path = self.paths[head.folder]
        document, parts = self.documents[path], {}
        for name in names:
            if part := self._part(head, document, known_metrics()[name]):
                parts[name] = part
        if parts:
            together = document.metrics | parts
            ordered = {name: together[name] for name in (*known_metrics(), *together) if name in together}
            self._write(path, replace(document, metrics=ordered), head)

    def _part(self, head: Head, document: Evaluation, metric: Metric[Any]) -> MetricPart | None:
        """What a metric finds; None where that stands in the document already."""
        matched = self._matched(head, metric)
        kept = document.metrics.get(metric.name)
        if kept is not None:
            if kept.identity == metric.identity(document.identity, matched):
                return None
            why = f"'{metric.name}' was measured with other matched heads or settings"
            if self.overwrite is Overwrite.NEVER:
                raise RequestError(f"{head.folder}: {why}; --overwrite changed replaces it")
            self.note(f"{self.paths[head.folder]}: {why}; it is measured again")
        compared = {strategy: Matched(other, self._evaluation(other)) for strategy, other in matched.items()}
        return metric.part(Subject(head, self.evaluator, document, compared))

    def _matched(self, head: Head, metric: Metric[Any]) -> dict[str, Head]:
        wanted = (*metric.needs, *metric.uses)
        found = matched_heads(head, wanted)
        for strategy in wanted:
            if strategy not in found:
                self.missed.setdefault((metric.name, strategy, set_of(head)), []).append(head.seed)
        return found

    def _evaluation(self, head: Head) -> Evaluation:
        """A matched head's evaluation; computed, but not written, where there is none."""
        if head.identity not in self.known:
            path = evaluation_path(head, self.evaluator.protocol, self.evaluator.features)
            found = reusable(path, Evaluation, self.evaluator.identity(head.identity), Overwrite.CHANGED)
            self.known[head.identity] = found or self.evaluator.evaluate(head)
        return self.known[head.identity]

    def _write(self, path: Path, document: Evaluation, head: Head) -> None:
        rule, measured = self.evaluator.protocol, list(document.metrics)
        document = replace(document, argv=self.argv(head, measured, rule) if self.argv else None)
        self.evaluator.features.check()
        write_document(path, document)
        self.written.add(path)
        self._keep(path, document)

    def _keep(self, path: Path, document: Evaluation) -> None:
        self.documents[path] = document
        self.known[document.head_identity] = document

    def warnings(self) -> list[str]:
        """What was left out for want of a matched head, a line for each folder."""
        return [
            f"{folder}: no {strategy} head trained alike with seed "
            f"{', '.join(map(str, dict.fromkeys(seeds)))}, so '{name}' has no comparison with it"
            for (name, strategy, folder), seeds in self.missed.items()
        ]


class _Unwritten(_Task):
    """One whose evaluations are only looked at."""

    def _write(self, path: Path, document: Evaluation, _head: Head) -> None:
        self._keep(path, document)
