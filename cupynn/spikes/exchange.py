"""Arrays of other libraries, by DLPack or NumPy's own protocol."""

from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError

_HOST = (1, 3)  # DLPack's numbers of the CPU and of its memory that is pinned for CUDA


def host_array(name: str, value: Any) -> np.ndarray:
    """Return what NumPy, PyTorch, JAX or another library holds in host memory as an array of NumPy's, without a copy.

    Raises
    ------
    InputError
        If it lies elsewhere, has a type that NumPy lacks, or belongs to a graph of gradients.
    """
    checks.host(name, value)
    try:
        if hasattr(value, "__dlpack_device__") and value.__dlpack_device__()[0] not in _HOST:
            raise InputError(f"{name} lies on a device, {value.__dlpack_device__()}: pass it from host memory")
        only_dlpack = hasattr(value, "__dlpack__") and not hasattr(value, "__array__")
        return np.from_dlpack(value) if only_dlpack else np.asarray(value)
    except InputError:
        raise
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        raise InputError(
            f"{name} is a {type(value).__name__} that gives no array ({error}): pass numbers that NumPy has, such as uint8, "
            "of one shape, without a gradient, in host memory"
        ) from None
