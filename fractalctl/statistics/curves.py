"""A curve of steerability over coarse entropy, such as the synthetic hierarchies of the paper's Table 5."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from fractalctl.errors import RequestError
from fractalctl.statistics.published import quadratic_remark
from fractalctl.statistics.reading import csv_rows, number_cell
from fractalctl.statistics.regressions import quadratic

X_COLUMN = "h_l0"
PROFILE_COLUMNS = frozenset({X_COLUMN, "k0", "k1", "h_l1_given_l0", "branch"})


def quadratic_block(path: Path) -> dict[str, Any]:
    """Fit a parabola to each strategy's column of a CSV table over its column ``h_l0`` (bits).

    Returns:
        The block ``quadratic`` of ``stats.json``: ``unit``, ``x``, and per strategy the fit of `quadratic`.

    Raises:
        RequestError: a column is missing, a cell is no number, or there are fewer than three coarse
            entropies.
    """
    rows = list(csv_rows(path))
    strategies = [name for name in rows[0][1] if name not in PROFILE_COLUMNS]
    if not strategies:
        raise RequestError(f"{path}: no column of a strategy beside {', '.join(rows[0][1])}")
    x = [number_cell(row, X_COLUMN, where) for where, row in rows]
    fits = {}
    for name in strategies:
        found = asdict(quadratic(x, [number_cell(row, name, where) for where, row in rows]))
        fits[name] = found | {"remark": quadratic_remark(found)}
    return {"unit": "coarse partition", "n": len(x), "x": X_COLUMN, "source": str(path), "fits": fits}
