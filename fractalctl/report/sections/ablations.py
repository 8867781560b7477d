"""Ablations: conditions that differ in one thing, on fixed splits; one table and figure for every axis."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import TYPE_CHECKING

from fractalctl.documents.experiments import Ablation
from fractalctl.documents.measured import Run
from fractalctl.documents.statistics import Statistics, Subject
from fractalctl.numbers import interval, listed, mean_sd, percent, percents, signed
from fractalctl.report.figures import (
    COLOURS,
    Lines,
    frame,
    intervals,
    legend,
    line_panels,
    look,
    mean_interval,
    new_figure,
)
from fractalctl.report.results import Results, by_condition, corpus_names, setting_of, slug
from fractalctl.report.statistics_tables import pairs_table
from fractalctl.report.writers import markdown_text
from fractalctl.statistics.observations import grouped
from fractalctl.statistics.reading import protocol_of
from fractalctl.tables import Part, Picture, Section, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ORDER = 60
AXES = {
    "alignment": "Only what is trained on which level differs between arms: the split, each seed's initial "
    "weights, batches, prefixes and dropout are the same.",
    "capacity": "Heads of as many blocks as ever, whose size alone varies, and with it the full length.",
    "noise": "A share of the training rows has a wrong coarse label, drawn anew for each seed; finer labels "
    "and test rows stay right.",
    "depth": "The gain of a level is its accuracy at full length less that at the first prefix; S of two "
    "levels is the finer one's gain less the coarser one's. Zoom is monotone where finer levels gain more.",
    "rows": "So many labelled rows of each finest class train the head, and are the reference of the index "
    "protocol; each seed draws its own. raw is the backbone cut, which needs none.",
    "unseen": "A fifth of the finest classes is left out of training. Searches ask test rows of either kind "
    "of class, among references of that kind; raw is the backbone cut.",
    "backbone": "The encoder is frozen, or its last layers are trained together with the head. Split, "
    "initial head, batches, prefixes and block dropout of a seed are the same.",
}
"""What the axes of ours vary; others are described by their files alone."""
FEWEST = 3
"""Corpora that a figure over corpora needs."""
AXIS_LABELS = {
    "capacity": "numbers per block",
    "noise": "wrong coarse labels (%)",
    "rows": "labelled rows of each finest class",
}
"""What an axis is called under a picture."""


@dataclass(frozen=True)
class Condition:
    """The heads of one arm at one point of an axis; ``place`` begins their row in a table."""

    document: Ablation
    place: list[object]
    runs: list[Run]


def build(results: Results) -> Section | None:
    """The report's part on ablations."""
    parts: list[Part] = []
    for axis, members in grouped(results.ablations, lambda one: one.axis).items():
        about = "; ".join(dict.fromkeys(_about(one) for one in members if one.about))
        text = " ".join(filter(None, [AXES.get(axis, ""), markdown_text(about)]))
        parts += [f"### {markdown_text(axis.capitalize())}", *([text] if text else [])]
        for found in grouped(members, setting_of).values():
            parts += _parts(found, results)
    return Section("Ablations", parts, ORDER) if parts else None


def _about(one: Ablation) -> str:
    return ", ".join(f"{name} {value}" for name, value in one.about.items() if "identity" not in name)


def _parts(found: Sequence[Ablation], results: Results) -> Iterator[Part]:
    first, places = found[0], results.places
    where, stem = f"{first.axis}, {setting_of(first)}", _stem(found)
    groups = dict(zip(corpus_names(found), found, strict=True))
    yield from overview_tables(found)
    yield from pairs_table(_statistics(found, results))
    deep = {corpus: one for corpus, one in groups.items() if len(one.profile.classes) > 2}
    if deep:
        caption = (
            f"What each level gains over the shortest prefix, {where}; means over seeds with 95 % intervals."
        )
        yield Picture(f"ablation-gains-{stem}", caption, lambda: gains_figure(deep))
    caption = f"Mean S, {where}; bars are 95 % confidence intervals of the mean over seeds."
    yield Picture(f"ablation-{stem}", caption, lambda: values_figure(groups, places), _alt(groups, where))
    if numeric(first) and len(found) >= FEWEST:
        caption = (
            f"Mean S at the smallest {first.varied} of every corpus, against the depth of its tree; {where}."
        )
        yield Picture(f"ablation-over-depth-{stem}", caption, lambda: over_depth_figure(groups, places))


