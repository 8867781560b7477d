"""New texts through a trained head, in memory, and what is known of the head beside its weights."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fractalctl.backbones.resolve import described_backbone
from fractalctl.backbones.spec import Encoder, Spec
from fractalctl.device import choose_device
from fractalctl.documents import read_document
from fractalctl.documents.evaluation import Evaluation
from fractalctl.errors import FractalError, RequestError
from fractalctl.experiments.addresses import features_of
from fractalctl.export.vectors import Vectors, unit
from fractalctl.heads.head import Head, load_head
from fractalctl.heads.prefixes import Prefixes
from fractalctl.progress import Advance
from store import FeatureStore

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Embedder:
    """Texts to vectors: a backbone, and a head on its features.

    Attributes:
        head: maps features to embeddings of every length.
        backbone: encodes texts as it encoded the corpus that the head was trained on.
        device: where the head computes.
    """

    head: Head
    backbone: Encoder
    device: "torch.device"

    @classmethod
    def load(
        cls,
        path: Path | str,
        *,
        encoder: Path | None = None,
        store: Path | None = None,
        device: str = "auto",
        offline: bool = False,
    ) -> "Embedder":
        """Load a head with the backbone whose features it takes.

        Args:
            path: folder of a head, or one of its files.
            encoder: where the backbone is, if it was a model folder.
            store: where the head's feature set is looked for, if ``head.json`` does not say which backbone,
                and where answers of a service are kept; None is the default one.

        Raises RequestError: there is no head, or its backbone is not known or not the one that is named;
        UnreachableError: the backbone is neither here nor to be had.
        """
        return cls.of(load_head(Path(path)), encoder, store, device, offline=offline)

    @classmethod
    def of(
        cls,
        head: Head,
        encoder: Path | None = None,
        store: Path | None = None,
        device: str = "auto",
        *,
        offline: bool = False,
    ) -> "Embedder":
        """The same of a head that was opened; see `load`."""
        from fractalctl.backbones.encoder import load_backbone

        place = choose_device(device)
        spec = backbone_of(head, encoder, store, offline=offline)
        backbone = load_backbone(spec, device=device, offline=offline, store=FeatureStore(store))
        return cls(head, backbone, place)

    def encode(
        self, texts: str | Sequence[str], dims: int | None = None, *, normalise: bool = True
    ) -> Vectors:
        """Embed texts.

        Args:
            texts: n texts, or a single one.
            dims: length of the vectors; None is the full length.
            normalise: bring every vector to length 1 once it is cut, so that dot products are cosines.

        Returns (n, dims) float32; (dims,) of a single text. Raises RequestError: a text has no tokens, or the
        head is not of that length.
        """
        many = [texts] if isinstance(texts, str) else list(texts)
        (length,) = checked_lengths(self.head, [self.head.dims[-1] if dims is None else dims])
        found = self.prefixes(many).at(length)
        vectors = unit(found) if normalise else np.ascontiguousarray(found)
        return vectors[0] if isinstance(texts, str) else vectors

    def prefixes(self, texts: Sequence[str], advance: Advance = lambda _: None) -> Prefixes:
        """Embeddings of texts at every length, not normalised."""
        return self.head.prefixes(self.backbone.encode(texts, advance), self.device)


def checked_lengths(head: Head, lengths: Sequence[int]) -> tuple[int, ...]:
    """Lengths; RequestError if a head does not have them, or its vectors are sparse codes."""
    head.needs_columns("a file or an index of vectors")
    return ascending_lengths(lengths, head.dims[-1])


def ascending_lengths(lengths: Sequence[int], full: int) -> tuple[int, ...]:
    """Lengths; RequestError if they do not ascend, from 1 to the full one at most."""
    if not lengths or list(lengths) != sorted(set(lengths)) or not 1 <= lengths[0] <= lengths[-1] <= full:
        asked = ",".join(map(str, lengths))
        raise RequestError(f"--dims {asked}: expected ascending lengths from 1 to {full}")
    return tuple(lengths)


def backbone_of(
    head: Head, folder: Path | None = None, store: Path | None = None, *, offline: bool = False
) -> Spec:
    """The backbone whose features a head takes: what ``head.json`` says, else its feature set.

    Args:
        head: knows the name.
        store: of feature sets; None is the default one.

    Raises RequestError: nobody says which it was, or the folder holds another; UnreachableError: a repository
    whose files are neither cached nor to be had.
    """
    recorded: dict[str, Any] | None = head.document.encoder
    source = str(head.folder)
    if recorded is None:
        features = features_of(head, FeatureStore(store))
        recorded, source = features.recipe["backbone"]["identity"], str(features.path)
    return described_backbone(head.backbone, recorded, source, folder, offline=offline)


def evaluation_of(head: Head) -> Evaluation | None:
    """The evaluation that says most of what a user meets, on the head's own corpus.

    Queries that ask the training rows (``index``) come before test rows that ask each other, and the plain
    request of a protocol before others. None where there is none that can be read.
    """
    paths = head.folder.glob("evaluation-*.json")
    for path in sorted(paths, key=lambda path: (not path.stem.startswith("evaluation-index"), path.stem)):
        with suppress(FractalError):
            found = read_document(path, Evaluation)
            own = found.features.identity == head.document.features.identity
            if own and found.head_identity == head.identity:
                return found
    return None
