"""The alignment ablation: each condition against v5 on fixed splits (paper, Table 4 and Figure 3)."""

from collections.abc import Iterator, Sequence
from statistics import mean

from fractalctl.report.axes import asked, by_setting, slug
from fractalctl.report.figures import steerability_bars
from fractalctl.report.markdown import NOTHING, number, pair, probability, spread
from fractalctl.report.measured import published, verdict
from fractalctl.report.runs import Document
from fractalctl.report.sections import Claim, Picture, Section, Table
from fractalctl.report.settings import by_strategy
from fractalctl.report.steerability import NEAR_ZERO, difference, near_zero
from fractalctl.statistics.comparisons import Comparison
from fractalctl.statistics.conditions import compare_conditions

PATTERN = "ablation-alignment*.json"


def section(documents: Sequence[Document]) -> Section:
    """The report's part on which prefix is trained on which level."""
    text = (
        "Only the supervision differs between conditions: the split, the head, and each seed's initial "
        "weights, batches, prefixes and dropout are the same. Paired t tests over seeds; Holm over all "
        "corpora of a table, in the paper's families: inverted with no-prefix, uhmt, mrl."
    )
    parts: list[str | Table | Picture] = [text]
    claims: list[Claim] = []
    for name, members in by_setting(documents).items():
        compared = compare_conditions(members)
        parts += [_table(name, members, compared), _picture(name, members)]
        claims += _claims(name, compared)
    return Section("Alignment ablation", parts, claims)


def _table(name: str, documents: Sequence[Document], compared: Sequence[Comparison]) -> Table:
    paper, rows = published("alignment"), []
    for row in compared:
        ours = [
            row.unit.corpus,
            row.b,
            len(row.seeds),
            spread(row.values_a),
            spread(row.values_b),
            number(row.test.t, ".1f"),
            f"{probability(row.p_adjusted)} (m = {row.family_size})",
            number(row.effects.cohens_d, ".1f"),
        ]
        rows.append(ours + _published(paper.get(row.unit.corpus, {}), row.b))
    columns = ["corpus", "against", "seeds", "v5 S", "its S", "paired t", "p (Holm)", "paired d"]
    columns += ["paper v5 S", "paper its S", "paper t", "paper p", "paper d"]
    caption = f"v5 against each condition, {name}; queries: {asked(documents)} (Table 4)."
    return Table(f"table-4-alignment-{slug(name)}", caption, columns, rows, left=2)


def _published(theirs: Document, condition: str) -> list[str]:
    if condition not in theirs:
        return [NOTHING] * 5
    found = theirs[condition]
    figures = [f"{found['t']:.1f}", found["p_adjusted"], f"{found['cohens_d']:.1f}"]
    return [pair(theirs["v5"]), pair(found["S"]), *figures]


def _picture(name: str, documents: Sequence[Document]) -> Picture:
    groups = [(one["corpus"], by_strategy(one["runs"])) for one in documents]
    caption = (
        f"Mean S of every condition on fixed splits, {name}; bars are 95 % confidence intervals of the mean, "
        "every dot is a seed (Figure 3)."
    )
    return Picture(f"figure-3-alignment-{slug(name)}", caption, steerability_bars(groups))


def _claims(name: str, compared: Sequence[Comparison]) -> Iterator[Claim]:
    for row in compared:
        where = f"{row.unit.corpus}, {name}"
        if row.b == "inverted":
            yield "inverting the alignment reverses the sign (Section 5)", where, _reversed(row)
        if row.b in ("no-prefix", "uhmt"):
            yield f"{row.b} takes S from v5 (Section 5)", where, difference(row)
            yield f"{row.b} leaves S near zero, |S| < {NEAR_ZERO} (Section 5)", where, near_zero(row)


def _reversed(row: Comparison) -> str:
    value, negative = mean(row.values_b), sum(s < 0 for s in row.values_b)
    return verdict(value < 0, f"mean S {value:+.3f}, negative for {negative} of {len(row.values_b)} seeds")
