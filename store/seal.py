"""The seal: the first block of a feature set tells the SHA-256 of all the rest, so no byte changes unseen."""

from pathlib import Path

from store.errors import ChangedError, StoreRequestError
from store.files import sha256_of
from store.layout import ENCODING_VERSION, SEAL_BYTES, changed_datasets, check_encoding, opened


def seal(path: Path) -> None:
    """Fill the user block of a finished file with its seal."""
    block = _seal_for(sha256_of(path, start=SEAL_BYTES))
    with path.open("r+b") as stream:
        stream.write(block)


def _seal_for(digest: str) -> bytes:
    text = (
        f"fractalctl feature set, encoding-version {ENCODING_VERSION}\n"
        f"HDF5 from byte {SEAL_BYTES} on; SHA-256 of these bytes:\n{digest}\n"
    )
    return text.encode().ljust(SEAL_BYTES, b"\0")


def verify(path: Path) -> None:
    """Check every byte of a feature set against its seal, as a stream.

    A file whose seal holds is byte for byte the one whose datasets were read back and compared when it was
    published. Where the seal is broken, the checksum of each dataset tells what has changed.

    Raises:
        StoreRequestError: there is no such file.
        ChangedError: a byte has changed; names the datasets, or says that it lies outside of them.
        StoreError: so much has changed that it is no readable feature set any more.
    """
    if not path.is_file():
        raise StoreRequestError(f"{path}: no such feature set (fractalctl store ls shows what there is)")
    digest = sha256_of(path, start=SEAL_BYTES)
    with path.open("rb") as stream:
        if stream.read(SEAL_BYTES) == _seal_for(digest):
            return
    with opened(path) as file:
        check_encoding(file, path)
        changed = changed_datasets(file)
    raise ChangedError(path, changed or ["its attributes or structure (all datasets are as they were)"])
