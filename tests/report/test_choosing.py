"""Which head a report recommends for what."""

import pytest

from fractalctl.report import Results
from fractalctl.report.sections import choosing
from fractalctl.statistics.summary import compare_all
from fractalctl.tables import Table
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
            assert row[0] == place.label
            assert values[row[1]] == max(values.values())
            best = max((value, arm) for arm, value in values.items() if arm in choosing.PLAIN)
            assert values[row[4]] == best[0]
    first = next(part for part in section.parts if isinstance(part, Table))
    assert all("pca" not in row[1:] for row in first.rows)


def test_one_arm_alone_leaves_nothing_to_choose(results) -> None:
    alone = [one for one in results.evaluations if one.strategy == "mrl"]
    assert choosing.build(Results(evaluations=alone, compared=list(compare_all(alone)))) is None
    assert choosing.build(Results(evaluations=alone)) is None
