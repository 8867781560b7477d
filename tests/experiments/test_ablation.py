import json
from itertools import islice

import numpy as np
import pytest
from scipy import stats

from fractalctl.experiments.ablation import Condition, ablate_alignment
from fractalctl.measures.hits import unpack_hits
from fractalctl.measures.protocols import Protocol
from fractalctl.statistics.conditions import compare_conditions
from tests.feature_sets import make_features

SEEDS = (42, 123, 456)


def test_every_condition_and_seed_is_there(features, recipe, tmp_path) -> None:
    path, document = ablate_alignment(features, tmp_path, seeds=SEEDS, recipe=recipe)
    assert path == tmp_path / "garden" / "gaussian" / "ablation-alignment.json"
    assert [(run["strategy"], run["seed"]) for run in document["runs"]] == [
        (name, seed) for name in ("v5", "inverted", "no-prefix", "uhmt", "mrl") for seed in SEEDS
    ]
    assert document["recipe"]["holdout_seed"] == 42
    assert unpack_hits(document["runs"][0]["hits"]).shape == (120, 4, 2)
    again = ablate_alignment(features, tmp_path, seeds=SEEDS, recipe=recipe)[1]
    assert again == json.loads(json.dumps(document))


def test_comparisons_equal_scipy_and_families_grow_over_corpora(store, features, recipe, tmp_path) -> None:
    other = make_features(store, "meadow", seed=3)
    documents = [
        ablate_alignment(one, tmp_path, seeds=SEEDS, recipe=recipe, protocol=Protocol("index"))[1]
        for one in (features, other)
    ]
    rows = {(row.unit.corpus, row.b): row for row in compare_conditions(documents)}
    assert len(rows) == 8
    for (corpus, name), row in rows.items():
        document = next(one for one in documents if one["corpus"] == corpus)
        s = {run["strategy"]: [] for run in document["runs"]}
        for run in document["runs"]:
            s[run["strategy"]].append(run["steerability"]["S"])
        peer = stats.ttest_rel(s["v5"], s[name])
        assert row.test.t == pytest.approx(peer.statistic)
        assert row.test.p == pytest.approx(peer.pvalue)
    sizes = {name: row.family_size for (_, name), row in rows.items()}
    assert sizes == {"inverted": 4, "no-prefix": 4, "uhmt": 2, "mrl": 2}
    raw = sorted(row.test.p for (_, name), row in rows.items() if name in ("inverted", "no-prefix"))
    adjusted = sorted(row.p_adjusted for (_, name), row in rows.items() if name in ("inverted", "no-prefix"))
    assert adjusted == pytest.approx(np.minimum(1, np.maximum.accumulate(np.array(raw) * [4, 3, 2, 1])))


def test_conditions_of_ones_own_are_corrected_together(features, recipe, tmp_path) -> None:
    document = ablate_alignment(features, tmp_path, ["v5", "coarse", "fine"], SEEDS, recipe)[1]
    assert [(row.b, row.family, row.family_size) for row in compare_conditions([document])] == [
        ("coarse", "own", 2),
        ("fine", "own", 2),
    ]
    without = ablate_alignment(features, tmp_path, ["mrl", "uhmt"], SEEDS, recipe)[1]
    assert compare_conditions([without]) == []


def test_a_stopped_call_goes_on_where_it_was(features, recipe, tmp_path, monkeypatch) -> None:
    whole = ablate_alignment(features, tmp_path / "whole", ["v5", "mrl"], SEEDS, recipe)[0]
    train, asked = Condition.train, []

    def stops_after_two(self, runs, *others):
        asked.append([(run.supervision.name, run.seed) for run in runs])
        yield from islice(train(self, runs, *others), 2)
        raise KeyboardInterrupt

    monkeypatch.setattr(Condition, "train", stops_after_two)
    with pytest.raises(KeyboardInterrupt):
        ablate_alignment(features, tmp_path / "parts", ["v5", "mrl"], SEEDS, recipe)
    monkeypatch.setattr(
        Condition, "train", lambda self, runs, *others: asked.append(list(runs)) or train(self, runs, *others)
    )
    path, _ = ablate_alignment(features, tmp_path / "parts", ["v5", "mrl"], SEEDS, recipe)
    assert len(asked[0]) == 6
    assert [(run.supervision.name, run.seed) for run in asked[1]] == asked[0][2:]
    assert path.read_bytes() == whole.read_bytes()
    assert [one.name for one in path.parent.iterdir()] == [path.name]
