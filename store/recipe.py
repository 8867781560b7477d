"""The recipe of a feature set, the one function that makes its identity, and names that become files."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from unicodedata import category, is_normalized

from store.errors import StoreRequestError

LONGEST = 100
_MARKS = "._+=@-"
_LONGEST_BYTES = 200  # what file systems take in UTF-8, with room for what is put behind a name
_LONGEST_RECIPE = 60_000  # an HDF5 attribute holds 64 KiB


def check_name(kind: str, name: str) -> str:
    """Return a name, of a kind such as "corpus", that is safe as a file name on every system.

    That is 1 to 100 letters or digits of any alphabet (composed, NFC) and ``. _ + = @ -``, the first a letter
    or digit, the last no dot; StoreRequestError at anything else, so that no name can lead out of the store.
    """
    letters = all(category(letter)[0] in "LMN" or letter in _MARKS for letter in name)
    allowed = 0 < len(name) <= LONGEST and letters
    ends = allowed and name[0].isalnum() and not name.endswith(".")
    if not ends or not is_normalized("NFC", name) or len(name.encode()) > _LONGEST_BYTES:
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


def canonical_json(document: Any) -> str:
    """Write a JSON value in the one form that equal values share: sorted keys, no spaces, ASCII.

    StoreRequestError where the value is not JSON (a NaN, a path, a set).
    """
    try:
        return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise StoreRequestError(f"a recipe holds JSON values only: {error}") from error


def identity_of(document: Any) -> str:
    """SHA-256 (hex) of a JSON value in canonical form: equal for equal values, whatever the order of keys."""
    return hashlib.sha256(canonical_json(document).encode()).hexdigest()


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a feature set contains.

    The identifying part is known before a corpus or a backbone is loaded; look-up, filter and write all
    compare its `identity`. What was observed while making the set is recorded beside it, identifying nothing.

    Args:
        corpus: name of the corpus, its folder in the store.
        corpus_identity: JSON values that fix the corpus's content (source, revision or file hash, options).
        backbone: name of the backbone, its file in the store.
        backbone_identity: JSON values that fix the features (hub id and revision or weight hash, pooling,
            prompt, maximum length, dtype).
        splits: the splits to hold, as far as the corpus has them, in this order.
        observed: JSON values seen while encoding (weight hash, corpus fingerprint, library versions).

    Raises:
        StoreRequestError: a name cannot be a file name, a value is not JSON, or all is too long.
    """

    corpus: str
    corpus_identity: Mapping[str, Any]
    backbone: str
    backbone_identity: Mapping[str, Any]
    splits: tuple[str, ...] = ("train", "validation", "test")
    observed: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_name("corpus", self.corpus)
        check_name("backbone", self.backbone)
        for split in self.splits:
            check_name("split", split)
        if "levels" in self.splits:
            raise StoreRequestError(
                "a split cannot be called 'levels': feature sets keep their classes there"
            )
        if len(canonical_json(self.document())) > _LONGEST_RECIPE:
            raise StoreRequestError(
                f"the recipe of {self.corpus}/{self.backbone} is longer than {_LONGEST_RECIPE} characters; "
                "put the SHA-256 of long lists in their place"
            )

    def identity(self) -> str:
        """SHA-256 (hex) of the identifying part as canonical JSON; the order of keys does not matter."""
        return identity_of({key: value for key, value in self.document().items() if key != "observed"})

    def document(self) -> dict[str, Any]:
        """The recipe as the JSON object that feature sets carry."""
        return {
            "corpus": {"name": self.corpus, "identity": self.corpus_identity},
            "backbone": {"name": self.backbone, "identity": self.backbone_identity},
            "splits": list(self.splits),
            "observed": self.observed,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Recipe":
        """Read back what `document` wrote; KeyError where a field is missing."""
        corpus, backbone = document["corpus"], document["backbone"]
        return cls(corpus["name"], corpus["identity"], backbone["name"], backbone["identity"],
                   tuple(document["splits"]), document["observed"])  # fmt: skip
