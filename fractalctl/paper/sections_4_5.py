"""Section 4, Tables 1, 2, 3 and 10: accuracy, steerability of v5 against mrl, other definitions of it.

Section 5, Table 4 and Figure 7: which supervision makes steerability, and where levels live.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from statistics import mean

from fractalctl.documents.pooled import Pooled
from fractalctl.numbers import (
    MISSING,
    interval,
    mean_sd,
    number,
    p_phrase,
    p_value,
    percent,
    percents,
    signed,
    spread,
)
from fractalctl.paper.judging import (
    Contrast,
    Finding,
    Verdict,
    alike,
    by_percent,
    by_points,
    corrected,
    differ,
    exact_p,
    finding,
    larger,
    near_zero,
    printed,
)
from fractalctl.paper.places import Beside, Chapter, Group, Head, Place, ablated, evaluated, one_per_corpus
from fractalctl.statistics import effect_variance, pool, sign_test, spearman

MANY_CLASSES = 100
DEFINITIONS = ("S", "S_auc", "S_mono", "S_gap")
AGREEMENT = 0.9
FAMILIES = (("inverted", "no-prefix"), ("uhmt",))
"""Conditions whose tests the paper corrects together, over its corpora."""
COLLAPSING = ("no-prefix", "uhmt")
COMPARED = (
    ("v5 frozen", "mrl frozen"),
    ("v5 tuned", "mrl tuned"),
    ("v5 frozen", "mrl tuned"),
    ("v5 tuned", "v5 frozen"),
    ("mrl tuned", "mrl frozen"),
)
"""The paper's comparisons of the design."""


def _trees(group: Group) -> Iterator[Beside]:
    for place in group:
        if theirs := printed("table_1", place.document.corpus):
            profile, where = place.document.profile, f"{place.corpus}, {place.document.backbone}"
            ours, paper = (" > ".join(map(str, classes)) for classes in (profile.classes, theirs["classes"]))
            yield where, MISSING, "classes", ours, paper
            entropies = zip((profile.h_l0, profile.h_l1_given_l0), theirs["entropies"], strict=True)
            for name, (here, printed_one) in zip(("H(L0)", "H(finest | L0)"), entropies, strict=True):
                yield where, MISSING, f"{name}, bits", number(here), number(printed_one)


def _finest(place: Place, strategy: str) -> dict[int, float]:
    full, level = str(place.document.dims[-1]), place.levels[-1]
    return place.by_seed(strategy, read=lambda head: head.accuracy[full][level])


def _judge_accuracy(group: Group) -> Iterator[Finding]:
    costs = []
    for place in group:
        v5, profile = _finest(place, "v5"), place.document.profile
        yield from alike("alike", place.against("v5, mrl", v5, _finest(place, "mrl")), by_percent)
        if profile.classes[-1] >= MANY_CLASSES:
            backbone = dict.fromkeys(v5, profile.baseline[place.levels[-1]])
            costs.append(place.against("v5", backbone, v5))
    words = "{:.1f} % with the backbone, {:.1f} % with v5"
    yield from differ("bottleneck", corrected(costs), lambda bare, v5: words.format(100 * bare, 100 * v5))


def _accuracies(group: Group) -> Iterator[Beside]:
    for place in group:
        theirs = printed("table_2", place.document.corpus) if place.is_papers else {}
        for level, (backbone, *arms) in theirs.items():
            if title := place.titles.get(level):
                ours = number(100 * place.document.profile.baseline[level], 1)
                yield place.where, MISSING, f"{title} of the backbone, %", ours, number(100 * backbone, 1)
                for strategy, paper in zip(("v5", "mrl"), arms, strict=True):
                    full = str(place.document.dims[-1])
                    shares = [head.accuracy[full][level] for head in place.of(strategy).values()]
                    if shares:
                        what = f"{title} at full length, %"
                        yield place.row(strategy, what, percents(shares), number(100 * paper, 1))


def _gaps(group: Group) -> list[Contrast]:
    return corrected(place.contrast("v5", "mrl") for place in group)


def _judge_steerability(group: Group) -> Iterator[Finding]:
    yield from differ("beyond", _gaps(group))
    for place in group:
        if values := place.values("mrl"):
            yield near_zero("flat", place.where, place.arms("mrl"), values)
    independent = _gaps(one_per_corpus(group, "v5", "mrl"))
    if len(independent) > 1:
        yield _signs("everywhere", group[0], [one.test.difference for one in independent])
        if (found := _pooled(independent)) is not None:
            evidence = f"pooled d = {found.pooled:.2f}, 95 % interval {interval(found.ci)}, {found.k} corpora"
            verdict = larger(found.pooled, found.p, found.k)
            yield finding("pooled", group[0].over, group[0].arms("v5", "mrl"), verdict, evidence)


