import pytest
import torch

from fractalctl.device import choose_device
from fractalctl.errors import RequestError


def test_the_processor_where_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device() == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_device().type == "cuda"


def test_a_named_device_must_be_one() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    with pytest.raises(RequestError, match="device 'abacus' cannot be used here"):
        choose_device("abacus")
