"""A folder in which every example can be pasted: tiny corpora and encoders, heads, evaluations."""

import gzip
import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fractalctl.cli import build_app
from tests.backbones.models import WORDS, as_repository, as_sentence_transformers, build_bert

CLINC = {
    "balance": "banking", "transfer": "banking", "routing": "banking", "apr": "credit_cards",
    "new_card": "credit_cards", "credit_limit": "credit_cards", "calories": "kitchen_and_dining",
    "cook_time": "kitchen_and_dining", "alarm": "utility", "timer": "utility", "weather": "utility",
    "definition": "utility",
}  # fmt: skip
"""Some intents of the corpus, and the domains that they follow from."""
TREC = ("ABBR:abb", "ABBR:exp", "DESC:def", "DESC:manner", "DESC:reason", "HUM:ind", "HUM:gr", "LOC:city",
        "LOC:country", "NUM:count")  # fmt: skip
SPLITS = {"train": range(12), "test": range(11, 16)}
"""Rows of each class by split; one test row stands in training as well."""
REVISION = "155b9c710419136e17307b80d0a13e68cd46b4ec"
TABLE = """full = [0.0, 0.0, 1.0]
prefix = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.0, 0.0, 1.0]]
prefix_probabilities = [0.4, 0.3, 0.2, 0.1]
keep = [1.0, 1.0, 1.0, 1.0]
"""


def text(kind: int, row: int) -> str:
    """A text that a tiny encoder of whole words can tell from those of other kinds."""
    return f"{WORDS[kind]} {WORDS[kind]} {WORDS[row % 13]} {WORDS[row // 13 % 13]} of the card"


def lines(path: Path, rows: list[dict[str, object]]) -> None:
    """Write JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def repository(
    cache: Path, name: str, config: str, rows: dict[str, list[dict[str, object]]], commit: str
) -> None:
    """A dataset in the hub's local cache, with one configuration."""
    folder = cache / f"datasets--{name.replace('/', '--')}"
    snapshot = folder / "snapshots" / commit
    for split, own in rows.items():
        lines(snapshot / f"{split}.jsonl", own)
    files = "".join(f"  - split: {split}\n    path: {split}.jsonl\n" for split in rows)
    (snapshot / "README.md").write_text(
        f"---\nconfigs:\n- config_name: {config}\n  data_files:\n{files}---\n"
    )
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(commit)


def furnish(folder: Path) -> None:
    """Write everything that an example reads and no command makes."""
    clinc = {
        split: [
            {"text": text(kind, row), "intent": intent} for kind, intent in enumerate(CLINC) for row in rows
        ]
        for split, rows in SPLITS.items()
    }
    own = {
        split: [
            {"text": row["text"], "coarse": CLINC[str(row["intent"])], "fine": row["intent"]} for row in rows
        ]
        for split, rows in clinc.items()
    }
    repository(folder / "hub", "clinc/clinc_oos", "plus", clinc, REVISION)
    repository(folder / "hub", "owner/name", "config", own, "b" * 40)
    model = as_sentence_transformers(build_bert(folder / "my-model", num_hidden_layers=4), "mean_tokens")
    as_repository(folder / "hub", model, "thenlper/gte-small")
    lines(
        folder / "products.jsonl.gz",
        [{"text": row["text"], "category": f"{row['coarse']}/{row['fine']}"} for row in own["train"]],
    )
    tickets = [f"{row['text']},{row['coarse']},{row['fine']}" for row in own["train"]]
    (folder / "tickets.csv").write_text("\n".join(["message,team,topic", *tickets]) + "\n")
    publisher = folder / "home" / "Downloads" / "trec"
    publisher.mkdir(parents=True)
    for name, rows in zip(("train_5500.label", "TREC_10.label"), SPLITS.values(), strict=True):
        labelled = [f"{label} {text(kind, row)}" for kind, label in enumerate(TREC) for row in rows]
        (publisher / name).write_text("\n".join(labelled) + "\n", encoding="latin-1")
    (folder / "my-table.toml").write_text(TABLE)
    (folder / "questions.txt").write_text("where is my card\nthe song of the bank\n")
    measured = [(corpus, arm, seed, base + 0.1 * (arm == "v5") + 0.01 * seed * (1 + (arm == "v5")))
                for corpus, base in (("a", 0.1), ("b", 0.2), ("c", 0.15), ("d", 0.05))
                for arm in ("v5", "mrl") for seed in (1, 2, 3)]  # fmt: skip
    (folder / "seeds.csv").write_text("dataset,strategy,seed,steerability\n" + "".join(
        f"{corpus},{arm},{seed},{value}\n" for corpus, arm, seed, value in measured))  # fmt: skip
    (folder / "profiles.csv").write_text(
        "dataset,h_l1_given_l0,baseline_l1\na,2.3,0.8\nb,3.9,0.9\nc,2.9,0.7\nd,1.5,0.6\n"
    )


