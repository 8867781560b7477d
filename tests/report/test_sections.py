"""Every section, drawn of typed documents made by hand; no arm, corpus or axis is known by name."""

import re
from statistics import mean, stdev

import numpy as np
import pytest
from msgspec.structs import replace

from fractalctl.documents.estimates import Peak, Quadratic, Slopes
from fractalctl.report import Results, report_sections
from fractalctl.report.figures import mean_interval, svg
from fractalctl.report.sections import ablations, accuracy, latency, runs, steerability, synthesis
from fractalctl.statistics import summarise
from fractalctl.tables import Picture, Section, Table
from tests.report import documents as made
from tests.report.documents import CLOSE

CURVE = Peak(
    quadratic=Quadratic(
        n=3,
        coefficients=(0.0, 0.1, -0.02),
        r2=0.9,
        vertex=2.5,
        kind="maximum",
        inside=True,
        vertex_ci=(2.0, 3.0),
    ),
    slopes=Slopes(0.05, -0.03, 0.01),
    bootstrap=None,
    band=None,
)
SIZES = {
    2: [CLOSE, CLOSE],
    15: [{arm: [s + 0.1 for s in seeds] for arm, seeds in CLOSE.items()}] * 2,
    75: [CLOSE] * 2,
}


def noise(corpus: str = "clinc", depth: float = 3.9):
    runs = [
        run
        for share, s in ((0, 0.2), (10, 0.18), (50, 0.05))
        for run in made.runs_of(
            {"alpha": [s - 0.01, s, s + 0.01], "gamma": [0.0, 0.01, -0.04]}, {"noise": share}
        )
    ]
    return made.ablation("noise", runs, corpus, profile=made.profile((10, 150), (3.3, depth)))


def tuned():
    found = made.runs_of(CLOSE, {"encoder": "frozen"})
    found += made.runs_of(
        CLOSE, {"encoder": "tuned"}, more={"moved": 0.0123}, baseline={"L0": 0.92, "L1": 0.66}
    )
    return made.ablation("backbone", found, about={"layers": 2, "base_identity": "x" * 64})


def deep(**changes):
    three = made.accuracy(0.2, levels=3)
    runs = made.runs_of(CLOSE, accuracy=three, more={"S_01": 0.2, "gain_L1": 0.1, "monotone_zoom": 1.0})
    return made.ablation("depth", runs, profile=made.profile((5, 10, 150), (2.0, 1.0, 3.9)), **changes)


def called(one):
    """The same document, whose levels have names."""
    names = ["division", "area", "intent"][-len(one.profile.classes) :]
    return replace(one, profile=replace(one.profile, levels=names))


@pytest.fixture(scope="module")
def everything() -> list[Section]:
    """The sections of results of every kind."""
    evaluations = [
        *made.measured_everywhere(),
        *(one for name in "xyz" for one in made.evaluations(corpus=name)),
    ]
    evaluations += made.evaluations(backbone="bge")
    found = [
        made.ablation("alignment", made.runs_of(CLOSE)),
        noise(),
        noise("x", 2.2),
        noise("y", 5.0),
        tuned(),
        deep(),
    ]
    found.append(made.ablation("of-a-plug-in", made.runs_of(CLOSE, {"temperature": "hot"})))
    syntheses = [made.synthesis(SIZES, {"alpha": CURVE})]
    results = Results(
        evaluations=evaluations,
        ablations=found,
        syntheses=syntheses,
        latencies=[made.latency(), made.latency(random=True)],
        zooms=[made.zoom()],
        statistics=summarise(evaluations, found, syntheses),
    )
    return report_sections(results)


def parts(section: Section | None, kind: type) -> list:
    assert section
    return [part for part in section.parts if isinstance(part, kind)]


def table_named(section: Section | None, beginning: str) -> Table:
    return next(part for part in parts(section, Table) if part.name.startswith(beginning))


def cells(table: Table, *start: object) -> dict[str, object]:
    row = next(row for row in table.rows if list(row[: len(start)]) == list(start))
    return dict(zip(table.columns, row, strict=True))


