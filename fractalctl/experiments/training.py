"""Heads of several arms and seeds: divided into fleets, trained here or in other processes, and written."""

import platform
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from threading import Event, Lock
from types import MappingProxyType
from typing import Any

import msgspec
import torch

from fractalctl.backbones.batching import side_by_side
from fractalctl.device import choose_device
from fractalctl.documents.head import Capacity, HeadDocument, Tuning
from fractalctl.documents.measured import Features
from fractalctl.errors import FractalError, RequestError
from fractalctl.executors import Executor
from fractalctl.experiments.addresses import arm_folder, claim, results_of, set_folder
from fractalctl.experiments.policy import Note, Overwrite, unheard
from fractalctl.heads.arms import Arm, IdleSettingsError, build_arm, named, read_arm, strategies
from fractalctl.heads.examples import Examples, needs_training_rows, training_examples
from fractalctl.heads.fitted import DivergedError, Fitted
from fractalctl.heads.head import DESCRIPTION_FILE, Head, head_identity, load_head, save_head
from fractalctl.heads.settings import SEEDS
from fractalctl.measures.neighbours import leave_one_out_accuracy
from fractalctl.progress import Advance, Progress, silent
from fractalctl.versions import versions
from store import FeatureSet
from store.errors import StoreError
from store.files import locked, settle


@dataclass(frozen=True)
class Job:
    """One head to train: an arm and a seed."""

    arm: Arm
    seed: int


Fleet = Sequence[Job]
"""Jobs of one arm that are stepped together."""
Outcome = tuple[list[tuple[Job, Fitted]], str | None]
"""The jobs of a fleet that were fitted, and which of its seeds diverged."""


def fleets_of(jobs: Sequence[Job], device: str = "auto") -> list[list[Job]]:
    """Jobs as they are trained together, which decides the last bits of their weights.

    Args:
        jobs: those of one arm should follow each other.
        device: ``auto`` or a PyTorch device.
    """
    kind = choose_device(device).type
    return [
        [Job(arm, seed) for seed in seeds]
        for arm, own in groupby(jobs, key=lambda job: job.arm)
        for seeds in arm.fleets([job.seed for job in own], kind)
    ]


def fit_arms(
    features: FeatureSet,
    jobs: Sequence[Job],
    device: str = "auto",
    progress: Progress = silent,
    executor: Executor | None = None,
    wanted: Container[Job] | None = None,
) -> Iterator[tuple[Job, Fitted]]:
    """Train heads on a feature set's train split without writing anything.

    Fleets are cut the same way whoever the workers are and whatever is there already, so that an executor,
    or a call that goes on after another was stopped, gives the bytes of one undisturbed call.
    The best epoch is chosen by leave-one-out k-NN.

    Args:
        features: has a train split.
        jobs: what was asked for; those of one arm should follow each other.
        wanted: which of them are missing; fleets without one are not trained. None is all.

    Yields:
        Each job with its outcome, in no particular order, as soon as its fleet is trained.

    Raises:
        RequestError: the set has no train split, or an arm does not fit it.
        FractalError: a worker was lost, or does not see the feature set.
        DivergedError: at the end, if some diverged.
    """
    if not jobs:
        return
    needs_training_rows(features)
    cut = [
        fleet for fleet in fleets_of(jobs, device) if wanted is None or any(job in wanted for job in fleet)
    ]
    errors = []
    if executor is None:
        outcomes = _here(training_examples(features, choose_device(device)), cut, progress)
    else:
        outcomes = _elsewhere(features, device, cut, executor, progress)
    for fitted, error in outcomes:
        yield from ((job, one) for job, one in fitted if wanted is None or job in wanted)
        errors += [error] if error else []
    if errors:
        raise DivergedError("; ".join(errors), ())


def _fit(examples: Examples, fleet: Fleet, progress: Progress) -> Outcome:
    arm, said = fleet[0].arm, None
    try:
        found = arm.fit(examples, [job.seed for job in fleet], leave_one_out_accuracy, progress)
    except DivergedError as error:
        found, said = list(error.fitted), f"{arm.label}: {error}"
    return [(Job(arm, one.seed), one) for one in found], said


def _here(examples: Examples, cut: Sequence[Fleet], progress: Progress) -> Iterator[Outcome]:
    """Train fleets in this process: one after the other on a GPU, side by side on the cores of a processor.

    A step of a fleet is a few small operators. A core with a fleet of its own does not wait for the others
    between them (see `side_by_side`).
    """
    if len(cut) == 1 or examples.device.type != "cpu" or torch.get_num_threads() == 1:
        for fleet in cut:
            yield _fit(examples, fleet, progress)
        return
    abandoned, lock = Event(), Lock()
    steps = sum(fleet[0].arm.steps(examples) for fleet in cut)
    with progress(f"training {sum(map(len, cut))} heads", steps) as advance:

        @contextmanager
        def shared(_title: str, _total: int) -> Iterator[Advance]:
            def step(amount: int) -> None:
                if abandoned.is_set():
                    raise InterruptedError
                with lock:
                    advance(amount)

            yield step

        yield from side_by_side(lambda fleet: _fit(examples, fleet, shared), cut, abandoned.set)


