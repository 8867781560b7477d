"""Which head to train: what each arm is best at, and where plain shortening is enough."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from fractalctl.documents.compare import ArmAtPlace, ArmsCompared, PlaceCompared
from fractalctl.numbers import MISSING, listed, percent, signed
from fractalctl.report.results import Results, slug
from fractalctl.report.writers import markdown_text
from fractalctl.tables import Part, Section, Table

ORDER = 3
MARGIN = 0.01
"""Within which an arm is as good for most purposes: a point of accuracy, or .01 of S."""
KEPT = 0.99
"""Share of nearest neighbours that a first stage has to keep."""
PLAIN = ("raw", "pca", "mrl", "matryoshka")
"""Strategies that shorten without saying which level a prefix is for."""


@dataclass(frozen=True)
class Question:
    """What somebody may want of a head.

    Attributes:
        asked: in a heading's words.
        measure: that answers it, see `fractalctl.statistics.frontier`; more is better.
        needs: what an arm must have to be considered.
        more: what is said of it.
    """

    asked: str
    measure: str
    more: str
    needs: Callable[[ArmAtPlace], bool] = lambda _: True


QUESTIONS = (
    Question(
        "One vector, cut for a first stage and whole for the answer",
        "lossless_S",
        f"Arms whose shortlist of 64 keeps {percent(KEPT)} of the nearest neighbours at full length, by "
        "lossless S: how far zoom goes before a cascade loses answers.",
        lambda one: "kept_64" in one.measures and one.measures["kept_64"].mean >= KEPT,
    ),
    Question(
        "A prefix that says the coarse class and little else",
        "lossless_S",
        "By lossless S, whatever becomes of a cascade.",
    ),
    Question(
        "The finest classes, at full length", "full_fine", "By accuracy at the finest level of the whole."
    ),
    Question(
        "Short vectors that still tell the finest classes",
        "short_fine",
        "By accuracy at the finest level of the shortest prefix: plain shortening, no zoom wanted.",
    ),
    Question(
        "Coarse classes from short vectors",
        "short_coarse",
        "By accuracy at the coarsest level of the shortest prefix.",
    ),
)


def build(results: Results) -> Section | None:
    """What each arm is best at, where several were set side by side."""
    parts: list[Part] = []
    for document in results.compared:
        if max(len(place.arms) for place in document.places) > 1:
            for question in QUESTIONS:
                parts += _answer(question, document)
    if not parts:
        return None
    opening = (
        "Every table is by means over seeds. 'As good' are arms within a point of the best (.01 of S). Plain "
        "shortening is `raw` (the backbone cut), `pca` and heads trained on one level at every length."
    )
    return Section("Which head?", [opening, *parts], ORDER, summary=True)


def _answer(question: Question, document: ArmsCompared) -> Iterator[Part]:
    """A heading, the answer in a sentence, and a row for each corpus."""
    rows, best, plain = [], Counter[str](), []
    for place in document.places:
        having = [one for one in place.arms if question.measure in one.measures]
        fit = sorted(filter(question.needs, having), key=lambda one: -_value(one, question))
        if not having:
            continue
        best.update(one.strategy for one in fit[:1])
        as_good = [one for one in fit[1:] if _value(fit[0], question) - _value(one, question) <= MARGIN]
        if any(one.strategy in PLAIN for one in [*fit[:1], *as_good]):
            plain.append(place.label)
        rows.append(_row(place, question, fit, as_good))
    if not rows:
        return
    yield f"### {question.asked}"
    yield f"{question.more} {_sentence(best, len(rows), plain)}"
    columns = ["corpus", "best", "its value", "as good", "best plain shortening", "its value"]
    caption = f"{question.asked}; protocol {document.protocol}."
    yield Table(slug(f"choosing-{question.asked}-{document.protocol}"), caption, columns, rows, left=2)


def _sentence(best: Counter[str], count: int, plain: Sequence[str]) -> str:
    if not best:
        return "No arm has what this asks for."
    shares = [f"`{markdown_text(name)}` on {number} of {count}" for name, number in best.most_common()]
    enough = (
        f"Plain shortening is enough on {listed([*map(markdown_text, plain)])}."
        if plain
        else "Plain shortening is not enough on any."
    )
    return f"Best: {listed(shares)}. {enough}"


def _row(
    place: PlaceCompared, question: Question, fit: Sequence[ArmAtPlace], as_good: Sequence[ArmAtPlace]
) -> list[object]:
    shortened = [one for one in fit if one.strategy in PLAIN]
    cells = [
        (one.arm, _shown(_value(one, question), question)) if one else (MISSING, MISSING)
        for one in (next(iter(fit), None), next(iter(shortened), None))
    ]
    return [place.label, *cells[0], ", ".join(one.arm for one in as_good) or MISSING, *cells[1]]


def _value(one: ArmAtPlace, question: Question) -> float:
    return one.measures[question.measure].mean


def _shown(value: float, question: Question) -> str:
    return signed(value) if question.measure == "lossless_S" else percent(value, 1)
