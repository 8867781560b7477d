"""Metrics of heads on a small feature set, against scikit-learn and plain loops."""

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.neighbors import KNeighborsClassifier

from fractalctl.documents import read_document, write_document
from fractalctl.documents.evaluation import Evaluation
from fractalctl.errors import FractalError, RequestError
from fractalctl.heads.examples import hold_out
from fractalctl.heads.head import Head
from fractalctl.measures.evaluation import Evaluator
from fractalctl.measures.metrics import Matched, Metric, Subject, information, metric_names, metrics
from fractalctl.measures.protocols import Protocol
from fractalctl.randomness import Purpose, generator
from store import FeatureSet, FeatureStore
from tests.feature_sets import make_features
from tests.measures.heads import make_head, reversing

LOO, INDEX = Protocol("loo"), Protocol("index")
STRATEGIES = ("v5", "mrl", "coarse", "fine")


@pytest.fixture
def heads(features: FeatureSet, tmp_path) -> dict[str, Head]:
    return {strategy: make_head(features, tmp_path, strategy) for strategy in STRATEGIES}


def subject(features: FeatureSet, heads: dict[str, Head], name: str, protocol: Protocol = LOO) -> Subject:
    """The v5 head with the heads that a metric compares it with."""
    evaluator, metric = Evaluator(features, protocol), metrics()[name]
    matched = {
        strategy: Matched(heads[strategy], evaluator.evaluate(heads[strategy]))
        for strategy in (*metric.needs, *metric.uses)
        if strategy in heads
    }
    return Subject(heads["v5"], evaluator, evaluator.evaluate(heads["v5"]), matched)


def measured(features: FeatureSet, heads: dict[str, Head], name: str, protocol: Protocol = LOO):
    return metrics()[name].measure(subject(features, heads, name, protocol))


@pytest.mark.parametrize("name", metrics())
@pytest.mark.parametrize("protocol", [LOO, INDEX], ids=lambda protocol: protocol.name)
def test_parts_come_back_from_a_file_as_they_were(features, heads, name: str, protocol, tmp_path) -> None:
    one, metric = subject(features, heads, name, protocol), metrics()[name]
    part = metric.part(one)
    document = msgspec.structs.replace(one.evaluation, metrics={name: part})
    write_document(tmp_path / "evaluation.json", document)
    found = metric.read(read_document(tmp_path / "evaluation.json", Evaluation))
    assert isinstance(found, metric.result)
    assert msgspec.to_builtins(found) == part.result
    assert metric.read(one.evaluation) is None
    matched = {strategy: one.head for strategy, one in one.matched.items()}
    assert part.identity == metric.identity(one.evaluation.identity, matched)
    assert part.identity != metric.identity(one.evaluation.identity, {"mrl": heads["fine"]})
    assert metric.result.__doc__


def test_a_damaged_part_names_file_and_field(features, heads) -> None:
    one, metric = subject(features, heads, "localisation"), metrics()["localisation"]
    part = metric.part(one)
    damaged = msgspec.structs.replace(part, result={**part.result, "separation": "large"})
    document = msgspec.structs.replace(one.evaluation, metrics={"localisation": damaged})
    with pytest.raises(FractalError, match=r"garden/gaussian/v5, seed 42: metric 'localisation'.*separation"):
        metric.read(document)


class Number(msgspec.Struct):
    value: float


@pytest.mark.parametrize("value", [float("nan"), "many"])
def test_a_metric_that_breaks_its_own_type_is_named(features, heads, value) -> None:
    metric = Metric("odd", Number, lambda _: Number(value))
    with pytest.raises(FractalError, match=r"metric 'odd' of .*v5-42"):
        metric.part(subject(features, heads, "localisation"))


def test_a_missing_head_is_named(features, heads) -> None:
    with pytest.raises(RequestError, match=r"dual needs heads of fine$"):
        metrics()["dual"].part(subject(features, {"v5": heads["v5"], "coarse": heads["coarse"]}, "dual"))


def test_unknown_metrics_are_refused_and_all_means_all() -> None:
    with pytest.raises(
        RequestError, match="metric 'speed' is not known; choose from baselines, cascade, dual, information"
    ):
        metric_names(["retrieval", "speed"])
    assert metric_names(["routing", "retrieval"]) == ("retrieval", "routing")
    assert metric_names(["all"]) == tuple(metrics())
    assert metric_names([]) == ()


def test_settings_are_part_of_an_identity() -> None:
    two = [Metric("m", Number, Number, {"cutoff": cutoff}) for cutoff in (1, 2)]
    assert two[0].identity("e", {}) != two[1].identity("e", {})


