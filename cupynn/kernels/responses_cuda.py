"""Responses of neurons to a spike that arrives, on a GPU: twin of `responses.py`."""

from typing import Any

import numpy as np

from cupynn.kernels.cuda import CudaSource, blocks
from cupynn.kernels.each_cuda import table
from cupynn.kernels.rule import Rule

_RESPONSES = CudaSource.of("cupynn.kernels", "responses")
_BLOCK = 128


def responses(times: Any, counts: Any, steps: int, rule: Rule) -> Any:
    """Return the responses float32 (B, N, T) of neurons that fire at times (B, N, most), counts (B, N) of each row."""
    import cupy

    (batch, neurons), constants = counts.shape, table(*rule.psp[:3])
    found = cupy.empty((batch, neurons, steps), np.float32)
    sizes = (times.shape[2], batch, neurons, steps, rule.t_ref, constants, constants.shape[1])
    _RESPONSES.launch("respond", (blocks(batch * neurons, _BLOCK),), _BLOCK, times, counts, *sizes, found)
    return found
