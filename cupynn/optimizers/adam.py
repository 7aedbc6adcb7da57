"""The Adam optimizer."""

from collections.abc import Mapping

import numpy as np

from cupynn import checks
from cupynn.optimizers.base import Optimizer
from cupynn.optimizers.regularizers import ExponentialRegularizer, update_kernels


class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015), the paper's optimizer.

    Parameters
    ----------
    lr : float
        Learning rate.
    beta1, beta2 : float
        Decay rates of the two moments, in [0, 1).
    epsilon : float
        Term added to the denominator to keep it above zero.
    schedule, regularizer, average, centralize, clip_norm, weight_decay, warmup, rates
        As in `Optimizer`.

    Raises
    ------
    InputError
        If an argument is out of its range.

    Examples
    --------
    As AdamW, with a warm-up of 100 updates, gradients clipped to a norm of 1, and a tenth of the rate in one layer:

    >>> Adam(0.01, weight_decay=0.01, warmup=100, clip_norm=1.0, rates={"hidden": 0.1}).rate
    0.0001

    One update by hand:

    >>> from cupynn import Sequential, encoders, layers, losses
    >>> net = Sequential([layers.SpikingDense(2, v_th=1.0)], (4,), steps=60, encoder=encoders.Poisson(), device="cpu")
    >>> before = net.layers[0].params["weight"].copy()
    >>> error = losses.SpikeCount()(net.forward(net.encode(np.ones((1, 4)))), [1])
    >>> net.backward(error, input_error=False)
    >>> Adam(0.01).step(net)
    >>> print(f"{abs(net.layers[0].params['weight'] - before).max():.3f}")
    0.010
    """

    own_moments = 2
    squares = (1,)

    def __init__(
        self,
        lr: float = 1e-3,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
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
        self.beta1 = checks.number("beta1", beta1, minimum=0, maximum=0.999999)
        self.beta2 = checks.number("beta2", beta2, minimum=0, maximum=0.999999)
        self.epsilon = checks.number("epsilon", epsilon, above=0)

    def _update(self, weight, gradient, shift, decay, moments, rate) -> None:
        corrections = (1 / (1 - beta**self.updates) for beta in (self.beta1, self.beta2))
        constants = (self.beta1, self.beta2, self.epsilon, *corrections)
        update_kernels(weight).adam(weight, gradient, shift, decay, *moments, rate, *(np.float32(x) for x in constants))
