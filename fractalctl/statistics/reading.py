"""Read measurements from evaluation files, from folders of them, and from tables.

Messages name file, row and column: RequestError where a request or a table is wrong, FractalError where an
evaluation is damaged.
"""

import csv
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fractalctl.corpora.tabular import undecodable_line
from fractalctl.documents import read_document
from fractalctl.documents.evaluation import Evaluation
from fractalctl.documents.measured import Conditions, Profile
from fractalctl.errors import RequestError
from fractalctl.measures.steerability import MEASURES
from fractalctl.numbers import read_decimal, read_whole
from fractalctl.statistics.observations import CorpusProfile, Observation, arranged
from fractalctl.statistics.side_by_side import flat_accuracy, frontier_measures, untrained
from store.files import why_no_file

CONDITIONS = (
    *("k", "metric", "renormalised", "rows_seed", "max_test"),
    *("n_queries", "n_reference", "dropped_duplicates"),
)
"""Fields of an evaluation that must be equal for two of them to be compared."""

CORPUS_COLUMNS = ("dataset", "corpus")
ARM_COLUMNS = ("arm", "strategy")
RANGES = {
    "steerability": (-2, 2),
    **dict.fromkeys(MEASURES, (-2, 2)),
    "baseline_l1": (0, 1),
    "h_l0": (0, math.inf),
    "h_l1_given_l0": (0, math.inf),
}
"""What numbers of some columns can be."""


def read_observations(sources: Iterable[Path | str]) -> list[Observation]:
    """Read measurements in the order in which they come.

    Args:
        sources: evaluation files (``.json``), folders (searched for ``evaluation-*.json``), and tables
            (``.csv``) with the columns dataset (or corpus), strategy (or arm), seed, steerability, and
            optionally backbone, protocol, and any further measure.

    Raises:
        RequestError: a path is missing or of no such kind, a column or value is wrong, or a seed appears
            twice.
        FractalError: a file is damaged.
    """
    observations = [one for source in sources for one in _read(Path(source))]
    for protocol in {one.protocol for one in observations}:
        arranged(one for one in observations if one.protocol == protocol)
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
    """Read one evaluation file."""
    return observation(read_document(path, Evaluation), str(path))


def observation(evaluation: Evaluation, source: str = "") -> Observation:
    """What statistics need of an evaluation; messages call it by its source."""
    return Observation(
        arm=evaluation.arm,
        seed=evaluation.seed,
        metrics=evaluation.steerability.values() | frontier_measures(evaluation),
        strategy=evaluation.strategy,
        trained_on=evaluation.trained_on,
        training={"method": evaluation.method, "trunk": evaluation.trunk, **evaluation.shared_settings},
        truncated=_truncated(evaluation.profile, evaluation.dims),
        untrained=untrained(evaluation),
        flat=flat_accuracy(evaluation),
        dims=tuple(evaluation.dims),
        hits=evaluation.hits,
        source=source,
        **where_measured(evaluation),
    )


def where_measured(document: Conditions) -> dict[str, Any]:
    """The part of an observation that says where and how it was measured, of any file of measurements."""
    profile = document.profile
    return {
        "corpus": document.corpus,
        "backbone": document.backbone,
        "protocol": protocol_of(document),
        "features": document.features,
        "conditions": {name: getattr(document, name) for name in CONDITIONS},
        "labels": f"{profile.classes} {[round(bits, 9) for bits in profile.entropies]}",
        "profile": CorpusProfile(profile.h_l1_given_l0, profile.baseline[f"L{len(profile.classes) - 1}"]),
        "levels": len(profile.classes),
        "titles": tuple(profile.titles),
    }


def protocol_of(document: Conditions) -> str:
    """The protocol as files name it: ``loo``, ``index``, ``loo-2000``, ``index-k=10``."""
    from fractalctl.measures.protocols import Protocol

    return Protocol.of(document).slug


def _truncated(profile: Profile, dims: list[int]) -> dict[str, float]:
    """Every measure of the backbone's own features, cut to the lengths of a head."""
    rows = [profile.truncated.get(str(length), {}) for length in dims]
    if not all(rows):
        return {}
    table = np.array([list(row.values()) for row in rows])
    return {name: float(measure(table)) for name, measure in MEASURES.items()}


