"""Readers of the registered corpora's own files, one module for each family of formats.

A reader takes the files of one local copy by role (a split, ``all``, or the name of a companion) and yields
pairs of split and `Table`, whose rows have a column ``text`` and a column for each level that the files name.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from fractalctl.corpora.publishers import archives, lines, tables
from fractalctl.corpora.registry import CorpusSpec
from fractalctl.corpora.tabular import Table

Reader = Callable[[CorpusSpec, Mapping[str, Path]], Iterator[tuple[str | None, Table]]]

READERS: Mapping[str, Reader] = {
    "clinc": tables.read_clinc,
    "trec": lines.read_trec,
    "goemotions": lines.read_goemotions,
    "newsgroups": archives.read_newsgroups,
    "wos": lines.read_wos,
    "dbpedia-classes": tables.read_csv,
    "yahoo": tables.read_yahoo,
    "arxiv": tables.read_arxiv,
}
