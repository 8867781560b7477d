"""The section on latency, from documents made by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractalctl.report.latency import frontier, section, settings, tables
from fractalctl.report.sections import Picture, Table

PAPER = {"flat": (35, 110, 146, 179), "hnsw": (39, 87, 81, 145)}
DIMS = (64, 128, 192, 256)


def result(index: str, n: int, dimension: int, effort: dict, p50: float) -> dict:
    return {
        "index": index, "parameters": {}, "n": n, "dimension": dimension, "effort": effort,
        "build_seconds": 1.5, "index_bytes": 4 * n * dimension, "times": "", "core_share": 0.99,
        "microseconds": {"p50": p50, "p95": 2 * p50, "p99": 3 * p50, "mean": p50, "qps": 1e6 / p50},
        "medians_by_round": [0.9 * p50, p50], "recall": {"own": 0.99, "full": dimension / 256},
    }  # fmt: skip


def document(slower: float = 1.0, source: str = "head", **embeddings) -> dict:
    """The paper's own medians; those of 64 numbers are ``slower`` times as long."""
    results = [result("flat", 10_000, d, {}, t) for d, t in zip(DIMS, PAPER["flat"], strict=True)]
    for value in (16, 64):
        times = zip(DIMS, PAPER["hnsw"], strict=True)
        results += [
            result("hnsw", 100_000, d, {"ef_search": value}, t * value * (slower if d == 64 else 1))
            for d, t in times
        ]
    return {
        "corpus": "clinc", "backbone": "minilm", "strategy": "v5", "seed": 42, "head": "linear",
        "dims": list(DIMS), "full": 256, "results": results,
        "recipe": {"sizes": [10_000, 100_000], "queries": 200, "rounds": 5, "k": 10},
        "embeddings": {
            "source": source, "real_rows": 10_000, "repeated_rows": 90_000, "noise": 0.3, **embeddings
        },
        "machine": {"processor": "P", "threads": 1, "faiss": "1"},
    }  # fmt: skip


def test_nothing_timed_gives_no_section() -> None:
    assert section([]) is None


def test_lengths_of_one_setting_belong_together() -> None:
    found = settings(document())
    assert [(one.index, one.effort) for one in found] == [
        ("flat", "exact"),
        ("hnsw", "ef_search = 16"),
        ("hnsw", "ef_search = 64"),
    ]
    assert all([one["dimension"] for one in setting.results] == list(DIMS) for setting in found)
    assert found[0].speedup(found[0].results[0]) == pytest.approx(179 / 35)


def test_table_9_stands_beside_the_papers() -> None:
    paper, whole = tables([document()])
    assert isinstance(paper, Table)
    assert [str(cell) for cell in paper.rows[0][3:]] == ["64", "35", "5.1", "35", "5.1"]
    assert [str(cell) for cell in paper.rows[4][3:]] == ["64", "624", "3.7", "39", "3.7"]
    assert len(paper.rows) == len(whole.rows) == 12
    assert all(len(row) == len(table.columns) for table in (paper, whole) for row in table.rows)


def test_other_sizes_stand_beside_nothing() -> None:
    small = document()
    for one in small["results"]:
        one["n"] = 500
    assert [table.name for table in tables([small])] == ["latency"]


def test_verdicts_are_computed() -> None:
    claims = {claim: text for claim, _, text in section([document()]).claims}
    assert len(claims) == 4
    assert all(text.startswith("**holds**") for text in claims.values())
    slower = {claim: text for claim, _, text in section([document(slower=2)]).claims}
    failing = [claim for claim, text in slower.items() if text.startswith("**does not hold**")]
    assert failing == ["64 numbers are searched faster than 256 with HNSW, 3.7 times (Table 9)"]
    assert "1.9 times (1.9 to 1.9 over rounds; ef_search = 16)" in slower[failing[0]]
    none = {claim: text for claim, _, text in section([document(slower=9)]).claims}
    assert none["64 numbers are searched faster than 256 with HNSW (Table 9)"].startswith("**does not hold**")


def test_a_picture_for_each_size_and_what_was_searched_in_words() -> None:
    made = section([document(), document(source="random", rows=100_000, random_seed=42)])
    pictures = [part for part in made.parts if isinstance(part, Picture)]
    assert len({picture.name for picture in pictures}) == len(pictures) == 4
    words = " ".join(part for part in made.parts if isinstance(part, str))
    assert "90000 beyond them repetitions with Gaussian noise of 0.3" in words
    assert "100000 Gaussian vectors (seed 42)" in words


points = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=12)


@given(points)
def test_the_frontier_holds_what_nothing_cheaper_equals(found: list[tuple[int, int]]) -> None:
    best = frontier((float(cost), float(quality)) for cost, quality in found)
    expected = {
        (cost, quality)
        for cost, quality in found
        if not any((c <= cost and q >= quality) and (c, q) != (cost, quality) for c, q in found)
    }
    assert set(best) == expected
    assert (np.diff(np.array(best), axis=0) > 0).all()
