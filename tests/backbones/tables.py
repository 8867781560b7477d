"""Corpora for the tests of backbones, as tables."""

import csv
from pathlib import Path

import numpy as np

from fractalctl.corpora.request import CorpusRequest
from tests.backbones.models import WORDS

TOPICS = {"bank": ("card", "query"), "song": ("play", "lost")}


def write_table(path: Path, n_train: int, n_test: int) -> Path:
    """Write a table of random sentences under two coarse and four fine classes."""
    random = np.random.default_rng(0)
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", "coarse", "fine", "split"])
        for row in range(n_train + n_test):
            coarse = sorted(TOPICS)[row % 2]
            fine = TOPICS[coarse][row // 2 % 2]
            text = " ".join(random.choice(WORDS, size=random.integers(2, 12)))
            writer.writerow([text, coarse, fine, "train" if row < n_train else "test"])
    return path


def texts_of(count: int) -> list[str]:
    return [f"text number {row}" for row in range(count)]


def table_of(path: Path, texts: list[str]) -> CorpusRequest:
    """A corpus of texts under two coarse and four fine classes; every fifth row is a test row."""
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["text", "coarse", "fine", "split"])
        for row, text in enumerate(texts):
            fine = row % 4
            writer.writerow([text, f"c{fine // 2}", f"f{fine}", "test" if row % 5 == 4 else "train"])
    return CorpusRequest(str(path))
