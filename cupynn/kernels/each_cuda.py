"""Constants of each neuron on a GPU: twin of `each.py`."""

from typing import Any

import numpy as np

from cupynn.kernels.each import is_array
from cupynn.kernels.lif import Lif


def lif_arguments(neuron: Lif) -> tuple[Any, ...]:
    """Return the arguments of kernels for the neuron: its constants, or an array (4, groups) of them and `groups`."""
    import cupy

    if not is_array(neuron.gain):
        return *neuron, cupy.empty(0, np.float32), 0
    return 0.0, 0.0, 0.0, 0.0, neuron.t_ref, table(*neuron[:4]), neuron.gain.size


def table(*constants: Any) -> Any:
    """Return constants, numbers or arrays (groups,), as float32 (constants, groups) on the device."""
    import cupy

    return cupy.asarray(np.stack(np.broadcast_arrays(*map(np.atleast_1d, constants))).astype(np.float32))
