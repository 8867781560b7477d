"""Where results lie, and which heads are meant: requests that differ never share a file.

RUNS/<corpus>/<feature set>/<arm>/seed-<n>/ holds a head and what was measured of it. The plain name of a
folder or file belongs to whoever took it first; another identity that asks for it has its first digits behind
the name.
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from fractalctl.documents import read_document, to_json, write_document
from fractalctl.documents.evaluation import Evaluation
from fractalctl.documents.experiments import Ablation, Synthesis
from fractalctl.documents.head import Claim
from fractalctl.documents.measured import ArmName, Features
from fractalctl.errors import FractalError, RequestError
from fractalctl.heads.arms import Arm, build_arm, strategies
from fractalctl.heads.head import DESCRIPTION_FILE, RESULTS, Head, find_heads, head_identity, load_head
from fractalctl.heads.settings import TrainingSettings, spelled
from fractalctl.measures.protocols import Protocol
from fractalctl.statistics.reading import protocol_of
from store import FeatureSet, FeatureStore
from store.errors import StoreError
from store.files import locked, read_json
from store.recipe import identity_of

CLAIM_FILE = "features.json"
DIGITS = 8
"""Of an identity in a name."""
USUAL = "zoom"
"""The strategy that is trained, and taken, where nobody names one."""
RULE = (
    f"the first arm in the order given, else {USUAL}, else the first of 'strategies ls'; its smallest seed, "
    "of the first feature set by name"
)
"""Which head a command takes where one is needed and several are there."""
SUBJECT = ("corpus", "backbone", "features", "strategy", "arm", "method", "trunk", "settings", "seed")


def set_folder(runs: Path, features: FeatureSet) -> Path:
    """RUNS/<corpus>/<feature set>, with digits of its identity where that holds results of another set."""
    plain = runs / features.corpus / features.name
    held = _set_in(plain)
    return plain if held in (None, features.identity) else _numbered(plain, features.identity)


def _set_in(folder: Path) -> str | None:
    """Identity of the feature set whose results a folder holds; None where nobody has claimed it.

    Folders without a claim (of an older version, or put together by hand) belong to the set of their first
    head.
    """
    if (folder / CLAIM_FILE).is_file():
        return read_document(folder / CLAIM_FILE, Claim).features.identity
    for path in sorted(folder.glob(f"*/seed-*/{DESCRIPTION_FILE}")):
        with suppress(StoreError, KeyError, TypeError):
            return str(read_json(path)["features"]["identity"])
    return None


def _numbered(plain: Path, identity: str) -> Path:
    return plain.with_name(f"{plain.stem}-{identity[:DIGITS]}{plain.suffix}")


def claim(folder: Path, features: FeatureSet) -> None:
    """Write down, first of all, whose results a folder holds; FractalError if another set's since."""
    with locked(folder.parent):
        if not (folder / CLAIM_FILE).is_file():
            write_document(folder / CLAIM_FILE, Claim(features=Features.of(features)))
        elif _set_in(folder) != features.identity:
            raise FractalError(f"{folder}: another process has just taken it for another set; call again")


def arm_folder(folder: Path, arm: Arm) -> Path:
    """<arm> in the folder of a feature set, with digits of its identity where another arm has that label."""
    plain = folder / arm.label
    held = _arm_in(plain)
    return plain if held in (None, arm.name()) else plain.with_name(f"{plain.name}-{arm.identity[:DIGITS]}")


def _arm_in(folder: Path) -> ArmName | None:
    """The arm whose heads a folder holds; None where it holds none that can be read."""
    for path in sorted(folder.glob(f"seed-*/{DESCRIPTION_FILE}")):
        with suppress(FractalError):
            document = load_head(path).document
            return ArmName(**{name: getattr(document, name) for name in ArmName.__struct_fields__})
    return None


