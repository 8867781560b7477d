"""Training rows whose encoder is trained with the head (paper, "Alignment vs. capacity control").

Everything else is the frozen experiment's own: the loop, the loss, the draws, the optimiser and its clipping.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import torch

from fractalctl.backbones.tuning import LowerStates, TunableEncoder
from fractalctl.errors import RequestError
from fractalctl.heads.examples import Examples

PAPER_LAYERS = 4
ENCODER_RATE = 2e-5
"""Peak rate of the encoder's AdamW: what BERT is fine-tuned with (Devlin et al. 2019, Appendix A.3).

The published runs have 1e-6, which moves the layers a twentieth as far a step (docs/experiments.md).
"""


@dataclass(frozen=True)
class TunedExamples(Examples):
    """Rows whose features the last layers of their encoder make anew at every step, for one head at a time.

    The standardisation is that of the features before any training, and stays as it is. Training leaves the
    encoder with the layers of the best epoch.

    Attributes:
        encoder: with the layers to begin with.
        states: of the texts of all rows, in their order.
        encoder_rate: peak learning rate of the layers; schedule and all else are the head's.
    """

    encoder: TunableEncoder
    states: LowerStates
    encoder_rate: float

    @property
    def parameters(self) -> Mapping[str, torch.Tensor]:
        """Of the encoder's open layers."""
        return self.encoder.parameters

    @property
    def rate(self) -> float:
        """Of the encoder's layers."""
        return self.encoder_rate

    def take(self, rows: torch.Tensor, _room: torch.Tensor | None = None) -> torch.Tensor:
        """Standardised features (..., h) of rows (...), with their gradient while one is asked for."""
        flat = rows.reshape(-1).cpu().numpy()
        if torch.is_grad_enabled():
            found = self.encoder.upper(self.states, flat)
        else:
            found = torch.from_numpy(self.encoder.features(self.states, flat)).to(self.device)
        return ((found - self.mean) * self.scale).view(*rows.shape, -1)

    def room(self, _rows: int) -> None:
        """None: the encoder makes its own."""

    def state(self) -> dict[str, torch.Tensor]:
        """A copy of the encoder's open layers."""
        return self.encoder.weights()

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """Put layers into the encoder."""
        self.encoder.load(dict(state))


def tuned(
    examples: Examples, encoder: TunableEncoder, states: LowerStates, rate: float = ENCODER_RATE
) -> TunedExamples:
    """The same rows with an encoder that is trained.

    Raises:
        RequestError: the rate is not positive.
    """
    if not rate > 0:
        raise RequestError(f"the encoder's learning rate must be positive, got {rate}")
    same = {one.name: getattr(examples, one.name) for one in fields(Examples)}
    return TunedExamples(**same, encoder=encoder, states=states, encoder_rate=rate)