def _elsewhere(
    features: FeatureSet, device: str, cut: Sequence[Fleet], executor: Executor, progress: Progress
) -> Iterator[Outcome]:
    """Train fleets side by side in an executor's workers."""
    n_heads = sum(map(len, cut))
    title = f"training {n_heads} heads in {len(cut)} fleets"
    with executor.connect() as workers, progress(title, n_heads) as advance:
        for outcome in workers.map(partial(_train_in_worker, features, device), cut, in_order=False):
            advance(len(outcome[0]))
            yield outcome


def _train_in_worker(features: FeatureSet, device: str, fleet: Fleet) -> Outcome:
    _check_visible(features)
    return _fit(training_examples(features, choose_device(device)), fleet, silent)


def _check_visible(features: FeatureSet) -> None:
    """See that this process has the same feature set at the same path."""
    try:
        recipe = FeatureSet(features.path).recipe
    except (StoreError, OSError) as error:
        raise FractalError(
            f"worker {platform.node()} cannot read {features.path} ({error}); training in other processes "
            "needs the store on a file system that all workers see at the same path"
        ) from error
    if recipe != features.recipe:
        raise FractalError(
            f"worker {platform.node()} has another feature set at {features.path}; put the store on a file "
            "system that all workers share"
        )


@dataclass(frozen=True)
class TrainedHeads:
    """What `train_heads` returns.

    Attributes:
        heads: in the order asked for.
        n_reused: how many of them already lay there.
        replaced: heads and results of theirs that were there and are no more.
    """

    heads: tuple[Head, ...]
    n_reused: int
    replaced: tuple[Path, ...] = ()

    def summary(self) -> str:
        """One line for people: what was trained and what was there."""
        trained = len(self.heads) - self.n_reused
        kept = f"; {self.n_reused} were there already" if self.n_reused else ""
        return f"{trained} head{'s' * (trained != 1)} trained{kept}"


def build_arms(
    names: Iterable[str],
    n_levels: int,
    trunk: str | None = None,
    settings: Mapping[str, Any] | None = None,
    files: Iterable[Path] = (),
    where_there: Mapping[str, Any] | None = None,
) -> list[Arm]:
    """The arms of named strategies and of a user's own tables.

    Args:
        names: of strategies.
        n_levels: D, of the corpus.
        trunk: of those that have one; None is each strategy's own.
        settings: of those that have them, by name; values may be text.
        files: TOML tables, see `fractalctl.heads.arms.read_arm`.
        where_there: settings of those arms that have them, if any has; they go before ``settings``.

    Raises RequestError: a name is unknown, a value does not fit, none of the arms has a setting, a use for it
    or a trunk, or two arms are the same.
    """
    chosen = dict(settings or {})
    own_tables = next(row for row in strategies().values() if row.method.name == "supervision")
    makers = [(partial(build_arm, name), named(name)[0]) for name in dict.fromkeys(names)]
    makers += [(partial(read_arm, path), own_tables) for path in files]
    fields = [row.method.Settings.__struct_fields__ for _, row in makers]
    if strange := [name for name in chosen if not any(name in having for having in fields)]:
        richest = max(range(len(makers)), key=lambda place: len(fields[place]))
        makers[richest][0](n_levels, None, {strange[0]: chosen[strange[0]]})
    none_has_a_trunk = not any(row.trunk for _, row in makers)
    arms, refusals, used = [], list[IdleSettingsError](), set[str]()
    for (make, row), having in zip(makers, fields, strict=True):
        wanted = trunk if none_has_a_trunk or row.trunk else None
        own = {name: value for name, value in {**chosen, **(where_there or {})}.items() if name in having}
        try:
            arms.append(make(n_levels, wanted, own))
        except IdleSettingsError as error:  # which another arm may have a use for
            refusals.append(error)
            own = {name: value for name, value in own.items() if name not in error.names}
            arms.append(make(n_levels, wanted, own))
        used |= own.keys()
    for refusal in refusals:
        if not used.issuperset(refusal.names):
            raise refusal
    labels = [arm.label for arm in arms]
    if repeated := sorted({label for label in labels if labels.count(label) > 1}):
        raise RequestError(f"two arms are called {', '.join(repeated)}; each can be asked for once")
    return arms


