"""``pydocs``: a corpus that needs no download, made of the docstrings of installed scientific packages.

The tree is library > module > symbol. Source files are parsed, never imported. What is a row, what is left
out and why is told in ``docs/corpora.md``.
"""

from fractalctl.corpora.corpus_spec import CorpusSpec
from fractalctl.corpora.pydocs.source import LEVELS, edition, read

PYDOCS = CorpusSpec(
    name="pydocs",
    title="Docstrings of scientific packages",
    about="Paragraphs of prose, by library and module; made of what is installed.",
    levels=LEVELS,
    default=LEVELS[:2],
    read=read,
    edition=edition,
    licence="of the packages",
)
