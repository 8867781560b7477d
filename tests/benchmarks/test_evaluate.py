"""k-NN at four prefixes and two levels against one full-length exact search."""

import faiss
import numpy as np

from fractalctl.measures.neighbours import nearest, predictions
from tests.benchmarks.pairs import compare

DIMS = (64, 128, 192, 256)


def test_four_prefixes_against_one_faiss_search(benchmark, clinc) -> None:
    projection = np.random.default_rng(0).normal(size=(clinc.dimension, 256)).astype(np.float32)
    reference = clinc.features("train") @ projection
    queries = clinc.features("test") @ projection
    labels = clinc.labels("train")
    index = faiss.IndexFlatIP(256)
    index.add(reference)

    compare(
        benchmark,
        "k-NN at four prefixes and two levels",
        lambda: predictions(nearest(queries, reference, DIMS, 5), labels),
        lambda: index.search(queries, 5),
        "faiss.IndexFlatIP, 256 dimensions only",
        goal=round(1 / 1.5, 2),
    )
