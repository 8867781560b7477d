"""From a corpus and a backbone to a feature set in the store."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

from fractalctl.backbones.resolve import resolve_backbone
from fractalctl.backbones.spec import BackboneSpec
from fractalctl.corpora.request import CorpusRequest
from fractalctl.errors import RequestError, UnreachableError
from fractalctl.executors import Executor
from fractalctl.progress import Progress, silent
from store import Contents, FeatureSet, FeatureStore, Recipe

if TYPE_CHECKING:
    from fractalctl.backbones.distributed import WorkersBackbone
    from fractalctl.backbones.encoder import Backbone
    from fractalctl.corpora.corpus import Corpus
    from store import Draft

DEFAULT_SPLITS = ("train", "test")


def recipe_for(request: CorpusRequest, spec: BackboneSpec, splits: Sequence[str] = DEFAULT_SPLITS) -> Recipe:
    """The recipe of a feature set, made without loading its corpus or its backbone."""
    return Recipe(request.name, request.identity(), spec.name, spec.identity(), tuple(splits))


def featurize(
    request: CorpusRequest,
    backbone: str | BackboneSpec,
    store: FeatureStore,
    *,
    splits: Sequence[str] = DEFAULT_SPLITS,
    device: str = "auto",
    offline: bool = False,
    executor: Executor | None = None,
    progress: Progress = silent,
    note: Callable[[str], None] = lambda _: None,
) -> FeatureSet:
    """The features of a corpus: from the store if they are there, else encoded and stored.

    A hit loads neither corpus nor backbone. A miss encodes block by block; killed at any moment, the same
    call goes on at the first missing block and ends with the same bytes.

    Args:
        request: the corpus.
        backbone: what `resolve_backbone` takes or gives.
        store: where the feature set is or will be.
        splits: which splits to encode.
        device: ``auto`` or a PyTorch device.
        offline: do not touch the network.
        executor: encodes blocks side by side; None is this process. The bytes are the same.
        progress: shows reading and encoding.
        note: is told what happens.

    Raises:
        RequestError: the corpus, the backbone or a split is not what was expected.
        UnreachableError: corpus or backbone is neither here nor to be had; says which, and the ways on.
        StoreError: the store cannot be written.
        FractalError: a worker was lost, or holds another backbone than the others.
    """
    spec = backbone if isinstance(backbone, BackboneSpec) else resolve_backbone(backbone, offline=offline)
    recipe = recipe_for(request, spec, splits)
    known = store.find(recipe)
    if known is not None:
        note(f"{known.path} is in the store")
        return known
    corpus = _load_corpus(request, spec, offline=offline, progress=progress)
    for remark in corpus.notes:
        note(remark)
    if corpus.duplicates:
        note(f"{corpus.duplicates} test rows stand verbatim in the training split as well")
    contents = _contents(corpus, recipe.splits)
    encoding = _encoder(spec, device, executor, note, offline=offline)
    with encoding as encoder, store.writer(recipe, note) as writer:
        if writer.finished is not None:
            return writer.finished
        observed = {
            **encoder.observed,
            "corpus": contents.fingerprint(),
            "duplicates": corpus.duplicates,
        }
        draft = writer.draft(contents, encoder.dimension, observed)
        _encode(draft, encoder, progress, note)
        return draft.publish()


def duplicates(features: FeatureSet) -> int | None:
    """How many test rows of a set stand in its training split too, see `Corpus.duplicates`.

    Returns:
        None where the corpus has no test rows, or where the set does not say.
    """
    count: int | None = features.recipe["observed"].get("duplicates")
    return count


@contextmanager
def _encoder(
    spec: BackboneSpec, device: str, executor: Executor | None, note: Callable[[str], None], *, offline: bool
) -> Iterator["Backbone | WorkersBackbone"]:
    """The backbone in this process, or in the workers of an executor."""
    if executor is None:
        from fractalctl.backbones.encoder import load_backbone  # PyTorch takes seconds; a hit needs none

        yield load_backbone(spec, device=device, offline=offline)
        return
    from fractalctl.backbones.distributed import Order, WorkersBackbone

    with executor.connect() as workers:
        note(f"{workers.count} worker{'s' * (workers.count > 1)} ({executor.kind})")
        yield WorkersBackbone(Order(spec, device, offline), workers)


def _load_corpus(request: CorpusRequest, spec: BackboneSpec, **options: Any) -> "Corpus":
    """Load the corpus; if it cannot be had, say in the same message whether the backbone can."""
    try:
        return request.load(**options)
    except UnreachableError as error:
        from fractalctl.backbones.locate import locate

        try:
            locate(spec, offline=True)
        except UnreachableError:
            raise UnreachableError(f"{error}\nNor is the backbone {spec} in the local cache.") from error
        raise


def _contents(corpus: "Corpus", splits: Sequence[str]) -> Contents:
    """What the feature set holds beside features."""
    missing = [split for split in splits if split not in corpus.splits]
    if missing:
        raise RequestError(
            f"{corpus.name} has no split {missing[0]!r}; it has {', '.join(corpus.splits)} (--splits chooses)"
        )
    chosen = {split: corpus.splits[split] for split in splits}
    return Contents(chosen, corpus.tree.names, corpus.tree.parents)


def _encode(
    draft: "Draft",
    encoder: "Backbone | WorkersBackbone",
    progress: Progress,
    note: Callable[[str], None],
) -> None:
    """Encode the blocks that are missing and store each as soon as it is finished."""
    blocks = draft.missing_blocks()
    n_blocks, n_rows = len(draft.parts.blocks()), sum(map(len, blocks))
    if len(blocks) < n_blocks:
        note(f"{n_blocks - len(blocks)} of {n_blocks} blocks were encoded before; going on from there")
    started = perf_counter()
    splits = draft.contents.splits
    groups = ((block, list(splits[block.split].texts[block.rows])) for block in blocks)
    with progress(f"encoding with {encoder.spec.name}", n_rows) as advance:
        for block, features in encoder.encode_each(groups, advance):
            draft.write_block(block, features)
    seconds = perf_counter() - started
    if blocks:
        rate = f"{seconds:.1f} s ({n_rows / seconds:.0f} a second)"
        note(f"encoded {n_rows} rows on {encoder.observed['device']} in {rate}")
