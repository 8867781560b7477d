"""Evaluate heads that lie on disk, each against the feature set that it was trained on."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fractalctl.device import choose_device
from fractalctl.errors import FractalError, RequestError
from fractalctl.experiments.policy import Overwrite
from fractalctl.heads.head import Head
from fractalctl.measures.evaluation import Evaluator
from fractalctl.measures.protocols import Protocol
from fractalctl.progress import Progress, silent
from fractalctl.versions import versions
from store import FeatureSet, FeatureStore
from store.errors import StoreError
from store.files import read_json, write_json


@dataclass(frozen=True)
class Evaluations:
    """Evaluation files in the order of their heads, and how many of them already lay there."""

    paths: tuple[Path, ...]
    documents: tuple[dict[str, Any], ...]
    n_reused: int


def features_of(head: Head, store: FeatureStore) -> FeatureSet:
    """The feature set that a head was trained on: where its description says, else by identity in the store.

    Raises:
        RequestError: it is in neither place.
    """
    recorded = head.description["features"]
    path = Path(recorded["path"])
    candidates = [FeatureSet(path)] if path.is_file() else []
    for features in [*candidates, *store.sets()]:
        if features.identity == recorded["identity"]:
            return features
    raise RequestError(
        f"{head.folder}: its feature set {path} (identity {recorded['identity'][:8]}) is neither there "
        f"nor in the store {store.folder}; featurize again, or name it with --features"
    )


def evaluate_heads(
    heads: Sequence[Head],
    protocol: Protocol,
    store: FeatureStore,
    features: FeatureSet | None = None,
    overwrite: Overwrite = Overwrite.CHANGED,
    device: str = "auto",
    progress: Progress = silent,
    argv: Callable[[Head], list[str]] | None = None,
) -> Evaluations:
    """Write ``evaluation-<protocol>.json`` beside each head; those that are up to date stay as they are.

    Args:
        heads: see `fractalctl.heads.head.find_heads`.
        protocol: which rows ask and answer.
        store: where feature sets are looked for by identity.
        features: evaluates every head on this set instead of its own (transfer to another corpus).
        overwrite: ``changed`` recomputes what is out of date, ``always`` all; ``never`` refuses to replace.
        device: ``auto`` or a PyTorch device.
        progress: counts heads.
        argv: gives the argument vector that remakes an evaluation.

    Raises:
        RequestError: a head's features are missing or do not fit it, or ``never`` meets an outdated file.
    """
    groups: dict[Path, list[int]] = defaultdict(list)
    sets: dict[Path, FeatureSet] = {}
    for index, head in enumerate(heads):
        own = features or features_of(head, store)
        sets.setdefault(own.path.resolve(), own)
        groups[own.path.resolve()].append(index)
    documents: dict[int, dict[str, Any]] = {}
    reused = 0
    with progress(
        f"evaluating {len(heads)} head{'s' * (len(heads) != 1)} ({protocol.name})", len(heads)
    ) as advance:
        for path, indices in groups.items():
            evaluator = Evaluator(sets[path], protocol, choose_device(device))
            for index in indices:
                head, target = heads[index], evaluation_path(heads[index], protocol)
                kept = _reusable(target, evaluator.identity(head.identity), overwrite)
                if kept is None:
                    kept = evaluator.evaluate(head)
                    kept |= {"versions": versions(), "argv": argv(head) if argv else None}
                    write_json(target, kept)
                else:
                    reused += 1
                documents[index] = kept
                advance(1)
    return Evaluations(
        tuple(evaluation_path(head, protocol) for head in heads),
        tuple(documents[index] for index in range(len(heads))),
        reused,
    )


def evaluation_path(head: Head, protocol: Protocol) -> Path:
    """Where an evaluation lies: beside its head."""
    return head.folder / f"evaluation-{protocol.name}.json"


def _reusable(path: Path, identity: str, overwrite: Overwrite) -> dict[str, Any] | None:
    """The document at a path when it is the wanted one and may be kept."""
    if overwrite is Overwrite.ALWAYS or not path.is_file():
        return None
    try:
        document = read_json(path)
    except StoreError as error:
        if overwrite is Overwrite.NEVER:
            raise FractalError(str(error)) from error
        return None
    if isinstance(document, dict) and document.get("identity") == identity:
        return document
    if overwrite is Overwrite.NEVER:
        raise RequestError(
            f"{path}: holds another evaluation (other features, rows or k); --overwrite changed replaces it"
        )
    return None
