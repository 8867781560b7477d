"""Names that become files: what a corpus, a backbone or a split may be called."""

import re

from store.errors import StoreRequestError

_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+=@-]{0,99}")


def check_name(kind: str, name: str) -> str:
    """Return a name that is safe as a file name on every system.

    Args:
        kind: what is named, for the message ("corpus", "backbone", "split").
        name: 1 to 100 of the characters ``A-Z a-z 0-9 . _ + = @ -``, the first a letter or digit.

    Raises:
        StoreRequestError: the name holds anything else, so that no name can lead out of the store.
    """
    if not _SAFE.fullmatch(name) or name.endswith("."):
        raise StoreRequestError(
            f"{kind} name {name!r} cannot be a file name: use up to 100 letters, digits and . _ + = @ -, "
            "beginning with a letter or digit"
        )
    return name


def safe_name(text: str) -> str:
    """Turn any name into one that `check_name` accepts; different texts may meet in one name.

    >>> safe_name("hub:BAAI/bge-small-en-v1.5")
    'hub-BAAI-bge-small-en-v1.5'
    """
    return re.sub(r"[^A-Za-z0-9._+=@-]+", "-", text).strip("._+=@-")[:100].rstrip(".") or "unnamed"
