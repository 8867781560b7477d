"""The noise axis: S over the share of wrong coarse labels in training (paper, Section 8)."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean
from typing import TYPE_CHECKING, Any

from fractalctl.report.axes import (
    APART,
    asked,
    by_arms,
    by_setting,
    draw_steerability,
    is_papers,
    shown,
    slug,
    steerability_at,
    strategies_of,
    test_cells,
)
from fractalctl.report.figures import new_figure
from fractalctl.report.markdown import NOTHING, chance
from fractalctl.report.measured import SPREAD, decimals, published, tested, verdict
from fractalctl.report.runs import Document
from fractalctl.report.sections import Claim, Picture, Section, Table
from fractalctl.statistics.comparisons import Comparison
from fractalctl.statistics.points import arm, compare_noise

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PATTERN = "ablation-noise*.json"


def section(documents: Sequence[Document]) -> Section:
    """The report's part on wrong coarse labels."""
    text = (
        "Of the training rows a share has a wrong coarse label, drawn anew for each seed; finer labels and "
        "test rows stay right. What is left is mean S over mean S without noise. v5 with mrl at every share, "
        "and v5 without noise with v5 at each share: paired t tests over seeds, Holm over the shares of "
        "one corpus, separately for the two."
    )
    parts: list[str | Table | Picture] = [text]
    claims: list[Claim] = []
    for name, members in by_setting(documents).items():
        compared = compare_noise(members)
        parts += [_table(name, members, compared), _picture(name, members)]
        claims += [claim for one in members for claim in _claims(name, one, compared)]
    return Section("Label noise", parts, claims)


def _table(name: str, documents: Sequence[Document], compared: Sequence[Comparison]) -> Table:
    rows, tests = [], by_arms(compared)
    for one in documents:
        for share in one["values"]:
            v5, mrl = (steerability_at(one, strategy, share) for strategy in ("v5", "mrl"))
            names = arm("v5", "noise", share), arm("mrl", "noise", share)
            lost = tests.get((one["corpus"], arm("v5", "noise", 0), names[0]))
            row = [one["corpus"], share, decimals(v5, 3, "+"), _kept_cell(one, share), test_cells(lost)[1]]
            row += [decimals(mrl, 3, "+"), *test_cells(tests.get((one["corpus"], *names)))]
            rows.append(row + _published(one, share))
    columns = [
        "corpus",
        "wrong, %",
        "v5 S",
        "left of it",
        "p of the loss (Holm)",
        "mrl S",
        "t, v5 against mrl",
    ]
    columns += ["p (Holm)", "paired d", "paper v5 S", "paper left"]
    caption = (
        f"S over the share of wrong coarse labels in training, {SPREAD}, {name}; queries: {asked(documents)} "
        "(Section 8)."
    )
    return Table(f"noise-{slug(name)}", caption, columns, rows)


def kept(document: Document, share: int) -> float | None:
    """Mean S of v5 at a share of noise over its mean S without any; None where that is not above zero."""
    clean, noisy = (steerability_at(document, "v5", point) for point in (0, share))
    return mean(noisy) / mean(clean) if clean and noisy and mean(clean) > 0 else None


def _kept_cell(document: Document, share: int) -> str:
    found = kept(document, share)
    return NOTHING if found is None else f"{found:.0%}"


def _paper(document: Document) -> Mapping[str, Any]:
    found: Mapping[str, Any] = published("axes")["noise"].get(document["corpus"], {})
    return found if is_papers(document) else {}


def _published(document: Document, share: int) -> list[str]:
    theirs = _paper(document).get(str(share))
    return [f"{theirs['S']:+.3f}", f"{theirs['kept']:.0%}"] if theirs else [NOTHING] * 2


def _picture(name: str, documents: Sequence[Document]) -> Picture:
    figure = new_figure(max(4.5, 4.2 * len(documents)), 3.6)
    for axes, one in zip(figure.subplots(1, len(documents), squeeze=False)[0], documents, strict=True):
        _panel(axes, one)
    caption = (
        f"Mean S over the share of wrong coarse labels in training, {name}; bars are 95 % confidence "
        "intervals of the mean over seeds, crosses the paper's (Section 8)."
    )
    return Picture(f"noise-{slug(name)}", caption, figure)


def _panel(axes: "Axes", one: Document) -> None:
    for place, strategy in enumerate(shown(one)):
        draw_steerability(axes, one, strategy, strategy, place, place, APART * (place - 0.5))
    if theirs := _paper(one):
        heights = [found["S"] for found in theirs.values()]
        axes.plot([int(share) for share in theirs], heights, "kx", label="paper, v5")
    axes.axhline(0, color="black", linewidth=0.8)
    axes.grid(alpha=0.3)
    axes.set(
        title=one["corpus"],
        xlabel="wrong coarse labels, % of training rows",
        ylabel="steerability S",
        xticks=one["values"],
    )
    axes.legend(frameon=False, fontsize="small")


def _claims(name: str, one: Document, compared: Sequence[Comparison]) -> Iterator[Claim]:
    if "v5" not in strategies_of(one):
        return
    where, tests = f"{one['corpus']}, {name}", by_arms(compared)
    for share in one["values"]:
        found, theirs = kept(one, share), _paper(one).get(str(share))
        if found is not None and theirs:
            claim = f"{theirs['kept']:.0%} or more of S is left at {share} % noise (Section 8)"
            yield claim, where, verdict(found >= theirs["kept"], f"{found:.0%}")
    share = max(one["values"])
    row = tests.get((one["corpus"], arm("v5", "noise", share), arm("mrl", "noise", share)))
    if share and row:
        a, b = mean(row.values_a), mean(row.values_b)
        evidence = f"S {a:+.3f} against {b:+.3f} of mrl at {share} %, {chance(row.p_adjusted)}"
        claim = "v5 needs no perfect hierarchy: it is steerable beyond mrl at the most noise (Section 8)"
        yield claim, where, tested(a > b, row.p_adjusted, evidence)
