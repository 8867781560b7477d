"""Other definitions of steerability (paper, Appendix I and Table 10)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fractalctl.report.markdown import number, probability
from fractalctl.report.measured import published, verdict
from fractalctl.report.runs import Document
from fractalctl.report.sections import Claim, Section, Table
from fractalctl.report.settings import Setting, settings
from fractalctl.report.steerability import on_every_corpus
from fractalctl.statistics.comparisons import DEFAULT_PAIR
from fractalctl.statistics.robustness import robustness

PATTERN = "evaluation-*.json"
RANK_AGREEMENT = 0.9
SAME = ("S", "S_gap")
"""The definition that the other sections judge, and the one that is the same number."""


def section(documents: Sequence[Document]) -> Section | None:
    """The report's part on how S is defined; None where v5 and mrl were not measured on two corpora."""
    found = [setting for setting in settings(documents) if len(setting.v5_against_mrl) > 1]
    if not found:
        return None
    blocks = {
        setting.name: robustness(setting.observations, DEFAULT_PAIR, allow_unpaired=True) for setting in found
    }
    text = "Gap of v5 over mrl, mean over seeds, under four definitions of steerability. "
    tables = [_table(setting, blocks[setting.name]) for setting in found]
    claims = [claim for name, block in blocks.items() for claim in _claims(name, block)]
    note = next(iter(blocks.values()))["note"]
    return Section("Robustness of the measure", [f"{text}{note or ''}", *tables], claims)


def _table(setting: Setting, block: Mapping[str, Any]) -> Table:
    definitions = block["definitions"]
    paper = published("robustness") if setting.is_papers else {}
    rows = []
    for place, unit in enumerate(block["units"]):
        theirs = paper.get(unit["corpus"], {})
        ours = [number(one["differences"][place], "+.3f") for one in definitions]
        beside = [number(theirs.get(one["metric"]), "+.3f") for one in definitions] if paper else []
        rows.append([unit["corpus"], *ours, *beside])
    tests = [one["sign_test"] for one in definitions]
    blank = [""] * len(definitions) if paper else []
    rows.append(["v5 above mrl", *(f"{test['wins']} of {test['n']}" for test in tests), *blank])
    rows.append(["sign test, one-sided p", *(probability(test["p_one_sided"]) for test in tests), *blank])
    names = [one["metric"] for one in definitions]
    columns = ["corpus", *names, *(f"paper {name}" for name in names if paper)]
    return Table(f"table-10-robustness-{setting.slug}", f"{setting.how} (Table 10).", columns, rows)


def _claims(name: str, block: Mapping[str, Any]) -> Iterator[Claim]:
    for one in block["definitions"]:
        if one["metric"] not in SAME:
            claim = f"v5 is above mrl on every corpus by {one['metric']} (sign test, Table 10)"
            yield claim, name, on_every_corpus(one["sign_test"])
    known = [one for one in block["rank_agreement"] if one["coefficient"] is not None]
    if known:
        least = min(known, key=lambda one: one["coefficient"])
        evidence = f"least rho = {least['coefficient']:.2f}, {least['x']} and {least['y']}"
        claim = f"all definitions rank the corpora alike, rho > {RANK_AGREEMENT} (Appendix I)"
        yield claim, name, verdict(least["coefficient"] > RANK_AGREEMENT, evidence)
