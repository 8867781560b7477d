"""The backbone axis: v5 and mrl with the encoder's last layers trained or not (paper, Figure 7)."""

from collections.abc import Iterator, Sequence
from statistics import mean
from typing import TYPE_CHECKING, Any

import numpy as np

from fractalctl.report.axes import asked, by_setting, slug, strategies_of, test_cells
from fractalctl.report.figures import COLOURS, half_width, new_figure
from fractalctl.report.markdown import NOTHING, chance, number, pair, spread
from fractalctl.report.measured import ALPHA, ARMS, SPREAD, percent, published, verdict
from fractalctl.report.runs import Document
from fractalctl.report.sections import Claim, Picture, Section, Table
from fractalctl.report.steerability import NEAR_ZERO, difference, near_zero
from fractalctl.statistics.comparisons import Comparison
from fractalctl.statistics.factorial import ENCODERS, arm, compare_tuning

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PATTERN = "ablation-backbone*.json"
HATCHES = {"frozen": "", "tuned": "////"}


def section(documents: Sequence[Document]) -> Section:
    """The report's part on training the encoder's last layers with the head."""
    text = (
        "Two supervisions on two encoders: frozen, and with its last layers trained together with the head. "
        "Split, initial head, batches, prefixes and block dropout of a seed are the same in all four cells. "
        "Paired t tests over seeds, Holm over the comparisons of one corpus; the interaction asks whether "
        "v5 leads mrl by another S on the tuned encoder than on the frozen one."
    )
    parts: list[str | Table | Picture] = [text]
    claims: list[Claim] = []
    for name, members in by_setting(documents).items():
        compared = compare_tuning(members)
        parts += [_cells_table(name, members), _tests_table(name, compared)]
        parts += [_encoders_table(name, members), _picture(name, members)]
        claims += [claim for row in compared for claim in _claims(name, row)]
    return Section("Training the encoder too", parts, claims)


def _steerability(document: Document, strategy: str, encoder: str) -> list[float]:
    return [run["steerability"]["S"] for run in _cell(document, strategy, encoder)]


def _cell(document: Document, strategy: str, encoder: str) -> list[Document]:
    """The runs of one cell of the design."""
    return [run for run in document["runs"] if (run["strategy"], run["encoder"]) == (strategy, encoder)]


def _cells_table(name: str, documents: Sequence[Document]) -> Table:
    paper, rows = published("finetuning"), []
    for one in documents:
        theirs = paper.get(one["corpus"], {})
        how = [one["layers"], f"{one['encoder_rate']:g}", one["n_train"], len(one["seeds"])]
        for strategy in strategies_of(one):
            ours = [spread(_steerability(one, strategy, encoder)) for encoder in ENCODERS]
            printed = [theirs.get(arm(strategy, encoder)) for encoder in ENCODERS]
            cells = [NOTHING if found is None else pair(found) for found in printed]
            rows.append([one["corpus"], strategy, *how, *ours, *cells])
    columns = ["corpus", "strategy", "layers", "their rate", "training rows", "seeds", "S frozen", "S tuned"]
    columns += ["paper frozen", "paper tuned"]
    caption = (
        f"S on a frozen and on a tuned encoder, {SPREAD}, {name}; queries: {asked(documents)} (Figure 7)."
    )
    return Table(f"figure-7-backbone-{slug(name)}", caption, columns, rows, left=2)


def _tests_table(name: str, compared: Sequence[Comparison]) -> Table:
    paper, rows = published("finetuning"), []
    for row in compared:
        theirs = paper.get(row.unit.corpus, {}).get("tests", {})
        means = [f"{mean(values):+.3f}" for values in (row.values_a, row.values_b)]
        t, p, _ = test_cells(row)
        printed = theirs.get(f"{row.a}, {row.b}", [NOTHING, NOTHING])
        rows.append([row.unit.corpus, row.a, row.b, *means, t, p, number(row.effects.d_av, ".1f"), *printed])
    columns = ["corpus", "a", "b", "S of a", "S of b", "paired t", "p (Holm)", "d_av", "paper d", "paper p"]
    caption = f"Every comparison of the design, the interaction among them, {name} (Figure 7)."
    return Table(f"backbone-tests-{slug(name)}", caption, columns, rows, left=3)


