"""The section of choosing.md about tuning: its words and numbers, from evaluations made by hand."""

import numpy as np
import pytest

from fractalctl.documents.evaluation import Evaluation
from fractalctl.statistics.summary import compare_all
from fractalctl.tables import Section, Table
from tests.docs.blocks import ROOT
from tests.statistics.material import evaluation, parts

PLAIN = {"raw": 30, "mrl": 20, "zoom": 5, "zoom-0": 10}
"""Of 100 queries, how many are answered wrongly at the finest level of the whole."""
TUNED = {"mrl": 2, "zoom": 4, "zoom-0": 8}


def measured(arm: str, wrong: int, **changes) -> Evaluation:
    hits = np.ones((100, 4, 2), dtype=bool)
    hits[:wrong, -1, 1] = False
    metrics = parts(0.5, 1.0, (0.6, 0.7))
    strategy = arm.split("-")[0]
    return evaluation(hits, strategy=strategy, arm=arm, protocol="index", metrics=metrics, **changes)


@pytest.fixture
def section(monkeypatch: pytest.MonkeyPatch) -> Section:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    from write_tuned import tuned

    settings = {"learning_rate": 0.003, "anchor": 0.5, "epochs": 5}
    after = [
        measured(f"{arm}-tuned=4", wrong, tuned=["learning_rate", "anchor"], settings=settings)
        for arm, wrong in TUNED.items()
    ]
    [old], [new] = compare_all([measured(*one) for one in PLAIN.items()]), compare_all(after)
    return tuned(old, new, after)


def test_the_best_are_named_before_and_after(section: Section) -> None:
    best, _ = (part for part in section.parts if isinstance(part, Table))
    (row,) = (row for row in best.rows if row[1] == "The finest classes, at full length")
    assert row == ["clinc", "The finest classes, at full length", "zoom", "95.0 %", "mrl", "98.0 %"]


def test_what_tuning_chose_and_changed_stands_in_a_row(section: Section) -> None:
    _, arms = (part for part in section.parts if isinstance(part, Table))
    rows = {row[1]: row for row in arms.rows}
    assert rows.keys() == TUNED.keys()
    assert rows["mrl"][2:] == [
        "learning_rate 0.003, anchor 0.5", "100.0 %", "100.0 %", "80.0 %", "98.0 %", "-0.200", "-0.020",
    ]  # fmt: skip


def test_arms_beyond_the_knob_are_said(section: Section) -> None:
    assert "4 trials" in section.parts[0]
    assert section.parts[0].endswith("by more than 0.3 points: mrl on clinc by 2.0.")
