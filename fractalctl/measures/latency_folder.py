"""The folder through which one process has another measure latency; loads nothing into either."""

from pathlib import Path

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
"""Environment of the measuring process; numerical libraries read it when they are loaded."""

TASK_FILE = "task.json"
"""What to measure: arguments of `fractalctl.measures.latency.Bench`."""
FIGURES_FILE = "figures.json"
"""What was measured: ``machine`` and ``results``."""
TIMES_FILE = "times.npz"
"""Every raw time: (rounds, queries) int64 nanoseconds by the name that its result has under ``times``."""


def vectors_path(folder: Path, part: str, dimension: int) -> Path:
    """Where the (n, dimension) float32 vectors of unit length of ``reference`` or ``queries`` lie."""
    return folder / f"{part}-{dimension}.npy"
