"""Tables of what is pooled over corpora: effects, their sensitivity, meta-regression, definitions."""

from collections.abc import Iterable

from fractalctl.statistics.section.formatting import interval, number, p_value, percent, signed
from fractalctl.statistics.section.scaling_tables import FEWEST, PREDICTOR_NAMES
from fractalctl.statistics.section.writing import Document, Table, names


def meta_tables(document: Document) -> Iterable[Table]:
    """The pooled effect by every estimator, without each corpus in turn, and what moderates it."""
    meta = document.get("meta")
    if meta:
        yield _pooled_table(meta, document["metric"])
        yield from _influence_table(meta)
        yield from _regression_table(meta["regression"])


def _pooled_table(meta: Document, metric: str) -> Table:
    pooled = [(f"d, {name}", found, 2) for name, found in meta["estimators"].items()]
    pooled += [("g, dersimonian-laird", meta["hedges_g"], 2)] if meta["hedges_g"] else []
    pooled += [(f"{metric}, dersimonian-laird", meta["difference"], 3)]
    columns = ["estimator", "pooled", "95 % CI", "z", "p", "Hartung-Knapp", "τ²", "I²", "prediction interval"]
    cells = [
        [
            name, number(found["pooled"], digits), interval(found["ci"], digits), number(found["z"]),
            p_value(found["p"]), interval(found["hartung_knapp"] and found["hartung_knapp"]["ci"], digits),
            number(found["tau2"], 2 if digits == 2 else 4), percent(found["i2"]),
            interval(found["prediction_interval"], digits),
        ]
        for name, found, digits in pooled
    ]  # fmt: skip
    title = f"Pooled effect of {meta['a']} against {meta['b']}, k = {meta['k']}, unit: {meta['unit']}"
    brief = ["estimator", "pooled", "95 % CI", "p", "I²", "prediction interval"]
    return Table(title, columns, cells, brief)


def _influence_table(meta: Document) -> Iterable[Table]:
    cells = [
        [
            unit["label"], percent(unit["weight"]), number(without["pooled"]), interval(without["ci"]),
            p_value(without["p"]), percent(without["i2"]), interval(without["prediction_interval"]),
            number(unit["residual"]), number(unit["cooks_distance"]),
        ]
        for unit in meta["influence"]
        for without in [unit["without"]]
    ]  # fmt: skip
    if cells:
        columns = ["dropped", "its weight", "pooled", "95 % CI", "p", "I²", "prediction interval",
                   "its residual", "Cook's distance"]  # fmt: skip
        brief = ["dropped", "its weight", "pooled", "95 % CI", "I²", "prediction interval"]
        yield Table("Leave-one-out: the pooled d without each corpus", columns, cells, brief)


def _regression_table(regressions: Document) -> Iterable[Table]:
    cells = [
        [
            PREDICTOR_NAMES[name], number(slope["estimate"]), interval(slope["ci"]), number(slope["z"]),
            p_value(slope["p"]), number(found["tau2"]), percent(found["r2"]),
        ]
        for name in PREDICTOR_NAMES
        if (found := regressions.get(name))
        for slope in found["coefficients"][1:]
    ]  # fmt: skip
    if cells:
        columns = ["moderator", "slope", "95 % CI", "z", "p", "residual τ²", "explained"]
        brief = ["moderator", "slope", "95 % CI", "p", "explained"]
        yield Table("Meta-regression of d on one moderator at a time (reml)", columns, cells, brief)


def robustness_tables(document: Document) -> Iterable[Table]:
    """Mean differences under each definition with their sign tests (paper, Table 10), and rank agreement."""
    found = document.get("robustness")
    if not found:
        return
    definitions = found["definitions"]
    rows = [
        [name, *(signed(definition["differences"][i]) for definition in definitions)]
        for i, name in enumerate(names(found["units"]))
    ]
    tests = [definition["sign_test"] for definition in definitions]
    rows.append([f"{found['a']} > {found['b']}", *(f"{test['wins']}/{test['n']}" for test in tests)])
    rows.append(["sign test p (one-sided)", *(p_value(test["p_one_sided"]) for test in tests)])
    columns = ["corpus", *(f"Δ {definition['metric']}" for definition in definitions)]
    yield Table(f"Definitions of steerability: mean {found['a']} - {found['b']}", columns, rows)
    if found["rank_agreement"] and found["n"] >= FEWEST:
        yield Table(
            "Agreement of the definitions in ranking the corpora",
            ["definitions", "Spearman rho", "p", "exact p"],
            [
                [
                    f"Δ {row['x']}, Δ {row['y']}",
                    number(row["coefficient"]),
                    p_value(row["p"]),
                    p_value(row["p_exact"]),
                ]
                for row in found["rank_agreement"]
            ],
        )
