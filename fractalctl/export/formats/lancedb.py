"""LanceDB, in a folder: one table with a column of vectors for each length."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fractalctl.export.exporter import Batch, Exporter, Subject, batches, collection_name, require

if TYPE_CHECKING:
    import pyarrow

KEY = "number"


def write(subject: Subject, folder: Path) -> list[Path]:
    """Put every row that is not there yet into the table."""
    require("lancedb", "lancedb")
    import lancedb

    database = lancedb.connect(folder / "lancedb")
    name = collection_name(subject)
    table: Any = database.open_table(name) if name in database.list_tables().tables else None

    def there(numbers: Sequence[int]) -> int:
        if table is None:
            return 0
        return int(table.count_rows(f"{KEY} >= {numbers[0]} AND {KEY} <= {numbers[-1]}"))

    for batch in batches(subject, there):
        rows = _rows(subject, batch)
        if table is None:
            table = database.create_table(name, rows)
        else:
            table.merge_insert(KEY).when_matched_update_all().when_not_matched_insert_all().execute(rows)
    return [folder / "lancedb"]


def _rows(subject: Subject, batch: Batch) -> "pyarrow.Table":
    import pyarrow

    columns: dict[str, Any] = {KEY: pyarrow.array(batch.numbers, pyarrow.int64()), "text": batch.texts}
    for name in batch.payloads[0]:
        columns[name] = [payload[name] for payload in batch.payloads]
    for length in subject.lengths:
        flat = pyarrow.array(batch.vectors[length].reshape(-1), pyarrow.float32())
        columns[f"vector_{length}"] = pyarrow.FixedSizeListArray.from_arrays(flat, length)
    return pyarrow.table(columns)


EXPORTER = Exporter(
    "lancedb", "a LanceDB table in a folder, with a column of vectors for each length", write, extends=True
)
