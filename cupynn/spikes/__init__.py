"""Spike trains: `SpikeTrains` holds those of a batch as events.

Import it from here. `convert` reads dense trains and address events, `cuda_trains` holds trains as bits on a GPU, `exchange`
takes arrays of other libraries, `picture` draws trains in notebooks.
"""

from cupynn.spikes.trains import SpikeTrains

__all__ = ["SpikeTrains"]
