"""Small recordings of events that several test files share."""

import hypothesis.extra.numpy as arrays
import numpy as np
from hypothesis import strategies as st

from cupynn import datasets
from cupynn.encoders import Events

TYPE = [("t", np.int64), ("x", np.int16), ("y", np.int16), ("p", bool)]
SENSOR = (2, 3, 4)


def recording(*events):
    return np.array([tuple(event) for event in events], TYPE)


def toy(*recordings, sensor=SENSOR, **options):
    return datasets.events(recordings, np.arange(len(recordings)), sensor, **options)


def encode(x, steps, **options):
    return Events(**options).encode(x, steps, seed=0, draw=0, samples=np.arange(len(x)))


@st.composite
def recordings(draw, sensor=SENSOR, latest=6000):
    count = draw(st.integers(0, 40))
    limits = {"t": latest, "x": sensor[2] - 1, "y": sensor[1] - 1, "p": sensor[0] - 1}
    events = np.zeros(count, TYPE)
    for name, limit in limits.items():
        events[name] = draw(arrays.arrays(np.int64, count, elements=st.integers(0, limit)))
    return events
