"""Regularizers: terms that optimizers add to gradients to keep weights small."""

from types import ModuleType

import numpy as np

from cupynn import checks
from cupynn.config import Configured
from cupynn.kernels import update, update_cuda
from cupynn.kernels.cuda import on_device


def update_kernels(array: np.ndarray) -> ModuleType:
    """Return the module of update kernels for the device of an array."""
    return update_cuda if on_device(array) else update


class ExponentialRegularizer(Configured):
    """The paper's regularizer, which grows exponentially with the squared weights of a neuron.

    It adds ``strength * beta * (w_ij / w_max) * exp(beta * (sum_j (w_ij / w_max) ** 2 / inputs - 1))`` to the gradient.

    Parameters
    ----------
    strength : float
        The paper's lambda.
    beta : float
        Steepness.
    w_max : float
        Scale of the weights.

    Raises
    ------
    InputError
        If `strength` or `beta` is negative, or `w_max` is not positive.

    Examples
    --------
    >>> from cupynn.optimizers import Adam
    >>> Adam(1e-2, regularizer=ExponentialRegularizer(strength=1.0)).regularizer
    ExponentialRegularizer(strength=1.0)
    """

    def __init__(self, strength: float = 10.0, beta: float = 0.04, w_max: float = 8.0) -> None:
        self.strength = checks.number("strength", strength, minimum=0)
        self.beta = checks.number("beta", beta, minimum=0)
        self.w_max = checks.number("w_max", w_max, above=0)

    def decay(self, weight: np.ndarray) -> np.ndarray:
        """Return the factor of each neuron's weights in this term, float32 (neurons,), for weights (neurons, inputs)."""
        return update_kernels(weight).row_decay(weight, self.strength, self.beta, self.w_max)


REGULARIZERS: dict[str, type] = {"ExponentialRegularizer": ExponentialRegularizer}
