"""Requests: options that do not go together, names in the store, and identities that need no loading."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fractalctl.corpora import CorpusRequest, OnConflict
from fractalctl.errors import RequestError
from store.recipe import check_name

Writer = Callable[..., Path]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"source": "f.csv", "levels": ("a", "b"), "path_column": "p"},
            "--path and --levels exclude each other",
        ),
        ({"source": "f.csv", "path_column": "p", "separator": ""}, "--separator must not be empty"),
        (
            {"source": "clinc", "text": "body"},
            "--text and --path are for own files and hub: sources; 'clinc' knows",
        ),
        ({"source": "pydocs", "path_column": "p"}, "--text and --path are for own files"),
        (
            {"source": "f.csv", "data": Path("x")},
            r"--data is for registered corpora \(clinc, .*\), not 'f.csv'",
        ),
        ({"source": "f.csv", "on_conflict": "merge"}, "--on-conflict is error or qualify, not 'merge'"),
        ({"source": "clinc", "max_train": 0}, "--max-train must be at least 1, not 0"),
        ({"source": "clinc", "max_validation": -3}, "--max-validation must be at least 1, not -3"),
    ],
)
def test_options_that_do_not_go_together_are_refused_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        CorpusRequest(**options)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("clinc", "clinc"),
        ("pydocs", "pydocs"),
        ("data/My tickets (2024).v2.csv.gz", "My-tickets-2024-v2"),
        ("x.jsonl", "x"),
        ("folder/", "folder"),
        ("_tickets.csv", "tickets"),
        (f"{'a' * 150}.csv", "a" * 100),
        (f"{'ж' * 110}.csv", "ж" * 100),
        (f"{'字' * 80}.csv", "字" * 66),
        ("hub:owner/name", "owner--name"),
        ("hub:owner/name:config@v1.0", "owner--name--config--v1.0"),
    ],
)
def test_the_name_in_the_store_is_a_safe_file_name(source: str, name: str) -> None:
    assert CorpusRequest(source).name == check_name("corpus", name)


def test_an_unknown_corpus_is_told_what_there_is() -> None:
    with pytest.raises(
        RequestError, match=r"'clincc' is neither a registered corpus \(did you mean 'clinc'\?\) nor a file"
    ):
        CorpusRequest("clincc").identity()
    with pytest.raises(RequestError, match=r"Registered are clinc, trec, .*pydocs; own data is the path"):
        CorpusRequest("nothing.csv").load()


@pytest.mark.parametrize("name", ["hub:owner", "hub:/name", "hub:a/b/c"])
def test_a_repository_has_an_owner_and_a_name(name: str) -> None:
    with pytest.raises(
        RequestError, match="expected hub:owner/name, hub:owner/name:config or either with @revision"
    ):
        CorpusRequest(name).identity()


def test_levels_of_a_registered_corpus_are_checked() -> None:
    for levels, message in (
        (("domain", "topic"), "clinc has no level 'topic'; its levels are super-domain, domain, intent"),
        (
            ("intent",),
            "levels must be two or more, coarse to fine, out of super-domain, domain, intent; not intent",
        ),
        (("intent", "domain"), "coarse to fine"),
    ):
        with pytest.raises(RequestError, match=message):
            CorpusRequest("clinc", levels=levels).identity()


def test_an_identity_is_json_and_knows_every_option(
    write_lines: Writer, animals: list[dict[str, str]]
) -> None:
    path = str(write_lines("animals.jsonl", animals))
    variants = [
        CorpusRequest(path),
        CorpusRequest(path, levels=("fine", "coarse")),
        CorpusRequest(path, text="fine"),
        CorpusRequest(path, path_column="text"),
        CorpusRequest(path, path_column="text", separator="/"),
        CorpusRequest(path, on_conflict=OnConflict.QUALIFY),
        CorpusRequest(path, max_train=5),
        CorpusRequest(path, max_test=5),
        CorpusRequest(path, max_validation=5),
        CorpusRequest(path, seed=1),
        CorpusRequest("clinc"),
        CorpusRequest("clinc", levels=("super-domain", "intent")),
        CorpusRequest("trec"),
        CorpusRequest("pydocs"),
        CorpusRequest("pydocs", levels=("library", "module", "symbol")),
        CorpusRequest("hub:a/b"),
        CorpusRequest("hub:a/b:c"),
        CorpusRequest("hub:a/b@d"),
    ]
    identities = [json.dumps(variant.identity(), sort_keys=True) for variant in variants]
    assert len(set(identities)) == len(variants)
    assert identities == [json.dumps(variant.identity(), sort_keys=True) for variant in variants]


def test_the_content_of_a_file_counts_and_not_its_name(
    write_lines: Writer, animals: list[dict[str, str]]
) -> None:
    here, there = write_lines("a.jsonl", animals), write_lines("b.jsonl", animals)
    other = write_lines("c.jsonl", animals[:-1])
    assert CorpusRequest(str(here)).identity() == CorpusRequest(str(there)).identity()
    assert CorpusRequest(str(here)).identity() != CorpusRequest(str(other)).identity()


def test_the_default_levels_and_the_same_levels_by_name_are_one_corpus() -> None:
    assert CorpusRequest("clinc").identity() == CorpusRequest("clinc", levels=("domain", "intent")).identity()


def test_asking_who_a_corpus_is_imports_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from fractalctl.corpora import CorpusRequest\n"
        "import fractalctl.cli.corpora, fractalctl.cli.corpus_options\n"
        "CorpusRequest('clinc').name\n"
        "print(sorted({'numpy', 'torch', 'datasets', 'pandas', 'pyarrow', 'sklearn'} & sys.modules.keys()))\n"
        "CorpusRequest('clinc').identity(), CorpusRequest('pydocs').identity()\n"
        "print(sorted({'torch', 'datasets', 'pandas', 'pyarrow', 'sklearn'} & sys.modules.keys()))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "[]"]