def test_every_section_has_its_tables(everything: list[Section]) -> None:
    assert [section.title for section in everything] == [
        "What you get", "Summary", "Semantic zoom", "Corpora", "Accuracy", "Steerability", "Comparisons",
        "Pooled over corpora",
        "Scaling over corpora", "Robustness of the measure", "Ablations", "Synthetic hierarchies",
        "Retrieval",
        "Localisation", "Routing", "One head or two", "Information", "What a shorter vector keeps",
        "Query latency", "Runs",
    ]  # fmt: skip
    names = [part.name for section in everything for part in section.parts if isinstance(part, Table)]
    assert len(names) == len(set(names))
    for section in everything:
        for table in parts(section, Table):
            assert table.rows, table.name
            assert {len(row) for row in table.rows} == {len(table.columns)}, table.name
            assert len(set(table.columns)) == len(table.columns), table.name
            assert "nan" not in str(table.rows), table.name


def test_every_picture_can_be_drawn(everything: list[Section]) -> None:
    pytest.importorskip("matplotlib")
    pictures = [part for section in everything for part in section.parts if isinstance(part, Picture)]
    assert len({picture.name for picture in pictures}) == len(pictures) >= 20
    for picture in pictures:
        figure = picture.draw()
        assert all(axes.has_data() or not axes.axison for axes in figure.axes), picture.name


@pytest.mark.parametrize("name", ["accuracy", "steerability", "forest", "synthetic", "latency"])
def test_pictures_are_the_same_bytes_each_time(name: str, everything: list[Section]) -> None:
    pytest.importorskip("matplotlib")
    pictures = [part for section in everything for part in section.parts if isinstance(part, Picture)]
    picture = next(one for one in pictures if one.name.startswith(name))
    assert svg(picture.draw()) == svg(picture.draw())


def test_results_without_anything_have_no_section_that_needs_something() -> None:
    assert [section.title for section in report_sections(Results())] == ["Summary"]


def test_one_seed_of_one_arm_of_one_length_is_enough() -> None:
    pytest.importorskip("matplotlib")
    alone = made.evaluation("mine", 42, 0.1, dims=[32])
    sections = report_sections(Results(evaluations=[alone], statistics=summarise([alone], [], [])))
    for section in sections:
        for picture in parts(section, Picture):
            picture.draw()
    shown = next(section for section in sections if section.title == "Steerability")
    row = cells(table_named(shown, "steerability"), "clinc", "mine")
    assert (row["S"], row["95 % CI"], row["over queries"]) == ("+0.100", "—", "[0.070, 0.140]")


def test_corpora_stand_once_and_say_how_many_rows_repeat() -> None:
    more = made.evaluations(max_test=2000, n_queries=2000, duplicates=None)
    table = table_named(runs.corpora(Results(evaluations=[*made.evaluations(), *more])), "corpora")
    assert len(table.rows) == 1
    row = cells(table, "clinc")
    assert (row["classes"], row["branch"], row["H(coarsest)"], row["H(finest | coarsest)"]) == (
        "10 > 150",
        "15.0",
        "3.30",
        "3.90",
    )
    assert row["repeated rows"] == "—"
    table = table_named(
        runs.corpora(Results(evaluations=made.evaluations(dropped_duplicates=True))), "corpora"
    )
    assert cells(table, "clinc")["repeated rows"] == "11 of 500, left out"


def test_accuracy_stands_beside_the_backbone_cut_alike() -> None:
    table = table_named(accuracy.build(Results(evaluations=made.evaluations())), "accuracy")
    row = cells(table, "clinc", "L1", "alpha")
    shares = [100 * (0.8 - s) for s in CLOSE["alpha"]]
    assert row["shortest prefix"] == f"{mean(shares):.1f} ± {stdev(shares):.1f}"
    assert (row["backbone"], row["backbone, cut"], row["full length"]) == ("90.0", "66.4", "80.0 ± 0.0")
    assert {row[2] for row in table.rows} == set(CLOSE), "no arm is left out"


