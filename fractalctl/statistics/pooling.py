"""Pool the comparisons of one pair of arms over corpora, one effect per corpus."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from fractalctl.documents.pooled import CorpusEffect, Meta, Pooled, Regressions, SignsOverCorpora
from fractalctl.documents.statistics import Comparison, Place
from fractalctl.errors import RequestError
from fractalctl.statistics.corpora import Corpus, by_corpus
from fractalctl.statistics.meta import effect_variance, influence, pool
from fractalctl.statistics.meta_regression import meta_regression
from fractalctl.statistics.paired import sign_test
from fractalctl.statistics.scaling import PREDICTORS
from fractalctl.statistics.tau_squared import ESTIMATORS

MAIN_METHOD = "dersimonian-laird"
"""The paper's, and so the one whose figures stand at the top level of ``meta``."""

MODERATORS = ("depth", "product")

COMBINED = (
    "where several feature sets measure one corpus, its effect is their mean and its standard error the mean "
    "of theirs, as if their errors were one (r = 1; Borenstein et al., Introduction to Meta-Analysis, 2009)"
)

Effect = tuple[float, float]
"""An effect and its sampling variance."""


def sign_block(rows: Sequence[Comparison], corpora: Sequence[Corpus]) -> SignsOverCorpora:
    """The sign test of one pair over corpora; the sign of a corpus is that of its mean difference."""
    groups = by_corpus(corpora, rows, _place)
    means = [round(float(np.mean([row.difference for row in members])), 12) for _, members in groups]
    return SignsOverCorpora(**msgspec.structs.asdict(sign_test(means)), a=rows[0].a, b=rows[0].b)


def _place(row: Comparison) -> Place:
    return row.place


def meta_block(rows: Sequence[Comparison], corpora: Sequence[Corpus]) -> Meta:
    """Pool paired d over the corpora of one pair, with everything a reviewer may ask beside it.

    Top level: DerSimonian-Laird of d with variance 1/n + d^2/(2n). Beside it the other estimators, the
    same for Hedges' g and for the plain difference (variance sd^2/n), leave-one-out influence, and
    meta-regression on the depth and on the product predictor where profiles are known.

    Args:
        rows: of one pair.
        corpora: every corpus is one effect, whatever number of feature sets measures it: see `combine`.

    Raises:
        RequestError: no corpus has an effect size.

    Source: Borenstein, Hedges, Higgins and Rothstein, Introduction to Meta-Analysis, 2009, chapter 24.
    """
    poolable = [row for row in rows if _is_poolable(row)]
    groups = by_corpus(corpora, poolable, _place)
    if not groups:
        raise RequestError(
            "no corpus has an effect size to pool: each needs two seeds whose differences vary"
        )
    units = [corpus.unit(row.place for row in members) for corpus, members in groups]
    found = [combine([_d(row) for row in members]) for _, members in groups]
    effects, variances = ([effect[part] for effect in found] for part in (0, 1))
    return Meta(
        **msgspec.structs.asdict(pool(effects, variances, MAIN_METHOD)),
        a=rows[0].a,
        b=rows[0].b,
        effect="paired Cohen's d, variance 1/n + d^2/(2n)",
        combined=COMBINED if any(unit.averaged for unit in units) else None,
        effects=[
            CorpusEffect(**msgspec.structs.asdict(unit), effect=y, variance=v, se=math.sqrt(v))
            for unit, (y, v) in zip(units, found, strict=True)
        ],
        estimators={name: pool(effects, variances, name) for name in ESTIMATORS},
        hedges_g=_pooled([[_g(row) for row in members if row.hedges_g is not None] for _, members in groups]),
        difference=_pooled([[_difference(row) for row in members] for _, members in groups]),
        influence=influence(effects, variances, [unit.label for unit in units]) if len(units) > 1 else [],
        regression=_regressions(effects, variances, [corpus for corpus, _ in groups]),
        excluded=[row.label for row in rows if not _is_poolable(row)],
    )


def _is_poolable(row: Comparison) -> bool:
    return row.cohens_d is not None and bool(row.difference_sd)


def combine(effects: Sequence[Effect]) -> Effect:
    """One effect of a corpus that several feature sets measure: their mean, its error the mean of theirs.

    The sets share texts, classes and seeds, so their effects are no independent replications. How their
    errors correlate cannot be estimated from a few seeds; r = 1 is the cautious end: another backbone never
    makes a corpus count for more.

    >>> combine([(1.0, 0.04), (2.0, 0.16)])
    (1.5, 0.09)
    """
    values, errors = [effect for effect, _ in effects], [math.sqrt(variance) for _, variance in effects]
    return sum(values) / len(values), round(sum(errors) / len(errors), 15) ** 2


def _d(row: Comparison) -> Effect:
    d = row.cohens_d or 0.0
    return d, effect_variance(d, row.n)


def _difference(row: Comparison) -> Effect:
    return row.difference, (row.difference_sd or 0.0) ** 2 / row.n


def _g(row: Comparison) -> Effect:
    g = row.hedges_g or 0.0
    return g, effect_variance(g, row.n)


def _pooled(groups: Sequence[Sequence[Effect]]) -> Pooled | None:
    found = [combine(effects) for effects in groups if effects]
    return pool([y for y, _ in found], [v for _, v in found], MAIN_METHOD) if found else None


def _regressions(
    effects: Sequence[float], variances: Sequence[float], units: Sequence[Corpus]
) -> Regressions:
    """A meta-regression on each moderator by itself; eight corpora cannot carry both."""
    missing = [unit.label for unit in units if unit.profile is None]
    if missing:
        return Regressions(reason=f"no profile of {', '.join(missing)} (--profiles)")
    if len(units) < 3:
        return Regressions(reason="a regression on one moderator needs three corpora")
    profiles = [unit.profile for unit in units if unit.profile]
    columns = {name: [PREDICTORS[name](profile) for profile in profiles] for name in MODERATORS}
    varied = {name: column for name, column in columns.items() if len(set(column)) > 1}
    constant = [name for name in MODERATORS if name not in varied]
    return Regressions(
        **{name: meta_regression(effects, variances, {name: column}) for name, column in varied.items()},
        reason=f"{' and '.join(constant)} is the same on every corpus" if constant else None,
    )
