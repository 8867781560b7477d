"""Conditions of an experiment: arms that are trained and measured alike, each run kept on disk."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from fractalctl.device import choose_device
from fractalctl.documents import Document, write_document
from fractalctl.documents.ablation import Ablation
from fractalctl.documents.measured import Accuracy, Run
from fractalctl.experiments.fleets import Job, fit_arms
from fractalctl.experiments.policy import Overwrite, reusable
from fractalctl.experiments.training import build_arms
from fractalctl.heads.arms import Arm
from fractalctl.heads.fitted import Fitted
from fractalctl.measures.evaluation import Evaluator
from fractalctl.measures.protocols import Protocol
from fractalctl.progress import Progress, silent
from fractalctl.versions import versions
from store import FeatureSet
from store.recipe import identity_of

SPLIT_SEED = 42
"""The one hold-out that all conditions and seeds of an ablation share."""

Point = Mapping[str, int | float | str]
"""Where a condition lies on its axis, such as ``{"block": 16}``."""


class _Part(Document, frozen=True, kw_only=True, tag="fractalctl-run"):
    """A finished run of an experiment that is not finished."""

    identity: str
    run: Run


@dataclass(frozen=True)
class Study:
    """What an axis is laid over.

    Attributes:
        features: trained on its train split, evaluated on its test split.
        strategies: names.
        trunk: of those that have one; None is each strategy's own.
        settings: in which the arms depart from their defaults; values may be text.
        seeds: of all conditions.
        protocol: how accuracy is taken.
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

        Raises:
            RequestError: a strategy is unknown, or a setting does not fit.
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
        seeds: one head each per arm.
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
        conditions: what is trained and measured.
        protocol: how accuracy is taken.
        parts: folder of finished runs; those that an earlier call left there are read, not trained.
        device: ``auto`` or a PyTorch device.
        progress: shows the steps.
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