def test_steerability_has_an_interval_over_seeds_and_every_seed() -> None:
    section = steerability.build(Results(evaluations=made.evaluations()))
    row = cells(table_named(section, "steerability"), "clinc", "alpha")
    assert row["S"] == f"{mean(CLOSE['alpha']):+.3f} ± {stdev(CLOSE['alpha']):.3f}"
    low, high = mean_interval(CLOSE["alpha"]) or (0, 0)
    assert row["95 % CI"] == f"[{low:.3f}, {high:.3f}]"
    assert cells(table_named(section, "steerability-seeds"), "clinc", "alpha")["456"] == "+0.110"
    (picture,) = parts(section, Picture)
    assert picture.alt.endswith("The largest mean is that of alpha on clinc.")


def test_comparisons_are_those_of_the_documents_of_statistics() -> None:
    found = made.evaluations() + made.evaluations(corpus="trec")
    sections = report_sections(
        Results(evaluations=found, statistics=summarise(found, [], [], reference="gamma"))
    )
    section = next(section for section in sections if section.title == "Comparisons")
    table = table_named(section, "comparisons-alpha-gamma")
    assert [row[0] for row in table.rows] == ["clinc", "trec"]
    assert cells(table, "trec")["gap"] == f"{mean(CLOSE['alpha']) - mean(CLOSE['gamma']):+.3f}"


def test_of_one_corpus_nothing_is_said_over_corpora() -> None:
    found = made.evaluations()
    sections = report_sections(
        Results(evaluations=found, statistics=summarise(found, [], [], reference="gamma"))
    )
    by_title = {section.title: section for section in sections}
    assert "Robustness of the measure" not in by_title
    compared = by_title["Comparisons"]
    assert not [table.name for table in parts(compared, Table) if table.name.startswith("signs")]
    assert "H(L1|L0)" not in table_named(compared, "comparisons-alpha-gamma").columns
    text = " ".join(parts(compared, str))
    for word in ("sign test, p", "of 1 corpora", "meta-analysis", "power law"):
        assert word not in text
    assert f"On clinc the mean S of alpha was {mean(CLOSE['alpha']):+.3f} and that of gamma -0.02" in text


def test_unpaired_seeds_are_said_and_not_tested() -> None:
    found = made.evaluations(CLOSE | {"gamma": CLOSE["gamma"][:2]})
    statistics = summarise(found, [], [], reference="alpha")
    sections = report_sections(Results(evaluations=found, statistics=statistics))
    section = next(section for section in sections if section.title == "Comparisons")
    compared = [table.name for table in parts(section, Table) if table.name.startswith("comparisons")]
    assert [name for name in compared if "beta" in name]
    assert not [name for name in compared if "gamma" in name]
    assert [text for text in parts(section, str) if "gamma" in text and "789" in text]


def test_an_axis_says_what_is_left_of_the_first_value() -> None:
    section = ablations.build(Results(ablations=[noise()]))
    table = table_named(section, "ablation-noise")
    assert table.columns[:3] == ["corpus", "noise", "arm"]
    assert cells(table, "clinc", 50, "alpha")["of that at the first"] == "25 %"
    assert cells(table, "clinc", 10, "gamma")["of that at the first"] == "—", "nothing is left of nothing"
    assert cells(table, "clinc", 10, "alpha")["S"] == "+0.180 ± 0.010"


def test_ablation_tests_are_corrected_over_corpora_where_they_were_tested_together() -> None:
    both = [made.ablation("alignment", made.runs_of(CLOSE), corpus) for corpus in ("clinc", "trec")]
    section = ablations.build(Results(ablations=both, statistics=summarise([], both, [], reference="alpha")))
    table = table_named(section, "pairs-alignment")
    assert {row[0] for row in table.rows} == {"clinc", "trec"}
    assert "(m = 4)" in str(table.rows[0]), "two pairs of arms on two corpora"