def _signs(name: str, place: Place, gaps: Sequence[float]) -> Finding:
    """The finding on a gap that should be above zero on all corpora."""
    test = sign_test(gaps)
    verdict = Verdict.FAILS if test.wins < len(gaps) else larger(1, test.p_one_sided, len(gaps))
    evidence = f"{test.wins} of {len(gaps)}, one-sided {p_phrase(test.p_one_sided)}"
    return finding(name, place.over, place.arms("v5", "mrl"), verdict, evidence)


def _pooled(contrasts: Sequence[Contrast]) -> Pooled | None:
    """Of the corpora that have an effect size; None where fewer than two have."""
    known = [
        (d, len(one.pairs)) for one in contrasts if one.test.sd and (d := one.effects.cohens_d) is not None
    ]
    return pool([d for d, _ in known], [effect_variance(d, n) for d, n in known]) if len(known) > 1 else None


def _steerabilities(group: Group) -> Iterator[Beside]:
    if not group[0].is_papers:
        return
    tested = {one.where: one for one in _gaps(group)}
    for place in group:
        theirs, one = printed("table_3", place.document.corpus), tested.get(place.where)
        if theirs and one:
            for strategy in ("v5", "mrl"):
                yield place.row(strategy, "S", mean_sd(place.values(strategy)), spread(*theirs[strategy]))
            d = number(one.effects.cohens_d), number(theirs["cohens_d"])
            yield place.where, one.arms, "paired d", *d
            ours, paper = f"{p_value(one.p)} (m = {one.m})", f"{p_value(theirs['p_adjusted'])} (m = 8)"
            yield place.where, one.arms, "p (Holm)", ours, paper
    if (found := _pooled(_gaps(one_per_corpus(group, "v5", "mrl")))) is not None:
        theirs, place = printed("figure_4", "pooled"), group[0]
        where, arms = place.over, place.arms("v5", "mrl")
        ours, paper = (
            f"{number(d)} {interval(ci)}" for d, ci in ((found.pooled, found.ci), (theirs["d"], theirs["ci"]))
        )
        yield where, arms, f"pooled d, {found.k} corpora (paper: 8)", ours, paper
        yield where, arms, "pooled d, p", p_value(found.p), "0.0003"
        yield where, arms, "pooled d, I²", percent(found.i2), percent(theirs["i2"])


def _gap(place: Place, definition: str) -> float | None:
    """Mean of v5 less mrl over the seeds of both."""

    def read(head: Head) -> float:
        return head.steerability.values()[definition]

    gaps = place.contrast("v5", "mrl", read).gaps
    return mean(gaps) if gaps else None


def _table_10(group: Group) -> dict[str, list[float]]:
    """Gaps by definition, one per corpus."""
    places = [place for place in one_per_corpus(group, "v5", "mrl") if place.contrast("v5", "mrl").pairs]
    return {name: [_gap(place, name) or 0.0 for place in places] for name in DEFINITIONS}


def _judge_definitions(group: Group) -> Iterator[Finding]:
    gaps = _table_10(group)
    if len(gaps["S"]) > 1:
        for name in ("S_auc", "S_mono"):  # S_gap is the same number as S
            yield _signs(f"everywhere-{name}", group[0], gaps[name])
    rhos = [(spearman(gaps[a], gaps[b]), a, b) for a, b in combinations(DEFINITIONS, 2) if len(gaps["S"]) > 2]
    known = [(rho.coefficient, rho, a, b) for rho, a, b in rhos if rho.coefficient is not None]
    if known:
        least, rho, a, b = min(known, key=lambda row: row[0])
        p = exact_p(rho)
        verdict = larger(1, p, rho.n) if least > AGREEMENT else Verdict.FAILS
        evidence = f"least rho = {least:.2f}, {a} and {b}, exact {p_phrase(p)}, {rho.n} corpora"
        yield finding("ranks", group[0].over, group[0].arms("v5", "mrl"), verdict, evidence)


def _definitions(group: Group) -> Iterator[Beside]:
    for place in group:
        for name, paper in printed("table_10", place.document.corpus).items() if place.is_papers else ():
            if (ours := _gap(place, name)) is not None:
                yield place.row("v5, mrl", f"gap in {name}", signed(ours), signed(paper))


def _conditions(group: Group) -> Iterator[tuple[str, Place, Contrast]]:
    """V5 against each condition."""
    for family in FAMILIES:
        found = [(name, place, place.contrast("v5", name)) for place in group for name in family]
        fair = [row for row in found if row[2].pairs]
        for (name, place, _), one in zip(fair, corrected(row[2] for row in fair), strict=True):
            yield name, place, one