def test_retrieval_ranks_one_half_of_the_test_rows_by_the_other(features, heads) -> None:
    one = subject(features, heads, "retrieval", Protocol("loo", max_test=100))
    part, rows = metrics()["retrieval"].measure(one), one.evaluator.rows.test_rows
    order = generator(42, Purpose.RETRIEVAL_SPLIT).permutation(100)
    asked, known = np.sort(order[:50]), np.sort(order[50:])
    embedded, labels = heads["v5"].embed(features.features("test")[rows]), features.labels("test")[rows]
    assert (part.n_queries, part.n_documents, part.seed) == (50, 50, 42)
    for dimension in (4, 16):
        unit = embedded[:, :dimension] / np.linalg.norm(embedded[:, :dimension], axis=1, keepdims=True)
        same = [
            labels[known][np.argsort(-(unit[known] @ unit[row]), kind="stable")] == labels[row]
            for row in asked
        ]
        for level in (0, 1):
            for k in (1, 5, 10, 20):
                share = np.mean([found[:k, level].any() for found in same])
                assert part.hit_rate[str(dimension)][f"L{level}"][str(k)] == pytest.approx(share)
            ranks = [1 / (found[:, level].argmax() + 1) if found[:, level].any() else 0 for found in same]
            assert part.mrr[str(dimension)][f"L{level}"] == pytest.approx(np.mean(ranks))


@pytest.mark.parametrize("nested", [True, False])
def test_localisation_asks_the_first_block_and_the_rest(features, tmp_path, nested: bool) -> None:
    head = make_head(features, tmp_path)
    head = head if nested else reversing(head)
    part = measured(features, {"v5": head}, "localisation", INDEX)
    train_rows, test = (head.prefixes(features.features(split)).blocks for split in ("train", "test"))
    for place, columns in (("first", slice(0, 4)), ("rest", slice(4, 16))):
        for level in (0, 1):
            peer = KNeighborsClassifier(5, metric="cosine", algorithm="brute")
            peer.fit(train_rows[:, columns], features.labels("train")[:, level])
            share = peer.score(test[:, columns], features.labels("test")[:, level])
            assert getattr(part.accuracy, place)[f"L{level}"] == pytest.approx(share)
    first, rest = part.accuracy.first, part.accuracy.rest
    assert part.separation == pytest.approx(first["L0"] - rest["L0"] - first["L1"] + rest["L1"])
    assert (part.dimensions.first, part.dimensions.rest) == ((1, 4), (5, 16))


def test_routing_meets_mrl_of_the_same_seed(features, heads) -> None:
    one = subject(features, heads, "routing", INDEX)
    part, accuracy, mrl = (
        metrics()["routing"].measure(one),
        one.accuracy,
        one.matched["mrl"].evaluation.accuracy,
    )
    for place, alpha in enumerate(part.alphas):
        assert part.adaptive[place] == pytest.approx(
            alpha * accuracy["4"]["L0"] + (1 - alpha) * accuracy["16"]["L1"]
        )
        assert part.mrl.mixed[place] == pytest.approx(alpha * mrl["16"]["L0"] + (1 - alpha) * mrl["16"]["L1"])
        assert part.mean_dimension[place] == pytest.approx(alpha * 4 + (1 - alpha) * 16)
    assert part.mrl.head_identity == heads["mrl"].identity
    assert list(part.fixed) == ["4", "8", "12", "16"]
    assert measured(features, {"v5": heads["v5"]}, "routing").mrl is None


def test_dual_compares_with_two_dedicated_heads(features, heads) -> None:
    one = subject(features, heads, "dual")
    part, v5 = metrics()["dual"].measure(one), one.accuracy
    coarse, fine = (one.matched[strategy].evaluation.accuracy for strategy in ("coarse", "fine"))
    assert part.single.coarse_short == v5["4"]["L0"]
    assert part.single.fine_full == v5["16"]["L1"]
    assert part.dedicated.coarse_full == coarse["16"]["L0"]
    assert part.dedicated.coarse_short == coarse["4"]["L0"]
    assert part.dedicated.fine_full == fine["16"]["L1"]
    assert [side.bytes_per_document for side in (part.single, part.dedicated)] == [64, 128]
    assert [side.coarse_query_bytes for side in (part.single, part.dedicated)] == [16, 64]
    sizes = [heads[strategy].weights_path.stat().st_size for strategy in ("coarse", "fine")]
    assert part.dedicated.head_bytes == sum(sizes)
    assert part.head_identities == {"coarse": "coarse-42", "fine": "fine-42"}


def test_a_head_of_one_length_cannot_be_cut(features, tmp_path) -> None:
    single = {"v5": make_head(features, tmp_path, dims=(16,))}
    for name in ("localisation", "routing"):
        with pytest.raises(RequestError, match=f"{name} compares prefix lengths, but this head has only 16"):
            measured(features, single, name)
    assert measured(features, single, "retention").head["16"].relative_cost == 1


def peer_bits(part, known, asked, parents, columns) -> float:
    """Mean cost of one scikit-learn regression per class above, with the recorded penalty and temperature."""
    bits = np.zeros(len(asked[0]))
    for parent in np.unique(parents[1]):
        here, there = (rows == parent for rows in parents)
        peer = LogisticRegression(C=part.strength, max_iter=2000, tol=1e-8)
        peer.fit(known[0][here][:, columns], known[1][here])
        logits = peer.decision_function(asked[0][there][:, columns])
        logits = np.stack([0 * logits, logits], axis=1) if logits.ndim == 1 else logits
        shares = np.exp(logits / part.temperature)
        floor = 1 / (here.sum() + 1)
        shares = (1 - floor) * shares / shares.sum(axis=1, keepdims=True) + floor / logits.shape[1]
        bits[there] = [
            log_loss([right], [row], labels=peer.classes_) / np.log(2)
            for right, row in zip(asked[1][there], shares, strict=True)
        ]
    return float(bits.mean())


