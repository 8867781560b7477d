"""The registered corpora's own files, in the formats of their publishers."""

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from fractalctl.corpora.columns import label_in, text_in
from fractalctl.corpora.corpus_spec import CorpusSpec
from fractalctl.corpora.records import Origin
from fractalctl.corpora.tabular import NumberedRows, SplitTables, as_table, open_table, open_tables, open_text
from fractalctl.corpora.tree import PATH_SEPARATOR
from fractalctl.errors import FractalError

Files = Mapping[str, Path]
"""Of one local copy by role: a split, ``all``, or the name of a companion."""

_CLINC_SPLITS = {"train": "train", "val": "validation", "test": "test"}
_QUOTING_PHRASES = ("writes in", "writes:", "wrote:", "says:", "said:")
_QUOTING_STARTS = ("In article", "Quoted from", "|", ">")


def published_tables(spec: CorpusSpec, files: Files) -> SplitTables:
    """Open the publisher's files; rows have ``text`` and a label for each level that the files name.

    Where no format of its own is known for the corpus, its files are tables with these columns.
    """
    if spec.name == "clinc":
        return _read_clinc(spec, files)
    own = {role: path for role, path in files.items() if role not in spec.companions}
    if spec.name not in _ROWS:
        return open_tables(own)
    beside = {role: path for role, path in files.items() if role in spec.companions}
    unit = "post" if spec.name == "newsgroups" else "line"
    rows = {role: _ROWS[spec.name](spec, path, **beside) for role, path in own.items()}
    return [
        (None if role == "all" else role, as_table(Origin(own[role].name, unit), rows[role])) for role in own
    ]


def _read_clinc(spec: CorpusSpec, files: Files) -> SplitTables:
    """Pairs of text and intent from ``data_full.json``, domains from ``domains.json`` if it is there.

    The lists of out-of-scope rows (``oos_train`` and so on) are not read.
    """
    path = files["all"]
    document = _json(path)
    domains = None
    if "domains" in files:
        listed = _json(files["domains"])
        domains = {intent: domain for domain, intents in listed.items() for intent in intents}
    for name, split in _CLINC_SPLITS.items():
        if not isinstance(document.get(name), list):
            raise FractalError(
                f"{path}: expected lists train, val and test of [text, intent], not without '{name}'"
            )
        origin = Origin(f"{path.name}, {name}", "row")
        yield split, as_table(origin, _clinc_rows(spec, origin, document[name], domains))


def _clinc_rows(
    spec: CorpusSpec, origin: Origin, pairs: list[Any], domains: Mapping[str, str] | None
) -> NumberedRows:
    domain, intent = spec.default
    for number, pair in enumerate(pairs, 1):
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(item, str) for item in pair)):
            raise FractalError(f"{origin.place(number)}: expected [text, intent], found {pair!r:.60}")
        row = {"text": pair[0], intent: pair[1]}
        if domains is not None:
            if pair[1] not in domains:
                raise FractalError(
                    f"{origin.place(number)}: intent '{pair[1]}' stands in no domain of domains.json"
                )
            row[domain] = domains[pair[1]]
        yield number, row


def _trec_rows(spec: CorpusSpec, path: Path) -> NumberedRows:
    """Lines of ``COARSE:fine`` and the question, in Latin-1."""
    for number, line in _lines(path, "latin-1"):
        label, _, text = line.partition(" ")
        if ":" not in label or not text:
            raise FractalError(f"{path}, line {number}: expected 'COARSE:fine question', found {line!r:.60}")
        yield number, {"text": text, spec.levels[-1]: label}


def _goemotions_rows(spec: CorpusSpec, path: Path, labels: Path | None = None) -> NumberedRows:
    """Lines of text, numbers of the emotions and comment id; those with one emotion are kept."""
    names = tuple(name for _, name in _lines(labels)) if labels else spec.labels
    for number, line in _lines(path):
        cells = line.split("\t")
        chosen = cells[1].split(",") if len(cells) == 3 else []
        if not chosen or not all(one.isdecimal() and int(one) < len(names) for one in chosen):
            raise FractalError(
                f"{path}, line {number}: expected a text, numbers of emotions below {len(names)} and an id "
                f"with tabs between them, found {line!r:.60}"
            )
        if len(chosen) == 1:
            yield number, {"text": cells[0], spec.levels[-1]: names[int(chosen[0])], "id": cells[2]}


def _newsgroups_rows(spec: CorpusSpec, path: Path) -> NumberedRows:
    """Posts in Latin-1, without headers, quotes and footers, in order of group and file name."""
    groups = sorted(group for group in path.iterdir() if group.is_dir())
    if not groups:
        raise FractalError(f"{path}: expected one folder for each newsgroup, found none")
    posts = (post for group in groups for post in sorted(group.iterdir()))
    for number, post in enumerate(posts, 1):
        group = post.parent.name
        text = strip_post(post.read_text("latin-1"))
        yield number, {"text": text, spec.levels[-1]: group, "id": f"{group}/{post.name}"}


