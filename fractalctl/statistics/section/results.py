"""The sentences that say what came out, each made from the figures of the document."""

from collections.abc import Iterable

from fractalctl.statistics.section.formatting import interval, listed, number, p_phrase, percent, signed
from fractalctl.statistics.section.published_table import reasons
from fractalctl.statistics.section.scaling_tables import PREDICTOR_NAMES
from fractalctl.statistics.section.writing import Document, names, pairs_of


def results(document: Document) -> Iterable[str]:
    """What came out."""
    if document["sign_test"]:
        yield " ".join([_signs(document), *_significant(document)])
    if document["comparisons"] and "equivalence" in document["comparisons"][0]:
        yield _equivalences(document)
    if "meta" in document:
        yield from _pooled(document)
    if "scaling" in document:
        yield _scaling(document)
    if "quadratic" in document:
        yield from _parabolas(document)
    if "robustness" in document:
        yield from _definitions(document)


def _signs(document: Document) -> str:
    test = document["sign_test"]
    higher = f"{test['a']} had a higher mean {document['metric']} than {test['b']}"
    return (
        f"{higher} on {test['wins']} of {test['n']} corpora (exact sign test, "
        f"{p_phrase(test['p_one_sided'])} one-sided, {p_phrase(test['p_two_sided'])} two-sided)."
    )


def _significant(document: Document) -> Iterable[str]:
    key, after = ("p_adjusted", "After correction") if document["correction"] else ("p", "Without correction")
    labelled = list(zip(names(document["comparisons"]), document["comparisons"], strict=True))
    for a, b in pairs_of(document["comparisons"]):
        rows = [(name, row) for name, row in labelled if (row["a"], row["b"]) == (a, b)]
        each = [
            f"{name} ({signed(row['difference'])}, d = {number(row['cohens_d'])}, {p_phrase(row[key])})"
            for name, row in rows
            if _below(row[key], document["alpha"])
        ]
        text = f"{after} {a} differed from {b} at {document['alpha']} on {len(each)} of {len(rows)}"
        yield f"{text}: {listed(each)}." if each else f"{text}."


def _below(p: float | None, alpha: float) -> bool:
    return p is not None and p < alpha


def _equivalences(document: Document) -> str:
    rows = document["comparisons"]
    margin = rows[0]["equivalence"]["b"]["margin"]
    arms = listed(list(dict.fromkeys(row["b"] for row in rows)))
    found = [
        name for name, row in zip(names(rows), rows, strict=True) if row["equivalence"]["b"]["equivalent"]
    ]
    where = f" ({listed(found)})" if found else ""
    return (
        f"The mean {document['metric']} of {arms} was equivalent to zero within ±{margin} (two one-sided "
        f"t tests at {document['alpha']}) in {len(found)} of {len(rows)} comparisons{where}."
    )


def _pooled(document: Document) -> Iterable[str]:
    meta = document["meta"]
    knapp = meta["hartung_knapp"]
    text = (
        f"The pooled d was {number(meta['pooled'])} (95 % CI {interval(meta['ci'])}, z = "
        f"{number(meta['z'])}, {p_phrase(meta['p'])}; k = {meta['k']}), with I² = {percent(meta['i2'])} "
        f"(Q({meta['q_df']}) = {number(meta['q'])}, {p_phrase(meta['q_p'])}; τ² = {number(meta['tau2'])})."
    )
    if knapp:
        text += f" The Hartung-Knapp interval is {interval(knapp['ci'])} ({p_phrase(knapp['p'])})."
    if meta["prediction_interval"]:
        text += f" The 95 % prediction interval for a new corpus is {interval(meta['prediction_interval'])}."
    difference = meta["difference"]
    text += (
        f" In the unit of {document['metric']} the pooled difference was {signed(difference['pooled'])} "
        f"(95 % CI {interval(difference['ci'], 3)})."
    )
    yield text
    if meta["influence"]:
        without = [(unit["without"]["pooled"], unit["label"]) for unit in meta["influence"]]
        (low, lowest), (high, highest) = min(without), max(without)
        yield (
            f"Leaving out one corpus at a time moves the pooled d between {number(low)} (without "
            f"{lowest}) and {number(high)} (without {highest})."
        )


def _scaling(document: Document) -> str:
    scaling = document["scaling"]
    parts = []
    for key, name in PREDICTOR_NAMES.items():
        rho, r = scaling["predictors"][key]["spearman"], scaling["predictors"][key]["pearson"]
        if rho["coefficient"] is not None:
            exact = f", exact {p_phrase(rho['p_exact'])}" if rho["p_exact"] is not None else ""
            parts.append(
                f"{name}: Spearman rho = {number(rho['coefficient'])} ({p_phrase(rho['p'])}{exact}), "
                f"Pearson r = {number(r['coefficient'])} ({p_phrase(r['p'])})"
            )
    text = f"The mean {scaling['metric']} of {scaling['strategy']} over {scaling['n']} corpora against "
    text += "; ".join(parts) + "." if parts else "its predictors: too few corpora for a correlation."
    law = scaling["power_law"]
    if law["a"] is None:
        return text
    return text + (
        f" The power law c H(L1|L0)^a A^b, A the baseline's fine accuracy, has a = {number(law['a'], 1)} ± "
        f"{number(law['a_se'], 1)} and b = {number(law['b'], 1)} ± {number(law['b_se'], 1)} (± standard "
        f"error; R² = {number(law['r2'], 3)})."
    )


def _parabolas(document: Document) -> Iterable[str]:
    for name, fit in document["quadratic"]["fits"].items():
        text = f"Over H(L0) the parabola of {name} (R² = {number(fit['r2'], 3)}) "
        if not fit["inside"]:
            yield text + "has no vertex within the data."
            continue
        error = f" ± {number(fit['vertex_se'])}" if fit["vertex_se"] is not None else ""
        yield text + f"has its {fit['kind']} at {number(fit['vertex'])}{error} bits."


def _definitions(document: Document) -> Iterable[str]:
    found = document["robustness"]
    each = [
        f"{definition['metric']} {test['wins']}/{test['n']} ({p_phrase(test['p_one_sided'])})"
        for definition in found["definitions"]
        for test in [definition["sign_test"]]
    ]
    arms = f"{found['a']} exceeds {found['b']}"
    yield f"Corpora on which {arms}, by definition (one-sided sign test): {listed(each)}."
    if found["missing"]:
        yield f"Not measured: {listed(found['missing'])}."


def notes(document: Document) -> Iterable[str]:
    """What to keep in mind, and where the paper disagrees with its own measurements."""
    yield from document.get("notes", [])
    note = document.get("robustness", {}).get("note")
    if note:
        yield note
    for name, fit in document.get("quadratic", {}).get("fits", {}).items():
        if fit["remark"]:
            yield f"parabola of {name}: {fit['remark']}"
    figures = document.get("published", [])
    if figures:
        agreeing = sum(figure["agrees"] for figure in figures)
        yield (
            f"these are the paper's own measurements: {agreeing} of {len(figures)} printed figures follow "
            "from them to the last digit"
        )
    for reason, letter in reasons(document).items():
        yield f"{letter} {reason}"
