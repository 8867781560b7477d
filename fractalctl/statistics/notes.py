"""What a reader of the numbers should know about how they came about."""

from collections.abc import Sequence
from typing import Any

from fractalctl.documents.statistics import Comparison
from fractalctl.numbers import listed
from fractalctl.statistics.comparisons import Pair
from fractalctl.statistics.corpora import Corpus
from fractalctl.statistics.equivalence import ALPHA
from fractalctl.statistics.observations import Observation, arranged, first_seen, place_labels


def notes_on(
    read: Sequence[Observation],
    chosen: Sequence[Observation],
    wanted: str | None,
    pairs: Sequence[Pair],
    rows: Sequence[Comparison],
    corpora: Sequence[Corpus],
) -> list[str]:
    """The notes of a document.

    Args:
        read: all measurements that were given.
        chosen: those of the protocol and backbone that were taken.
        wanted: the protocol that was asked for.
        pairs: the arms that were to be compared.
        rows: the comparisons made of them.
        corpora: the units over which they are pooled.
    """
    return [
        *_protocol(read, chosen, wanted),
        *_tables(read, chosen),
        *_left_out(chosen, pairs),
        *_differing(rows),
        *_averaged(corpora),
        *_elsewhere(chosen, corpora),
        *_uncorrected(rows),
        *_few_seeds(rows),
    ]


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


def _differing(rows: Sequence[Comparison]) -> list[str]:
    """Once for each pair: in which training settings its arms differ."""
    found = {(row.a, row.b): row.differs for row in rows if row.differs}
    return [
        f"{a} and {b} differ in {listed([_setting(name, *both) for name, both in differs.items()])}"
        for (a, b), differs in found.items()
    ]


def _setting(name: str, a: Any, b: Any) -> str:
    plain = not isinstance(a, list | dict) and not isinstance(b, list | dict)
    return f"{name} ({a}, {b})" if plain else name


def _averaged(corpora: Sequence[Corpus]) -> list[str]:
    several = [f"{corpus.label} ({len(corpus.places)})" for corpus in corpora if len(corpus.places) > 1]
    if not several:
        return []
    return [f"several feature sets measure {listed(several)}: over corpora each counts once, with their mean"]


def _elsewhere(chosen: Sequence[Observation], corpora: Sequence[Corpus]) -> list[str]:
    notes = []
    names = [corpus.name for corpus in corpora]
    for name in first_seen(name for name in names if names.count(name) > 1):
        labels = listed([corpus.label for corpus in corpora if corpus.name == name])
        notes.append(
            f"{labels} have other labels and count as several corpora: leave out what is a sample of another"
        )
    kept = {place for corpus in corpora for place in corpus.places}
    if any(one.place not in kept for one in chosen):
        notes.append("heads measured on another set than they were trained on do not count over corpora")
    return notes


def _uncorrected(rows: Sequence[Comparison]) -> list[str]:
    largest = max((row.family_size for row in rows), default=0)
    if largest < 2 or rows[0].correction:
        return []
    return [f"p values are not corrected, though {largest} tests make a family (--holm corrects them)"]


def _few_seeds(rows: Sequence[Comparison]) -> list[str]:
    least = min((row.permutation.minimum_p for row in rows), default=0.0)
    if least <= ALPHA:
        return []
    note = (
        f"with so few seeds no pattern of signs gives p < {least:.3g}: Wilcoxon's and the permutation test "
    )
    return [note + f"cannot reach {ALPHA}, and the t test leans on normal differences"]
