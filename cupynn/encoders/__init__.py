"""Encoders: from data to `SpikeTrains`."""

from cupynn.encoders.base import Encoder
from cupynn.encoders.current import Current
from cupynn.encoders.latency import Latency
from cupynn.encoders.poisson import Poisson
from cupynn.encoders.regular import Regular

ENCODERS: dict[str, type[Encoder]] = {kind.__name__: kind for kind in (Current, Latency, Poisson, Regular)}

__all__ = ["ENCODERS", "Current", "Encoder", "Latency", "Poisson", "Regular"]
