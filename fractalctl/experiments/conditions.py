"""Conditions of an experiment: arms trained and measured alike, runs kept on disk, views of feature sets."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from fractalctl.backbones.fine_tuning import LowerStates, TunableEncoder
from fractalctl.corpora.tree import LabelTree
from fractalctl.device import choose_device
from fractalctl.documents import Document, write_document
from fractalctl.documents.experiments import Ablation
from fractalctl.documents.measured import Accuracy, Run
from fractalctl.experiments.policy import Overwrite, reusable
from fractalctl.experiments.training import Job, build_arms, fit_arms
from fractalctl.heads.arms import Arm
from fractalctl.heads.fitted import Fitted
from fractalctl.measures.evaluation import Evaluator
from fractalctl.measures.protocols import Protocol
from fractalctl.progress import Progress, silent
from fractalctl.versions import versions
from store import FeatureSet
from store.recipe import identity_of

Labels = NDArray[np.int32]
Rows = NDArray[np.int64]
SPLIT_SEED = 42
"""The one hold-out that all conditions and seeds of an ablation share."""
Point = Mapping[str, int | float | str]
"""Where a condition lies on its axis, such as ``{"block": 16}``."""


class _View(FeatureSet):
    """A feature set that is another one but for what a subclass gives; nothing is copied.

    Its identity is the SHA-256 of the set's identity and of what was changed.

    Args:
        base: the set that is looked at; may itself be a view.
        change: JSON values that, with the base, fix what is different.
    """

    def __init__(self, base: FeatureSet, change: Mapping[str, Any]) -> None:
        self.__dict__.update(base.__dict__)
        self._base = base
        self.identity = identity_of({"base": base.identity, "change": dict(change)})

    def features(self, split: str) -> NDArray[np.float32]:
        """Features of a split, (n, h) float32."""
        return self._base.features(split)

    def labels(self, split: str) -> Labels:
        """Class ids of a split, (n, D) int32, coarsest level first."""
        return self._base.labels(split)

    def ids(self, split: str) -> list[str]:
        """The names by which the rows of a split are known outside."""
        return self._base.ids(split)

    def texts(self, split: str, rows: Iterable[int] | None = None) -> list[str]:
        """The texts of a split, or of some of its rows."""
        return self._base.texts(split, rows)


class RelabelledSet(_View):
    """A view of a feature set with other labels.

    Args:
        change: JSON values that, with the base, fix every label.
        labels: (n, D) int32 class ids by split, coarsest first; a split that is not there keeps its own.
        tree: the classes that labels count in; the set's own by default.

    Raises ValueError: labels have another number of rows or levels than their split and the tree.
    """

    def __init__(
        self,
        base: FeatureSet,
        change: Mapping[str, Any],
        labels: Mapping[str, Labels],
        tree: LabelTree | None = None,
    ) -> None:
        super().__init__(base, change)
        tree = tree or LabelTree(base.class_names, base.parents)
        self.class_names, self.parents = tree.names, tree.parents
        kept = {split: base.labels(split) for split in base.splits if split not in labels}
        self._labels = kept | dict(labels)
        for split, found in self._labels.items():
            wanted = (self.n_rows(split), tree.depth)
            if found.shape != wanted:
                raise ValueError(f"{split}: labels of shape {found.shape}, expected {wanted}")

    @classmethod
    def under(cls, base: FeatureSet, tree: LabelTree, change: Mapping[str, Any]) -> "RelabelledSet":
        """Hang a set's finest classes, whose ids stay as they are, under another tree.

        Args:
            tree: its finest level has the set's finest classes.
            change: JSON values that, with the base, fix the tree.
        """
        labels = {split: tree.lineage(base.labels(split)[:, -1]) for split in base.splits}
        return cls(base, change, labels, tree)

    def labels(self, split: str) -> Labels:
        """Class ids of a split, (n, D) int32, coarsest level first."""
        self._shape(split)
        return self._labels[split].copy()


class SampledSet(_View):
    """A view of a feature set with some rows of some splits.

    Args:
        rows: (m,) rows by split; a split that is not there keeps all.
    """

    def __init__(self, base: FeatureSet, rows: Mapping[str, Rows]) -> None:
        super().__init__(base, {split: chosen.tolist() for split, chosen in rows.items()})
        self._rows = dict(rows)
        sampled = {split: (len(chosen), base.dimension) for split, chosen in rows.items()}
        self._shapes = self._shapes | sampled

    def features(self, split: str) -> NDArray[np.float32]:
        """Features of a split, (n, h) float32; those of a sample are a copy."""
        found = super().features(split)
        return found[self._rows[split]] if split in self._rows else found

    def labels(self, split: str) -> Labels:
        """Class ids of a split, (n, D) int32, coarsest level first."""
        found = super().labels(split)
        return found[self._rows[split]] if split in self._rows else found

    def ids(self, split: str) -> list[str]:
        """The names by which the rows of a split are known outside."""
        found = super().ids(split)
        return [found[row] for row in self._rows[split]] if split in self._rows else found

    def texts(self, split: str, rows: Iterable[int] | None = None) -> list[str]:
        """The texts of a split, or of some of its rows."""
        if split not in self._rows:
            return super().texts(split, rows)
        chosen = self._rows[split]
        return super().texts(split, chosen if rows is None else chosen[list(rows)])


class RecomputedSet(_View):
    """A view of a feature set whose features an encoder computes at every call.

    Args:
        encoder: gives the features. Its trained layers, as they are now, are part of the identity: make a
            view for every state of an encoder.
        states: what enters those layers, for the texts of each split.
    """

    def __init__(self, base: FeatureSet, encoder: TunableEncoder, states: Mapping[str, LowerStates]) -> None:
        numbers = {name: tensor.contiguous().numpy() for name, tensor in encoder.weights().items()}
        layers = {name: hashlib.sha256(found.tobytes()).hexdigest() for name, found in numbers.items()}
        super().__init__(base, {"layers": layers})
        self._encoder, self._states = encoder, states

    def features(self, split: str) -> NDArray[np.float32]:
        """Features of a split, (n, h) float32, computed at every call."""
        states = self._states[split]
        return self._encoder.features(states, np.arange(len(states.texts.positions)))


class _Part(Document, frozen=True, kw_only=True, tag="fractalctl-run"):
    """A finished run of an experiment that is not finished."""

    identity: str
    run: Run


@dataclass(frozen=True)
class Study:
    """What an axis is laid over.

    Attributes:
        features: trained on its train split, evaluated on its test split.
        trunk: of those that have one; None is each strategy's own.
        settings: in which the arms depart from their defaults; values may be text.
    """

    features: FeatureSet
    strategies: Sequence[str]
    trunk: str | None
    settings: Mapping[str, Any]
    seeds: Sequence[int]
    protocol: Protocol

    def arms(self, n_levels: int | None = None, **varied: Any) -> dict[str, Arm]:
        """The arms with one hold-out for all seeds, by their label without it and without what is varied.

        Args:
            n_levels: D, of the set by default.
            varied: settings that an axis varies; an arm whose method has no such setting stays as it is.

        Raises RequestError: a strategy is unknown, or a setting does not fit.
        """
        levels = n_levels or self.features.n_levels
        plain = build_arms(self.strategies, levels, self.trunk, self.settings)
        fixed = {"holdout_seed": SPLIT_SEED, **self.settings, **varied}
        arms = build_arms(self.strategies, levels, self.trunk, self.settings, where_there=fixed)
        return {one.label: arm for one, arm in zip(plain, arms, strict=True)}


@dataclass(frozen=True, eq=False)
class Condition:
    """Heads that are trained alike on the same rows.

    Attributes:
        features: the set, or a view of it, that is trained on and, unless others are asked, evaluated.
        arms: by the label that results have.
        point: where on the axis; it stands in every run.
        fixed: further JSON values that determine the numbers.
        more: from a run's accuracies to further numbers of it.
        asked: the view that is evaluated instead.
    """

    features: FeatureSet
    arms: Mapping[str, Arm]
    seeds: Sequence[int]
    point: Point = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    more: Callable[[Accuracy], dict[str, float]] = lambda _: {}
    asked: FeatureSet | None = None

    def jobs(self) -> dict[Job, str]:
        """What is trained, in the order of a file, and the label of each."""
        return {Job(arm, seed): label for label, arm in self.arms.items() for seed in self.seeds}

    def identity(self, job: Job, protocol: Protocol) -> str:
        """Hexadecimal SHA-256 of all that fixes the numbers of a run; look-up and write both use it."""
        return identity_of(
            {
                "version": Ablation.CURRENT,
                "features": self.features.identity,
                "label": self.jobs()[job],
                "arm": job.arm.identity,
                "seed": job.seed,
                "protocol": asdict(protocol),
                "point": dict(self.point),
                **({} if self.asked is None else {"asked": self.asked.identity}),
                **self.fixed,
            }
        )

    def train(
        self, wanted: Sequence[Job], protocol: Protocol, device: str, progress: Progress
    ) -> Iterator[tuple[Job, Run]]:
        """Yield each run that is wanted, once trained and measured, in no particular order."""
        evaluator = Evaluator(self.asked or self.features, protocol, choose_device(device))
        for job, fitted in fit_arms(self.features, tuple(self.jobs()), device, progress, None, wanted):
            yield job, self.outcome(job, fitted, evaluator)

    def outcome(self, job: Job, fitted: Fitted, evaluator: Evaluator, **further: Any) -> Run:
        """Measure a head; gives the run as its file has it."""
        embed = partial(job.arm.embed, fitted.weights, device=evaluator.device)
        measured = evaluator.measure(embed, job.arm.dims)
        return Run(
            arm=self.jobs()[job],
            strategy=job.arm.strategy,
            seed=job.seed,
            point=dict(self.point),
            best_epoch=fitted.best_epoch,
            more=self.more(measured.accuracy) | further.pop("more", {}),
            **msgspec.structs.asdict(measured),
            **further,
        )


def run_conditions(
    conditions: Sequence[Condition],
    protocol: Protocol,
    parts: Path,
    device: str = "auto",
    progress: Progress = silent,
) -> list[Run]:
    """Train and measure all conditions, in order; finished runs are kept until the caller drops the folder.

    Args:
        parts: folder of finished runs; those that an earlier call left there are read, not trained.
    """
    found: list[Run] = []
    for condition in conditions:
        places = {job: parts / f"{condition.identity(job, protocol)}.json" for job in condition.jobs()}
        runs: dict[Job, Run] = {}
        for job, path in places.items():
            if part := reusable(path, _Part, path.stem, Overwrite.CHANGED):
                runs[job] = part.run
        missing = [job for job in places if job not in runs]
        for job, run in condition.train(missing, protocol, device, progress) if missing else ():
            runs[job] = run
            condition.features.check()
            write_document(places[job], _Part(identity=places[job].stem, run=run, versions=versions()))
        found += [runs[job] for job in places]
    return found
