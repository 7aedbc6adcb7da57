"""Arrays of other libraries, through DLPack or NumPy's own protocol."""

from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError

_HOST = (1, 3)  # DLPack's device types kDLCPU and kDLCUDAHost


def host_array(name: str, value: Any) -> np.ndarray:
    """Return an array of NumPy, PyTorch, JAX or another library as a NumPy array, without a copy.

    Raises
    ------
    InputError
        If it is not in host memory, has a dtype that NumPy lacks, or requires a gradient.
    """
    checks.host(name, value)
    _without_gradient(name, value)
    try:
        if hasattr(value, "__dlpack_device__") and value.__dlpack_device__()[0] not in _HOST:
            raise InputError(f"{name} is on device {value.__dlpack_device__()}: copy it to host memory first")
        only_dlpack = hasattr(value, "__dlpack__") and not hasattr(value, "__array__")
        return np.from_dlpack(value) if only_dlpack else np.asarray(value)
    except InputError:
        raise
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        remedy = "pass a regular array in host memory, without a gradient, of a dtype that NumPy has, such as uint8"
        if isinstance(value, list | tuple):
            remedy = "pass samples of one shape"
        what = checks.described(value)
        raise InputError(f"{name} is {what} that cannot become a NumPy array ({error}): {remedy}") from None


def _without_gradient(name: str, value: Any) -> None:
    """Refuse tensors of PyTorch that NumPy cannot read, alone or in a list, with the call that converts them."""
    tensors = {type(each): each for each in value}.values() if isinstance(value, list | tuple) else (value,)
    for tensor in tensors:
        calls = [".detach()"] if getattr(tensor, "requires_grad", False) is True else []
        calls += [".float()"] if str(getattr(tensor, "dtype", "")) == "torch.bfloat16" else []
        calls += [".to_dense()"] if getattr(tensor, "is_sparse", False) is True else []
        if calls:
            what = "holds" if tensor is not value else "is"
            raise InputError(f"{name} {what} {checks.described(tensor)} that NumPy cannot read: call {''.join(calls)} on it")
