"""`RateBand`: a term that keeps the firing counts of a layer within bounds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.config import Configured


class RateBand(Configured):
    """A term of the loss for the neurons of one layer whose counts are outside a band: fewer spikes, or more.

    With z = o - high where a neuron fires o > high times in a sample, z = o - low where o < low, and z = 0 in between, it
    adds ``weight * sum(z ** 2) / 2`` to the loss of the sample, and ``weight * z`` to the error of the counts. It does not
    depend on sample weights.

    Parameters
    ----------
    low : float
        Lower bound of the count per sample.
    high : float, optional
        Upper bound, if there is one.
    weight : float
        Strength of the term, compared with the error of the counts: 0.01 is a careful start.

    Raises
    ------
    InputError
        If there is no bound, a bound or the weight is negative, or `low` is above `high`.

    Examples
    --------
    Hidden neurons that fire at most three times per sample:

    >>> import numpy as np
    >>> from cupynn import Sequential, encoders, layers
    >>> net = Sequential([layers.SpikingDense(9, v_th=1.0, name="hidden"), layers.SpikingDense(2, v_th=1.0)], (4,),
    ...                  steps=120, encoder=encoders.Poisson(), device="cpu")
    >>> data = np.eye(4, dtype=np.float32), [0, 0, 1, 1]
    >>> history = net.fit(data, terms={"hidden": RateBand(high=3, weight=0.01)}, epochs=2, progress=False)
    >>> list(history[-1].terms)
    ['hidden']
    """

    def __init__(self, low: float = 0.0, high: float | None = None, weight: float = 0.01) -> None:
        self.low = checks.number("low", low, minimum=0, maximum=checks.LARGEST_STEPS)
        self.high = None if high is None else checks.number("high", high, minimum=0, maximum=checks.LARGEST_STEPS)
        self.weight = checks.number("weight", weight, minimum=0)
        if self.high is None and not self.low:
            raise InputError("RateBand has no bound: pass high, the largest count per sample, or low, the smallest")
        if self.high is not None and self.low > self.high:
            raise InputError(f"low={low!r} with high={high!r}: pass a low bound of at most the high one")

    def error(self, counts: Any) -> Any:
        """Return the derivative of the term by the counts, float32 of their shape, in the memory of the counts."""
        return np.float32(self.weight) * self._excess(counts)

    def losses(self, counts: Any) -> Any:
        """Return the value of the term for each sample, float64 (B,)."""
        excess = self._excess(counts).reshape(len(counts), -1).astype(np.float64)
        return (excess * excess).sum(1) * (self.weight / 2)

    def _excess(self, counts: Any) -> Any:
        counts = counts.astype(np.float32)
        high = np.float32(np.inf if self.high is None else self.high)
        return counts - counts.clip(np.float32(self.low), high)


def check(terms: Mapping[str, RateBand], layers: Sequence[str], lowest: int) -> None:
    """Refuse terms by layer that have no effect on a network.

    Parameters
    ----------
    terms : mapping of str to RateBand
    layers : sequence of str
        Names of all layers, empty for those without neurons.
    lowest : int
        Index of the lowest layer that is trained.

    Raises
    ------
    InputError
        If a name is not that of a layer, a term is not a `RateBand`, or only frozen layers are below it.
    """
    if not isinstance(terms, Mapping):
        raise InputError(f"terms is {checks.described(terms)}: pass a dict, {{'hidden': losses.RateBand(high=5)}}")
    for name, term in terms.items():
        checks.choice("terms: layer", name, [layer for layer in layers if layer])
        checks.only(f"terms[{name!r}]", term, RateBand)
        if layers.index(name) < lowest:
            raise InputError(f"terms[{name!r}]: neither this layer nor one below it is trained: leave the term out")
