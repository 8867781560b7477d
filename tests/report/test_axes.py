"""Sections on the axes of ablations, from documents made by hand."""

import pytest

from fractalctl.measures.levels import level_measures
from fractalctl.report import capacity, depth, noise
from fractalctl.report.measured import published
from fractalctl.report.sections import Picture, Table

pytest.importorskip("matplotlib")
SEEDS = (42, 123, 456)
SHAKE = {42: -0.002, 123: 0.0, 456: 0.002}
DIMS = (64, 128, 192, 256)


def document(corpus: str, runs: list, **more) -> dict:
    return {
        "corpus": corpus, "backbone": "minilm", "head": "linear", "protocol": "loo", "n_queries": 500,
        "dims": list(DIMS), "profile": {"classes": [10, 150], "h_l1_given_l0": 3.9}, "runs": runs, **more,
    }  # fmt: skip


def along(corpus: str, varied: str, curves: dict, depth_bits: float = 3.9) -> dict:
    """A file of an axis with points, from mean S by strategy and point; seeds differ, ever more."""
    runs = [
        {"strategy": strategy, "seed": seed, varied: point, "steerability": {"S": s + shake * scale}}
        for strategy, curve in curves.items()
        for scale, (point, s) in enumerate(curve.items(), start=1)
        for seed, shake in zip(SEEDS, _shakes(strategy), strict=True)
    ]
    points = list(next(iter(curves.values())))
    profile = {"classes": [10, 150], "h_l1_given_l0": depth_bits}
    return document(corpus, runs, varied=varied, values=points, profile=profile)


def _shakes(strategy: str) -> list[float]:
    """Not the same for both arms, or their differences would have no spread."""
    return [SHAKE[seed] if strategy == "v5" else -2 * SHAKE[seed] for seed in SEEDS]


def parts(section, kind) -> list:
    return [part for part in section.parts if isinstance(part, kind)]


def cells(table: Table, *start: object) -> dict:
    """One row of a table by column; of columns with one name the last stands."""
    row = next(row for row in table.rows if tuple(row[: len(start)]) == start)
    return dict(zip(table.columns, row, strict=True))


def verdicts(section) -> dict:
    return {(claim.split(" (")[0], where.split(",")[0]): text for claim, where, text in section.claims}


def test_capacity_says_where_the_peak_is() -> None:
    falling = along(
        "clinc", "block", {"v5": {16: 0.2, 64: 0.1, 128: 0.05}, "mrl": {16: 0.02, 64: 0.01, 128: 0.0}}
    )
    rising = along(
        "trec", "block", {"v5": {16: 0.02, 64: 0.04, 128: 0.05}, "mrl": {16: 0.0, 64: 0.0, 128: 0.0}}
    )
    section = capacity.section([falling, rising])
    (table,), (picture,) = parts(section, Table), parts(section, Picture)
    assert cells(table, "clinc", 16)["v5 S"] == "+0.200 ± 0.002"
    assert cells(table, "clinc", 128)["full length"] == 512
    assert "(m = 3)" in str(table.rows[0][6])
    assert len(picture.figure.axes) == 2
    found = verdicts(section)
    claim = "S is largest at the smallest block, 16 numbers"
    assert found[claim, "clinc"].startswith("**holds**: peak of +0.200 at 16")
    assert found[claim, "trec"].startswith("**does not hold**: peak of +0.050 at 128")
    assert len(section.claims) == 2


def test_capacity_over_corpora_correlates_with_depth() -> None:
    documents = [
        along(name, "block", {"v5": {16: s}}, bits)
        for name, s, bits in (
            ("yahoo", 0.01, 1.23),
            ("trec", 0.03, 2.21),
            ("wos", 0.02, 5.05),
            ("clinc", 0.06, 3.9),
        )
    ]
    section = capacity.section(documents)
    text = next(text for claim, _, text in section.claims if "H(L1|L0)" in claim)
    # Ranks of S: 1 3 2 4; of depth: 1 2 4 3; rho = 1 - 6 (0 + 1 + 4 + 1) / (4 * 15) = 0.4.
    assert text.startswith("**same direction, not significant**: blocks of 16: rho = 0.40")


