"""Recordings of event cameras, taken as they are."""

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.encoders.base import Encoder
from cupynn.kernels.events_encode import encode
from cupynn.ragged import Ragged
from cupynn.spikes.trains import SpikeTrains


class Events(Encoder):
    """Each event of a recording is a spike of its pixel and polarity, as in the paper.

    An event at time t falls on step ``max(1, ceil(t / step))``: step 1 holds the times 0 to `step`, both included, step 2
    those after it up to ``2 * step``, and so on; nothing falls on step 0, where no network fires. Several events of one
    pixel and polarity at one step are one spike; events after the last step are dropped. Nothing is drawn at random.

    Parameters
    ----------
    step : float
        Microseconds of a time step.
    stabilise : bool
        Undo the three saccades of the camera in N-MNIST recordings, which move the image by up to 7 pixels; events that
        leave the sensor by it (0.6 % of them) are dropped. For N-MNIST alone.

    Raises
    ------
    InputError
        If an argument is out of its range.

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
        """Refuse what is no recording of events, and events outside the sensor."""
        names = x.dtype.names if isinstance(x, Ragged) else None
        if not names or not set(checks.EVENT_FIELDS) <= set(names):
            found = repr(x) if isinstance(x, Ragged) else f"a {type(x).__name__}"
            raise InputError(f"data is {found}: pass recordings of events, made by datasets.events(arrays, labels).x")
        sensor = checks.sensor("the sensor of the events", x.sample_shape)
        for index in range(len(x)):
            checks.events(f"sample {index}", x[index], sensor)

    def notice(self, x: Ragged, steps: int) -> str | None:
        """Say how many events come too late."""
        with np.errstate(over="ignore"):  # infinity is late as well
            fallen = (np.maximum(1, np.ceil(x[index]["t"] / self.step)) for index in range(len(x)))
            late = sum(int((at >= steps).sum()) for at in fallen)
        if not late:
            return None
        return f"{late:,} of {x.lengths.sum():,} events fall after the last of {steps} steps, and are dropped"

    def encode(self, x: Ragged, steps: int, seed: int, draw: int, samples: np.ndarray) -> SpikeTrains:
        """Trains (B, T, polarities, height, width) of a batch of recordings; seed, draw and samples do not matter."""
        checks.steps("steps", steps)
        self.check(x)
        recordings = [x[index] for index in range(len(x))]
        bounds = np.concatenate([[0], np.cumsum(x.lengths)])
        events = np.concatenate([x.values[:0], *recordings])
        return SpikeTrains(*encode(events, bounds, x.sample_shape, self.step, steps, self.stabilise), steps, x.sample_shape)
