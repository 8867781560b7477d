import json

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.neighbors import KNeighborsClassifier

from fractalctl.errors import RequestError
from fractalctl.experiments.evaluating import evaluate_heads
from fractalctl.experiments.policy import Overwrite
from fractalctl.experiments.training import supervisions, train_heads
from fractalctl.heads.draws import hold_out
from fractalctl.heads.recipe import TrainingRecipe
from fractalctl.measures import information
from fractalctl.measures.metrics import METRICS, metric_names
from fractalctl.measures.protocols import Protocol
from fractalctl.statistics.reading import read_evaluation
from store.files import read_json
from tests.feature_sets import make_features

LOO, INDEX = Protocol("loo"), Protocol("index")


def train(features, tmp_path, strategies, recipe, seeds=(42,)):
    tables = supervisions(features, recipe, strategies)
    return train_heads(features, tables, tmp_path / "runs", seeds, recipe).heads


@pytest.fixture
def heads(features, recipe, tmp_path):
    return train(features, tmp_path, ["v5", "mrl", "coarse", "fine"], recipe)


def one(heads, store, metric, protocol=LOO):
    return evaluate_heads(heads[:1], protocol, store, metrics=[metric]).documents[0]


def test_every_metric_is_a_part_and_statistics_read_on(heads, store) -> None:
    result = evaluate_heads(heads, LOO, store, metrics=["all"])
    document = read_json(result.paths[0])
    assert document == json.loads(json.dumps(result.documents[0]))
    assert [name for name in document if name in METRICS] == list(METRICS)
    assert (result.warnings, result.n_reused) == ((), 0)
    assert read_evaluation(result.paths[0]).metrics["S"] == document["steerability"]["S"]
    assert document["retrieval"]["seed"] == 42


def test_a_missing_part_is_added_and_nothing_else_computed(heads, store, monkeypatch) -> None:
    path = evaluate_heads(heads[:1], LOO, store, metrics=["retrieval"]).paths[0]
    before = read_json(path)
    monkeypatch.setattr("fractalctl.measures.evaluation.Evaluator.evaluate", refuse)
    monkeypatch.setitem(
        METRICS, "retrieval", type(METRICS["retrieval"])(refuse, METRICS["retrieval"].settings)
    )
    after = evaluate_heads(heads[:1], LOO, store, metrics=["localisation", "retrieval"]).documents[0]
    assert list(after) == [*before, "localisation"]
    assert all(after[key] == before[key] for key in before)
    again = evaluate_heads(heads[:1], LOO, store, metrics=["localisation"])
    assert again.n_reused == 1
    assert evaluate_heads(heads[:1], LOO, store).n_reused == 1


def refuse(*_arguments):
    raise AssertionError("was computed again")


def test_other_settings_make_a_part_anew(heads, store, monkeypatch) -> None:
    first = one(heads, store, "retrieval")
    settings = {"seed": 7, "cutoffs": [1]}
    monkeypatch.setitem(METRICS, "retrieval", type(METRICS["retrieval"])(lambda _: {"made": 1}, settings))
    with pytest.raises(RequestError, match="'retrieval' was measured with other siblings or settings"):
        evaluate_heads(heads[:1], LOO, store, overwrite=Overwrite.NEVER, metrics=["retrieval"])
    second = one(heads, store, "retrieval")
    assert second["retrieval"]["made"] == 1
    assert second["identity"] == first["identity"]
    assert second["retrieval"]["identity"] != first["retrieval"]["identity"]


def test_always_makes_parts_anew_and_never_adds_missing_ones(heads, store) -> None:
    one(heads, store, "retrieval")
    added = evaluate_heads(heads[:1], LOO, store, overwrite=Overwrite.NEVER, metrics=["routing"])
    assert {"retrieval", "routing"} <= added.documents[0].keys()
    anew = evaluate_heads(heads[:1], LOO, store, overwrite=Overwrite.ALWAYS, metrics=["routing"])
    assert "retrieval" not in anew.documents[0]
    assert anew.n_reused == 0


def test_argv_names_every_metric_of_the_file(heads, store) -> None:
    def argv(_head, measured):
        return list(measured)

    assert evaluate_heads(heads[:1], LOO, store, argv=argv).documents[0]["argv"] == []
    for name, expected in (("routing", ["routing"]), ("retrieval", ["retrieval", "routing"])):
        document = evaluate_heads(heads[:1], LOO, store, argv=argv, metrics=[name]).documents[0]
        assert document["argv"] == expected