def _encoders_table(name: str, documents: Sequence[Document]) -> Table:
    """Whether training the encoder did anything at all."""
    rows = []
    for one in documents:
        levels, full = list(one["profile"]["baseline"]), str(one["dims"][-1])
        ends = levels[0], levels[-1]
        before = [percent([one["profile"]["baseline"][level]]) for level in ends]
        for strategy in strategies_of(one):
            runs = _cell(one, strategy, "tuned")
            after = [percent([run["baseline"][level] for run in runs]) for level in ends]
            heads = [
                percent([run["accuracy"][full][ends[1]] for run in _cell(one, strategy, encoder)])
                for encoder in ENCODERS
            ]
            moved = _share([run["moved"] for run in runs])
            rows.append([one["corpus"], strategy, moved, before[0], after[0], before[1], after[1], *heads])
    columns = ["corpus", "strategy", "layers moved by %", "features, L0", "tuned, L0", "features, finest"]
    columns += ["tuned, finest", "head, finest", "with tuned layers"]
    caption = (
        f"What training did to the encoder, {name}: how far its layers moved, in % of their norm, and k-NN "
        f"accuracy in % on the features themselves and on full embeddings, {SPREAD}."
    )
    return Table(f"backbone-encoders-{slug(name)}", caption, columns, rows, left=2)


def _share(values: Sequence[float]) -> str:
    """The mean of fractions in % to two significant digits."""
    return f"{100 * mean(values):.2g}"


def _picture(name: str, documents: Sequence[Document]) -> Picture:
    figure = new_figure(min(11.0, 3.2 + 1.7 * len(documents)), 3.4)
    axes = figure.subplots()
    for place, one in enumerate(documents):
        _draw_corpus(axes, place, one)
    handles = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    figure.legend(list(handles.values()), list(handles), loc="outside right upper", frameon=False)
    axes.axhline(0, color="black", linewidth=0.8)
    corpora = [one["corpus"] for one in documents]
    axes.set(ylabel="steerability S", xticks=range(len(corpora)), xticklabels=corpora)
    caption = (
        f"Mean S of every cell of the design, {name}; hatched where the encoder's last layers were trained. "
        "Bars are 95 % confidence intervals of the mean, every dot is a seed (Figure 7)."
    )
    return Picture(f"figure-7-backbone-{slug(name)}", caption, figure)


def _draw_corpus(axes: "Axes", place: int, document: Document) -> None:
    cells = [(name, encoder) for name in strategies_of(document) for encoder in ENCODERS]
    width = 0.8 / len(cells)
    for number_of, (strategy, encoder) in enumerate(cells):
        values = np.array(_steerability(document, strategy, encoder))
        x = place + (number_of - (len(cells) - 1) / 2) * width
        colour = COLOURS[strategies_of(document).index(strategy) % len(COLOURS)]
        look: dict[str, Any] = {"color": colour, "hatch": HATCHES[encoder], "edgecolor": "white"}
        axes.bar(x, values.mean(), width * 0.9, label=arm(strategy, encoder), **look)
        half = half_width(values[:, None])
        axes.errorbar(x - width / 6, values.mean(), half, color="black", capsize=2, linewidth=1)
        axes.plot(np.full(len(values), x + width / 6), values, "k.", markersize=3.5)


def _claims(name: str, row: Comparison) -> Iterator[Claim]:
    where, arms = f"{row.unit.corpus}, {name}", (row.a, row.b)
    if arms == (arm("v5", "tuned"), arm("mrl", "tuned")):
        yield "v5 stays above mrl where the encoder is trained too (Figure 7)", where, difference(row)
        claim = f"training the encoder gives mrl no steerability, |S| < {NEAR_ZERO} (Figure 7)"
        yield claim, where, near_zero(row)
    if arms == (arm("v5", "frozen"), arm("mrl", "tuned")):
        claim = "v5 on a frozen encoder is above mrl on a trained one (Figure 7)"
        yield claim, where, difference(row)
    for strategy in ARMS:
        if arms == (arm(strategy, "tuned"), arm(strategy, "frozen")):
            claim = f"training the encoder raises the S of {strategy} by nothing significant (Section 5)"
            yield claim, where, _no_gain(row)


def _no_gain(row: Comparison) -> str:
    significant = row.p_adjusted is not None and row.p_adjusted < ALPHA
    numbers = f"S {mean(row.values_a):+.3f} against {mean(row.values_b):+.3f}, {chance(row.p_adjusted)}"
    return verdict(not (mean(row.gaps) > 0 and significant), f"{numbers}, n = {len(row.seeds)} seeds")
