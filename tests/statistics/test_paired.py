"""Paired tests against scipy, against plain enumeration, and at their edges."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from fractalctl.errors import RequestError
from fractalctl.randomness import Purpose, generator
from fractalctl.statistics import paired as module
from fractalctl.statistics import paired_t, sign_flip, sign_test, signed_rank
from fractalctl.statistics.paired import differences, finite, spread

GAPS = [0.02, 0.03, 0.05, -0.01, 0.04]
thousandths = st.integers(-300, 300).map(lambda value: value / 1000)


def test_t_equals_scipys_related_test():
    a, b = np.array([0.11, 0.18, 0.15, 0.17, 0.14]), np.array([0.012, 0.028, 0.006, -0.016, 0.004])
    expected = stats.ttest_rel(a, b)
    found = paired_t(differences(a, b))
    assert found.t == pytest.approx(expected.statistic)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.ci == pytest.approx(expected.confidence_interval())
    assert found.df == 4
    assert found.sd == pytest.approx(np.std(a - b, ddof=1))


def test_t_of_one_pair_is_undefined_with_a_reason():
    found = paired_t([0.1])
    assert (found.t, found.p, found.sd, found.ci) == (None, None, None, None)
    assert (found.n, found.df, found.difference) == (1, 0, 0.1)
    assert "at least two" in found.reason


def test_t_of_equal_arms_is_no_evidence():
    found = paired_t(differences([0.1, 0.3, 0.2], [0.1, 0.3, 0.2]))
    assert (found.t, found.p, found.difference) == (0.0, 1.0, 0.0)
    assert (found.n, found.df, found.sd, found.ci) == (3, 2, 0.0, (0.0, 0.0))


def test_t_without_spread_is_undefined_although_binary_fractions_differ():
    found = paired_t(differences([0.3, 0.2, 0.12], [0.1, 0.0, -0.08]))
    assert (found.t, found.p, found.sd) == (None, None, 0.0)
    assert (found.n, found.df, found.ci) == (3, 2, None)
    assert "every difference is 0.2" in found.reason


def test_sign_flip_equals_plain_enumeration():
    patterns = [np.dot(signs, GAPS) for signs in product((1, -1), repeat=5)]
    expected = np.mean([abs(total) >= abs(sum(GAPS)) - 1e-12 for total in patterns])
    found = sign_flip(GAPS)
    assert found.p == expected
    assert found.exact
    assert found.minimum_p == 2 / 32


def test_sign_flip_equals_scipys_permutation_test():
    expected = stats.permutation_test(
        (GAPS,), np.mean, permutation_type="samples", n_resamples=np.inf, vectorized=True
    )
    assert sign_flip(GAPS).p == pytest.approx(expected.pvalue)


def test_a_sum_that_is_zero_but_for_rounding_counts_all_patterns_with_it():
    """0.1 + 0.2 - 0.3 is 5.6e-17 in binary: scipy's permutation test gives p = 0.75 here."""
    assert sign_flip([0.1, 0.2, -0.3]).p == 1.0


@pytest.mark.parametrize("n", [16, 17])
def test_up_to_sixteen_pairs_are_enumerated(n: int):
    assert sign_flip(np.arange(n) + 0.5).exact == (n == 16)


def test_many_pairs_are_sampled_and_come_close_to_the_exact_p(monkeypatch: pytest.MonkeyPatch):
    gaps = np.random.default_rng(1).normal(0.3, 1.0, 20)
    monkeypatch.setattr(module, "AT_ONCE", 700_001)  # the last time fewer
    found = sign_flip(gaps)
    assert not found.exact
    assert found.p == pytest.approx(paired_t(gaps).p, abs=0.02)
    assert found == sign_flip(gaps)
    bits = generator(0, Purpose.SIGN_FLIPS).integers(0, 2, size=(100_000, 20))
    reached = (np.abs(np.where(bits, -1.0, 1.0) @ gaps) >= abs(gaps.sum()) - 1e-9).sum()
    assert found.p == (reached + 1) / 100_001


@given(st.lists(st.integers(1, 400), min_size=2, max_size=10, unique=True), st.data())
@settings(max_examples=50)
def test_signed_rank_equals_scipys_exact_test_without_ties(sizes: list[int], data: st.DataObject):
    signs = data.draw(st.lists(st.sampled_from((-1, 1)), min_size=len(sizes), max_size=len(sizes)))
    gaps = np.array(sizes) * np.array(signs) / 1000
    expected = stats.wilcoxon(gaps, method="exact")
    found = signed_rank(gaps)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.statistic == expected.statistic


