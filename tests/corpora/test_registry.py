"""The registered corpora: groupings that cover their labels, counts that agree, documentation that agrees."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

from fractalctl.corpora import CorpusSpec, registered_corpora

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "corpora.md"
PUBLISHED = [spec for spec in registered_corpora().values() if spec.hub]


def test_the_papers_eight_corpora_and_the_embedded_one_are_registered() -> None:
    assert list(registered_corpora()) == [
        "clinc",
        "trec",
        "goemotions",
        "newsgroups",
        "wos",
        "dbpedia-classes",
        "yahoo",
        "arxiv",
        "pydocs",
    ]


@pytest.mark.parametrize("spec", PUBLISHED, ids=lambda spec: spec.name)
def test_a_spec_is_sound(spec: CorpusSpec) -> None:
    assert len(spec.levels) >= 2
    assert spec.choose_levels(spec.default) == spec.default
    assert spec.classes.keys() <= set(spec.levels)
    assert spec.hub.labels.keys() <= set(spec.levels)
    assert spec.hub.revision is None or re.fullmatch(r"[0-9a-f]{40}", spec.hub.revision)
    assert all((spec.title, spec.about, spec.licence, spec.citation, spec.url))
    for level, groups in spec.groups.items():
        children = [child for group in groups.values() for child in group]
        assert len(set(children)) == len(children)
        finer = spec.levels[spec.levels.index(level) + 1]
        assert (len(groups), len(children)) == (spec.classes[level], spec.classes[finer])
        if finer in spec.groups:
            assert set(children) == spec.groups[finer].keys()
        if spec.labels:
            assert set(children) == set(spec.labels)


def test_classes_follow_from_finer_ones() -> None:
    specs = registered_corpora()
    complete = specs["clinc"].complete({"intent": "translate"}, ("super-domain", "domain", "intent"))
    assert complete == {"intent": "translate", "domain": "travel", "super-domain": "mobility"}
    assert specs["trec"].complete({"fine": "DESC:manner"}, ("coarse", "fine"))["coarse"] == "DESC"
    assert specs["arxiv"].complete({"category": "math.AG"}, ("archive", "category"))["archive"] == "math"
    assert specs["arxiv"].complete({"category": "hep-th"}, ("archive", "category"))["archive"] == "hep-th"
    assert (
        specs["newsgroups"].complete({"group": "alt.atheism"}, ("hierarchy", "group"))["hierarchy"] == "soc"
    )


def test_a_given_class_wins_and_a_stray_one_is_an_error() -> None:
    clinc = registered_corpora()["clinc"]
    given = {"intent": "translate", "domain": "languages"}
    assert clinc.complete(given, clinc.default) == given
    with pytest.raises(LookupError, match="'languages' stands in no group of level 'super-domain' of clinc"):
        clinc.complete(given, clinc.levels)


def test_the_domains_are_those_of_the_publisher(data_folder: Path) -> None:
    published = json.loads((data_folder / "raw" / "clinc" / "domains.json").read_text())
    groups = registered_corpora()["clinc"].groups["domain"]
    assert {name: set(intents) for name, intents in groups.items()} == {
        name: set(i) for name, i in published.items()
    }


def test_the_digest_changes_with_the_content_and_not_with_the_prose() -> None:
    spec = registered_corpora()["newsgroups"]
    assert dataclasses.replace(spec, title="Usenet", rows={}).digest == spec.digest
    assert dataclasses.replace(spec, characters=100).digest != spec.digest
    assert dataclasses.replace(spec, hub=dataclasses.replace(spec.hub, text=("body",))).digest != spec.digest


@pytest.mark.parametrize("spec", PUBLISHED, ids=lambda spec: spec.name)
def test_the_documentation_states_what_the_spec_does(spec: CorpusSpec) -> None:
    document = DOCUMENTATION.read_text("utf-8")
    row = next(line for line in document.splitlines() if line.startswith(f"| `{spec.name}` |"))
    counts = " > ".join(str(spec.classes[level]) for level in spec.levels) if spec.classes else "varies"
    rows = " / ".join(f"{count:,}" for count in spec.rows.values()) or "varies"
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[1:5] == [" > ".join(spec.levels), counts, rows, spec.licence]
    assert f"`{spec.hub.id}`" in document
    assert f"`{spec.hub.revision[:7]}`" in document if spec.hub.revision else True
    assert spec.citation in document
    assert spec.hub.citation is None or spec.hub.citation in document
    for name in (*spec.files.values(), *spec.companions.values()):
        assert f"`{name}`" in document