def test_information_equals_scikit_learn_on_the_same_rows(features, heads) -> None:
    part = measured(features, heads, "information")
    labels, truth = features.labels("train"), features.labels("test")
    split = hold_out(labels[:, -1], 0.15, 42)
    embedded, test = (heads["v5"].embed(features.features(name)).astype(float) for name in ("train", "test"))
    known, labels = embedded[split.training], labels[split.training]
    known, test = ((rows - known.mean(axis=0)) / known.std(axis=0) for rows in (known, test))
    nothing = np.zeros(len(known)), np.zeros(len(test))
    for dimension in (4, 16):
        for name, level, parents in (("L0", 0, nothing), ("L1|L0", 1, (labels[:, 0], truth[:, 0]))):
            found = part.bounds[str(dimension)][name]
            pair = (known, labels[:, level]), (test, truth[:, level])
            cost = peer_bits(found, *pair, parents, slice(dimension))
            assert found.cross_entropy == pytest.approx(cost, abs=0.01)
            assert found.bits == pytest.approx(part.entropy[name] - cost, abs=0.01)
            assert found.interval[0] < found.bits < found.interval[1]
    finest, coarse = (np.bincount(truth[:, level]) / 120 for level in (1, 0))
    h_finest, h_coarse = (-(shares * np.log2(shares)).sum() for shares in (finest, coarse))
    assert part.entropy == pytest.approx({"L0": h_coarse, "L1|L0": h_finest - h_coarse})
    rows = part.rows
    assert (rows.known, rows.validation, rows.test) == (len(split.training), len(split.validation), 120)
    assert part.theorem_1.h_fine_given_coarse.plug_in == pytest.approx(part.entropy["L1|L0"])
    assert part.theorem_1.h_fine_given_coarse.most > part.entropy["L1|L0"] + np.log2(1 + 10 / 120)


def test_information_names_every_level_of_a_deep_tree(store: FeatureStore, tmp_path) -> None:
    deep = make_features(store, "forest", depth=3)
    part = measured(deep, {"v5": make_head(deep, tmp_path)}, "information")
    assert list(part.entropy) == ["L0", "L1|L0", "L2|L1"]
    counts = np.bincount(deep.labels("test")[:, 2]) / 120
    assert sum(part.entropy.values()) == pytest.approx(-(counts * np.log2(counts)).sum())
    both = part.bounds["4"]["L1|L0"].bits + part.bounds["4"]["L2|L1"].bits
    assert part.theorem_1.fine_given_coarse.bits == pytest.approx(both)


def test_probes_learn_from_the_rows_that_the_head_learnt_from(features, heads) -> None:
    document = msgspec.structs.replace(heads["v5"].document, settings={"holdout": 0.3, "holdout_seed": 7})
    one = replace(subject(features, heads, "information"), head=Head(heads["v5"].folder, document))
    split = hold_out(features.labels("train")[:, -1], 0.3, 7)
    known, validation = information.training_rows(one)
    assert known.tolist() == split.training.tolist()
    assert validation.tolist() == sorted(split.validation)


def test_probes_learn_from_a_sample_of_many_rows(features, heads, monkeypatch) -> None:
    monkeypatch.setattr(information, "MOST_ROWS", 50)
    monkeypatch.setattr(information, "MOST_VALIDATION_ROWS", 20)
    rows = measured(features, heads, "information").rows
    assert (rows.known, rows.validation, rows.test) == (50, 20, 120)


def shares_of(rows: Sequence[float], whole: Sequence[float]) -> list[float]:
    return [one / all_of_it for one, all_of_it in zip(rows, whole, strict=True)]


def test_retention_sets_each_length_against_the_full_one(features, heads) -> None:
    one = subject(features, heads, "retention", INDEX)
    part, full = metrics()["retention"].measure(one), one.accuracy["16"]
    for length, row in part.head.items():
        assert row.accuracy == one.accuracy[length]
        assert list(row.retained_accuracy.values()) == shares_of(row.accuracy.values(), full.values())
        assert row.bytes_per_document == 4 * int(length)
    assert list(part.backbone) == ["4", "8", "12", "16", "24"]
    peer = KNeighborsClassifier(5, metric="cosine", algorithm="brute")
    peer.fit(features.features("train")[:, :8], features.labels("train")[:, 1])
    share = peer.score(features.features("test")[:, :8], features.labels("test")[:, 1])
    assert part.backbone["8"].accuracy["L1"] == pytest.approx(share)
    assert part.backbone["24"].accuracy == one.evaluation.profile.baseline
    rates = measured(features, heads, "retrieval", INDEX).hit_rate
    assert part.head["4"].hit_rate_at_10["L1"] == rates["4"]["L1"]["10"]
    assert all(spent > 0 for spent in part.measured_here.microseconds_per_query.values())
