"""Tuning: equal numbers of trials on validation rows, recorded in the head."""

import json
import math

import numpy as np
import pytest

from fractalctl.errors import FractalError, RequestError
from fractalctl.experiments import tuning
from fractalctl.experiments.training import Job, build_arms, fit_arms, train_heads
from fractalctl.experiments.tuning import SEED, tune
from fractalctl.heads.arms import build_arm, strategies
from fractalctl.heads.head import load_head
from fractalctl.measures.evaluation import Evaluator
from fractalctl.measures.protocols import Protocol
from fractalctl.statistics.comparisons import check_arms
from fractalctl.statistics.reading import observation
from tests.experiments.conftest import SETTINGS

SMALL = {name: value for name, value in SETTINGS.items() if name != "learning_rate"}


def arms_of(features, *names: str, **settings):
    return build_arms(names, features.n_levels, None, SMALL | settings)


def test_the_best_of_equally_many_trials_is_chosen_by_held_out_rows(features, tmp_path) -> None:
    arms, said = arms_of(features, "mrl-e", "supcon", batch_size=64), []
    found = tune(features, arms, 4, tmp_path, note=said.append)
    for arm, one in zip(arms, found, strict=True):
        assert [len(one.tuning.trials), one.plain, one.arm.label] == [4, arm, f"{arm.label}-tuned=4"]
        scores = []
        for trial in one.tuning.trials:
            again = build_arm(arm.strategy, 2, settings=arm.typed() | trial.settings)
            fitted = next(iter(fit_arms(features, [Job(again, SEED)])))[1]
            assert fitted.history[fitted.best_epoch - 1].validation == trial.validation
            scores.append(max(sum(record.validation.values()) for record in fitted.history))
        best = one.tuning.trials[int(np.argmax(scores))].settings
        assert one.tuning.chosen == best
        assert {name: getattr(one.arm.settings, name) for name in best} == best
        assert one.tuning.trials[0].settings == {name: getattr(arm.settings, name) for name in best}
    assert set(found[0].tuning.ranges) == {"learning_rate"}
    assert set(found[1].tuning.ranges) == {"learning_rate", "temperature"}
    assert len(said) == 2
    assert said[0].endswith("is the best of 4 trials")


def test_values_are_spread_over_their_ranges_on_a_logarithmic_scale(features) -> None:
    arm = arms_of(features, "matryoshka")[0]
    tried = tuning._candidates(arm, 65, arm.tuned)
    assert tried[0] == arm
    for name, (low, high) in arm.tuned.items():
        values = [getattr(one.settings, name) for one in tried[1:]]
        assert low <= min(values) < low * (high / low) ** 0.1
        assert high >= max(values) > low * (high / low) ** 0.9
        places = [math.log(value / low) / math.log(high / low) for value in values]
        assert np.histogram(places, 4, (0, 1))[0].tolist() == pytest.approx([16] * 4, abs=1)
    assert tried == tuning._candidates(arm, 65, arm.tuned)
    assert tried[:9] == tuning._candidates(arm, 9, arm.tuned)


def test_every_method_tunes_floats_of_its_own_and_two_at_most() -> None:
    for name, strategy in strategies().items():
        tuned, settings = strategy.method.tuned, build_arm(name, 2).settings
        assert len(tuned) <= 2
        assert all(isinstance(getattr(settings, knob), float) for knob in tuned)
        assert all(0 < low < high for low, high in tuned.values())
        assert ("learning_rate" in tuned) == (strategy.trunk is not None)