def test_unknown_metrics_are_refused() -> None:
    with pytest.raises(
        RequestError, match="metric 'speed' is not known; choose from retrieval, localisation"
    ):
        metric_names(["retrieval", "speed"])
    assert metric_names(["routing", "retrieval"]) == ("retrieval", "routing")
    assert metric_names(["all"]) == tuple(METRICS)


def test_retrieval_ranks_one_half_of_the_test_rows_by_the_other(heads, features, store) -> None:
    part = one(heads, store, "retrieval", Protocol("loo", max_test=100))["retrieval"]
    order = np.random.default_rng(42).permutation(100)
    asked, known = np.sort(order[:50]), np.sort(order[50:])
    embedded, labels = heads[0].embed(features.features("test")[:100]), features.labels("test")
    for dimension in (4, 16):
        unit = embedded[:, :dimension] / np.linalg.norm(embedded[:, :dimension], axis=1, keepdims=True)
        same = [
            labels[known][np.argsort(-(unit[known] @ unit[row]), kind="stable")] == labels[row]
            for row in asked
        ]
        for level in (0, 1):
            for k in (1, 5, 10, 20):
                share = np.mean([found[:k, level].any() for found in same])
                assert part["recall"][str(dimension)][f"L{level}"][str(k)] == pytest.approx(share)
            ranks = [1 / (found[:, level].argmax() + 1) if found[:, level].any() else 0 for found in same]
            assert part["mrr"][str(dimension)][f"L{level}"] == pytest.approx(np.mean(ranks))


def test_localisation_asks_the_first_block_and_the_rest(heads, features, store) -> None:
    document = one(heads, store, "localisation", INDEX)
    part = document["localisation"]
    train_rows, test = (heads[0].embed(features.features(split)) for split in ("train", "test"))
    for place, columns in (("first", slice(0, 4)), ("rest", slice(4, 16))):
        for level in (0, 1):
            peer = KNeighborsClassifier(5, metric="cosine", algorithm="brute")
            peer.fit(train_rows[:, columns], features.labels("train")[:, level])
            share = peer.score(test[:, columns], features.labels("test")[:, level])
            assert part["accuracy"][place][f"L{level}"] == pytest.approx(share)
    first, rest = part["accuracy"]["first"], part["accuracy"]["rest"]
    assert part["separation"] == pytest.approx(first["L0"] - rest["L0"] - first["L1"] + rest["L1"])
    assert part["dimensions"] == {"first": [1, 4], "rest": [5, 16]}


def test_routing_meets_mrl_of_the_same_seed(heads, store) -> None:
    documents = evaluate_heads(heads[:2], INDEX, store, metrics=["routing"]).documents
    part, accuracy, mrl = documents[0]["routing"], documents[0]["accuracy"], documents[1]["accuracy"]
    for place, alpha in enumerate(part["alphas"]):
        assert part["adaptive"][place] == pytest.approx(
            alpha * accuracy["4"]["L0"] + (1 - alpha) * accuracy["16"]["L1"]
        )
        assert part["mrl"]["mixed"][place] == pytest.approx(
            alpha * mrl["16"]["L0"] + (1 - alpha) * mrl["16"]["L1"]
        )
        assert part["mean_dimension"][place] == pytest.approx(alpha * 4 + (1 - alpha) * 16)
    assert part["mrl"]["head_identity"] == heads[1].identity
    assert list(part["fixed"]) == ["4", "8", "12", "16"]


def test_a_sibling_is_evaluated_where_nobody_asked_for_it(heads, store) -> None:
    part = one(heads, store, "routing")["routing"]
    assert not (heads[1].folder / "evaluation-loo.json").exists()
    accuracy = evaluate_heads(heads[1:2], LOO, store).documents[0]["accuracy"]
    assert part["mrl"]["mixed"][-1] == pytest.approx(accuracy["16"]["L0"])


