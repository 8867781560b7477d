"""Which head to train: what each arm is best at, and where plain shortening is enough."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import isclose

from fractalctl.documents.compare import ArmAtPlace, ArmsCompared, PlaceCompared
from fractalctl.documents.experiments import Ablation
from fractalctl.numbers import MISSING, listed, percent, percents, signed
from fractalctl.report.results import Ends, Results, by_condition, corpus_names, setting_of, slug
from fractalctl.report.writers import markdown_text
from fractalctl.statistics.observations import grouped
from fractalctl.tables import Part, Section, Table

ORDER = 3
MARGIN = 0.01
"""Within which an arm is as good for most purposes: a point of accuracy, or .01 of S."""
KEPT = 0.99
"""Share of nearest neighbours that a first stage has to keep."""
PLAIN = ("raw", "pca", "mrl", "matryoshka")
"""Strategies that shorten without saying which level a prefix is for."""
BEHIND = 0.003
"""By which another arm may be ahead of every setting of a knob and still count as reached."""
KNOB = {"short_coarse": "coarse, short", "short_fine": "fine, short", "full_fine": "fine, whole",
        "kept_64": "kept of 64", "leakage": "leakage"}  # fmt: skip
PRICES = {
    "rows": ("Few labelled rows", "So many rows of each finest class train the head and answer."),
    "unseen": (
        "Classes that training does not see",
        "A fifth of the finest classes is left out of training; searches are among rows of either kind.",
    ),
}
"""Axes of ablations that say what supervision costs, with what stands above them."""


@dataclass(frozen=True)
class Question:
    """What somebody may want of a head.

    Attributes:
        measure: that answers it, see `fractalctl.statistics.side_by_side`; more is better.
        needs: what an arm must have to be considered.
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
            parts += _knob(document)
    parts += _prices(results.ablations)
    if not parts:
        return None
    opening = (
        "Every table is by means over seeds. 'As good' are arms within a point of the best (.01 of S). Plain "
        "shortening is the backbone cut (`raw`), its principal components (`pca`) and heads trained on one "
        "level at every length."
    )
    return Section("Which head?", [opening, *parts], ORDER, summary=True)


@dataclass(frozen=True)
class Candidate:
    """An arm, or what stands at a place without training, and how well it answers a question.

    Attributes:
        name: of the arm, or such as ``minilm, PCA``.
        kind: its strategy; the name of what nobody trained.
        plain: whether it shortens without saying which level a prefix is for.
        value: of the question's measure; the mean over seeds.
    """

    name: str
    kind: str
    plain: bool
    value: float


def candidates(place: PlaceCompared, question: Question) -> list[Candidate]:
    """All that a question may choose among, the best first.

    The backbone's own cut and its principal components count where no arm says the same of them.
    """
    found = [
        Candidate(one.arm, one.strategy, one.strategy in PLAIN, one.measures[question.measure].mean)
        for one in place.arms
        if question.measure in one.measures and question.needs(one)
    ]
    said = [one.value for one in found if one.plain]
    for row in place.untrained:
        value = row.measures.get(question.measure)
        if value is not None and not any(isclose(value, other, abs_tol=1e-9) for other in said):
            found.append(Candidate(row.name, row.name, plain=True, value=value))
    return sorted(found, key=lambda one: -one.value)


def _answer(question: Question, document: ArmsCompared) -> Iterator[Part]:
    """A heading, the answer in a sentence, and a row for each corpus."""
    rows, best, enough, beside = [], Counter[str](), [], False
    for place in document.places:
        if not any(question.measure in one.measures for one in place.arms):
            continue
        found = candidates(place, question)
        best.update(one.kind for one in found[:1])
        near = [one for one in found if found[0].value - one.value <= MARGIN]
        plain = next((one for one in found if one.plain), None)
        beside = beside or plain is not None
        if plain in near:
            enough.append(place.label)
        as_good = ", ".join(one.name for one in near[1:]) or MISSING
        pair = (next(iter(found), None), plain)
        names = [one.name if one else MISSING for one in pair]
        values = [_shown(one.value, question) if one else MISSING for one in pair]
        rows.append([place.label, names[0], as_good, names[1], *values])
    if not rows:
        return
    yield f"### {question.asked}"
    yield f"{question.more} {_sentence(best, len(rows), enough if beside else None)}"
    columns = ["corpus", "best", "as good", "best plain shortening", "of the best", "of plain"]
    caption = f"{question.asked}; protocol {document.protocol}."
    name = slug(f"choosing-{question.asked}-{document.protocol}")
    told = Table(name, caption, columns, rows, left=4)
    yield told if beside else told.without(["best plain shortening", "of plain"])


def _settings(place: PlaceCompared) -> Iterator[list[ArmAtPlace]]:
    """Arms of one strategy that differ in its knob alone, the most telling prefix first."""
    for strategy, arms in grouped(place.arms, lambda one: one.strategy).items():
        number = re.compile(rf"{re.escape(strategy)}(-\d+(\.\d+)?)?")
        found = [one for one in arms if number.fullmatch(one.arm) and KNOB.keys() <= one.measures.keys()]
        if len(found) > 1:
            yield sorted(found, key=lambda one: -one.measures["leakage"].mean)


