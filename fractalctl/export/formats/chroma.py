"""Chroma, in a folder: a collection for each length."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fractalctl.export.exporter import Exporter, Subject, batches, collection_name, require


def write(subject: Subject, folder: Path) -> list[Path]:
    """Put every row that is not there yet into the collections."""
    require("chromadb", "chroma")
    import chromadb
    from chromadb.config import Settings

    settings = Settings(anonymized_telemetry=False)
    client: Any = chromadb.PersistentClient(str(folder / "chroma"), settings=settings)
    try:
        collections: dict[int, Any] = {
            length: client.get_or_create_collection(
                f"{collection_name(subject)}-{length}",
                configuration={"hnsw": {"space": "cosine"}},
                embedding_function=None,
            )
            for length in subject.lengths
        }

        def there(numbers: Sequence[int]) -> int:
            ids = [str(number) for number in numbers]
            return min(len(one.get(ids=ids, include=[])["ids"]) for one in collections.values())

        for batch in batches(subject, there):
            for length, collection in collections.items():
                collection.upsert(
                    ids=[str(number) for number in batch.numbers],
                    embeddings=batch.vectors[length],
                    documents=batch.texts,
                    metadatas=batch.payloads,
                )
    finally:
        client.close()  # else nobody in this process could open it with other settings
    return [folder / "chroma"]


EXPORTER = Exporter("chroma", "Chroma collections in a folder, one for each length", write, extends=True)
