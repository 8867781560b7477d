import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fractalctl.backbones.featurize import featurize
from fractalctl.cli import build_app
from fractalctl.corpora.request import CorpusRequest
from fractalctl.errors import FractalError, RequestError
from fractalctl.experiments.finetuning import ablate_backbone
from fractalctl.experiments.sampled import SampledSet
from fractalctl.heads.recipe import TrainingRecipe
from fractalctl.measures.hits import unpack_hits
from fractalctl.measures.protocols import Protocol
from store import FeatureSet, FeatureStore
from tests.backbones.models import WORDS, as_sentence_transformers, build_bert

RECIPE = TrainingRecipe(dims=(4, 8), epochs=1, learning_rate=1e-2)
SEEDS = (42, 123)
TREE = {"bank": ("card", "query"), "song": ("play", "lost")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return as_sentence_transformers(build_bert(tmp_path_factory.mktemp("model") / "tiny"), "mean_tokens")


@pytest.fixture(scope="module")
def talk(folder, tmp_path_factory) -> FeatureSet:
    """A feature set that a tiny encoder made of 120 training and 40 test sentences."""
    place, random = tmp_path_factory.mktemp("talk"), np.random.default_rng(0)
    with (place / "talk.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", "coarse", "fine", "split"])
        for row in range(160):
            coarse = sorted(TREE)[row % 2]
            fine = TREE[coarse][row // 2 % 2]
            words = [coarse, fine, *random.choice(WORDS[:12], size=random.integers(0, 6))]
            writer.writerow([" ".join(words), coarse, fine, "train" if row < 120 else "test"])
    return featurize(
        CorpusRequest(str(place / "talk.csv")), str(folder), FeatureStore(place / "store"), device="cpu"
    )


def ablate(talk: FeatureSet, runs: Path, folder: Path, **options):
    defaults = {"seeds": SEEDS, "recipe": RECIPE, "device": "cpu", "layers": 1, "encoder": folder}
    return ablate_backbone(talk, runs, **{**defaults, **options})


def test_every_cell_of_the_design_is_there(talk, folder, tmp_path) -> None:
    path, document = ablate(talk, tmp_path, folder, encoder_rate=1e-3)
    assert path == tmp_path / "talk" / "tiny" / "ablation-backbone.json"
    cells = {(run["strategy"], run["encoder"], run["seed"]) for run in document["runs"]}
    assert cells == {
        (name, kind, seed) for name in ("v5", "mrl") for kind in ("frozen", "tuned") for seed in SEEDS
    }
    tuned = [run for run in document["runs"] if run["encoder"] == "tuned"]
    assert all(run["moved"] > 1e-4 and set(run["baseline"]) == {"L0", "L1"} for run in tuned)
    assert all((run["layers"], run["encoder_rate"]) == (1, 1e-3) for run in tuned)
    assert unpack_hits(tuned[0]["hits"]).shape == (40, 2, 2)
    assert (document["n_train"], document["base_identity"]) == (120, talk.identity)
    again = ablate(talk, tmp_path, folder, encoder_rate=1e-3, device="meta")[1]
    assert again == json.loads(json.dumps(document))


def test_an_encoder_that_does_not_move_gives_what_the_frozen_one_gives(talk, folder, tmp_path) -> None:
    options = {"encoder_rate": 1e-30, "max_train": 80, "protocol": Protocol("index")}
    document = ablate(talk, tmp_path, folder, **options)[1]
    runs = {(run["strategy"], run["encoder"], run["seed"]): run for run in document["runs"]}
    for name in ("v5", "mrl"):
        for seed in SEEDS:
            tuned, frozen = runs[name, "tuned", seed], runs[name, "frozen", seed]
            assert tuned["moved"] < 1e-20
            assert tuned["baseline"] == document["profile"]["baseline"]
            assert tuned["hits"] == frozen["hits"]
    assert document["n_train"] == document["n_reference"] == 80


def test_a_sample_is_the_same_rows_in_everything(talk) -> None:
    rows = np.array([3, 50, 7])
    sampled = SampledSet(talk, rows)
    assert sampled.n_rows("train") == 3
    np.testing.assert_array_equal(sampled.features("train"), talk.features("train")[rows])
    np.testing.assert_array_equal(sampled.labels("train"), talk.labels("train")[rows])
    assert sampled.texts("train") == [talk.texts("train")[row] for row in rows]
    assert sampled.texts("train", [1]) == [talk.texts("train")[50]]
    assert sampled.ids("train") == [talk.ids("train")[row] for row in rows]
    assert sampled.texts("test", [2]) == [talk.texts("test")[2]]
    assert sampled.identity not in (talk.identity, SampledSet(talk, rows[::-1]).identity)


def test_finished_runs_are_kept(talk, folder, tmp_path, monkeypatch) -> None:
    whole = ablate(talk, tmp_path / "whole", folder)[1]
    from fractalctl.experiments import finetuning

    trained, fine_tune = [], finetuning.fine_tune

    def stopped(*arguments):
        if len(trained) == 3:
            raise KeyboardInterrupt
        trained.append(arguments[3])
        return fine_tune(*arguments)

    monkeypatch.setattr(finetuning, "fine_tune", stopped)
    with pytest.raises(KeyboardInterrupt):
        ablate(talk, tmp_path / "part", folder)
    trained.clear()
    again = ablate(talk, tmp_path / "part", folder)[1]
    assert [(run.supervision.name, run.seed) for run in trained] == [("mrl", 123)]
    assert again["runs"] == whole["runs"]


def test_wrong_requests_are_named(talk, folder, tmp_path) -> None:
    with pytest.raises(RequestError, match="tiny has 2 layers, of which 4 cannot be trained"):
        ablate(talk, tmp_path, folder, layers=4)
    with pytest.raises(RequestError, match="name that folder with --encoder"):
        ablate(talk, tmp_path, None)
    with pytest.raises(RequestError, match="--max-train must be at least 1, got 0"):
        ablate(talk, tmp_path, folder, max_train=0)


class Wordless(FeatureSet):
    def texts(self, split, rows=None):
        return [""] * self.n_rows(split)


class Foreign(FeatureSet):
    def features(self, split):
        return np.roll(super().features(split), 1, axis=1)


def test_a_set_that_does_not_fit_its_encoder_is_refused(talk, folder, tmp_path) -> None:
    with pytest.raises(RequestError, match="holds no texts in split train"):
        ablate(Wordless(talk.path), tmp_path, folder)
    with pytest.raises(FractalError, match="tiny gives other features for its texts than it holds"):
        ablate(Foreign(talk.path), tmp_path, folder)


def test_the_command_takes_the_options_of_the_axis(talk, folder, tmp_path) -> None:
    arguments = ["ablate", str(talk.path), "--axis", "backbone", "--encoder", str(folder), "--layers", "1"]
    arguments += ["--max-train", "60", "--seeds", "42,123", "--dims", "4,8", "--epochs", "1"]
    result = CliRunner().invoke(build_app(), [*arguments, "--runs", str(tmp_path), "--quiet"])
    assert result.exit_code == 0, result.output
    document = json.loads((tmp_path / "talk" / "tiny" / "ablation-backbone.json").read_text())
    assert (document["layers"], document["n_train"]) == (1, 60)
    assert len(document["comparisons"]) == 6
    assert str(folder) in document["argv"]
    wrong = CliRunner().invoke(build_app(), [*arguments, "--layers", "9", "--runs", str(tmp_path)])
    assert wrong.exit_code == 2
    assert "--layers takes 1 to 2" in " ".join(wrong.output.split())
