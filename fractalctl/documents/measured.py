"""What every file of measurements says: of what, how they were taken, and what came out."""

import base64
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import msgspec

from fractalctl.documents import Document
from fractalctl.errors import FractalError, RequestError

if TYPE_CHECKING:
    import numpy as np

    from store import FeatureSet

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Bits = Annotated[float, msgspec.Meta(ge=0)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Difference = Annotated[float, msgspec.Meta(ge=-2, le=2)]  # of two sums of two shares
Accuracy = dict[str, dict[str, Share]]  # fractions by length ("64"), then by level ("L0" is the coarsest)
Settings = dict[str, Any]  # a method's settings as JSON values by name; `fractalctl.heads` knows their types
Interval = tuple[float, float]


class Features(msgspec.Struct, frozen=True, kw_only=True):
    """A feature set.

    Attributes:
        corpus: its corpus.
        name: of the set in its store and in the paths of results, such as ``minilm`` or ``minilm-1a2b3c4d``.
        identity: hexadecimal SHA-256 of its recipe, or of the view of it that was used.
        path: where it lay.
    """

    corpus: str
    name: str
    identity: str
    path: str

    @classmethod
    def of(cls, features: "FeatureSet") -> Self:
        """What a document says of a feature set, or of a view of one.

        RequestError where its path is no UTF-8, which no document can hold.
        """
        path = str(features.path.resolve())
        if not path.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in path):
            raise RequestError(f"{path!a}: this path is no UTF-8, so no result can name it; rename it")
        return cls(corpus=features.corpus, name=features.name, identity=features.identity, path=path)


class ArmName(msgspec.Struct, frozen=True, kw_only=True):
    """What was compared, as every file names it.

    Attributes:
        arm: the one label of strategy, trunk and settings: ``v5``, ``v5-fractal``, ``v5-epochs=10``.
        strategy: a named method with its settings.
        method: how its embedding map is got.
        trunk: what carries a gradient method's losses; None for a closed form.
        settings: every setting of the method, defaults included.
    """

    arm: str
    strategy: str
    method: str
    trunk: str | None
    settings: Settings


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What a corpus is like under a backbone, before any training.

    Attributes:
        classes: number of classes per level.
        entropies: bits, H(L0), H(L1|L0), ... on the training split, or on the test split where there is none.
        h_l0: bits, H(L0).
        h_l1_given_l0: bits, H(finest | L0): what the levels below the coarsest add.
        baseline: accuracy per level of k-NN on the whole features, under the same protocol.
        truncated: the same of the features cut to each length of the heads, or whole where they are shorter.
        levels: what the corpus calls its levels, coarsest first; empty in files of earlier versions.
    """

    classes: list[int]
    entropies: list[Bits]
    h_l0: Bits
    h_l1_given_l0: Bits
    baseline: dict[str, Share]
    truncated: Accuracy
    levels: list[str] = []

    @property
    def titles(self) -> list[str]:
        """What people call the levels, coarsest first: ``area [L0]``, or ``L0`` where nobody named them."""
        codes = [f"L{level}" for level in range(len(self.classes))]
        named = zip(self.levels or codes, codes, strict=True)
        return [code if name == code else f"{name} [{code}]" for name, code in named]


class Steerability(msgspec.Struct, frozen=True, kw_only=True):
    """S and its relatives, each defined in `fractalctl.measures.steerability`.

    Attributes:
        s: (L0@1 - L0@J) + (L1@J - L1@1), L1 the finest level, prefixes 1 (shortest) to J.
        s_auc: mean of the same over the later prefixes, each against the first.
        s_mono: share of adjacent prefixes where L0 does not rise, and where L1 does not fall.
        s_gap: (L0@1 - L1@1) - (L0@J - L1@J), which equals S.
        delta_coarse: L0@1 - L0@J, the first half of S.
        delta_fine: L1@J - L1@1, the second half.
        short_coarse: L0@1.
        full_fine: L1@J.
        specialization_gap: L0@1 - L1@1.
        control_auc: area under (L0@1 - L0@j) + (L1@j - L1@1) over the prefixes, scaled to 0..1.
        intervals: 95 % bootstrap interval over queries of each, by its key in the file.
    """

    s: Difference = msgspec.field(name="S")
    s_auc: Difference = msgspec.field(name="S_auc")
    s_mono: Share = msgspec.field(name="S_mono")
    s_gap: Difference = msgspec.field(name="S_gap")
    delta_coarse: Difference
    delta_fine: Difference
    short_coarse: Share
    full_fine: Share
    specialization_gap: Difference
    control_auc: Difference
    intervals: dict[str, Interval]

    def values(self) -> dict[str, float]:
        """Every measure by its key in the file: ``{"S": ..., "S_auc": ..., ...}``."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return {name: value for name, value in found.items() if name != "intervals"}


