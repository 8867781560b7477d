"""Section 6, Tables 5 and 6, Figures 4 and 6: when steerability is large, in real and made-up trees."""

from collections.abc import Iterator, Sequence
from statistics import mean

from fractalctl.documents.estimates import Correlation, Peak
from fractalctl.documents.experiments import Synthesis
from fractalctl.numbers import interval, listed, mean_sd, number, p_phrase, signed, spread
from fractalctl.paper.judging import (
    PREFIXES,
    Finding,
    Verdict,
    all_within,
    claims,
    corrected,
    every,
    exact_p,
    finding,
    larger,
    printed,
)
from fractalctl.paper.places import (
    Beside,
    Chapter,
    Group,
    Place,
    ablated,
    evaluated,
    one_per_corpus,
    synthetic,
)
from fractalctl.report.results import Results
from fractalctl.statistics import heterogeneity, pearson, spearman

FEWEST_CORPORA = 4  # below which a correlation over corpora says nothing
FEWEST_SWEPT = 3
USUAL_BLOCK = 64
MIRRORED = 0.99  # correlation of two predictors from which on nothing can tell them apart


def _predictors(group: Group) -> dict[str, tuple[list[float], list[float]]]:
    """Each predictor of every corpus, with mean S of v5."""
    places = one_per_corpus(group, "v5")
    if len(places) < FEWEST_CORPORA:
        return {}
    profiles, s = [place.document.profile for place in places], [mean(place.values("v5")) for place in places]
    depths = [profile.h_l1_given_l0 for profile in profiles]
    accuracies = [list(profile.baseline.values())[-1] for profile in profiles]
    products = [depth * accuracy for depth, accuracy in zip(depths, accuracies, strict=True)]
    return {"depth": (depths, s), "baseline_accuracy": (accuracies, s), "product": (products, s)}


def _judge_scaling(group: Group) -> Iterator[Finding]:
    found = {name: spearman(*columns) for name, columns in _predictors(group).items()}
    for name in ("depth", "product"):
        if name in found and (value := found[name].coefficient) is not None:
            yield _rises(name, group[0].over, group[0].arms("v5"), found[name], f"rho = {value:.2f}")


def _rises(name: str, where: str, arms: str, rho: Correlation, shown: str) -> Finding:
    evidence = f"{shown}, exact {p_phrase(exact_p(rho))}, {rho.n} corpora"
    return finding(name, where, arms, larger(rho.coefficient or 0.0, exact_p(rho), rho.n), evidence)


def _scaling(group: Group) -> Iterator[Beside]:
    for name, columns in _predictors(group).items():
        rho, theirs = spearman(*columns), printed("figure_4")[name]["spearman"]
        here, paper = (
            f"{number(rho.coefficient)}, exact {p_phrase(exact_p(rho))}",
            f"{number(theirs[0])}, p = {theirs[1]}",
        )
        what = f"rho of S and {name.replace('_', ' ')}, {rho.n} corpora (paper: 8)"
        yield group[0].over, group[0].arms("v5"), what, here, paper


def _by_backbone(results: Results) -> list[list[Place]]:
    """Places of one corpus, protocol and head under every backbone, one place for each backbone."""
    found: dict[tuple[str, str], dict[str, list[Place]]] = {}
    for group in evaluated()(results):
        for place in one_per_corpus(group, "v5", "mrl"):
            if place.contrast("v5", "mrl").pairs:
                corpora = found.setdefault((place.conditions, place.tail), {})
                corpora.setdefault(place.document.corpus, []).append(place)
    several = [[places for places in corpora.values() if len(places) > 1] for corpora in found.values()]
    alone = [[next(iter(corpora.values()))] for corpora in found.values()]
    return [places for many, one in zip(several, alone, strict=True) for places in many or one]