def evaluation_path(head: Head, protocol: Protocol, features: FeatureSet | None = None) -> Path:
    """Where an evaluation lies: beside its head.

    Args:
        protocol: whose rows and k are part of the name.
        features: measured on; a set that the head was not trained on is part of the name.
    """
    plain = head.folder / f"evaluation-{protocol.slug}.json"
    if features is None or features.identity == head.document.features.identity:
        return plain
    other = plain.with_stem(f"{plain.stem}-on-{features.corpus}-{features.name}")
    with suppress(FractalError):
        if read_document(other, Evaluation).features.identity != features.identity:
            return _numbered(other, features.identity)
    return other


def result_path(folder: Path, name: str, departing: Mapping[str, Any]) -> Path:
    """Where a result of an experiment lies: <name>.json, with a hash of what departs from the defaults.

    Args:
        departing: JSON values by option; empty in the plain case.
    """
    return folder / (f"{name}-{identity_of(dict(departing))[:DIGITS]}.json" if departing else f"{name}.json")


def measured_path(
    folder: Path, name: str, departing: Mapping[str, Any], protocol: Protocol, usual: Protocol
) -> Path:
    """Where an experiment's result lies, see `result_path`: the usual protocol is not part of its name.

    What lies there of another protocol keeps its name; this one's is part of the name then.
    """
    path = result_path(folder, name, departing)
    said = result_path(folder, name, {**departing, "protocol": protocol.slug})
    held = _protocol_in(path)
    if held == protocol.slug or (held is None and protocol == usual and not said.is_file()):
        return path
    return said


def _protocol_in(path: Path) -> str | None:
    """The protocol of the result that lies at a path, as in names of files; None where none can be read."""
    for kind in (Ablation, Synthesis):
        with suppress(FractalError):
            return protocol_of(read_document(path, kind))
    return None


def departures(chosen: msgspec.Struct, usual: msgspec.Struct) -> dict[str, Any]:
    """Fields in which one record departs from another of its type, as JSON values."""
    defaults = to_json(usual)
    return {name: value for name, value in to_json(chosen).items() if value != defaults[name]}


def subject(head: Head) -> dict[str, Any]:
    """What documents about a head call it: the fields `SUBJECT`."""
    return {name: getattr(head.document, name) for name in SUBJECT}


def features_of(head: Head, store: FeatureStore) -> FeatureSet:
    """The feature set of a head: where its description says, else in the store, else RequestError."""
    return recorded_set(head.document.features, store, head.folder)


def recorded_set(recorded: Features, store: FeatureStore, where: Path) -> FeatureSet:
    """A feature set that a document names: at its path, else by identity in the store.

    Args:
        recorded: what the document says.
        where: what to call the document in messages.

    Raises RequestError: it is in neither place.
    """
    path = Path(recorded.path)
    with suppress(StoreError):
        if path.is_file() and (found := FeatureSet(path)).identity == recorded.identity:
            return found
    for features in store.sets():
        if features.identity == recorded.identity:
            return features
    raise RequestError(
        f"{where}: its feature set {path} (identity {recorded.identity[:DIGITS]}) is neither there "
        f"nor in the store {store.folder}; featurize again, or name it with --features"
    )


def choose_head(paths: Sequence[Path]) -> Head:
    """The head that is meant by paths, by `RULE`; RequestError if a path does not exist or holds no head."""
    return first_heads(find_heads([path]) for path in paths)[0]


def first_heads(groups: Iterable[Sequence[Head]]) -> list[Head]:
    """One head of each feature set, by `RULE`; groups are in the order given, heads of a group in none."""
    order = [USUAL, *strategies()]

    def rank(head: Head) -> tuple[int, str]:
        return order.index(head.strategy) if head.strategy in order else len(order), head.document.arm

    ranked: dict[Path, Head] = {}
    for heads in groups:
        for head in sorted(heads, key=lambda head: (str(set_of(head)), *rank(head), head.seed)):
            first = ranked.setdefault(set_of(head), head)
            if first.folder.resolve().parent == head.folder.resolve().parent and head.seed < first.seed:
                ranked[set_of(head)] = head
    return list(ranked.values())


