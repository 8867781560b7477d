"""All claims of the paper over a folder of runs: how often they held, then chapter by chapter."""

from collections.abc import Sequence

from fractalctl.paper import section_6, sections_4_5, sections_7_8
from fractalctl.paper.judging import Finding, claims
from fractalctl.paper.places import counted
from fractalctl.report.results import Results
from fractalctl.tables import Part, Section, Table

CHAPTERS = (*sections_4_5.CHAPTERS, *section_6.CHAPTERS, *sections_7_8.CHAPTERS)  # in the order of reading
FIRST = 200.0  # place of the summary in a report; chapters follow

INTRODUCTION = (
    "What these runs say to the paper's claims. Its tables come from bge-small and, as its published runs "
    "show, from a larger head with contrastive losses; its text describes the linear head. Both are "
    "judged, as the arms `v5`, `mrl` and so on, and `v5-fractal`, `mrl-fractal`; arms with other settings "
    "are not the paper's and are left out. Tests are over training seeds at the 5 % level. A claim that "
    "something differs is tested for a difference. A claim that nothing differs states a margin and is "
    "tested for equivalence: it holds where the 90 % interval lies within the margin, does not hold where "
    "it lies outside, and else nobody can tell."
)
NOTHING = "None of these runs is one that the paper's claims speak of."


def paper_sections(results: Results) -> list[Section]:
    """What a folder of runs says to the paper's claims: a summary, then a section for each chapter."""
    made = [chapter.section(results, FIRST + place) for place, chapter in enumerate(CHAPTERS, 1)]
    found = [finding for _, members in made for finding in members]
    parts: list[Part] = [INTRODUCTION, *(_summary(found) if found else [NOTHING])]
    return [
        Section("Beside the paper", parts, FIRST, summary=True),
        *(section for section, _ in made if section is not None),
    ]


def _summary(found: Sequence[Finding]) -> list[Part]:
    """How often every claim held that was judged, and what decides."""
    about = {claim: [one for one in found if one.claim == claim] for claim in claims().values()}
    judged = [claim for claim, own in about.items() if own]
    held = [[counted(about[claim]), claim.text, claim.paper] for claim in judged]
    columns = ["verdicts", "claim", "in the paper"]
    caption = "Claims and how often they held: over corpora, backbones, protocols and both kinds of head."
    rules = [[claim.text, claim.looks_at, claim.rule] for claim in judged]
    return [
        Table("paper-claims", caption, columns, held, left=3),
        Table("paper-rules", "What decides.", ["claim", "looked at", "rule"], rules, left=3, folded=True),
    ]
