"""How the results were made."""

import shlex
from itertools import pairwise

from fractalctl.documents import Document
from fractalctl.report.results import Results
from fractalctl.tables import Section

ORDER = 100
FOLDERS = ("--store", "--runs")
"""Options that name folders of the machine that made the results."""


def build(results: Results) -> Section | None:
    """The commands that made the results, without the folders of the machine, and with which versions."""
    others: list[Document] = [*results.ablations, *results.syntheses, *results.latencies, *results.zooms]
    made = dict.fromkeys(_command(one) for one in others if one.argv)
    text = "Each evaluation file holds the argument vector that remakes it. The other results were made by:"
    block = "```text\n" + "\n".join(made) + "\n```"
    found = [one.versions for one in (*results.evaluations, *others, *results.statistics) if one.versions]
    versions = [", ".join(f"{name} {version}" for name, version in one.items()) for one in found]
    last = [f"Computed with {'; with '.join(dict.fromkeys(versions))}."] if versions else []
    return Section("Runs", [*([text, block] if made else []), *last], ORDER) if made or last else None


def _command(document: Document) -> str:
    features = getattr(document, "features", None)
    argv = document.argv or []
    kept = [word for before, word in pairwise(["", *argv]) if before not in FOLDERS and word not in FOLDERS]
    name = f"{features.corpus}/{features.name}" if features else ""
    return shlex.join(name if name and word.endswith(".h5") else word for word in kept)
