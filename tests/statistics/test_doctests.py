"""Every example in a docstring of the statistics runs."""

import doctest
import importlib
import pkgutil

import pytest

import fractalctl.statistics

MODULES = [
    module.name for module in pkgutil.walk_packages(fractalctl.statistics.__path__, "fractalctl.statistics.")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str):
    failures, _ = doctest.testmod(importlib.import_module(name))
    assert failures == 0


ESTIMATORS = [
    "paired_t", "sign_flip", "signed_rank", "sign_test", "adjust", "paired_effects", "hedges_correction",
    "noncentrality_interval", "equivalence", "paired_power", "seeds_needed", "detectable_effect", "mcnemar",
    "query_bootstrap", "pool", "influence", "effect_variance", "meta_regression", "pearson", "kendall",
    "spearman", "leave_one_out", "spearman_bootstrap", "cooks_distances", "power_law", "quadratic", "compare",
    "no_difference", "heterogeneity", "peak", "default_pairs",
]  # fmt: skip


@pytest.mark.parametrize("name", ESTIMATORS)
def test_each_estimator_has_an_example_and_says_what_it_raises(name: str):
    text = getattr(fractalctl.statistics, name).__doc__
    assert ">>>" in text
    assert "Raises:" in text or name in ("hedges_correction", "noncentrality_interval", "leave_one_out")
