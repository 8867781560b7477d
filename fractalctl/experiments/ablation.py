"""Controlled comparisons of supervisions on one fixed split (paper, Section 5 and Table 4)."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from fractalctl.device import choose_device
from fractalctl.experiments.training import kind_suffix, supervisions, train_on
from fractalctl.heads.head import embed_with
from fractalctl.heads.recipe import SEEDS, TrainingRecipe
from fractalctl.heads.supervision import Supervision
from fractalctl.heads.training import Run, TrainedRun
from fractalctl.measures.evaluation import Evaluator
from fractalctl.measures.protocols import Protocol
from fractalctl.progress import Progress, silent
from fractalctl.statistics.conditions import compare_conditions
from fractalctl.versions import versions
from store import FeatureSet
from store.files import read_json, write_json
from store.recipe import identity_of

ENCODING_TYPE = "fractalctl-ablation"
ENCODING_VERSION = "1.0"
CONDITIONS = ("v5", "inverted", "no-prefix", "uhmt", "mrl")
PROTOCOL = Protocol("loo", max_test=2000)
"""The paper's Table 4 leaves one out among up to 2000 test rows."""
SPLIT_SEED = 42
"""The one hold-out that all conditions and seeds share."""


def ablate_alignment(
    features: FeatureSet,
    runs: Path,
    conditions: Sequence[str] = CONDITIONS,
    seeds: Sequence[int] = SEEDS,
    recipe: TrainingRecipe | None = None,
    protocol: Protocol = PROTOCOL,
    device: str = "auto",
    progress: Progress = silent,
    argv: list[str] | None = None,
) -> tuple[Path, dict[str, Any]]:
    """Train every condition with every seed on one split, evaluate, and write ``ablation-alignment.json``.

    Only the supervision varies: architecture, optimiser, split, and each seed's initial weights, batches,
    prefixes and dropout are the same for all conditions. A file that is up to date stays as it is.

    Args:
        features: trained on its train split, evaluated on its test split.
        runs: the file goes to RUNS/<corpus>/<backbone>/; that of a fractal head is called
            ``ablation-alignment-fractal.json``.
        conditions: names of strategies.
        seeds: one head per condition and seed.
        recipe: hyperparameters; the paper's by default. Its hold-out is fixed at seed 42 here.
        protocol: how accuracy is taken.
        device: ``auto`` or a PyTorch device.
        progress: shows steps, then heads.
        argv: the argument vector that remakes the file.

    Returns:
        The path of the file and its document.

    Raises:
        RequestError: a condition is unknown, or the set does not fit the protocol.
    """
    recipe = replace(recipe or TrainingRecipe(), holdout_seed=SPLIT_SEED)
    tables = supervisions(features, recipe, conditions)
    name = f"ablation-alignment{kind_suffix(recipe.head)}.json"
    path = runs / features.corpus / features.backbone / name
    identity = _identity(features, tables, seeds, recipe, protocol)
    if path.is_file() and (known := read_json(path)).get("identity") == identity:
        return path, known
    evaluator = Evaluator(features, protocol, choose_device(device))
    wanted = [Run(table, seed) for table in tables for seed in seeds]
    trained = list(train_on(features, wanted, recipe, device, progress))
    outcomes = []
    with progress(f"evaluating {len(trained)} heads ({protocol.name})", len(trained)) as advance:
        for outcome in trained:
            outcomes.append(_outcome(outcome, evaluator, recipe))
            advance(1)
    document = {
        "encoding-type": ENCODING_TYPE,
        "encoding-version": ENCODING_VERSION,
        "axis": "alignment",
        "corpus": features.corpus,
        "backbone": features.backbone,
        "head": recipe.head,
        **evaluator.conditions(),
        "dims": list(recipe.dims),
        "seeds": list(seeds),
        "recipe": recipe.config(),
        "supervisions": {table.name: table.config() for table in tables},
        "runs": outcomes,
        "comparisons": [],
        "identity": identity,
        "features_identity": features.identity,
        "versions": versions(),
        "argv": argv,
    }
    document["comparisons"] = [comparison.document() for comparison in compare_conditions([document])]
    write_json(path, document)
    return path, document


def _identity(
    features: FeatureSet,
    tables: Sequence[Supervision],
    seeds: Sequence[int],
    recipe: TrainingRecipe,
    protocol: Protocol,
) -> str:
    fixed = {
        "version": ENCODING_VERSION,
        "features": features.identity,
        "seeds": list(seeds),
        "supervisions": [table.config() for table in tables],
        "recipe": recipe.config(),
        "protocol": asdict(protocol),
    }
    return identity_of(fixed)


def _outcome(trained: TrainedRun, evaluator: Evaluator, recipe: TrainingRecipe) -> dict[str, Any]:
    """One run in the words of an evaluation file."""
    return {
        "strategy": trained.run.supervision.name,
        "seed": trained.run.seed,
        "best_epoch": trained.best_epoch,
        **evaluator.measure(partial(embed_with, recipe.head, trained.weights, recipe.dims), recipe.dims),
    }
