"""Make a result again from what its file recorded, and compare the two."""

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
import torch

from fractalctl.documents import TYPE, Document, read_document, to_json
from fractalctl.documents.evaluation import Evaluation
from fractalctl.documents.experiments import Ablation, Synthesis
from fractalctl.documents.head import HeadDocument
from fractalctl.documents.statistics import Statistics
from fractalctl.errors import FractalError, RequestError
from fractalctl.experiments.addresses import features_of, recorded_set
from fractalctl.experiments.evaluating import evaluate_again
from fractalctl.experiments.training import Job, fit_arms
from fractalctl.heads.arms import Arm
from fractalctl.heads.head import DESCRIPTION_FILE, WEIGHTS_FILE, Head, head_identity, load_head
from fractalctl.measures.protocols import Protocol
from fractalctl.versions import versions
from store import FeatureStore
from store.files import read_json

ROUNDING = 1e-6
"""By which two numbers of a document may differ and still be equal to rounding, absolute and relative."""
OF_WEIGHTS = 1e-3
"""The same of weights, of the largest one: each step of a training rounds again."""
PASSED_OVER = frozenset({"argv", "versions", "microseconds_per_query"})
"""What says how a file came about, or how long it took, and nothing of what was found."""

Call = Callable[[Sequence[str]], None]
"""Calls a command of ours by its words, in this process; a `FractalError` where it fails."""


class Outcome(StrEnum):
    """How a result that was made again compares with the one that was there."""

    SAME = "same bytes"
    ROUNDED = "equal to rounding"
    DIFFERENT = "different"


class Difference(msgspec.Struct, frozen=True):
    """One place at which the two differ by more than rounding.

    Attributes:
        field: where, such as ``accuracy.64.L0``, or a tensor of the weights.
        recorded: what the file says; of a tensor, its largest value.
        remade: what came out now; of a tensor, by how much it differs at most.
    """

    field: str
    recorded: Any
    remade: Any


class Verification(msgspec.Struct, frozen=True):
    """How one file compares with what was made again.

    Attributes:
        file: as it was named.
        kind: its ``encoding-type``.
        differences: empty unless the outcome is ``different``.
        versions: of what was another version then: then and now.
    """

    file: str
    kind: str
    outcome: Outcome
    differences: list[Difference]
    versions: dict[str, tuple[str | None, str]]


Found = tuple[bool, list[Difference]]
"""Whether all bytes are the same, and what differs by more than rounding."""


def verify_result(path: Path, store: FeatureStore, call: Call, device: str = "auto") -> Verification:
    """Make a result again and compare; nothing that is there is changed.

    A head is trained again with the seeds that were trained together with it, and an evaluation measured
    again with all its metrics. For an ablation, a synthesis and statistics the recorded command is called
    with another place for its output.

    Args:
        path: of the file, or of a head's folder.
        store: where feature sets are looked for that are no longer where they were.

    Raises RequestError: there is no such file, or it is of a kind that cannot be made again; FractalError: it
    is damaged, or what it was made from is.
    """
    if path.is_dir() or path.name == WEIGHTS_FILE:
        path = load_head(path).folder / DESCRIPTION_FILE
    recorded = read_json(path)
    kind = recorded.get(TYPE) if isinstance(recorded, dict) else None
    if kind == _tag(HeadDocument):
        same, differences = _head(load_head(path), store, device)
    elif kind == _tag(Evaluation):
        same, differences = _evaluation(path, recorded, store, device)
    elif kind in REPEATED:
        same, differences = _repeated(path, recorded, store, call)
    else:
        known = ", ".join([_tag(HeadDocument), _tag(Evaluation), *REPEATED])
        raise RequestError(f"{path}: its {TYPE} is '{kind}'; what can be made again and compared: {known}")
    outcome = Outcome.SAME if same else Outcome.DIFFERENT if differences else Outcome.ROUNDED
    then, now = recorded.get("versions", {}), versions()
    changed = {name: (then.get(name), number) for name, number in now.items() if then.get(name) != number}
    return Verification(str(path), str(kind), outcome, differences, changed)


def _tag(kind: type[Document]) -> str:
    return str(kind.__struct_config__.tag)


def _head(head: Head, store: FeatureStore, device: str) -> Found:
    """Train it again, with those that shared its steps."""
    document, features = head.document, features_of(head, store)
    arm = Arm(document.strategy, document.method, head.settings, document.arm)
    if head_identity(features.identity, arm, head.seed) != head.identity:
        raise FractalError(
            f"{head.folder / DESCRIPTION_FILE}: its identity is not that of its features, arm and seed; "
            "something in it was changed, or another version made it"
        )
    seeds = document.fleet or [head.seed]
    mine = Job(arm, head.seed)
    fitted = dict(fit_arms(features, [Job(arm, seed) for seed in seeds], device, wanted={mine}))[mine]
    differences = list(compare_values("best_epoch", document.best_epoch, fitted.best_epoch))
    same = not differences
    for name in sorted({*head.weights, *fitted.weights}):
        there, here = head.weights.get(name), fitted.weights.get(name)
        if there is None or here is None or there.shape != here.shape:
            differences.append(Difference(name, _shape(there), _shape(here)))
            continue
        same = same and torch.equal(there, here.cpu())
        largest, gap = float(there.abs().max()), float((there - here.cpu()).abs().max())
        if gap > OF_WEIGHTS * max(largest, ROUNDING):
            differences.append(Difference(name, largest, gap))
    return same and not differences, differences


