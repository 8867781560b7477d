import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import entropy
from typer.testing import CliRunner

from fractalctl.cli import build_app
from fractalctl.corpora.tree import LabelTree
from fractalctl.errors import RequestError
from fractalctl.experiments import synthesis
from fractalctl.experiments.partitions import fitting, natural_partition, random_partition
from fractalctl.experiments.relabelled import RelabelledSet, two_levels
from fractalctl.experiments.synthesis import synthesise
from fractalctl.experiments.training import train_on
from fractalctl.heads.supervision import strategy
from fractalctl.heads.training import Run
from fractalctl.measures.hits import unpack_hits
from fractalctl.measures.neighbours import nearest, predictions
from fractalctl.measures.protocols import Protocol
from store.errors import StoreRequestError
from tests.feature_sets import make_features

COARSE, PARTITIONS, SEEDS = (2, 3, 6), (1, 2), (42, 123)


@pytest.fixture
def small(features, recipe, tmp_path: Path):
    def run(**changed):
        options = {"coarse": COARSE, "partition_seeds": PARTITIONS, "seeds": SEEDS, "recipe": recipe}
        return synthesise(features, tmp_path / "runs", **options | changed)

    return run


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the partitions that are trained, as they are."""
    names: list[str] = []
    run = synthesis._Experiment.run

    def spy(experiment, partition, progress):
        names.append(partition.name)
        return run(experiment, partition, progress)

    monkeypatch.setattr(synthesis._Experiment, "run", spy)
    return names


def test_a_view_has_other_labels_over_the_same_features(features) -> None:
    groups = np.array([2, 0, 1] * 4, np.int32)
    tree = two_levels(features.class_names[-1], groups, ["a", "b", "c"])
    view = RelabelledSet.under(features, tree, {"groups": groups.tolist()})
    for split in features.splits:
        finest = features.labels(split)[:, 1]
        expected = [[groups[kind], kind] for kind in finest]
        np.testing.assert_array_equal(view.labels(split), expected)
        assert view.labels(split).dtype == np.int32
        np.testing.assert_array_equal(view.features(split), features.features(split))
        assert view.ids(split) == features.ids(split)
        assert view.texts(split, [3, 1]) == features.texts(split, [3, 1])
    assert view.class_names == (("a", "b", "c"), features.class_names[-1])
    assert (view.corpus, view.n_levels, view.n_rows("test")) == ("garden", 2, 120)
    assert features.n_levels == 2
    assert features.class_names[0] == ("animal", "plant")


def test_a_views_identity_follows_what_was_changed(features) -> None:
    labels = {"train": features.labels("train")[::-1]}
    one = RelabelledSet(features, {"turned": True}, labels)
    assert one.identity == RelabelledSet(features, {"turned": True}, labels).identity
    assert one.identity != features.identity
    assert one.identity != RelabelledSet(features, {"turned": False}, labels).identity
    assert RelabelledSet(one, {"turned": True}, labels).identity != one.identity
    np.testing.assert_array_equal(one.labels("train"), labels["train"])
    np.testing.assert_array_equal(one.labels("test"), features.labels("test"))
    with pytest.raises(StoreRequestError, match="no split 'validation'"):
        one.labels("validation")


def test_a_views_labels_cannot_be_changed_through_it(features) -> None:
    view = natural_partition(features).over(features)
    view.labels("train")[:] = 0
    np.testing.assert_array_equal(view.labels("train"), features.labels("train"))


def test_a_view_refuses_labels_that_do_not_fit(features) -> None:
    with pytest.raises(ValueError, match=r"train: labels of shape \(3, 2\), expected \(400, 2\)"):
        RelabelledSet(features, {}, {"train": np.zeros((3, 2), np.int32)})


def test_training_on_a_view_equals_training_on_such_a_set(store, features, recipe) -> None:
    """The corpus's own coarse level laid over its finest classes changes nothing."""
    run = [Run(strategy("v5", 2), 42)]
    plain, viewed = (
        next(iter(train_on(one, run, recipe)))
        for one in (features, natural_partition(features).over(features))
    )
    for name, tensor in plain.weights.items():
        np.testing.assert_array_equal(tensor.numpy(), viewed.weights[name].numpy())
    deep = make_features(store, "wood", depth=3)
    view = natural_partition(deep).over(deep)
    assert view.n_levels == 2
    np.testing.assert_array_equal(view.labels("test"), deep.labels("test")[:, [0, 2]])


