"""``pydocs``: a corpus that needs no download, made of the docstrings of installed scientific packages.

The tree is library > module > symbol. Source files are parsed, never imported. What is a row, what is left
out and why is told in ``docs/corpora.md``.
"""

from fractalctl.corpora.pydocs.source import PydocsSource

__all__ = ["PydocsSource"]
