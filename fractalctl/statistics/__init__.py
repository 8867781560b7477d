"""Statistics that a reviewer accepts: paired tests, corrections, effect sizes, pooling, scaling, robustness.

Each estimator is one function with its formula and reference; `analyse` computes the document that
``fractalctl stats`` writes, `summarise` those that a report draws, and `compare` is their core for those who
only want the comparisons of arms. Nothing here formats or draws.
"""

from fractalctl.statistics.comparisons import compare, corrected, default_pairs, describe
from fractalctl.statistics.corrections import CORRECTIONS, adjust
from fractalctl.statistics.correlations import kendall, leave_one_out, pearson, spearman, spearman_bootstrap
from fractalctl.statistics.curves import cooks_distances, peak, power_law, quadratic
from fractalctl.statistics.document import Options, analyse
from fractalctl.statistics.effect_sizes import (
    detectable_effect,
    hedges_correction,
    noncentrality_interval,
    paired_effects,
    paired_power,
    seeds_needed,
)
from fractalctl.statistics.equivalence import equivalence, heterogeneity, no_difference
from fractalctl.statistics.meta import effect_variance, influence, meta_regression, pool
from fractalctl.statistics.observations import CorpusProfile, Observation
from fractalctl.statistics.paired import paired_t, sign_flip, sign_test, signed_rank
from fractalctl.statistics.queries import mcnemar, query_bootstrap
from fractalctl.statistics.reading import observation, read_observations, read_profiles
from fractalctl.statistics.side_by_side import ranking, side_by_side
from fractalctl.statistics.summary import compare_ablations, compare_partitions, summarise

__all__ = [
    "CORRECTIONS", "CorpusProfile", "Observation", "Options", "adjust", "analyse", "compare",
    "compare_ablations", "compare_partitions", "cooks_distances", "corrected", "default_pairs", "describe",
    "detectable_effect", "effect_variance", "equivalence", "hedges_correction", "heterogeneity", "influence",
    "kendall", "leave_one_out", "mcnemar", "meta_regression", "no_difference", "noncentrality_interval",
    "observation", "paired_effects", "paired_power", "paired_t", "peak", "pearson", "pool", "power_law",
    "quadratic", "query_bootstrap", "ranking", "read_observations", "read_profiles", "seeds_needed",
    "side_by_side", "sign_flip", "sign_test", "signed_rank", "spearman", "spearman_bootstrap", "summarise",
]  # fmt: skip
