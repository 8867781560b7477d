"""Read measurements from evaluation files, from folders of them, and from tables."""

import csv
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fractalctl.errors import FractalError, RequestError
from fractalctl.measures.steerability import MEASURES
from fractalctl.statistics.observations import Observation, Profile, check_unique
from store.files import read_json

EVALUATION = "fractalctl-evaluation"
COMPARABLE = ("head", "k", "metric", "renormalised", "n_queries", "n_reference", "dims", "features_identity")
"""Fields of an evaluation file that must be equal for two of them to be compared."""

CORPUS_COLUMNS = ("dataset", "corpus")
NEEDED_COLUMNS = ("strategy", "seed", "steerability")


def encoder_of(document: Mapping[str, Any]) -> str:
    """The backbone, with the kind of head where that is not the linear one: ``minilm+fractal``.

    Heads of two kinds on one backbone are two encoders, and statistics never mix their seeds.
    """
    kind = document.get("head", "linear")
    return str(document["backbone"]) if kind == "linear" else f"{document['backbone']}+{kind}"


def read_observations(sources: Iterable[Path | str]) -> list[Observation]:
    """Read measurements in the order in which they come.

    Args:
        sources: evaluation files (``.json``), folders (searched for ``evaluation-*.json``), and tables
            (``.csv``) with the columns dataset (or corpus), strategy, seed, steerability, and optionally
            backbone, protocol, and any further measure.

    Raises:
        RequestError: a path is missing or of no such kind, a column or value is wrong, or a seed appears
            twice.
        FractalError: a file is damaged.
    """
    observations = [one for source in sources for one in _read(Path(source))]
    check_unique(observations)
    return observations


def _read(path: Path) -> list[Observation]:
    if path.is_dir():
        found = sorted(path.rglob("evaluation-*.json"), key=_natural)
        if not found:
            raise RequestError(
                f"{path}: no evaluation-*.json in this folder; run 'fractalctl evaluate' first"
            )
        return [read_evaluation(file) for file in found]
    if not path.exists():
        raise RequestError(f"{path}: no such file or folder")
    if path.suffix.lower() == ".csv":
        return read_table(path)
    if path.suffix.lower() == ".json":
        return [read_evaluation(path)]
    raise RequestError(f"{path}: expected an evaluation (.json), a folder of evaluations, or a table (.csv)")


