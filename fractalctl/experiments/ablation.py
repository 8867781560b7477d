"""Controlled comparisons: one thing is varied, all else is alike."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from fractalctl.device import choose_device
from fractalctl.documents import write_document
from fractalctl.documents.experiments import Ablation
from fractalctl.errors import RequestError, did_you_mean
from fractalctl.experiments.addresses import claim, measured_path, set_folder
from fractalctl.experiments.axes import Plan, alignment, capacity, depth, noise, rows, unseen
from fractalctl.experiments.conditions import Study, run_conditions
from fractalctl.experiments.fine_tuning import backbone
from fractalctl.experiments.policy import Note, Overwrite, reusable, unheard
from fractalctl.heads.settings import SEEDS
from fractalctl.measures.evaluation import Evaluator
from fractalctl.measures.protocols import Protocol
from fractalctl.progress import Progress, silent
from fractalctl.statistics.summary import compare_ablations
from fractalctl.versions import versions
from store import FeatureSet
from store.files import drop, unfinished
from store.recipe import identity_of

RIVALS = ("v5", "mrl")
SCARCE = ("zoom", "v5", "pca", "raw")


@dataclass(frozen=True)
class Axis:
    """What an experiment can vary.

    Attributes:
        conditions: lays the axis over a study; its keywords are the options that only some axes have.
        max_test: test rows that ask, unless others are asked for.
    """

    conditions: Callable[..., Plan]
    strategies: tuple[str, ...] = RIVALS
    max_test: int = 2000

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the keywords that the axis has beyond those of all."""
        return tuple(inspect.signature(self.conditions).parameters)[1:]


AXES: Mapping[str, Axis] = {
    "alignment": Axis(alignment, ("v5", "inverted", "no-prefix", "uhmt", "mrl")),
    "capacity": Axis(capacity),
    "noise": Axis(noise, max_test=500),
    "depth": Axis(depth),
    "rows": Axis(rows, SCARCE),
    "unseen": Axis(unseen, SCARCE),
    "backbone": Axis(backbone),
}
"""Every axis by name. The paper's Tables 4 and 8 leave one out among up to 2000 test rows; its S under noise
is on the scale of its Table 3, which asks 500."""


def axis_called(name: str) -> Axis:
    """An axis by name; RequestError if there is none."""
    if name not in AXES:
        guess = did_you_mean(name, AXES)
        raise RequestError(f"axis '{name}' is not known{guess}; choose from {', '.join(AXES)}")
    return AXES[name]


def ablate(
    axis: str,
    features: FeatureSet,
    runs: Path,
    strategies: Sequence[str] | None = None,
    trunk: str | None = None,
    settings: Mapping[str, Any] | None = None,
    seeds: Sequence[int] = SEEDS,
    protocol: Protocol | None = None,
    device: str = "auto",
    progress: Progress = silent,
    argv: list[str] | None = None,
    note: Note = unheard,
    usual: str = "loo",
    **options: Any,
) -> tuple[Path, Ablation]:
    """Train and measure every condition of an axis, and write ``ablation-<axis>.json``.

    The file lies in the folder of the feature set; what departs from the axis's defaults is a hash in its
    name, so that two requests never share one. A file that is up to date stays as it is. Each finished run is
    kept in ``<file>.parts/`` until all are there, so that a stopped call goes on where it was.

    Args:
        axis: a key of `AXES`.
        features: trained on its train split, evaluated on its test split.
        runs: folder of runs.
        strategies: the axis's own by default.
        trunk: of those that have one; None is each strategy's own.
        settings: in which the arms depart from their defaults. The hold-out is fixed at seed 42 here.
        seeds: one head each per condition and arm.
        protocol: how accuracy is taken; ``loo`` among the axis's number of rows by default.
        argv: the argument vector that remakes the file.
        usual: name of the protocol that is not part of the file's name.
        **options: of the axis, see `Axis.options`; None is the axis's default.

    Returns the path of the file and its document. Raises RequestError: the axis does not have an option, or
    the request does not fit the set.
    """
    row = axis_called(axis)
    given = {name: value for name, value in options.items() if value is not None}
    _check_options(axis, given)
    names, rule = tuple(strategies or row.strategies), protocol or Protocol("loo", max_test=row.max_test)
    study = Study(features, names, trunk, settings or {}, tuple(dict.fromkeys(seeds)), rule)
    plan = row.conditions(study, **given)
    folder = set_folder(runs, features)
    unsaid = Protocol(usual, max_test=row.max_test)
    path = measured_path(folder, f"ablation-{axis}", _departing(row, study, plan), rule, unsaid)
    jobs = [condition.identity(job, rule) for condition in plan.conditions for job in condition.jobs()]
    identity = identity_of({"version": Ablation.CURRENT, "axis": axis, "runs": jobs})
    parts = path.with_name(f"{path.name}.parts")
    if known := reusable(path, Ablation, identity, Overwrite.CHANGED, note):
        drop(parts)  # left by a call that was killed at its very end
        return path, known
    evaluator = Evaluator(plan.features, rule, choose_device(device))
    claim(folder, features)
    with unfinished(parts):
        if known := reusable(path, Ablation, identity, Overwrite.CHANGED):
            return path, known  # another process has made it meanwhile
        found = run_conditions(plan.conditions, rule, parts, device, progress)
        dims = max((arm.dims for arm in plan.arms.values()), key=len)
        document = Ablation(
            **evaluator.conditions(dims),
            axis=axis,
            varied=plan.varied,
            values=list(plan.values),
            seeds=list(study.seeds),
            arms={label: replace(arm.name(), arm=label) for label, arm in plan.arms.items()},
            about=dict(plan.about),
            runs=found,
            comparisons=[],
            identity=identity,
            versions=versions(),
            argv=argv,
        )
        document = replace(document, comparisons=compare_ablations([document]))
        write_document(path, document)
    return path, document


def _check_options(axis: str, given: Mapping[str, Any]) -> None:
    """See that an axis has the options that were given."""
    for name in given:
        if name not in AXES[axis].options:
            having = ", ".join(other for other, row in AXES.items() if name in row.options)
            where = f"does not belong to axis {axis}, but to {having}" if having else "belongs to no axis"
            raise RequestError(f"--{name.replace('_', '-')} {where}")


def _departing(row: Axis, study: Study, plan: Plan) -> dict[str, Any]:
    """What departs from an axis's defaults, the protocol aside."""
    found = {
        "arms": list(plan.arms) if list(plan.arms) != list(row.strategies) else None,
        "seeds": list(study.seeds) if study.seeds != SEEDS else None,
        **plan.departing,
    }
    return {name: value for name, value in found.items() if value is not None}
