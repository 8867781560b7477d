"""What a report and a terminal show of metrics: of ours, of those that bring a section, and of any other."""

import msgspec
import pytest

from fractalctl.cli.overview import evaluation_tables
from fractalctl.documents.evaluation import Cascade, Evaluation, Leakage, Shortlist
from fractalctl.measures import metrics as registry
from fractalctl.report import Results, metric_tables, report_sections
from fractalctl.report.sections.answer import answer_tables, build
from fractalctl.tables import Section, Table
from tests.report.documents import (
    CLOSE,
    evaluations,
    measured_everywhere,
    metric_results,
    profile,
    with_metric,
)

METRICS = ("retrieval", "localisation", "routing", "dual", "information", "retention")


def cells(table: Table, *start: object) -> dict[str, object]:
    row = next(row for row in table.rows if list(row[: len(start)]) == list(start))
    return dict(zip(table.columns, row, strict=True))


@pytest.mark.parametrize("name", METRICS)
def test_tables_for_a_terminal(name: str) -> None:
    tables = metric_tables(name, measured_everywhere())
    assert tables
    assert all({len(row) for row in table.rows} == {len(table.columns)} for table in tables)
    arms = {cell for table in tables for row in table.rows for cell in row[:4]}
    assert set(CLOSE) <= arms, "no arm is left out"
    assert metric_tables(name, evaluations()) == []


@pytest.mark.parametrize("name", METRICS)
def test_one_seed_of_one_arm_is_enough(name: str) -> None:
    pytest.importorskip("matplotlib")
    alone = measured_everywhere({"mine": [0.1]})
    section = next(one for one in report_sections(Results(evaluations=alone)) if 80 <= one.order < 88)
    assert section
    assert metric_tables(name, alone)[0].rows


def test_retrieval_does_not_depend_on_the_protocol_and_stands_once() -> None:
    both = [*measured_everywhere(), *measured_everywhere(protocol="index")]
    table = metric_tables("retrieval", both)[0]
    assert len(table.rows) == 2 * len(CLOSE)
    row = cells(table, "clinc, minilm, 2000 test rows", "L1", "alpha")
    assert (row["@64"], row["@256"], row["ramp (points)"]) == ("68.5 ± 1.3", "80.0 ± 0.0", "+11.5 ± 1.3")


def test_routing_is_held_against_the_best_arm_at_full_length() -> None:
    better = [
        with_metric(one, "routing", metric_results(0.1)["routing"]) for one in evaluations({"a": [0.1, 0.1]})
    ]
    good = metric_results(0.1)["routing"]
    good["fixed"]["256"]["mixed"] = [0.9, 0.9, 0.9]
    better += [with_metric(one, "routing", good) for one in evaluations({"b": [0.1, 0.1]})]
    (table,) = metric_tables("routing", better)
    row = cells(table, "clinc, minilm, loo", "a")
    assert (row["adaptive"], row["own full length"], row["gain"]) == ("85.0 ± 0.0", "85.0 ± 0.0", "0.0 ± 0.0")
    assert (row["best at full length"], row["gain on it"], row["ahead for alpha"]) == ("b", "-5.0", "1.00")


def test_information_says_what_is_sure_of_every_seed() -> None:
    tables = metric_tables("information", measured_everywhere())
    row = cells(tables[1], "clinc, minilm, 2000 test rows", "alpha")
    assert (row["coarse"], row["H(finer | L0) at most"], row["more coarse"]) == (
        "3.00 ± 0.00",
        "3.40",
        "4 x open",
    )
    assert row["lean to coarse"] == "+40.0 ± 0.0"


def test_retention_sets_the_untouched_backbone_beside() -> None:
    table = metric_tables("retention", measured_everywhere())[0]
    row = cells(table, "clinc, minilm, loo", "k-NN accuracy", "L1", "backbone, cut")
    assert row["@384"] != "—"
    assert cells(table, "clinc, minilm, loo", "k-NN accuracy", "L1", "alpha")["@384"] == "—"
    assert cells(table, "clinc, minilm, loo", "hit rate at 10", "L1", "alpha")["@64"] == "—"


def called(*levels: str):
    """A profile whose levels have names."""
    classes, entropies = (5, 10, 150)[-len(levels) :], (2.0, 1.0, 3.9)[-len(levels) :]
    return msgspec.structs.replace(profile(classes, entropies), levels=list(levels))


