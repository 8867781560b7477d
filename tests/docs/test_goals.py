"""The section of choosing.md about what `zoom` was made to do: its numbers against a plain computation."""

from collections import Counter
from statistics import mean

import pytest

from fractalctl.report import Results
from fractalctl.statistics.summary import compare_all
from fractalctl.tables import Section, Table
from store import FeatureSet, FeatureStore, Recipe
from tests.docs.blocks import ROOT
from tests.feature_sets import make_features
from tests.report.documents import ablation, run
from tests.statistics.material import evaluation, parts, random_hits

LEAKS = {"zoom": 0.5, "zoom-1": 0.2, "coarse": 0.1, "fine": 0.8, "mrl": 0.7}
"""What the prefix's probe tells of the finest class, by arm."""
SEEDS = (1, 2)
HITS = {
    (arm, seed): random_hits(10 * place + seed, 0.3 if arm == "zoom-1" else 0.1)
    for place, arm in enumerate(LEAKS)
    for seed in SEEDS
}
KEPT, FLAT = {"zoom": 0.995, "zoom-1": 0.7}, (0.64, 0.71)
GAINS = {("rows", 10): 0.02, ("rows", 50): -0.01, ("unseen", "seen"): 0.05, ("unseen", "unseen"): -0.03}
"""Of zoom over the backbone at full length, by axis and point; cut it is twice that."""


def accuracy(gain: float) -> dict[str, dict[str, float]]:
    return {"64": {"L0": 0.9, "L1": 0.4 + 2 * gain}, "256": {"L0": 0.9, "L1": 0.6 + gain}}


@pytest.fixture
def features(store: FeatureStore) -> FeatureSet:
    recipe = Recipe("clinc", {"made": 0}, "minilm", {"dimension": 24}, ("train", "test"))
    return make_features(store, recipe=recipe)


@pytest.fixture
def section(features: FeatureSet, store: FeatureStore, monkeypatch: pytest.MonkeyPatch) -> Section:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    from write_goals import goals

    evaluations = [
        evaluation(
            hits, strategy=arm.split("-")[0], arm=arm, seed=seed, protocol="index",
            metrics=parts(LEAKS[arm], KEPT.get(arm, 0.9), FLAT),
        )
        for (arm, seed), hits in HITS.items()
    ]  # fmt: skip
    ablations = [
        ablation(
            axis,
            [
                run(arm, seed, 0.1, {axis: point}, accuracy=accuracy(gain + 0.1 * seed))
                for (of, point), own in GAINS.items()
                if of == axis
                for arm, gain in (("zoom", own), ("raw", 0.0))
                for seed in SEEDS
            ],
            dims=[64, 256],
        )
        for axis in ("rows", "unseen")
    ]
    compared = list(compare_all(evaluations))
    return goals(Results(evaluations=evaluations, ablations=ablations, compared=compared), store)


def row_of(section: Section, place: int) -> dict[str, object]:
    table = [part for part in section.parts if isinstance(part, Table)][place]
    (row,) = table.rows
    return dict(zip(table.columns, row, strict=True))


def share(arm: str, length: int, level: int) -> float:
    """Accuracy of an arm, mean over seeds."""
    return mean(float(HITS[arm, seed][:, length, level].mean()) for seed in SEEDS)


def guessed(features: FeatureSet) -> float:
    """How often a test row is of the finest class that is most frequent in training of its coarse class."""
    counts: dict[int, Counter[int]] = {}
    for coarse, fine in features.labels("train"):
        counts.setdefault(int(coarse), Counter())[int(fine)] += 1
    usual = {coarse: min(own, key=lambda fine: (-own[fine], fine)) for coarse, own in counts.items()}
    return mean(usual[int(coarse)] == int(fine) for coarse, fine in features.labels("test"))


def test_the_end_of_the_knob_is_held_against_its_bound(section: Section, features: FeatureSet) -> None:
    end = {(length, level): share("zoom-1", length, level) for length in (0, -1) for level in (0, 1)}
    steerability = end[0, 0] - end[-1, 0] + end[-1, 1] - end[0, 1]
    bound = end[-1, 1] - guessed(features)
    assert 0 < guessed(features) < end[-1, 1]
    row = row_of(section, 0)
    assert (row["corpus"], row["S of bound"]) == ("clinc", f"{steerability / bound:.2f}")
    assert (row["kept"], row["cost"]) == ("99.5 %", "26 %")


def test_the_end_of_the_knob_is_held_against_heads_and_classifiers_of_one_level(section: Section) -> None:
    short, whole = share("zoom-1", 0, 0), share("zoom-1", -1, 1)
    rivals = {"a head": (share("coarse", -1, 0), share("fine", -1, 1)), "a classifier": FLAT}
    row = row_of(section, 0)
    for name, (coarse, fine) in rivals.items():
        assert row[f"coarse, against {name}"] == f"{100 * (short - coarse):+.1f}"
        assert row[f"fine, against {name}"] == f"{100 * (whole - fine):+.1f}"


def test_arms_beyond_the_whole_knob_are_counted(section: Section) -> None:
    """By what such an arm lacks least against the setting that is nearest to it."""
    leads = []
    for rival in ("coarse", "fine", "mrl"):
        lacks = [
            max(
                share(rival, 0, 0) - share(own, 0, 0),
                share(rival, -1, 1) - share(own, -1, 1),
                LEAKS[own] - LEAKS[rival],
            )
            for own in ("zoom", "zoom-1")
        ]
        leads += [min(lacks)] if min(lacks) > 0.003 else []
    assert leads
    assert row_of(section, 0)["beyond"] == f"{len(leads)} by at most {100 * max(leads):.1f}"


def test_few_labels_and_new_classes_are_held_against_the_backbone(section: Section) -> None:
    assert row_of(section, 1) == {
        "corpus": "clinc", "10 rows": "+2.0", "50 rows": "-1.0",
        "unseen, cut": "-6.0", "unseen, whole": "-3.0",
    }  # fmt: skip
