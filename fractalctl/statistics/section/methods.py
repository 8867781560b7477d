"""The sentences that say what was done."""

from collections.abc import Iterable, Sequence

from fractalctl.statistics.section.formatting import listed
from fractalctl.statistics.section.writing import Document, pairs_of

CORRECTION_NAMES = {
    "holm": "Holm's step-down procedure (family-wise error rate)",
    "bonferroni": "Bonferroni's inequality (family-wise error rate)",
    "hochberg": "Hochberg's step-up procedure (family-wise error rate, independent or positively "
    "dependent tests)",
    "bh": "the Benjamini-Hochberg procedure (false discovery rate)",
    "by": "the Benjamini-Yekutieli procedure (false discovery rate, any dependence)",
}

PROTOCOL_NAMES = {
    "loo": " by leave-one-out k-NN among test rows",
    "index": " by k-NN of test rows among training rows",
}


def methods(document: Document) -> Iterable[str]:
    """What was done, in the order of the results."""
    rows = document["comparisons"]
    if rows:
        yield _design(document, rows) + " " + _tests(document, rows)
    if "queries" in document:
        yield (
            "Where per-query hits were kept, the difference was also bootstrapped over test queries "
            "(10,000 resamples, percentile interval, queries paired over arms and seeds) and each seed's "
            "heads were compared by McNemar's exact test; these speak of other queries for the same "
            "heads, not of other seeds."
        )
    if "meta" in document:
        yield (
            "Effects were pooled over corpora by DerSimonian-Laird random-effects meta-analysis of paired "
            "d with variance 1/n + d²/(2n), between-unit variance truncated at zero; the prediction "
            "interval has k - 2 degrees of freedom. Other estimators, Hartung-Knapp intervals and "
            "leave-one-out serve as sensitivity analyses."
        )
    if "scaling" in document:
        yield (
            "Predictors were correlated with the mean over seeds, one value per corpus; Spearman's p is "
            "given by the t approximation and exactly, over all orders. The power law was fitted by "
            "nonlinear least squares."
        )


def _design(document: Document, rows: Sequence[Document]) -> str:
    corpora = len({(row["corpus"], row["backbone"]) for row in rows})
    counts = sorted({row["n"] for row in rows})
    seeds = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    how = PROTOCOL_NAMES.get(document["protocol"] or "", "")
    return (
        f"{document['metric']} was measured{how} for {seeds} training seeds of each strategy on {corpora} "
        f"{'corpus' if corpora == 1 else 'corpora'}."
    )


def _tests(document: Document, rows: Sequence[Document]) -> str:
    pairs = listed([f"{a} with {b}" for a, b in pairs_of(rows)])
    text = (
        f"On each, two-sided paired t tests compared {pairs}; the unit of replication is the training seed. "
        "Effect sizes are paired Cohen's d (mean over standard deviation of the differences) and Hedges' g "
        "(exact correction), with 95 % intervals from the noncentral t distribution."
    )
    correction = document["correction"]
    if not correction:
        return f"{text} p values are not corrected for multiple testing."
    families = [f"{family['name']} (m = {family['m']})" for family in document["families"]]
    within = f"the {'family' if len(families) == 1 else 'families'} {listed(families)}"
    return f"{text} p values were adjusted by {CORRECTION_NAMES[correction]} within {within}."
