"""`CountRegression`: the squared error of counts to targets that are numbers."""

from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.kernels import loss_cuda
from cupynn.losses.base import CountLoss


class CountRegression(CountLoss):
    """Squared error of the firing counts of the output neurons to target counts, one number per output.

    With z_i = o_i - y_i, set to zero where abs(z_i) <= margin, a sample's loss is ``weight * sum(z ** 2) / 2`` and its error
    ``delta_i = weight * z_i``. Scale your values to counts that the neurons can reach: more steps, or more neurons per
    output (`neurons_per_class` of the network), give finer values. `Sequential.counts` returns the predictions.

    An output that is silent although its target is at least 0.5 could never learn to fire: as in `CountLoss`, its train is
    replaced by the target's number of spikes for the backward pass.

    Parameters
    ----------
    margin : float
        Largest distance from the target without a loss.

    Raises
    ------
    InputError
        If `margin` is negative.

    Examples
    --------
    >>> import numpy as np
    >>> from cupynn import Sequential, encoders, layers, optimizers
    >>> x = np.linspace(0, 1, 50, dtype=np.float32)[:, None]
    >>> net = Sequential([layers.SpikingDense(30, v_th=1.0), layers.SpikingDense(1, v_th=2.0)], (1,), steps=100,
    ...                  encoder=encoders.Regular(), device="cpu")
    >>> data, loss = (x, 5 + 20 * x), CountRegression()
    >>> history = net.fit(data, loss=loss, optimizer=optimizers.Adam(0.02), epochs=20, progress=False)
    >>> net.evaluate(data, loss).r2 > 0.8
    True
    """

    predicts = "counts"

    def __init__(self, margin: float = 0.0) -> None:
        self.margin = checks.number("margin", margin, minimum=0, maximum=checks.LARGEST_STEPS)

    def check_targets(self, targets: np.ndarray, steps: int, most: int) -> None:
        """Refuse targets that the output neurons cannot reach.

        Parameters
        ----------
        targets : ndarray of float32, shape (samples, outputs)
        steps : int
        most : int
            Largest count of an output in these steps.

        Raises
        ------
        InputError
            If a target is larger.
        """
        highest = float(targets.max())
        if highest - self.margin > most:
            raise InputError(
                f"the targets go up to {highest:g}: an output fires at most {most} times in {steps} steps: scale the "
                "targets, pass more steps, or a smaller t_ref"
            )

    def _fills(self, targets: Any) -> Any:
        return (targets + np.float32(0.5)).astype(np.int32)

    def _distance(self, counts: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return squares(counts, targets, self.margin)

    def _distance_cuda(self, counts: Any, targets: Any, weights: Any) -> tuple[Any, Any]:
        return loss_cuda.count_distance(counts, targets, weights, self.margin)


def squares(counts: np.ndarray, targets: np.ndarray, margin: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the losses (B,) and the distances (B, outputs) of counts from targets, with a margin."""
    distance = counts - np.asarray(targets, np.float64)
    distance[np.abs(distance) <= np.float32(margin)] = 0  # as on a GPU
    return (distance**2).sum(1) / 2, distance
