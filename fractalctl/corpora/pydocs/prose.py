"""Paragraphs of plain prose out of docstrings, without code, lists, tables, headings and markup."""

import re
from collections.abc import Iterator

SHORTEST = 60
"""Characters that a paragraph must have."""
LONGEST = 300
"""Characters after which a paragraph is cut, at the end of a sentence."""
LETTERS = 0.9
"""Share of letters and spaces that prose has at least; formulas and listings have fewer."""

_PROSE_SECTIONS = frozenset({"", "Notes", "Description", "Extended Summary", "Explanation", "Introduction"})
_UNDERLINE = re.compile(r"\s*([-=~^])\1{2,}\s*")
_MARKUP = re.compile(r"(?::[\w:+-]+:)?\[?`+~?([^`<]*?)(?:\s*<[^`]*>)?`+_{0,2}\]?")
_EMPHASIS = re.compile(r"(?<![\w*])\*{1,2}(\w[^*]*)\*{1,2}(?![\w*])")
_CITATION = re.compile(r"\s*\[\w+\]_")
_SENTENCE = re.compile(r"[\"'(]?[A-Z]\w*[ ,'-].*\.", re.DOTALL)
_NO_PROSE = (">>>", "::", "%(", "{", "}", "\\", "|", "__", "http", ".. ", "TODO")


def paragraphs(docstring: str) -> Iterator[str]:
    """Paragraphs of prose of a docstring in NumPy's, Google's or Sphinx' style.

    Indented paragraphs (parameters, code) and those of sections that list things are left out, as are
    paragraphs with code or formulas in them, and what is no whole sentence.

    Args:
        docstring: cleaned of its common indentation, as ``ast.get_docstring`` gives it.
    """
    section = ""
    for block in re.split(r"\n\s*\n", docstring):
        lines = block.split("\n")
        if len(lines) > 1 and _UNDERLINE.fullmatch(lines[1]):
            section, lines = lines[0].strip(), lines[2:]
        if section in _PROSE_SECTIONS and lines and not any(line[:1].isspace() for line in lines):
            text = _plain(" ".join(line.strip() for line in lines))
            if len(text) >= SHORTEST:
                yield text


def _plain(text: str) -> str:
    """The text without markup, cut to whole sentences; empty if it is no prose."""
    if any(mark in text for mark in _NO_PROSE):
        return ""
    text = _CITATION.sub("", _EMPHASIS.sub(r"\1", _MARKUP.sub(r"\1", text)))
    text = " ".join(text.split())
    letters = sum(letter.isalpha() or letter == " " for letter in text)
    if letters < LETTERS * len(text) or not _SENTENCE.fullmatch(text):
        return ""
    return text if len(text) <= LONGEST else text[: text.rfind(". ", 0, LONGEST) + 1]
