"""Optimizer updates: one pass over a weight matrix, its gradient and the optimizer's moments."""

import numpy as np

from cupynn.kernels import kernel
from cupynn.kernels.threads import each, parallel


def row_decay(weight: np.ndarray, strength: float, beta: float, w_max: float) -> np.ndarray:
    """Return the factor of each row of weights (rows, columns) in the exponential regularizer, float32 (rows,)."""
    level = np.einsum("ij,ij->i", weight, weight) / (w_max**2 * weight.shape[1])
    with np.errstate(over="ignore"):  # weights that have diverged: the update finds them
        return (strength * beta / w_max * np.exp(beta * (level - 1))).astype(np.float32)


def row_mean(gradient: np.ndarray) -> np.ndarray:
    """Return the mean of each row of a gradient (rows, columns), float32 (rows,)."""
    return gradient.mean(1)


def clip(gradients: list[np.ndarray], limit: float) -> None:
    """Scale gradients (rows, columns) in place to a norm of all of at most `limit`; the norm is summed in float64."""
    squares = np.concatenate([np.einsum("ij,ij->i", gradient, gradient, dtype=np.float64) for gradient in gradients])
    norm = np.sqrt(squares.sum())
    if not norm <= limit:  # a norm that is not finite stays so
        for gradient in gradients:
            gradient *= np.float32(limit / norm)


@kernel
def _sgd(turns, weight, gradient, shift, decay, velocity, rate, momentum):
    for i in each(turns):
        for j in range(weight.shape[1]):
            g = gradient[i, j] - shift[i] + decay[i] * weight[i, j]
            velocity[i, j] = momentum * velocity[i, j] + g
            weight[i, j] -= rate * velocity[i, j]


def sgd(weight, gradient, shift, decay, velocity, rate, momentum) -> None:
    """Update w -= rate * v with v = momentum * v + g, g = gradient - shift + decay * w; shift, decay (rows,)."""
    parallel(_sgd, len(weight), weight, gradient, shift, decay, velocity, rate, momentum)


@kernel
def _adam(turns, weight, gradient, shift, decay, mean, square, rate, beta1, beta2, epsilon, correction1, correction2):
    one = np.float32(1)
    for i in each(turns):
        for j in range(weight.shape[1]):
            g = gradient[i, j] - shift[i] + decay[i] * weight[i, j]
            mean[i, j] = beta1 * mean[i, j] + (one - beta1) * g
            square[i, j] = beta2 * square[i, j] + (one - beta2) * g * g
            weight[i, j] -= rate * (mean[i, j] * correction1) / (np.sqrt(square[i, j] * correction2) + epsilon)


def adam(weight, gradient, shift, decay, mean, square, rate, beta1, beta2, epsilon, correction1, correction2) -> None:
    """Update w -= rate * m / (sqrt(s) + epsilon), with both moments corrected for their start at zero; g as in `sgd`."""
    constants = (rate, beta1, beta2, epsilon, correction1, correction2)
    parallel(_adam, len(weight), weight, gradient, shift, decay, mean, square, *constants)


@kernel
def _average(turns, weight, mean, share):
    for i in each(turns):
        for j in range(weight.shape[1]):
            mean[i, j] += share * (weight[i, j] - mean[i, j])


def average(weight, mean, share) -> None:
    """Update mean += share * (weight - mean), a step of an exponential moving average."""
    parallel(_average, len(weight), weight, mean, share)
