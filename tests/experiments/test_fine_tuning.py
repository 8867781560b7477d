"""The axis of the backbone: heads on a frozen encoder and on one whose last layers are trained."""

import csv
from pathlib import Path

import numpy as np
import pytest

from fractalctl.backbones.encoder import load_backbone
from fractalctl.backbones.featurize import featurize
from fractalctl.backbones.fine_tuning import TunableEncoder
from fractalctl.backbones.resolve import recorded_backbone
from fractalctl.corpora.request import CorpusRequest
from fractalctl.documents import read_document
from fractalctl.documents.experiments import Ablation
from fractalctl.errors import FractalError, RequestError
from fractalctl.experiments.ablation import ablate
from fractalctl.experiments.conditions import RecomputedSet
from fractalctl.heads.arms import Arm
from fractalctl.measures.protocols import Protocol
from store import FeatureSet, FeatureStore
from tests.backbones.models import WORDS, as_sentence_transformers, build_bert

SETTINGS = {"dims": (4, 8), "epochs": 1, "learning_rate": 1e-2}
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
    request = CorpusRequest(str(place / "talk.csv"), text="text", levels=("coarse", "fine"))
    return featurize(request, str(folder), FeatureStore(place / "store"), device="cpu")


def tune(talk: FeatureSet, runs: Path, folder: Path | None, **options):
    defaults = {"seeds": SEEDS, "settings": SETTINGS, "device": "cpu", "layers": 1, "encoder": folder}
    return ablate("backbone", talk, runs, **{**defaults, **options})


def test_every_cell_of_the_design_is_there(talk, folder, tmp_path) -> None:
    path, document = tune(talk, tmp_path, folder, encoder_rate=1e-3)
    assert path.parent == tmp_path / "talk" / "tiny"
    cells = {(run.strategy, run.point["encoder"], run.seed) for run in document.runs}
    assert cells == {
        (name, kind, seed) for name in ("v5", "mrl") for kind in ("frozen", "tuned") for seed in SEEDS
    }
    tuned = [run for run in document.runs if run.point == {"encoder": "tuned"}]
    assert all(run.more["moved"] > 1e-4 and set(run.baseline) == {"L0", "L1"} for run in tuned)
    assert tuned[0].hits.unpack().shape == (40, 2, 2)
    assert document.about == {
        "layers": 1, "encoder_rate": 1e-3, "n_train": 120, "base_identity": talk.identity,
    }  # fmt: skip
    assert len(document.comparisons) == 6
    assert read_document(path, Ablation) == document
    again = tune(talk, tmp_path, folder, encoder_rate=1e-3, device="meta")[1]
    assert again == document, "it is up to date, nothing is computed"


@pytest.mark.parametrize("rule", [Protocol("index"), Protocol("loo", max_test=15)])
def test_an_encoder_that_does_not_move_gives_what_the_frozen_one_gives(talk, folder, tmp_path, rule) -> None:
    document = tune(talk, tmp_path, folder, encoder_rate=1e-30, max_train=80, protocol=rule)[1]
    runs = {(run.strategy, run.point["encoder"], run.seed): run for run in document.runs}
    for name in ("v5", "mrl"):
        for seed in SEEDS:
            tuned, frozen = runs[name, "tuned", seed], runs[name, "frozen", seed]
            assert tuned.more["moved"] < 1e-20
            assert tuned.baseline == document.profile.baseline
            assert tuned.hits == frozen.hits
    assert document.about["n_train"] == 80
    assert document.n_reference == (80 if rule.name == "index" else 15)


def test_recomputed_features_have_an_identity_of_their_own(talk, folder) -> None:
    encoder = TunableEncoder(load_backbone(recorded_backbone(talk, folder), device="cpu"), 1)
    states = {"test": encoder.lower(talk.texts("test"))}
    before = RecomputedSet(talk, encoder, states)
    assert before.identity != talk.identity
    assert RecomputedSet(talk, encoder, states).identity == before.identity
    moved = {name: tensor + 0.5 for name, tensor in encoder.weights().items()}
    unmoved = before.features("test")
    encoder.load(moved)
    after = RecomputedSet(talk, encoder, states)
    assert after.identity not in (talk.identity, before.identity)
    assert not np.allclose(after.features("test"), unmoved)
    np.testing.assert_array_equal(after.labels("test"), talk.labels("test"))


def test_finished_runs_are_kept(talk, folder, tmp_path, monkeypatch) -> None:
    whole = tune(talk, tmp_path / "whole", folder)[1]
    trained, fit = [], Arm.fit

    def stopped(self, examples, seeds, *others):
        if len(trained) == 3:
            raise KeyboardInterrupt
        trained.append((self.strategy, *seeds))
        return fit(self, examples, seeds, *others)

    with monkeypatch.context() as patch:
        patch.setattr(Arm, "fit", stopped)
        with pytest.raises(KeyboardInterrupt):
            tune(talk, tmp_path / "part", folder)
    first, trained = trained, []
    monkeypatch.setattr(Arm, "fit", lambda self, *given: trained.append(self.strategy) or fit(self, *given))
    again = tune(talk, tmp_path / "part", folder)[1]
    assert first == [("v5", 42), ("v5", 123), ("mrl", 42)]
    assert trained == ["mrl", "v5", "mrl"], "the last tuned one, then a frozen fleet of each arm"
    assert again.runs == whole.runs


def test_wrong_requests_are_named(talk, folder, tmp_path) -> None:
    with pytest.raises(RequestError, match="tiny has 2 layers, of which 4 cannot be trained"):
        tune(talk, tmp_path, folder, layers=4)
    with pytest.raises(RequestError, match="name that folder with --encoder"):
        tune(talk, tmp_path, None)
    with pytest.raises(RequestError, match="--max-train must be at least 1, got 0"):
        tune(talk, tmp_path, folder, max_train=0)
    with pytest.raises(RequestError, match="at least one layer must be trained, got 0"):
        tune(talk, tmp_path, folder, layers=0)
    with pytest.raises(RequestError, match=r"pca-.* is a closed form, by which no encoder can be trained"):
        tune(talk, tmp_path, folder, strategies=["v5", "pca"])


class Wordless(FeatureSet):
    def texts(self, split, rows=None):
        return [""] * self.n_rows(split)


class Foreign(FeatureSet):
    def features(self, split):
        return np.roll(super().features(split), 1, axis=1)


def test_a_set_that_does_not_fit_its_encoder_is_refused(talk, folder, tmp_path) -> None:
    with pytest.raises(RequestError, match="holds no texts in split train"):
        tune(Wordless(talk.path), tmp_path, folder)
    with pytest.raises(FractalError, match="tiny gives other features for its texts than it holds"):
        tune(Foreign(talk.path), tmp_path, folder)
