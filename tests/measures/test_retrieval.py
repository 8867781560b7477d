import numpy as np
import pytest

from fractalctl.errors import RequestError
from fractalctl.heads.prefixes import Prefixes
from fractalctl.measures.metrics import retrieval
from fractalctl.measures.metrics.retrieval import first_relevant, halves, hit_rate, reciprocal_rank

DIMS = (2, 5, 12)


def rows(count: int, seed: int, nested: bool = True) -> tuple[Prefixes, np.ndarray]:
    """Noisy clusters, so that the first relevant row is often far down; classes 3 > 9, and a tenth alone."""
    random = np.random.default_rng(seed)
    fine = random.integers(0, 10, count)
    centres = np.random.default_rng(0).normal(size=(10, 12))
    blocks = (0.4 * centres[fine] + random.normal(size=(count, 12))).astype(np.float32)
    full = blocks if nested else (blocks[:, ::-1] + 1).astype(np.float32)
    return Prefixes(blocks, full), np.stack([fine // 3, fine], axis=1)


def by_hand(query, documents, query_classes, document_labels) -> list[int]:
    """Rank of the first document of each level's class, from a full sort; 0 where there is none."""
    unit = documents.astype(np.float64) / np.linalg.norm(documents.astype(np.float64), axis=1, keepdims=True)
    order = np.argsort(-(unit @ query.astype(np.float64)), kind="stable")
    ranks = []
    for level, wanted in enumerate(query_classes):
        places = [place for place, row in enumerate(order, 1) if document_labels[row, level] == wanted]
        ranks.append(places[0] if places else 0)
    return ranks


@pytest.mark.parametrize("nested", [True, False])
def test_ranks_equal_a_full_sort(nested: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval, "SIMILARITIES_PER_PASS", 1000)
    monkeypatch.setattr(retrieval, "DOCUMENTS_PER_PASS", 70)
    queries, asked = rows(120, 1, nested)
    documents, known = rows(260, 2, nested)
    keep = (known[:, 1] != 9) & (np.arange(260) % 4 > 0) | (known[:, 1] < 2)
    documents, known = Prefixes(documents.blocks[keep], documents.full[keep]), known[keep]
    found = first_relevant(queries, documents, asked, known, DIMS)
    for place, dimension in enumerate(DIMS):
        for row in range(120):
            pair = queries.at(dimension)[row], documents.at(dimension)
            assert found[row, place].tolist() == by_hand(*pair, asked[row], known)
    assert found.max() > 20, "some ranks lie beyond the one search"
    assert (found[asked[:, 1] == 9][..., 1] == 0).all()


def test_equal_cosines_rank_by_row_beyond_the_search() -> None:
    documents = Prefixes.nested(np.ones((60, 2), dtype=np.float32))
    labels = np.zeros((60, 1), dtype=int)
    labels[45:] = 1
    query = Prefixes.nested(np.ones((1, 2), dtype=np.float32))
    assert first_relevant(query, documents, np.array([[1]]), labels, [2]).tolist() == [[[46]]]


def test_hit_rate_and_reciprocal_rank() -> None:
    ranks = np.array([1, 2, 6, 40, 0])
    assert [hit_rate(ranks, k) for k in (1, 5, 10, 20)] == [0.2, 0.4, 0.6, 0.6]
    assert reciprocal_rank(ranks) == pytest.approx((1 + 1 / 2 + 1 / 6 + 1 / 40) / 5)


def test_halves_share_no_row_and_are_the_same_each_time() -> None:
    queries, documents = halves(101)
    assert (len(queries), len(documents)) == (50, 51)
    assert sorted([*queries, *documents]) == list(range(101))
    assert (halves(101)[0] == queries).all()
    assert (halves(101, seed=1)[0] != queries).any()
    with pytest.raises(RequestError, match="two halves, but there is 1"):
        halves(1)
