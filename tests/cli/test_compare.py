"""``fractalctl compare`` as a user runs it."""

import json
import shlex
from pathlib import Path

import pytest

from fractalctl.documents.evaluation import MetricPart
from tests.cli.calls import call, done, said
from tests.feature_sets import make_features, make_store
from tests.statistics.material import evaluation, parts, profile, random_hits, write_evaluation

pytest.importorskip("matplotlib")
ARMS = {"v5": (0.3, 0.7, 0.9), "mrl": (0.0, 0.85, 0.97), "lda": (0.1, 0.6, 0.5)}


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Evaluations of two corpora, three arms and three seeds."""
    for corpus in ("clinc", "trec"):
        for arm, (steerable, leakage, kept) in ARMS.items():
            for seed in (42, 123, 456):
                hits, metrics = random_hits(seed, steerable), parts(leakage, kept, (0.7, 0.8))
                write_evaluation(
                    tmp_path / "runs", hits, corpus=corpus, strategy=arm, seed=seed, metrics=metrics,
                    protocol="index",
                )  # fmt: skip
    return tmp_path / "runs"


def test_all_evaluations_under_runs_are_the_default(runs: Path) -> None:
    result = done("compare")
    paths = [Path(line) for line in result.stdout.splitlines()]
    assert paths == [runs / f"compare.{suffix}" for suffix in ("json", "png", "pdf")]
    assert all(path.stat().st_size for path in paths)
    document = json.loads(paths[0].read_text())
    assert [place["label"] for place in document["places"]] == ["clinc", "trec"]
    assert document["versions"].keys() >= {"python", "scipy"}
    for words in ("L0@64", "lossless S", "Every arm less mrl", "Mean rank of each arm over corpora"):
        assert words in said(result)


def test_the_argv_remakes_the_document(runs: Path, tmp_path: Path) -> None:
    result = done(f"compare {runs / 'trec'} --reference v5 --output {tmp_path / 'one.json'} --json")
    document = json.loads(result.stdout)
    assert (document["reference"], len(document["places"])) == ("v5", 1)
    assert json.loads((tmp_path / "one.json").read_text()) == document
    assert (tmp_path / "one.png").is_file()
    assert json.loads(done(shlex.join([*document["argv"][1:], "--json"])).stdout) == document
    assert "no ranks over corpora" in said(result)


def test_paths_come_from_standard_input(runs: Path) -> None:
    paths = "".join(f"{path}\n" for path in sorted(runs.rglob("evaluation-*.json")))
    assert len(json.loads(done("compare - --json", paths).stdout)["places"]) == 2
    assert len(json.loads(done("compare trec --json").stdout)["places"]) == 1, "a name below the runs"


def test_heads_beside_evaluations_are_weighed(tmp_path: Path) -> None:
    make_features(make_store(tmp_path / "store"), "meadow", seed=2)
    done("train garden --strategy v5,lda --dims 4,8 --epochs 1 --seeds 42,123")
    done("evaluate --protocol index")
    document = json.loads(done("compare --json").stdout)
    (place,) = document["places"]
    sizes = {path.stat().st_size for path in tmp_path.rglob("head.safetensors")}
    assert {arm["head_bytes"] for arm in place["arms"]} <= sizes
    assert {arm["bytes_per_vector"] for arm in place["arms"]} == {32}
    assert [one["source"] for one in place["references"]] == ["linear classifier"] * 2


def test_what_no_training_made_stands_beside_the_arms(tmp_path: Path) -> None:
    pca = {str(length): {"L0": 0.9, "L1": 0.5 + length / 1000} for length in (64, 128, 192, 256)}
    for arm in ("v5", "lda"):
        metrics = parts(0.8, 0.9, (0.7, 0.8))
        metrics["baselines"] = MetricPart(identity="", versions={}, result={"pca": pca})
        hits = random_hits(42, 0.2)
        write_evaluation(tmp_path / "runs", hits, strategy=arm, metrics=metrics, protocol="index")
    document = json.loads(done("compare --json").stdout)
    cut, components = document["places"][0]["untrained"]
    assert (cut["name"], components["name"]) == ("minilm, cut", "minilm, PCA")
    truncated = profile().truncated
    for row, known in ((cut, truncated), (components, pca)):
        asked = [("short_coarse", "64", "L0"), ("short_fine", "64", "L1"), ("full_fine", "256", "L1")]
        assert all(row["measures"][name] == known[length][level] for name, length, level in asked)
        gained = known["256"]["L1"] - known["64"]["L1"] + known["64"]["L0"] - known["256"]["L0"]
        assert row["measures"]["S"] == pytest.approx(gained)
    shown = said(call("compare"))
    assert "minilm, cut" in shown and "minilm, PCA" in shown
    assert "Tested against lda; --reference ARM names another" in shown


def test_wrong_requests_say_what_to_do(runs: Path) -> None:
    assert "no arm 'heal' to compare with; there are: lda, mrl, v5" in said(call("compare --reference heal"))
    assert "nothing was measured under protocol 'loo'" in said(call("compare --protocol loo"))
    old = write_evaluation(runs, evaluation(random_hits(1)).hits.unpack(), strategy="old", protocol="index")
    refused = call("compare")
    assert refused.exit_code == 2
    assert f"{old}: has no leakage and no kept_64; 'fractalctl evaluate' adds" in said(refused)
    assert not (runs / "compare.json").exists()
    assert call(f"compare {runs / 'nowhere'}").exit_code == 2
