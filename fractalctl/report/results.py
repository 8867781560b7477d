"""The results page: one's own runs beside the paper's tables, as Markdown with figures."""

import shlex
import tomllib
from collections import Counter
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

from fractalctl.report import tables
from fractalctl.report.claims import Claim, claims
from fractalctl.report.figures import prefix_accuracy, save_figure, steerability_bars
from fractalctl.report.markdown import table
from fractalctl.report.runs import Document, RunFiles, steerability_by_strategy
from fractalctl.statistics.comparisons import Comparison
from store.files import write_aside

PAPER_PROTOCOL = "loo"
"""The protocol of the paper's Tables 2 and 3; its numbers stand beside no other."""

INTRODUCTION = """# Results beside the paper's

`fractalctl report` writes this page from the files of the runs listed at its end; no number in it is typed.

Head: {heads}. Backbone: {backbones}. The paper's tables come from bge-small and, as its published runs show,
from a larger head with contrastive losses; its text describes the linear head. Where numbers differ, that
comes to mind first. S depends strongly on the protocol: it is never compared across protocols.

Computed with {versions}."""

PROTOCOLS = {
    "loo": "Each of the first {n_queries} test rows asks the others, as in the paper's Tables 2 and 3.",
    "index": "Test rows ask the training rows ({n_queries} and {n_reference} on {corpus}).",
}

HOW_MEASURED = (
    " k = {k}, cosine, every prefix normalised anew. Mean and standard deviation over seeds; the unit of "
    "replication is the seed."
)


def write_results(runs: RunFiles, ablation: Sequence[Comparison], output: Path) -> list[Path]:
    """Write ``results.md`` and its figures below ``figures/``.

    Args:
        runs: what was read.
        ablation: the alignment ablation's comparisons.
        output: folder.

    Returns:
        Every path written, the page first.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    paper = tomllib.loads(
        resources.files("fractalctl.report").joinpath("paper.toml").read_text(encoding="utf-8")
    )
    figures = {protocol: _draw(runs, protocol, output / "figures") for protocol in runs.evaluations}
    sections = [_introduction(runs)]
    sections += [_protocol_section(runs, name, paper["main"], drawn) for name, drawn in figures.items()]
    if ablation:
        sections.append(_ablation_section(runs, ablation, paper["ablation"]))
    sections.append(_claims_section(list(claims(runs, ablation))))
    sections.append(_runs_section(runs))
    page = output / "results.md"
    with write_aside(page) as aside:
        aside.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
    return [page, *(path for paths in figures.values() for path in paths)]


def _draw(runs: RunFiles, protocol: str, folder: Path) -> list[Path]:
    """Prefix accuracies of each corpus, and S of all of them."""
    folder.mkdir(parents=True, exist_ok=True)
    written, bars = [], []
    for (corpus, backbone), documents in runs.groups(protocol).items():
        shown = [one for one in documents if one["strategy"] in ("v5", "mrl")] or documents
        title = f"{corpus}, {backbone}, protocol {protocol}: mean over seeds, 95 % interval of the mean"
        path = folder / f"prefix-accuracy-{corpus}-{backbone}-{protocol}"
        written += save_figure(prefix_accuracy(shown, title), path)
        bars.append((f"{corpus}\n{backbone}", steerability_by_strategy(documents)))
    title = f"Protocol {protocol}: mean S, 95 % interval of the mean, a dot per seed"
    return written + save_figure(steerability_bars(bars, title), folder / f"steerability-{protocol}")


def _introduction(runs: RunFiles) -> str:
    documents = [one for found in runs.evaluations.values() for one in found] + runs.ablations
    versions = ", ".join(f"{name} {version}" for name, version in documents[0]["versions"].items())
    return INTRODUCTION.format(
        heads=", ".join(dict.fromkeys(one["head"] for one in documents)),
        backbones=", ".join(dict.fromkeys(one["backbone"] for one in documents)),
        versions=versions,
    )


def _protocol_section(runs: RunFiles, protocol: str, paper: tables.Paper, figures: Sequence[Path]) -> str:
    beside = paper if protocol == PAPER_PROTOCOL else None
    first = runs.evaluations[protocol][0]
    return "\n\n".join(
        [
            f"## Protocol {protocol}",
            PROTOCOLS[protocol].format(**first) + HOW_MEASURED.format(**first),
            "Steerability, v5 against mrl (Table 3):",
            tables.steerability_table(runs, protocol, beside),
            "S of every strategy:",
            tables.strategies_table(runs, protocol),
            "k-NN accuracy in % (Table 2):",
            tables.accuracy_table(runs, protocol, beside),
            *(f"![{path.stem}](figures/{path.name})" for path in figures if path.suffix == ".png"),
        ]
    )


def _ablation_section(runs: RunFiles, comparisons: Sequence[Comparison], paper: tables.Paper) -> str:
    rows = ", ".join(f"{one['n_queries']} on {one['corpus']}" for one in runs.ablations)
    protocol, found = runs.ablations[0]["protocol"], tables.ablation_table(comparisons, paper)
    conditions = f"Every condition on one fixed split, protocol {protocol}; queries: {rows}."
    return f"## Alignment ablation (Table 4)\n\n{conditions}\n\n{found}"


def _claims_section(found: Sequence[Claim]) -> str:
    counts = Counter(text.split("**")[1] for _, _, text in found)
    summary = ", ".join(f"{count} x {name}" for name, count in counts.most_common())
    rows = table(["claim", "where", "verdict"], found, left=3)
    return f"## The paper's claims\n\nVerdicts, at 0.05 after correction: {summary}.\n\n{rows}"


def _runs_section(runs: RunFiles) -> str:
    made = [_command(one) for one in runs.ablations if one["argv"]]
    shown = ["The ablations were made by:", "```\n" + "\n".join(made) + "\n```"] if made else []
    last = "Each evaluation file holds the argument vector that remakes it."
    return "\n\n".join(["## Runs", tables.sets_table(runs), *shown, last])


def _command(document: Document) -> str:
    """The command that remakes a file, without the folders of the machine that made it."""
    name = f"{document['corpus']}/{document['backbone']}"
    words, left_out = [], False
    for word in document["argv"]:
        if not left_out and word not in ("--store", "--runs"):
            words.append(name if word.endswith(".h5") else word)
        left_out = word in ("--store", "--runs")
    return shlex.join(words)
