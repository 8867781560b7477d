"""Tests over queries against statsmodels and a plain bootstrap."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar

from fractalctl.documents import to_json
from fractalctl.documents.measured import PackedHits
from fractalctl.errors import FractalError, RequestError
from fractalctl.measures.steerability import steerability
from fractalctl.statistics import compare, mcnemar, query_bootstrap, read_observations
from fractalctl.statistics.observations import arranged
from fractalctl.statistics.queries import query_tests
from tests.statistics.material import observations as table
from tests.statistics.material import random_hits, write_evaluation


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
@settings(max_examples=50)
def test_mcnemar_equals_statsmodels(pairs: list[tuple[bool, bool]]):
    a, b = np.array(pairs).T
    table = [[int((a & b).sum()), int((a & ~b).sum())], [int((~a & b).sum()), int((~a & ~b).sum())]]
    found = mcnemar(a, b)
    assert found.p == pytest.approx(min(1.0, reference_mcnemar(table, exact=True).pvalue))
    assert (found.only_a, found.only_b, found.n) == (table[0][1], table[1][0], len(pairs))
    assert mcnemar(b, a).p == found.p


def test_mcnemar_needs_the_same_queries():
    with pytest.raises(RequestError, match=r"\(2,\) and \(3,\) hits"):
        mcnemar([True, False], [True, False, True])
    with pytest.raises(RequestError, match="query by query"):
        mcnemar([], [])


def test_bootstrap_has_the_distribution_of_plain_resampling():
    values = np.round(np.random.default_rng(0).normal(0.02, 0.6, 400), 1)
    found = query_bootstrap(values)
    drawn = np.random.default_rng(1).choice(values, size=(4000, 400)).mean(axis=1)
    assert found.mean == pytest.approx(values.mean())
    assert found.ci == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.005)
    assert found.share_positive == pytest.approx((drawn > 0).mean(), abs=0.03)
    assert found == query_bootstrap(values)


def test_bootstrap_refuses_what_is_no_number():
    with pytest.raises(RequestError, match="contributions of queries: value 1 of 1 is inf"):
        query_bootstrap([float("inf")])


def test_block_has_one_mcnemar_per_seed_prefix_and_level(runs):
    observations = read_observations([runs])
    block = query_tests(arranged(observations), compare(observations))
    assert block.unit == "query"
    clinc, trec = block.comparisons
    assert (clinc.corpus, trec.corpus, clinc.n) == ("clinc", "trec", 60)
    assert len(clinc.mcnemar) == 3 * 4 * 2
    assert to_json(clinc.mcnemar[0]).keys() == {"seed", "prefix", "level", "n", "only_a", "only_b", "p"}
    assert clinc.mcnemar[-1].prefix == 256
    pairs = [(random_hits(seed, 0.3), random_hits(seed)) for seed in (42, 123, 456)]
    expected = [steerability(v5.mean(axis=0)) - steerability(mrl.mean(axis=0)) for v5, mrl in pairs]
    assert clinc.bootstrap.mean == pytest.approx(np.mean(expected))
    assert clinc.bootstrap.mean == pytest.approx(compare(observations)[0].difference)


def test_a_metric_that_is_no_mean_over_queries_has_no_bootstrap(runs):
    observations = read_observations([runs])
    block = query_tests(arranged(observations), compare(observations, metric="S_mono"))
    assert block.comparisons[0].bootstrap is None


def test_without_hits_there_is_no_block():
    measured = table({"clinc": {"v5": [0.1, 0.2], "mrl": [0.0, 0.1]}})
    assert query_tests(arranged(measured), compare(measured)) is None


def test_arms_of_other_lengths_are_tested_at_those_that_they_share(tmp_path):
    for arm, dims in (("v5", [64, 128, 192, 256]), ("v5-dims=32x64x128x256", [32, 64, 128, 256])):
        write_evaluation(tmp_path, random_hits(1), arm=arm, dims=dims)
    observations = read_observations([tmp_path])
    pairs = [("v5", "v5-dims=32x64x128x256")]
    (row,) = query_tests(arranged(observations), compare(observations, pairs)).comparisons
    assert [test.prefix for test in row.mcnemar[::2]] == [64, 128, 256]
    assert row.mcnemar[0].only_a == (random_hits(1)[:, 0, 0] & ~random_hits(1)[:, 1, 0]).sum()


def test_damaged_hits_name_the_file(tmp_path):
    for strategy in ("v5", "mrl"):
        damaged = PackedHits(shape=(60, 4, 2), order="C", bits="big", data="AAAA")
        write_evaluation(tmp_path, random_hits(0), strategy=strategy, hits=damaged)
    observations = read_observations([tmp_path])
    with pytest.raises(FractalError, match=r"seed-42/evaluation-loo\.json: packed hits hold 3 bytes"):
        query_tests(arranged(observations), compare(observations))
