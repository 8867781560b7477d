"""Claims about evaluations: where they hold, where they do not, where nobody can tell."""

from statistics import mean, stdev

import msgspec
import pytest
from scipy import stats

from fractalctl.paper.judging import Verdict
from tests.paper.material import (
    CLOSE,
    NOISY,
    REVERSED,
    beside,
    evaluation,
    evaluations,
    findings,
    name_of,
    profile,
    results,
    verdicts,
)

HOLDS, DIRECTION, FAILS, OPEN = Verdict
TWO = {name: CLOSE[name] for name in ("v5", "mrl")}


def test_steerability() -> None:
    judged = {name: verdicts("table-3", results(evaluations=evaluations(values))) for name, values in {
        "close": CLOSE, "reversed": REVERSED, "noisy": NOISY}.items()}  # fmt: skip
    assert judged["close"] == {"v5 is steerable beyond mrl": HOLDS, "mrl stays near zero": HOLDS}
    assert judged["reversed"] == {"v5 is steerable beyond mrl": FAILS, "mrl stays near zero": FAILS}
    assert judged["noisy"] == {"v5 is steerable beyond mrl": DIRECTION, "mrl stays near zero": OPEN}


def test_a_point_estimate_near_zero_is_not_enough() -> None:
    """The mean is 0.0, far within the margin of 0.02, but three seeds this far apart do not show it."""
    found = verdicts("table-3", results(evaluations=evaluations({"mrl": [0.05, -0.05, 0.0]})))
    assert found == {"mrl stays near zero": OPEN}


def test_both_heads_are_judged_under_their_own_labels_and_other_arms_are_not() -> None:
    arms = evaluations(TWO) + evaluations(TWO, tail="-fractal")
    arms += [evaluation("clinc", "v5", seed, 9.0, arm="v5-epochs=9") for seed in (1, 2)]
    found = findings("table-3", results(evaluations=arms))
    assert [one.arms for one in found] == ["v5, mrl", "mrl", "v5-fractal, mrl-fractal", "mrl-fractal"]
    assert "9.0" not in " ".join(one.evidence for one in found)


def test_heads_measured_elsewhere_do_not_count() -> None:
    own = evaluations(TWO)
    other = msgspec.structs.replace(own[0].features, identity="another")
    elsewhere = [msgspec.structs.replace(one, trained_on=other) for one in own]
    assert findings("table-3", results(evaluations=elsewhere)) == []


def test_the_sign_test_needs_corpora() -> None:
    for corpora, expected in ((2, DIRECTION), (5, HOLDS)):
        documents = [one for number in range(corpora) for one in evaluations(TWO, f"corpus-{number}")]
        found = verdicts("table-3", results(evaluations=documents))
        assert found["v5 is above mrl on every corpus"] is expected
        assert found["pooled over corpora"] is HOLDS
    documents += evaluations({name: REVERSED[name] for name in TWO}, "other")
    found = verdicts("table-3", results(evaluations=documents))
    assert found["v5 is above mrl on every corpus"] is FAILS


def test_a_corpus_counts_once_whatever_was_measured_of_it() -> None:
    """Two sets of one corpus, two heads on each: two corpora stay two units."""
    documents = []
    for corpus in ("clinc", "trec"):
        for tail in ("", "-fractal"):
            documents += evaluations(TWO, corpus, tail)
            smaller = evaluations(TWO, corpus, tail, n_reference=99)
            features = msgspec.structs.replace(
                smaller[0].features, identity=f"{corpus} small", name="minilm-1a2b3c4d"
            )
            documents += [
                msgspec.structs.replace(one, features=features, trained_on=features) for one in smaller
            ]
    found = [
        one for one in findings("table-3", results(evaluations=documents)) if "corpora" in one.claim.text
    ]
    assert [one.evidence[-9:] for one in found] == ["2 corpora", "2 corpora"]
    signs = [one for one in findings("table-3", results(evaluations=documents)) if "every" in one.claim.text]
    assert [one.evidence[:6] for one in signs] == ["2 of 2", "2 of 2"]
    labels = {one.where.split(",")[0] for one in findings("table-3", results(evaluations=documents))}
    assert {"clinc (minilm)", "clinc (minilm-1a2b3c4d)"} <= labels