@pytest.mark.parametrize(("classes", "groups"), [(150, 10), (150, 75), (12, 5), (4, 3)])
def test_partitions_are_even_random_and_repeatable(classes: int, groups: int) -> None:
    one = random_partition(classes, groups, 42)
    sizes = np.bincount(one.groups, minlength=groups)
    assert sizes.sum() == classes
    assert sizes.max() - sizes.min() <= 1
    np.testing.assert_array_equal(one.groups, random_partition(classes, groups, 42).groups)
    assert any((one.groups != random_partition(classes, groups, seed).groups).any() for seed in (1, 2, 3))


def test_every_partition_strategy_and_seed_is_there(small, features, tmp_path) -> None:
    path, document = small()
    assert path == tmp_path / "runs" / "garden" / "gaussian" / "synth.json"
    places = [(one["coarse"], one["partition_seed"]) for one in document["partitions"]]
    assert places == [(number, seed) for number in COARSE for seed in PARTITIONS]
    assert (document["natural"]["coarse"], document["natural"]["partition_seed"]) == (2, None)
    for one in [document["natural"], *document["partitions"]]:
        arms = [(run["strategy"], run["seed"]) for run in one["runs"]]
        assert arms == [(name, seed) for name in ("v5", "mrl") for seed in SEEDS]
        hits = unpack_hits(one["runs"][0]["hits"])
        assert hits.shape == (120, 4, 2)
        assert one["runs"][0]["accuracy"]["16"]["L1"] == pytest.approx(hits[:, 3, 1].mean())
    assert json.loads(path.read_text()) == json.loads(json.dumps(document))
    assert not (path.parent / "synth.json.parts").exists()


def test_entropies_equal_scipy(small, features) -> None:
    finest = features.labels("train")[:, -1]
    total = entropy(np.bincount(finest), base=2)
    for one in small()[1]["partitions"]:
        coarse = np.asarray(one["groups"])[finest]
        h_l0 = entropy(np.bincount(coarse), base=2)
        within = sum(
            (coarse == group).mean() * entropy(np.bincount(finest[coarse == group]), base=2)
            for group in range(one["coarse"])
        )
        assert one["profile"]["h_l0"] == pytest.approx(h_l0)
        assert one["profile"]["h_l1_given_l0"] == pytest.approx(within)
        assert h_l0 + within == pytest.approx(total)


def test_accuracies_are_those_of_the_partitions_labels(small, features) -> None:
    one = small(coarse=(3,), partition_seeds=(7,))[1]["partitions"][0]
    groups = np.asarray(one["groups"])
    labels = np.stack([groups[features.labels("test")[:, 1]], features.labels("test")[:, 1]], axis=1)
    rows = nearest(None, np.array(features.features("test")), [features.dimension], 5)
    baseline = (predictions(rows, labels)[:, 0] == labels).mean(axis=0)
    assert list(one["profile"]["baseline"].values()) == pytest.approx(baseline)


def test_curves_are_polyfits_of_means(small) -> None:
    document = small()[1]

    def mean_s(partition, name):
        return np.mean([run["steerability"]["S"] for run in partition["runs"] if run["strategy"] == name])

    sizes = [[one for one in document["partitions"] if one["coarse"] == number] for number in COARSE]
    x = [np.mean([one["profile"]["h_l0"] for one in group]) for group in sizes]
    y = {name: [np.mean([mean_s(one, name) for one in group]) for group in sizes] for name in ("v5", "mrl")}
    y["v5-mrl"] = np.subtract(y["v5"], y["mrl"])
    assert set(document["curves"]) == set(y)
    for name, values in y.items():
        fitted = document["curves"][name]["quadratic"]["coefficients"]
        assert fitted == pytest.approx(np.polyfit(x, values, 2)[::-1], abs=1e-9)
    alone = small(strategies=("v5",), coarse=(2, 3))[1]["curves"]
    assert set(alone) == {"v5"}
    assert alone["v5"]["quadratic"] is None


def test_a_file_that_is_up_to_date_stays(small, trained) -> None:
    path, first = small()
    written = path.stat().st_mtime_ns
    trained.clear()
    again = small()[1]
    assert trained == []
    assert path.stat().st_mtime_ns == written
    assert again["identity"] == first["identity"]
    small(coarse=(2, 3, 4, 6))
    assert trained == ["coarse-4-partition-1", "coarse-4-partition-2"]
    trained.clear()
    small(protocol=Protocol("index"))
    assert len(trained) == 7


