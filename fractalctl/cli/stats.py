"""``fractalctl stats``: tests, corrections, effect sizes and pooling of evaluations."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Argument, Option

from fractalctl.cli import options as shared
from fractalctl.cli.plumbing import Invocation, command
from fractalctl.errors import RequestError

if TYPE_CHECKING:
    from fractalctl.documents.statistics import Statistics
    from fractalctl.statistics import Observation, Options
    from fractalctl.tables import Table


class Format(StrEnum):
    """Formats of the statistics section."""

    MD = "md"
    LATEX = "latex"
    CSV = "csv"


@command()
def stats(
    invocation: Invocation,
    sources: Annotated[
        list[str] | None,
        Argument(
            metavar="EVALUATIONS|TABLE.csv",
            help="Evaluation files, folders, tables (dataset, strategy, seed, steerability), or - for "
            "paths on standard input. Default: everything under RUNS.",
            show_default=False,
        ),
    ] = None,
    compare: Annotated[
        list[str] | None,
        Option(
            metavar="A,B",
            help="Labels of two arms to compare, A minus B; repeatable.",
            show_default="v5,mrl, else every arm with mrl, raw or pca, else with the first",
        ),
    ] = None,
    reference: Annotated[
        str | None, Option(metavar="ARM", help="Compare every other arm with this one.")
    ] = None,
    holm: Annotated[bool, Option("--holm", help="Adjust p values by Holm.")] = False,
    bonferroni: Annotated[bool, Option("--bonferroni", help="Adjust them by Bonferroni.")] = False,
    hochberg: Annotated[bool, Option("--hochberg", help="Adjust them by Hochberg.")] = False,
    bh: Annotated[bool, Option("--bh", help="Adjust them by Benjamini-Hochberg.")] = False,
    by: Annotated[bool, Option("--by", help="Adjust them by Benjamini-Yekutieli.")] = False,
    family: Annotated[
        list[str] | None,
        Option(
            metavar="NAME",
            help="Tests corrected together: pair, corpus, corpus-pair, backbone, all, or "
            "NAME=ARM,...; repeatable.",
            show_default="pair",
        ),
    ] = None,
    meta: Annotated[bool, Option("--meta", help="Pool effects over corpora.")] = False,
    scaling: Annotated[bool, Option("--scaling", help="Find what predicts the metric.")] = False,
    robustness: Annotated[bool, Option("--robustness", help="Use every definition of S.")] = False,
    equivalence: Annotated[
        float | None, Option(metavar="MARGIN", help="Test whether B, and A minus B, is zero within +-MARGIN.")
    ] = None,
    power: Annotated[bool, Option("--power", help="Give power, and seeds needed.")] = False,
    profiles: Annotated[
        Path | None,
        Option(
            metavar="FILE.csv",
            help="What tables of seeds lack for --scaling: dataset, h_l1_given_l0, baseline_l1.",
        ),
    ] = None,
    quadratic: Annotated[
        Path | None,
        Option(metavar="FILE.csv", help="Fit parabolas over its column h_l0, one per strategy's column."),
    ] = None,
    protocol: shared.MeasuredUnder = None,
    backbone: shared.MeasuredWith = None,
    metric: Annotated[str, Option(metavar="NAME", help="S, S_auc, S_mono, delta_fine, ...")] = "S",
    allow_unpaired: Annotated[
        bool, Option("--allow-unpaired", help="Leave out seeds that only one arm has.")
    ] = False,
    form: Annotated[
        Format | None,
        Option("--format", help="Print the statistics section (csv: the comparisons), not the path."),
    ] = None,
    figure: Annotated[
        Path | None, Option(metavar="PATH", help="Draw a forest plot as PNG and PDF (implies --meta).")
    ] = None,
    output: Annotated[
        Path | None, Option(metavar="PATH", help="The document to write.", show_default="RUNS/stats.json")
    ] = None,
) -> None:
    """Compare arms as a reviewer would: tests, corrections, effect sizes, pooling, scaling.

    First comes what was asked, where the arms come from evaluations: how often the shortest length is right
    on the coarsest level, and the full one on the finest, beside the backbone cut to those lengths. Then S,
    and its tests. Seeds pair the arms on each corpus; corpora are the units of pooling. A single arm is
    described: its mean, with tests against zero and against the backbone's own features, cut.

    Examples:
        fractalctl stats --holm

        fractalctl stats --compare v5,inverted --compare v5,uhmt --bh --family corpus

        fractalctl stats --reference v5 --holm

        fractalctl stats seeds.csv --profiles profiles.csv --holm --scaling

        fractalctl stats --holm --meta --robustness --format md > statistics.md

        fractalctl evaluate | fractalctl stats - --holm --figure forest.png
    """
    from msgspec.structs import replace

    from fractalctl.documents import check_output, write_document
    from fractalctl.documents.statistics import Statistics
    from fractalctl.paper import annotate
    from fractalctl.report import brief_tables, forest_figure, write_statistics
    from fractalctl.report.figures import figure_paths, save_figure
    from fractalctl.report.prose import notes
    from fractalctl.statistics import Options, analyse
    from fractalctl.versions import versions

    console, path = invocation.console, output or invocation.runs / "stats.json"
    if output or figure:
        check_output(path, Statistics, figure_paths(figure) if figure else ())
    if form and console.json:
        raise RequestError("--format and --json both want standard output: give one of them")
    options = Options(
        pairs=tuple(_pair(text) for text in compare or ()),
        reference=reference,
        metric=metric,
        protocol=protocol,
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
    paths = shared.result_paths(invocation, sources)
    observations = _observations(invocation, paths, optional=quadratic is not None)
    document = annotate(analyse(observations, _labelled(options, observations)))
    document = replace(document, versions=versions(), argv=invocation.argv(sources=paths))
    if figure and document.meta is None:
        raise RequestError(f"--figure draws effects pooled over corpora, and {_why_none(document)}")
    write_document(path, document)
    written = [path, *(save_figure(forest_figure(document.meta), figure) if document.meta and figure else ())]
    if form is None:
        console.tables([*_asked(document, observations), *brief_tables(document)])
    for note in [*_chosen(document, named=bool(compare or reference)), *notes(document)]:
        console.note(note)
    if form:
        typer.echo(write_statistics(document, form.value), nl=False)
    else:
        console.emit(written, document)


def _asked(document: "Statistics", observations: "list[Observation]") -> "list[Table]":
    """What was asked of the arms that are compared, or of all where none is; tables do not say it."""
    from fractalctl.documents import read_document
    from fractalctl.documents.evaluation import Evaluation
    from fractalctl.report.results import Results
    from fractalctl.report.sections.answer import answer_tables

    tested = {(one.place, arm) for one in document.comparisons for arm in (one.a, one.b)}
    shown = tested or {(one.place, one.arm) for one in document.described}
    evaluated = [one for one in observations if one.features and one.protocol == document.protocol]
    files = [Path(one.source) for one in evaluated if (one.place, one.arm) in shown]
    return answer_tables(Results(evaluations=[read_document(path, Evaluation) for path in files]))


def _why_none(document: "Statistics") -> str:
    if not document.comparisons:
        return "no two arms were compared"
    pair = document.comparisons[0]
    return (
        f"there is none of {pair.a} over {pair.b}: a corpus needs two seeds whose differences vary; "
        "--compare A,B names other arms"
    )


def _chosen(document: "Statistics", named: bool) -> list[str]:
    """Says what arms were compared with where nobody named an arm."""
    base = document.comparisons[0].b if document.comparisons and not named else None
    return [f"Compared with {base}; --reference ARM or --compare A,B names others"] if base else []


def _labelled(options: "Options", observations: "list[Observation]") -> "Options":
    """The same with arms by the labels that they have in the evaluations."""
    from dataclasses import replace

    arms = {one.arm for one in observations}
    pairs = tuple((shared.labelled(a, arms), shared.labelled(b, arms)) for a, b in options.pairs)
    base = options.reference and shared.labelled(options.reference, arms)
    return replace(options, pairs=pairs, reference=base)


def _correction(**flags: bool) -> str | None:
    chosen = [name for name, wanted in flags.items() if wanted]
    if len(chosen) > 1:
        raise RequestError(f"one correction at a time, not --{' and --'.join(chosen)}")
    return chosen[0] if chosen else None


def _pair(text: str) -> tuple[str, str]:
    arms = [arm.strip() for arm in text.split(",")]
    if len(arms) != 2 or not all(arms) or arms[0] == arms[1]:
        raise RequestError(f"--compare {text}: expected two different arms, such as v5,mrl")
    return arms[0], arms[1]


def _observations(invocation: Invocation, paths: list[str], optional: bool) -> "list[Observation]":
    """Read what was named, or everything under ``--runs``; with ``optional`` that may be nothing."""
    from fractalctl.statistics import read_observations

    if paths:
        return read_observations(paths)
    if optional and not any(invocation.runs.rglob("evaluation-*.json")):
        return []
    shared.require_evaluated(invocation, ", or name a table")
    observations = read_observations([invocation.runs])
    invocation.console.note(f"Taking all {len(observations)} evaluations under {invocation.runs}")
    return observations