def test_without_mrl_routing_says_so_and_is_measured_again_when_it_comes(
    features, store, recipe, tmp_path
) -> None:
    lonely = train(features, tmp_path, ["v5"], recipe, seeds=(42, 123))
    result = evaluate_heads(lonely, LOO, store, metrics=["routing"])
    assert [document["routing"]["mrl"] for document in result.documents] == [None, None]
    (warning,) = result.warnings
    assert warning.endswith(
        "no mrl head trained alike with seed 42, 123, so 'routing' has no comparison with it"
    )
    train(features, tmp_path, ["mrl"], TrainingRecipe(dims=(4, 8, 12, 16), epochs=1))
    assert evaluate_heads(lonely, LOO, store, metrics=["routing"]).n_reused == 2, (
        "another recipe is no sibling"
    )
    train(features, tmp_path, ["mrl"], recipe)
    again = evaluate_heads(lonely, LOO, store, metrics=["routing"])
    assert again.documents[0]["routing"]["mrl"]["dimension"] == 16
    assert again.n_reused == 1


def test_dual_compares_with_two_dedicated_heads(heads, store) -> None:
    documents = evaluate_heads(heads, LOO, store, metrics=["dual"]).documents
    part, (v5, _, coarse, fine) = documents[0]["dual"], (document["accuracy"] for document in documents)
    assert part["single"]["coarse_short"] == v5["4"]["L0"]
    assert part["single"]["fine_full"] == v5["16"]["L1"]
    assert part["dedicated"]["coarse_full"] == coarse["16"]["L0"]
    assert part["dedicated"]["coarse_short"] == coarse["4"]["L0"]
    assert part["dedicated"]["fine_full"] == fine["16"]["L1"]
    storage = [part[side]["bytes_per_document"] for side in ("single", "dedicated")]
    assert storage == [64, 128]
    assert [part[side]["coarse_query_bytes"] for side in ("single", "dedicated")] == [16, 64]
    assert part["dedicated"]["head_bytes"] == sum(head.weights_path.stat().st_size for head in heads[2:])


def test_dual_without_dedicated_heads_gives_the_command_that_trains_them(
    features, store, recipe, tmp_path
) -> None:
    lonely = train(features, tmp_path, ["v5"], recipe, seeds=(42, 123))
    with pytest.raises(RequestError, match="dual needs heads of the strategies coarse and fine") as caught:
        evaluate_heads(lonely, LOO, store, metrics=["dual"])
    command = "fractalctl train --strategy coarse,fine --seeds 42,123 --head linear --dims 4,8,12,16 "
    assert str(caught.value).splitlines()[-1] == command + f"--runs {tmp_path / 'runs'} garden/gaussian"
    assert not (lonely[0].folder / "evaluation-loo.json").exists(), "nothing was begun"


def test_a_head_of_one_length_cannot_be_cut(features, store, tmp_path) -> None:
    single = train(features, tmp_path, ["fine"], TrainingRecipe(dims=(16,), epochs=1))
    for name in ("localisation", "routing"):
        with pytest.raises(RequestError, match=f"{name} compares prefix lengths, but this head has only 16"):
            evaluate_heads(single, LOO, store, metrics=[name])
    assert one(single, store, "retention")["retention"]["head"]["16"]["relative_cost"] == 1


def peer_bits(part, known, asked, parents, columns) -> float:
    """Mean cost of one scikit-learn regression per class above, with the recorded penalty and temperature."""
    bits = np.zeros(len(asked[0]))
    for parent in np.unique(parents[1]):
        here, there = (rows == parent for rows in parents)
        peer = LogisticRegression(C=part["strength"], max_iter=2000, tol=1e-8)
        peer.fit(known[0][here][:, columns], known[1][here])
        logits = peer.decision_function(asked[0][there][:, columns])
        logits = np.stack([0 * logits, logits], axis=1) if logits.ndim == 1 else logits
        shares = np.exp(logits / part["temperature"])
        floor = 1 / (here.sum() + 1)
        shares = (1 - floor) * shares / shares.sum(axis=1, keepdims=True) + floor / logits.shape[1]
        bits[there] = [
            log_loss([right], [row], labels=peer.classes_) / np.log(2)
            for right, row in zip(asked[1][there], shares, strict=True)
        ]
    return float(bits.mean())


