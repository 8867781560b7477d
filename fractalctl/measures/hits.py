"""Per-query hits, packed into evaluation files so that later statistics can pair over queries."""

import base64
from typing import Any

import numpy as np

from fractalctl.errors import FractalError


def pack_hits(hits: np.ndarray) -> dict[str, Any]:
    """Pack hits (q, J, D) bool into JSON values: eight to a byte, first query in the highest bit, base64."""
    data = base64.b64encode(np.packbits(hits.reshape(-1)).tobytes()).decode("ascii")
    return {"shape": list(hits.shape), "order": "C", "bits": "big", "data": data}


def unpack_hits(packed: dict[str, Any]) -> np.ndarray:
    """Restore hits (q, J, D) bool from `pack_hits` output.

    Raises:
        FractalError: the data is damaged or does not fill the shape.
    """
    shape = tuple(packed["shape"])
    wanted = int(np.prod(shape))
    try:
        bits = np.frombuffer(base64.b64decode(packed["data"], validate=True), dtype=np.uint8)
    except ValueError as error:
        raise FractalError(f"packed hits are damaged: {error}") from error
    if len(bits) != -(-wanted // 8):
        raise FractalError(
            f"packed hits hold {len(bits)} bytes, but shape {list(shape)} needs {-(-wanted // 8)}"
        )
    return np.unpackbits(bits, count=wanted).astype(bool).reshape(shape)
