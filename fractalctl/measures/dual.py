"""Dual: one head cut in two ways against two heads, one for each level."""

from typing import Any

from fractalctl.heads.head import Head
from fractalctl.measures.subject import Subject, coarse_and_fine

BYTES_PER_NUMBER = 4
"""Embeddings are stored as float32."""


def dual(subject: Subject) -> dict[str, Any]:
    """Dedicated coarse and fine encoders, the siblings of those names, against this head (paper, Section 7).

    Two encoders need two indexes: a document is stored once for each. ``coarse_query_bytes`` are what an
    exact search reads per document to answer a coarse query.
    """
    short, full = subject.dims[0], subject.dims[-1]
    level, finest = coarse_and_fine(subject.accuracy)
    coarse, fine = subject.siblings["coarse"], subject.siblings["fine"]
    return {
        "short": short,
        "full": full,
        "single": {
            "coarse_short": subject.accuracy[str(short)][level],
            "coarse_full": subject.accuracy[str(full)][level],
            "fine_full": subject.accuracy[str(full)][finest],
            **_storage([subject.head], coarse_query=short),
        },
        "dedicated": {
            "coarse_short": coarse.document["accuracy"][str(short)][level],
            "coarse_full": coarse.document["accuracy"][str(full)][level],
            "fine_full": fine.document["accuracy"][str(full)][finest],
            **_storage([coarse.head, fine.head], coarse_query=full),
        },
        "head_identities": {name: sibling.head.identity for name, sibling in subject.siblings.items()},
    }


def _storage(heads: list[Head], coarse_query: int) -> dict[str, int]:
    """Bytes of the weights, of one stored document, and of what one coarse comparison reads."""
    return {
        "heads": len(heads),
        "head_bytes": sum(head.weights_path.stat().st_size for head in heads),
        "bytes_per_document": sum(BYTES_PER_NUMBER * head.dims[-1] for head in heads),
        "coarse_query_bytes": BYTES_PER_NUMBER * coarse_query,
    }