def test_information_equals_scikit_learn_on_the_same_rows(heads, features, store) -> None:
    part = one(heads, store, "information")["information"]
    labels, truth = features.labels("train"), features.labels("test")
    split = hold_out(labels[:, -1], 0.15, 42)
    embedded, test = (heads[0].embed(features.features(name)).astype(float) for name in ("train", "test"))
    known, labels = embedded[split.training], labels[split.training]
    known, test = ((rows - known.mean(axis=0)) / known.std(axis=0) for rows in (known, test))
    nothing = np.zeros(len(known)), np.zeros(len(test))
    for dimension in (4, 16):
        for name, level, parents in (("L0", 0, nothing), ("L1|L0", 1, (labels[:, 0], truth[:, 0]))):
            found = part["bounds"][str(dimension)][name]
            pair = (known, labels[:, level]), (test, truth[:, level])
            cost = peer_bits(found, *pair, parents, slice(dimension))
            assert found["cross_entropy"] == pytest.approx(cost, abs=0.01)
            assert found["bits"] == pytest.approx(part["entropy"][name] - cost, abs=0.01)
            assert found["interval"][0] < found["bits"] < found["interval"][1]
    finest, coarse = (np.bincount(truth[:, level]) / 120 for level in (1, 0))
    h_finest, h_coarse = (-(shares * np.log2(shares)).sum() for shares in (finest, coarse))
    assert part["entropy"] == pytest.approx({"L0": h_coarse, "L1|L0": h_finest - h_coarse})
    assert part["rows"] == {"known": len(split.training), "validation": len(split.validation), "test": 120}


def test_information_names_every_level_of_a_deep_tree(store, recipe, tmp_path) -> None:
    deep = make_features(store, "forest", depth=3)
    part = one(train(deep, tmp_path, ["v5"], recipe), store, "information")["information"]
    assert list(part["entropy"]) == ["L0", "L1|L0", "L2|L1"]
    counts = np.bincount(deep.labels("test")[:, 2]) / 120
    assert sum(part["entropy"].values()) == pytest.approx(-(counts * np.log2(counts)).sum())
    bounds = part["bounds"]["4"]
    both = bounds["L1|L0"]["bits"] + bounds["L2|L1"]["bits"]
    assert part["theorem_1"]["fine_given_coarse"]["bits"] == pytest.approx(both)


def test_probes_learn_from_a_sample_of_many_rows(heads, store, monkeypatch) -> None:
    monkeypatch.setattr(information, "MOST_ROWS", 50)
    monkeypatch.setattr(information, "MOST_VALIDATION_ROWS", 20)
    assert one(heads, store, "information")["information"]["rows"] == {
        "known": 50, "validation": 20, "test": 120,
    }  # fmt: skip


def test_retention_sets_each_length_against_the_full_one(heads, features, store) -> None:
    document = one(heads, store, "retention", INDEX)
    part = document["retention"]
    full = document["accuracy"]["16"]
    for length, row in part["head"].items():
        assert row["accuracy"] == document["accuracy"][length]
        assert row["retained_accuracy"]["L1"] == pytest.approx(row["accuracy"]["L1"] / full["L1"])
        assert row["bytes_per_document"] == 4 * int(length)
    assert list(part["backbone"]) == ["4", "8", "12", "16", "24"]
    peer = KNeighborsClassifier(5, metric="cosine", algorithm="brute")
    peer.fit(features.features("train")[:, :8], features.labels("train")[:, 1])
    share = peer.score(features.features("test")[:, :8], features.labels("test")[:, 1])
    assert part["backbone"]["8"]["accuracy"]["L1"] == pytest.approx(share)
    assert part["backbone"]["24"]["accuracy"] == pytest.approx(document["profile"]["baseline"])
    recalls = one(heads, store, "retrieval", INDEX)["retrieval"]["recall"]
    assert part["head"]["4"]["recall@10"]["L1"] == recalls["4"]["L1"]["10"]
    assert all(spent > 0 for spent in part["measured_here"]["microseconds_per_query"].values())


def test_fractal_heads_are_measured_like_linear_ones(features, store, tmp_path) -> None:
    recipe = TrainingRecipe.for_head("fractal", dims=(4, 8), epochs=1)
    fractal = train(features, tmp_path, ["v5", "mrl", "coarse", "fine"], recipe)
    assert fractal[0].folder.parent.name == "v5-fractal"
    part = evaluate_heads(fractal[:1], LOO, store, metrics=["all"]).documents[0]
    assert part["routing"]["mrl"]["head_identity"] == fractal[1].identity
    assert set(part["dual"]["head_identities"]) == {"coarse", "fine"}
