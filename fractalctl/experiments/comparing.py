"""Arms side by side, from evaluation files and the heads beside them."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from fractalctl.documents.compare import ArmsCompared
from fractalctl.heads.head import WEIGHTS_FILE
from fractalctl.statistics.observations import Observation, choose_backbone, choose_protocol
from fractalctl.statistics.side_by_side import side_by_side
from fractalctl.versions import versions


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

    Raises:
        RequestError: the evaluations do not allow it; the message names the file, and what to do.
    """
    chosen = choose_backbone(choose_protocol(observations, protocol), backbone)
    weights = {one.source: Path(one.source).parent / WEIGHTS_FILE for one in chosen}
    sizes = {source: path.stat().st_size for source, path in weights.items() if path.is_file()}
    return msgspec.structs.replace(side_by_side(chosen, reference, sizes), versions=versions())
