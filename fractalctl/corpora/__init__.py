"""Corpora and their label trees: from registered corpora, own files and the hub to texts with class ids."""

from fractalctl.corpora.corpus_spec import CorpusSpec, HubCopy
from fractalctl.corpora.records import OnConflict, ReadContext
from fractalctl.corpora.registry import registered_corpora
from fractalctl.corpora.request import CorpusRequest

__all__ = ["CorpusRequest", "CorpusSpec", "HubCopy", "OnConflict", "ReadContext", "registered_corpora"]
