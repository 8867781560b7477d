import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fractalctl.backbones.batching import distinct, token_batches


@given(st.lists(st.integers(1, 50), max_size=80), st.integers(1, 200))
def test_batches_hold_every_row_once_and_keep_the_budget(lengths: list[int], budget: int) -> None:
    batches = token_batches(np.array(lengths, dtype=np.int64), budget)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= budget


@given(st.lists(st.integers(1, 50), min_size=1, max_size=80), st.integers(1, 200))
def test_the_longest_come_first_and_no_batch_is_smaller_than_it_must_be(
    lengths: list[int], budget: int
) -> None:
    batches = token_batches(np.array(lengths, dtype=np.int64), budget)
    in_order = [lengths[row] for batch in batches for row in batch]
    assert in_order == sorted(lengths, reverse=True)
    for batch in batches[:-1]:
        assert (len(batch) + 1) * lengths[batch[0]] > budget


@given(st.lists(st.sampled_from("abcd")))
def test_distinct_texts_lead_back_to_the_original_ones(texts: list[str]) -> None:
    once = distinct(texts)
    assert [once.texts[position] for position in once.positions] == texts
    assert once.texts == list(dict.fromkeys(texts))
    assert once.counts.tolist() == [texts.count(text) for text in once.texts]
