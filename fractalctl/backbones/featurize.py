"""From a corpus and a backbone to a feature set in the store."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fractalctl.backbones.distributed import Order, WorkersBackbone
from fractalctl.backbones.resolve import resolve_backbone
from fractalctl.backbones.services.backbone import Agree, ServiceBackbone, announce, unasked
from fractalctl.backbones.services.spec import ServiceSpec, dollars
from fractalctl.backbones.spec import Spec
from fractalctl.corpora.request import CorpusRequest
from fractalctl.errors import RequestError, UnreachableError
from fractalctl.executors import Executor
from fractalctl.progress import Advance, Progress, silent
from store import Block, Contents, FeatureSet, FeatureStore, Recipe, Seen, find_seen

if TYPE_CHECKING:
    from fractalctl.backbones.encoder import Backbone
    from fractalctl.corpora.corpus import Corpus
    from store import Draft

    AnyEncoder = Backbone | WorkersBackbone | ServiceBackbone

DEFAULT_SPLITS = ("train", "test")


def recipe_for(request: CorpusRequest, spec: Spec, splits: Sequence[str] = DEFAULT_SPLITS) -> Recipe:
    """The recipe of a feature set, made without loading its corpus or its backbone."""
    return Recipe(request.name, request.identity(), spec.name, spec.identity(), tuple(splits))


def featurize(
    request: CorpusRequest,
    backbone: str | Spec,
    store: FeatureStore,
    *,
    splits: Sequence[str] = DEFAULT_SPLITS,
    reuse: bool = True,
    agree: Agree = unasked,
    device: str = "auto",
    offline: bool = False,
    executor: Executor | None = None,
    progress: Progress = silent,
    note: Callable[[str], None] = lambda _: None,
) -> FeatureSet:
    """The features of a corpus: from the store if they are there, else encoded and stored.

    A hit loads neither corpus nor backbone. A miss encodes block by block, and of each block only the texts
    that no other set in the store has from the same encoder; killed at any moment, the same call goes on at
    the first missing block and ends with the same bytes.

    Args:
        request: the corpus.
        backbone: what `resolve_backbone` takes or gives.
        store: where the feature set is or will be.
        splits: which splits to encode.
        reuse: take the features of texts that other sets hold from there; they differ from those of a text
            encoded in other company by rounding.
        agree: is told what a service will be asked for before it is; raises whatever shall stop it.
        executor: encodes blocks side by side; None is this process. The bytes are the same.

    Raises:
        RequestError: the corpus, the backbone or a split is not what was expected.
        UnreachableError: corpus or backbone is neither here nor to be had; says which, and the ways on.
        StoreError: the store cannot be written.
        FractalError: a worker was lost, or holds another backbone than the others.
    """
    spec = resolve_backbone(backbone, offline=offline) if isinstance(backbone, str) else backbone
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
    encoding = _encoder(spec, store, device, executor, note, offline=offline)
    with encoding as encoder, store.writer(recipe, note) as writer:
        if writer.finished is not None:
            return writer.finished
        seen = _seen(store, spec, encoder, contents, note) if reuse else Seen()
        announce(encoder, _new_texts(contents, seen), agree, note)
        observed = {**encoder.observed, "corpus": contents.fingerprint(), "duplicates": corpus.duplicates}
        remarks = {"source": request.origin, **_reused(seen, contents)}
        draft = writer.draft(contents, encoder.dimension, observed, remarks=remarks)
        _encode(draft, encoder, seen, progress, note)
        seen.check()
        return draft.publish()


@contextmanager
def _encoder(
    spec: Spec,
    store: FeatureStore,
    device: str,
    executor: Executor | None,
    note: Callable[[str], None],
    *,
    offline: bool,
) -> Iterator["AnyEncoder"]:
    """The backbone in this process, in the workers of an executor, or at a service."""
    if isinstance(spec, ServiceSpec):
        if executor is not None:
            raise RequestError(f"--executor does not go with {spec}: the service does the work; leave it out")
        yield ServiceBackbone(spec, store.answers_of(spec.name, spec.identity()), offline=offline)
        return
    if executor is None:
        from fractalctl.backbones.encoder import load_backbone  # PyTorch takes seconds; a hit needs none

        yield load_backbone(spec, device=device, offline=offline)
        return
    with executor.connect() as workers:
        note(f"{workers.count} worker{'s' * (workers.count > 1)} ({executor.kind})")
        yield WorkersBackbone(Order(spec, device, offline), workers)


def _seen(
    store: FeatureStore, spec: Spec, encoder: "AnyEncoder", contents: Contents, note: Callable[[str], None]
) -> Seen:
    """What other sets hold of the same encoder, in the same versions and on the same device."""
    texts = {text for rows in contents.splits.values() for text in rows.texts}
    return find_seen(
        store, spec.identity(), encoder.observed, texts, lambda error: note(f"left out: {error}")
    )


def _reused(seen: Seen, contents: Contents) -> dict[str, Any]:
    """What a set records of others whose features it takes over."""
    rows = sum(text in seen for split in contents.splits.values() for text in split.texts)
    return {"reused": {"rows": rows, "sets": [one.identity for one in seen.sets]}} if rows else {}


def _new_texts(contents: Contents, seen: Seen) -> Iterator[str]:
    """Texts that no other set holds."""
    return (text for rows in contents.splits.values() for text in seen.unseen(rows.texts))


def _load_corpus(request: CorpusRequest, spec: Spec, **options: Any) -> "Corpus":
    """Load the corpus; if it cannot be had, say in the same message whether the backbone can."""
    try:
        return request.load(**options)
    except UnreachableError as error:
        from fractalctl.backbones.locate import locate

        if isinstance(spec, ServiceSpec):
            raise
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


def _encoded(
    encoder: "AnyEncoder", groups: Iterable[tuple[Block, list[str]]], advance: Advance
) -> Iterator[tuple[Block, NDArray[np.float32]]]:
    """Features of the texts of blocks, each block by itself, in the order in which they are ready."""
    if isinstance(encoder, WorkersBackbone):
        return encoder.encode_each(groups, advance)
    return ((block, encoder.encode(texts, advance)) for block, texts in groups)


def _encode(
    draft: "Draft", encoder: "AnyEncoder", seen: Seen, progress: Progress, note: Callable[[str], None]
) -> None:
    """Encode what is new in the blocks that are missing, and store each block as soon as it is finished.

    New texts of different blocks are never encoded together: which of them were would depend on where a
    killed process stopped, and with it the last bits of their features.
    """
    blocks = draft.missing_blocks()
    n_blocks, n_rows = len(draft.parts.blocks()), sum(map(len, blocks))
    if len(blocks) < n_blocks:
        note(f"{n_blocks - len(blocks)} of {n_blocks} blocks were encoded before; going on from there")
    splits = draft.contents.splits
    texts = {block: list(splits[block.split].texts[block.rows]) for block in blocks}
    fresh = {block: seen.unseen(rows) for block, rows in texts.items()}
    n_fresh = sum(map(len, fresh.values()))
    if n_fresh < n_rows:
        sets = ", ".join(f"{one.corpus}/{one.name}" for one in seen.sets)
        note(f"the texts of {n_rows - n_fresh} of {n_rows} rows were encoded before, in {sets}")
    started = perf_counter()
    with progress(f"encoding with {encoder.spec.name}", n_fresh) as advance:
        for block in (block for block in blocks if not fresh[block]):
            draft.write_block(
                block, seen.complete(texts[block], np.empty((0, encoder.dimension), np.float32))
            )
        groups = ((block, rows) for block, rows in fresh.items() if rows)
        for block, features in _encoded(encoder, groups, advance):
            draft.write_block(block, seen.complete(texts[block], features))
    seconds = perf_counter() - started
    if n_fresh:
        rate = f"{seconds:.1f} s ({n_fresh / seconds:.0f} a second)"
        note(f"encoded {n_fresh} rows on {encoder.observed['device']} in {rate}")
    if isinstance(encoder.spec, ServiceSpec) and (tokens := getattr(encoder, "tokens", None)):
        price = encoder.spec.known.price
        note(f"{encoder.spec} counted {tokens} tokens{f', {dollars(price * tokens)}' if price else ''}")
