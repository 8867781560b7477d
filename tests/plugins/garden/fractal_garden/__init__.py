"""A corpus, a backbone, a closed form, a gradient method and a metric with its section of the report."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from fractalctl.backbones.spec import BackboneSpec
from fractalctl.corpora import CorpusSpec, ReadContext
from fractalctl.documents.evaluation import Evaluation
from fractalctl.export.exporter import Exporter
from fractalctl.export.exporter import Subject as Exported
from fractalctl.heads.arms import Strategy
from fractalctl.heads.method import GradientMethod, LinearMap
from fractalctl.heads.terms import FULL, Objective, Part, Term, Where
from fractalctl.measures.metrics import Metric, Subject
from fractalctl.tables import Section, Table

BEDS = {"herb": ("card", "bank"), "tree": ("play", "song"), "fern": ("lost", "query")}
"""Words that texts of each bed have, one for each of its plants."""


def read(context: ReadContext) -> Iterator[dict[str, Any]]:
    """Sentences of twenty words, a third of which tell the plant or its bed."""
    random = np.random.default_rng(7)
    others = ["one", "two", "three", "four", "of", "the", "and"]
    context.note("grown in the garden")
    for split, count in (("train", 240), ("test", 96)):
        for row in range(count):
            bed = list(BEDS)[row % 3]
            plant = BEDS[bed][row // 3 % 2]
            words = [*random.choice(others, 14), *[plant] * 4, *random.choice(BEDS[bed], 2)]
            text = " ".join(random.permutation(words))
            yield {"text": text, "bed": bed, "plant": plant, "split": split, "id": f"{split}{row}"}


GARDEN = CorpusSpec(
    name="garden", title="The garden", levels=("bed", "plant"), read=read, edition="1.0", licence="CC0 1.0"
)
SEEDLING = BackboneSpec(
    name="seedling", pooling="mean", max_length=24, folder=Path(__file__).parent / "model", licence="CC0 1.0"
)


class Rotation(LinearMap):
    """Features turned at random, the same way for everybody."""

    name = "rotation"
    meaning = "features in a random orthonormal basis"
    source = "Johnson and Lindenstrauss 1984"

    def solve(self, examples: Any, settings: Any) -> tuple[np.ndarray, np.ndarray]:
        """An orthonormal basis, cut or padded to d columns, and no bias."""
        width = examples.input_dimension
        basis = np.linalg.qr(np.random.default_rng(0).normal(size=(width, width)))[0]
        return basis @ np.eye(width, settings.dimension), np.zeros(settings.dimension)


class Halves(GradientMethod):
    """The first prefix learns the coarsest level by contrast, the whole the finest by cross-entropy."""

    name = "halves"
    meaning = "contrast in front, cross-entropy over all"
    source = "none"

    def objective(self, settings: Any, n_levels: int) -> Objective:
        """Two terms."""
        coarse = Term("supervised-contrastive", 0, Where(Part.PREFIX, 0), options={"temperature": 0.1})
        return Objective([coarse, Term("cross-entropy", -1, FULL)])


STRATEGIES = (
    Strategy("rotation", Rotation(), meaning=Rotation.meaning, source=Rotation.source),
    Strategy("halves", Halves(), "linear", {"epochs": 3}, Halves.meaning, Halves.source),
)


class Evenness(msgspec.Struct, frozen=True, kw_only=True):
    """How evenly the variance of embeddings is spread.

    Attributes:
        participation: (sum of variances)^2 / (sum of their squares), over the number of dimensions.
    """

    participation: float


def evenness(subject: Subject) -> Evenness:
    """The participation ratio of the full embedding of the test rows."""
    variances = np.asarray(subject.test.blocks, np.float64).var(axis=0)
    return Evenness(participation=float(variances.sum() ** 2 / (variances**2).sum() / len(variances)))


def section(found: Sequence[tuple[Evaluation, Evenness]]) -> Section:
    """A table with a row for each head."""
    rows = [[one.arm, str(one.seed), f"{result.participation:.3f}"] for one, result in found]
    return Section(
        "Evenness", [Table("evenness", "Participation ratio.", ["arm", "seed", "ratio"], rows)], 200
    )


EVENNESS = Metric("evenness", Evenness, evenness, section=section)


def write_plain(subject: Exported, folder: Path) -> list[Path]:
    """Full embeddings of the training rows as text."""
    embedded = subject.head.embed(subject.features.features("train"), subject.device)
    np.savetxt(folder / "vectors.txt", embedded)
    return [folder / "vectors.txt"]


PLAIN = Exporter("plain", "vectors of the training rows as text", write_plain)
