"""Names that become files: what a corpus, a backbone or a split may be called."""

import re
from unicodedata import category, is_normalized

from store.errors import StoreRequestError

LONGEST = 100
_MARKS = "._+=@-"
_LONGEST_BYTES = 200
"""What file systems take in UTF-8, with room for what is put behind a name."""


def check_name(kind: str, name: str) -> str:
    """Return a name that is safe as a file name on every system.

    Args:
        kind: what is named, for the message ("corpus", "backbone", "split").
        name: 1 to 100 letters or digits of any alphabet (composed, NFC) and ``. _ + = @ -``, the first a
            letter or digit, the last no dot.

    Raises:
        StoreRequestError: the name holds anything else, so that no name can lead out of the store.
    """
    allowed = 0 < len(name) <= LONGEST and all(_is_word(letter) or letter in _MARKS for letter in name)
    ends = allowed and name[0].isalnum() and not name.endswith(".")
    if not ends or not is_normalized("NFC", name) or len(name.encode()) > _LONGEST_BYTES:
        raise StoreRequestError(
            f"{kind} name {name!r} cannot be a file name: use up to 100 letters, digits and . _ + = @ -, "
            "beginning with a letter or digit"
        )
    return name


def _is_word(letter: str) -> bool:
    """Whether it is a letter, one of its marks, or a digit."""
    return category(letter)[0] in "LMN"


def safe_name(text: str) -> str:
    """Turn any name into one that `check_name` accepts; different texts may meet in one name.

    >>> safe_name("hub:BAAI/bge-small-en-v1.5")
    'hub-BAAI-bge-small-en-v1.5'
    """
    return re.sub(r"[^A-Za-z0-9._+=@-]+", "-", text).strip("._+=@-")[:100].rstrip(".") or "unnamed"