def _shape(tensor: torch.Tensor | None) -> list[int] | None:
    return None if tensor is None else list(tensor.shape)


def _evaluation(path: Path, recorded: Mapping[str, Any], store: FeatureStore, device: str) -> Found:
    """Measure its head again, which lies beside it."""
    document, head = read_document(path, Evaluation), load_head(path)
    if document.head_identity != head.identity:
        raise FractalError(f"{path}: was measured of another head than the one beside it; evaluate again")
    features, protocol = recorded_set(document.features, store, path), Protocol.of(document)
    remade = evaluate_again(head, features, protocol, list(document.metrics), device)
    return _compared(recorded, document, remade)


def _repeated(path: Path, recorded: Mapping[str, Any], store: FeatureStore, call: Call) -> Found:
    """Call the command that the file records, with a folder of its own for what it writes."""
    kind, command, moved = REPEATED[recorded[TYPE]]
    document = read_document(path, kind)
    words = list(document.argv or ())
    # We write options and values as words of their own; joined, one could escape the exchange below.
    if words[:2] != ["fractalctl", command] or any(re.match("-.*=", word) for word in words):
        raise RequestError(
            f"{path}: records no 'fractalctl {command}' that made it, so it cannot be repeated"
        )
    with tempfile.TemporaryDirectory(prefix="fractalctl-") as place:
        output = Path(place) / path.name
        words = _without(words[2:], ("--figure", "--format", moved))
        words = [command, moved, str(output if moved == "--output" else place), "--quiet", *words]
        if isinstance(document, Ablation | Synthesis):
            words[-1] = str(recorded_set(document.features, store, path).path)
        call(words)
        found = sorted(Path(place).rglob("*.json"))
        made = next((one for one in found if read_json(one).get(TYPE) == recorded[TYPE]), None)
        if made is None:
            raise FractalError(f"{path}: the command that it records wrote nothing of its kind")
        return _compared(recorded, document, read_document(made, kind))


REPEATED: Mapping[str, tuple[type[Document], str, str]] = {
    _tag(Ablation): (Ablation, "ablate", "--runs"),
    _tag(Synthesis): (Synthesis, "synth", "--runs"),
    _tag(Statistics): (Statistics, "stats", "--output"),
}
"""Kinds of documents whose command is called again: their type, its name, and the option that is moved."""


def _without(words: Sequence[str], options: Sequence[str]) -> list[str]:
    """Words of a command without some options and their values."""
    left_out = {place + behind for place, word in enumerate(words) if word in options for behind in (0, 1)}
    return [word for place, word in enumerate(words) if place not in left_out]


def _compared(recorded: Mapping[str, Any], document: Document, remade: Document) -> Found:
    """Compare what a file says, and the document that it was read as, with one that was made now."""
    there, here, read = _findings(recorded), _findings(to_json(remade)), _findings(to_json(document))
    here = _without_newer(here, there, read)
    return there == here, list(compare_values("", there, here))


def _findings(value: Any) -> Any:
    """A JSON value without what is passed over, and without the place where a feature set lay.

    >>> _findings({"kept": 0.5, "measured_here": {"n_reference": 9, "microseconds_per_query": {"64": 1.5}}})
    {'kept': 0.5, 'measured_here': {'n_reference': 9}}
    """
    if isinstance(value, dict):
        is_set = {"corpus", "name", "identity", "path"} == value.keys()
        left_out = PASSED_OVER | ({"path"} if is_set else set())
        return {name: _findings(inner) for name, inner in value.items() if name not in left_out}
    if isinstance(value, list | tuple):
        return [_findings(inner) for inner in value]
    return value


def _without_newer(here: Any, there: Any, read: Any) -> Any:
    """What was made now, without the fields that a file of an earlier version does not have yet.

    Fields they are, and nothing that was lost, where the file's type knows what stands for them.

    >>> _without_newer({"a": 1, "lost": 2, "new": 3}, {"a": 1}, {"a": 1, "new": None})
    {'a': 1, 'lost': 2}
    """
    if all(isinstance(one, dict) for one in (here, there, read)):
        return {
            name: _without_newer(inner, there.get(name), read.get(name))
            for name, inner in here.items()
            if name in there or name not in read
        }
    if all(isinstance(one, list) and len(one) == len(here) for one in (here, there, read)):
        return [_without_newer(*three) for three in zip(here, there, read, strict=True)]
    return here


def compare_values(field: str, recorded: Any, remade: Any) -> Iterator[Difference]:
    """Yield every place at which two JSON values differ by more than rounding.

    >>> [one.field for one in compare_values("", {"a": [1.0, 2.0]}, {"a": [1.0 + 1e-9, 2.1]})]
    ['a[1]']
    """
    if isinstance(recorded, dict) and isinstance(remade, dict):
        for name in (*recorded, *(other for other in remade if other not in recorded)):
            inner = f"{field}.{name}" if field else str(name)
            yield from compare_values(inner, recorded.get(name), remade.get(name))
    elif isinstance(recorded, list) and isinstance(remade, list) and len(recorded) == len(remade):
        for place, (there, here) in enumerate(zip(recorded, remade, strict=True)):
            yield from compare_values(f"{field}[{place}]", there, here)
    elif not _close(recorded, remade):
        yield Difference(field, recorded, remade)


def _close(recorded: Any, remade: Any) -> bool:
    numbers = [isinstance(value, int | float) and not isinstance(value, bool) for value in (recorded, remade)]
    if not all(numbers):
        return bool(recorded == remade)
    return bool(abs(recorded - remade) <= ROUNDING * max(1.0, abs(recorded)))
