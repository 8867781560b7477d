"""Qdrant, in a folder: one collection whose points have a vector for each length."""

from collections.abc import Sequence
from pathlib import Path

from fractalctl.export.exporter import Exporter, Subject, batches, collection_name, require

SHORT, FULL = "coarse", "full"


def vector_names(lengths: Sequence[int]) -> dict[int, str]:
    """What vectors are called: ``coarse`` the shortest, ``full`` the longest, others after their length.

    >>> vector_names([64, 128, 256])
    {64: 'coarse', 128: 'd128', 256: 'full'}
    """
    names = {length: f"d{length}" for length in lengths}
    return {**names, lengths[0]: SHORT, lengths[-1]: FULL}


def write(subject: Subject, folder: Path) -> list[Path]:
    """Put every row that is not there yet into the collection."""
    require("qdrant_client", "qdrant")
    from qdrant_client import QdrantClient
    from qdrant_client.models import Distance, PointStruct, VectorParams

    name, names = collection_name(subject), vector_names(subject.lengths)
    client = QdrantClient(path=str(folder / "qdrant"))
    try:
        if not client.collection_exists(name):
            sizes = {
                called: VectorParams(size=length, distance=Distance.COSINE)
                for length, called in names.items()
            }
            client.create_collection(name, vectors_config=sizes)

        def there(numbers: Sequence[int]) -> int:
            return len(client.retrieve(name, ids=list(numbers), with_payload=False, with_vectors=False))

        for batch in batches(subject, there):
            points = [
                PointStruct(
                    id=number,
                    vector={
                        called: batch.vectors[length][place].tolist() for length, called in names.items()
                    },
                    payload={**payload, "text": text},
                )
                for place, (number, payload, text) in enumerate(
                    zip(batch.numbers, batch.payloads, batch.texts, strict=True)
                )
            ]
            client.upsert(name, points=points)
    finally:
        client.close()
    return [folder / "qdrant"]


EXPORTER = Exporter(
    "qdrant", "a Qdrant collection in a folder, with a named vector for each length", write, extends=True
)