def test_a_stopped_run_goes_on_from_the_last_finished_partition(small, trained, monkeypatch) -> None:
    path, whole = small()
    path.unlink()
    trained.clear()
    run = synthesis._Experiment.run

    def stopped(experiment, partition, progress):
        if partition.n_groups == 3:
            raise KeyboardInterrupt
        return run(experiment, partition, progress)

    with monkeypatch.context() as patched:
        patched.setattr(synthesis._Experiment, "run", stopped)
        with pytest.raises(KeyboardInterrupt):
            small()
    parts = path.parent / "synth.json.parts"
    kept = sorted(path.name for path in parts.iterdir())
    assert kept == ["coarse-2-partition-1.json", "coarse-2-partition-2.json", "natural.json"]
    (parts / "natural.json").write_text("{")
    trained.clear()
    again = small()[1]
    assert trained == ["natural", *(f"coarse-{k0}-partition-{seed}" for k0 in (3, 6) for seed in PARTITIONS)]
    assert again["partitions"] == json.loads(json.dumps(whole["partitions"]))
    assert not parts.exists()


def test_results_of_another_recipe_are_not_taken(small, trained, recipe) -> None:
    small(coarse=(2,))
    trained.clear()
    small(coarse=(2,), seeds=(42,))
    assert len(trained) == 3


def test_numbers_that_do_not_fit_are_left_out(small, features) -> None:
    assert small(coarse=(12, 2, 99, 2))[1]["coarse"] == [2]
    assert fitting(features, [12, 2, 99, 2]) == ([2], [12, 99])
    with pytest.raises(
        RequestError, match="12 classes at its finest level, so the coarse ones must be fewer"
    ):
        fitting(features, [12, 50])
    with pytest.raises(RequestError, match="--coarse 1: a coarse level needs at least two classes"):
        fitting(features, [1, 2])


def test_three_finest_classes_are_too_few(features) -> None:
    tree = LabelTree((("a", "b"), ("c", "d", "e")), (np.array([0, 0, 1], np.int32),))
    labels = {split: np.zeros((features.n_rows(split), 2), np.int32) for split in features.splits}
    with pytest.raises(
        RequestError, match="finest level has 3 classes; synthetic hierarchies need at least 4"
    ):
        fitting(RelabelledSet(features, {}, labels, tree), [2])


def test_the_fractal_head_has_a_file_of_its_own(small, recipe) -> None:
    fractal = type(recipe).for_head("fractal", dims=(4, 8), epochs=1)
    path, document = small(coarse=(2,), partition_seeds=(1,), seeds=(42,), recipe=fractal)
    assert path.name == "synth-fractal.json"
    assert document["head"] == "fractal"


def test_the_command(features, tmp_path) -> None:
    words = ["synth", "garden", "--coarse", "2,3,6,40", "--partition-seeds", "1,2", "--seeds", "42"]
    words += ["--dims", "4,8,12,16", "--epochs", "1"]
    result = CliRunner().invoke(build_app(), words)
    assert result.exit_code == 0
    path = tmp_path / "runs" / "garden" / "gaussian" / "synth.json"
    assert result.stdout == f"{path}\n"
    assert "K0 = 40 is left out: garden has 12 classes" in result.stderr
    assert "an inverted U" in result.stderr
    argv = json.loads(path.read_text())["argv"]
    assert argv[:2] == ["fractalctl", "synth"]
    assert argv[argv.index("--partition-seeds") + 1] == "1,2"
    assert CliRunner().invoke(build_app(), argv[1:]).exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--coarse", "few"], "--coarse 'few': expected whole numbers"),
        (["--coarse", "1"], "needs at least two classes"),
        (["--coarse", "12"], "must be fewer"),
        (["--partition-seeds=-1"], "a seed is a whole number from 0 on"),
        (["--strategy", "v6"], "strategy 'v6' is not known"),
        (["--protocol", "split"], "protocol 'split' is not known"),
        (["--max-test", "3"], "k = 5 neighbours were asked for"),
    ],
)
def test_a_wrong_request_ends_with_two(features, words: list[str], message: str) -> None:
    result = CliRunner().invoke(build_app(), ["synth", "garden", *words])
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
