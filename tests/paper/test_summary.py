"""All claims together: how many there are, what the summary counts, and what the paper prints."""

import re

import pytest

from fractalctl.paper import Verdict, claims, sections
from fractalctl.paper.findings import CHAPTERS, NOTHING
from fractalctl.paper.judging import printed
from fractalctl.tables import Table
from tests.paper.material import CLOSE, evaluations, results
from tests.report.documents import ablation, runs_of


def test_every_claim_says_what_where_and_how() -> None:
    found = claims().values()
    assert len(found) == len({claim.text for claim in found}) == 51
    assert all(all((claim.text, claim.paper, claim.looks_at, claim.rule)) for claim in found)


def test_a_claim_of_no_difference_states_its_margin() -> None:
    """Whoever claims that something does not differ is judged by an interval, never by a large p."""
    absences = ("alike", "near zero", "as it is", "no steerability", "depend", "flat", "within")
    found = [claim for claim in claims().values() if any(word in claim.text for word in absences)]
    assert len(found) == 13
    for claim in found:
        if "rank" not in claim.text:
            assert claim.margin > 0, claim.text
            assert "90 % interval" in claim.rule or "one-sided tests" in claim.rule, claim.text


def test_the_summary_counts_the_findings() -> None:
    documents = evaluations(CLOSE) + evaluations(CLOSE, "trec")
    first, *others = sections(
        results(evaluations=documents, ablations=[ablation("alignment", runs_of(CLOSE))])
    )
    counts, rules = (part for part in first.parts if isinstance(part, Table))
    row = next(row for row in counts.rows if row[1] == "v5 is steerable beyond mrl")
    assert row == ["holds: 2", row[1], "Table 3"]
    assert [row[0] for row in rules.rows] == [row[1] for row in counts.rows]
    assert [section.order for section in (first, *others)] == sorted(
        section.order for section in (first, *others)
    )
    tables = [part for section in others for part in section.parts if isinstance(part, Table)]
    verdicts = [row for table in tables if table.name.startswith("verdicts-") for row in table.rows]
    assert len(verdicts) == sum(
        int(number) for row in counts.rows for number in re.findall(r": (\d+)", row[0])
    )
    assert {row[0] for row in verdicts} <= {verdict.value for verdict in Verdict}
    assert len({table.name for table in tables}) == len(tables)


def test_nothing_to_judge_is_said() -> None:
    (section,) = sections(results())
    assert NOTHING in section.parts


def test_chapters_have_names_of_their_own() -> None:
    assert len({chapter.name for chapter in CHAPTERS}) == len(CHAPTERS)


def test_printed_numbers_agree_with_each_other() -> None:
    """Table 10's first gaps are the differences of Table 3's means, within their rounding."""
    means = printed("table_3")
    for corpus, gaps in printed("table_10").items():
        assert gaps["S"] == pytest.approx(means[corpus]["v5"][0] - means[corpus]["mrl"][0], abs=0.00151)
    for theirs in printed("figure_7").values():
        assert set(theirs["tests"]) == {
            "v5 frozen, mrl tuned",
            "mrl tuned, mrl frozen",
            "v5 tuned, v5 frozen",
        }
