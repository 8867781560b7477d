"""Which tests are corrected together: the family of a comparison."""

from collections.abc import Callable, Mapping, Sequence

from fractalctl.errors import RequestError

Member = tuple[str, str, str, str]
"""A comparison as families see it: corpus, backbone, a, b."""

GROUPINGS: dict[str, Callable[[Member], str]] = {
    "pair": lambda member: f"{member[2]} vs {member[3]}",
    "corpus": lambda member: member[0],
    "backbone": lambda member: member[1] or "unnamed backbone",
    "all": lambda member: "all",  # noqa: ARG005  the shape of a grouping
}
"""Families by what their members share; the paper's choice is ``pair``: all corpora of one pair of arms."""

ABLATION_FAMILIES = ("perturbation=inverted,no-prefix", "awareness=uhmt", "baseline=mrl")
"""The families of the paper's Table 4: over two corpora m = 4 perturbations and m = 2 tests of awareness."""


def family_names(members: Sequence[Member], families: Sequence[str]) -> list[str]:
    """Name the family of each comparison.

    Args:
        members: the comparisons.
        families: one key of `GROUPINGS`, or any number of ``NAME=STRATEGY,STRATEGY...``; such a family
            holds all comparisons, over all corpora, that have one of its strategies as an arm.

    Raises:
        RequestError: no such grouping, or a comparison belongs to no named family or to two.

    >>> members = [("clinc", "", "v5", "inverted"), ("clinc", "", "v5", "uhmt"), ("trec", "", "v5", "uhmt")]
    >>> family_names(members, ["perturbation=inverted,no-prefix", "awareness=uhmt"])
    ['perturbation', 'awareness', 'awareness']
    >>> family_names(members, ["corpus"])
    ['clinc', 'clinc', 'trec']
    """
    if len(families) == 1 and families[0] in GROUPINGS:
        return [GROUPINGS[families[0]](member) for member in members]
    named = dict(_named(family) for family in families)
    return [_family_of(member, named) for member in members]


def _named(family: str) -> tuple[str, frozenset[str]]:
    name, equals, strategies = family.partition("=")
    arms = frozenset(strategy.strip() for strategy in strategies.split(",") if strategy.strip())
    if not (name and equals and arms):
        raise RequestError(
            f"--family '{family}': expected {', '.join(GROUPINGS)}, or families as NAME=STRATEGY,STRATEGY"
        )
    return name, arms


def _family_of(member: Member, named: Mapping[str, frozenset[str]]) -> str:
    corpus, _, a, b = member
    found = [name for name, arms in named.items() if arms & {a, b}]
    if len(found) == 1:
        return found[0]
    where = f"belongs to {' and '.join(found)}" if found else f"belongs to none of {', '.join(named)}"
    raise RequestError(
        f"--family: {a} vs {b} on {corpus} {where}; name each comparison in exactly one family"
    )
