"""What corpora say together: effects pooled, what predicts them, and whether the definition of S matters."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any

import msgspec
import numpy as np

from fractalctl.documents import pooled
from fractalctl.documents.statistics import Comparison
from fractalctl.errors import RequestError
from fractalctl.statistics import correlations
from fractalctl.statistics.curves import cooks_distances, power_law
from fractalctl.statistics.meta import ESTIMATORS, effect_variance, influence, meta_regression, pool
from fractalctl.statistics.observations import Corpus, CorpusProfile, Measured, by_corpus
from fractalctl.statistics.paired import is_constant, sign_test

PREDICTORS: dict[str, Callable[[CorpusProfile], Any]] = {
    "depth": lambda profile: profile.depth,
    "baseline_accuracy": lambda profile: profile.baseline_accuracy,
    "product": lambda profile: profile.depth * profile.baseline_accuracy,
}
"""H(L1|L0), the baseline's fine accuracy, and the paper's product of both (section 6.1)."""
DEFINITIONS = ("S", "S_auc", "S_mono", "S_gap")  # Steerability and the alternatives of the paper's Appendix I
IDENTICAL = (
    "S_gap is S with its terms in another order, (L0@1 - L1@1) - (L0@J - L1@J): it agrees by algebra "
    "and confirms nothing"
)
MAIN_METHOD = "dersimonian-laird"
"""The paper's, and so the one whose figures stand at the top level of ``meta``."""
MODERATORS = ("depth", "product")
COMBINED = (
    "where several feature sets measure one corpus, its effect is their mean and its standard error the mean "
    "of theirs, as if their errors were one (r = 1; Borenstein et al., Introduction to Meta-Analysis, 2009)"
)
Effect = tuple[float, float]  # an effect and its sampling variance


def scaling(measured: Measured, arm: str, metric: str, corpora: Sequence[Corpus]) -> pooled.Scaling:
    """Correlate an arm's metric with each predictor, drop each corpus in turn, bootstrap, fit the power law.

    The unit of replication is the corpus: seeds are averaged first, then the feature sets that measure it.
    RequestError where a corpus has no profile, or the arm was not measured, or on foreign sets alone.
    """
    points = _points(measured, arm, metric, corpora)
    values, labels = [point.mean for point in points], [point.label for point in points]
    columns = {name: [getattr(point, name) for point in points] for name in PREDICTORS}
    depth, accuracy = columns["depth"], columns["baseline_accuracy"]
    return pooled.Scaling(
        arm=arm,
        metric=metric,
        n=len(points),
        points=points,
        predictors={name: _predictor(column, values, labels) for name, column in columns.items()},
        power_law=power_law(depth, accuracy, values),
        power_law_logarithmic=power_law(depth, accuracy, values, "logarithmic"),
        reason=correlations.FEW if len(points) < 3 else None,
    )


def _points(
    measured: Measured, arm: str, metric: str, corpora: Sequence[Corpus]
) -> list[pooled.ScalingPoint]:
    means = {
        place: float(np.mean([one.metrics[metric] for one in arms[arm].values()]))
        for place, arms in measured.items()
        if arm in arms
    }
    if not means:
        raise RequestError(f"arm '{arm}' was not measured, so there is nothing to scale")
    groups = by_corpus(corpora, means, lambda place: place)
    if not groups:
        raise RequestError(
            f"arm '{arm}' was not measured on the set that it was trained on, so there is nothing to scale"
        )
    profiles = {corpus.label: corpus.profile(places) for corpus, places in groups}
    if missing := [label for label, profile in profiles.items() if profile is None]:
        raise RequestError(
            f"scaling needs the entropies and baseline accuracy of {', '.join(missing)}: give them with "
            "--profiles FILE.csv (dataset, h_l1_given_l0, baseline_l1)"
        )
    return [
        pooled.ScalingPoint(
            **msgspec.structs.asdict(corpus.unit(places)),
            mean=float(np.mean([means[place] for place in places])),
            **{name: of(profile) for name, of in PREDICTORS.items()},
        )
        for corpus, places in groups
        if (profile := profiles[corpus.label])
    ]


def _predictor(column: Sequence[float], values: Sequence[float], labels: Sequence[str]) -> pooled.Predictor:
    distances = cooks_distances(column, values)
    return pooled.Predictor(
        spearman=correlations.spearman(column, values),
        pearson=correlations.pearson(column, values),
        kendall=correlations.kendall(column, values),
        bootstrap=correlations.spearman_bootstrap(column, values),
        leave_one_out=correlations.leave_one_out(column, values, labels),
        cooks_distance=None if distances is None else dict(zip(labels, distances, strict=True)),
    )


