"""Add metrics to evaluations: each part has an identity of its own, and one that is up to date is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from fractalctl.errors import RequestError
from fractalctl.experiments.evaluation_files import evaluation_path, reusable
from fractalctl.experiments.policy import Overwrite
from fractalctl.experiments.siblings import family_folder, find_sibling, require_siblings
from fractalctl.heads.head import Head
from fractalctl.measures.evaluation import Evaluator
from fractalctl.measures.metrics import METRICS, metric_identity
from fractalctl.measures.subject import Sibling, Subject
from fractalctl.versions import versions

Document = dict[str, Any]


def require_all_siblings(heads: Sequence[Head], names: Sequence[str]) -> None:
    """Make sure that all heads have the siblings that some metrics cannot do without.

    Raises:
        RequestError: some have not; the message gives the command that trains them.
    """
    for name in names:
        require_siblings(heads, METRICS[name].needs, name)


@dataclass
class Measuring:
    """Measures heads on one feature set under one protocol.

    Attributes:
        evaluator: the feature set and the protocol.
        known: evaluation documents by identity of their head; those of siblings are added as they are needed.
        overwrite: what happens to parts that exist.
        device: where to compute; None is the CPU.
        missed: per metric and strategy that was not there, family folder and seeds.
    """

    evaluator: Evaluator
    known: dict[str, Document]
    overwrite: Overwrite = Overwrite.CHANGED
    device: torch.device | None = None
    missed: dict[tuple[str, str, Path], list[int]] = field(default_factory=dict)

    def measure(self, head: Head, document: Document, names: Sequence[str]) -> Document:
        """The named parts that a head's evaluation document lacks, or has out of date.

        Raises:
            RequestError: ``never`` meets a part of other siblings or settings, or a metric does not fit.
        """
        parts = {}
        for name in names:
            siblings = self._siblings(head, name)
            identity = metric_identity(name, document["identity"], siblings)
            if not self._kept(head, name, document, identity):
                subject = Subject(head, self.evaluator, document, siblings, self.device)
                metric = METRICS[name]
                measured = {**metric.settings, **metric.measure(subject)}
                parts[name] = {"identity": identity, **measured, "versions": versions()}
        return parts

    def _kept(self, head: Head, name: str, document: Mapping[str, Any], identity: str) -> bool:
        """Whether a part may stay as it is."""
        if name not in document or self.overwrite is Overwrite.ALWAYS:
            return False
        if document[name]["identity"] == identity:
            return True
        if self.overwrite is Overwrite.NEVER:
            raise RequestError(
                f"{head.folder}: '{name}' was measured with other siblings or settings; "
                "--overwrite changed replaces it"
            )
        return False

    def _siblings(self, head: Head, name: str) -> dict[str, Sibling]:
        found = {}
        for strategy in (*METRICS[name].needs, *METRICS[name].uses):
            if sibling := find_sibling(head, strategy):
                found[strategy] = Sibling(sibling, self._evaluation(sibling))
            else:
                self.missed.setdefault((name, strategy, family_folder(head)), []).append(head.seed)
        return found

    def _evaluation(self, head: Head) -> Document:
        """A sibling's evaluation under the same protocol; computed, but not written, where there is none."""
        if head.identity not in self.known:
            path = evaluation_path(head, self.evaluator.protocol)
            found = reusable(path, self.evaluator.identity(head.identity), Overwrite.CHANGED)
            self.known[head.identity] = found or self.evaluator.evaluate(head)
        return self.known[head.identity]

    def warnings(self) -> list[str]:
        """What was left out for want of a sibling, a line for each folder."""
        return [
            f"{folder}: no {strategy} head trained alike with seed "
            f"{', '.join(map(str, dict.fromkeys(seeds)))}, so '{name}' has no comparison with it"
            for (name, strategy, folder), seeds in self.missed.items()
        ]
