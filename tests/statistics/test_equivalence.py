"""Evidence of absence against pingouin and scipy, and what follows from it."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fractalctl.errors import RequestError
from fractalctl.statistics import equivalence, heterogeneity, no_difference, pool

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import pingouin

B = [0.012, 0.028, 0.006, -0.016, 0.004]


@pytest.mark.parametrize("margin", [0.005, 0.02, 0.1])
def test_equivalence_equals_pingouin(margin: float):
    expected = pingouin.tost(B, np.zeros(5), bound=margin, paired=True)["pval"].iloc[0]
    found = equivalence(B, margin)
    assert found.p == pytest.approx(expected, abs=1e-6)
    low, high = found.ci
    assert found.equivalent == (-margin < low and high < margin)


def test_equivalence_at_its_edges():
    assert equivalence([0.01], 0.02).p is None
    assert "do not vary" in equivalence([0.01, 0.01], 0.02).reason
    with pytest.raises(RequestError, match="positive number, not 0"):
        equivalence(B, 0)
    with pytest.raises(RequestError, match="positive number, not nan"):
        equivalence(B, float("nan"))


@pytest.mark.parametrize(
    ("values", "finding"),
    [
        ([0.004, -0.006, 0.01, 0.002, -0.001], "holds"),
        ([0.011, 0.010, 0.012, 0.009, 0.010], "holds"),  # differs from zero, but by less than matters
        ([0.05, 0.06, 0.04, 0.055, 0.05], "does not hold"),
        ([0.03, -0.04, 0.05, 0.01, -0.02], "cannot tell"),  # p = .7 of the ordinary test: no evidence of zero
        ([0.001], "cannot tell"),
    ],
)
def test_no_difference_needs_evidence(values: list[float], finding: str):
    found = no_difference(values, margin=0.02)
    assert found.finding == finding
    assert found.equivalence == equivalence(values, 0.02)


BACKBONES = {
    "minilm": [0.10, 0.12, 0.11, 0.09, 0.11],
    "e5": [0.11, 0.10, 0.12, 0.10, 0.11],
    "bge": [0.11, 0.12, 0.10, 0.09, 0.1],
}


def test_heterogeneity_equals_pingouins_welch_anova_and_cochrans_q_of_pooling():
    table = pd.DataFrame(
        [(label, value) for label, values in BACKBONES.items() for value in values], columns=["g", "y"]
    )
    expected = pingouin.welch_anova(table, dv="y", between="g").iloc[0]
    found = heterogeneity(BACKBONES)
    assert (found.f, found.f_df) == pytest.approx((expected["F"], expected["ddof2"]), abs=1e-6)
    assert found.p == pytest.approx(stats.f.sf(found.f, 2, found.f_df))
    pooled = pool(
        [np.mean(v) for v in BACKBONES.values()], [np.var(v, ddof=1) / 5 for v in BACKBONES.values()]
    )
    assert (found.q, found.q_p, found.q_df) == pytest.approx((pooled.q, pooled.q_p, 2))
    assert found.finding is None


@pytest.mark.parametrize(
    ("groups", "margin", "finding"),
    [
        (BACKBONES, 0.05, "holds"),
        (BACKBONES, 0.005, "cannot tell"),
        (BACKBONES | {"nomic": [0.20, 0.22, 0.21, 0.2, 0.21]}, 0.05, "does not hold"),
        ({"minilm": [0.1], "e5": [0.1, 0.12]}, 0.05, "cannot tell"),
    ],
)
def test_what_does_not_depend_needs_evidence(groups: dict[str, list[float]], margin: float, finding: str):
    found = heterogeneity(groups, margin)
    assert found.finding == finding
    if found.p is None:
        assert found.reason == "minilm: a test needs two values that vary"
        return
    intervals = [
        stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.9)
        for place, a in enumerate(groups.values())
        for b in list(groups.values())[place + 1 :]
    ]
    assert found.equivalent == all(-margin < low and high < margin for low, high in intervals)
    assert found.widest_ci in [pytest.approx(tuple(interval)) for interval in intervals]


def test_heterogeneity_refuses_what_it_cannot_ask():
    with pytest.raises(RequestError, match="needs two groups, not 1"):
        heterogeneity({"minilm": [0.1, 0.2]})
    with pytest.raises(RequestError, match="positive number, not -1"):
        heterogeneity(BACKBONES, margin=-1)