def test_noise_says_what_is_left_beside_the_papers() -> None:
    one = along("clinc", "noise", {"v5": {0: 0.2, 10: 0.18, 50: 0.05}, "mrl": {0: 0.01, 10: 0.01, 50: -0.04}})
    section = noise.section([one])
    table = parts(section, Table)[0]
    assert cells(table, "clinc", 10)["left of it"] == "90%"
    assert (cells(table, "clinc", 10)["paper v5 S"], cells(table, "clinc", 10)["paper left"]) == (
        "+0.152",
        "85%",
    )
    assert cells(table, "clinc", 0)["paper left"] == "-"
    found = verdicts(section)
    assert found["85% or more of S is left at 10 % noise", "clinc"] == "**holds**: 90%"
    assert found["34% or more of S is left at 50 % noise", "clinc"] == "**does not hold**: 25%"
    beyond = "v5 needs no perfect hierarchy: it is steerable beyond mrl at the most noise"
    assert found[beyond, "clinc"].startswith("**holds**: S +0.050 against -0.040 of mrl at 50 %")
    assert [len(axes.lines) > 2 for axes in parts(section, Picture)[0].figure.axes] == [True]


def test_the_papers_numbers_stand_beside_no_other_protocol_and_no_other_corpus() -> None:
    other = along("clinc", "noise", {"v5": {0: 0.2, 10: 0.18}}) | {"protocol": "index"}
    section = noise.section([other, along("trec", "noise", {"v5": {0: 0.2, 10: 0.18}})])
    assert all(row[-1] == "-" for table in parts(section, Table) for row in table.rows)
    assert section.claims == []


def test_what_is_left_of_nothing_is_not_said() -> None:
    assert noise.kept(along("clinc", "noise", {"v5": {0: -0.01, 10: 0.02}}), 10) is None


def deep(corpus: str, tables: dict, classes=(5, 10, 150)) -> dict:
    """A file of the axis depth, from accuracies in % by strategy, level and length."""
    runs = []
    for strategy, levels in tables.items():
        for seed, shake in zip(SEEDS, _shakes(strategy), strict=True):
            accuracy = {
                str(length): {
                    level: values[place] / 100 + shake * place * (number + 1)
                    for number, (level, values) in enumerate(levels.items())
                }
                for place, length in enumerate(DIMS)
            }
            runs.append(
                {"strategy": strategy, "seed": seed, "accuracy": accuracy, **level_measures(accuracy)}
            )
    profile = {"classes": list(classes), "h_l1_given_l0": 3.9}
    return document(corpus, runs, levels=len(classes), profile=profile)


def test_the_papers_table_8_through_the_section() -> None:
    paper = published("axes")["depth"]["clinc"]
    section = depth.section([deep("clinc", {name: paper[name] for name in ("v5", "mrl")})])
    accuracy, pairs = parts(section, Table)
    row = cells(accuracy, "clinc, L2 (150)", "v5")
    assert (row["64"], row["paper 64"], row["gain"]) == ("92.7 ± 0.0", "92.7", "+3.2 ± 1.8")
    row = cells(pairs, "clinc", "S_02")
    assert row["v5 S"].startswith("+0.027")
    assert (row["mrl S"].split(" ")[0], row["paper v5 S"]) == ("+0.001", "+0.027 ± 0.005")
    found = verdicts(section)
    assert (
        "gains in points L0 +0.5, L1 +1.0, L2 +3.2"
        in found["each finer level gains more from further dimensions under v5", "clinc"]
    )
    assert found["mrl is flat: no level gains more than 0.4 points", "clinc"] == "**holds**: L2 gains +0.4"


def test_a_ramp_in_the_wrong_order_does_not_hold() -> None:
    levels = {"L0": [50, 60, 70, 80], "L1": [50, 55, 60, 65], "L2": [50, 60, 70, 85]}
    section = depth.section([deep("garden", {"v5": levels})])
    (text,) = (text for _, _, text in section.claims)
    assert text.startswith("**does not hold**: gains in points L0 +30.0, L1 +15.0, L2 +35.0; 50%")
    assert all(cell == "-" for cell in parts(section, Table)[0].rows[0][-4:])


def test_corpora_of_unlike_trees_share_a_picture() -> None:
    levels = {"L0": [50, 51, 52, 53], "L1": [50, 53, 55, 60], "L2": [50, 60, 70, 85], "L3": [10, 20, 30, 50]}
    four = deep("pydocs", {"v5": levels}, (2, 4, 8, 16))
    three = deep("clinc", {name: dict(list(levels.items())[:3]) for name in ("v5", "mrl")})
    section = depth.section([four, three])
    assert len(parts(section, Picture)[0].figure.axes) == 4
    assert {row[1] for row in parts(section, Table)[1].rows if row[0] == "pydocs"} == {
        "S_01", "S_02", "S_03", "S_12", "S_13", "S_23",
    }  # fmt: skip
