"""Small recordings of events that several test files share."""

import struct

import hypothesis.extra.numpy as arrays
import numpy as np
from hypothesis import strategies as st

from cupynn import datasets
from cupynn.encoders import Events

TYPE = [("t", np.int64), ("x", np.int16), ("y", np.int16), ("p", bool)]
SENSOR = (2, 3, 4)
HEADER = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#Start-Time: 2016-10-05 (TZ+0200)\r\n#!END-HEADER\r\n"
JAER = b"#!AER-DAT2.0\r\n# This is a raw AE data file - do not edit\r\n# created Thu Sep 01 2016\r\n"


def recording(*events):
    return np.array([tuple(event) for event in events], TYPE)


def packet(events, kind=1, overflow=0, valid=True, capacity=None, size=8):
    """A packet of an AEDAT 3.1 file; HEADER begins one."""
    body = b"".join(struct.pack("<II", x << 17 | y << 2 | p << 1 | valid, t) for t, x, y, p in events)
    capacity = len(events) if capacity is None else capacity
    head = struct.pack("<hhiiiiii", kind, 1, size, 4, overflow, capacity, len(events), len(events))
    return head + body + bytes(max(0, capacity - len(events)) * 8)


def aedat2(*events, header=JAER):
    """A file of jAER; events are (t, x, y, p) with x and y as the DVS128 counts them."""
    return header + b"".join(struct.pack(">II", y << 8 | x << 1 | p, t) for t, x, y, p in events)


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
