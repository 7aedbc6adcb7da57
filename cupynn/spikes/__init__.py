"""Spike trains: `SpikeTrains`, to be imported from here, holds the trains of a batch as events.

`convert` reads dense trains and address events, `cuda_trains` holds trains as bits on a GPU, `exchange` converts arrays of
other libraries, `picture` draws trains in notebooks.
"""

from cupynn.spikes.trains import SpikeTrains

__all__ = ["SpikeTrains"]