def results_of(folder: Path) -> list[Path]:
    """What was measured of the head in a folder, and lies beside it."""
    return sorted(path for pattern in RESULTS for path in folder.glob(pattern))


def set_of(head: Head) -> Path:
    """RUNS/<corpus>/<feature set>, where a head's arms lie side by side."""
    return head.folder.resolve().parents[1]


def matched_heads(head: Head, wanted: Iterable[str] | None = None) -> dict[str, Head]:
    """Heads of other strategies beside a head, trained alike: same features, seed, trunk and settings.

    A head is the match of its own strategy. Settings in which a strategy differs from another by definition
    do not count; those that one of them does not have cannot differ. A head of other features or settings is
    no match, whatever its folder is called.

    Args:
        wanted: names of strategies; None for all.
    """
    found: dict[str, Head] = {}
    for strategy in strategies() if wanted is None else wanted:
        arm = matched_arm(head, strategy) if strategy != head.strategy else None
        if strategy == head.strategy:
            found[strategy] = head
        if arm is None:
            continue
        try:
            other = load_head(arm_folder(set_of(head), arm) / head.folder.resolve().name)
        except FractalError:
            continue
        if other.identity == head_identity(head.document.features.identity, arm, head.seed):
            found[strategy] = other
    return found


def matched_arm(head: Head, strategy: str) -> Arm | None:
    """The arm of another strategy that departs from its defaults as a head does; None where there is none."""
    known, levels = strategies(), len(head.document.classes)
    if strategy not in known:
        return None
    row = known[strategy]
    trunk = head.document.trunk if row.trunk is not None and head.document.trunk is not None else None
    departing = {
        name: value
        for name, value in _departing(head).items()
        if name in row.method.Settings.__struct_fields__ and name != "trunk"
    }
    try:
        return build_arm(strategy, levels, trunk, departing)
    except RequestError:
        return None


def _departing(head: Head) -> dict[str, object]:
    """Prefix lengths, and settings that are not the strategy's own; all of training for one's own table."""
    document = head.document
    if document.strategy not in strategies():
        return {name: document.settings[name] for name in TrainingSettings.__struct_fields__}
    dims = {"dims": document.dims}
    usual = build_arm(document.strategy, len(document.classes), document.trunk, dims).name().settings
    return dims | {name: value for name, value in document.settings.items() if usual.get(name) != value}


def require_matched(heads: Sequence[Head], needed: Sequence[str], purpose: str) -> None:
    """See that every head has its matches; RequestError if not, with the commands that train them."""
    missing: dict[tuple[Path, str], list[Head]] = {}
    for head in heads:
        if len(matched_heads(head, needed)) < len(needed):
            missing.setdefault((set_of(head), head.document.arm), []).append(head)
    if not missing:
        return
    commands = dict.fromkeys(_training_command(lonely, needed) for lonely in missing.values())
    folders = ", ".join(dict.fromkeys(str(folder) for folder, _ in missing))
    raise RequestError(
        f"{folders}: {purpose} needs heads of the strategies {' and '.join(needed)}, trained alike "
        "with the same seeds; make them with:\n" + "\n".join(commands)
    )


def _training_command(heads: Sequence[Head], strategies_: Sequence[str]) -> str:
    """What trains the matches of some heads of one arm beside them."""
    first = heads[0]
    words = ["fractalctl", "train", first.document.features.path, "--strategy", ",".join(strategies_)]
    words += ["--seeds", ",".join(dict.fromkeys(str(head.seed) for head in heads))]
    words += ["--runs", str(set_of(first).parents[1])]
    trunk = first.document.trunk
    words += ["--head", trunk] if trunk not in (None, strategies()[strategies_[0]].trunk) else []
    usual = build_arm(strategies_[0], len(first.document.classes)).name().settings["dims"]
    departing = {name: value for name, value in _departing(first).items() if name != "dims" or value != usual}
    for name, value in departing.items():
        words += ["--set", f"{name}={spelled(value)}"]
    return shlex.join(words)
