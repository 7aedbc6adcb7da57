"""Optimizer updates on a GPU: twin of `update.py`."""

from typing import Any

import numpy as np

from cupynn.kernels.cuda import GROUP, CudaSource, blocks
from cupynn.kernels.sums import BatchSum

_UPDATE = CudaSource.of("cupynn.kernels", "update")
_BLOCK = 256


def row_decay(weight: Any, strength: float, beta: float, w_max: float) -> Any:
    """Return the factor of each row of weights (rows, columns) in the exponential regularizer, float32 (rows,)."""
    import cupy

    rows, columns = weight.shape
    decay = cupy.empty(rows, np.float32)
    _UPDATE.launch("row_decay", (rows,), _BLOCK, weight, columns, strength * beta / w_max, beta, w_max**2, decay)
    return decay


def row_mean(gradient: Any) -> Any:
    """Return the mean of each row of a gradient (rows, columns), float32 (rows,)."""
    import cupy

    rows, columns = gradient.shape
    mean = cupy.empty(rows, np.float32)
    _UPDATE.launch("row_mean", (rows,), _BLOCK, gradient, columns, mean)
    return mean


def clip(gradients: list[Any], limit: float) -> None:
    """Scale gradients (rows, columns) in place to a norm of all of at most `limit`, without waiting for the GPU."""
    import cupy

    first = np.cumsum([0] + [len(gradient) for gradient in gradients])
    squares, factor = cupy.empty(int(first[-1]), np.float64), cupy.empty(1, np.float32)
    for gradient, start in zip(gradients, first[:-1].tolist(), strict=True):
        _UPDATE.launch("row_square", (len(gradient),), _BLOCK, gradient, gradient.shape[1], squares[start:])
    _UPDATE.launch("clip_factor", (1,), _BLOCK, squares, int(first[-1]), limit, factor)
    for gradient in gradients:
        _UPDATE.launch("scale", (blocks(gradient.size, _BLOCK),), _BLOCK, gradient, *gradient.shape, factor)


def sgd(weight: Any, gradient: Any, shift: Any, decay: Any, velocity: Any, rate: float, momentum: float) -> None:
    """Update w -= rate * v with v = momentum * v + g, g = gradient - shift + decay * w; shift, decay (rows,)."""
    grid = (blocks(weight.size, _BLOCK),)
    _UPDATE.launch("sgd", grid, _BLOCK, weight, gradient, shift, decay, velocity, *weight.shape, rate, momentum)


def adam(weight: Any, gradient: Any, shift: Any, decay: Any, mean: Any, square: Any, *constants: float) -> None:
    """Update w -= rate * m / (sqrt(s) + epsilon); constants: rate, beta1, beta2, epsilon and the moments' corrections."""
    grid = (blocks(weight.size, _BLOCK),)
    _UPDATE.launch("adam", grid, _BLOCK, weight, gradient, shift, decay, mean, square, *weight.shape, *constants)


def average(weight: Any, mean: Any, share: float) -> None:
    """Update mean += share * (weight - mean), a step of an exponential moving average."""
    _UPDATE.launch("average", (blocks(weight.size, _BLOCK),), _BLOCK, weight, mean, *weight.shape, share)


def add_parts(partial: Any, total: Any) -> None:
    """Add partial sums (parts, ...) to `total` (...), in order."""
    grid = (blocks(total.size, _BLOCK),)
    _UPDATE.launch("add_parts", grid, _BLOCK, partial, len(partial), total.size, total)


def group_sums(batch_sum: BatchSum, done: int, samples: int, total: Any) -> Any:
    """Return sums of groups (groups, *shape of total) for samples after `done` others: zero, or first the open one."""
    import cupy

    partial = cupy.zeros((blocks(done % GROUP + samples, GROUP), *total.shape), np.float32)
    if batch_sum.open is not None:
        partial[0] = batch_sum.open
    return partial


def add_groups(partial: Any, batch_sum: BatchSum, done: int, total: Any) -> None:
    """Add the sums of groups to `total`, in order, up to sample `done`; an incomplete last group stays open."""
    if batch_sum.open is not None:
        total[...] = batch_sum.closed
    batch_sum.closed = batch_sum.open = None
    if done % GROUP and done < batch_sum.batch:
        add_parts(partial[:-1], total)
        batch_sum.closed, batch_sum.open, partial = total.copy(), partial[-1].copy(), partial[-1:]
    add_parts(partial, total)
