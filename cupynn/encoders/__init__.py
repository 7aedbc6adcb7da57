"""Encoders: from data to `SpikeTrains`.

Import them from here. `base` has what an encoder needs, `intensity` what encoders of intensities share.
"""

from cupynn.encoders.base import Encoder
from cupynn.encoders.bsa import BSA
from cupynn.encoders.current import Current
from cupynn.encoders.events import Events
from cupynn.encoders.latency import Latency
from cupynn.encoders.poisson import Poisson
from cupynn.encoders.regular import Regular

ENCODERS: dict[str, type[Encoder]] = {kind.__name__: kind for kind in (BSA, Current, Events, Latency, Poisson, Regular)}

__all__ = ["BSA", "ENCODERS", "Current", "Encoder", "Events", "Latency", "Poisson", "Regular"]
