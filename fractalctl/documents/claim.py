"""``features.json``: the feature set whose results a folder of runs holds."""

from typing import ClassVar

from fractalctl.documents.base import Document
from fractalctl.documents.measured import Features


class Claim(Document, frozen=True, kw_only=True, tag="fractalctl-features"):
    """What keeps the results of two feature sets of one name apart.

    Attributes:
        features: the set.
    """

    MADE_BY: ClassVar[str] = "fractalctl train, once it was removed"

    features: Features
