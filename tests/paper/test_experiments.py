"""Claims about ablations and synthetic hierarchies."""

from typing import Any

import pytest

from fractalctl.documents.estimates import Peak, Quadratic, Slopes, VertexBootstrap
from fractalctl.paper.judging import Verdict
from tests.paper.material import (
    CLOSE,
    NOISY,
    REVERSED,
    beside,
    findings,
    profile,
    results,
    run,
    synthesis,
    verdicts,
)
from tests.report.documents import SEEDS, ablation, runs_of

HOLDS, DIRECTION, FAILS, OPEN = Verdict


def alignment(values, corpus: str = "clinc"):
    return ablation("alignment", runs_of(values), corpus)


def test_alignment() -> None:
    found = {name: verdicts("table-4", results(ablations=[alignment(values)])) for name, values in {
        "close": CLOSE, "reversed": REVERSED, "noisy": NOISY}.items()}  # fmt: skip
    assert set(found["close"].values()) == {HOLDS}
    assert len(found["close"]) == 5
    assert set(found["reversed"].values()) == {FAILS}
    assert found["noisy"] == {
        "inverting the alignment reverses the sign": FAILS,
        "no-prefix takes S from v5": DIRECTION,
        "uhmt takes S from v5": DIRECTION,
        "no-prefix leaves S near zero": OPEN,
        "uhmt leaves S near zero": OPEN,
    }


def test_a_sign_that_is_not_sure_is_a_direction() -> None:
    values = CLOSE | {"inverted": [-0.1, 0.08, -0.05, 0.02]}
    found = verdicts("table-4", results(ablations=[alignment(values)]))
    assert found["inverting the alignment reverses the sign"] is DIRECTION


def test_table_4_corrects_over_corpora_in_the_papers_families() -> None:
    rows = beside("table-4", results(ablations=[alignment(CLOSE), alignment(CLOSE, "trec")]))
    where = "trec, minilm, loo"
    family = {
        name: str(rows[where, f"v5, {name}", "p (Holm)"][0])[-7:]
        for name in ("inverted", "no-prefix", "uhmt")
    }
    assert family == {"inverted": "(m = 4)", "no-prefix": "(m = 4)", "uhmt": "(m = 2)"}
    assert rows[where, "v5, inverted", "paired t"][1] == "4.5"
    assert rows[where, "v5, inverted", "p (Holm)"][1] == "0.092"
    assert rows[where, "v5", "S"][1] == "+0.045 ± 0.023"


def tuning(**cells: list[float]):
    runs = []
    for name, values in cells.items():
        arm, encoder = name.split("_")
        runs += runs_of({arm: values}, {"encoder": encoder})
    return ablation("backbone", runs)


UNCHANGED = (
    "training the encoder leaves the S of v5 as it is",
    "training the encoder leaves the S of mrl as it is",
)


def test_training_the_encoder() -> None:
    v5, mrl = CLOSE["v5"], CLOSE["mrl"]
    near = [value + step for value, step in zip(v5, (0.001, -0.002, 0.002, 0.0), strict=True)]
    also = [value + step for value, step in zip(mrl, (0.001, -0.002, 0.002, 0.0), strict=True)]
    document = tuning(v5_frozen=v5, v5_tuned=near, mrl_frozen=mrl, mrl_tuned=also)
    found = verdicts("figure-7", results(ablations=[document]))
    assert len(found) == 5
    assert set(found.values()) == {HOLDS}
    less = tuning(
        v5_frozen=v5, v5_tuned=[value - 0.05 - value / 20 for value in v5], mrl_frozen=mrl, mrl_tuned=mrl
    )
    assert verdicts("figure-7", results(ablations=[less]))[UNCHANGED[0]] is FAILS


def test_an_insignificant_change_is_no_proof_of_none() -> None:
    """As the paper has it, p = 0.4 for "training changes nothing": with such a spread nobody can tell."""
    v5, mrl = CLOSE["v5"], CLOSE["mrl"]
    noisy = [value + step for value, step in zip(v5, (0.05, -0.06, 0.04, 0.01), strict=True)]
    document = tuning(v5_frozen=v5, v5_tuned=noisy, mrl_frozen=mrl, mrl_tuned=mrl)
    found = verdicts("figure-7", results(ablations=[document]))
    assert found[UNCHANGED[0]] is OPEN
    assert found[UNCHANGED[1]] is OPEN  # no spread at all is no evidence either


def test_figure_7_stands_beside_the_papers() -> None:
    document = tuning(
        v5_frozen=CLOSE["v5"], v5_tuned=CLOSE["v5"], mrl_frozen=CLOSE["mrl"], mrl_tuned=CLOSE["mrl"]
    )
    rows = beside("figure-7", results(ablations=[document]))
    where = "clinc, minilm, loo"
    assert rows[where, "v5 frozen", "S"][1] == "+0.050 ± 0.005"
    assert rows[where, "mrl tuned", "S"][1] == "+0.003 ± 0.003"
    assert (where, "v5 tuned", "S") not in rows  # the paper prints none
    assert rows[where, "v5 frozen, mrl tuned", "d_av"][1] == "11.6"
    assert rows[where, "v5 tuned, v5 frozen", "p (ours: paired, Holm)"][1] == "0.57"