def _wos_rows(spec: CorpusSpec, path: Path, **beside: Path) -> NumberedRows:
    """Abstracts, domains and areas from three parallel text files, or from an exported ``Data.csv``.

    Areas are numbered anew in each domain, and names of areas recur: the fine class is the pair.
    """
    coarse, fine = spec.levels
    exported = path.suffix.lower() == ".csv"
    columns = _wos_csv(path) if exported else _wos_lines(spec, {"all": path, **beside})
    for number, (text, domain, area) in columns:
        pair = f"{domain.strip()}{PATH_SEPARATOR}{area.strip()}"
        yield number, {"text": text.strip(), coarse: domain.strip(), fine: pair}


def _wos_csv(path: Path) -> Iterator[tuple[int, tuple[str, str, str]]]:
    table = open_table(path)
    for number, row in table.rows:
        place = table.origin.place(number)
        labels = label_in(row, "Domain", place), label_in(row, "area", place)
        yield number, (text_in(row, "Abstract", place), *labels)


def _wos_lines(spec: CorpusSpec, files: Files) -> Iterator[tuple[int, tuple[str, str, str]]]:
    roles = ("all", "domains", "areas")
    missing = [role for role in roles if role not in files]
    if missing:
        raise FractalError(f"{files['all'].parent}: beside X.txt there must be {spec.companions[missing[0]]}")
    columns = [_lines(files[role], errors="replace") for role in roles]
    for number, cells in enumerate(zip_longest(*columns), 1):
        if None in cells:
            raise FractalError(
                f"{files[roles[cells.index(None)]]}: ends before line {number}; X.txt, YL1.txt and YL2.txt "
                "must have as many lines"
            )
        text, domain, area = (cell for _, cell in cells)
        yield number, (text, domain, area)


def _yahoo_rows(spec: CorpusSpec, path: Path) -> NumberedRows:
    """CSV without header: number of the topic from 1, title, content, best answer."""
    table = open_table(path, ("topic", "title", "content", "answer"))
    for number, row in table.rows:
        topic = row["topic"].strip()
        if not (topic.isdecimal() and 1 <= int(topic) <= len(spec.labels)):
            place = table.origin.place(number)
            raise FractalError(f"{place}: topic {topic!r} is no number from 1 to {len(spec.labels)}")
        text = f"{row['title']} {row['content']}".strip()
        yield number, {"text": text, spec.levels[-1]: spec.labels[int(topic) - 1]}


def _arxiv_rows(spec: CorpusSpec, path: Path) -> NumberedRows:
    """Metadata as JSON lines: title and abstract, and the first of the categories."""
    table = open_table(path)
    for number, row in table.rows:
        place = table.origin.place(number)
        text = " ".join(f"{text_in(row, 'title', place)} {text_in(row, 'abstract', place)}".split())
        primary = label_in(row, "categories", place).split()[0]
        yield number, {"text": text, spec.levels[-1]: primary, "id": row.get("id")}


def strip_post(post: str) -> str:
    """Take from a Usenet post its header, the lines that quote other posts, and the signature.

    The header ends at the first blank line. The signature is what follows the last line that is blank or
    made of hyphens, unless nothing stands before it. The published copies without headers, quotes and
    footers were made by the same rules (scikit-learn, ``fetch_20newsgroups(remove=...)``).
    """
    _, _, body = post.partition("\n\n")
    body = "\n".join(line for line in body.split("\n") if not _quotes(line))
    lines = body.strip().split("\n")
    breaks = [number for number, line in enumerate(lines) if not line.strip().strip("-")]
    return "\n".join(lines[: breaks[-1]]) if breaks and breaks[-1] > 0 else body


def _quotes(line: str) -> bool:
    """Whether a line quotes another post or announces that it will."""
    return line.startswith(_QUOTING_STARTS) or any(phrase in line for phrase in _QUOTING_PHRASES)


def _lines(path: Path, encoding: str = "utf-8-sig", *, errors: str = "strict") -> Iterator[tuple[int, str]]:
    """Lines from 1, without their ends; a blank line is left out."""
    with open_text(path, encoding, errors=errors) as stream:
        for number, line in enumerate(stream, 1):
            if not line.isspace():
                yield number, line.rstrip("\r\n")


def _json(path: Path) -> dict[str, Any]:
    with open_text(path) as stream:
        try:
            document = json.load(stream)
        except ValueError as error:
            raise FractalError(f"{path}: not JSON ({error})") from error
    if not isinstance(document, dict):
        raise FractalError(f"{path}: expected a JSON object {{...}}")
    return document


_ROWS: Mapping[str, Callable[..., NumberedRows]] = {
    "trec": _trec_rows,
    "goemotions": _goemotions_rows,
    "newsgroups": _newsgroups_rows,
    "wos": _wos_rows,
    "yahoo": _yahoo_rows,
    "arxiv": _arxiv_rows,
}
"""What reads one file of a corpus, by name: a function of its spec, the file, and companions by name."""