def test_what_was_asked_for_and_closed_forms_are_not_tuned(features, tmp_path) -> None:
    said: list[str] = []
    arms = [build_arm("pca", 2, settings={"dims": (4, 8)}), *arms_of(features, "mrl-e", learning_rate=0.01)]
    found = tune(features, arms, 3, tmp_path, fixed=["learning_rate"], note=said.append)
    assert [(one.arm, one.tuning) for one in found] == [(arm, None) for arm in arms]
    assert said == [f"{arm.label}: has nothing to tune" for arm in arms]
    found = tune(features, arms_of(features, "supcon"), 2, tmp_path, fixed=["learning_rate"])
    assert set(found[0].tuning.chosen) == {"temperature"}
    with pytest.raises(RequestError, match="tuning needs 2 trials or more, got 1"):
        tune(features, arms, 1, tmp_path)


def test_a_head_says_how_it_was_tuned_and_is_tuned_once(features, tmp_path, monkeypatch) -> None:
    one = tune(features, arms_of(features, "mrl-e"), 3, tmp_path)[0]
    head = train_heads(features, [one.arm], tmp_path, [42], tunings={one.arm: one.tuning}).heads[0]
    assert head.folder.parent.name == one.arm.label
    assert load_head(head.folder).document.tuning == one.tuning
    assert json.loads((head.folder / "head.json").read_text())["tuning"]["chosen"] == one.tuning.chosen
    plain = train_heads(features, [one.plain], tmp_path, [42]).heads[0]
    assert plain.folder != head.folder
    assert plain.document.tuning is None
    monkeypatch.setattr(tuning, "fit_arms", lambda *given: pytest.fail("tuned twice"))
    assert tune(features, arms_of(features, "mrl-e"), 3, tmp_path)[0] == one
    monkeypatch.undo()
    assert tune(features, arms_of(features, "mrl-e"), 3, tmp_path, again=True)[0] == one
    more = tune(features, arms_of(features, "mrl-e"), 4, tmp_path)[0]
    assert more.arm.label != one.arm.label
    assert more.tuning.trials[:3] == one.tuning.trials


def test_an_arm_that_is_tuned_on_each_corpus_is_one_arm_to_statistics(store, tmp_path) -> None:
    from tests.feature_sets import make_features

    found = []
    for corpus, rate in (("garden", 0.01), ("meadow", 0.002)):
        features = make_features(store, corpus)
        one = tune(features, arms_of(features, "mrl-e"), 2, tmp_path)[0]
        chosen = tuning._with(one.plain, {"learning_rate": rate}, 2)
        head = train_heads(features, [chosen], tmp_path, [1], tunings={chosen: one.tuning}).heads[0]
        evaluation = Evaluator(features, Protocol("index")).evaluate(head)
        assert evaluation.tuned == ["learning_rate"]
        found.append(observation(evaluation))
    assert found[0].training["learning_rate"] == "tuned"
    assert found[0].training["epochs"] == 2
    check_arms(found, {found[0].arm})


def test_trials_that_diverge_count_for_nothing(features, tmp_path, monkeypatch) -> None:
    from fractalctl.heads.fleet import Fleet

    plain = Fleet.loss

    def broken(self, batch):
        loss = plain(self, batch)
        return loss * float("nan") if broken.at is None or broken.at(self) else loss

    arm = arms_of(features, "mrl-e")[0]
    broken.at = lambda fleet: broken.calls.append(0) or len(broken.calls) == 1
    broken.calls = []
    monkeypatch.setattr(Fleet, "loss", broken)
    one = tune(features, [arm], 3, tmp_path)[0]
    assert [trial.validation is None for trial in one.tuning.trials] == [True, False, False]
    assert one.tuning.chosen in [trial.settings for trial in one.tuning.trials[1:]]
    broken.at = None
    with pytest.raises(FractalError, match="no longer a finite number"):
        tune(features, [arm], 3, tmp_path, again=True)


def test_long_labels_stay_short_enough(features) -> None:
    arm = build_arm("v5", 2, "mlp", {"weight_decay": 0.5, "clip_norm": 3, "batch_size": 64, "holdout": 0.25})
    longest = tuning._with(arm, {"learning_rate": 0.1}, 16).label
    assert len(longest) <= 80
    assert longest.endswith("-tuned=16")
