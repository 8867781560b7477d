"""Which head a report recommends for what."""

import pytest
from msgspec.structs import replace

from fractalctl.documents.compare import Untrained
from fractalctl.report import Results
from fractalctl.report.sections import choosing
from fractalctl.statistics.summary import compare_all
from fractalctl.tables import Table
from tests.report.documents import ablation, runs_of
from tests.statistics.material import evaluation, parts, random_hits

ARMS = {"zoom": (0.10, 1.0), "mrl": (0.30, 1.0), "pca": (0.28, 0.95)}
"""How often the finest class is told by the prefix's probe, and what a shortlist keeps."""


@pytest.fixture
def results() -> Results:
    evaluations = [
        evaluation(
            random_hits(seed, 0.1), corpus=corpus, strategy=arm, seed=seed, protocol="index",
            metrics=parts(leak, kept, (0.6, 0.7)),
        )
        for corpus in ("clinc", "trec")
        for arm, (leak, kept) in ARMS.items()
        for seed in (1, 2)
    ]  # fmt: skip
    return Results(evaluations=evaluations, compared=list(compare_all(evaluations)))


def test_every_question_is_answered_by_the_best_arm_that_fits(results) -> None:
    section = choosing.build(results)
    assert section is not None
    tables = [part for part in section.parts if isinstance(part, Table)]
    assert len(tables) == len(choosing.QUESTIONS)
    (document,) = results.compared
    for question, table in zip(choosing.QUESTIONS, tables, strict=True):
        for place, row in zip(document.places, table.rows, strict=True):
            values = {
                one.arm: one.measures[question.measure].mean for one in place.arms if question.needs(one)
            }
            plain = {arm for arm in values if arm in choosing.PLAIN}
            for one in place.untrained:
                if question.measure in one.measures:
                    values[one.name] = one.measures[question.measure]
                    plain.add(one.name)
            assert row[0] == place.label
            assert values[row[1]] == max(values.values())
            assert values[row[3]] == max(values[arm] for arm in plain)
    first = next(part for part in section.parts if isinstance(part, Table))
    assert all("pca" not in row[1:] for row in first.rows)


def test_one_arm_alone_leaves_nothing_to_choose(results) -> None:
    alone = [one for one in results.evaluations if one.strategy == "mrl"]
    assert choosing.build(Results(evaluations=alone, compared=list(compare_all(alone)))) is None
    assert choosing.build(Results(evaluations=alone)) is None


def test_what_nobody_trained_is_plain_shortening_too(results) -> None:
    (document,) = results.compared
    places = [
        replace(
            place,
            arms=[one for one in place.arms if one.strategy in kept],
            untrained=[Untrained(name="minilm, PCA", dims=[64, 256], measures={"full_fine": 2.0})],
        )
        for place, kept in zip(document.places, ({"zoom", "mrl"}, {"zoom"}), strict=True)
    ]
    section = choosing.build(Results(compared=[replace(document, places=places)]))
    assert section is not None
    tables = [part.rows for part in section.parts if isinstance(part, Table)]
    told = [part for part in section.parts if isinstance(part, str)]
    assert [row[1:5] for row in tables[2]] == [["minilm, PCA", "—", "minilm, PCA", "200.0 %"]] * 2
    assert any("Best: `minilm, PCA` on 2 of 2. Plain shortening is enough on " in part for part in told)
    assert [row[3] for row in tables[4]] == ["mrl", "—"]


def test_without_plain_shortening_nothing_is_said_of_it() -> None:
    evaluations = [
        evaluation(random_hits(1, 0.1), strategy="zoom", arm=arm, protocol="index",
                   metrics=parts(0.1, 1.0, (0.6, 0.7)))
        for arm in ("zoom", "zoom-0.95")
    ]  # fmt: skip
    (document,) = compare_all(evaluations)
    bare = replace(document, places=[replace(place, untrained=[]) for place in document.places])
    section = choosing.build(Results(compared=[bare]))
    assert section is not None
    told = " ".join(part for part in section.parts if isinstance(part, str))
    assert told.count("No plain shortening was there to compare.") == len(choosing.QUESTIONS)
    assert "enough" not in told
    assert not any("of plain" in part.columns for part in section.parts if isinstance(part, Table))


def test_settings_of_a_knob_stand_beside_what_is_ahead_of_them_all() -> None:
    evaluations = [
        evaluation(
            random_hits(place, 0.1, 400), strategy=arm.split("-")[0], arm=arm, protocol="index",
            metrics=parts(0.9 - 0.1 * place, 0.9, (0.6, 0.7)),
        )
        for place, arm in enumerate(["zoom", "zoom-0.95", "zoom-1", "heal", "zoom-epochs=5", "lda"])
    ]  # fmt: skip
    compared = list(compare_all(evaluations))
    section = choosing.build(Results(evaluations=evaluations, compared=compared))
    assert section is not None
    tables = {part.name: part for part in section.parts if isinstance(part, Table)}
    assert [row[1] for row in tables["choosing-knob-index"].rows] == ["zoom", "zoom-0.95", "zoom-1"]
    values = {
        one.arm: {name: x.mean for name, x in one.measures.items()} for one in compared[0].places[0].arms
    }
    wanted = []
    for rival in ("heal", "zoom-epochs=5", "lda"):
        lacks = {}
        for own in ("zoom", "zoom-0.95", "zoom-1"):
            lacks[own] = values[own]["leakage"] - values[rival]["leakage"]
            for name in ("short_coarse", "full_fine"):
                lacks[own] = max(lacks[own], values[rival][name] - values[own][name])
        nearest = min(lacks, key=lambda own: lacks[own])
        if lacks[nearest] > choosing.BEHIND:
            wanted.append([rival, nearest, f"{100 * lacks[nearest]:.1f}"])
    assert wanted
    assert [[row[1], row[2], row[6]] for row in tables["choosing-ahead-index"].rows] == wanted
    for _, rival, nearest, what, theirs, ours, points in tables["choosing-ahead-index"].rows:
        name = next(name for name, title in choosing.KNOB.items() if title == what)
        assert [theirs, ours] == [f"{100 * values[arm][name]:.1f}" for arm in (rival, nearest)]
        assert float(points) == pytest.approx(abs(float(theirs) - float(ours)), abs=0.11)


@pytest.mark.parametrize("axis", ["rows", "unseen"])
def test_what_few_labels_and_new_classes_cost_stands_where_one_chooses(axis) -> None:
    runs = [
        run for place in (10, 50) for run in runs_of({"zoom": (0.1, 0.3), "raw": (0.2, 0.2)}, {axis: place})
    ]
    document = ablation(axis, runs)
    section = choosing.build(Results(ablations=[document]))
    assert section is not None
    (table,) = [part for part in section.parts if isinstance(part, Table)]
    first = document.runs[0]
    point = list(first.point.values())
    alike = [run for run in document.runs if (run.arm, run.point) == (first.arm, first.point)]
    mean = 100 * sum(run.accuracy["256"]["L1"] for run in alike) / len(alike)
    assert list(table.rows[0][:-4]) == ["clinc", *point, first.arm]
    assert str(table.rows[0][-1]).startswith(f"{mean:.1f}")
