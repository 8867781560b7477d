"""Tables of single comparisons: tests over seeds, tests that assume less, and intervals over queries."""

from collections.abc import Iterable, Sequence

from fractalctl.statistics.section.formatting import MISSING, interval, number, p_value, signed, spread
from fractalctl.statistics.section.writing import Document, Table, names, pairs_of


def comparison_tables(document: Document) -> Iterable[Table]:
    """One table per pair of strategies (paper, Tables 3 and 4)."""
    rows = document["comparisons"]
    for a, b in pairs_of(rows):
        labelled = [
            (name, row) for name, row in zip(names(rows), rows, strict=True) if (row["a"], row["b"]) == (a, b)
        ]
        yield _comparison_table(document, a, b, labelled)


def _comparison_table(document: Document, a: str, b: str, labelled: Sequence[tuple[str, Document]]) -> Table:
    correction = document["correction"]
    p, p_key = (f"p ({correction})", "p_adjusted") if correction else ("p", "p")
    points = document.get("scaling", {}).get("points", [])
    depths = {(point["corpus"], point["backbone"]): point["depth"] for point in points}
    cells = [
        [
            name,
            number(depths.get((row["corpus"], row["backbone"]))),
            spread(row["mean_a"], row["sd_a"]),
            spread(row["mean_b"], row["sd_b"]),
            signed(row["difference"]),
            interval(row["difference_ci"], 3),
            p_value(row[p_key]),
            number(row["cohens_d"]),
            interval(row["cohens_d_ci"]),
            str(row["n"]),
        ]
        for name, row in labelled
    ]
    title = f"{document['metric']}: {a} against {b}, mean ± SD over seeds, paired by seed"
    columns = ["corpus", "H(L1|L0)", a, b, "gap", "95 % CI of gap", p, "d", "95 % CI of d", "seeds"]
    return Table(title, columns, cells, ["corpus", a, b, "gap", p, "d"]).without(
        [] if depths else ["H(L1|L0)"]
    )


def further_tests(document: Document) -> Iterable[Table]:
    """Each test over seeds in full, with the effect sizes that the first table leaves out."""
    rows = document["comparisons"]
    if not rows:
        return
    columns = ["comparison", "t", "df", "p", "permutation p", "Wilcoxon p", "smallest possible p"]
    columns += ["g", "d_av", "95 % CI of d_av"]
    cells = [
        [
            f"{name}: {row['a']} - {row['b']}",
            number(row["t"]),
            str(row["df"]),
            p_value(row["p"]),
            p_value(row["permutation"]["p"]),
            p_value(row["wilcoxon"]["p"]),
            p_value(row["permutation"]["minimum_p"]),
            number(row["hedges_g"]),
            number(row["d_av"]),
            interval(row["d_av_ci"]),
        ]
        for name, row in zip(names(rows), rows, strict=True)
    ]
    title = "Tests over seeds in full: paired t, uncorrected p, tests that assume less, further effect sizes"
    yield Table(title, columns, cells, ())


def equivalence_table(document: Document) -> Iterable[Table]:
    """Whether b, and the difference, is practically zero."""
    rows = document["comparisons"]
    if not rows or "equivalence" not in rows[0]:
        return
    margin = rows[0]["equivalence"]["b"]["margin"]
    cells = []
    for name, row in zip(names(rows), rows, strict=True):
        line = [f"{name}: {row['a']} - {row['b']}"]
        for which in ("b", "difference"):
            found = row["equivalence"][which]
            line += [signed(found["mean"]), interval(found["ci"], 3), p_value(found["p"])]
        cells.append(line)
    columns = [
        "comparison",
        "mean of b",
        "90 % CI",
        "p",
        "difference",
        "90 % CI of difference",
        "p of difference",
    ]
    title = f"Equivalence to zero within ±{margin} (two one-sided t tests over seeds)"
    yield Table(title, columns, cells, columns[:4])


def power_table(document: Document) -> Iterable[Table]:
    """What the seeds can show, and how many are needed."""
    rows = document["comparisons"]
    if not rows or "power" not in rows[0]:
        return
    cells = []
    for name, row in zip(names(rows), rows, strict=True):
        power = row["power"]
        needed = MISSING if power["seeds_needed"] is None else str(power["seeds_needed"])
        figures = number(power["d"]), number(power["power"]), needed, number(power["detectable_d"])
        cells.append([f"{name}: {row['a']} - {row['b']}", str(power["n"]), *figures])
    columns = ["comparison", "seeds", "d", "power at d", "seeds for power 0.8", "detectable d"]
    yield Table("Power of the paired t test at the observed effect", columns, cells)


def query_table(document: Document) -> Iterable[Table]:
    """The difference with its interval over queries, where hits are known."""
    rows = document.get("queries", {}).get("comparisons", [])
    cells = [
        [f"{name}: {row['a']} - {row['b']}", signed(found["mean"]), interval(found["ci"], 3), str(row["n"])]
        for name, row in zip(names(rows), rows, strict=True)
        if (found := row["bootstrap"])
    ]
    if cells:
        title = f"{document['metric']} of these heads over queries: difference, bootstrap over queries"
        yield Table(title, ["comparison", "difference", "95 % CI", "queries"], cells)
