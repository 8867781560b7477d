"""Test rows that stand in the training split: what counts as the same text, and how many there are."""

from pathlib import Path

import pytest

from fractalctl.corpora import CorpusRequest
from fractalctl.corpora.corpus import repeated_rows


def test_case_and_surrounding_space_make_no_difference_and_all_else_does() -> None:
    reference = ["Who was Galileo ?", " WHY ", "a b"]
    texts = ["who was galileo ?", "why", "a  b", "Who was Galileo?", "Why", ""]
    assert repeated_rows(texts, reference).tolist() == [True, True, False, False, True, False]
    assert repeated_rows([], reference).shape == (0,)


@pytest.mark.parametrize(
    ("name", "count"), [("trec", 11), ("goemotions", 39), ("newsgroups", 51), ("arxiv", 0)]
)
def test_the_papers_corpora_have_some(name: str, count: int, data_folder: Path) -> None:
    """Of newsgroups' whole posts 42 recur; of their first 512 characters, which are encoded, 51."""
    assert CorpusRequest(name, data=data_folder).load().duplicates == count
