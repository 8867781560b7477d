import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractalctl.errors import RequestError
from fractalctl.heads.supervision import STRATEGIES, Supervision, aligned, read_supervision, strategy

PAPER_L0_WEIGHTS = {
    "v5": [1.0, 0.7, 0.3, 0.0],
    "mrl": [0.0, 0.0, 0.0, 0.0],
    "inverted": [0.0, 0.3, 0.7, 1.0],
    "uhmt": [0.5, 0.5, 0.5, 0.5],
    "coarse": [1.0, 1.0, 1.0, 1.0],
}


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
    assert {name for name in STRATEGIES if strategy(name, 2).prefix_weight == 0} == {"no-prefix", "fine"}
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
@pytest.mark.parametrize("name", STRATEGIES)
def test_config_restores_every_strategy(name: str, blocks: int, levels: int) -> None:
    table = strategy(name, levels, blocks)
    assert Supervision.from_config(table.config()) == table


def test_unknown_strategy_lists_the_known_ones() -> None:
    with pytest.raises(RequestError, match=r"'v6' is not known; choose from v5, mrl, inverted"):
        strategy("v6", levels=2)


OWN_TABLE = """
full = [0, 1]
prefix = [[1, 0], [0, 1]]
prefix_probabilities = [0.5, 0.5]
keep = [1, 1]
"""


def test_own_table_is_named_after_its_file(tmp_path) -> None:
    path = tmp_path / "steps.toml"
    path.write_text(OWN_TABLE)
    table = read_supervision(path, levels=2, blocks=2)
    assert (table.name, table.prefix, table.prefix_weight) == ("steps", ((1, 0), (0, 1)), 0.6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("full = [0, 1]", "full = [0]"), r"steps.toml: supervision steps: full has 1 weight"),
        (("full = [0, 1]", "full = [0, 0]"), "gives no level any weight"),
        (("full = [0, 1]", "full = [-1, 2]"), "at least 0"),
        (("full = [0, 1]", "fall = [0, 1]"), "unknown keys fall; known: full"),
        (("full = [0, 1]", ""), "lacks full"),
        (("full = [0, 1]", "full = ["), "not a TOML file"),
        (("full = [0, 1]", 'full = ["a", 1]'), "not a number"),
        (("[0, 1]]", "[0, 1, 0]]"), "prefix row 2 has 3 weights, expected 2"),
        (("[0.5, 0.5]", "[0.5, 0.6]"), "sum to 1"),
        (("[0.5, 0.5]", "[1.0]"), "prefix_probabilities has 1 numbers, expected 2"),
        (("keep = [1, 1]", "keep = [1, 0]"), r"keep must lie in \(0, 1\]"),
    ],
)
def test_wrong_tables_say_what_is_wrong(tmp_path, change: tuple[str, str], message: str) -> None:
    path = tmp_path / "steps.toml"
    path.write_text(OWN_TABLE.replace(*change))
    with pytest.raises(RequestError, match=message):
        read_supervision(path, levels=2, blocks=2)


def test_table_must_fit_the_corpus(tmp_path) -> None:
    path = tmp_path / "steps.toml"
    path.write_text(OWN_TABLE)
    with pytest.raises(
        RequestError, match="2 prefixes x 2 levels, but the head has 4 prefixes and the corpus 3"
    ):
        read_supervision(path, levels=3, blocks=4)
