"""The document of statistics (``stats.json``): all that one call computes from a set of measurements."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from fractalctl.documents import statistics
from fractalctl.documents.pooled import OverCorpora
from fractalctl.errors import RequestError
from fractalctl.numbers import listed
from fractalctl.statistics.comparisons import Pair, attempted, compare, default_pairs, describe
from fractalctl.statistics.curves import quadratic
from fractalctl.statistics.effect_sizes import plan
from fractalctl.statistics.equivalence import ALPHA, equivalence, heterogeneity
from fractalctl.statistics.observations import (
    Corpus,
    Observation,
    arranged,
    by_corpus,
    choose_backbone,
    choose_protocol,
    corpora_of,
    first_seen,
    grouped,
    place_labels,
    placed,
)
from fractalctl.statistics.over_corpora import meta_block, robustness, scaling, sign_block
from fractalctl.statistics.queries import query_tests
from fractalctl.statistics.reading import csv_rows, number_cell, read_profiles

X_COLUMN = "h_l0"
PROFILE_COLUMNS = frozenset({X_COLUMN, "k0", "k1", "h_l1_given_l0", "branch"})


@dataclass(frozen=True)
class Options:
    """What to compute.

    Attributes:
        pairs: arms to compare as (a, b); empty: see `comparisons.default_pairs`. Robustness is of the first
            pair, scaling of its a.
        reference: arm that every other one is compared with, where no pairs are named.
        metric: a key of ``steerability`` in evaluation files, or a column of a table.
        protocol: as in names of files, or its first word; None: ``loo`` where there are several.
        backbone: keep only its measurements; None: all.
        correction: a key of `corrections.CORRECTIONS`; None: no adjusted p values.
        families: see `corrections.family_names`.
        allow_unpaired: drop seeds that only one arm has.
        meta, scaling, robustness, power: compute this block.
        equivalence: margin of the equivalence tests; None: none.
        profiles: CSV table of corpus profiles.
        quadratic: CSV table of a curve over H(L0).
    """

    pairs: tuple[Pair, ...] = ()
    reference: str | None = None
    metric: str = "S"
    protocol: str | None = None
    backbone: str | None = None
    correction: str | None = None
    families: tuple[str, ...] = ("pair",)
    allow_unpaired: bool = False
    meta: bool = False
    scaling: bool = False
    robustness: bool = False
    power: bool = False
    equivalence: float | None = None
    profiles: Path | None = None
    quadratic: Path | None = None


def analyse(observations: Sequence[Observation], options: Options) -> statistics.Statistics:
    """Compute everything that is asked for.

    One arm alone is described: its mean, against zero and against the backbone's own truncation.

    Args:
        observations: as `reading.read_observations` gives them; may be empty when only a curve is asked for.
        options: what to compute.

    Returns:
        A document without NaN: where a figure does not exist it is None and ``reason`` or a note says why.

    Raises:
        RequestError: the measurements do not allow what is asked for.
    """
    found = statistics.Statistics(metric=options.metric, alpha=ALPHA, correction=options.correction)
    if observations:
        chosen = _taken(observations, options)
        arms = first_seen(one.arm for one in chosen)
        pairs = options.pairs or tuple(default_pairs(arms, options.reference))
        named = {arm for pair in options.pairs for arm in pair}
        if named and not any({*pair} <= {*arms} for pair in options.pairs):
            wanted = " or ".join(f"{a} and {b}" for a, b in options.pairs)
            raise RequestError(
                f"no corpus was measured with both {wanted}; arms there are: {', '.join(sorted(arms))}"
            )
        found = tested(
            [one for one in chosen if not named or one.arm in named], pairs, options, read=observations
        )
    if options.quadratic:
        found = msgspec.structs.replace(found, quadratic=curves(options.quadratic))
    return found


def _taken(observations: Sequence[Observation], options: Options) -> list[Observation]:
    """The measurements of one protocol and, where it is named, one backbone; rows of tables put in place."""
    near = [one for one in observations if options.backbone in (None, one.backbone) or not one.backbone]
    chosen = choose_protocol(near or choose_backbone(observations, options.backbone), options.protocol)
    return choose_backbone(placed(chosen), options.backbone)


def tested(
    chosen: Sequence[Observation],
    pairs: Sequence[Pair],
    options: Options,
    read: Sequence[Observation] = (),
    refused: list[str] | None = None,
) -> statistics.Statistics:
    """Describe the arms of one protocol, compare pairs of them, and pool what was compared over corpora.

    Without pairs arms are described only; notes look at all measurements that were read. ``refused`` takes
    the reason for what cannot be computed, instead of ending with a RequestError.
    """
    described = describe(chosen, options.metric, options.correction, refused)
    rows = _compared(chosen, pairs, options, refused) if pairs else []
    measured = arranged(chosen)
    corpora = corpora_of(measured, read_profiles(options.profiles) if options.profiles else None)
    lacking: list[str] = [] if refused is None else refused
    if not pairs and (options.meta or options.robustness):
        lacking.append("there is one arm, so nothing is compared or pooled; it is described")
    groups = {pair: [row for row in rows if (row.a, row.b) == pair] for pair in pairs}
    counted = [group for group in groups.values() if by_corpus(corpora, group, lambda row: row.place)]
    over = [_over_corpora(group, corpora, options.meta, lacking) for group in counted]
    of_first = counted[0] if counted else []
    arm = next((row.a for row in of_first or rows), chosen[0].arm)
    scaled = partial(scaling, measured, arm, options.metric, corpora)
    return statistics.Statistics(
        metric=options.metric,
        protocol=chosen[0].protocol or None,
        alpha=ALPHA,
        correction=options.correction,
        families=families_of(rows),
        described=described,
        comparisons=rows,
        sign_test=over[0].sign_test if over else None,
        meta=over[0].meta if over else None,
        scaling=next(iter(attempted(refused, scaled)), None) if options.scaling else None,
        robustness=robustness(of_first, measured, corpora) if options.robustness and of_first else None,
        further=over[1:],
        queries=query_tests(measured, rows),
        across_backbones=[one for group in groups.values() for one in _across_backbones(group, corpora)],
        notes=[*notes_on(read or chosen, chosen, options.protocol, pairs, rows, corpora), *lacking],
    )


def _compared(
    chosen: Sequence[Observation], pairs: Sequence[Pair], options: Options, refused: list[str] | None
) -> list[statistics.Comparison]:
    rows = compare(
        chosen,
        pairs,
        metric=options.metric,
        correction=options.correction,
        families=options.families,
        allow_unpaired=options.allow_unpaired,
        refused=refused,
    )
    return [_completed(row, options) for row in rows]


def _completed(row: statistics.Comparison, options: Options) -> statistics.Comparison:
    """The same with the tests that were asked for besides."""
    margin, both = options.equivalence, None
    if margin is not None:
        of_b, of_gaps = (equivalence(values, margin, ALPHA) for values in (row.values_b, row.gaps))
        both = statistics.BothEquivalences(b=of_b, difference=of_gaps)
    planned = plan(row.cohens_d, row.n, alpha=ALPHA) if options.power else None
    return msgspec.structs.replace(row, equivalence=both, power=planned)


def _over_corpora(
    rows: Sequence[statistics.Comparison], corpora: Sequence[Corpus], pooled: bool, lacking: list[str]
) -> OverCorpora:
    """What corpora say of one pair."""
    meta = attempted(lacking, partial(meta_block, rows, corpora)) if pooled else []
    signs = sign_block(rows, corpora)
    return OverCorpora(a=signs.a, b=signs.b, sign_test=signs, meta=next(iter(meta), None))


def _across_backbones(
    rows: Sequence[statistics.Comparison], corpora: Sequence[Corpus]
) -> list[statistics.AcrossBackbones]:
    """Whether the difference of one pair depends on the backbone, for each corpus that has several."""
    found = []
    for corpus, members in by_corpus(corpora, rows, lambda row: row.place):
        groups = {row.label: row.gaps for row in members}
        if len({row.backbone for row in members}) > 1:
            row, test = members[0], msgspec.structs.asdict(heterogeneity(groups))
            found.append(
                statistics.AcrossBackbones(**test, corpus=corpus.label, metric=row.metric, a=row.a, b=row.b)
            )
    return found


def families_of(rows: Sequence[statistics.Comparison]) -> list[statistics.Family]:
    """The families of comparisons, with their members."""
    return [
        statistics.Family(
            name=name,
            m=sum(row.p is not None for row in own),
            correction=rows[0].correction,
            members=[
                statistics.Member(label=row.label, corpus=row.corpus, backbone=row.backbone, a=row.a, b=row.b)
                for row in own
            ],
        )
        for name, own in grouped(rows, lambda row: row.family).items()
    ]


def curves(path: Path) -> statistics.Curves:
    """Fit a parabola to each arm's column of a CSV table over its column ``h_l0`` (bits)."""
    rows = list(csv_rows(path))
    arms = [name for name in rows[0][1] if name not in PROFILE_COLUMNS]
    if not arms:
        raise RequestError(f"{path}: no column of an arm beside {', '.join(rows[0][1])}")
    x = [number_cell(row, X_COLUMN, where) for where, row in rows]
    fits = {name: quadratic(x, [number_cell(row, name, where) for where, row in rows]) for name in arms}
    return statistics.Curves(n=len(x), x=X_COLUMN, source=str(path), fits=fits)