def test_what_an_axis_measures_besides_is_shown() -> None:
    section = ablations.build(Results(ablations=[tuned()]))
    row = cells(table_named(section, "ablation-further"), "clinc", "tuned", "alpha")
    assert (row["moved"], row["features, %, L1"], row["own features, %, L1"]) == (
        "+0.012 ± 0.000",
        "90.0",
        "66.0 ± 0.0",
    )
    assert any("Layers 2." in text and "xxx" not in text for text in parts(section, str))
    (picture,) = parts(section, Picture)
    assert len(picture.draw().axes[0].containers) == 2 * len(CLOSE), "an interval for each condition"


def test_deep_trees_show_every_level() -> None:
    section = ablations.build(Results(ablations=[deep()]))
    row = cells(table_named(section, "ablation-accuracy"), "clinc", "alpha", "L2 (150)")
    assert (row["prefix 1"], row["prefix 4"], row["gain"]) == ("30.0 ± 0.0", "70.0 ± 0.0", "+40.0 ± 0.0")
    gains = next(picture for picture in parts(section, Picture) if "gains" in picture.name).draw()
    assert len(gains.axes) == len(CLOSE)
    three = made.accuracy(0.2, levels=3)
    runs = [run for count in (10, 50) for run in made.runs_of(CLOSE, {"rows": count}, accuracy=three)]
    varied = made.ablation("rows", runs, profile=made.profile((5, 10, 150), (2.0, 1.0, 3.9)))
    titles = [axes.get_title() for axes in ablations.gains_figure({"clinc": varied}).axes if axes.axison]
    assert len(titles) == 2 * len(CLOSE) and "clinc, alpha, rows 10" in titles, "points are not mixed"


def test_an_added_level_is_a_table_and_no_list_in_a_sentence() -> None:
    about = {"levels": 3, "added_level": "money: banking, credit_cards; house: home", "base_identity": "x"}
    section = ablations.build(Results(ablations=[deep(about=about)]))
    table = table_named(section, "ablation-depth-added-level")
    assert table.rows == [["clinc", "money", "banking, credit_cards"], ["clinc", "house", "home"]]
    (text,) = [text for text in parts(section, str) if "Levels 3." in text]
    assert "money" not in text and "added_level" not in text
    unseen = made.ablation("unseen", made.runs_of(CLOSE), about={"left_out": "a, b; c: d"})
    table = table_named(ablations.build(Results(ablations=[unseen])), "ablation-unseen-left-out")
    assert table.rows == [["clinc", "a, b; c: d"]]


def test_levels_are_called_by_their_columns() -> None:
    """A code stands behind a name, and alone only where nobody has named the level."""
    evaluations = [called(one) for one in made.measured_everywhere()]
    few = called(made.ablation("rows", made.runs_of(CLOSE, {"rows": 10}, baseline={"L0": 0.9, "L1": 0.6})))
    zoom = replace(made.zoom(), features=evaluations[0].features)
    results = Results(evaluations=evaluations, ablations=[few, called(deep())], zooms=[zoom])
    for section in report_sections(results):
        for table in parts(section, Table):
            for text in map(str, [*table.columns, *(cell for row in table.rows for cell in row)]):
                assert not re.search(r"(?<!\[)L[0-9]", text), (table.name, text)
    shown = {one.title: one for one in report_sections(results)}
    assert "area [L0]" in str(table_named(shown["Semantic zoom"], "zoom").rows)
    assert "intent [L1]" in str(table_named(shown["Retrieval"], "retrieval-depth").rows)
    assert "I(z; intent | area)" in str(table_named(shown["Information"], "information").rows)
    assert "area [L0] (10)" in str(table_named(shown["Ablations"], "ablation-accuracy-rows").rows)
    assert "gain, area [L1]" in table_named(shown["Ablations"], "ablation-further-depth").columns


