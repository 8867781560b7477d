"""A backbone in worker processes: texts go to them, features come back."""

import platform
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from fractalctl.backbones.spec import BackboneSpec
from fractalctl.errors import FractalError
from fractalctl.executors import Workers
from fractalctl.progress import Advance

Key = TypeVar("Key")

_loading = Lock()
"""Two tasks in threads of one worker must not load the same backbone twice."""


@dataclass(frozen=True)
class Order:
    """What `load_backbone` is told, in whatever process."""

    spec: BackboneSpec
    device: str
    offline: bool


class WorkersBackbone:
    """A frozen encoder that each of some workers loads for itself.

    This process loads no model and needs none. Workers need the package in the same versions, and the
    backbone's files where they look for them; what each has loaded is compared.

    Attributes:
        dimension: numbers per feature, h.
        observed: what loading it showed to the first worker that was asked, see `Backbone`.

    Raises FractalError: workers cannot load it.
    """

    def __init__(self, order: Order, workers: Workers) -> None:
        self.spec = order.spec
        self._order, self._workers = order, workers
        [(self.dimension, self.observed)] = workers.map(_examine, [order])

    def encode_each(
        self, groups: Iterable[tuple[Key, list[str]]], advance: Advance = lambda _: None
    ) -> Iterator[tuple[Key, NDArray[np.float32]]]:
        """Encode groups of texts, each in one worker; the bytes are those of `Backbone.encode`.

        Yields:
            Keys and their features (n, h) float32, in the order in which they are ready.

        Raises FractalError: a worker has other weights, versions or device than the first, or was killed.
        """
        encode = partial(_encode, self._order, self.observed)
        for key, features in self._workers.map(encode, groups, in_order=False):
            advance(len(features))
            yield key, features


@lru_cache(maxsize=1)
def _loaded(order: Order) -> Any:
    from fractalctl.backbones.encoder import load_backbone

    return load_backbone(order.spec, device=order.device, offline=order.offline)


def _examine(order: Order) -> tuple[int, dict[str, Any]]:
    with _loading:
        backbone = _loaded(order)
    return backbone.dimension, backbone.observed


def _encode(
    order: Order, observed: dict[str, Any], group: tuple[Key, list[str]]
) -> tuple[Key, NDArray[np.float32]]:
    with _loading:
        backbone = _loaded(order)
    if backbone.observed != observed:
        differing = [name for name in observed if backbone.observed.get(name) != observed[name]]
        raise FractalError(
            f"worker {platform.node()} loads {order.spec.name} with other {' and '.join(differing)} than "
            f"another worker: {[backbone.observed.get(name) for name in differing]} instead of "
            f"{[observed[name] for name in differing]}; one feature set never mixes two encoders"
        )
    key, texts = group
    return key, backbone.encode(texts)