def robustness(
    rows: Sequence[Comparison], measured: Measured, corpora: Sequence[Corpus]
) -> pooled.Robustness:
    """Compare a and b on each corpus under each definition of steerability (paper, Table 10).

    Gives the mean differences, their sign tests, and how the definitions agree in ranking the corpora, which
    are the units of replication. Definitions that were not measured are listed as missing.
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
    return pooled.Robustness(
        n=len(groups),
        a=rows[0].a,
        b=rows[0].b,
        units=[corpus.unit(row.place for row in members) for corpus, members in groups],
        definitions=[
            pooled.Definition(metric=name, differences=column, sign_test=sign_test(column))
            for name, column in gaps.items()
        ],
        rank_agreement=[
            pooled.RankAgreement(**msgspec.structs.asdict(correlations.spearman(gaps[x], gaps[y])), x=x, y=y)
            for x, y in combinations(there, 2)
        ],
        missing=[name for name in DEFINITIONS if name not in there],
        note=IDENTICAL if "S_gap" in there else None,
    )


def sign_block(rows: Sequence[Comparison], corpora: Sequence[Corpus]) -> pooled.SignsOverCorpora:
    """The sign test of one pair over corpora; the sign of a corpus is that of its mean difference."""
    groups = by_corpus(corpora, rows, lambda row: row.place)
    means = [round(float(np.mean([row.difference for row in members])), 12) for _, members in groups]
    return pooled.SignsOverCorpora(**msgspec.structs.asdict(sign_test(means)), a=rows[0].a, b=rows[0].b)


def meta_block(rows: Sequence[Comparison], corpora: Sequence[Corpus]) -> pooled.Meta:
    """Pool paired d over the corpora of one pair, with everything a reviewer may ask beside it.

    Top level: DerSimonian-Laird of d with variance 1/n + d^2/(2n). Beside it the other estimators, the same
    for Hedges' g and for the plain difference (variance sd^2/n), leave-one-out influence, and meta-regression
    on the depth and on the product predictor where profiles are known. Every corpus is one effect, whatever
    number of feature sets measures it: see `combine`. RequestError where none has one.

    Source: Borenstein, Hedges, Higgins and Rothstein, Introduction to Meta-Analysis, 2009, chapter 24.
    """
    poolable = [row for row in rows if _is_poolable(row)]
    groups = by_corpus(corpora, poolable, lambda row: row.place)
    if not groups:
        raise RequestError(
            "no corpus has an effect size to pool: each needs two seeds whose differences vary"
        )
    units = [corpus.unit(row.place for row in members) for corpus, members in groups]
    found = [combine(_effects(members, "cohens_d")) for _, members in groups]
    effects, variances = ([effect[part] for effect in found] for part in (0, 1))
    estimators = {name: pool(effects, variances, name) for name in ESTIMATORS}
    return pooled.Meta(
        **msgspec.structs.asdict(estimators[MAIN_METHOD]),
        a=rows[0].a,
        b=rows[0].b,
        effect="paired Cohen's d, variance 1/n + d^2/(2n)",
        combined=COMBINED if any(unit.averaged for unit in units) else None,
        effects=[
            pooled.CorpusEffect(**msgspec.structs.asdict(unit), effect=y, variance=v, se=math.sqrt(v))
            for unit, (y, v) in zip(units, found, strict=True)
        ],
        estimators=estimators,
        hedges_g=_pooled([_effects(members, "hedges_g") for _, members in groups]),
        difference=_pooled(
            [
                [(row.difference, row.difference_sd**2 / row.n) for row in members if row.difference_sd]
                for _, members in groups
            ]
        ),
        influence=influence(effects, variances, [unit.label for unit in units]) if len(units) > 1 else [],
        regression=_regressions(
            effects,
            variances,
            {corpus.label: corpus.profile(row.place for row in members) for corpus, members in groups},
        ),
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


def _effects(rows: Iterable[Comparison], size: str) -> list[Effect]:
    """Effect sizes of a kind, where they exist."""
    sizes = [(getattr(row, size), row.n) for row in rows]
    return [(effect, effect_variance(effect, n)) for effect, n in sizes if effect is not None]


def _pooled(groups: Sequence[Sequence[Effect]]) -> pooled.Pooled | None:
    found = [combine(effects) for effects in groups if effects]
    return pool([y for y, _ in found], [v for _, v in found], MAIN_METHOD) if found else None


def _regressions(
    effects: Sequence[float], variances: Sequence[float], units: Mapping[str, CorpusProfile | None]
) -> pooled.Regressions:
    """A meta-regression on each moderator by itself; eight corpora cannot carry both."""
    missing = [label for label, profile in units.items() if profile is None]
    if missing:
        return pooled.Regressions(reason=f"no profile of {', '.join(missing)} (--profiles)")
    if len(units) < 3:
        return pooled.Regressions(reason="a regression on one moderator needs three corpora")
    profiles = [profile for profile in units.values() if profile]
    columns = {name: [PREDICTORS[name](profile) for profile in profiles] for name in MODERATORS}
    varied = {name: column for name, column in columns.items() if not is_constant(np.array(column))}
    constant = [name for name in MODERATORS if name not in varied]
    return pooled.Regressions(
        **{name: meta_regression(effects, variances, {name: column}) for name, column in varied.items()},
        reason=f"{' and '.join(constant)} is the same on every corpus" if constant else None,
    )