def _alt(groups: Mapping[str, Ablation], where: str) -> str:
    """Which condition has the largest and the smallest mean S on each corpus."""
    told = []
    for corpus, one in groups.items():
        means = {}
        for (arm, _), runs in by_condition(one).items():
            condition = ", ".join([arm, *(f"{name} {value}" for name, value in runs[0].point.items())])
            means[condition] = mean(run.steerability.s for run in runs)
        high, low = max(means, key=lambda name: means[name]), min(means, key=lambda name: means[name])
        told.append(f"{corpus} from {signed(means[low])} ({low}) to {signed(means[high])} ({high})")
    return f"Mean S, {where}: {'; '.join(told)}."


def _stem(found: Sequence[Ablation]) -> str:
    return slug(f"{found[0].axis}-{setting_of(found[0])}")


def _statistics(found: Sequence[Ablation], results: Results) -> Statistics:
    """Tests corrected over all corpora where there are; else those of the files, each corrected by itself."""
    first, rows = found[0], [row for one in found for row in one.comparisons]
    wanted = ("ablation", first.axis, first.backbone, protocol_of(first))
    for one in results.statistics:
        if one.about and (one.about.kind, one.about.axis, one.about.backbone, one.about.protocol) == wanted:
            return one
    about = Subject(
        kind="ablation", axis=first.axis, backbone=first.backbone, protocol=wanted[-1], reference=None,
        corpora=[one.corpus for one in found],
    )  # fmt: skip
    return Statistics(about=about, comparisons=rows, correction=next((row.correction for row in rows), None))


def _conditions(found: Sequence[Ablation]) -> list[Condition]:
    """Arms at the points of the axis, in the order of the runs."""
    made = []
    for corpus, one in zip(corpus_names(found), found, strict=True):
        for (arm, point), runs in by_condition(one).items():
            made.append(Condition(one, [corpus, *(point if one.varied else ()), arm], runs))
    return made


def overview_tables(found: Sequence[Ablation]) -> list[Table]:
    """S, accuracy at every level and prefix, and what else an axis measures; of one axis and setting."""
    varied = found[0].varied
    start = ["corpus", *([varied] if varied else []), "arm"]
    asked = [f"{one.n_queries} on {corpus}" for one, corpus in zip(found, corpus_names(found), strict=True)]
    where = f"{found[0].axis}, {setting_of(found[0])}; queries: {listed(asked)}"
    rest = f"mean ± standard deviation over seeds; {where}."
    made = [_values_table(found, start, rest), _accuracy_table(found, start, rest)]
    return [*made, *_further_table(found, start, rest)]


def _values_table(found: Sequence[Ablation], start: list[str], rest: str) -> Table:
    rows, firsts = [], dict[tuple[object, str], float]()
    for one in _conditions(found):
        s = [run.steerability.s for run in one.runs]
        halves = [
            mean_sd([getattr(run.steerability, half) for run in one.runs])
            for half in ("delta_coarse", "delta_fine")
        ]
        first = firsts.setdefault((one.place[0], one.runs[0].arm), mean(s))
        kept = [percent(mean(s) / first if first > 0 else None)] if one.document.varied else []
        rows.append([*one.place, len(s), mean_sd(s), interval(mean_interval(s), 3), *halves, *kept])
    columns = [*start, "seeds", "S", "95 % CI", "delta_coarse", "delta_fine"]
    columns += ["of that at the first"] if found[0].varied else []
    return Table(f"ablation-{_stem(found)}", f"S of every condition, {rest}", columns, rows, left=len(start))


def _accuracy_table(found: Sequence[Ablation], start: list[str], rest: str) -> Table:
    rows = []
    most = max(len(run.accuracy) for one in found for run in one.runs)
    for one in _conditions(found):
        lengths = sorted(one.runs[0].accuracy, key=int)
        for level, classes in enumerate(one.document.profile.classes):
            shares = [[run.accuracy[length][f"L{level}"] for run in one.runs] for length in lengths]
            gain = percents(
                [last - first for first, last in zip(shares[0], shares[-1], strict=True)], sign=True
            )
            cells = [*map(percents, shares), *[""] * (most - len(shares))]
            rows.append([*one.place, f"L{level} ({classes})", ", ".join(lengths), gain, *cells])
    heads = [*start, "level (classes)", "lengths"]
    columns = [*heads, "gain", *(f"prefix {place}" for place in range(1, most + 1))]
    caption = (
        f"k-NN accuracy in % at each prefix and level, gains from the first to the last in points, {rest}"
    )
    folded = len(found[0].profile.classes) < 3
    return Table(
        f"ablation-accuracy-{_stem(found)}", caption, columns, rows, len(heads), brief=(), folded=folded
    )


