"""What stands around the experiments in a report: what was run, and which claims held."""

import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from fractalctl.report.runs import Document
from fractalctl.report.sections import Claim, Picture, Section, Table
from fractalctl.statistics.reading import encoder_of

INTRODUCTION = (
    "`fractalctl report` writes this page from the files of the runs; no number in it is typed. An encoder "
    "is a backbone with the kind of head where that is not the linear one: {encoders}. The paper's tables "
    "come from bge-small and, as its published runs show, from a larger head with contrastive losses; its "
    "text describes the linear head. Where numbers differ, that comes to mind first."
)
CLAIMS = (
    "Every claim of the paper that these runs can speak to, with the number of corpora, encoders and "
    "protocols for which it held; p < 0.05 after correction where there is a test. The sections below give "
    "each verdict with its numbers."
)
VERDICTS = ("holds", "same direction, not significant", "does not hold")


def introduction(documents: Mapping[str, Sequence[Document]], sections: Iterable[Section]) -> Section:
    """What was run, and the claims of all sections in brief."""
    found = [document for members in documents.values() for document in members]
    encoders = ", ".join(dict.fromkeys(encoder_of(one) for one in found if "backbone" in one))
    claims = [claim for section in sections for claim in section.claims]
    parts: list[str | Table | Picture] = [INTRODUCTION.format(encoders=encoders)]
    parts += [CLAIMS, _claims_table(claims)] if claims else []
    return Section("Summary", parts)


def _claims_table(claims: Sequence[Claim]) -> Table:
    counts: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(VERDICTS, 0))
    for claim, _, text in claims:
        counts[claim][text.split("**")[1]] += 1
    rows = [[claim, *(number or "-" for number in found.values())] for claim, found in counts.items()]
    return Table("claims", "Claims and how often they held.", ["claim", *VERDICTS], rows)


def commands(documents: Mapping[str, Sequence[Document]]) -> Section:
    """How the results were made, without the folders of the machine that made them."""
    found = [document for members in documents.values() for document in members]
    made = dict.fromkeys(_command(one) for one in found if one.get("argv") and "strategy" not in one)
    versions = dict.fromkeys(
        ", ".join(f"{name} {version}" for name, version in one["versions"].items()) for one in found
    )
    text = "Each evaluation file holds the argument vector that remakes it. The other results were made by:"
    last = f"Computed with {'; with '.join(versions)}."
    block = "```\n" + "\n".join(made) + "\n```"
    return Section("Runs", [*([text, block] if made else []), last])


def _command(document: Document) -> str:
    name = f"{document['corpus']}/{document['backbone']}"
    words, left_out = [], False
    for word in document["argv"]:
        if not left_out and word not in ("--store", "--runs"):
            words.append(name if word.endswith(".h5") else word)
        left_out = word in ("--store", "--runs")
    return shlex.join(words)
