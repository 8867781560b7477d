"""Corpora and their label trees: from registered corpora, own files and the hub to texts with class ids."""

from fractalctl.corpora.records import OnConflict
from fractalctl.corpora.registry import CorpusSpec, registered
from fractalctl.corpora.request import CorpusRequest

__all__ = ["CorpusRequest", "CorpusSpec", "OnConflict", "registered"]
