"""``fractalctl stats``: tests, corrections, effect sizes and pooling of evaluations."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fractalctl.cli.console import Console
from fractalctl.cli.plumbing import Invocation, command, expand_stdin
from fractalctl.errors import RequestError

if TYPE_CHECKING:
    from fractalctl.statistics import Observation


class Protocol(StrEnum):
    """Protocols of evaluation."""

    LOO = "loo"
    INDEX = "index"


class Format(StrEnum):
    """Formats of the statistics section."""

    MD = "md"
    LATEX = "latex"
    CSV = "csv"


def register(app: typer.Typer) -> None:
    """Add ``stats`` to the application."""
    command(app, "stats")(stats)


def stats(
    invocation: Invocation,
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="EVALUATIONS|TABLE.csv",
            help="Evaluation files, folders, tables (dataset, strategy, seed, steerability), or - for "
            "paths on standard input. Default: everything under RUNS.",
            show_default=False,
        ),
    ] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option(
            metavar="A,B",
            help="Two strategies to compare, A minus B; repeatable. The first pair is pooled.",
            show_default="v5,mrl, else the only two there are",
        ),
    ] = None,
    holm: Annotated[bool, typer.Option("--holm", help="Adjust p values by Holm.")] = False,
    bonferroni: Annotated[bool, typer.Option("--bonferroni", help="Adjust them by Bonferroni.")] = False,
    hochberg: Annotated[bool, typer.Option("--hochberg", help="Adjust them by Hochberg.")] = False,
    bh: Annotated[bool, typer.Option("--bh", help="Adjust them by Benjamini-Hochberg.")] = False,
    by: Annotated[bool, typer.Option("--by", help="Adjust them by Benjamini-Yekutieli.")] = False,
    family: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Tests corrected together: pair, corpus, backbone, all, or NAME=STRATEGY,...; repeatable.",
            show_default="pair",
        ),
    ] = None,
    meta: Annotated[bool, typer.Option("--meta", help="Pool effects over corpora.")] = False,
    scaling: Annotated[bool, typer.Option("--scaling", help="Find what predicts the metric.")] = False,
    robustness: Annotated[bool, typer.Option("--robustness", help="Use every definition of S.")] = False,
    equivalence: Annotated[
        float | None,
        typer.Option(metavar="MARGIN", help="Test whether B, and A minus B, is zero within +-MARGIN."),
    ] = None,
    power: Annotated[bool, typer.Option("--power", help="Give power, and seeds needed.")] = False,
    profiles: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="What tables of seeds lack for --scaling: dataset, h_l1_given_l0, baseline_l1.",
        ),
    ] = None,
    quadratic: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv", help="Fit parabolas over its column h_l0, one per strategy's column."
        ),
    ] = None,
    protocol: Annotated[
        Protocol | None,
        typer.Option(help="Protocol of the evaluations.", show_default="loo where both are there"),
    ] = None,
    backbone: Annotated[str | None, typer.Option(metavar="NAME", help="Only this backbone.")] = None,
    metric: Annotated[str, typer.Option(metavar="NAME", help="S, S_auc, S_mono, delta_fine, ...")] = "S",
    allow_unpaired: Annotated[
        bool, typer.Option("--allow-unpaired", help="Leave out seeds that only one strategy has.")
    ] = False,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="Print the statistics section (csv: the comparisons), not the path."),
    ] = None,
    figure: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Draw a forest plot as PNG and PDF (implies --meta)."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="The document to write.", show_default="RUNS/stats.json"),
    ] = None,
) -> None:
    """Compare strategies as a reviewer would: tests, corrections, effect sizes, pooling, scaling.

    Seeds pair the strategies on each corpus; corpora are the units of pooling.

    Examples:
        fractalctl stats --holm

        fractalctl stats --compare v5,inverted --compare v5,uhmt --bh --family corpus

        fractalctl stats seeds.csv --profiles profiles.csv --holm --scaling

        fractalctl stats --holm --meta --robustness --format md > statistics.md

        fractalctl evaluate | fractalctl stats - --holm --figure forest.png
    """
    from fractalctl.statistics import Options, analyse
    from fractalctl.versions import versions
    from store.files import write_json

    if form and invocation.console.json:
        raise RequestError("--format and --json both want standard output: give one of them")
    options = Options(
        pairs=tuple(_pair(text) for text in compare or ()),
        metric=metric,
        protocol=protocol.value if protocol else None,
        backbone=backbone,
        correction=_correction(holm=holm, bonferroni=bonferroni, hochberg=hochberg, bh=bh, by=by),
        families=tuple(family or ("pair",)),
        allow_unpaired=allow_unpaired,
        meta=meta or figure is not None,
        scaling=scaling,
        robustness=robustness,
        power=power,
        equivalence=equivalence,
        profiles=profiles,
        quadratic=quadratic,
    )
    paths = None if sources is None else expand_stdin(sources)
    document = analyse(_observations(invocation, paths, optional=quadratic is not None), options)
    document |= {"versions": versions(), "argv": invocation.argv(sources=paths)}
    path = output or invocation.runs / "stats.json"
    write_json(path, document)
    _show(invocation.console, document, [path, *_forest(document, figure)], form)


def _correction(**flags: bool) -> str | None:
    chosen = [name for name, wanted in flags.items() if wanted]
    if len(chosen) > 1:
        raise RequestError(f"one correction at a time, not --{' and --'.join(chosen)}")
    return chosen[0] if chosen else None


def _pair(text: str) -> tuple[str, str]:
    arms = [arm.strip() for arm in text.split(",")]
    if len(arms) != 2 or not all(arms) or arms[0] == arms[1]:
        raise RequestError(f"--compare {text}: expected two different strategies, such as v5,mrl")
    return arms[0], arms[1]


def _observations(invocation: Invocation, paths: list[str] | None, optional: bool) -> "list[Observation]":
    """Read what was named, or everything under ``--runs``; with ``optional`` that may be nothing."""
    from fractalctl.statistics import read_observations

    if paths == []:
        raise RequestError("standard input named no evaluation")
    if paths:
        return read_observations(paths)
    if not any(invocation.runs.rglob("evaluation-*.json")):
        if optional:
            return []
        raise RequestError(
            f"{invocation.runs}: no evaluations here; run 'fractalctl evaluate', or name a table"
        )
    observations = read_observations([invocation.runs])
    invocation.console.note(f"Taking all {len(observations)} evaluations under {invocation.runs}")
    return observations


def _forest(document: dict[str, Any], path: Path | None) -> list[Path]:
    if path is None:
        return []
    from fractalctl.report.forest import draw_forest

    return draw_forest(document["meta"], path)


def _show(console: Console, document: dict[str, Any], written: list[Path], form: Format | None) -> None:
    """Tables and notes for the person at the terminal, paths or the section for programs."""
    from fractalctl.statistics.section import brief_tables, notes, write

    for table in brief_tables(document) if form is None else ():
        console.table(table.title, table.columns, table.rows)
    for note in notes(document):
        console.note(note)
    if form:
        typer.echo(write(document, form.value), nl=False)
    else:
        console.emit(written, document)
