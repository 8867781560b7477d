"""Whether tuning changes which head is best: a section of choosing.md, from results."""

import re
from collections.abc import Iterator, Mapping, Sequence

from msgspec.structs import replace

from fractalctl.documents.compare import ArmAtPlace, ArmsCompared, PlaceCompared
from fractalctl.documents.evaluation import Evaluation
from fractalctl.numbers import MISSING, percent, signed
from fractalctl.report.sections.choosing import BEHIND, QUESTIONS, Question, unreached
from fractalctl.tables import Section, Table

TUNED = re.compile(r"-tuned=(\d+)$")
CLOSED = ("raw", "pca", "lda")
"""Arms in closed form, which have nothing to tune."""
SHOWN = {"short_coarse": "coarse, short", "full_fine": "fine, whole", "S": "S"}


def tuned(plain: ArmsCompared, found: ArmsCompared, evaluations: Sequence[Evaluation]) -> Section:
    """What was chosen, what it changed, and whether another arm is best now.

    Args:
        plain: the arms as they are.
        found: arms whose labels say in how many trials they were tuned.
        evaluations: those of `found`.
    """
    [trials] = {trial for place in found.places for one in place.arms for trial in TUNED.findall(one.arm)}
    settings = {
        (one.corpus, one.arm): {name: one.settings[name] for name in one.tuned} for one in evaluations
    }
    before = {place.label: place for place in plain.places}
    pairs = [(before[place.label], place) for place in found.places]
    text = (
        f"Each arm of the second table had {trials} trials, as it is among them: of its learning rate, and "
        "of one more setting where its method names one, judged by held-out training rows (`train --tune`). "
        "Closed forms have nothing to tune, and an arm without a row was not tuned there. "
        f"{_verdict([_plainly(old, new) for old, new in pairs])}"
    )
    columns = ["corpus", "arm", "chosen"]
    columns += [f"{what}{when}" for what in SHOWN.values() for when in ("", ", tuned")]
    rows = [row for old, new in pairs for row in _rows(old, new, settings)]
    answers = [
        [new.label, question.asked, *_best(question, old, new)]
        for old, new in pairs
        for question in QUESTIONS
    ]
    return Section(
        "Does tuning change the answer?",
        [
            text,
            Table("tuned-best", "The best of the tuned arms, before and after; protocol index.",
                  ["corpus", "asked", "best", "value", "best, tuned", "value, tuned"], answers, left=3),
            Table("tuned-arms", "What was chosen and what it changed, means over seeds; protocol index.",
                  columns, rows, left=3, folded=True),
        ],
        0,
    )  # fmt: skip


def _verdict(places: Sequence[PlaceCompared]) -> str:
    leads = [(place.label, lead) for place in places for lead in unreached(place)]
    if not leads:
        return f"No tuned arm is beyond every tuned setting of zoom by more than {100 * BEHIND:.1f} points."
    named = ", ".join(f"{lead.arm.arm} on {label} by {100 * lead.by:.1f}" for label, lead in leads)
    return f"Beyond every tuned setting of zoom by more than {100 * BEHIND:.1f} points: {named}."


def _plainly(old: PlaceCompared, new: PlaceCompared) -> PlaceCompared:
    """The tuned arms under their plain names, and those that have nothing to tune."""
    named = [replace(one, arm=TUNED.sub("", one.arm)) for one in new.arms]
    return replace(new, arms=[*named, *(one for one in old.arms if one.arm in CLOSED)])


def _rows(
    old: PlaceCompared, new: PlaceCompared, settings: Mapping[tuple[str, str], Mapping[str, float]]
) -> Iterator[list[object]]:
    before = {one.arm: one for one in old.arms}
    for one in new.arms:
        arm = TUNED.sub("", one.arm)
        chosen = ", ".join(f"{name} {value:g}" for name, value in settings[new.label, one.arm].items())
        values = [_shown(name, which) for name in SHOWN for which in (before.get(arm), one)]
        yield [new.label, arm, chosen, *values]


def _best(question: Question, old: PlaceCompared, new: PlaceCompared) -> Iterator[str]:
    """The best arm and its value, as they were and tuned."""
    tuned_too = _plainly(old, new)
    taken = {one.arm for one in tuned_too.arms}
    for arms in ([one for one in old.arms if one.arm in taken], tuned_too.arms):
        fit = [one for one in arms if question.measure in one.measures and question.needs(one)]
        best = max(fit, key=lambda one: one.measures[question.measure].mean, default=None)
        yield best.arm if best else MISSING
        yield _shown(question.measure, best)


def _shown(measure: str, arm: ArmAtPlace | None) -> str:
    if arm is None or measure not in arm.measures:
        return MISSING
    value = arm.measures[measure].mean
    return signed(value) if measure.endswith("S") else percent(value, 1)
