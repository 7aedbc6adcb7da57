"""Encoders: from data to `SpikeTrains`."""

from cupynn.encoders.base import Encoder
from cupynn.encoders.events import Events
from cupynn.encoders.poisson import Poisson

ENCODERS: dict[str, type[Encoder]] = {kind.__name__: kind for kind in (Poisson, Events)}

__all__ = ["ENCODERS", "Encoder", "Events", "Poisson"]
