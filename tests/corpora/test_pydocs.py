"""The embedded corpus: enough of it, balanced, without boilerplate and given-away labels, always the same."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fractalctl.corpora import CorpusRequest
from fractalctl.corpora import pydocs as source
from fractalctl.corpora.corpus import Corpus
from fractalctl.corpora.pydocs import (
    LONGEST,
    SHORTEST,
    Paragraph,
    file_paragraphs,
    module_paragraphs,
    paragraphs,
)
from fractalctl.errors import RequestError

THREE = ("library", "module", "symbol")


@pytest.fixture(scope="module")
def pydocs() -> Corpus:
    return CorpusRequest("pydocs", levels=THREE).load()


def all_rows(corpus: Corpus) -> tuple[list[str], np.ndarray]:
    splits = corpus.splits.values()
    return [text for split in splits for text in split.texts], np.concatenate(
        [split.labels for split in splits]
    )


def by_id(corpus: Corpus) -> dict[str, str]:
    splits = corpus.splits.values()
    return {key: text for split in splits for key, text in zip(split.ids, split.texts, strict=True)}


def test_there_is_enough_of_it(pydocs: Corpus) -> None:
    texts, labels = all_rows(pydocs)
    libraries, modules, symbols = (np.bincount(column) for column in labels.T)
    assert 2000 <= len(texts) <= 4000
    assert len(libraries) >= 8
    assert len(modules) >= 40
    assert modules.min() >= 20
    assert modules.max() <= 60
    assert len(symbols) >= 500
    assert len(pydocs.splits["test"]) >= 400


def test_texts_are_short_distinct_sentences(pydocs: Corpus) -> None:
    texts, _ = all_rows(pydocs)
    assert len(set(texts)) == len(texts)
    assert all(SHORTEST <= len(text) <= LONGEST for text in texts)
    assert all(text.endswith(".") and text == " ".join(text.split()) for text in texts)
    assert not [text for text in texts if ">>>" in text or "::" in text]
    ends = Counter(tuple(re.findall(r"\w+", text.casefold())[-source.ALIKE :]) for text in texts)
    assert max(ends.values()) == 1


def test_no_text_names_its_library_or_symbol(pydocs: Corpus) -> None:
    for text, row in zip(*all_rows(pydocs), strict=True):
        library, _, symbol = (names[number] for names, number in zip(pydocs.tree.names, row, strict=True))
        words = set(re.findall(r"\w+", text.casefold()))
        assert library not in words
        assert symbol.rpartition(".")[2].casefold() not in words


def test_another_reading_at_the_default_levels_finds_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    few = {library: source.packages()[library] for library in ("datasets", "networkx")}
    monkeypatch.setattr(source, "packages", lambda: few)
    pydocs = CorpusRequest("pydocs", levels=THREE).load()
    again = CorpusRequest("pydocs").load()
    assert again.levels == ("library", "module")
    assert again.tree.names == pydocs.tree.names[:2]
    assert by_id(again) == by_id(pydocs)
    assert len(again.splits["test"]) == pytest.approx(sum(map(len, again.splits.values())) / 5, abs=1)


def test_its_identity_is_the_versions_of_the_packages() -> None:
    identity = CorpusRequest("pydocs").identity()
    assert identity["edition"]["packages"]["numpy"] == np.__version__
    assert len(identity["edition"]["packages"]) >= 8


def test_packages_are_parsed_and_never_imported() -> None:
    script = (
        "import sys\n"
        "from fractalctl.corpora import ReadContext\n"
        "from fractalctl.corpora import pydocs as source\n"
        "few = {library: source.packages()[library] for library in ('networkx', 'sklearn', 'torch')}\n"
        "source.packages = lambda: few\n"
        "rows = list(source.read(ReadContext()))\n"
        "print(len(rows) > 500, sorted(few.keys() & sys.modules.keys()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("True []\n", "")


def test_its_levels_are_checked() -> None:
    for levels in (("module",), ("module", "library")):
        with pytest.raises(RequestError, match="coarse to fine, out of library, module, symbol; not module"):
            CorpusRequest("pydocs", levels=levels).load()
    with pytest.raises(RequestError, match="pydocs has no level 'file'; its levels are library, module"):
        CorpusRequest("pydocs", levels=("library", "file")).load()


def test_a_library_that_is_not_there_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {
        "rich": {"distribution": "rich", "modules": {"all": ["."]}},
        "nolib": {"distribution": "no-lib", "modules": {"x": ["."]}},
    }
    monkeypatch.setattr(source, "packages", lambda: small)
    corpus = CorpusRequest("pydocs").load()
    assert corpus.tree.names == (("rich",), ("rich.all",))
    assert corpus.notes[0] == "not installed, so not in pydocs: nolib"
    assert CorpusRequest("pydocs").identity()["edition"]["packages"]["nolib"] is None


NUMPY_STYLE = """Solve a system of linear equations.

