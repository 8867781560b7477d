"""Evaluate heads on a feature set: the document of an evaluation file."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from fractalctl.corpora.tree import LabelTree
from fractalctl.heads.head import Head
from fractalctl.heads.prefixes import Prefixes
from fractalctl.measures.hits import pack_hits
from fractalctl.measures.neighbours import predictions
from fractalctl.measures.prefixes import nearest_at_prefixes
from fractalctl.measures.protocols import Protocol, Rows, select_rows
from fractalctl.measures.steerability import accuracies, estimate
from store import FeatureSet
from store.recipe import identity_of

ENCODING_TYPE = "fractalctl-evaluation"
ENCODING_VERSION = "1.0"

Embed = Callable[[np.ndarray], Prefixes]
"""Maps features (n, h) float32 to embeddings at every prefix length."""


def hits_of(
    embed: Embed, rows: Rows, dims: Sequence[int], k: int, device: torch.device | None = None
) -> np.ndarray:
    """Whether k-NN answers each query rightly: (q, J, D) bool."""
    reference = embed(rows.reference)
    queries = None if rows.queries is None else embed(rows.queries)
    neighbours = nearest_at_prefixes(queries, reference, dims, k, device)
    return predictions(neighbours, rows.reference_labels) == rows.query_labels[:, None, :]


@dataclass(frozen=True)
class Profile:
    """What a corpus is like under a backbone, before any training.

    Attributes:
        classes: number of classes per level.
        entropies: bits, H(L0), H(L1|L0), ... on the training split.
        baseline: accuracy per level of k-NN on the whole features, under the same protocol.
    """

    classes: tuple[int, ...]
    entropies: tuple[float, ...]
    baseline: tuple[float, ...]

    def document(self) -> dict[str, Any]:
        """As it stands in an evaluation file."""
        return {
            "classes": list(self.classes),
            "entropies": list(self.entropies),
            "h_l0": self.entropies[0],
            "h_l1_given_l0": sum(self.entropies[1:]),
            "baseline": {f"L{level}": share for level, share in enumerate(self.baseline)},
        }


class Evaluator:
    """Evaluates any number of heads on one feature set under one protocol, sharing what they share.

    Args:
        features: the set; its test split asks.
        protocol: which rows ask and answer.
        device: where to compute; None is the CPU.

    Raises:
        RequestError: the set does not fit the protocol.
    """

    def __init__(self, features: FeatureSet, protocol: Protocol, device: torch.device | None = None) -> None:
        self.features, self.protocol, self._device = features, protocol, device
        self.rows = select_rows(features, protocol)
        self._profile: Profile | None = None

    @property
    def profile(self) -> Profile:
        """The feature set's profile; its baseline is computed on first use."""
        if self._profile is None:
            baseline = hits_of(
                Prefixes.nested,
                self.rows,
                [self.features.dimension],
                self.protocol.k,
                self._device,
            )
            tree = LabelTree(self.features.class_names, self.features.parents)
            self._profile = Profile(
                tree.class_counts,
                tree.entropies(self.features.labels("train")),
                tuple(float(share) for share in accuracies(baseline)[0]),
            )
        return self._profile

    def identity(self, head_identity: str) -> str:
        """Hexadecimal SHA-256 of all that determines an evaluation; look-up and write both use it."""
        fixed = {
            "version": ENCODING_VERSION,
            "head": head_identity,
            "features": self.features.identity,
            "protocol": asdict(self.protocol),
        }
        return identity_of(fixed)

    def measure(self, embed: Embed, dims: Sequence[int]) -> dict[str, Any]:
        """Accuracies, steerability and hits of one embedding function, in the words of an evaluation file."""
        hits = hits_of(embed, self.rows, dims, self.protocol.k, self._device)
        table = accuracies(hits)
        estimates = estimate(hits)
        return {
            "accuracy": {
                str(dimension): {f"L{level}": float(share) for level, share in enumerate(row)}
                for dimension, row in zip(dims, table, strict=True)
            },
            "steerability": {name: found.value for name, found in estimates.items()}
            | {"intervals": {name: [found.low, found.high] for name, found in estimates.items()}},
            "hits": pack_hits(hits),
        }

    def evaluate(self, head: Head) -> dict[str, Any]:
        """The document of one head's evaluation file, but for versions and argv.

        Raises:
            RequestError: the head does not fit the features.
        """
        measured = self.measure(lambda rows: head.prefixes(rows, self._device), head.dims)
        return {
            "encoding-type": ENCODING_TYPE,
            "encoding-version": ENCODING_VERSION,
            "corpus": head.corpus,
            "backbone": head.backbone,
            "strategy": head.strategy,
            "seed": head.seed,
            "head": head.kind,
            **self.conditions(),
            "dims": list(head.dims),
            **measured,
            "identity": self.identity(head.identity),
            "head_identity": head.identity,
            "features_identity": self.features.identity,
        }

    def conditions(self) -> dict[str, Any]:
        """What holds for every head evaluated here: the protocol, its row counts, and the profile."""
        return {
            "protocol": self.protocol.name,
            "k": self.protocol.k,
            "metric": "cosine",
            "renormalised": True,
            "n_queries": len(self.rows.query_labels),
            "n_reference": len(self.rows.reference),
            "profile": self.profile.document(),
        }
