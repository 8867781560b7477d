"""What predicts how steerable a corpus becomes, and the effect pooled over corpora (paper, Section 6.1)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fractalctl.report.figures import COLOURS, new_figure
from fractalctl.report.forest import forest_figure
from fractalctl.report.markdown import NOTHING, chance, number, probability
from fractalctl.report.measured import published, tested, verdict
from fractalctl.report.runs import Document
from fractalctl.report.sections import Claim, Picture, Section, Table
from fractalctl.report.settings import Setting, settings
from fractalctl.statistics.observations import first_seen
from fractalctl.statistics.pooling import meta_block
from fractalctl.statistics.scaling import find_profiles, points, scaling

PATTERN = "evaluation-*.json"
FEWEST = 4
"""Corpora below which a correlation over corpora says nothing."""

AXES = {"depth": "H(finest | L0), bits", "product": "H(finest | L0) x backbone's fine accuracy"}
NAMES = {
    "depth": "H(finest | L0)",
    "learnability": "backbone's fine accuracy",
    "product": "product of both",
}


def section(documents: Sequence[Document]) -> Section | None:
    """The report's part on scaling; None where v5 and mrl were not measured on enough corpora."""
    found = [setting for setting in settings(documents) if len(setting.v5_against_mrl) >= FEWEST]
    if not found:
        return None
    text = (
        "Over corpora, which are the unit here: seeds are averaged first. Correlations of v5's S with the "
        "depth of the label tree, with the untouched backbone's fine accuracy, and with their product; the "
        "paired d of v5 over mrl pooled by DerSimonian and Laird's random effects."
    )
    parts: list[str | Table | Picture] = [text]
    claims: list[Claim] = []
    for setting in found:
        profiles = find_profiles(setting.observations)
        block = scaling(points(setting.observations, "v5", "S", profiles))
        meta = meta_block(setting.v5_against_mrl, profiles)
        parts += [*_tables(setting, block), _pooled_table(setting, meta), *_pictures(setting, block, meta)]
        claims += [*_scaling_claims(setting, block), _pooled_claim(setting, meta)]
    return Section("Scaling over corpora", parts, claims)


def _tables(setting: Setting, block: Mapping[str, Any]) -> Iterator[Table]:
    paper, rows = published("scaling"), []
    for name, found in block["predictors"].items():
        theirs = paper[name]["spearman"]
        rho, r = found["spearman"], found["pearson"]
        rows.append(
            [
                NAMES[name],
                *(number(rho["coefficient"], ".2f"), probability(rho["p"]), probability(rho["p_exact"])),
                *(number(r["coefficient"], ".2f"), probability(r["p"])),
                *(f"{theirs[0]:.2f}", probability(theirs[1])),
            ]
        )
    caption = f"Correlations of v5's mean S over {block['n']} corpora, {setting.name} (Figure 4)."
    columns = ["predictor", "Spearman rho", "p", "exact p", "Pearson r", "p", "paper rho (k = 8)", "paper p"]
    yield Table(f"figure-4-correlations-{setting.slug}", caption, columns, rows)
    yield _without_one_table(setting, block)


def _without_one_table(setting: Setting, block: Mapping[str, Any]) -> Table:
    rows = []
    for name in ("depth", "product"):
        for row in block["predictors"][name]["leave_one_out"]:
            rho, r = row["spearman"], row["pearson"]
            figures = [number(rho["coefficient"], ".2f"), probability(rho["p"])]
            figures += [number(r["coefficient"], ".2f"), probability(r["p"])]
            rows.append([NAMES[name], row["dropped"] or "none", *figures])
    caption = f"The same with each corpus left out in turn, {setting.name} (Table 12)."
    columns = ["predictor", "left out", "Spearman rho", "p", "Pearson r", "p"]
    return Table(f"table-12-leave-one-out-{setting.slug}", caption, columns, rows, left=2)


def _pooled_table(setting: Setting, meta: Mapping[str, Any]) -> Table:
    theirs = published("scaling")["pooled"]
    ours = [meta["k"], f"{meta['pooled']:.2f}", _interval(meta["ci"]), probability(meta["p"])]
    ours += [f"{100 * meta['i2']:.0f} %", _interval(meta["prediction_interval"])]
    paper = [
        8,
        f"{theirs['d']:.2f}",
        _interval(theirs["ci"]),
        NOTHING,
        f"{100 * theirs['i2']:.0f} %",
        NOTHING,
    ]
    columns = ["runs", "corpora", "pooled d", "95 % interval", "p", "I²", "prediction interval"]
    caption = f"Paired d of v5 over mrl, pooled, {setting.name}."
    return Table(f"pooled-{setting.slug}", caption, columns, [["ours", *ours], ["paper", *paper]])


def _interval(limits: Sequence[float] | None) -> str:
    return NOTHING if limits is None else f"[{limits[0]:.2f}, {limits[1]:.2f}]"


def _pictures(setting: Setting, block: Mapping[str, Any], meta: Mapping[str, Any]) -> Iterator[Picture]:
    figure = new_figure(8.0, 3.4)
    for axes, (name, label) in zip(figure.subplots(1, 2, sharey=True), AXES.items(), strict=True):
        middle = sum(point[name] for point in block["points"]) / len(block["points"])
        for point in block["points"]:
            place = point[name], point["mean"]
            axes.plot(*place, "o", color=COLOURS[0])
            offset, side = ((4, 4), "left") if point[name] < middle else ((-4, 4), "right")
            axes.annotate(
                point["corpus"], place, offset, textcoords="offset points", fontsize="small", ha=side
            )
        rho = block["predictors"][name]["spearman"]
        title = f"rho = {number(rho['coefficient'], '.2f')}, {chance(rho['p'])}"
        axes.set(xlabel=label, title=title)
        axes.axhline(0, color="black", linewidth=0.8)
        axes.margins(0.18)
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel("steerability S of v5")
    caption = f"Mean S of v5 per corpus against the paper's two predictors, {setting.name} (Figure 4)."
    yield Picture(f"figure-4-scaling-{setting.slug}", caption, figure)
    caption = (
        f"Paired d of v5 over mrl per corpus and pooled, {setting.name}; bars are 95 % intervals, squares "
        "are as large as the corpus's weight, the grey bar is where a new corpus is to be expected."
    )
    yield Picture(f"forest-{setting.slug}", caption, forest_figure(meta))


def _scaling_claims(setting: Setting, block: Mapping[str, Any]) -> Iterator[Claim]:
    corpora = len(first_seen(point["corpus"] for point in block["points"]))
    for name, claim in {
        "depth": "S rises with the depth of the tree (rho = 0.74 over eight corpora, Section 6.1)",
        "product": "S rises with depth times learnability (rho = 0.90, Section 6.1)",
    }.items():
        rho = block["predictors"][name]["spearman"]
        if rho["coefficient"] is None:
            continue
        evidence = f"rho = {rho['coefficient']:.2f}, {chance(rho['p'])}, {corpora} corpora"
        yield claim, setting.name, tested(rho["coefficient"] > 0, rho["p"], evidence)


def _pooled_claim(setting: Setting, meta: Mapping[str, Any]) -> Claim:
    evidence = f"pooled d = {meta['pooled']:.2f}, 95 % interval {_interval(meta['ci'])}"
    claim = "pooled over corpora, v5 is steerable beyond mrl (d = 1.49, Section 4)"
    return claim, setting.name, verdict(meta["ci"][0] > 0, evidence)