def enter(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Make a folder the place where commands run: store and runs in it, its own home, no network."""
    import datasets
    from huggingface_hub import constants

    patch.chdir(folder)
    for name, value in (("STORE", "store"), ("RUNS", "runs")):
        patch.setenv(f"FRACTALCTL_{name}", value)
    patch.setenv("HOME", str(folder / "home"))
    patch.setenv("HF_HUB_OFFLINE", "1")
    patch.setattr(constants, "HF_HUB_CACHE", str(folder / "hub"))
    patch.setattr(datasets.config, "HF_DATASETS_CACHE", folder / "datasets")


def few_packages(patch: pytest.MonkeyPatch) -> None:
    """Let ``pydocs`` be made of few modules: reading the docstrings of all packages takes long."""
    from fractalctl.corpora import pydocs as source

    few = {}
    for library in ("networkx", "sklearn"):
        package = source.packages()[library]
        few[library] = {**package, "modules": dict(list(package["modules"].items())[:4])}
    patch.setattr(source, "packages", lambda: few)


def paste(line: str) -> list[Result]:
    """Run a line of a shell within this process: commands joined by pipes, with ``>`` into a file.

    Returns:
        One result for each command of ours. Each must end with 0, as under ``set -o pipefail``.
    """
    given, results = None, []
    *stages, last = _stages(line)
    for words in [*stages, last]:
        target = words[words.index(">") + 1] if ">" in words else None
        words = [os.path.expanduser(word) for word in words[: words.index(">") if target else None]]  # noqa: PTH111
        if words[0] == "fractalctl":
            result = CliRunner().invoke(build_app(), words[1:], input=given, prog_name="fractalctl")
            assert result.exit_code == 0, f"{shlex.join(words)}\n{result.stderr}"
            results.append(result)
            given = result.stdout
        else:
            done = subprocess.run(words, input=given, capture_output=True, text=True, check=True)
            given = done.stdout
        if target:
            Path(target).write_text(given)
    return results


def _stages(line: str) -> list[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|>")
    lexer.whitespace_split = True
    stages: list[list[str]] = [[]]
    for token in lexer:
        if token == "|":
            stages.append([])
        else:
            stages[-1].append(token)
    return stages


BASE = (
    "featurize trec --data ~/Downloads/trec --backbone minilm",
    "featurize clinc --backbone minilm --levels super-domain,domain,intent",
    "featurize clinc --backbone hub:thenlper/gte-small --levels super-domain,domain,intent",
    "store ls --quiet | fractalctl train - --strategy v5,mrl,inverted,uhmt --seeds 42,123,456",
    "evaluate --max-test 60",
    "index runs/trec --output trec-index",
)


@contextmanager
def built(folder: Path) -> Iterator[None]:
    """Furnish a folder, and make the feature sets, heads and evaluations that examples start from."""
    with pytest.MonkeyPatch.context() as patch:
        furnish(folder)
        enter(folder, patch)
        for line in BASE:
            paste(f"fractalctl {line}")
        yield
