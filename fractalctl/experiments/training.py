"""Train heads of several arms and seeds on one feature set, and write them below a folder of runs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from fractalctl.device import choose_device
from fractalctl.documents.head import Capacity, HeadDocument, Tuning
from fractalctl.documents.measured import Features
from fractalctl.errors import FractalError, RequestError
from fractalctl.executors import Executor
from fractalctl.experiments.addresses import arm_folder, claim, set_folder
from fractalctl.experiments.fleets import Job, fit_arms, fleets_of
from fractalctl.experiments.policy import Note, Overwrite, unheard
from fractalctl.heads.arms import Arm, build_arm, read_arm, strategies
from fractalctl.heads.head import DESCRIPTION_FILE, RESULTS, Head, head_identity, load_head, save_head
from fractalctl.heads.settings import SEEDS
from fractalctl.progress import Progress, silent
from fractalctl.versions import versions
from store import FeatureSet
from store.files import locked, settle


@dataclass(frozen=True)
class TrainedHeads:
    """What `train_heads` came to.

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

    Raises:
        RequestError: a name is unknown, a value does not fit, none of the arms has a setting or a trunk, or
            two arms are the same.
    """
    known, chosen = strategies(), dict(settings or {})
    own_tables = next(row for row in known.values() if row.method.name == "supervision")
    makers = [(partial(build_arm, name), known.get(name)) for name in dict.fromkeys(names)]
    makers += [(partial(read_arm, path), own_tables) for path in files]
    fields = [row.method.Settings.__struct_fields__ if row else () for _, row in makers]
    if strange := [name for name in chosen if not any(name in having for having in fields)]:
        richest = max(range(len(makers)), key=lambda place: len(fields[place]))
        makers[richest][0](n_levels, None, {strange[0]: chosen[strange[0]]})
    none_has_a_trunk = not any(row and row.trunk for _, row in makers)
    arms = []
    for (make, row), having in zip(makers, fields, strict=True):
        own = {name: value for name, value in {**chosen, **(where_there or {})}.items() if name in having}
        arms.append(make(n_levels, trunk if none_has_a_trunk or (row and row.trunk) else None, own))
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
        device: ``auto`` or a PyTorch device.
        progress: shows the steps.
        argv: gives the argument vector that remakes a head from its arm and seed, for its description.
        executor: trains fleets side by side; None is this process. The bytes are the same.
        note: told before anything is trained of all that will be replaced, a line for each file.
        tunings: how settings of some arms were chosen, see `fractalctl.experiments.tuning`.
        capacity: how the arms' lengths were chosen, see `fractalctl.experiments.sizing`.

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

    Raises:
        RequestError: ``never`` meets a head that would have to be replaced.
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
    return [place / DESCRIPTION_FILE, *sorted(path for pattern in RESULTS for path in place.glob(pattern))]


def _document(
    features: FeatureSet,
    job: Job,
    identity: str,
    argv: list[str] | None,
    fleet: Sequence[Job],
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
