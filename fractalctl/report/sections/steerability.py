"""Steerability of every arm."""

from collections.abc import Iterable
from statistics import mean

from fractalctl.numbers import MISSING, interval, mean_sd, signed
from fractalctl.report.figures import intervals, mean_interval
from fractalctl.report.results import Group, Results, how
from fractalctl.tables import Part, Picture, Section, Table

ORDER = 30
HALVES = ("delta_coarse", "delta_fine")
RELATIVES = ("S_auc", "S_mono", "S_gap", "specialization_gap", "control_auc")
"""What stands beside S, by key in evaluation files."""
OVER_QUERIES = "over queries"


def build(results: Results) -> Section | None:
    """The report's part on steerability."""
    text = (
        "S = (coarse@shortest - coarse@full) + (fine@full - fine@shortest), by accuracy at the coarsest and "
        "at the finest level; its two halves are delta_coarse and delta_fine. Mean ± standard deviation over "
        "training seeds, the unit of replication. S depends strongly on the protocol and is never compared "
        "across two."
    )
    parts = [part for group in results.settings for part in _parts(group, results.places)]
    return Section("Steerability", [text, *parts], ORDER) if parts else None


def _parts(group: Group, places: dict[str, int]) -> list[Part]:
    seeds = sorted({row.document.seed for row in group.rows})
    values: dict[str, dict[str, list[float]]] = {corpus: {} for corpus in group.corpora}
    main: list[list[object]] = []
    relatives: list[list[object]] = []
    each: list[list[object]] = []
    for corpus, arm in [(one, arm) for one in values for arm in group.on(one).arms]:
        found = [row.document for row in group.on(corpus).of(arm)]
        measures = [one.steerability.values() for one in found]
        by_name = {name: [one[name] for one in measures] for name in ("S", *HALVES, *RELATIVES)}
        s = values[corpus][arm] = by_name["S"]
        over_queries = interval(found[0].steerability.intervals.get("S"), 3) if len(found) == 1 else MISSING
        cells = [mean_sd(s), interval(mean_interval(s), 3), over_queries]
        main.append([corpus, arm, len(found), *cells, *(mean_sd(by_name[name]) for name in HALVES)])
        relatives.append([corpus, arm, *(mean_sd(by_name[name]) for name in RELATIVES)])
        known = {one.seed: one.steerability.s for one in found}
        each.append([corpus, arm, *(signed(known.get(seed)) for seed in seeds)])
    alone = any(len(group.on(corpus).of(arm)) == 1 for corpus in values for arm in values[corpus])
    caption = (
        f"S of every arm; {how(group.first)}. The interval is of the mean over seeds (Student's t)"
        f"{'; that over queries is of a single head' if alone else ''}."
    )
    tables: dict[str, tuple[str, Iterable[str], list[list[object]]]] = {
        "": (caption, ["seeds", "S", "95 % CI", OVER_QUERIES, *HALVES], main),
        "measures-": (f"Relatives of S; {how(group.first)}.", RELATIVES, relatives),
        "seeds-": (f"S of every seed; {how(group.first)}.", map(str, seeds), each),
    }
    made = [
        Table(
            f"steerability-{kind}{group.slug}", words, ["corpus", "arm", *columns], rows, 2, folded=bool(kind)
        )
        for kind, (words, columns, rows) in tables.items()
    ]
    made[0] = made[0] if alone else made[0].without([OVER_QUERIES])
    return [*made, _picture(group, values, places)]


def _picture(group: Group, values: dict[str, dict[str, list[float]]], places: dict[str, int]) -> Picture:
    caption = f"Mean S, {group.name}, with its 95 % interval over seeds; every dot is a seed."
    means = {(arm, corpus): mean(s) for corpus, arms in values.items() for arm, s in arms.items()}
    arm, corpus = max(means, key=lambda place: means[place])
    alt = f"{caption} The largest mean is that of {arm} on {corpus}."
    return Picture(
        f"steerability-{group.slug}", caption, lambda: intervals(values, places, "steerability S"), alt
    )
