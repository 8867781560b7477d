"""Tables of what predicts steerability: correlations, leave-one-out, the parabola."""

from collections.abc import Iterable

from fractalctl.statistics.section.formatting import MISSING, interval, number, p_value, percent
from fractalctl.statistics.section.writing import Document, Table

PREDICTOR_NAMES = {
    "depth": "H(L1|L0)",
    "learnability": "baseline fine accuracy",
    "product": "H(L1|L0) x baseline fine accuracy",
}
"""How tables call the predictors."""


FEWEST = 3
"""Units without which no correlation exists."""


def scaling_tables(document: Document) -> Iterable[Table]:
    """Correlations with each predictor, and the leave-one-out table of the depth (paper, Table 12)."""
    scaling = document.get("scaling")
    if scaling and scaling["n"] >= FEWEST:
        yield _predictor_table(scaling)
        yield _leave_one_out_table(scaling)


def _predictor_table(scaling: Document) -> Table:
    columns = ["predictor", "rho", "p", "exact p", "r", "p of r", "tau", "p of tau", "rho > 0"]
    cells = []
    for key, name in PREDICTOR_NAMES.items():
        found = scaling["predictors"][key]
        rho, r, tau = found["spearman"], found["pearson"], found["kendall"]
        cells.append([
            name, number(rho["coefficient"]), p_value(rho["p"]), p_value(rho["p_exact"]),
            number(r["coefficient"]), p_value(r["p"]), number(tau["coefficient"]), p_value(tau["p"]),
            percent(found["bootstrap"]["share_positive"]),
        ])  # fmt: skip
    title = (
        f"What predicts the mean {scaling['metric']} of {scaling['strategy']}, n = {scaling['n']}, unit: "
        f"{scaling['unit']} (Spearman's rho, Pearson's r, Kendall's tau, bootstrap samples with rho > 0)"
    )
    return Table(title, columns, cells, columns[:6])


def _leave_one_out_table(scaling: Document) -> Table:
    depth = scaling["predictors"]["depth"]
    distances = depth["cooks_distance"] or {}
    columns = ["dropped", "k", "Spearman's rho", "p", "exact p", "Pearson's r", "p of r", "Cook's distance"]
    cells = [
        [
            row["dropped"] or "none", str(row["k"]), number(row["spearman"]["coefficient"]),
            p_value(row["spearman"]["p"]), p_value(row["spearman"]["p_exact"]),
            number(row["pearson"]["coefficient"]), p_value(row["pearson"]["p"]),
            number(distances.get(row["dropped"])),
        ]
        for row in depth["leave_one_out"]
    ]  # fmt: skip
    brief = ["dropped", "k", "Spearman's rho", "p", "Pearson's r", "p of r"]
    return Table(f"Leave-one-out: mean {scaling['metric']} against H(L1|L0)", columns, cells, brief)


def quadratic_table(document: Document) -> Iterable[Table]:
    """Parabolas over H(L0)."""
    found = document.get("quadratic")
    if found:
        yield Table(
            f"Parabola over H(L0), {found['n']} coarse partitions",
            ["strategy", "R²", "vertex, bits", "95 % CI", "height", "it is a", "within the data"],
            [
                [
                    name,
                    number(fit["r2"], 3),
                    number(fit["vertex"]),
                    interval(fit["vertex_ci"]),
                    number(fit["height"], 3),
                    fit["kind"] or MISSING,
                    {True: "yes", False: "no", None: MISSING}[fit["inside"]],
                ]
                for name, fit in found["fits"].items()
            ],
        )