def capacity(values: dict[int, list[float]], corpus: str = "clinc", depth: float = 3.9):
    runs = [
        one
        for size, column in values.items()
        for one in runs_of({"v5": column, "mrl": [0.0] * 4}, {"block": size})
    ]
    return ablation("capacity", runs, corpus, profile=profile((4, 20), (2.0, depth)))


PEAK = "S is largest at the smallest block"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({16: [0.30, 0.31, 0.29, 0.30], 64: [0.1, 0.12, 0.11, 0.1]}, HOLDS),
        ({16: [0.30, 0.10, 0.20, 0.15], 64: [0.1, 0.12, 0.11, 0.1]}, DIRECTION),
        ({16: [0.10, 0.11, 0.12, 0.10], 32: [0.2, 0.22, 0.2, 0.21], 64: [0.1, 0.12, 0.11, 0.1]}, FAILS),
        ({16: [0.10, 0.11, 0.12, 0.10], 32: [0.2, 0.05, 0.2, 0.01], 64: [0.1, 0.12, 0.11, 0.1]}, OPEN),
    ],
)
def test_capacity(values, expected) -> None:
    assert verdicts("figure-6", results(ablations=[capacity(values)]))[PEAK] is expected


def test_capacity_over_corpora() -> None:
    claim = "at the smallest block S rises with H(L1|L0)"
    columns = [[value + step / 1000 for step in range(4)] for value in (0.1, 0.2, 0.3, 0.4, 0.5)]
    documents = [
        capacity({16: column, 64: column}, f"corpus-{n}", n + 1.0) for n, column in enumerate(columns)
    ]
    assert verdicts("figure-6", results(ablations=documents))[claim] is HOLDS
    assert verdicts("figure-6", results(ablations=documents[:3]))[claim] is DIRECTION
    assert claim not in verdicts("figure-6", results(ablations=documents[:2]))
    falling = [capacity({16: column, 64: column}, f"corpus-{n}", 9.0 - n) for n, column in enumerate(columns)]
    assert verdicts("figure-6", results(ablations=falling))[claim] is FAILS


def noise(v5: dict[int, list[float]], mrl: list[float], corpus: str = "clinc", **changes: Any):
    runs = [
        one for share, column in v5.items() for one in runs_of({"v5": column, "mrl": mrl}, {"noise": share})
    ]
    return ablation("noise", runs, corpus, **changes)


def test_noise() -> None:
    clean, flat = [0.20, 0.21, 0.19, 0.20], [0.001, 0.0, 0.002, 0.0]
    most = "v5 needs no perfect hierarchy: it is steerable beyond mrl at the most noise"
    robust = noise({0: clean, 10: [0.19, 0.2, 0.18, 0.195], 30: clean, 50: [0.15, 0.16, 0.15, 0.14]}, flat)
    found = verdicts("section-8", results(ablations=[robust]))
    assert found == {
        "85 % or more of S is left at 10 % noise": HOLDS,
        "71 % or more of S is left at 30 % noise": HOLDS,
        "34 % or more of S is left at 50 % noise": HOLDS,
        most: HOLDS,
    }
    frail = noise(
        {0: clean, 10: [0.15, 0.1, 0.24, 0.15], 30: [0.16, 0.1, 0.24, 0.15], 50: [0.0, 0.01, -0.01, 0.0]},
        clean,
    )
    found = verdicts("section-8", results(ablations=[frail]))
    assert found == {
        "85 % or more of S is left at 10 % noise": OPEN,
        "71 % or more of S is left at 30 % noise": DIRECTION,
        "34 % or more of S is left at 50 % noise": FAILS,
        most: FAILS,
    }


def test_the_papers_shares_are_of_its_own_corpus_and_protocol() -> None:
    values = {0: CLOSE["v5"], 10: CLOSE["v5"]}
    for document in (noise(values, CLOSE["mrl"], "trec"), noise(values, CLOSE["mrl"], protocol="index")):
        assert len(findings("section-8", results(ablations=[document]))) == 1
        assert beside("section-8", results(ablations=[document])) == {}


def depth(v5: list[list[float]], mrl: list[list[float]]):
    """Gains of three levels by seed."""
    runs = [
        run(arm, seed, 0.0, gain_L0=g0, gain_L1=g1, gain_L2=g2, S_01=g1 - g0, S_12=g2 - g1, S_02=g2 - g0)
        for arm, table in (("v5", v5), ("mrl", mrl))
        for seed, (g0, g1, g2) in zip(SEEDS, table, strict=False)
    ]
    return ablation("depth", runs, profile=profile((5, 10, 150), (2.0, 1.0, 3.9)))


