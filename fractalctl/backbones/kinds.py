"""What all backbones have in common, whether their weights are here or a service holds them."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fractalctl.backbones.services.spec import ServiceSpec
from fractalctl.backbones.spec import BackboneSpec
from fractalctl.errors import RequestError
from fractalctl.progress import Advance

Spec = BackboneSpec | ServiceSpec


class Encoder(Protocol):
    """Texts in, features out."""

    observed: dict[str, Any]
    """What loading it showed, for the record."""

    @property
    def spec(self) -> Spec:
        """What decides its features."""

    @property
    def dimension(self) -> int:
        """Numbers per feature, h."""

    def encode(self, texts: Sequence[str], advance: Advance = ...) -> NDArray[np.float32]:
        """Encode n texts: (n, h) float32, not normalised, in the order of the texts."""


def with_weights(spec: Spec, purpose: str) -> BackboneSpec:
    """A backbone whose weights can be had.

    Args:
        spec: of any kind.
        purpose: what the weights are needed for, as the beginning of a sentence.

    Raises:
        RequestError: a service holds them.
    """
    if isinstance(spec, ServiceSpec):
        raise RequestError(f"{purpose} needs the encoder's weights, and those of {spec} are a service's own")
    return spec
