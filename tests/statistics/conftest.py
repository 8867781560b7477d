"""Evaluations to do statistics on, and the paper's own tables where they are."""

from pathlib import Path

import pytest

from tests.statistics.material import random_hits, write_evaluation


@pytest.fixture(scope="session")
def paper_folder(data_folder: Path) -> Path:
    """Folder of the paper's printed tables as CSV; skips where there is none."""
    folder = data_folder.parent / "paper"
    if not (folder / "table11.csv").is_file():
        pytest.skip(f"no tables of the paper in {folder}")
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Evaluations of two corpora, two strategies and three seeds."""
    folder = tmp_path / "runs"
    for number, corpus in enumerate(("clinc", "trec")):
        for seed in (42, 123, 456):
            for strategy, steerable in (("v5", 0.3), ("mrl", 0.0)):
                hits = random_hits(seed + number, steerable)
                write_evaluation(folder, hits, corpus=corpus, strategy=strategy, seed=seed)
    return folder
