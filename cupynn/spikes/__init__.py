"""Spike trains: held as events, on the CPU or as bits on a GPU, exchanged with other libraries, shown in notebooks."""

from cupynn.spikes.trains import SpikeTrains

__all__ = ["SpikeTrains"]
