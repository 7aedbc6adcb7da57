"""Adam."""

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
        Decay of the two moments, in [0, 1).
    epsilon : float
        Keeps the denominator from zero.
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
    ) -> None:
        super().__init__(lr, schedule, regularizer, average, centralize)
        self.beta1 = checks.number("beta1", beta1, minimum=0, maximum=0.999999)
        self.beta2 = checks.number("beta2", beta2, minimum=0, maximum=0.999999)
        self.epsilon = checks.number("epsilon", epsilon, above=0)

    def _update(self, weight, gradient, shift, decay, moments, rate) -> None:
        corrections = (1 / (1 - beta**self.updates) for beta in (self.beta1, self.beta2))
        constants = (self.beta1, self.beta2, self.epsilon, *corrections)
        update_kernels(weight).adam(weight, gradient, shift, decay, *moments, rate, *(np.float32(x) for x in constants))
