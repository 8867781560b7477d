"""The feature store: what a frozen encoder said about a corpus, written once and read by everything else.

Reading:

    store = FeatureStore(folder)
    features = store.resolve("clinc/minilm")            # or store.find(recipe): None unless it is there
    features.features("train")                          # (n, h) float32, memory-mapped, nothing is loaded

Writing, in blocks that survive being killed at any moment and that processes can make side by side:

    recipe = Recipe("clinc", corpus_identity, "minilm", backbone_identity)
    with store.writer(recipe, note=print) as writer:    # one writer of a set at a time
        if writer.finished is not None:                 # another process has just made it
            return writer.finished
        contents = Contents(corpus.splits, class_names, parents)
        draft = writer.draft(contents, dimension=384, observed={"weights": "..."})
        for block in draft.missing_blocks():
            draft.write_block(block, encode(corpus.splits[block.split].texts[block.rows]))
        return draft.publish()

`Draft.parts` is the small picklable half of a draft: worker processes are sent that and a block, and call
``parts.write_block(block, array)``. The names below are loaded when they are first used, so that importing
this package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from store.answers import Answers as Answers
    from store.catalogue import FeatureStore as FeatureStore
    from store.contents import Block as Block
    from store.contents import Contents as Contents
    from store.contents import Parts as Parts
    from store.draft import Draft as Draft
    from store.draft import Writer as Writer
    from store.features import FeatureSet as FeatureSet
    from store.layout import verify as verify
    from store.recipe import Recipe as Recipe
    from store.recipe import safe_name as safe_name
    from store.seen import Seen as Seen
    from store.seen import find_seen as find_seen

_NAMES = {
    "answers": "Answers",
    "catalogue": "FeatureStore",
    "contents": "Block Contents Parts",
    "draft": "Draft Writer",
    "features": "FeatureSet",
    "seen": "Seen find_seen",
    "layout": "verify",
    "recipe": "Recipe safe_name",
}
_HOMES = {name: f"store.{module}" for module, names in _NAMES.items() for name in names.split()}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'store' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
