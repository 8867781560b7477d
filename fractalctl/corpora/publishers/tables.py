"""JSON and CSV: CLINC150's ``data_full.json``, CSV with and without a header, arXiv's metadata."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fractalctl.corpora.columns import label_in, text_in
from fractalctl.corpora.records import Origin
from fractalctl.corpora.registry import CorpusSpec
from fractalctl.corpora.tabular import NumberedRows, Table, open_table, open_text
from fractalctl.errors import FractalError

_CLINC_SPLITS = {"train": "train", "val": "validation", "test": "test"}


def read_clinc(spec: CorpusSpec, files: Mapping[str, Path]) -> Iterator[tuple[str | None, Table]]:
    """Read pairs of text and intent from ``data_full.json``, domains from ``domains.json`` if it is there.

    The lists of out-of-scope rows (``oos_train`` and so on) are not read.
    """
    path = files["all"]
    document = _json(path)
    domains = _clinc_domains(files["domains"]) if "domains" in files else None
    domain, intent = spec.default
    for name, split in _CLINC_SPLITS.items():
        if not isinstance(document.get(name), list):
            raise FractalError(
                f"{path}: expected lists train, val and test of [text, intent], not without '{name}'"
            )
        origin = Origin(f"{path.name}, {name}", "row")
        columns = ("text", intent, domain) if domains else ("text", intent)
        yield split, Table(origin, columns, _clinc_rows(origin, columns, document[name], domains))


def _clinc_domains(path: Path) -> dict[str, str]:
    """Domain of each intent."""
    return {intent: domain for domain, intents in _json(path).items() for intent in intents}


def _clinc_rows(
    origin: Origin, columns: tuple[str, ...], pairs: list[Any], domains: Mapping[str, str] | None
) -> NumberedRows:
    for number, pair in enumerate(pairs, 1):
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(item, str) for item in pair)):
            raise FractalError(f"{origin.place(number)}: expected [text, intent], found {pair!r:.60}")
        if domains and pair[1] not in domains:
            raise FractalError(
                f"{origin.place(number)}: intent '{pair[1]}' stands in no domain of domains.json"
            )
        cells = (*pair, domains[pair[1]]) if domains else pair
        yield number, dict(zip(columns, cells, strict=True))


def read_csv(spec: CorpusSpec, files: Mapping[str, Path]) -> Iterator[tuple[str | None, Table]]:
    """Read CSV files whose header names the columns of the text and of every level."""
    for split, path in files.items():
        if split not in spec.companions:
            yield _split(split), open_table(path)


def read_yahoo(spec: CorpusSpec, files: Mapping[str, Path]) -> Iterator[tuple[str | None, Table]]:
    """Read CSV files without header: number of the topic from 1, title, content, best answer."""
    for split, path in files.items():
        table = open_table(path, ("topic", "title", "content", "answer"))
        yield _split(split), Table(table.origin, ("text", spec.levels[-1]), _yahoo_rows(spec, table))


def _yahoo_rows(spec: CorpusSpec, table: Table) -> NumberedRows:
    for number, row in table.rows:
        topic = row["topic"].strip()
        if not (topic.isdecimal() and 1 <= int(topic) <= len(spec.labels)):
            place = table.origin.place(number)
            raise FractalError(f"{place}: topic {topic!r} is no number from 1 to {len(spec.labels)}")
        text = f"{row['title']} {row['content']}".strip()
        yield number, {"text": text, spec.levels[-1]: spec.labels[int(topic) - 1]}


def read_arxiv(spec: CorpusSpec, files: Mapping[str, Path]) -> Iterator[tuple[str | None, Table]]:
    """Read arXiv's metadata as JSON lines: title and abstract, and the first of the categories."""
    for split, path in files.items():
        table = open_table(path)
        category = spec.levels[-1]
        yield _split(split), Table(table.origin, ("text", category, "id"), _arxiv_rows(table, category))


def _arxiv_rows(table: Table, category: str) -> NumberedRows:
    for number, row in table.rows:
        place = table.origin.place(number)
        text = " ".join(f"{text_in(row, 'title', place)} {text_in(row, 'abstract', place)}".split())
        primary = label_in(row, "categories", place).split()[0]
        yield number, {"text": text, category: primary, "id": row.get("id")}


def _split(role: str) -> str | None:
    return None if role == "all" else role


def _json(path: Path) -> dict[str, Any]:
    with open_text(path) as stream:
        try:
            document = json.load(stream)
        except ValueError as error:
            raise FractalError(f"{path}: not JSON ({error})") from error
    if not isinstance(document, dict):
        raise FractalError(f"{path}: expected a JSON object {{...}}")
    return document
