"""What a folder of runs holds, read for reporting."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fractalctl.errors import RequestError
from fractalctl.statistics.comparisons import Comparison, compare
from fractalctl.statistics.observations import Observation
from fractalctl.statistics.reading import encoder_of, read_observations
from store.files import read_json

Document = dict[str, Any]


@dataclass(frozen=True)
class RunFiles:
    """Evaluations and ablations below one folder.

    Attributes:
        folder: where they were found.
        evaluations: evaluation documents by protocol, in order of path.
        observations: the same as measurements, by protocol.
        ablations: documents of the alignment axis.
    """

    folder: Path
    evaluations: dict[str, list[Document]]
    observations: dict[str, list[Observation]]
    ablations: list[Document]

    def groups(self, protocol: str) -> dict[tuple[str, str], list[Document]]:
        """Evaluation documents of one protocol by (corpus, encoder), see `encoder_of`."""
        grouped: dict[tuple[str, str], list[Document]] = defaultdict(list)
        for document in self.evaluations[protocol]:
            grouped[document["corpus"], encoder_of(document)].append(document)
        return dict(grouped)

    def v5_against_mrl(self, protocol: str) -> list[Comparison]:
        """Paired comparisons per corpus and backbone, Holm over all of them; none where an arm is missing."""
        observations = self.observations[protocol]
        if not {"v5", "mrl"} <= {one.strategy for one in observations}:
            return []
        return compare(observations, correction="holm")


def read_runs(folder: Path) -> RunFiles:
    """Read every evaluation and ablation below a folder.

    Raises:
        RequestError: there is none.
        FractalError: a file is damaged.
    """
    paths = sorted(folder.rglob("evaluation-*.json")) if folder.is_dir() else []
    ablations = [read_json(path) for path in sorted(folder.rglob("ablation-alignment.json"))]
    if not paths and not ablations:
        raise RequestError(
            f"{folder}: no evaluations and no ablations here; run 'fractalctl evaluate' or "
            "'fractalctl ablate' first"
        )
    by_protocol: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        by_protocol[path.stem.removeprefix("evaluation-")].append(path)
    protocols = sorted(by_protocol, key=lambda name: (name != "loo", name))
    return RunFiles(
        folder,
        {name: [read_json(path) for path in by_protocol[name]] for name in protocols},
        {name: read_observations(by_protocol[name]) for name in protocols},
        ablations,
    )


def steerability_by_strategy(documents: Sequence[Document]) -> dict[str, list[float]]:
    """S of every evaluation, by strategy."""
    found: dict[str, list[float]] = defaultdict(list)
    for document in documents:
        found[document["strategy"]].append(document["steerability"]["S"])
    return dict(found)
