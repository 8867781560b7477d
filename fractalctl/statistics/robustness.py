"""Does the conclusion depend on how steerability is defined? The four definitions side by side."""

from collections.abc import Sequence
from itertools import combinations

import msgspec
import numpy as np

from fractalctl.documents.pooled import Definition, RankAgreement, Robustness
from fractalctl.documents.statistics import Comparison
from fractalctl.statistics.corpora import Corpus, by_corpus
from fractalctl.statistics.correlations import spearman
from fractalctl.statistics.observations import Measured
from fractalctl.statistics.paired import sign_test

DEFINITIONS = ("S", "S_auc", "S_mono", "S_gap")
"""Steerability and the alternatives of the paper's Appendix I."""

IDENTICAL = (
    "S_gap is S with its terms in another order, (L0@1 - L1@1) - (L0@J - L1@J): it agrees by algebra "
    "and confirms nothing"
)


def robustness(rows: Sequence[Comparison], measured: Measured, corpora: Sequence[Corpus]) -> Robustness:
    """Compare a and b on each corpus under each definition of steerability.

    Gives the mean differences, their sign tests, and how the definitions agree in ranking the corpora.
    The unit of replication is the corpus (paper, Table 10). Definitions that were not measured are
    listed as missing.

    Args:
        rows: comparisons of one pair, at least one.
        measured: what they were made of.
        corpora: their units.
    """
    arms = {row.place: [measured[row.place][arm] for arm in (row.a, row.b)] for row in rows}
    there = [
        name
        for name in DEFINITIONS
        if all(name in one.metrics for both in arms.values() for seeds in both for one in seeds.values())
    ]
    groups = by_corpus(corpora, rows, lambda row: row.place)

    def gap(row: Comparison, name: str) -> float:
        first, second = (
            np.mean([seeds[seed].metrics[name] for seed in row.seeds]) for seeds in arms[row.place]
        )
        return float(first - second)

    gaps = {
        name: [round(float(np.mean([gap(row, name) for row in members])), 12) for _, members in groups]
        for name in there
    }
    return Robustness(
        n=len(groups),
        a=rows[0].a,
        b=rows[0].b,
        units=[corpus.unit(row.place for row in members) for corpus, members in groups],
        definitions=[
            Definition(metric=name, differences=column, sign_test=sign_test(column))
            for name, column in gaps.items()
        ],
        rank_agreement=[
            RankAgreement(**msgspec.structs.asdict(spearman(gaps[x], gaps[y])), x=x, y=y)
            for x, y in combinations(there, 2)
        ],
        missing=[name for name in DEFINITIONS if name not in there],
        note=IDENTICAL if "S_gap" in there else None,
    )