def notes_on(
    read: Sequence[Observation],
    chosen: Sequence[Observation],
    wanted: str | None,
    pairs: Sequence[Pair],
    rows: Sequence[statistics.Comparison],
    corpora: Sequence[Corpus],
) -> list[str]:
    """The notes of a document: measurements read and chosen, the protocol wanted, and what was compared."""
    notes = [*_protocol(read, chosen, wanted), *_tables(read, chosen), *_left_out(chosen, pairs)]
    notes += [*_differing(rows), *_units(chosen, corpora)]
    largest = max((row.family_size for row in rows), default=0)
    if largest > 1 and not rows[0].correction:
        notes.append(
            f"p values are not corrected, though {largest} tests make a family (--holm corrects them)"
        )
    least = min((row.permutation.minimum_p for row in rows), default=0.0)
    if least > ALPHA:
        notes.append(
            f"with so few seeds no pattern of signs gives p < {least:.3g}: Wilcoxon's and the permutation "
            f"test cannot reach {ALPHA}, and the t test leans on normal differences"
        )
    return notes


def _protocol(read: Sequence[Observation], chosen: Sequence[Observation], wanted: str | None) -> list[str]:
    found, taken = sorted({one.protocol for one in read if one.protocol}), chosen[0].protocol
    unnamed = [one for one in read if not one.protocol] if taken else []
    notes = []
    if wanted is None and len(found) > 1:
        notes.append(
            f"evaluations under {listed(found)} were found and '{taken}' was taken: S under one protocol is "
            "never compared with S under another"
        )
    elif others := [slug for slug in found if slug != taken]:
        notes.append(f"evaluations under {listed(others)} are left out")
    if unnamed:
        count = f"{len(unnamed)} measurements do" if len(unnamed) > 1 else "one measurement does"
        notes.append(f"{count} not say a protocol and are left out: {unnamed[0].where}")
    return notes