def _natural(path: Path) -> list[int | str]:
    """Order by text, but runs of digits as numbers, so that seed-42 stands before seed-123."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"([0-9]+)", str(path))]


def read_evaluation(path: Path) -> Observation:
    """Read one evaluation file.

    Raises:
        RequestError: the file is no evaluation, or a number in it is not finite.
        FractalError: a field is missing.
    """
    return observation(read_json(path), str(path))


def observation(document: Any, source: str = "an evaluation") -> Observation:
    """What statistics need of an evaluation.

    Args:
        document: as an evaluation file holds it.
        source: what to call it in messages.

    Raises:
        RequestError: it is no evaluation, or a number in it is not finite.
        FractalError: a field is missing.
    """
    if not isinstance(document, dict) or document.get("encoding-type") != EVALUATION:
        raise RequestError(f"{source}: not an evaluation file (its encoding-type is not '{EVALUATION}')")
    try:
        return Observation(
            corpus=document["corpus"],
            strategy=document["strategy"],
            seed=int(document["seed"]),
            metrics=_metrics(document["steerability"], source),
            backbone=encoder_of(document),
            protocol=document["protocol"],
            settings={name: document[name] for name in COMPARABLE if name in document},
            profile=_profile(document.get("profile")),
            hits=document.get("hits"),
            source=source,
        )
    except (KeyError, TypeError) as error:
        raise FractalError(
            f"{source}: the evaluation lacks the field {error}; evaluate that head again"
        ) from error


def _metrics(steerability: Mapping[str, Any], source: str) -> dict[str, float]:
    metrics = {name: float(value) for name, value in steerability.items() if isinstance(value, int | float)}
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise RequestError(f"{source}: {name} is {value}, not a finite number; evaluate that head again")
    return metrics


def _profile(profile: Mapping[str, Any] | None) -> Profile | None:
    if profile is None:
        return None
    entropies = profile["entropies"]
    finest = f"L{len(entropies) - 1}"
    return Profile(sum(entropies[1:]), profile["baseline"][finest], entropies[0])


def read_table(path: Path) -> list[Observation]:
    """Read per-seed steerability from a CSV table with a header.

    Raises:
        RequestError: a column is missing or a cell is wrong; the message names file, row and column.
    """
    rows = list(csv_rows(path))
    columns = rows[0][1].keys()
    corpus = next((name for name in CORPUS_COLUMNS if name in columns), None)
    missing = [name for name in NEEDED_COLUMNS if name not in columns]
    if corpus is None or missing:
        wanted = ", ".join((["dataset"] if corpus is None else []) + missing)
        raise RequestError(
            f"{path}: no column {wanted} (there is: {', '.join(columns)}); a table of seeds has dataset, "
            "strategy, seed, steerability, and a curve over H(L0) is given with --quadratic"
        )
    further = [name for name in columns if name in MEASURES and name != "S"]
    return [
        Observation(
            corpus=text_cell(row, corpus, where),
            strategy=text_cell(row, "strategy", where),
            seed=_seed(row, where),
            metrics={"S": number_cell(row, "steerability", where)}
            | {name: number_cell(row, name, where) for name in further},
            backbone=row.get("backbone", ""),
            protocol=row.get("protocol", ""),
            source=where,
        )
        for where, row in rows
    ]


def read_profiles(path: Path) -> dict[tuple[str, str], Profile]:
    """Read corpus profiles from a CSV table.

    Its columns: dataset (or corpus), h_l1_given_l0, baseline_l1, and optionally h_l0 and backbone.

    Returns:
        (corpus, backbone) to profile; the backbone is empty where the table has no such column.

    Raises:
        RequestError: a column is missing, a cell is wrong, or a corpus appears twice.
    """
    profiles: dict[tuple[str, str], Profile] = {}
    for where, row in csv_rows(path):
        corpus = next((name for name in CORPUS_COLUMNS if name in row), "dataset")
        key = text_cell(row, corpus, where), row.get("backbone", "")
        if key in profiles:
            raise RequestError(f"{where}: a second profile of {key[0]}")
        coarse = number_cell(row, "h_l0", where) if "h_l0" in row else None
        profiles[key] = Profile(
            number_cell(row, "h_l1_given_l0", where), number_cell(row, "baseline_l1", where), coarse
        )
    return profiles


def csv_rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Rows of a CSV table with a header: where each stands, and its cells by column, blanks stripped.

    Raises:
        RequestError: the file is missing, no UTF-8 text, empty, or a row has too many or too few cells.
    """
    if not path.is_file():
        raise RequestError(f"{path}: no such file")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            lines = [(reader.line_num, line) for line in reader if any(cell.strip() for cell in line)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise RequestError(f"{path}: not a CSV table in UTF-8 ({error})") from error
    if len(lines) < 2:
        raise RequestError(f"{path}: expected a header and at least one row, found {len(lines)} lines")
    header = [name.strip() for name in lines[0][1]]
    for number, line in lines[1:]:
        where = f"{path}, line {number}"
        if len(line) != len(header):
            raise RequestError(
                f"{where}: expected {len(header)} cells ({', '.join(header)}), found {len(line)}"
            )
        yield where, {name: cell.strip() for name, cell in zip(header, line, strict=True)}


def text_cell(row: Mapping[str, str], column: str, where: str) -> str:
    """A cell that must hold text.

    Raises:
        RequestError: there is no such column, or the cell is empty.
    """
    if column not in row:
        raise RequestError(f"{where}: no column '{column}' (there is: {', '.join(row)})")
    if not row[column]:
        raise RequestError(f"{where}: column '{column}' is empty")
    return row[column]


def number_cell(row: Mapping[str, str], column: str, where: str) -> float:
    """A cell that must hold a finite number.

    Raises:
        RequestError: there is no such column, or the cell holds something else.
    """
    text = text_cell(row, column, where)
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise RequestError(f"{where}: column '{column}' is '{text}', expected a finite number")
    return value


def _seed(row: Mapping[str, str], where: str) -> int:
    text = text_cell(row, "seed", where)
    try:
        return int(text)
    except ValueError:
        raise RequestError(f"{where}: column 'seed' is '{text}', expected a whole number") from None
