"""A folder of runs, read for reporting: what is left out, and what things are called."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from fractalctl.documents import write_document
from fractalctl.errors import RequestError
from fractalctl.report import Results, read_results, report_sections
from fractalctl.report.results import slug, unused
from fractalctl.tables import Table
from tests.report.documents import (
    CLOSE,
    ablation,
    accuracy,
    evaluation,
    evaluations,
    latency,
    metric_results,
    profile,
    runs_of,
    with_metric,
    zoom,
)


def write(folder: Path, documents, name: str = "evaluation-loo.json") -> None:
    for place, one in enumerate(documents):
        write_document(folder / str(place) / name, one)


def test_every_kind_is_found_by_its_name(tmp_path: Path) -> None:
    write(tmp_path / "a", evaluations())
    write(tmp_path / "b", [latency(), latency(random=True)], "latency-1a2b.json")
    write(tmp_path / "c", [zoom()], "zoom.json")
    found = read_results(tmp_path)
    assert [len(one) for one in (found.evaluations, found.latencies, found.zooms, found.statistics)] == [
        12,
        2,
        1,
        0,
    ]
    assert not found.warnings
    assert found.evaluations[0] == evaluations()[0]


def test_a_level_that_was_added_has_a_name_beside_those_of_the_corpus(tmp_path: Path) -> None:
    named = replace(evaluation("alpha", 42, 0.1), profile=replace(profile(), levels=["area", "intent"]))
    about = {"added_level": "a: b", "base_identity": named.features.identity}
    other = replace(named.features, identity="with one more")
    runs = runs_of(CLOSE, accuracy=accuracy(0.2, levels=3))
    three = profile((5, 10, 150), (2.0, 1.0, 3.9))
    deep = ablation("depth", runs, profile=three, about=about, features=other)
    write(tmp_path / "a", [named])
    write(tmp_path / "b", [deep], "ablation-depth.json")
    (found,) = read_results(tmp_path).ablations
    assert found.profile.titles == ["added [L0]", "area [L1]", "intent [L2]"]


def test_a_damaged_file_is_named_and_left_out(tmp_path: Path) -> None:
    write(tmp_path, evaluations())
    (tmp_path / "3" / "evaluation-loo.json").write_text('{"encoding-type": "fractalctl-eval', "utf-8")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "synth.json").write_text(
        '{"encoding-type": "fractalctl-synthesis", "encoding-version": "1.0"}'
    )
    found = read_results(tmp_path)
    assert len(found.evaluations) == 11
    assert len(found.warnings) == 2
    assert str(tmp_path / "3" / "evaluation-loo.json") in found.warnings[0]
    assert "format version 1.0" in found.warnings[1]
    summary = next(section for section in report_sections(found) if section.title == "Summary")
    assert sum("left out" in part for part in summary.parts if isinstance(part, str)) == 2


@pytest.mark.parametrize(
    ("said", "wrong", "message"),
    [
        ('"protocol": "loo"', '"protocol": "lou"', "field protocol: invalid enum value 'lou'"),
        ('"levels": []', '"levels": ["a"]', "field profile.levels names 1 of 2 levels"),
    ],
)
def test_what_cannot_be_is_named_and_left_out(tmp_path: Path, said: str, wrong: str, message: str) -> None:
    write(tmp_path, evaluations())
    path = tmp_path / "3" / "evaluation-loo.json"
    path.write_text(path.read_text("utf-8").replace(said, wrong), "utf-8")
    found = read_results(tmp_path)
    assert len(found.evaluations) == 11
    assert [f"{path}: {message}" in warning for warning in found.warnings] == [True]


def test_no_two_files_get_one_name() -> None:
    taken: set[str] = set()
    names = [unused(name, taken) for name in ("loo-2", "loo", "loo", "loo")]
    assert names == ["loo-2", "loo", "loo-3", "loo-4"]


def test_a_file_of_another_kind_with_such_a_name_is_passed_over(tmp_path: Path) -> None:
    write(tmp_path, evaluations())
    write(tmp_path / "report", [zoom()], "ablation-noise-minilm.json")
    found = read_results(tmp_path)
    assert not found.ablations
    assert not found.warnings


def test_a_metric_that_cannot_be_read_is_named_and_left_out(tmp_path: Path) -> None:
    whole, damaged = evaluations()[:2]
    retrieval = metric_results(0.1)["retrieval"]
    write(
        tmp_path,
        [with_metric(whole, "retrieval", retrieval), with_metric(damaged, "retrieval", {"seed": "no"})],
    )
    found = read_results(tmp_path)
    assert ["retrieval" in one.metrics for one in found.evaluations] == [True, False]
    assert "metric 'retrieval' cannot be read" in found.warnings[0]


def test_the_same_seed_twice_is_said(tmp_path: Path) -> None:
    write(tmp_path / "a", evaluations())
    write(tmp_path / "copy", evaluations()[:1])
    found = read_results(tmp_path)
    assert len(found.evaluations) == 12
    assert "copy/0/evaluation-loo.json" in found.warnings[0]
    assert "the same arm and seed" in found.warnings[0]


def test_nothing_to_report(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no results here; run 'fractalctl evaluate'"):
        read_results(tmp_path)
    (tmp_path / "synth.json").write_text("{")
    with pytest.raises(RequestError, match=r"no results here \(left out .*synth\.json"):
        read_results(tmp_path)


def test_two_feature_sets_of_one_corpus_are_told_apart() -> None:
    full, small = evaluations(), evaluations(name="minilm-1a2b3c4d")
    other = evaluations(corpus="trec", trained_on=full[0].features)
    found = Results(evaluations=[*full, *small, *other])
    names = list(dict.fromkeys(row.corpus for row in found.measured))
    assert names == ["clinc (minilm)", "clinc (minilm-1a2b3c4d)", "trec, trained on clinc/minilm"]
    assert [group.name for group in found.settings] == ["minilm, loo"]
    table = next(
        part
        for section in report_sections(found)
        for part in section.parts
        if isinstance(part, Table) and part.name == "steerability-minilm-loo"
    )
    assert [row[2] for row in table.rows] == [4] * 9, "seeds of two sets are never averaged"


def test_arms_of_one_label_that_are_trained_otherwise_are_told_apart() -> None:
    mine = evaluation("alpha", 42, 0.1)
    theirs = evaluation("alpha", 123, 0.2, settings={"arm": "another"})
    names = [row.arm for row in Results(evaluations=[mine, theirs]).measured]
    assert len(set(names)) == 2
    assert all(name.startswith("alpha [") for name in names)


def test_protocols_and_backbones_stand_apart() -> None:
    found = Results(
        evaluations=[
            *evaluations(),
            *evaluations(max_test=2000),
            *evaluations(protocol="index", k=10),
            *evaluations(backbone="bge"),
        ]
    )
    assert [group.name for group in found.settings] == [
        "minilm, loo", "minilm, loo-2000", "minilm, index-k=10", "bge, loo",
    ]  # fmt: skip


def test_an_arm_has_one_colour_everywhere() -> None:
    assert Results(evaluations=evaluations()).places == {arm: place for place, arm in enumerate(CLOSE)}


def test_names_of_files() -> None:
    assert slug("clinc (minilm-1a2b), loo-2000/x: v5 - mrl") == "clinc-minilm-1a2b-loo-2000-x-v5-mrl"


def test_an_arm_has_one_name_on_trees_of_any_depth() -> None:
    two = evaluation("v5", 42, 0.1, settings={"epochs": 5, "dims": [64, 256], "full": [0.0, 1.0]})
    three = evaluation(
        "v5", 42, 0.1, "deep", profile=profile((2, 4, 8), (1.0, 1.0, 1.0)),
        settings={"epochs": 5, "dims": [64, 256], "full": [0.0, 0.0, 1.0]},
    )  # fmt: skip
    other = evaluation("v5", 123, 0.1, settings={"epochs": 9, "dims": [64, 256], "full": [0.0, 1.0]})
    assert {row.arm for row in Results(evaluations=(two, three)).measured} == {"v5"}
    assert len({row.arm for row in Results(evaluations=(two, three, other)).measured}) == 3


def test_seeds_come_in_the_order_of_numbers(tmp_path: Path) -> None:
    for one in evaluations({"v5": [0.1, 0.2, 0.3]}):
        path = tmp_path / f"seed-{one.seed}" / "evaluation-loo.json"
        path.parent.mkdir()
        write_document(path, one)
    found = [one.seed for one in read_results(tmp_path).evaluations]
    assert found == sorted(found)
