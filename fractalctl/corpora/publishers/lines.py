"""Text with one row a line: TREC's ``.label`` files, GoEmotions' TSV, the files of Web of Science."""

from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path

from fractalctl.corpora.columns import label_in, text_in
from fractalctl.corpora.publishers.tables import read_csv
from fractalctl.corpora.records import Origin
from fractalctl.corpora.registry import CorpusSpec
from fractalctl.corpora.tabular import NumberedRows, Table, open_text
from fractalctl.corpora.tree import PATH_SEPARATOR
from fractalctl.errors import FractalError


def read_trec(spec: CorpusSpec, files: Mapping[str, Path]) -> Iterator[tuple[str | None, Table]]:
    """Read lines of ``COARSE:fine`` and the question, in Latin-1."""
    for split, path in files.items():
        yield split, Table(Origin(path.name), ("text", spec.levels[-1]), _trec_rows(path, spec.levels[-1]))


def _trec_rows(path: Path, level: str) -> NumberedRows:
    for number, line in _lines(path, "latin-1"):
        label, _, text = line.partition(" ")
        if ":" not in label or not text:
            raise FractalError(f"{path}, line {number}: expected 'COARSE:fine question', found {line!r:.60}")
        yield number, {"text": text, level: label}


def read_goemotions(spec: CorpusSpec, files: Mapping[str, Path]) -> Iterator[tuple[str | None, Table]]:
    """Read lines of text, numbers of the emotions and comment id; keep those with one emotion."""
    listed = files.get("labels")
    names = tuple(name for _, name in _lines(listed)) if listed else spec.labels
    for split, path in files.items():
        if split != "labels":
            columns = ("text", spec.levels[-1], "id")
            yield split, Table(Origin(path.name), columns, _goemotions_rows(path, spec.levels[-1], names))


def _goemotions_rows(path: Path, level: str, names: tuple[str, ...]) -> NumberedRows:
    for number, line in _lines(path):
        cells = line.split("\t")
        labels = cells[1].split(",") if len(cells) == 3 else []
        if not labels or not all(label.isdecimal() and int(label) < len(names) for label in labels):
            raise FractalError(
                f"{path}, line {number}: expected a text, numbers of emotions below {len(names)} and an id "
                f"with tabs between them, found {line!r:.60}"
            )
        if len(labels) == 1:
            yield number, {"text": cells[0], level: names[int(labels[0])], "id": cells[2]}


def read_wos(spec: CorpusSpec, files: Mapping[str, Path]) -> Iterator[tuple[str | None, Table]]:
    """Read abstracts, domains and areas from three parallel text files, or from an exported ``Data.csv``.

    Areas are numbered anew in each domain, and names of areas recur: the fine class is the pair.
    """
    if files["all"].suffix.lower() == ".csv":
        for split, table in read_csv(spec, files):
            yield split, Table(table.origin, ("text", *spec.levels), _wos_csv_rows(spec, table))
        return
    missing = sorted({"domains", "areas"} - files.keys())
    if missing:
        raise FractalError(f"{files['all'].parent}: beside X.txt there must be {spec.companions[missing[0]]}")
    yield None, Table(Origin(files["all"].name), ("text", *spec.levels), _wos_rows(spec, files))


def _wos_rows(spec: CorpusSpec, files: Mapping[str, Path]) -> NumberedRows:
    columns = [_lines(files[role], errors="replace") for role in ("all", "domains", "areas")]
    for number, cells in enumerate(zip_longest(*columns), 1):
        if None in cells:
            short = files[("all", "domains", "areas")[cells.index(None)]]
            raise FractalError(
                f"{short}: ends before line {number}; X.txt, YL1.txt and YL2.txt must have as many lines"
            )
        yield number, _wos_row(spec, *(cell for _, cell in cells))


def _wos_csv_rows(spec: CorpusSpec, table: Table) -> NumberedRows:
    for number, row in table.rows:
        place = table.origin.place(number)
        domain, area = (label_in(row, column, place) for column in ("Domain", "area"))
        yield number, _wos_row(spec, text_in(row, "Abstract", place), domain, area)


def _wos_row(spec: CorpusSpec, text: str, domain: str, area: str) -> dict[str, str]:
    coarse, fine = spec.levels
    return {
        "text": text.strip(),
        coarse: domain.strip(),
        fine: f"{domain.strip()}{PATH_SEPARATOR}{area.strip()}",
    }


def _lines(path: Path, encoding: str = "utf-8-sig", *, errors: str = "strict") -> Iterator[tuple[int, str]]:
    """Lines from 1, without their ends; a blank line is left out."""
    with open_text(path, encoding, errors=errors) as stream:
        for number, line in enumerate(stream, 1):
            if not line.isspace():
                yield number, line.rstrip("\r\n")