def test_depth() -> None:
    steep = [[0.005, 0.02, 0.05], [0.004, 0.021, 0.052], [0.006, 0.019, 0.047]]
    level = [[0.001, 0.0, 0.002], [-0.001, 0.001, 0.0], [0.0, 0.001, 0.001]]
    ramp, outermost, flat = (
        "each finer level gains more from further dimensions under v5",
        "between the outermost levels v5 is steerable beyond mrl",
        "mrl is flat: no level gains more than 0.4 points",
    )
    found = verdicts("table-8", results(ablations=[depth(steep, level)]))
    assert found == {ramp: HOLDS, outermost: HOLDS, flat: HOLDS}
    falling = [row[::-1] for row in steep]
    found = verdicts("table-8", results(ablations=[depth(falling, steep)]))
    assert found == {ramp: FAILS, outermost: FAILS, flat: FAILS}
    noisy = [[0.0, 0.01, 0.03], [0.02, -0.03, 0.05], [-0.02, 0.04, 0.0]]
    wide = [[0.01, 0.0, -0.01], [-0.01, 0.01, 0.01], [0.0, -0.01, 0.0]]
    found = verdicts("table-8", results(ablations=[depth(noisy, wide)]))
    assert found == {ramp: DIRECTION, outermost: DIRECTION, flat: OPEN}


def test_table_8_stands_beside_the_papers() -> None:
    document = depth([[0.0, 0.01, 0.03]] * 3, [[0.0, 0.0, 0.0]] * 3)
    levels = {str(d): {"L0": 0.99, "L1": 0.98, "L2": 0.95} for d in (64, 128, 192, 256)}
    from msgspec.structs import replace

    document = replace(document, runs=[replace(one, accuracy=levels) for one in document.runs])
    rows = beside("table-8", results(ablations=[document]))
    where = "clinc, minilm, loo"
    assert rows[where, "v5", "L2 at 256, %"] == ("95.0 ± 0.0", "95.9")
    assert rows[where, "mrl", "S_02"] == ("0.000 ± 0.000", "+0.002 ± 0.005")
    other = replace(document, profile=profile((5, 10, 140), (2.0, 1.0, 3.9)))
    assert beside("table-8", results(ablations=[other])) == {}


def peak(low: float, high: float, p: float | None, vertex: float, ci, kind: str = "maximum") -> Peak:
    fit = Quadratic(n=4, coefficients=(0, 1, -1), r2=0.9, vertex=vertex, kind=kind, inside=kind == "maximum")
    return Peak(fit, Slopes(low, high, p), VertexBootstrap(100, 1.0, ci), None)


SIZES = {2: 0.1, 10: 0.2, 15: 0.3, 75: 0.2}


def experiment(gap: float = 1.0, spread: float = 0.001, mrl: float = 0.0, curve: Peak | None = None):
    """S of v5 rises and falls over K0, seeds apart by the spread."""
    steps = [-spread, 0.0, spread / 2, spread]
    values = {
        size: {"v5": [gap * s + step for step in steps], "mrl": [mrl - 2 * step for step in steps]}
        for size, s in SIZES.items()
    }
    curve = curve or peak(0.05, -0.02, 0.01, 3.8, (3.7, 3.9))
    return results(syntheses=[synthesis(values, {"v5": curve})])


U, TOP, DRIVER, FLAT, BEYOND = (
    "S rises and then falls with H(L0)",
    "S peaks at H(L0) of 3.6 to 4.0 bits",
    "the experiment shows that H(L0) drives S",
    "mrl stays near zero at every K0",
    "v5 is steerable beyond mrl at every K0",
)


def test_synthetic_hierarchies() -> None:
    assert verdicts("table-5", experiment()) == {
        U: HOLDS,
        TOP: HOLDS,
        DRIVER: FAILS,
        FLAT: HOLDS,
        BEYOND: HOLDS,
    }
    found = verdicts(
        "table-5", experiment(gap=-1.0, mrl=0.1, curve=peak(-0.05, -0.02, 1.0, 3.8, None, "minimum"))
    )
    assert found == {U: FAILS, TOP: FAILS, DRIVER: FAILS, FLAT: FAILS, BEYOND: FAILS}
    found = verdicts("table-5", experiment(spread=0.2, curve=peak(0.05, -0.02, 0.2, 3.8, (2.0, 6.0))))
    assert found == {U: DIRECTION, TOP: DIRECTION, DRIVER: FAILS, FLAT: OPEN, BEYOND: DIRECTION}


@pytest.mark.parametrize(
    ("vertex", "ci", "expected"), [(4.39, (4.1, 4.7), FAILS), (4.1, (3.8, 4.5), OPEN), (3.8, None, DIRECTION)]
)
def test_a_wide_interval_does_not_place_the_peak(vertex, ci, expected) -> None:
    assert verdicts("table-5", experiment(curve=peak(0.05, -0.02, 0.01, vertex, ci)))[TOP] is expected


def test_table_5_stands_beside_the_papers() -> None:
    rows = beside("table-5", experiment())
    assert rows["clinc, minilm, loo", "v5", "S at K0 = 10"] == ("+0.200 ± 0.001", "+0.270")
    assert rows["clinc, minilm, loo", "mrl", "S at K0 = 10"][1] == "-0.012"
