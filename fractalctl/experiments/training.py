"""Train heads of several strategies and seeds on one feature set, and write them below a folder of runs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fractalctl.errors import RequestError
from fractalctl.executors import Executor
from fractalctl.experiments.fleets import Task, train_elsewhere, train_here
from fractalctl.experiments.policy import Overwrite
from fractalctl.heads.head import Head, head_identity, load_head, save_head
from fractalctl.heads.recipe import SEEDS, TrainingRecipe
from fractalctl.heads.supervision import Supervision, read_supervision, strategy
from fractalctl.heads.training import Run, TrainedRun
from fractalctl.progress import Progress, silent
from fractalctl.versions import versions
from store import FeatureSet


@dataclass(frozen=True)
class TrainedHeads:
    """Heads in the order asked for, and how many of them already lay there."""

    heads: tuple[Head, ...]
    n_reused: int

    def summary(self) -> str:
        """One line for people: what was trained and what was there."""
        trained = len(self.heads) - self.n_reused
        kept = f"; {self.n_reused} were there already" if self.n_reused else ""
        return f"{trained} head{'s' * (trained != 1)} trained{kept}"


def supervisions(
    features: FeatureSet, recipe: TrainingRecipe, strategies: Iterable[str] = (), tables: Iterable[Path] = ()
) -> list[Supervision]:
    """The named strategies and the user's tables, fitted to a feature set's levels.

    Raises:
        RequestError: a name is unknown, a table does not fit, or two share a name.
    """
    found = [strategy(name, features.n_levels, recipe.n_blocks) for name in strategies]
    found += [read_supervision(path, features.n_levels, recipe.n_blocks) for path in tables]
    names = [table.name for table in found]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise RequestError(
            f"two supervisions are called {', '.join(repeated)}; their heads would share a folder"
        )
    return found


def head_folder(runs: Path, features: FeatureSet, supervision: str, seed: int, kind: str = "linear") -> Path:
    """Where a head lies: RUNS/<corpus>/<backbone>/<strategy>/seed-<n>, <strategy>-<kind> if not linear."""
    return runs / features.corpus / features.backbone / (supervision + kind_suffix(kind)) / f"seed-{seed}"


def kind_suffix(kind: str) -> str:
    """What sets the results of a kind of head apart from the linear head's in names of files and folders."""
    return "" if kind == "linear" else f"-{kind}"


def train_heads(
    features: FeatureSet,
    tables: Sequence[Supervision],
    runs: Path,
    seeds: Sequence[int] = SEEDS,
    recipe: TrainingRecipe | None = None,
    overwrite: Overwrite = Overwrite.CHANGED,
    device: str = "auto",
    progress: Progress = silent,
    argv: Callable[[str, int], list[str]] | None = None,
    executor: Executor | None = None,
) -> TrainedHeads:
    """Train one head per supervision and seed; heads that already lie there are not trained again.

    Args:
        features: trained on its train split.
        tables: supervisions, see `supervisions`.
        runs: heads go below this folder, see `head_folder`.
        seeds: one head each; the paper's five by default.
        recipe: hyperparameters; the paper's by default.
        overwrite: ``changed`` replaces heads of another recipe, ``always`` retrains all, ``never`` refuses to
            replace a head of another recipe.
        device: ``auto`` or a PyTorch device.
        progress: shows the steps.
        argv: gives the argument vector that remakes a head from its strategy and seed, for its description.
        executor: trains fleets side by side; None is this process. The bytes are the same.

    Raises:
        RequestError: a supervision does not fit, or ``never`` meets a head of another recipe.
    """
    recipe = recipe or TrainingRecipe()
    wanted = [Run(table, seed) for table in tables for seed in dict.fromkeys(seeds)]
    folders = [head_folder(runs, features, run.supervision.name, run.seed, recipe.head) for run in wanted]
    identities = [head_identity(features.identity, run.supervision, run.seed, recipe) for run in wanted]
    found = [_reusable(*pair, overwrite) for pair in zip(folders, identities, strict=True)]
    heads = {folder: head for folder, head in zip(folders, found, strict=True) if head}
    missing = [index for index, folder in enumerate(folders) if folder not in heads]
    trained = train_on(features, [wanted[index] for index in missing], recipe, device, progress, executor)
    for index, outcome in zip(missing, trained, strict=True):
        run, folder = outcome.run, folders[index]
        description = _description(features, run, recipe) | {
            "identity": identities[index],
            "versions": versions(),
            "argv": argv(run.supervision.name, run.seed) if argv else None,
        }
        _discard_evaluations(folder)
        heads[folder] = save_head(folder, outcome, description)
    return TrainedHeads(tuple(heads[folder] for folder in folders), len(wanted) - len(missing))


def _description(features: FeatureSet, run: Run, recipe: TrainingRecipe) -> dict[str, Any]:
    """What a head is and what it was trained on."""
    return {
        "corpus": features.corpus,
        "backbone": features.backbone,
        "strategy": run.supervision.name,
        "seed": run.seed,
        "input_dimension": features.dimension,
        "classes": [list(names) for names in features.class_names],
        "supervision": run.supervision.config(),
        "recipe": recipe.config(),
        "features": {"path": str(features.path.resolve()), "identity": features.identity},
    }


def train_on(
    features: FeatureSet,
    runs: Sequence[Run],
    recipe: TrainingRecipe,
    device: str = "auto",
    progress: Progress = silent,
    executor: Executor | None = None,
) -> Iterator[TrainedRun]:
    """Train runs on a feature set's train split, in as few fleets as the kind of head and the workers allow.

    The best epoch is chosen by leave-one-out k-NN. On a processor, a head's bytes depend neither on the runs
    that are trained beside it nor on the process that trains it.

    Args:
        features: has a train split.
        runs: what to train.
        recipe: hyperparameters.
        device: ``auto`` or a PyTorch device.
        progress: shows the steps; with an executor, the heads.
        executor: trains fleets side by side; None is this process.

    Yields:
        One outcome per run, in the order given, as soon as its fleet is trained.

    Raises:
        RequestError: the set has no train split, or a supervision does not fit.
        FractalError: a worker was lost, or does not see the feature set.
    """
    if not runs:
        return
    if "train" not in features.splits:
        raise RequestError(f"{features.path}: has no train split, only {', '.join(features.splits)}")
    task = Task(features, recipe, device)
    if executor is None:
        yield from train_here(task, runs, progress)
    else:
        yield from train_elsewhere(task, runs, executor, progress)


def _reusable(folder: Path, identity: str, overwrite: Overwrite) -> Head | None:
    """The head in a folder when it is the wanted one and may be kept."""
    try:
        head = load_head(folder)
    except RequestError:
        return None
    if overwrite is Overwrite.ALWAYS:
        return None
    if head.identity == identity:
        return head
    if overwrite is Overwrite.NEVER:
        raise RequestError(
            f"{folder}: holds a head of another recipe; --overwrite changed replaces it, "
            "--runs names another folder"
        )
    return None


def _discard_evaluations(folder: Path) -> None:
    """Remove the evaluations beside a head that is about to be replaced: they describe the old one."""
    for evaluation in folder.glob("evaluation-*.json"):
        evaluation.unlink()
