"""Ablations: conditions that differ in one thing, on fixed splits; one table and figure for every axis."""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
    "levels is the finer one's gain less the coarser one's: S_01 of the two coarsest. Zoom is monotone where "
    "finer levels gain more.",
    "rows": "So many labelled rows of each finest class train the head, and are the reference of the index "
    "protocol; each seed draws its own. raw is the backbone cut, which needs none.",
    "unseen": "A fifth of the finest classes is left out of training. Searches ask test rows of either kind "
    "of class, among references of that kind; raw is the backbone cut.",
    "backbone": "The encoder is frozen, or its last layers are trained together with the head. Split, "
    "initial head, batches, prefixes and block dropout of a seed are the same.",
}
"""What the axes of ours vary; others are described by their files alone."""
NAMED = {
    "added_level": ("The level that was added above the others", ["corpus", "its class", "holds"]),
    "left_out": ("Finest classes that were left out of training", ["corpus", "classes"]),
}
"""What files of ours name, by the key: a caption, and the columns of a table."""
SHARES = ("monotone_zoom",)
"""What else is measured that has no sign."""
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
        text = " ".join(filter(None, [AXES.get(axis, ""), _about(members)]))
        parts += [f"### {markdown_text(axis.capitalize())}", *([text] if text else []), *_named(members)]
        for found in grouped(members, setting_of).values():
            parts += _parts(found, results)
    return Section("Ablations", parts, ORDER) if parts else None


def _about(members: Sequence[Ablation]) -> str:
    """What else holds of the files, as a sentence of Markdown."""
    kept = [
        ", ".join(f"{name} {value}" for name, value in one.about.items() if _said(name)) for one in members
    ]
    told = markdown_text("; ".join(dict.fromkeys(filter(None, kept))))
    return f"{told[0].upper()}{told[1:]}." if told else ""


def _said(name: str) -> bool:
    """Whether a key of a file's ``about`` is for a sentence: no identity, and no names of classes."""
    return name not in NAMED and "identity" not in name


def _named(members: Sequence[Ablation]) -> Iterator[Table]:
    """Classes that files name, as tables; of ``a: b, c; d: e`` a row for ``a`` and one for ``d``."""
    pairs = list(zip(corpus_names(members), members, strict=True))
    for key, (caption, columns) in NAMED.items():
        rows: list[list[object]] = []
        for corpus, one in pairs:
            if text := str(one.about.get(key, "")):
                lines = text.split("; ") if len(columns) > 2 else [text]
                rows += [[corpus, *line.split(": ", len(columns) - 2)] for line in lines]
        if rows:
            name = slug(f"ablation-{members[0].axis}-{key.replace('_', '-')}")
            yield Table(name, f"{caption}.", columns, rows, len(columns), folded=True)


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
            f"Mean S of every corpus at its smallest value of {first.varied}, against the depth of its tree; "
            f"{where}."
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
            title = one.document.profile.titles[level]
            rows.append([*one.place, f"{title} ({classes})", ", ".join(lengths), gain, *cells])
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
        extra = {key: [run.more[key] for run in one.runs if key in run.more] for key in keys}
        cells = [mean_sd(values, sign=key not in SHARES) for key, values in extra.items()]
        for level in levels:
            cells.append(percents([one.document.profile.baseline[level]]))
            cells.append(percents([run.baseline[level] for run in one.runs if run.baseline]))
        rows.append([*one.place, *cells])
    if keys or levels:
        words = _words(found)
        heads = [f"{what}, {words(level)}" for level in levels for what in ("features, %", "own features, %")]
        caption = f"What else was measured, {rest}"
        columns = [*start, *map(words, keys), *heads]
        yield Table(f"ablation-further-{_stem(found)}", caption, columns, rows, len(start))


def _words(found: Sequence[Ablation]) -> Callable[[str], str]:
    """What columns are called, by the key: ``gain_L1`` is ``gain, intent [L1]``, where all say so alike."""
    titles = {tuple(one.profile.titles) for one in found}
    called = {f"L{level}": title for level, title in enumerate(titles.pop())} if len(titles) == 1 else {}

    def words(key: str) -> str:
        what, _, level = key.rpartition("_")
        shown = called.get(level, level)
        return key if level not in called else f"{what}, {shown}" if what else shown

    return words


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
        side = "right" if depth == max(one.profile.h_l1_given_l0 for one in groups.values()) else "center"
        axes.annotate(
            corpus, (depth, max(tops)), (0, 6), textcoords="offset points", fontsize="small", ha=side
        )
    frame(axes, zero=True, xlabel="H(finest | coarsest), bits", ylabel="steerability S")
    axes.margins(0.15)
    legend(figure)
    return figure


def gains_figure(groups: Mapping[str, Ablation]) -> "Figure":
    """What each level gains over the shortest prefix, a panel per corpus, arm and point of the axis."""
    panels: dict[str, Lines] = {}
    places: dict[str, int] = {}
    for corpus, one in groups.items():
        for (arm, _), runs in by_condition(one).items():
            point = [f"{name} {value}" for name, value in runs[0].point.items() if name == one.varied]
            lengths = sorted(runs[0].accuracy, key=int)
            lines: dict[str, tuple[list[int], list[list[float]]]] = {}
            for level, classes in enumerate(one.profile.classes):
                shares = [[run.accuracy[length][f"L{level}"] for length in lengths] for run in runs]
                gains = [[100 * (share - row[0]) for share in row] for row in shares]
                label = f"{one.profile.titles[level]} ({classes})"
                lines[label], places[label] = ([*map(int, lengths)], gains), level
            panels[", ".join([corpus, arm, *point])] = lines
    return line_panels(panels, places, "dimensions", "gain (points)")
