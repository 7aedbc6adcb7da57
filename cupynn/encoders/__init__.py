"""Encoders: from data to `SpikeTrains`."""

from cupynn.encoders.base import Encoder
from cupynn.encoders.bsa import BSA
from cupynn.encoders.poisson import Poisson

ENCODERS: dict[str, type[Encoder]] = {kind.__name__: kind for kind in (Poisson, BSA)}

__all__ = ["BSA", "ENCODERS", "Encoder", "Poisson"]