Computes the "exact" solution of a well-determined system by `factorization` of the matrix.

Parameters
----------
a : array
    The coefficients are real numbers, and this explains at length what they are.

Notes
-----
The solutions are computed with a routine of the library :func:`~lapack.gesv` [1]_ and *refined*.

- A list item that is long enough to be a paragraph, but is no prose at all.

Examples
--------
Solve the system of two equations that is written in the documentation of it.

>>> solve(a, b)
"""

GOOGLE_STYLE = """Short.

    Indented paragraphs are code or belong to an argument, so they are left out here.

Args:
    x: something that is described in so many words that it would be long enough.

This one keeps ``code`` words, a [`reference`] and a `link <page.html>`_ as the words that they are.

where a sentence goes on after a formula it is not kept, as it does not begin with a capital.

Let 1 + 1 = 2, 2 * 2 = 4, 3 * 3 = 9, 4 * 4 = 16 and so on (5 * 5 = 25, 6 * 6 = 36, 7 * 7 = 49).
"""


def test_prose_is_told_from_the_rest() -> None:
    assert list(paragraphs(NUMPY_STYLE)) == [
        'Computes the "exact" solution of a well-determined system by factorization of the matrix.',
        "The solutions are computed with a routine of the library lapack.gesv and refined.",
    ]
    assert list(paragraphs(GOOGLE_STYLE)) == [
        "This one keeps code words, a reference and a link as the words that they are."
    ]


def test_a_long_paragraph_is_cut_at_a_sentence() -> None:
    sentence = "This sentence has exactly as many words as it needs to have. "
    (text,) = paragraphs(sentence * 9)
    assert text == (sentence * (LONGEST // len(sentence))).strip()


CODE = '''
def visible():
    """A public function has a docstring that is long enough to be a paragraph of its own."""

def _hidden():
    """A private function may have the longest docstring of all, and it is not looked at."""

class Thing:
    """A class is documented by its own docstring, which is taken for the class itself."""

    def act(self):
        """A method of the class is taken for the class, as its name says little by itself."""

    def _rest(self):
        """A private method is as private as a private function, so this is not looked at."""
'''


def test_methods_count_as_their_class(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text(CODE)
    found = list(file_paragraphs(tmp_path / "code.py"))
    assert [paragraph.symbol for paragraph in found] == ["visible", "Thing", "Thing"]


def test_tests_and_broken_files_are_left_out(tmp_path: Path) -> None:
    for name in ("a/code.py", "a/tests/code.py", "a/broken.py", "b.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("def (" if "broken" in name else CODE)
    assert len(list(module_paragraphs(tmp_path, ["a", "b.py", "absent.py"]))) == 6


def test_variants_of_one_paragraph_are_boilerplate() -> None:
    first, second = ("lib", "one"), ("lib", "two")
    shared = "Get the parameters of this very estimator and of all that it contains."
    series = "If 2 is a root of multiplicity three, it must appear in the roots of the {} series three times."
    found = {
        first: [
            Paragraph("a", shared),
            Paragraph("b", series.format("Hermite")),
            Paragraph("c", series.format("Laguerre")),
        ],
        second: [
            Paragraph("d", shared.upper()),
            Paragraph("e", "Return something that nobody else returns in such words."),
        ],
    }
    kept = source._distinct(found)
    assert [paragraph.symbol for paragraph in kept[first]] == ["b"]
    assert [paragraph.symbol for paragraph in kept[second]] == ["e"]


def test_symbols_take_turns_and_single_paragraphs_come_last() -> None:
    many = [Paragraph("big", f"text {n}") for n in range(100)]
    few = [Paragraph(f"pair {n}", f"{half}") for n in range(5) for half in "ab"]
    alone = [Paragraph(f"alone {n}", "x") for n in range(30)]
    taken = [paragraph.symbol for paragraph in source._balanced(alone + many + few)]
    assert len(taken) == source.MOST_ROWS
    counts = Counter(taken[: source.AT_ONCE + 10])
    assert counts["big"] == source.AT_ONCE
    assert sum(symbol.startswith("pair") for symbol in taken) == 10
    assert sum(symbol.startswith("alone") for symbol in taken) == 30
