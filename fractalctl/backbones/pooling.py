"""From the states of a text's tokens to one vector."""

import torch

from fractalctl.backbones.spec import Pooling


def pool(states: torch.Tensor, mask: torch.Tensor, pooling: Pooling) -> torch.Tensor:
    """Pool token states, texts being padded on the right.

    Padding on the right gives every text the positions that it has alone, whatever it is batched with; the
    last token of a text is then found by its length, where left padding has it at the last place.

    Args:
        states: (n, t, h) states of the tokens in the last layer.
        mask: (n, t) 1 for tokens of the text, 0 for padding.
        pooling: how.

    Returns:
        (n, h) float32, not normalised.
    """
    states = states.float()
    if pooling is Pooling.CLS:
        return states[:, 0]
    if pooling is Pooling.LAST:
        return states[torch.arange(states.shape[0], device=states.device), mask.sum(1) - 1]
    if bool(mask.all()):
        return states.mean(1)
    return (states * mask.unsqueeze(2)).sum(1) / mask.sum(1, keepdim=True)
