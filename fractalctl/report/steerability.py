"""Steerability of every strategy, v5 tested against mrl (paper, Tables 3 and 11, Figure 2)."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import mean
from typing import Any

from fractalctl.report.figures import in_order, steerability_bars
from fractalctl.report.markdown import NOTHING, chance, number, pair, probability, spread
from fractalctl.report.measured import published, tested, verdict
from fractalctl.report.runs import Document
from fractalctl.report.sections import Claim, Picture, Section, Table
from fractalctl.report.settings import Setting, by_strategy, settings
from fractalctl.statistics.comparisons import Comparison
from fractalctl.statistics.pooling import sign_block

PATTERN = "evaluation-*.json"
DEDICATED = ("coarse", "fine")
"""Encoders for one level each, which nobody means to steer."""
NEAR_ZERO = 0.02
"""The paper's |S| below which a strategy counts as not steerable (Sections 4 and 5)."""


def section(documents: Sequence[Document]) -> Section:
    """The report's part on steerability."""
    text = (
        "S = (L0@shortest - L0@full) + (L1@full - L1@shortest), L1 standing for the finest level. Mean ± "
        "standard deviation over training seeds, the unit of replication; paired t tests over seeds, Holm "
        "over the corpora of a table. S depends strongly on the protocol and is never compared across two."
    )
    found = settings(documents)
    parts = [part for setting in found for part in _parts(setting)]
    return Section("Steerability", [text, *parts], [claim for setting in found for claim in _claims(setting)])


def _parts(setting: Setting) -> Iterator[Table | Picture]:
    if setting.v5_against_mrl:
        yield _comparisons_table(setting)
    yield _strategies_table(setting)
    yield _seeds_table(setting)
    yield _picture(setting)


def _comparisons_table(setting: Setting) -> Table:
    compared = setting.v5_against_mrl
    paper = published("steerability") if setting.is_papers else {}
    columns = ["corpus", "seeds", "v5 S", "mrl S", "paired d", f"p (Holm, m = {len(compared)})"]
    columns += ["paper v5 S", "paper mrl S", "paper d", "paper p (m = 8)"] if paper else []
    rows = []
    for row in compared:
        ours = [
            row.unit.corpus,
            len(row.seeds),
            spread(row.values_a),
            spread(row.values_b),
            number(row.effects.cohens_d, ".2f"),
            probability(row.p_adjusted),
        ]
        rows.append([*ours, *(_published(paper.get(row.unit.corpus)) if paper else [])])
    caption = f"Steerability of v5 against mrl; {setting.how} (Table 3)."
    return Table(f"table-3-steerability-{setting.slug}", caption, columns, rows)


def _published(theirs: Document | None) -> list[str]:
    if theirs is None:
        return [NOTHING] * 4
    p = probability(theirs["p_adjusted"])
    return [pair(theirs["v5"]), pair(theirs["mrl"]), f"{theirs['cohens_d']:.2f}", p]


def _strategies_table(setting: Setting) -> Table:
    strategies = in_order(document["strategy"] for document in setting.documents)
    rows = []
    for corpus, documents in setting.corpora.items():
        values = by_strategy(documents)
        rows.append([corpus, *(spread(values[name]) if name in values else NOTHING for name in strategies)])
    caption = f"S of every strategy; {setting.how}."
    return Table(f"steerability-strategies-{setting.slug}", caption, ["corpus", *strategies], rows)


def _seeds_table(setting: Setting) -> Table:
    seeds = list(dict.fromkeys(document["seed"] for document in setting.documents))
    rows = []
    for corpus, documents in setting.corpora.items():
        for name in in_order(document["strategy"] for document in documents):
            found = {one["seed"]: one["steerability"]["S"] for one in documents if one["strategy"] == name}
            rows.append([corpus, name, *(number(found.get(seed), "+.3f") for seed in seeds)])
    caption = f"S of every seed; {setting.how} (Table 11)."
    columns = ["corpus", "strategy", *map(str, seeds)]
    return Table(f"table-11-seeds-{setting.slug}", caption, columns, rows, left=2)


def _picture(setting: Setting) -> Picture:
    shown = [one for one in setting.documents if one["strategy"] not in DEDICATED] or setting.documents
    groups = [
        (corpus, by_strategy([document for document in shown if document["corpus"] == corpus]))
        for corpus in dict.fromkeys(document["corpus"] for document in shown)
    ]
    caption = (
        f"Mean S, {setting.name}; bars are 95 % confidence intervals of the mean, every dot is a seed "
        "(Figure 2)."
    )
    return Picture(f"figure-2-steerability-{setting.slug}", caption, steerability_bars(groups))


def _claims(setting: Setting) -> Iterator[Claim]:
    compared = setting.v5_against_mrl
    for row in compared:
        where = f"{row.unit.corpus}, {setting.name}"
        yield "v5 is steerable beyond mrl (Table 3)", where, difference(row)
        yield f"mrl stays near zero, |S| < {NEAR_ZERO} (Section 4)", where, near_zero(row)
    if len(compared) > 1:
        claim = "v5 is above mrl on every corpus (sign test, Section 4)"
        yield claim, setting.name, on_every_corpus(sign_block(compared))


def difference(row: Comparison) -> str:
    """The verdict on a > b, and how surely."""
    numbers = f"S {mean(row.values_a):+.3f} against {mean(row.values_b):+.3f}, {chance(row.p_adjusted)}"
    evidence = f"{numbers}, n = {len(row.seeds)} seeds"
    return tested(mean(row.gaps) > 0, row.p_adjusted, evidence)


def on_every_corpus(signs: Mapping[str, Any]) -> str:
    """The verdict on a sign test that should come out alike on all corpora."""
    evidence = f"{signs['wins']} of {signs['n']}, one-sided p = {probability(signs['p_one_sided'])}"
    return tested(signs["wins"] == signs["n"], signs["p_one_sided"], evidence)


def near_zero(row: Comparison) -> str:
    """The verdict on b's S being next to nothing."""
    value = mean(row.values_b)
    return verdict(abs(value) < NEAR_ZERO, f"mean S {value:+.3f}")
