"""Measure heads on a feature set: accuracy at every length and level, and the corpus before any training."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import torch

from fractalctl.corpora.recorded import level_names
from fractalctl.corpora.tree import LabelTree
from fractalctl.documents.evaluation import Evaluation
from fractalctl.documents.measured import Accuracy, Features, PackedHits, Profile, Steerability
from fractalctl.heads.prefixes import Prefixes
from fractalctl.measures.neighbours import nearest_at_prefixes, predictions
from fractalctl.measures.protocols import Protocol, repeated_test_rows, select_rows, take
from fractalctl.measures.steerability import accuracies, estimate
from store import FeatureSet
from store.recipe import identity_of

if TYPE_CHECKING:
    from fractalctl.heads.head import Head

Embed = Callable[[np.ndarray], Prefixes]  # maps features (n, h) float32 to embeddings at every prefix length


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """What one embedding function comes to under a protocol, as result files say it."""

    accuracy: Accuracy
    steerability: Steerability
    hits: PackedHits


def accuracy_table(hits: np.ndarray, dims: Sequence[int]) -> Accuracy:
    """Mean over queries of hits, or of shares of right answers, (q, J, D) by length, then by level."""
    return {
        str(dimension): {f"L{level}": share for level, share in enumerate(row)}
        for dimension, row in zip(dims, accuracies(hits).tolist(), strict=True)
    }


class Evaluator:
    """Evaluates any number of heads on one feature set under one protocol, sharing what they share.

    The *test sample* is what metrics look at that are no k-NN under the protocol: its test rows, or the whole
    test split where only ``loo``'s default limits them, since that is for neighbours.

    Args:
        features: the set; its test split asks.
        protocol: which rows ask and answer.
        device: where to compute; None is the CPU.

    Raises:
        RequestError: the set does not fit the protocol.
    """

    def __init__(self, features: FeatureSet, protocol: Protocol, device: torch.device | None = None) -> None:
        self.features, self.protocol, self.device = features, protocol, device
        self.rows = select_rows(features, protocol)
        self._profiles: dict[tuple[int, ...], Profile] = {}

    def profile(self, dims: Sequence[int]) -> Profile:
        """The feature set's profile for heads of some lengths, computed once for each choice of lengths."""
        known = tuple(dims)
        if known not in self._profiles:
            self._profiles[known] = self._measured_profile(known)
        return self._profiles[known]

    def _measured_profile(self, dims: Sequence[int]) -> Profile:
        features, full = self.features, self.features.dimension
        lengths = sorted({full, *(min(dimension, full) for dimension in dims)})
        table = accuracy_table(self.hits(Prefixes.nested, lengths), lengths)
        tree = LabelTree(features.class_names, features.parents)
        entropies = tree.entropies(features.labels("train" if "train" in features.splits else "test"))
        return Profile(
            classes=list(tree.class_counts),
            entropies=list(entropies),
            h_l0=entropies[0],
            h_l1_given_l0=sum(entropies[1:]),
            baseline=table[str(full)],
            truncated={str(dimension): table[str(min(dimension, full))] for dimension in dims},
            levels=list(level_names(features)),
        )

    @property
    def test_features(self) -> np.ndarray:
        """Features (n, h) of the test sample."""
        return take(self.features.features("test"), self.rows.sample)

    @cached_property
    def test_labels(self) -> np.ndarray:
        """Classes (n, D) of the test sample."""
        return self.features.labels("test")[self.rows.sample]

    @cached_property
    def duplicates(self) -> int | None:
        """Test rows that stand in the training split, as `documents.measured.Conditions` counts them."""
        repeated = repeated_test_rows(self.features)
        if repeated is None:
            return None
        return int((repeated if self.protocol.drop_duplicates else repeated[self.rows.test_rows]).sum())

    def identity(self, head_identity: str) -> str:
        """Hexadecimal SHA-256 of all that determines an evaluation; look-up and write both use it."""
        fixed = {
            "version": Evaluation.CURRENT,
            "head": head_identity,
            "features": self.features.identity,
            "protocol": asdict(self.protocol),
        }
        return identity_of(fixed)

    def hits(self, embed: Embed, dims: Sequence[int]) -> np.ndarray:
        """Whether k-NN answers each query rightly at ascending lengths under the protocol: (q, J, D) bool."""
        rows = self.rows
        reference = embed(rows.reference)
        queries = None if rows.queries is None else embed(rows.queries)
        neighbours = nearest_at_prefixes(queries, reference, dims, self.protocol.k, self.device)
        return predictions(neighbours, rows.reference_labels) == rows.query_labels[:, None, :]

    def measure(self, embed: Embed, dims: Sequence[int]) -> Measurement:
        """Measure one embedding function at ascending lengths."""
        hits = self.hits(embed, dims)
        return Measurement(
            accuracy=accuracy_table(hits, dims), steerability=estimate(hits), hits=PackedHits.pack(hits)
        )

    def evaluate(self, head: "Head") -> Evaluation:
        """Evaluate one head that fits the features; versions and argv are for whoever writes the file."""
        document = head.document
        measured = self.measure(lambda rows: head.prefixes(rows, self.device), head.dims)
        same = ("strategy", "arm", "method", "trunk", "settings", "seed", "nested")
        return Evaluation(
            **self.conditions(head.dims),
            **{name: getattr(document, name) for name in same},
            trained_on=document.features,
            tuned=list(document.tuning.chosen) if document.tuning else [],
            head_identity=document.identity,
            identity=self.identity(document.identity),
            **msgspec.structs.asdict(measured),
        )

    def conditions(self, dims: Sequence[int]) -> dict[str, Any]:
        """The fields of `documents.measured.Conditions` but the identity, for heads of some lengths."""
        protocol, rows = self.protocol, self.rows
        return {
            "corpus": self.features.corpus,
            "backbone": self.features.backbone,
            "features": Features.of(self.features),
            "protocol": protocol.name,
            "k": protocol.k,
            "metric": "cosine",
            "renormalised": True,
            "rows_seed": protocol.rows_seed,
            "max_test": protocol.max_test,
            "n_queries": len(rows.query_labels),
            "n_reference": len(rows.reference),
            "duplicates": self.duplicates,
            "dropped_duplicates": protocol.drop_duplicates,
            "profile": self.profile(dims),
            "dims": list(dims),
        }
