import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import convert
from msgspec.structs import asdict

from fractalctl.heads.arms import build_arm
from fractalctl.heads.methods.supervision import TABLES, Supervision, SupervisionMethod, aligned
from fractalctl.heads.terms import DRAWN, FULL, Term

PAPER_L0_WEIGHTS = {
    "v5": [1.0, 0.7, 0.3, 0.0],
    "mrl": [0.0, 0.0, 0.0, 0.0],
    "inverted": [0.0, 0.3, 0.7, 1.0],
    "uhmt": [0.5, 0.5, 0.5, 0.5],
    "coarse": [1.0, 1.0, 1.0, 1.0],
}


def strategy(name: str, levels: int, blocks: int = 4) -> Supervision:
    dims = [8 * (block + 1) for block in range(blocks)]
    return build_arm(name, levels, settings={"dims": dims}).settings


@pytest.mark.parametrize(("name", "coarse"), PAPER_L0_WEIGHTS.items())
def test_two_levels_and_four_prefixes_are_the_papers_table(name: str, coarse: list[float]) -> None:
    table = strategy(name, levels=2)
    assert [row[0] for row in table.prefix] == coarse
    assert np.allclose([sum(row) for row in table.prefix], 1)
    assert table.prefix_probabilities == (0.4, 0.3, 0.2, 0.1)
    assert table.keep == (0.95, 0.9, 0.8, 0.7)
    assert table.prefix_weight == 0.6


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("v5", (0, 1)),
        ("mrl", (0, 1)),
        ("inverted", (1, 0)),
        ("uhmt", (0.5, 0.5)),
        ("coarse", (1, 0)),
        ("fine", (0, 1)),
    ],
)
def test_full_embedding_weights(name: str, full: tuple[float, float]) -> None:
    assert strategy(name, levels=2).full == full


def test_strategies_without_prefix_term() -> None:
    assert {name for name in TABLES if strategy(name, 2).prefix_weight == 0} == {"no-prefix", "fine"}
    assert strategy("fine", 2).keep == (1, 1, 1, 1)
    assert strategy("no-prefix", 2).keep == (0.95, 0.9, 0.8, 0.7)


@given(blocks=st.integers(1, 9), levels=st.integers(2, 7))
def test_aligned_rows_are_weights_that_move_from_coarse_to_fine(blocks: int, levels: int) -> None:
    table = aligned(blocks, levels)
    assert table.shape == (blocks, levels)
    assert np.allclose(table.sum(axis=1), 1)
    assert ((table > 0).sum(axis=1) <= 2).all()
    assert table[-1, -1] == 1
    positions = table @ np.arange(levels)
    assert (np.diff(positions) >= 0).all()


@pytest.mark.parametrize("levels", [2, 3, 5])
@pytest.mark.parametrize("blocks", [1, 2, 4, 6])
@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_a_list_of_terms(name: str, blocks: int, levels: int) -> None:
    table = strategy(name, levels, blocks)
    assert (table.n_blocks, table.n_levels) == (blocks, levels)
    objective = SupervisionMethod().objective(table, levels)
    assert (objective.prefix_probabilities, objective.keep) == (table.prefix_probabilities, table.keep)
    found = {(term.where, term.level): term for term in objective.terms}
    assert len(found) == len(objective.terms)
    for level in range(levels):
        weights = tuple(table.prefix_weight * row[level] for row in table.prefix)
        expected = {FULL: table.full[level] or None, DRAWN: weights if any(weights) else None}
        for where, weight in expected.items():
            term = found.get((where, level))
            assert term == (weight and Term("cross-entropy", level, where, weight))


def test_every_loss_of_the_published_runs_is_a_term() -> None:
    table = build_arm("uhmt", 2, "fractal").settings
    terms = SupervisionMethod().objective(table, 2).terms
    assert [(term.loss, term.level) for term in terms if term.where is FULL] == [
        (loss, level) for loss in ("info-nce", "margin", "cross-entropy") for level in (0, 1)
    ]
    weights = {term.loss: term.weight for term in terms if term.where is FULL}
    assert weights == {"info-nce": 0.5, "margin": 0.25, "cross-entropy": 0.5}
    assert {term.options.get("temperature") for term in terms} == {0.07, None}


@pytest.mark.parametrize("loss", ["cross_entropy", "info_nce", "margin"])
def test_any_one_loss_is_enough(loss: str) -> None:
    nothing = {"cross_entropy": 0, "info_nce": 0, "margin": 0}
    own = {"dims": [4, 8], "full": [0, 1], "prefix": [[1, 0], [0, 1]], "prefix_probabilities": [1, 0],
           "keep": [1, 1], "prefix_weight": 0.5}  # fmt: skip
    table = convert({**own, **nothing, loss: 0.1}, Supervision)
    (full,), drawn = (
        [term for term in SupervisionMethod().objective(table, 2).terms if (term.where is FULL) is whole]
        for whole in (True, False)
    )
    assert (full.loss, full.level, full.weight) == (loss.replace("_", "-"), 1, 0.1)
    assert [(term.level, term.weight) for term in drawn] == [(0, (0.05, 0)), (1, (0, 0.05))]
    with pytest.raises(ValueError, match="cross_entropy, info_nce and margin are all 0"):
        convert({**own, **nothing}, Supervision)
    published = {name: asdict(convert(own, Supervision))[name] for name in (*nothing, "temperature")}
    assert published == {"cross_entropy": 1, "info_nce": 0, "margin": 0, "temperature": 0.07}


def test_one_prefix_is_the_finest_and_keeps_the_first_block_as_often() -> None:
    table = strategy("v5", levels=3, blocks=1)
    assert (table.prefix, table.prefix_probabilities, table.keep) == (((0, 0, 1),), (1,), (0.95,))
