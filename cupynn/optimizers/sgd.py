"""Stochastic gradient descent."""

import numpy as np

from cupynn import checks
from cupynn.optimizers.base import Optimizer
from cupynn.optimizers.regularizers import ExponentialRegularizer, update_kernels


class SGD(Optimizer):
    """Stochastic gradient descent, with momentum if asked for.

    Parameters
    ----------
    lr : float
        Learning rate.
    momentum : float
        In [0, 1).
    schedule : {"constant", "inverse-sqrt", "cosine"}
        How the rate falls: not at all, as ``lr / sqrt(epoch + 1)`` (the paper), or as half a cosine to zero.
    regularizer : ExponentialRegularizer, optional
    average : float
        Decay of a moving average of the weights, in [0, 1); 0: none is kept. See `Optimizer`.
    centralize : bool
        Whether the mean of its gradient is taken off each neuron's. See `Optimizer`.

    Raises
    ------
    InputError
        If an argument is out of its range.

    Examples
    --------
    >>> SGD(0.1, momentum=0.9)
    SGD(lr=0.1, momentum=0.9)
    """

    own_moments = 1

    def __init__(
        self,
        lr: float = 1e-2,
        momentum: float = 0.0,
        schedule: str = "constant",
        regularizer: ExponentialRegularizer | None = None,
        average: float = 0.0,
        centralize: bool = False,
    ) -> None:
        super().__init__(lr, schedule, regularizer, average, centralize)
        self.momentum = checks.number("momentum", momentum, minimum=0, maximum=0.999999)

    def _update(self, weight, gradient, shift, decay, moments, rate) -> None:
        update_kernels(weight).sgd(weight, gradient, shift, decay, *moments, rate, np.float32(self.momentum))
