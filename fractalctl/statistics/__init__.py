"""Statistics that a reviewer accepts: paired tests, corrections, effect sizes, pooling, scaling, robustness.

Each estimator is one function with its formula and reference; `analyse` computes the document that
``fractalctl stats`` writes, and `compare` is its core for those who only want the comparisons of strategies.
"""

from fractalctl.statistics.comparisons import Comparison, compare, corrected
from fractalctl.statistics.corrections import CORRECTIONS, adjust
from fractalctl.statistics.correlations import kendall, leave_one_out, pearson, spearman, spearman_bootstrap
from fractalctl.statistics.document import Options, analyse
from fractalctl.statistics.effect_sizes import hedges_correction, noncentrality_interval, paired_effects
from fractalctl.statistics.equivalence import equivalence
from fractalctl.statistics.families import ABLATION_FAMILIES
from fractalctl.statistics.influence import influence
from fractalctl.statistics.meta import effect_variance, pool
from fractalctl.statistics.meta_regression import meta_regression
from fractalctl.statistics.observations import Observation, Profile
from fractalctl.statistics.paired import paired_t, sign_flip, signed_rank
from fractalctl.statistics.power import detectable_effect, paired_power, seeds_needed
from fractalctl.statistics.queries import mcnemar, query_bootstrap
from fractalctl.statistics.reading import read_observations, read_profiles
from fractalctl.statistics.regressions import cooks_distances, power_law, quadratic
from fractalctl.statistics.signs import sign_test

__all__ = [
    "ABLATION_FAMILIES",
    "CORRECTIONS",
    "Comparison",
    "Observation",
    "Options",
    "Profile",
    "adjust",
    "analyse",
    "compare",
    "cooks_distances",
    "corrected",
    "detectable_effect",
    "effect_variance",
    "equivalence",
    "hedges_correction",
    "influence",
    "kendall",
    "leave_one_out",
    "mcnemar",
    "meta_regression",
    "noncentrality_interval",
    "paired_effects",
    "paired_power",
    "paired_t",
    "pearson",
    "pool",
    "power_law",
    "quadratic",
    "query_bootstrap",
    "read_observations",
    "read_profiles",
    "seeds_needed",
    "sign_flip",
    "sign_test",
    "signed_rank",
    "spearman",
    "spearman_bootstrap",
]