def test_table_3_stands_beside_the_papers() -> None:
    documents = evaluations(TWO) + evaluations(TWO, "trec") + evaluations(TWO, "own")
    rows = beside("table-3", results(evaluations=documents))
    where, p = "clinc, minilm, loo", 3 * stats.ttest_rel(TWO["v5"], TWO["mrl"]).pvalue
    ours = f"{mean(TWO['v5']):+.3f} ± {stdev(TWO['v5']):.3f}"
    assert rows[where, "v5", "S"] == (ours, "+0.150 ± 0.028")
    assert rows[where, "v5, mrl", "paired d"][1] == "4.35"
    assert rows[where, "v5, mrl", "p (Holm)"] == (f"{p:.3f} (m = 3)", "0.004 (m = 8)")
    assert {key[0] for key in rows} == {where, "trec, minilm, loo", "minilm, loo"}
    pooled = {what: paper for (where, _, what), (_, paper) in rows.items() if where == "minilm, loo"}
    assert pooled == {
        "pooled d, 3 corpora (paper: 8)": "1.49 [0.69, 2.30]",
        "pooled d, p": "0.0003",
        "pooled d, I²": "63 %",
    }


def test_the_papers_numbers_stand_beside_its_own_protocol_only() -> None:
    documents = evaluations(TWO, protocol="index") + evaluations(TWO, k=9) + evaluations(TWO, max_test=99)
    for name in ("table-2", "table-3", "table-6", "table-10"):
        assert beside(name, results(evaluations=documents)) == {}
    assert len(findings("table-3", results(evaluations=documents))) == 6


def test_accuracy_at_full_length() -> None:
    def documents(v5, mrl, baseline):
        found = [("v5", value) for value in v5] + [("mrl", value) for value in mrl]
        return [
            evaluation("clinc", arm, place % 3, 0.1, profile=profile(baseline=baseline),
                       accuracy={str(d): {"L0": 0.9, "L1": value} for d in (64, 128, 192, 256)})
            for place, (arm, value) in enumerate(found)
        ]  # fmt: skip

    alike, costs = (
        "v5 and mrl are alike at full length",
        "the projection costs fine accuracy where fine classes are many",
    )
    cases = [
        ([0.80, 0.81, 0.79], [0.805, 0.80, 0.795], 0.9, HOLDS, HOLDS),
        ([0.80, 0.81, 0.79], [0.70, 0.72, 0.71], 0.7, FAILS, FAILS),
        ([0.80, 0.70, 0.75], [0.75, 0.80, 0.70], 0.76, OPEN, DIRECTION),
    ]
    for *values, expected_alike, expected_costs in cases:
        found = verdicts("table-2", results(evaluations=documents(*values)))
        assert found == {alike: expected_alike, costs: expected_costs}
    rows = beside("table-2", results(evaluations=documents(*cases[0][:3])))
    where = "clinc, minilm, loo"
    assert rows[where, "mrl", "L1 at full length, %"] == ("80.0 ± 0.5", "70.4")
    assert rows[where, "—", "L1 of the backbone, %"] == ("90.0", "88.7")


def test_few_fine_classes_are_no_bottleneck() -> None:
    found = verdicts("table-2", results(evaluations=evaluations(TWO, profile=profile((4, 20)))))
    assert list(found) == ["v5 and mrl are alike at full length"]


def corpora(values, baselines) -> list:
    documents = []
    for number, (value, baseline) in enumerate(zip(values, baselines, strict=True)):
        own = {"v5": [value + step / 1000 for step in range(4)], "mrl": [0.0, 0.001, 0.002, 0.0]}
        shape = profile((4, 20), (2.0, number + 1.0), baseline)
        documents += evaluations(own, f"corpus-{number}", profile=shape)
    return documents


