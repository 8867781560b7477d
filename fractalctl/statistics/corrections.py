"""Corrections of p values for multiple testing, and which tests are corrected together."""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from fractalctl.errors import RequestError
from fractalctl.statistics.paired import finite

CORRECTIONS = {
    "holm": "holm",
    "bonferroni": "bonferroni",
    "hochberg": "simes-hochberg",
    "bh": "fdr_bh",
    "by": "fdr_by",
}
"""Every correction by its name here, with the name that statsmodels gives it.

Family-wise error rate: ``bonferroni``, under any dependence (Dunn, 1961); ``holm``, likewise and never weaker
(Holm, Scandinavian Journal of Statistics 6, 1979); ``hochberg``, never weaker than Holm, but only for
independent or positively dependent tests (Hochberg, Biometrika 75, 1988). False discovery rate: ``bh``, under
independence or positive dependence (Benjamini and Hochberg, Journal of the Royal Statistical Society B 57,
1995); ``by``, under any dependence (Benjamini and Yekutieli, Annals of Statistics 29, 2001).
"""


def adjust(p_values: Sequence[float | None], correction: str) -> list[float | None]:
    """Adjust p values of one family by a correction, a key of `CORRECTIONS` (statsmodels' `multipletests`).

    What has no p value keeps none, in its place, and does not count as a test.

    Raises: RequestError where there is no such correction, or a p value is not between 0 and 1.

    >>> adjust([0.01, None, 0.04], "bonferroni")
    [0.02, None, 0.08]
    >>> adjust([0.01, 0.04, 0.03], "holm")
    [0.03, 0.06, 0.06]
    """
    if correction not in CORRECTIONS:
        raise RequestError(f"no correction '{correction}'; there are {', '.join(CORRECTIONS)}")
    known = [p for p in p_values if p is not None]
    if not known:
        return [None] * len(p_values)
    values = finite(known, "p values")
    if values.min() < 0 or values.max() > 1:
        raise RequestError(f"p values lie between 0 and 1, found {values.min():.4g} to {values.max():.4g}")
    from statsmodels.stats.multitest import multipletests

    with _spared():
        adjusted = iter(multipletests(values, method=CORRECTIONS[correction])[1].tolist())
    return [None if p is None else next(adjusted) for p in p_values]


@contextmanager
def _spared() -> Iterator[None]:
    """Let the garbage collector pass over all that is there.

    statsmodels calls it in every correction after Holm, half a second each time among PyTorch's objects.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


Member = tuple[str, str | None, str, str]  # a comparison as families see it: corpus, backbone, a, b

GROUPINGS: dict[str, Callable[[Member], str]] = {
    "pair": lambda member: f"{member[2]} vs {member[3]}",
    "corpus": lambda member: member[0],
    "corpus-pair": lambda member: f"{member[0]}, {member[2]} vs {member[3]}",
    "backbone": lambda member: member[1] or "unnamed backbone",
    "all": lambda _: "all",
}
"""Families by what their members share; the paper's choice is ``pair``: all corpora of one pair of arms."""


def family_names(members: Sequence[Member], families: Sequence[str]) -> list[str]:
    """Name the family of each comparison.

    Families are one key of `GROUPINGS`, or any number of ``NAME=ARM,ARM...``; such a family holds all
    comparisons, over all corpora, that have one of its arms.

    Raises: RequestError where there is no such grouping, or a comparison belongs to no named family or to
    two.

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
    name, equals, listed = family.partition("=")
    arms = frozenset(arm.strip() for arm in listed.split(",") if arm.strip())
    if not (name and equals and arms):
        raise RequestError(
            f"--family '{family}': expected {', '.join(GROUPINGS)}, or families as NAME=ARM,ARM"
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
