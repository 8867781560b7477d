"""Typed results to judge claims on, made by hand: their S is what a test says it is."""

from collections.abc import Mapping, Sequence
from typing import Any

from fractalctl.documents.evaluation import Evaluation
from fractalctl.documents.experiments import Synthesis
from fractalctl.documents.measured import Profile, Run
from fractalctl.paper import Finding, Verdict
from fractalctl.paper.findings import CHAPTERS
from fractalctl.paper.places import Chapter
from fractalctl.report.results import Results
from tests.report import documents

CLOSE = {
    "v5": [0.10, 0.12, 0.11, 0.13],
    "mrl": [0.011, -0.002, 0.004, 0.001],
    "inverted": [-0.04, -0.05, -0.02, -0.03],
    "no-prefix": [0.005, 0.001, -0.002, 0.003],
    "uhmt": [0.004, 0.000, -0.003, 0.002],
}
"""S by arm and seed, where everything is as the paper says."""
REVERSED = {
    "v5": [0.00, 0.01, 0.02, 0.01],
    "mrl": [0.05, 0.04, 0.06, 0.05],
    "inverted": [0.1, 0.2, 0.1, 0.15],
    "no-prefix": [0.11, 0.1, 0.12, 0.2],
    "uhmt": [0.12, 0.1, 0.1, 0.2],
}
"""Where nothing is."""
NOISY = {name: [0.1, -0.1, 0.09, 0.02] for name in CLOSE} | {"v5": [0.2, -0.1, 0.15, 0.05]}
"""Where nobody can tell."""


def profile(
    classes: Sequence[int] = (10, 150), h: Sequence[float] = (3.3, 3.9), baseline: float = 0.9
) -> Profile:
    return Profile(
        classes=list(classes), entropies=list(h), h_l0=h[0], h_l1_given_l0=sum(h[1:]),
        baseline={"L0": 0.9, "L1": baseline}, truncated={},
    )  # fmt: skip


def evaluation(
    corpus: str, arm: str, seed: int, value: float, /, backbone: str = "minilm", **changes: Any
) -> Evaluation:
    return documents.evaluation(arm, seed, value, corpus, backbone, **changes)


def evaluations(
    values: Mapping[str, Sequence[float]], corpus: str = "clinc", tail: str = "", **changes: Any
) -> list[Evaluation]:
    tailed = {f"{strategy}{tail}": column for strategy, column in values.items()}
    return documents.evaluations(tailed, corpus, **changes)


def run(arm: str, seed: int, value: float, **more: float) -> Run:
    return documents.run(arm, seed, value, more=more)


def synthesis(values: Mapping[int, Mapping[str, Sequence[float]]], curves: Mapping[str, Any]) -> Synthesis:
    """One partition of each K0, S by arm and seed."""
    return documents.synthesis({size: [arms] for size, arms in values.items()}, curves)


def results(**fields: Any) -> Results:
    return Results(**fields)


def chapter(name: str) -> Chapter:
    return next(one for one in CHAPTERS if one.name == name)


def findings(name: str, found: Results) -> list[Finding]:
    """Of one chapter over results by kind."""
    return chapter(name).findings(found)


def verdicts(name: str, found: Results) -> dict[str, Verdict]:
    """The same by claim, cut before its first comma or bracket; the last finding of each."""
    return {name_of(one): one.verdict for one in findings(name, found)}


def beside(name: str, found: Results) -> dict[tuple[str, str, str], tuple[object, object]]:
    """The number here and the paper's by where, arms and quantity."""
    rows = chapter(name).rows(found)
    assert len({row[:3] for row in rows}) == len(rows)
    return {row[:3]: row[3:] for row in rows}


def name_of(finding: Finding) -> str:
    return finding.claim.text.split(" (")[0].split(",")[0]