def test_scaling_over_corpora() -> None:
    rises, falls = [0.01, 0.02, 0.03, 0.04, 0.05], [0.05, 0.04, 0.03, 0.02, 0.01]
    depth = "S rises with the depth of the tree"
    for values, expected in ((rises, HOLDS), (falls, FAILS), (rises[:4], DIRECTION)):
        found = verdicts("figure-4", results(evaluations=corpora(values, [0.8] * len(values))))
        assert found[depth] is expected
    assert findings("figure-4", results(evaluations=corpora(rises[:3], [0.8] * 3))) == []
    rows = beside("figure-4", results(evaluations=corpora(rises, [0.8, 0.6, 0.7, 0.5, 0.4])))
    what = "rho of S and baseline accuracy, 5 corpora (paper: 8)"
    assert rows["minilm, loo", "v5", what] == (f"-0.90, exact p = {2 * 5 / 120:.3f}", "0.69, p = 0.058")


def test_definitions_rank_alike_or_not() -> None:
    values = [0.01, 0.02, 0.03, 0.04, 0.05]
    alike = "all definitions rank the corpora alike"
    documents = corpora(values, [0.8] * 5)
    assert verdicts("table-10", results(evaluations=documents))[alike] is HOLDS
    odd = [
        msgspec.structs.replace(
            one, steerability=msgspec.structs.replace(one.steerability, s_mono=-one.steerability.s)
        )
        for one in documents
    ]
    found = verdicts("table-10", results(evaluations=odd))
    assert found[alike] is FAILS
    assert found["v5 is above mrl on every corpus by S_auc"] is HOLDS
    assert found["v5 is above mrl on every corpus by S_mono"] is FAILS
    few = [one for one in documents if one.corpus in ("corpus-0", "corpus-1", "corpus-2")]
    assert verdicts("table-10", results(evaluations=few))[alike] is DIRECTION


ENCODER = "steerability does not depend on the encoder"


def under(**gaps: list[float]) -> list:
    return [
        one
        for backbone, values in gaps.items()
        for one in evaluations({"v5": values, "mrl": [0.0] * len(values)}, backbone=backbone)
    ]


def test_one_encoder_cannot_tell() -> None:
    fractal = evaluations(TWO, tail="-fractal")
    found = findings("table-6", results(evaluations=evaluations(TWO) + fractal))
    assert [(one.verdict, one.evidence) for one in found] == [(OPEN, "one encoder: minilm")] * 2


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [
        ({"minilm": [0.10, 0.11, 0.12, 0.11], "bge": [0.11, 0.10, 0.11, 0.12]}, HOLDS),
        ({"minilm": [0.10, 0.11, 0.12, 0.11], "bge": [0.01, 0.02, 0.01, 0.00]}, FAILS),
        ({"minilm": [0.10, 0.01, 0.20, 0.11], "bge": [0.01, 0.12, 0.21, 0.00]}, OPEN),
    ],
)
def test_several_encoders_need_a_test_of_heterogeneity(gaps, expected) -> None:
    found = findings("table-6", results(evaluations=under(**gaps)))
    assert [(name_of(one), one.verdict, one.where) for one in found] == [(ENCODER, expected, "clinc, loo")]


def test_table_6_stands_beside_the_papers() -> None:
    documents = under(minilm=CLOSE["v5"], bge=CLOSE["v5"])
    rows = beside("table-6", results(evaluations=documents))
    ours = f"{mean(CLOSE['v5']):+.3f} ± {stdev(CLOSE['v5']):.3f}"
    assert rows["clinc, minilm, loo", "v5", "S"] == (ours, "—")
    assert rows["clinc, e5-small, loo", "v5", "S"] == ("—", "+0.130 ± 0.031")
    assert beside("table-6", results(evaluations=evaluations(TWO, "own"))) == {}


def test_label_trees_stand_beside_the_papers() -> None:
    """Once for each feature set, whatever was measured of it."""
    documents = evaluations(TWO) + evaluations(TWO, protocol="index") + evaluations(TWO, "own")
    rows = beside("table-1", results(evaluations=documents))
    assert {key[0] for key in rows} == {"clinc, minilm"}
    assert rows["clinc, minilm", "—", "classes"] == ("10 > 150", "10 > 150")
    assert rows["clinc, minilm", "—", "H(finest | L0), bits"] == ("3.90", "3.90")
