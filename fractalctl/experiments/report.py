"""What is made of evaluations: arms side by side, and the report on a folder of runs."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import msgspec

from fractalctl.corpora.recorded import level_names
from fractalctl.documents import write_document
from fractalctl.documents.compare import ArmsCompared
from fractalctl.documents.evaluation import Evaluation
from fractalctl.documents.statistics import Statistics
from fractalctl.documents.zoom import Zoom
from fractalctl.errors import FractalError
from fractalctl.experiments.addresses import RULE, first_heads, set_of
from fractalctl.experiments.keeping import readable_heads
from fractalctl.experiments.policy import Note, unheard
from fractalctl.experiments.zoom import QUERIES, show_zoom
from fractalctl.heads.head import WEIGHTS_FILE
from fractalctl.progress import Progress, silent
from fractalctl.report import read_results, report_sections, write_report
from fractalctl.report.build import check_folder
from fractalctl.report.results import slug, unused
from fractalctl.statistics.observations import Observation, choose_backbone, choose_protocol
from fractalctl.statistics.side_by_side import side_by_side
from fractalctl.statistics.summary import compare_all, summarise
from fractalctl.versions import versions
from store import FeatureSet, FeatureStore
from store.errors import StoreError


def compare_arms(
    observations: Sequence[Observation],
    protocol: str | None = None,
    backbone: str | None = None,
    reference: str | None = None,
) -> ArmsCompared:
    """Set the arms of one protocol side by side; see `fractalctl.statistics.side_by_side`.

    Args:
        observations: as `fractalctl.statistics.read_observations` reads them from evaluation files.
        protocol: as in names of files, or its first word; None: ``loo`` where there are several.
        backbone: keep only its evaluations; None: all.
        reference: the arm that tests compare with.

    Raises RequestError: the evaluations do not allow it; the message names the file, and what to do.
    """
    chosen = choose_backbone(choose_protocol(observations, protocol), backbone)
    weights = {one.source: Path(one.source).parent / WEIGHTS_FILE for one in chosen}
    sizes = {source: path.stat().st_size for source, path in weights.items() if path.is_file()}
    return msgspec.structs.replace(side_by_side(chosen, reference, sizes), versions=versions())


def report_results(
    folder: Path,
    output: Path,
    paper: bool = False,
    progress: Progress = silent,
    *,
    queries: int = QUERIES,
    store: FeatureStore | None = None,
    argv: list[str] | None = None,
    note: Note = unheard,
) -> list[Path]:
    """Read every result file below a folder and write the pages with their tables, figures and statistics.

    Example queries for the page's slider are answered first, one head of each feature set that is at hand;
    they are kept as ``zoom.json`` beside the heads.

    Args:
        folder: of runs.
        output: where the pages go; statistics lie in its ``statistics/``.
        paper: judge the paper's claims as well.
        progress: counts feature sets, then sections.
        queries: examples of each kind; 0 leaves the slider out.
        store: where feature sets are looked for that have been moved.
        note: told which head answers, and what is left out.

    Returns the paths written, the Markdown page first. Raises RequestError: there is nothing to report;
    MissingExtraError: matplotlib is not installed.
    """
    check_folder(output)
    shown = _shown(folder, queries, store or FeatureStore(), progress, argv, note) if queries else {}
    results = read_results(folder)
    zooms: dict[str, Zoom] = {}
    for one in results.zooms if queries else ():
        if shown.get(one.features.identity, one.identity) == one.identity:
            zooms.setdefault(one.features.identity, one)
    named = [_named(one) for one in results.evaluations]
    results = replace(results, evaluations=named, zooms=[*zooms.values()])
    found = summarise(results.evaluations, results.ablations, results.syntheses)
    tested = tuple(msgspec.structs.replace(one, versions=versions()) for one in found)
    results = replace(results, statistics=tested, compared=compare_all(results.evaluations))
    sections = report_sections(results)
    if paper:
        from fractalctl.paper import sections as paper_sections

        sections += paper_sections(results)
    written = write_report(sections, output, progress=progress)
    return [*written, *_write_statistics(tested, output / "statistics")]


def _shown(
    folder: Path, queries: int, store: FeatureStore, progress: Progress, argv: list[str] | None, note: Note
) -> dict[str, str]:
    """Answer example queries of each feature set; identities of the answers by that of the set."""
    heads, found = first_heads([readable_heads(folder)[0]]), {}
    with progress("answering example queries", len(heads)) as advance:
        for head in heads:
            try:
                document = show_zoom(head, store, queries, argv=argv, note=note)
            except (FractalError, StoreError, OSError) as error:
                note(f"{set_of(head)}: no example queries for the slider: {error}")
            else:
                found[document.features.identity] = document.identity
                note(f"Examples: {head.folder} answers ({RULE})")
            advance(1)
    return found


def _named(one: Evaluation) -> Evaluation:
    """An evaluation with the names of its levels; files of earlier versions lack them, their sets do not."""
    if one.profile.levels:
        return one
    profile = msgspec.structs.replace(
        one.profile, levels=_levels_of(one.features.path, one.features.identity)
    )
    return msgspec.structs.replace(one, profile=profile)


@cache
def _levels_of(path: str, identity: str) -> list[str]:
    """What a feature set calls its levels; empty where it is gone, damaged or another one by now."""
    try:
        features = FeatureSet(Path(path))
        return list(level_names(features)) if features.identity == identity else []
    except StoreError:
        return []


def _write_statistics(documents: Sequence[Statistics], folder: Path) -> list[Path]:
    """A file for each document, with a number where two are about the same."""
    taken: set[str] = set()
    paths = []
    for one in documents:
        words = [getattr(one.about, key, None) for key in ("kind", "axis", "backbone", "protocol")]
        stem = slug("-".join(filter(None, words)) or "statistics")
        paths.append(folder / f"{unused(stem, taken)}.json")
        write_document(paths[-1], one)
    return paths