def _judge_alignment(group: Group) -> Iterator[Finding]:
    below = (place.by_seed("inverted", read=lambda head: -head.s) for place in group)
    tested = [
        place.against("inverted", values, dict.fromkeys(values, 0.0))
        for place, values in zip(group, below, strict=True)
    ]
    yield from differ("reversed", corrected(tested), lambda a, _: f"mean S {-a:+.3f}")
    contrasts = list(_conditions(group))
    for name in COLLAPSING:
        yield from differ(f"taken-{name}", [one for condition, _, one in contrasts if condition == name])
        for place in group:
            if values := place.values(name):
                yield near_zero(f"flat-{name}", place.where, place.arms(name), values)


def _alignment(group: Group) -> Iterator[Beside]:
    for name, place, one in _conditions(group):
        theirs = printed("table_4", place.document.corpus) if place.is_papers else {}
        if name in theirs:
            found = theirs[name]
            yield place.row("v5", "S", mean_sd(place.values("v5")), spread(*theirs["v5"]))
            yield place.row(name, "S", mean_sd(place.values(name)), spread(*found["S"]))
            yield place.where, one.arms, "paired t", number(one.test.t, 1), number(found["t"], 1)
            yield place.where, one.arms, "p (Holm)", f"{p_value(one.p)} (m = {one.m})", found["p_adjusted"]


def _tuned(place: Place, a: str, b: str) -> Contrast:
    """One cell of the design against another, such as ``v5 frozen`` and ``mrl tuned``."""
    cells = [cell.split() for cell in (a, b)]
    arms = ", ".join(f"{place.arms(strategy)} {encoder}" for strategy, encoder in cells)
    return Contrast(place.where, arms, *(place.by_seed(*cell) for cell in cells))


def _cells(place: Place) -> dict[tuple[str, str], Contrast]:
    """The comparisons, corrected over those of the corpus."""
    fair = {pair: one for pair in COMPARED if (one := _tuned(place, *pair)).pairs}
    return dict(zip(fair, corrected(fair.values()), strict=True))


def _judge_tuning(group: Group) -> Iterator[Finding]:
    for place in group:
        found = _cells(place)
        for name, pair in (("tuned-beyond", COMPARED[1]), ("frozen-beyond", COMPARED[2])):
            yield from differ(name, [found[pair]] if pair in found else [])
        if values := place.values("mrl", "tuned"):
            yield near_zero("tuned-flat", place.where, f"{place.arms('mrl')} tuned", values)
        for strategy in ("v5", "mrl"):
            yield from alike(
                f"unchanged-{strategy}", _tuned(place, f"{strategy} tuned", f"{strategy} frozen")
            )


def _tuning(group: Group) -> Iterator[Beside]:
    for place in group:
        theirs = printed("figure_7", place.document.corpus)
        for cell in ("v5 frozen", "v5 tuned", "mrl frozen", "mrl tuned"):
            if cell in theirs and (values := place.values(*cell.split())):
                arm = f"{place.arms(cell.split()[0])} {cell.split()[1]}"
                yield place.where, arm, "S", mean_sd(values), spread(*theirs[cell])
        for pair, one in _cells(place).items() if theirs else ():
            d, p = theirs["tests"].get(", ".join(pair), ("-", "-"))
            if p != "-":
                yield place.where, one.arms, "d_av", number(one.effects.d_av, 1), MISSING if d == "-" else d
                yield place.where, one.arms, "p (ours: paired, Holm)", p_value(one.p), p


def _first_block(head: Head) -> float:
    return float(list(head.result.accuracy.first.values())[-1])


def _judge_places(group: Group) -> Iterator[Finding]:
    first = corrected(place.contrast("mrl", "v5", _first_block) for place in group)
    yield from differ("first-block", first, lambda mrl, v5: f"v5 {100 * v5:.1f} %, mrl {100 * mrl:.1f} %")
    apart = (place.contrast("v5", "mrl", lambda head: float(head.result.separation)) for place in group)
    yield from differ("separation", corrected(apart), by_points)


def _localised(group: Group) -> Iterator[Beside]:
    for place in group:
        # The paper does not say which rows answer; its 95 % on fine classes need many.
        dense = place.document.protocol == "index"
        for strategy, paper in printed("section_5_1", place.document.corpus).items() if dense else ():
            if values := place.values(strategy, read=_first_block):
                yield place.row(strategy, "fine, from the first block, %", percents(values), number(paper, 1))


CHAPTERS = (
    Chapter("table-1", evaluated(), beside=_trees),
    Chapter("table-2", evaluated(), _judge_accuracy, _accuracies),
    Chapter("table-3", evaluated(), _judge_steerability, _steerabilities),
    Chapter("table-10", evaluated(), _judge_definitions, _definitions),
    Chapter("table-4", ablated("alignment"), _judge_alignment, _alignment),
    Chapter("section-5-1", evaluated("localisation"), _judge_places, _localised),
    Chapter("figure-7", ablated("backbone"), _judge_tuning, _tuning),
)
