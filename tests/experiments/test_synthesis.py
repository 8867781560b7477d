import numpy as np
import pytest
from scipy.stats import entropy

from fractalctl.corpora.tree import LabelTree
from fractalctl.documents import read_document
from fractalctl.documents.experiments import Synthesis
from fractalctl.errors import RequestError
from fractalctl.experiments import synthesis
from fractalctl.experiments.conditions import RelabelledSet
from fractalctl.experiments.synthesis import fitting, random_partition, synthesise
from fractalctl.measures.neighbours import nearest, predictions
from fractalctl.measures.protocols import Protocol
from tests.experiments.conftest import SETTINGS, label

COARSE, PARTITIONS, SEEDS = (2, 3, 6), (1, 2), (42, 123)


@pytest.fixture
def small(features, tmp_path):
    def run(**changed):
        options = {"coarse": COARSE, "partition_seeds": PARTITIONS, "seeds": SEEDS, "settings": SETTINGS}
        return synthesise(features, tmp_path / "runs", **options | changed)

    return run


@pytest.fixture
def trained(monkeypatch):
    """Number of groups and seed of the partitions that are trained, as they are."""
    found: list[tuple[int, int | None]] = []
    result = synthesis._result

    def spy(partition, *others):
        found.append((partition.n_groups, partition.seed))
        return result(partition, *others)

    monkeypatch.setattr(synthesis, "_result", spy)
    return found


@pytest.mark.parametrize(("classes", "groups"), [(150, 10), (150, 75), (12, 5), (4, 3)])
def test_partitions_are_even_random_and_repeatable(classes: int, groups: int) -> None:
    one = random_partition(classes, groups, 42)
    sizes = np.bincount(one.groups, minlength=groups)
    assert sizes.sum() == classes
    assert sizes.max() - sizes.min() <= 1
    np.testing.assert_array_equal(one.groups, random_partition(classes, groups, 42).groups)
    assert any((one.groups != random_partition(classes, groups, seed).groups).any() for seed in (1, 2, 3))


def test_every_partition_arm_and_seed_is_there(small, tmp_path) -> None:
    path, document = small()
    assert path.parent == tmp_path / "runs" / "garden" / "gaussian"
    places = [(one.coarse, one.partition_seed) for one in document.partitions]
    assert places == [(number, seed) for number in COARSE for seed in PARTITIONS]
    assert (document.natural.coarse, document.natural.partition_seed) == (2, None)
    for one in [document.natural, *document.partitions]:
        assert [(run.arm, run.seed) for run in one.runs] == [
            (label(name), seed) for name in ("v5", "mrl") for seed in SEEDS
        ]
        hits = one.runs[0].hits.unpack()
        assert hits.shape == (120, 4, 2)
        assert one.runs[0].accuracy["16"]["L1"] == pytest.approx(hits[:, 3, 1].mean())
    assert read_document(path, Synthesis) == document
    assert [one.name for one in path.parent.glob("*.parts")] == []


def test_entropies_equal_scipy(small, features) -> None:
    finest = features.labels("train")[:, -1]
    total = entropy(np.bincount(finest), base=2)
    for one in small(seeds=(42,), strategies=("v5",))[1].partitions:
        coarse = np.asarray(one.groups)[finest]
        h_l0 = entropy(np.bincount(coarse), base=2)
        within = sum(
            (coarse == group).mean() * entropy(np.bincount(finest[coarse == group]), base=2)
            for group in range(one.coarse)
        )
        assert one.profile.h_l0 == pytest.approx(h_l0)
        assert one.profile.h_l1_given_l0 == pytest.approx(within)
        assert h_l0 + within == pytest.approx(total)


def test_accuracies_are_those_of_the_partitions_labels(small, features) -> None:
    one = small(coarse=(3,), partition_seeds=(7,), seeds=(42,))[1].partitions[0]
    groups, finest = np.asarray(one.groups), features.labels("test")[:, 1]
    labels = np.stack([groups[finest], finest], axis=1)
    rows = nearest(None, np.array(features.features("test")), [features.dimension], 5)
    baseline = (predictions(rows, labels)[:, 0] == labels).mean(axis=0)
    assert list(one.profile.baseline.values()) == pytest.approx(baseline)