def train_heads(
    features: FeatureSet,
    arms: Sequence[Arm],
    runs: Path,
    seeds: Sequence[int] = SEEDS,
    overwrite: Overwrite = Overwrite.CHANGED,
    device: str = "auto",
    progress: Progress = silent,
    argv: Callable[[Arm, int], list[str]] | None = None,
    executor: Executor | None = None,
    note: Note = unheard,
    tunings: Mapping[Arm, Tuning] = MappingProxyType({}),
    capacity: Capacity | None = None,
) -> TrainedHeads:
    """Train one head per arm and seed; heads that already lie there are not trained again.

    Every head is written as soon as it is trained, its folder in one step, and only then the one before it
    goes with what was measured of it: what fails or diverges costs nothing that was there.

    Args:
        features: trained on its train split.
        arms: see `build_arms`.
        runs: heads go below this folder, see `fractalctl.experiments.addresses`.
        seeds: one head each; the paper's five by default.
        overwrite: ``changed`` replaces heads that are damaged or of an older format, ``always`` retrains all,
            ``never`` refuses to replace any.
        argv: gives the argument vector that remakes a head from its arm and seed, for its description.
        executor: trains fleets side by side; None is this process. The bytes are the same.
        note: told before anything is trained of all that will be replaced, a line for each file.
        tunings: how settings of some arms were chosen, see `fractalctl.experiments.tuning`.
        capacity: how the arms' lengths were chosen, see `fractalctl.experiments.tuning`.

    Raises:
        RequestError: an arm does not fit the set, or ``never`` meets a head that would have to be replaced.
        FractalError: a worker was lost, or some heads diverged; the others are written.
        StoreError: the set is damaged, or was changed meanwhile.
    """
    folder = set_folder(runs, features)
    jobs = list(dict.fromkeys(Job(arm, seed) for arm in arms for seed in seeds))
    places = {job: arm_folder(folder, job.arm) / f"seed-{job.seed}" for job in jobs}
    identities = {job: head_identity(features.identity, job.arm, job.seed) for job in jobs}
    there = {job: _there(places[job], identities[job], overwrite) for job in jobs}
    heads = {job: head for job, (head, _) in there.items() if head}
    missing = [job for job in jobs if job not in heads]
    lost = {job: _lost(places[job]) for job in missing}
    for job, (head, *results) in ((job, paths) for job, paths in lost.items() if paths):
        note(f"{head} is replaced: {there[job][1]}")
        for path in results:
            note(f"{path} is removed: it describes the head that is replaced")
    if missing:
        choose_device(device)
        claim(folder, features)
    together = {job: fleet for fleet in (fleets_of(jobs, device) if missing else ()) for job in fleet}
    fitting = fit_arms(features, jobs, device, progress, executor, missing) if missing else ()
    for job, fitted in fitting:
        features.check()
        command = argv(job.arm, job.seed) if argv else None
        with locked(folder):  # another process may have given the same label to another arm meanwhile
            place = arm_folder(folder, job.arm) / f"seed-{job.seed}"
            document = _document(features, job, identities[job], command, together[job])
            document = msgspec.structs.replace(document, tuning=tunings.get(job.arm), capacity=capacity)
            made = None if lost[job] else _there(place, identities[job], Overwrite.CHANGED)[0]
            heads[job] = made or save_head(place, fitted, document)  # what another made may be in use already
    replaced = tuple(path for paths in lost.values() for path in paths)
    return TrainedHeads(tuple(heads[job] for job in jobs), len(jobs) - len(missing), replaced)


def _there(place: Path, identity: str, overwrite: Overwrite) -> tuple[Head | None, str]:
    """The head that lies in a folder and may be kept; else None, and why it may not.

    Raises RequestError: ``never`` meets a head that would have to be replaced.
    """
    settle(place)
    if not (place / DESCRIPTION_FILE).is_file():
        return None, "nothing is there"
    try:
        head = load_head(place)
        _ = head.weights
    except FractalError as error:
        why = str(error)
    else:
        if head.identity == identity and overwrite is not Overwrite.ALWAYS:
            return head, ""
        why = "trained again" if head.identity == identity else "made by another version of its method"
    if overwrite is Overwrite.NEVER:
        raise RequestError(f"{place}: {why}; --overwrite changed replaces it, --runs names another folder")
    return None, why


def _lost(place: Path) -> list[Path]:
    """What will be replaced or removed with the head that lies in a folder, the head first."""
    if not (place / DESCRIPTION_FILE).is_file():
        return []
    return [place / DESCRIPTION_FILE, *results_of(place)]


def _document(
    features: FeatureSet, job: Job, identity: str, argv: list[str] | None, fleet: Sequence[Job]
) -> HeadDocument:
    """What ``head.json`` says, but for what comes from the weights."""
    return HeadDocument(
        corpus=features.corpus,
        backbone=features.backbone,
        **msgspec.structs.asdict(job.arm.name()),
        seed=job.seed,
        input_dimension=features.dimension,
        dims=list(job.arm.dims),
        nested=job.arm.nested,
        classes=[list(names) for names in features.class_names],
        features=Features.of(features),
        best_epoch=None,
        history=[],
        weights_sha256="",
        identity=identity,
        encoder=features.recipe["backbone"]["identity"],
        fleet=[one.seed for one in fleet],
        versions=versions(),
        argv=argv,
    )
