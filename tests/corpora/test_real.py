"""The real corpora, where they are at hand: published numbers, and one content in two formats."""

from pathlib import Path

import numpy as np
import pytest

from fractalctl.corpora import CorpusRequest

TABLE = {
    "clinc": ((15000, 3000, 4500), (10, 150), (3.322, 3.907)),
    "trec": ((5452, 500), (6, 50), (2.383, 2.211)),
    "goemotions": ((36308, 4548, 4590), (4, 28), (1.847, 1.900)),
    "newsgroups": ((11314, 7532), (6, 20), (2.433, 1.881)),
    "arxiv": ((12000, 3000), (11, 142), (2.967, 4.175)),
}
"""Rows by split, classes, and H(L0), H(L1 | L0) in bits."""


@pytest.mark.parametrize("name", TABLE)
def test_numbers_of_json_lines(name: str, data_folder: Path) -> None:
    corpus = CorpusRequest(name, data=data_folder).load()
    rows, classes, entropies = TABLE[name]
    assert tuple(map(len, corpus.splits.values())) == rows
    assert corpus.tree.class_counts == classes
    np.testing.assert_allclose(corpus.entropies, entropies, atol=5e-4)
    assert not [note for note in corpus.notes if "published" in note and "empty" not in note]


@pytest.mark.parametrize("name", ["clinc", "trec", "goemotions"])
def test_the_publishers_files_hold_the_same_rows_and_labels(name: str, data_folder: Path) -> None:
    published = CorpusRequest(name, data=data_folder / "raw" / name).load()
    lines = CorpusRequest(name, data=data_folder / f"{name}.jsonl.gz").load()
    assert published.tree.names == lines.tree.names
    assert published.splits.keys() == lines.splits.keys()
    for split in published.splits:
        assert published.splits[split].texts == lines.splits[split].texts
        np.testing.assert_array_equal(published.splits[split].labels, lines.splits[split].labels)


def test_clinc_at_three_levels(data_folder: Path) -> None:
    corpus = CorpusRequest("clinc", data=data_folder, levels=("super-domain", "domain", "intent")).load()
    assert corpus.tree.class_counts == (5, 10, 150)
    np.testing.assert_allclose(corpus.entropies, (np.log2(5), 1, np.log2(15)), atol=1e-9)