def test_signed_rank_under_ties_equals_plain_enumeration():
    gaps = np.array([0.02, 0.02, -0.01, 0.03, 0.0])
    ranks = stats.rankdata(np.abs(gaps[:4]))
    totals = [np.dot(signs, ranks) for signs in product((1, -1), repeat=4)]
    observed = np.dot(np.sign(gaps[:4]), ranks)
    assert signed_rank(gaps).p == np.mean(np.abs(totals) >= abs(observed) - 1e-12)


def test_signed_rank_drops_zeros_and_ends_at_one():
    assert signed_rank([0.0, 0.0]).p == 1.0
    assert signed_rank([0.0, 0.1, 0.2]).n == 2


def test_rounding_noise_breaks_no_ties():
    assert signed_rank(differences([0.3, 0.2, 0.1], [0.1, 0.0, 0.0])).p == signed_rank([2, 2, 1]).p


@given(st.lists(thousandths, min_size=2, max_size=8), st.randoms())
@settings(max_examples=60)
def test_order_of_pairs_and_exchange_of_arms_change_nothing(gaps: list[float], random):
    shuffled = random.sample(gaps, len(gaps))
    for test in (paired_t, sign_flip, signed_rank):
        one, other, exchanged = test(gaps), test(shuffled), test([-gap for gap in gaps])
        if one.p is None:
            assert other.p is None
            assert exchanged.p is None
        else:
            assert one.p == pytest.approx(other.p, abs=1e-12)
            assert one.p == pytest.approx(exchanged.p, abs=1e-12)


@given(st.lists(thousandths, min_size=1, max_size=9))
@settings(max_examples=60)
def test_p_lies_between_its_bounds(gaps: list[float]):
    for found in (sign_flip(gaps), signed_rank(gaps)):
        assert found.minimum_p - 1e-12 <= found.p <= 1


@pytest.mark.parametrize("test", [paired_t, sign_flip, signed_rank, sign_test])
def test_what_is_no_number_is_refused(test):
    with pytest.raises(RequestError, match="value 2 of 3 is nan, not a finite number"):
        test([0.1, float("nan"), 0.2])
    with pytest.raises(RequestError, match="expected at least one value, found none"):
        test([])


def test_the_first_that_is_no_number_is_named():
    with pytest.raises(RequestError, match=r"^gaps: value 2 of 3 is nan"):
        finite([0.1, float("nan"), float("inf")], "gaps")
    with pytest.raises(RequestError, match=r"^values: expected one number per unit, found .* shape \(1, 2\)"):
        finite([[0.1, 0.2]])


def test_spread():
    assert spread([1.0]) is None
    assert spread([1.0, 4.0]) == pytest.approx(4.5**0.5)


def test_differences_keep_twelve_digits_of_the_larger_arm():
    assert list(differences([0.3, 1.0], [0.3 - 4.4e-12, 1.0])) == [4e-12, 0.0]
    assert list(differences([0.3, 0.1], [0.3 - 4.4e-13, 0.1])) == [4e-13, 0.0]


def test_unpaired_samples_are_refused():
    with pytest.raises(RequestError, match="a has 2, b has 3"):
        differences([1, 2], [1, 2, 3])


def test_differences_of_zeros():
    assert list(differences([0.0, 0.0], [0.0, 0.0])) == [0.0, 0.0]


@pytest.mark.parametrize(("wins", "losses"), [(8, 0), (6, 2), (0, 5), (3, 3)])
def test_sign_test_equals_the_binomial(wins: int, losses: int):
    found = sign_test([1.0] * wins + [-1.0] * losses + [0.0])
    assert (found.wins, found.n, found.ties) == (wins, wins + losses, 1)
    assert found.p_one_sided == pytest.approx(stats.binom.sf(wins - 1, wins + losses, 0.5))
    assert found.p_two_sided == pytest.approx(stats.binomtest(wins, wins + losses).pvalue)


def test_sign_test_of_ties_only():
    found = sign_test([0.0, 0.0])
    assert (found.wins, found.n, found.ties, found.p_one_sided, found.p_two_sided) == (0, 0, 2, 1.0, 1.0)