def _knob(document: ArmsCompared) -> Iterator[Part]:
    """What the settings of a knob trade for what, and the arms that no setting reaches."""
    rows: list[list[object]] = []
    ahead: list[list[object]] = []
    for place in document.places:
        for found in _settings(place):
            for one in found:
                values = [percent(one.measures[name].mean, 1) for name in KNOB]
                lossless = one.measures.get("lossless_S")
                rows.append([place.label, one.arm, *values, signed(lossless.mean if lossless else None)])
        for lead in unreached(place):
            pair = [percents(one.measures[lead.measure].values) for one in (lead.arm, lead.nearest)]
            what = KNOB[lead.measure]
            ahead.append([place.label, lead.arm.arm, lead.nearest.arm, what, *pair, f"{100 * lead.by:.1f}"])
    if not rows:
        return
    yield "### Which setting of a knob?"
    yield (
        "Short is the shortest prefix, coarse and fine the outermost levels; kept, nearest neighbours of the "
        "whole on a shortlist of 64; leakage, the finest class by a linear probe of the shortest prefix."
    )
    columns = ["corpus", "arm", *KNOB.values(), "lossless S"]
    caption = f"Settings of a knob; protocol {document.protocol}."
    yield Table(slug(f"choosing-knob-{document.protocol}"), caption, columns, rows, left=2)
    caption = (
        "Arms that no setting reaches: where the nearest one lacks most, of coarse accuracy of the prefix, "
        f"fine accuracy of the whole and leakage; by more than {100 * BEHIND:.1f} points only. In %, means ± "
        f"standard deviations over seeds; protocol {document.protocol}."
    )
    columns = ["corpus", "arm", "nearest setting", "in", "the arm", "the setting", "points"]
    if ahead:
        yield Table(slug(f"choosing-ahead-{document.protocol}"), caption, columns, ahead, left=4)
    else:
        yield "No other arm is ahead of every setting."


@dataclass(frozen=True)
class Lead:
    """An arm beyond every setting of a knob, and what the setting nearest to it lacks most."""

    arm: ArmAtPlace
    nearest: ArmAtPlace
    measure: str
    by: float


def unreached(place: PlaceCompared) -> Iterator[Lead]:
    """Arms beyond every setting of a knob by more than `BEHIND`."""
    for found in _settings(place):
        own = {one.arm for one in found}
        for rival in place.arms:
            if rival.arm not in own and KNOB.keys() <= rival.measures.keys():
                nearest = min((_lead(rival, one) for one in found), key=lambda lead: lead.by)
                if nearest.by > BEHIND:
                    yield nearest


def _lead(arm: ArmAtPlace, over: ArmAtPlace) -> Lead:
    """What another arm lacks most of what makes a zoom."""
    theirs, ours = ({name: value.mean for name, value in one.measures.items()} for one in (arm, over))
    lacks = {name: theirs[name] - ours[name] for name in ("short_coarse", "full_fine")}
    lacks["leakage"] = ours["leakage"] - theirs["leakage"]
    measure = max(lacks, key=lambda name: lacks[name])
    return Lead(arm, over, measure, lacks[measure])


def _prices(ablations: Sequence[Ablation]) -> Iterator[Part]:
    """Accuracies at both ends where labels are few or classes new."""
    for axis, (title, text) in PRICES.items():
        members = [one for one in ablations if one.axis == axis]
        for setting, found in grouped(members, setting_of).items():
            rows: list[list[object]] = []
            for corpus, one in zip(corpus_names(found), found, strict=True):
                levels = ("L0", f"L{len(one.profile.classes) - 1}")
                for (arm, point), runs in by_condition(one).items():
                    ends = (str(min(one.dims)), str(max(one.dims)))
                    shares = [[run.accuracy[end][level] for run in runs] for end in ends for level in levels]
                    rows.append([corpus, *point, arm, *map(percents, shares)])
            names = Ends.called(one.profile.titles for one in found)
            columns = ["corpus", str(found[0].varied), "arm"]
            columns += [f"{level}, {length}" for length in ("short", "whole") for level in names[2:]]
            yield f"### {title}"
            yield f"{text} raw is the backbone cut. In %, means ± standard deviations over seeds."
            caption = f"{title}; {setting}."
            yield Table(slug(f"choosing-{axis}-{setting}"), caption, columns, rows, left=3, folded=True)


def _sentence(best: Counter[str], count: int, enough: Sequence[str] | None) -> str:
    """What is best how often, and where plain shortening is enough; None where none is beside it."""
    if not best:
        return "No arm has what this asks for."
    names = [(markdown_text(name), number) for name, number in best.most_common()]
    shares = [f"`{name}`" if count == 1 else f"`{name}` on {number} of {count}" for name, number in names]
    if enough is None:
        return f"Best: {listed(shares)}. No plain shortening was there to compare."
    where = f" on {listed([*map(markdown_text, enough)]) if enough else 'any'}" if count > 1 else ""
    return f"Best: {listed(shares)}. Plain shortening is {'' if enough else 'not '}enough{where}."


def _shown(value: float, question: Question) -> str:
    return signed(value) if question.measure == "lossless_S" else percent(value, 1)
