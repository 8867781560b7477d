"""Results that are made again: what holds, what differs, and what cannot be repeated."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, save

from store import FeatureStore
from tests.cli.calls import call, done, said
from tests.feature_sets import make_features

SMALL = "--dims 4,8,12,16 --epochs 1"


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Heads of two seeds that were trained together, an evaluation, and what stands on them."""
    folder = tmp_path_factory.mktemp("made")
    features = make_features(FeatureStore(folder / "store")).path
    places = f"--store {folder}/store --runs {folder}/runs"
    done(f"train {features} {places} --strategy v5,mrl --seeds 1,2 {SMALL}")
    done(f"evaluate {places} --protocol loo --max-test 60")
    done(f"stats {folder}/runs --runs {folder}/runs --holm")
    done(f"ablate {features} {places} --axis capacity --values 4 --strategy v5,mrl --seeds 1,2 --epochs 1")
    done(f"synth {features} {places} --coarse 2,3,4 --partition-seeds 1 --strategy lda --seeds 1 --dims 4,8")
    return folder


def verify(path: Path, folder: Path):
    return call(f"verify {path} --store {folder}/store --json")


PATTERNS = [
    "v5*/seed-2/head.json",
    "v5*/seed-1/evaluation-*.json",
    "stats.json",
    "ablation-*.json",
    "synth*.json",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_what_is_made_again_is_the_same_bytes(made, pattern):
    (path,) = (made / "runs").rglob(pattern)
    before = {one: one.read_bytes() for one in (made / "runs").rglob("*") if one.is_file()}
    result = verify(path, made)
    assert result.exit_code == 0, said(result)
    (found,) = json.loads(result.stdout)
    assert (found["outcome"], found["differences"], found["versions"]) == ("same bytes", [], {})
    assert before == {one: one.read_bytes() for one in (made / "runs").rglob("*") if one.is_file()}


@pytest.fixture
def copied(made, tmp_path) -> Path:
    """A head's folder that may be changed."""
    folder = tmp_path / "garden" / "gaussian" / "v5" / "seed-1"
    folder.mkdir(parents=True)
    for path in (made / "runs").rglob("v5*/seed-1/[a-z]*"):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def changed_weights(folder: Path, by: float) -> None:
    from hashlib import sha256

    weights = load((folder / "head.safetensors").read_bytes())
    weights["projection"] = weights["projection"] + by * torch.ones_like(weights["projection"])
    data = save(weights)
    (folder / "head.safetensors").write_bytes(data)
    document = json.loads((folder / "head.json").read_text())
    document["weights_sha256"] = sha256(data).hexdigest()
    (folder / "head.json").write_text(json.dumps(document))


@pytest.mark.parametrize(("by", "outcome", "code"), [(1e-7, "equal to rounding", 0), (0.1, "different", 1)])
def test_weights_that_are_others_are_named(made, copied, by, outcome, code):
    changed_weights(copied, by)
    result = verify(copied, made)
    (found,) = json.loads(result.stdout)
    assert (result.exit_code, found["outcome"]) == (code, outcome)
    assert [one["field"] for one in found["differences"]] == ["projection"] * code


def test_numbers_that_are_others_are_named(made, copied):
    (path,) = copied.glob("evaluation-*.json")
    document = json.loads(path.read_text())
    document["profile"]["h_l0"] += 0.5
    document["metrics"]["leakage"]["result"]["floor"] = 0.0
    path.write_text(json.dumps(document))
    result = call(f"verify {path} --store {made}/store")
    assert result.exit_code == 1
    assert "profile.h_l0: recorded 1" in said(result)
    assert "metrics.leakage.result.floor: recorded 0.0, now 0" in said(result)
    assert f"{path}: not what comes out when it is made again" in said(result)


def test_an_earlier_file_that_lacks_fields_is_still_the_same(made, copied):
    path = copied / "head.json"
    document = json.loads(path.read_text())
    del document["fleet"]
    path.write_text(json.dumps(document | {"versions": {"python": "2.7"}}))
    result = verify(copied, made)
    (found,) = json.loads(result.stdout)
    assert found["outcome"] in ("same bytes", "equal to rounding"), "trained alone, sums may round otherwise"
    assert found["versions"]["python"][0] == "2.7"


def test_fields_of_later_versions_are_no_difference_and_what_was_lost_is_one(made, copied):
    (path,) = copied.glob("evaluation-*.json")
    document = json.loads(path.read_text())
    assert document["profile"].pop("levels") == ["L0", "L1"]
    path.write_text(json.dumps(document))
    result = verify(path, made)
    (found,) = json.loads(result.stdout)
    assert (result.exit_code, found["outcome"], found["differences"]) == (0, "same bytes", [])
    del document["profile"]["truncated"]["8"]["L1"]
    path.write_text(json.dumps(document))
    result = verify(path, made)
    (found,) = json.loads(result.stdout)
    assert result.exit_code == 1
    assert [one["field"] for one in found["differences"]] == ["profile.truncated.8.L1"]


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (None, 2),
        (["rm", "-r", "/"], 2),
        (["fractalctl", "store", "rm", "garden/gaussian"], 2),
        (["fractalctl", "stats", "--output=/tmp/escaped.json"], 2),
        (["fractalctl", "stats", "nowhere.csv", "--figure", "escaped.png"], 1),
    ],
)
def test_no_other_command_is_called(made, tmp_path, argv, code):
    path = tmp_path / "stats.json"
    document = json.loads((made / "runs" / "stats.json").read_text())
    path.write_text(json.dumps(document | {"argv": argv}))
    assert call(f"verify {path}").exit_code == code
    assert [one.name for one in tmp_path.iterdir() if one.is_file()] == ["stats.json"]


def test_what_cannot_be_made_again(made, copied, tmp_path):
    (tmp_path / "other.json").write_text('{"encoding-type": "fractalctl-latency", "encoding-version": "2.0"}')
    result = call(f"verify {tmp_path}/other.json")
    assert (result.exit_code, "'fractalctl-latency'; what can be made again" in said(result)) == (2, True)
    assert call(f"verify {tmp_path}/nowhere.json").exit_code == 2
    document = json.loads((copied / "head.json").read_text())
    (copied / "head.json").write_text(json.dumps(document | {"seed": 7}))
    result = verify(copied, made)
    assert (result.exit_code, "its identity is not that of" in said(result)) == (1, True)
