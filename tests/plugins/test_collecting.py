"""What installed packages offer is found, checked, and never takes the place of something else in silence."""

from pathlib import Path

import pytest

from fractalctl.corpora import CorpusRequest, CorpusSpec, registered_corpora
from fractalctl.errors import FractalError, RequestError
from fractalctl.plugins import collect
from tests.plugins.conftest import Offer
from tests.plugins.offers import LOCAL, WEATHER


def test_one_object_or_several_come_after_ours(offer: Offer) -> None:
    offer("fractalctl.corpora", "SEVERAL")
    assert list(registered_corpora())[-3:] == ["pydocs", "weather", "papers"]
    offer("fractalctl.corpora", "WEATHER")
    assert list(registered_corpora())[-2:] == ["pydocs", "weather"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["CLINC"],
            r"'clinc' comes twice: from fractalctl and from .*\(clinc = tests\.plugins\.offers:CLINC\)",
        ),
        (
            ["WEATHER", "SEVERAL"],
            r"'weather' comes twice: from .*offers:SEVERAL\) and from .*offers:WEATHER\)",
        ),
        (["NUMBER"], r"offers:NUMBER\) of group fractalctl\.corpora gives int, expected .*\.CorpusSpec"),
        (["BROKEN_LIST"], r"offers:BROKEN_LIST\) of group .* gives int, expected .*\.CorpusSpec; mend"),
        (["MISSING"], r"offers:MISSING\) of group .* cannot be loaded \(AttributeError: .*mend or uninstall"),
    ],
)
def test_what_cannot_be_taken_is_named_with_its_package(offer: Offer, names: list[str], message: str) -> None:
    offer("fractalctl.corpora", *names)
    with pytest.raises(FractalError, match=message):
        registered_corpora()


def test_a_group_without_entry_points_has_what_is_built_in() -> None:
    assert collect("fractalctl.nothing", CorpusSpec, [("here", WEATHER)]) == {"weather": WEATHER}


def test_rows_of_a_function_become_a_corpus(offer: Offer) -> None:
    offer("fractalctl.corpora", "WEATHER")
    request = CorpusRequest("weather", max_test=3)
    corpus = request.load()
    assert request.identity()["edition"] == "1.0"
    assert (corpus.name, corpus.levels) == ("weather", ("season", "month"))
    assert corpus.tree.names == (("autumn", "spring"), ("november", "october", "june", "may"))
    assert [len(split) for split in corpus.splits.values()] == [8, 3]
    assert corpus.notes[0] == "of the weather station"
    with pytest.raises(RequestError, match="--data is for registered corpora"):
        CorpusRequest("weather", data=Path("x"))


def test_a_corpus_that_is_read_from_files_alone_says_which(offer: Offer, tmp_path: Path) -> None:
    offer("fractalctl.corpora", "LOCAL")
    with pytest.raises(
        RequestError, match=r"papers is read from a local copy alone: --data PATH, .*papers\.csv"
    ):
        CorpusRequest("papers").load()
    rows = [
        f"t{number},f{number % 2},t{number % 2}{number % 4},{split}"
        for number in range(8)
        for split in ("train", "test")
    ]
    (tmp_path / "papers.csv").write_text("\n".join(["text,field,topic,split", *rows]))
    corpus = CorpusRequest("papers", data=tmp_path).load()
    assert corpus.tree.class_counts == (2, 4)
    assert LOCAL.takes_data


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"levels": ("one",)}, "needs two levels or more"),
        ({"default": ("b", "c")}, "default levels among them"),
        ({}, "needs hub, files or read"),
        ({"read": print}, "needs an edition"),
    ],
)
def test_a_corpus_that_could_not_be_read_is_refused_when_it_is_written(
    fields: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        CorpusSpec(**{"name": "x", "levels": ("a", "b"), **fields})
