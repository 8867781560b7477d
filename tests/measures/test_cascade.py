"""Cascades against plain loops."""

import numpy as np
import pytest

from fractalctl.heads.prefixes import Prefixes
from fractalctl.measures.metrics import cascade
from fractalctl.measures.metrics.cascade import Search, shortlist, sizes, unit

SHORT, FULL = 3, 7


def embeddings(rows: int, seed: int, nested: bool) -> Prefixes:
    """Embeddings with rows that stand twice and one zero row, so that there are ties."""
    blocks = np.random.default_rng(seed).normal(size=(rows, FULL)).astype(np.float32)
    blocks[rows // 2 : rows // 2 + 5] = blocks[:5]
    blocks[-1] = 0
    return Prefixes.nested(blocks) if nested else Prefixes(blocks, blocks[:, ::-1] + np.float32(0.5))


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    size = np.linalg.norm(a.astype(float)) * np.linalg.norm(b.astype(float))
    return round(float(a.astype(float) @ b.astype(float) / size), 11) if size else 0.0


def order(search: Search, query: int, length: int, among: list[int] | None = None) -> list[int]:
    """Reference rows by falling cosine, the first of equals first."""
    asked = (search.queries or search.reference).at(length)[query]
    rows = among if among is not None else list(range(len(search.reference.full)))
    rows = [row for row in rows if not (search.queries is None and row == query)]
    return sorted(rows, key=lambda row: (-cosine(asked, search.reference.at(length)[row]), row))


@pytest.fixture(params=["index", "loo"])
def protocol(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=[True, False], ids=["nested", "not nested"])
def search(request: pytest.FixtureRequest, protocol: str, monkeypatch: pytest.MonkeyPatch) -> Search:
    monkeypatch.setattr(cascade, "SIMILARITIES_PER_PASS", 100)
    monkeypatch.setattr(cascade, "REFERENCES_PER_PASS", 16)
    queries = embeddings(25, 1, request.param) if protocol == "index" else None
    return Search(queries, embeddings(40, 2, request.param), SHORT)


def test_ranks_are_places_in_the_order_of_the_short_prefix(search: Search) -> None:
    targets = np.array([order(search, query, FULL)[0] for query in range(search.n_asked)])
    by_hand = [order(search, query, SHORT).index(row) + 1 for query, row in enumerate(targets)]
    assert search.ranks(targets).tolist() == by_hand
    assert max(by_hand) > 4 > min(by_hand)


@pytest.mark.parametrize("size", [1, 4, 30])
def test_a_cascade_answers_the_nearest_of_its_shortlist(search: Search, size: int) -> None:
    queries = np.arange(0, search.n_asked, 2)
    by_hand = [order(search, query, FULL, order(search, query, SHORT)[:size])[0] for query in queries]
    assert search.second_stage(queries, size).tolist() == by_hand


def test_a_shortlist_takes_the_first_of_equals() -> None:
    values = np.array([0.2, 0.9, 0.2, 0.9, 0.2, -np.inf])
    for size in range(1, 6):
        assert shortlist(values, size).tolist() == sorted(np.argsort(-values, kind="stable")[:size])


def test_the_larger_shortlist_is_a_share_of_the_rows() -> None:
    assert sizes(1_000_000) == (64, 10_000)
    assert sizes(6_400) == (64, 64)


def test_unit_rows_keep_zero_rows() -> None:
    assert np.linalg.norm(unit(np.array([[3.0, 4.0], [0.0, 0.0]], np.float32)), axis=1).tolist() == [1, 0]