def test_curves_are_polyfits_of_means(small) -> None:
    document = small()[1]

    def mean_s(partition, arm):
        return np.mean([run.steerability.s for run in partition.runs if run.arm == arm])

    arms = [label("v5"), label("mrl")]
    sizes = [[one for one in document.partitions if one.coarse == number] for number in COARSE]
    x = [np.mean([one.profile.h_l0 for one in group]) for group in sizes]
    y = {arm: [np.mean([mean_s(one, arm) for one in group]) for group in sizes] for arm in arms}
    y[f"{arms[0]} - {arms[1]}"] = np.subtract(y[arms[0]], y[arms[1]])
    assert set(document.curves) == set(y)
    for name, values in y.items():
        fitted = document.curves[name].quadratic.coefficients
        assert list(fitted) == pytest.approx(np.polyfit(x, values, 2)[::-1], abs=1e-9)
    alone = small(strategies=("v5",), coarse=(2, 3))[1].curves
    assert set(alone) == {label("v5")}
    assert alone[label("v5")].quadratic is None


def test_what_is_there_stays_and_is_taken_over(small, trained) -> None:
    path, first = small()
    written = path.stat().st_mtime_ns
    trained.clear()
    assert small()[1] == first
    assert (trained, path.stat().st_mtime_ns) == ([], written)
    larger, _ = small(coarse=(2, 3, 4, 6))
    assert trained == [(4, 1), (4, 2)], "the others are those of the first file"
    assert larger != path
    assert path.stat().st_mtime_ns == written
    trained.clear()
    small(coarse=(2,), seeds=(42,))
    small(coarse=(2,), protocol=Protocol("index"))
    assert len(trained) == 6, "other seeds or another protocol are other numbers"


def test_the_plain_case_has_the_plain_name(small, monkeypatch) -> None:
    monkeypatch.setattr(synthesis, "SEEDS", SEEDS)
    monkeypatch.setattr(synthesis, "STRATEGIES", (label("v5"),))
    plain = {"strategies": ("v5",), "coarse": synthesis.COARSE, "partition_seeds": synthesis.PARTITION_SEEDS}
    assert small(**plain)[0].name == "synth.json"
    assert small(**plain, protocol=Protocol("index"))[0].name != "synth.json"


def test_numbers_that_do_not_fit_are_left_out(small, features) -> None:
    assert small(coarse=(12, 2, 99, 2), seeds=(42,))[1].coarse == [2]
    assert fitting(features, [12, 2, 99, 2]) == ([2], [12, 99])
    with pytest.raises(
        RequestError, match="12 classes at its finest level, so the coarse ones must be fewer"
    ):
        fitting(features, [12, 50])
    with pytest.raises(RequestError, match="--coarse 1: a coarse level needs at least two classes"):
        fitting(features, [1, 2])
    with pytest.raises(RequestError, match="a seed is a whole number from 0 on"):
        small(partition_seeds=(-1,))


def test_three_finest_classes_are_too_few(features) -> None:
    tree = LabelTree((("a", "b"), ("c", "d", "e")), (np.array([0, 0, 1], np.int32),))
    labels = {split: np.zeros((features.n_rows(split), 2), np.int32) for split in features.splits}
    with pytest.raises(
        RequestError, match="finest level has 3 classes; synthetic hierarchies need at least 4"
    ):
        fitting(RelabelledSet(features, {}, labels, tree), [2])


def test_other_trunks_have_a_file_of_their_own(small) -> None:
    request = {
        "coarse": (2,),
        "partition_seeds": (1,),
        "seeds": (42,),
        "settings": {"dims": (4, 8), "epochs": 1},
    }
    path, document = small(**request, trunk="fractal")
    assert [arm.trunk for arm in document.arms.values()] == ["fractal", "fractal"]
    assert small(**request)[0] != path