class PackedHits(msgspec.Struct, frozen=True, kw_only=True):
    """Whether each query was answered rightly at each length and level, so that tests can pair over queries.

    Attributes:
        shape: (q, J, D): queries, lengths, levels.
        order: ``C``: the last axis varies fastest.
        bits: ``big``: eight to a byte, the first in the highest bit.
        data: the bytes in base64.
    """

    shape: tuple[int, int, int]
    order: str
    bits: str
    data: str

    @classmethod
    def pack(cls, hits: "np.ndarray") -> Self:
        """Pack hits (q, J, D) bool."""
        import numpy as np

        data = base64.b64encode(np.packbits(hits.reshape(-1)).tobytes()).decode("ascii")
        queries, lengths, levels = hits.shape
        return cls(shape=(queries, lengths, levels), order="C", bits="big", data=data)

    def unpack(self) -> "np.ndarray":
        """The hits, (q, J, D) bool; FractalError where the data is damaged or does not fill the shape."""
        import numpy as np

        wanted = int(np.prod(self.shape))
        try:
            bits = np.frombuffer(base64.b64decode(self.data, validate=True), dtype=np.uint8)
        except ValueError as error:
            raise FractalError(f"packed hits are damaged: {error}") from error
        if len(bits) != -(-wanted // 8):
            raise FractalError(
                f"packed hits hold {len(bits)} bytes, but shape {list(self.shape)} needs {-(-wanted // 8)}"
            )
        return np.unpackbits(bits, count=wanted).astype(bool).reshape(self.shape)


class Conditions(Document, frozen=True, kw_only=True):
    """How numbers were taken: what must be equal before two of them are compared.

    Attributes:
        corpus: that was measured on.
        backbone: the encoder, and nothing else.
        features: the feature set that was measured on.
        protocol: ``loo`` or ``index``.
        k: neighbours that vote.
        metric: of the neighbours.
        renormalised: whether every prefix was normalised anew.
        rows_seed: draws the test rows that ask, where they are fewer than there are.
        max_test: how many test rows were asked for at most; None for the protocol's own number (500 for
            ``loo``, all for ``index``).
        n_queries: rows that asked.
        n_reference: rows that could answer.
        duplicates: test rows whose text stands in the training split as well: those among the rows that asked
            or, where such rows were dropped, those dropped of the whole test split; None where texts or a
            training split are missing.
        dropped_duplicates: whether such rows were left out.
        profile: of the corpus under the backbone.
        dims: ascending prefix lengths.
        identity: hexadecimal SHA-256 of all that determines the file.
    """

    corpus: str
    backbone: str
    features: Features
    protocol: Literal["loo", "index"]
    k: Count
    metric: str
    renormalised: bool
    rows_seed: Annotated[int, msgspec.Meta(ge=0)]
    max_test: Count | None
    n_queries: int
    n_reference: int
    duplicates: int | None
    dropped_duplicates: bool
    profile: Profile
    dims: list[int]
    identity: str

    def check(self) -> None:
        """Refuse names of another number of levels than the profile has."""
        names, classes = self.profile.levels, self.profile.classes
        if names and len(names) != len(classes):
            raise ValueError(f"field profile.levels names {len(names)} of {len(classes)} levels")


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One head of an experiment, trained and measured.

    Attributes:
        arm: label, see `ArmName`.
        strategy: its strategy.
        seed: that it was trained with.
        point: where on the experiment's axis, such as ``{"block": 16}``; empty where only the arm varies.
        best_epoch: the epoch that was kept, from 1; None for a closed form.
        accuracy: k-NN accuracy at every length and level.
        steerability: S and its relatives.
        hits: of every query.
        more: further numbers that an axis adds by name, such as ``moved`` or ``monotone_zoom``.
        baseline: accuracy per level of the run's own features, where they are not the set's.
    """

    arm: str
    strategy: str
    seed: int
    point: dict[str, int | float | str] = {}
    best_epoch: int | None = None
    accuracy: Accuracy
    steerability: Steerability
    hits: PackedHits
    more: dict[str, float] = {}
    baseline: dict[str, Share] | None = None
