"""Recordings of event cameras, whose events become spikes."""

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.encoders import span, units
from cupynn.encoders.base import Encoder
from cupynn.kernels.events_encode import encode
from cupynn.ragged import Ragged
from cupynn.spikes.trains import SpikeTrains


class Events(Encoder):
    """Turns each event of a recording into a spike of its pixel and polarity, as in the paper.

    An event at time t belongs to step ``max(1, ceil(t / step))``: step 1 holds the times 0 to `step`, both included, and
    step 2 the later ones up to ``2 * step``; step 0 stays empty, as no network fires there. Several events of a pixel and
    polarity at one step are one spike; events after the last step are dropped. Nothing is random.

    Parameters
    ----------
    step : float
        Microseconds per time step.
    stabilise : bool
        Whether to undo the three camera saccades of N-MNIST recordings, which move the image by up to 7 pixels; events that
        leave the sensor (0.6 % of them) are dropped. For N-MNIST only.

    Raises
    ------
    InputError
        If an argument is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> from cupynn import datasets
    >>> events = np.array([(0, 3, 2, 1), (600, 3, 2, 1), (601, 0, 0, 0)], [("t", int), ("x", int), ("y", int), ("p", int)])
    >>> x = datasets.events([events], [0], sensor=(2, 3, 4)).x
    >>> Events(step=600).encode(x, steps=5, seed=0, draw=0, samples=np.arange(1)).events()
    Events(samples=array([0, 0]), steps=array([1, 2]), neurons=array([23,  0]))
    """

    def __init__(self, step: float = 600.0, stabilise: bool = False) -> None:
        self.step = checks.number("step", step, above=0)
        self.stabilise = checks.flag("stabilise", stabilise)

    def check(self, x: Ragged) -> None:
        """Raise InputError unless the data is recordings of events, all within the sensor."""
        names = x.dtype.names if isinstance(x, Ragged) else None
        if not names or not set(checks.EVENT_FIELDS) <= set(names):
            found = repr(x) if isinstance(x, Ragged) else f"a {type(x).__name__}"
            raise InputError(f"data is {found}: pass recordings of events, made by datasets.events(arrays, labels).x")
        sensor = checks.sensor("the sensor of the events", x.sample_shape)
        for index in range(len(x)):
            checks.events(f"sample {index}", x[index], sensor)

    def notice(self, x: Ragged, steps: int) -> str | None:
        """Report events that come too late, or recordings that end after few of the steps, and the unit that would fit."""
        bounds, late = [], 0
        with np.errstate(over="ignore"):  # infinity is late too
            for index in np.flatnonzero(x.lengths):
                times = x[index]["t"]
                late += int((self._steps(times) >= steps).sum())
                bounds.append((times.min(), times.max()))
            starts, ends = np.array(bounds, np.float64).reshape(-1, 2).T
            last = self._steps(ends)
        if late:
            dropped = f"{late:,} of {x.lengths.sum():,} events come after the last of {steps} steps and are dropped"
            return f"{dropped}: {units.late(starts, ends, steps, self.step)}"
        reached = span.typical(last, steps)
        return None if reached is None else units.short(ends, steps, self.step, reached)

    def _steps(self, times: np.ndarray) -> np.ndarray:
        """Return the step of each time."""
        return np.maximum(1, np.ceil(times / self.step))

    def encode(self, x: Ragged, steps: int, seed: int, draw: int, samples: np.ndarray) -> SpikeTrains:
        """Encode recordings as trains (B, T, polarities, height, width); seed, draw and samples are ignored."""
        checks.steps("steps", steps)
        self.check(x)
        recordings = [x[index] for index in range(len(x))]
        bounds = np.concatenate([[0], np.cumsum(x.lengths)])
        events = np.concatenate([x.values[:0], *recordings])
        return SpikeTrains(*encode(events, bounds, x.sample_shape, self.step, steps, self.stabilise), steps, x.sample_shape)
