"""The one place that decides where tensors live."""

from typing import TYPE_CHECKING

from fractalctl.errors import RequestError, first_line

if TYPE_CHECKING:
    import numpy as np
    import torch


def choose_device(name: str = "auto") -> "torch.device":
    """The device to compute on: a CUDA GPU where there is one, else the CPU.

    Args:
        name: ``auto``, or a PyTorch device such as ``cpu``, ``cuda`` or ``cuda:1``.

    Raises RequestError: the name is no device of this machine.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise RequestError(f"device '{name}' cannot be used here: {first_line(error)}") from error
    return device


def placed(rows: "np.ndarray", device: "torch.device | str | None" = None) -> "torch.Tensor":
    """Rows of an array on a device; on the CPU they stay where they are, a memory map in its file.

    Args:
        rows: (n, h); copied if its memory is not one piece.
        device: None is the CPU.

    Returns a tensor that nobody may write to when the array is read-only: tensors cannot say so themselves.
    """
    import warnings

    import numpy as np
    import torch

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(np.ascontiguousarray(rows)).to(device or "cpu")