def _judge_encoders(places: Sequence[Place]) -> Iterator[Finding]:
    first, arms = places[0], places[0].arms("v5", "mrl")
    if len(places) == 1:
        evidence = f"one encoder: {first.document.backbone}"
        yield finding("encoder", first.conditions, arms, Verdict.OPEN, evidence)
        return
    gaps = {place.document.backbone: place.contrast("v5", "mrl").gaps for place in places}
    found = heterogeneity(gaps, margin=claims()["encoder"].margin)
    means = listed([f"{signed(group.mean)} ({group.label})" for group in found.groups])
    evidence = f"gaps {means}; Welch's {p_phrase(found.p)}"
    if found.widest and found.widest_ci:
        evidence += f"; widest between {listed(found.widest)}, 90 % interval {interval(found.widest_ci, 3)}"
    verdict = Verdict(found.finding) if found.finding else Verdict.OPEN
    where = f"{first.document.corpus}, {first.conditions}"
    yield finding("encoder", where, arms, verdict, found.reason or evidence)


def _encoders(places: Sequence[Place]) -> Iterator[Beside]:
    theirs = printed("table_6", places[0].document.corpus) if places[0].is_papers else {}
    ours = {place.document.backbone: place for place in places}
    for backbone in dict.fromkeys([*ours, *theirs]) if theirs else ():
        for strategy in ("v5", "mrl"):
            here = mean_sd(ours[backbone].values(strategy)) if backbone in ours else "—"
            paper = spread(*theirs[backbone][strategy]) if backbone in theirs else "—"
            where = f"{places[0].document.corpus}, {backbone}, {places[0].conditions}"
            yield where, places[0].arms(strategy), "S", here, paper


def _judge_synthesis(group: Group) -> Iterator[Finding]:
    for place in group:
        document = place.document
        if isinstance(document, Synthesis):
            curve = document.curves.get(place.arms("v5"))
            if curve is not None and curve.quadratic is not None:
                yield from _shape(place, curve)
                yield from _driver(place, document)
            yield from _at_every_size(place)


def _shape(place: Place, curve: Peak) -> Iterator[Finding]:
    fit, slopes, arm = curve.quadratic, curve.slopes, place.arms("v5")
    if fit is None or slopes is None:
        return
    rises = slopes.low > 0 > slopes.high
    evidence = (
        f"slope {slopes.low:+.3f} a bit at the smallest H(L0), {slopes.high:+.3f} at the largest, "
        f"{p_phrase(slopes.p)}, R² = {fit.r2:.2f}, n = {fit.n} sizes"
    )
    yield finding(
        "inverted-u", place.where, arm, larger(1, slopes.p, fit.n) if rises else Verdict.FAILS, evidence
    )
    theirs = printed("table_5", place.document.corpus)
    if not theirs or not place.is_papers or place.document.dims[0] != PREFIXES[0]:
        return
    ci = curve.bootstrap.ci if curve.bootstrap else None
    if fit.kind != "maximum" or not fit.inside or fit.vertex is None:
        yield finding("peak", place.where, arm, Verdict.FAILS, "the parabola has no maximum within the data")
    else:
        evidence = f"vertex at {fit.vertex:.2f} bits {interval(ci)}, K0 about {2**fit.vertex:.0f}"
        yield finding("peak", place.where, arm, _between(fit.vertex, ci, *theirs["peak"]), evidence)


def _between(vertex: float, ci: tuple[float, float] | None, low: float, high: float) -> Verdict:
    if ci is not None and (ci[0] > high or ci[1] < low):
        return Verdict.FAILS
    if ci is not None and low <= ci[0] and ci[1] <= high:
        return Verdict.HOLDS
    return Verdict.DIRECTION if low <= vertex <= high else Verdict.OPEN


def _driver(place: Place, document: Synthesis) -> Iterator[Finding]:
    """H(L0) and H(L1|L0) sum to the fixed H(finest), so no synthetic experiment can tell them apart."""
    sizes = place.points("v5")
    profiles = [[one.profile for one in document.partitions if one.coarse == size] for size in sizes]
    coarse = [mean(profile.h_l0 for profile in members) for members in profiles]
    fine = [mean(profile.h_l1_given_l0 for profile in members) for members in profiles]
    s, together = [mean(place.values("v5", size)) for size in sizes], pearson(coarse, fine).coefficient
    rises, falls = (spearman(x, s).coefficient for x in (coarse, fine))
    if together is not None and rises is not None and falls is not None:
        evidence = (
            f"H(L0) and H(L1|L0) correlate with r = {together:+.3f} here, as they sum to H(finest); S "
            f"correlates with them with rho = {rises:+.2f} and {falls:+.2f}, one the mirror of the other"
        )
        verdict = Verdict.FAILS if abs(together) >= MIRRORED else Verdict.OPEN
        yield place.finding("driver", "v5", verdict, evidence)