def of_metric(name: str, *levels: str, corpus: str = "clinc") -> list[Evaluation]:
    shares = {"L0": 0.9, "L1": 0.4}
    shortlist = Shortlist(size=64, kept=0.8, recall_at_1=0.7, multiply_adds=0.3)
    results = metric_results(0.1) | {
        "leakage": Leakage(short=64, n_known=9, probe=shares, floor=0.2, flat=shares),
        "cascade": Cascade(short=64, full=256, n_searched=99, recall_at_1=0.8, shortlists={"64": shortlist}),
    }
    found = evaluations({"mine": [0.1]}, corpus=corpus, profile=called(*levels))
    return [with_metric(one, name, results[name]) for one in found]


@pytest.mark.parametrize("name", ["leakage", "cascade", "dual", "localisation"])
def test_levels_are_called_as_the_corpora_call_them(name: str) -> None:
    own = of_metric(name, "domain", "intent")
    (table,) = metric_tables(name, own)
    words = " ".join([table.caption, *table.columns])
    assert "intent [L1]" in table.caption
    assert not {"coarse", "coarsest", "fine", "finest"} & set(words.replace(",", " ").split())
    if name != "cascade":
        assert next(column.split(",")[0] for column in table.columns if "domain" in column) == "domain"
    (mixed,) = metric_tables(name, [*own, *of_metric(name, "section", "heading", corpus="tickets")])
    assert "the finest level" in mixed.caption
    assert not [word for word in ("domain", "intent", "heading") if word in mixed.caption]


def test_levels_between_the_outermost_are_shown_where_they_are_asked() -> None:
    found = evaluations({"mine": [0.1, 0.2]}, profile=called("section", "chapter", "heading"))
    accuracies = [one.accuracy for one in found]

    def mean(level: str, length: str) -> str:
        return f"{100 * sum(one[length][level] for one in accuracies) / 2:.1f}"

    first, second = evaluation_tables(found)
    assert first.columns == [
        "arm", "section [L0] at 64", "chapter [L1] at 192", "heading [L2] at 256", "seeds",
    ]  # fmt: skip
    shown = [str(cell).split(" ± ")[0] for cell in first.rows[0]]
    assert shown == ["mine", mean("L0", "64"), mean("L1", "192"), mean("L2", "256"), "2"]
    assert list(second.columns[-2:]) == ["chapter [L1]@64", "chapter [L1]@256"], "first to be left out"
    assert [str(cell).split(" ± ")[0] for cell in second.rows[0][-2:]] == [
        mean("L1", "64"),
        mean("L1", "256"),
    ]
    assert {len(row) for row in second.rows} == {len(second.columns)}
    assert answer_tables(Results(evaluations=found)) == [first]
    page = build(Results(evaluations=found)).parts[1]
    assert page.columns[-1] == "chapter [L1] at 192"
    assert {len(row) for row in page.rows} == {len(page.columns)}


def plugged(result: dict) -> list[Evaluation]:
    return [with_metric(one, "my-metric", result) for one in evaluations()]


def test_a_metric_that_nothing_knows_is_shown_number_by_number() -> None:
    found = plugged({"curve": [0.5, 0.25], "rows": {"test": 7}, "named": "x", "none": None, "sure": True})
    (table,) = metric_tables("my-metric", found)
    assert cells(table, "clinc, minilm, loo", "alpha", "curve.1")["value"] == "0.2500 ± 0.0000"
    assert {row[2] for row in table.rows} == {"curve.0", "curve.1", "rows.test", "sure"}
    assert [section.title for section in report_sections(Results(evaluations=found))].count("My metric") == 1


class Brought:
    """A metric of another package, with a section of its own."""

    def __init__(self, section) -> None:
        self.section = section

    def read(self, one: Evaluation) -> dict:
        return one.metrics["my-metric"].result


def test_a_metric_may_bring_its_section(monkeypatch: pytest.MonkeyPatch) -> None:
    def section(measured) -> Section:
        rows = [[one.arm, result["value"]] for one, result in measured]
        return Section("Mine", ["text", Table("mine", "caption", ["arm", "value"], rows)], 42)

    monkeypatch.setattr(registry, "metrics", lambda: {"my-metric": Brought(section)})
    found = plugged({"value": 3})
    assert metric_tables("my-metric", found)[0].rows[0] == [next(iter(CLOSE)), 3]
    titles = [section.title for section in report_sections(Results(evaluations=found))]
    assert titles.index("Mine") == titles.index("Steerability") + 1


def test_a_section_that_fails_costs_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    def section(measured) -> Section:
        raise KeyError(measured[0][0].arm)

    monkeypatch.setattr(registry, "metrics", lambda: {"my-metric": Brought(section)})
    found = plugged({"value": 3})
    assert metric_tables("my-metric", found)[0].rows
    section_made = next(
        one for one in report_sections(Results(evaluations=found)) if one.title == "My metric"
    )
    assert "its own section failed (KeyError: 'alpha')" in section_made.parts[0]