def _further_table(found: Sequence[Ablation], start: list[str], rest: str) -> Iterator[Table]:
    runs = [run for one in found for run in one.runs]
    keys = list(dict.fromkeys(key for run in runs for key in run.more))
    levels = list(dict.fromkeys(level for run in runs for level in run.baseline or {}))
    rows = []
    for one in _conditions(found):
        cells = [mean_sd([run.more[key] for run in one.runs if key in run.more]) for key in keys]
        for level in levels:
            cells.append(percents([one.document.profile.baseline[level]]))
            cells.append(percents([run.baseline[level] for run in one.runs if run.baseline]))
        rows.append([*one.place, *cells])
    if keys or levels:
        heads = [f"{what}, {level}" for level in levels for what in ("features, %", "own features, %")]
        caption = f"What else was measured, {rest}"
        yield Table(f"ablation-further-{_stem(found)}", caption, [*start, *keys, *heads], rows, len(start))


def numeric(one: Ablation) -> bool:
    """Whether an axis has numbers, so that lines can be drawn along it."""
    return one.varied is not None and all(isinstance(value, int | float) for value in one.values)


def arms_of(one: Ablation) -> list[str]:
    """Labels, in the order of the runs."""
    return list(dict.fromkeys(run.arm for run in one.runs))


def values_figure(groups: Mapping[str, Ablation], places: Mapping[str, int]) -> "Figure":
    """S over the values of an axis, a panel per corpus; a line for each condition where words vary."""
    if numeric(first := next(iter(groups.values()))) and len(first.values) > 1:
        panels: dict[str, Lines] = {}
        for corpus, one in groups.items():
            x = [float(value) for value in one.values]
            columns = {arm: [_seeds(one, arm, value) for value in one.values] for arm in arms_of(one)}
            # zip ends with the shortest column: a seed that is not everywhere stands in the table alone
            panels[corpus] = {arm: (x, list(zip(*found, strict=False))) for arm, found in columns.items()}
        xlabel = AXIS_LABELS.get(first.axis, str(first.varied))
        return line_panels(panels, places, xlabel, "steerability S")
    conditions: dict[str, int] = {}
    values: dict[str, dict[str, list[float]]] = {}
    for corpus, one in groups.items():
        for run in one.runs:
            point = None if one.varied is None else run.point[one.varied]
            name = run.arm if point is None else f"{run.arm}, {point}"
            values.setdefault(corpus, {}).setdefault(name, []).append(run.steerability.s)
            # the same colour for an arm, and another filling for each value
            turn = 0 if point is None else len(COLOURS) * one.values.index(point)
            conditions[name] = places[run.arm] + turn
    return intervals(values, conditions, "steerability S")


def _seeds(one: Ablation, arm: str, value: object) -> list[float]:
    return [
        run.steerability.s for run in one.runs if run.arm == arm and run.point.get(str(one.varied)) == value
    ]


def over_depth_figure(groups: Mapping[str, Ablation], places: Mapping[str, int]) -> "Figure":
    """S at the smallest value of a corpus, against the depth of its tree; a point per corpus and arm."""
    figure = new_figure(6.0, 3.6)
    axes = figure.subplots()
    for corpus, one in groups.items():
        depth, tops = one.profile.h_l1_given_l0, []
        for arm in arms_of(one):
            if seeds := _seeds(one, arm, min(one.values, key=float)):
                tops.append(mean(seeds))
                axes.plot(depth, tops[-1], label=arm, **(look(places[arm]) | {"linestyle": "none"}))
        axes.annotate(
            corpus, (depth, max(tops)), (0, 6), textcoords="offset points", fontsize="small", ha="center"
        )
    frame(axes, zero=True, xlabel="H(finest | L0), bits", ylabel="steerability S")
    axes.margins(0.15)
    legend(figure)
    return figure


def gains_figure(groups: Mapping[str, Ablation]) -> "Figure":
    """What each level gains over the shortest prefix, a panel per corpus and arm."""
    panels: dict[str, Lines] = {}
    places: dict[str, int] = {}
    for corpus, one in groups.items():
        for arm in arms_of(one):
            runs = [run for run in one.runs if run.arm == arm]
            lengths = sorted(runs[0].accuracy, key=int)
            lines: dict[str, tuple[list[int], list[list[float]]]] = {}
            for level, classes in enumerate(one.profile.classes):
                shares = [[run.accuracy[length][f"L{level}"] for length in lengths] for run in runs]
                gains = [[100 * (share - row[0]) for share in row] for row in shares]
                label = f"L{level} ({classes})"
                lines[label], places[label] = ([*map(int, lengths)], gains), level
            panels[f"{corpus}, {arm}"] = lines
    return line_panels(panels, places, "dimensions", "gain (points)")