def _at_every_size(place: Place) -> Iterator[Finding]:
    if values := {f"K0 = {size}": place.values("mrl", size) for size in place.points("mrl")}:
        yield place.finding("flat-synthetic", "mrl", *all_within("flat-synthetic", values))
    tested = corrected(
        place.against("v5, mrl", place.by_seed("v5", size), place.by_seed("mrl", size))
        for size in place.points("v5")
    )
    if tested:
        gaps = [mean(one.gaps) for one in tested]
        sure = sum(one.verdict is Verdict.HOLDS for one in tested)
        evidence = (
            f"gaps {min(gaps):+.3f} to {max(gaps):+.3f}, {sure} of {len(gaps)} significant, {tested[0].seeds}"
        )
        yield place.finding("beyond-synthetic", "v5, mrl", every(one.verdict for one in tested), evidence)


def _synthesis(group: Group) -> Iterator[Beside]:
    for place in group:
        theirs = printed("table_5", place.document.corpus).get("S", {}) if place.is_papers else {}
        for strategy in ("v5", "mrl"):
            for size in place.points(strategy):
                if paper := theirs.get(str(size)):
                    here = mean_sd(place.values(strategy, size))
                    yield place.row(strategy, f"S at K0 = {size}", here, signed(paper[strategy]))


def _judge_capacity(group: Group) -> Iterator[Finding]:
    for place in group:
        smallest, *others = place.points("v5") or [0]
        if others:
            yield _smallest_block(place, smallest, others)
    swept = [
        place for place in {place.document.corpus: place for place in group}.values() if place.points("v5")
    ]
    common = set.intersection(*(set(place.points("v5")) for place in swept)) if swept else set()
    if len(swept) >= FEWEST_SWEPT and common:
        size = min(common)
        depths = [place.document.profile.h_l1_given_l0 for place in swept]
        values = [mean(place.values("v5", size)) for place in swept]
        rho, r = spearman(depths, values), pearson(depths, values)
        if rho.coefficient is not None:
            shown = f"blocks of {size}: rho = {rho.coefficient:.2f}, r = {number(r.coefficient)}"
            yield _rises("smallest-depth", group[0].over, group[0].arms("v5"), rho, shown)


def _smallest_block(place: Place, smallest: float, others: Sequence[float]) -> Finding:
    sides = {size: place.by_seed("v5", size) for size in (smallest, *others)}
    made = {size: place.against("v5", sides[smallest], sides[size]) for size in others}
    fair = {size: one for size, one in made.items() if one.pairs}
    tested = dict(zip(fair, corrected(fair.values()), strict=True))
    means = {size: mean(values.values()) for size, values in sides.items()}
    peak = max(means, key=lambda size: means[size])
    against = USUAL_BLOCK if peak == smallest else peak
    evidence = f"peak of {means[peak]:+.3f} at {peak}; {smallest}: {means[smallest]:+.3f}"
    if (one := tested.get(against)) is None:
        verdict = Verdict.DIRECTION if peak == smallest else Verdict.OPEN
    else:
        evidence += f", {against}: {means[against]:+.3f}, {p_phrase(one.p)}, {one.seeds}"
        sure = larger(abs(mean(one.gaps)), one.p, len(one.pairs)) is Verdict.HOLDS
        verdict = one.verdict if peak == smallest else Verdict.FAILS if sure else Verdict.OPEN
    return place.finding("smallest-block", "v5", verdict, evidence)


CHAPTERS = (
    Chapter("figure-4", evaluated(), _judge_scaling, _scaling),
    Chapter("table-6", _by_backbone, _judge_encoders, _encoders),
    Chapter("table-5", synthetic, _judge_synthesis, _synthesis),
    Chapter("figure-6", ablated("capacity"), _judge_capacity),
)