def _tables(read: Sequence[Observation], chosen: Sequence[Observation]) -> list[str]:
    """Of rows of tables that were put where evaluations were made."""
    sources = {one.source for one in read if not one.features}
    beside = first_seen(
        one.source.partition(",")[0] for one in chosen if one.features and one.source in sources
    )
    return [
        f"{table} does not say on which rows and feature set it measured: its values are compared as if on "
        "those of the evaluations"
        for table in beside
    ]


def _left_out(chosen: Sequence[Observation], pairs: Sequence[Pair]) -> list[str]:
    measured = arranged(chosen)
    labels = place_labels(measured)
    return [
        f"{labels[place]} was not measured with both {a} and {b} and is left out"
        for place, arms in measured.items()
        for a, b in pairs
        if not (a in arms and b in arms)
    ]


def _differing(rows: Sequence[statistics.Comparison]) -> list[str]:
    """Once for each pair: in which training settings its arms differ."""
    found = {(row.a, row.b): row.differs for row in rows if row.differs}

    def setting(name: str, both: list[Any]) -> str:
        plain = not any(isinstance(value, list | dict) for value in both)
        shown = ["none" if value is None else value for value in both]
        return f"{name} ({shown[0]}, {shown[1]})" if plain else name

    return [
        f"{a} and {b} differ in {listed([setting(*one) for one in differs.items()])}"
        for (a, b), differs in found.items()
    ]


def _units(chosen: Sequence[Observation], corpora: Sequence[Corpus]) -> list[str]:
    """What counts over corpora, and how often."""
    notes, names = [], [corpus.name for corpus in corpora]
    if several := [f"{one.label} ({len(one.places)})" for one in corpora if len(one.places) > 1]:
        notes.append(
            f"several feature sets measure {listed(several)}: over corpora each counts once, with their mean"
        )
    for name in first_seen(name for name in names if names.count(name) > 1):
        labels = listed([corpus.label for corpus in corpora if corpus.name == name])
        notes.append(
            f"{labels} have other labels and count as several corpora: leave out what is a sample of another"
        )
    kept = {place for corpus in corpora for place in corpus.places}
    if any(one.place not in kept for one in chosen):
        notes.append("heads measured on another set than they were trained on do not count over corpora")
    return notes
