"""The figures that the paper prints beside those that its own table of seeds gives (its Table 11)."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from fractalctl.documents import to_json
from fractalctl.documents.estimates import Quadratic
from fractalctl.documents.statistics import PrintedFigure, Statistics
from fractalctl.paper.judging import table

PAIR = ("v5", "mrl")

TABLE_12 = (
    ("Spearman's rho", "spearman", "coefficient"),
    ("p of rho", "spearman", "p"),
    ("Pearson's r", "pearson", "coefficient"),
    ("p of r", "pearson", "p"),
)
"""Columns of the paper's Table 12: what to call them, and where they stand in a row."""


def _paper() -> dict[str, Any]:
    return table("table_11.toml")


def annotate(document: Statistics) -> Statistics:
    """Statistics with the paper's figures in ``published``, and a remark on the paper's own curve."""
    curves = document.quadratic
    if curves is not None:
        fits = {
            name: msgspec.structs.replace(fit, remark=_curve_remark(fit)) for name, fit in curves.fits.items()
        }
        curves = msgspec.structs.replace(curves, fits=fits)
    return msgspec.structs.replace(document, published=beside(document), quadratic=curves)


def is_papers_table(document: Statistics) -> bool:
    """Whether the comparisons are of the paper's own measurements: all means of v5 round to its Table 3."""
    rows = [row for row in document.comparisons if row.metric == "S"]
    means = {row.corpus: row.mean_a for row in rows if (row.a, row.b) == PAIR}
    printed = _paper()["means"]
    if len(document.comparisons) != len(printed) or set(means) != set(printed):
        return False
    return all(abs(means[corpus] - mean) <= 0.0005 for corpus, mean in printed.items())


def beside(document: Statistics) -> list[PrintedFigure]:
    """Every printed figure whose block is in the document; empty unless `is_papers_table`."""
    if not is_papers_table(document):
        return []
    values = to_json(document)
    figures = []
    for name, path, printed in _printed(values):
        if (computed := _at(values, path)) is not None:
            agrees = _agrees(computed, printed)
            remark = None if agrees else _remark(path)
            figures.append(
                PrintedFigure(
                    name=name, path=path, printed=printed, computed=computed, agrees=agrees, remark=remark
                )
            )
    return figures


def _curve_remark(fit: Quadratic) -> str | None:
    """What to say of the paper's own curve (its Table 5), recognised by its fit; None for any other."""
    paper = _paper()["quadratic"]
    known = all(_agrees(getattr(fit, name) or 0.0, paper[name]) for name in ("r2", "vertex"))
    return str(paper["remark"]) if known else None


def _printed(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Name, path and text of each printed figure; members of lists by their position in the document."""
    paper = _paper()
    for position, row in enumerate(document["comparisons"]):
        for key, printed in paper["comparisons"][row["corpus"]].items():
            if key != "p_adjusted" or row["correction"] == "holm":
                yield f"{row['corpus']}, {paper['key_names'][key]}", f"comparisons.{position}.{key}", printed
    rows = _at(document, "scaling.predictors.depth.leave_one_out") or []
    for position, row in enumerate(rows):
        dropped = row["dropped"] or "none"
        path = f"scaling.predictors.depth.leave_one_out.{position}"
        for (name, test, key), printed in zip(TABLE_12, paper["leave_one_out"][dropped], strict=True):
            yield f"Table 12, {row['dropped'] or 'nothing'} dropped, {name}", f"{path}.{test}.{key}", printed
    for path, (name, printed) in paper["figures"].items():
        yield name, path, printed


def _at(document: Any, path: str) -> Any:
    for key in path.split("."):
        if document is None:
            return None
        document = document[int(key)] if isinstance(document, list | tuple) else document.get(key)
    return document


def _agrees(computed: float, printed: str) -> bool:
    decimals = len(printed.partition(".")[2])
    return bool(abs(computed - float(printed)) <= 0.5 * 10.0**-decimals + 1e-9)


def _remark(path: str) -> str | None:
    parts = path.replace("leave_one_out.", "").split(".")
    plain = ".".join(part for part in parts if not part.isdigit())
    return next((remark for start, remark in _paper()["remarks"].items() if plain.startswith(start)), None)
