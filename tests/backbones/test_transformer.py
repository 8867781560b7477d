import pytest
import torch

from fractalctl.backbones.spec import Pooling
from fractalctl.backbones.transformer import pool

LENGTHS = [5, 2, 1, 4]


@pytest.mark.parametrize("lengths", [LENGTHS, [5] * 4], ids=["padded", "not padded"])
@pytest.mark.parametrize("pooling", Pooling)
def test_pooling_sees_no_padding(pooling: Pooling, lengths: list[int]) -> None:
    states = torch.randn(4, 5, 3, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[1] * length + [0] * (5 - length) for length in lengths])
    alone = {
        Pooling.CLS: lambda text: text[0],
        Pooling.LAST: lambda text: text[-1],
        Pooling.MEAN: lambda text: sum(text) / len(text),
    }
    expected = [alone[pooling](list(text[:length])) for text, length in zip(states, lengths, strict=True)]
    torch.testing.assert_close(pool(states, mask, pooling), torch.stack(expected))


def test_pooling_of_half_precision_is_done_in_full() -> None:
    states = torch.full((1, 4096, 1), 0.1, dtype=torch.bfloat16)
    pooled = pool(states, torch.ones(1, 4096, dtype=torch.int64), Pooling.MEAN)
    assert pooled.dtype == torch.float32
    torch.testing.assert_close(pooled, states[:, 0].float())