def read_table(path: Path) -> list[Observation]:
    """Read per-seed steerability from a CSV table with a header."""
    rows = list(csv_rows(path))
    columns = rows[0][1].keys()
    corpus = next((name for name in CORPUS_COLUMNS if name in columns), "dataset")
    arm = next((name for name in ARM_COLUMNS if name in columns), "strategy")
    if missing := [name for name in (corpus, arm, "seed", "steerability") if name not in columns]:
        wanted = ", ".join(missing)
        raise RequestError(
            f"{path}: no column {wanted} (there is: {', '.join(columns)}); a table of seeds has dataset, "
            "strategy, seed, steerability, and a curve over H(L0) is given with --quadratic"
        )
    further = [name for name in columns if name in MEASURES and name != "S"]
    return [
        Observation(
            corpus=text_cell(row, corpus, where),
            arm=text_cell(row, arm, where),
            strategy=row.get("strategy", ""),
            seed=_seed(row, where),
            metrics={"S": number_cell(row, "steerability", where)}
            | {name: number_cell(row, name, where) for name in further},
            backbone=row.get("backbone", ""),
            protocol=row.get("protocol", ""),
            source=where,
        )
        for where, row in rows
    ]


def read_profiles(path: Path) -> dict[tuple[str, str], CorpusProfile]:
    """Read corpus profiles by (corpus, backbone) from a CSV table; the backbone is "" without such a column.

    Its columns: dataset (or corpus), h_l1_given_l0, baseline_l1, and optionally backbone.
    """
    profiles: dict[tuple[str, str], CorpusProfile] = {}
    for where, row in csv_rows(path):
        corpus = next((name for name in CORPUS_COLUMNS if name in row), "dataset")
        key = text_cell(row, corpus, where), row.get("backbone", "")
        if key in profiles:
            raise RequestError(f"{where}: a second profile of {key[0]}")
        cells = (number_cell(row, column, where) for column in ("h_l1_given_l0", "baseline_l1"))
        profiles[key] = CorpusProfile(*cells)
    return profiles


def csv_rows(path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Rows of a CSV table with a header: where each stands, and its cells by column, blanks stripped."""
    if not path.is_file():
        raise RequestError(f"{path}: {why_no_file(path)}")
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            lines = [(reader.line_num, line) for line in reader if any(cell.strip() for cell in line)]
    except UnicodeDecodeError as error:
        wrong = undecodable_line(path, "utf-8")
        raise RequestError(f"{path}, line {wrong}: not a CSV table in UTF-8 ({error.reason})") from error
    except csv.Error as error:
        raise RequestError(f"{path}, line {reader.line_num}: not a CSV table in UTF-8 ({error})") from error
    if len(lines) < 2:
        raise RequestError(f"{path}: expected a header and at least one row, found {len(lines)} lines")
    header = [name.strip() for name in lines[0][1]]
    if repeated := sorted({name for name in header if header.count(name) > 1}):
        raise RequestError(f"{path}: the header names the column '{repeated[0]}' twice")
    for number, line in lines[1:]:
        where = f"{path}, line {number}"
        if len(line) != len(header):
            raise RequestError(
                f"{where}: expected {len(header)} cells ({', '.join(header)}), found {len(line)}"
            )
        yield where, {name: cell.strip() for name, cell in zip(header, line, strict=True)}


def text_cell(row: Mapping[str, str], column: str, where: str) -> str:
    """A cell that must hold text."""
    if column not in row:
        raise RequestError(f"{where}: no column '{column}' (there is: {', '.join(row)})")
    if not row[column]:
        raise RequestError(f"{where}: column '{column}' is empty")
    return row[column]


def number_cell(row: Mapping[str, str], column: str, where: str) -> float:
    """A cell that must hold a finite number."""
    text = text_cell(row, column, where)
    try:
        value = read_decimal(text)
    except ValueError:
        raise RequestError(f"{where}: column '{column}' is '{text}', expected a finite number") from None
    low, high = RANGES.get(column, (-math.inf, math.inf))
    if not low <= value <= high:
        raise RequestError(
            f"{where}: column '{column}' is {text}, expected {low:g} to {high:g}: accuracies are fractions, "
            "not percent"
        )
    return value


def _seed(row: Mapping[str, str], where: str) -> int:
    text = text_cell(row, "seed", where)
    try:
        return read_whole(text)
    except ValueError:
        raise RequestError(f"{where}: column 'seed' is '{text}', expected a whole number") from None
