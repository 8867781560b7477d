"""Tables of one's own runs beside the paper's, as Markdown."""

from collections.abc import Sequence
from typing import Any

from fractalctl.report.figures import in_order
from fractalctl.report.markdown import NOTHING, number, pair, probability, spread, table
from fractalctl.report.runs import Document, RunFiles, steerability_by_strategy
from fractalctl.statistics.comparisons import Comparison

Paper = dict[str, Any]
"""One part of ``paper.toml``, by corpus."""


def steerability_table(runs: RunFiles, protocol: str, paper: Paper | None) -> str:
    """S of v5 and mrl with the paired test over seeds (Table 3); the paper is left out where it is None."""
    comparisons = runs.v5_against_mrl(protocol)
    columns = ["corpus", "seeds", "v5 S", "mrl S", "paired d", f"p (Holm, m = {len(comparisons)})"]
    columns += ["paper v5 S", "paper mrl S", "paper d", "paper p (m = 8)"] if paper is not None else []
    rows = []
    for row in comparisons:
        ours = [
            row.unit.corpus,
            len(row.seeds),
            spread(row.values_a),
            spread(row.values_b),
            number(row.effects.cohens_d, ".2f"),
            probability(row.p_adjusted),
        ]
        rows.append(ours + _published_steerability(paper, row.unit.corpus))
    return table(columns, rows)


def _published_steerability(paper: Paper | None, corpus: str) -> list[str]:
    if paper is None:
        return []
    if (theirs := paper.get(corpus)) is None:
        return [NOTHING] * 4
    return [
        pair(theirs["v5"]),
        pair(theirs["mrl"]),
        f"{theirs['cohens_d']:.2f}",
        probability(theirs["p_adjusted"]),
    ]


def strategies_table(runs: RunFiles, protocol: str) -> str:
    """S of every strategy that was evaluated."""
    strategies = in_order(document["strategy"] for document in runs.evaluations[protocol])
    rows = []
    for (corpus, _), documents in runs.groups(protocol).items():
        values = steerability_by_strategy(documents)
        rows.append([corpus, *(spread(values[name]) if name in values else NOTHING for name in strategies)])
    return table(["corpus", *strategies], rows)


def accuracy_table(runs: RunFiles, protocol: str, paper: Paper | None) -> str:
    """k-NN accuracies of the coarsest and the finest level (Table 2)."""
    dims = runs.evaluations[protocol][0]["dims"]
    ends = (dims[0], dims[-1])
    arms = [(name, dimension) for name in ("v5", "mrl") for dimension in ends]
    columns = ["corpus", "level", "backbone", *(f"{name}@{dimension}" for name, dimension in arms)]
    columns += ["paper backbone", "paper v5@256", "paper mrl@256"] if paper is not None else []
    rows = []
    for (corpus, _), documents in runs.groups(protocol).items():
        levels = list(documents[0]["accuracy"][str(dims[0])])
        for level in (levels[0], levels[-1]):
            baseline = f"{100 * documents[0]['profile']['baseline'][level]:.1f}"
            means = [_mean_accuracy(documents, name, str(dimension), level) for name, dimension in arms]
            rows.append([corpus, level, baseline, *means, *_published_accuracy(paper, corpus, level)])
    return table(columns, rows, left=2)


def _mean_accuracy(documents: Sequence[Document], strategy: str, dimension: str, level: str) -> str:
    shares = [one["accuracy"][dimension][level] for one in documents if one["strategy"] == strategy]
    return f"{100 * sum(shares) / len(shares):.1f}" if shares else NOTHING


def _published_accuracy(paper: Paper | None, corpus: str, level: str) -> list[str]:
    if paper is None:
        return []
    shares = paper.get(corpus, {}).get(level)
    return [f"{100 * share:.1f}" for share in shares] if shares else [NOTHING] * 3


def ablation_table(comparisons: Sequence[Comparison], paper: Paper) -> str:
    """Each condition against v5 on fixed splits (Table 4)."""
    columns = ["corpus", "against", "v5 S", "its S", "paired t", "p (Holm)", "m", "paired d"]
    columns += ["paper v5 S", "paper its S", "paper t", "paper p", "paper d"]
    rows = []
    for row in comparisons:
        ours = [
            row.unit.corpus,
            row.b,
            spread(row.values_a),
            spread(row.values_b),
            number(row.test.t, ".1f"),
            probability(row.p_adjusted),
            row.family_size,
            number(row.effects.cohens_d, ".1f"),
        ]
        rows.append(ours + _published_ablation(paper.get(row.unit.corpus, {}), row.b))
    return table(columns, rows, left=2)


def _published_ablation(theirs: Paper, condition: str) -> list[str]:
    if (found := theirs.get(condition)) is None or condition == "v5":
        return [NOTHING] * 5
    published = [f"{found['t']:.1f}", found["p_adjusted"], f"{found['cohens_d']:.1f}"]
    return [pair(theirs["v5"]), pair(found["S"]), *published]


def sets_table(runs: RunFiles) -> str:
    """The feature sets that were evaluated, with their trees' entropies in bits (Table 1)."""
    sets = {
        (document["corpus"], document["backbone"]): document
        for documents in runs.evaluations.values()
        for document in documents
    }
    rows = []
    for (corpus, backbone), document in sets.items():
        profile = document["profile"]
        entropies = [f"{profile['h_l0']:.3f}", f"{profile['h_l1_given_l0']:.3f}"]
        identity = document["features_identity"][:12]
        rows.append([corpus, backbone, profile["classes"][0], profile["classes"][-1], *entropies, identity])
    columns = ["corpus", "backbone", "K0", "K finest", "H(L0)", "H(finest given L0)", "feature set"]
    return table(columns, rows, left=2)
