"""Heads of other strategies beside a head: trained alike, with the same seed."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from fractalctl.errors import RequestError
from fractalctl.experiments.training import kind_suffix
from fractalctl.heads.head import Head, load_head


def find_sibling(head: Head, strategy: str) -> Head | None:
    """The head of another strategy that differs in nothing else, where the folders of runs have it.

    It lies in RUNS/<corpus>/<backbone>/<strategy>/seed-<n>, with the kind of head after the strategy if not
    linear. One of another recipe, or trained on other features, is none.
    """
    folder = head.folder.resolve()
    try:
        found = load_head(family_folder(head) / (strategy + kind_suffix(head.kind)) / folder.name)
    except RequestError:
        return None
    return found if found.strategy == strategy and _upbringing(found) == _upbringing(head) else None


def family_folder(head: Head) -> Path:
    """RUNS/<corpus>/<backbone>, where the strategies lie side by side."""
    return head.folder.resolve().parents[1]


def _upbringing(head: Head) -> tuple[object, ...]:
    return head.seed, head.description["recipe"], head.description["features"]["identity"]


def require_siblings(heads: Sequence[Head], strategies: Sequence[str], purpose: str) -> None:
    """Make sure that every head has its siblings, before anything is computed.

    Raises:
        RequestError: some have not; the message gives the command that trains them.
    """
    missing: dict[tuple[Path, str], list[Head]] = {}
    for head in heads:
        if any(find_sibling(head, strategy) is None for strategy in strategies):
            missing.setdefault((family_folder(head), head.kind), []).append(head)
    if missing:
        commands = [_training_command(lonely, strategies) for lonely in missing.values()]
        folders = ", ".join(str(folder) for folder, _ in missing)
        raise RequestError(
            f"{folders}: {purpose} needs heads of the strategies {' and '.join(strategies)}, trained alike "
            "with the same seeds; make them with:\n" + "\n".join(commands)
        )


def _training_command(heads: Sequence[Head], strategies: Sequence[str]) -> str:
    """The command that made the first of these heads, with other strategies and the seeds of all.

    Heads go beside these ones, wherever that is by now.
    """
    first = heads[0]
    words = list(first.description["argv"] or ())
    if "--strategy" not in words:
        words = ["fractalctl", "train", "--strategy", "", "--seeds", "", "--head", first.kind]
        words += ["--dims", ",".join(map(str, first.dims)), "--runs", ""]
        words += [f"{first.corpus}/{first.backbone}"]
    changed = {
        "--strategy": ",".join(strategies),
        "--seeds": ",".join(dict.fromkeys(str(head.seed) for head in heads)),
        "--runs": str(family_folder(first).parents[1]),
    }
    for option, value in changed.items():
        words[words.index(option) + 1] = value
    return shlex.join(words)