def test_synthetic_hierarchies_by_size_and_own() -> None:
    found = made.synthesis(SIZES, {"alpha": CURVE})
    tables = synthesis.overview_tables([found])
    where = "clinc, minilm, loo"
    assert [row[1] for row in tables[0].rows] == [2, 15, 75, "own 10"]
    row = cells(tables[0], where, 15)
    assert (row["H(L0)"], row["branch"], row["alpha S"]) == ("3.91", "10.0", "+0.215 ± 0.000")
    curve = cells(tables[1], where, "alpha")
    assert (curve["vertex"], curve["K0 there"], curve["p (inverted U)"]) == ("2.50", "6", "0.010")
    panels = parts(synthesis.build(Results(syntheses=[found])), Picture)[1].draw().axes[:2]
    means = [
        [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == len(SIZES)] for axes in panels
    ]
    assert means[0], "there are lines over either entropy"
    for coarse, fine in zip(*means, strict=True):
        np.testing.assert_allclose(
            (coarse + fine).astype(float), np.log2(150), err_msg="they sum to that of the finest classes"
        )


def test_latency_of_heads_and_of_random_vectors() -> None:
    """Random vectors have no backbone."""
    found = Results(latencies=[made.latency(), made.latency(random=True)], evaluations=made.evaluations())
    sections = {section.title: section for section in report_sections(found)}
    table = table_named(sections["Query latency"], "latency")
    assert {row[0] for row in table.rows} == {"clinc, minilm, alpha, seed 42", "random vectors of 256"}
    row = cells(table, "random vectors of 256", "HNSW, n = 10,000", "ef_search = 16", 64)
    assert (row["p50"], row["times faster"], row["recall, full"], row["MiB"]) == ("13", "4.0", "22.5", "2.4")
    (short,) = latency.overview_tables([made.latency(random=True)])
    assert short.rows[0][:3] == ["Flat, n = 10,000", "exact", "128"]


def test_a_frontier_leaves_out_what_a_cheaper_one_equals() -> None:
    points = [(1.0, 50.0), (2.0, 40.0), (3.0, 90.0), (3.0, 80.0), (4.0, 90.0)]
    assert latency.frontier(points) == [(1.0, 50.0), (3.0, 90.0)]


def test_commands_are_shown_without_the_folders_of_the_machine() -> None:
    argv = [
        "fractalctl",
        "ablate",
        "/a/store/clinc/minilm.h5",
        "--store",
        "/a/store",
        "--runs",
        "/b",
        "--set",
        "epochs=5",
    ]
    found = made.ablation("alignment", made.runs_of(CLOSE), argv=argv)
    text = "\n".join(parts(runs.commands(Results(ablations=[found])), str))
    assert "fractalctl ablate clinc/minilm --set epochs=5" in text
    assert "/a" not in text
    assert "```text\n" in text
    assert "python 3.11" in text


def test_long_labels_leave_room_for_the_figure() -> None:
    """Warnings are errors here: a layout that collapses would say so."""
    pytest.importorskip("matplotlib")
    long = {
        f"{arm}-dims=4x8x12x16-epochs=2-learning_rate=0.01-weight_decay=0.0{n}": [0.1, 0.2]
        for n, arm in enumerate("abcd")
    }
    found = made.measured_everywhere(long, corpus="a-corpus-of-a-rather-long-name", name="minilm-1a2b3c4d")
    other = made.evaluations(
        long, corpus="a-corpus-of-a-rather-long-name", trained_on=made.evaluations()[0].features
    )
    noisy = made.ablation(
        "noise", [run for n in (0, 10) for run in made.runs_of(long, {"noise": n})], "a-long-corpus-name"
    )
    deep = made.ablation(
        "depth",
        made.runs_of(long, accuracy=made.accuracy(0.2, levels=3)),
        profile=made.profile((5, 10, 150), (2, 1, 3)),
    )
    sizes = {size: [{arm: [0.1, 0.2] for arm in long}] for size in (2, 5, 9)}
    results = Results(
        evaluations=[*found, *other],
        ablations=[noisy, deep],
        syntheses=[made.synthesis(sizes, {next(iter(long)): CURVE})],
    )
    for section in report_sections(results):
        for picture in parts(section, Picture):
            svg(picture.draw())
