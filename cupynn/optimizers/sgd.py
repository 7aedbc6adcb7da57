"""Stochastic gradient descent."""

from collections.abc import Mapping

import numpy as np

from cupynn import checks
from cupynn.optimizers.base import Optimizer
from cupynn.optimizers.regularizers import ExponentialRegularizer, update_kernels


class SGD(Optimizer):
    """Stochastic gradient descent, optionally with momentum.

    Parameters
    ----------
    lr : float
        Learning rate.
    momentum : float
        Momentum factor, in [0, 1).
    schedule, regularizer, average, centralize, clip_norm, weight_decay, warmup, rates
        As in `Optimizer`.

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
        clip_norm: float | None = None,
        weight_decay: float = 0.0,
        warmup: int | None = None,
        rates: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(lr, schedule, regularizer, average, centralize, clip_norm, weight_decay, warmup, rates)
        self.momentum = checks.number("momentum", momentum, minimum=0, maximum=0.999999)

    def _update(self, weight, gradient, shift, decay, moments, rate) -> None:
        update_kernels(weight).sgd(weight, gradient, shift, decay, *moments, rate, np.float32(self.momentum))
