"""Compare spike trains spike by spike."""

import numpy as np

from cupynn.spikes.trains import SpikeTrains


def mismatched(one: SpikeTrains, other: SpikeTrains) -> int:
    """Return the number of places (sample, step, neuron) where only one of two batches of trains has a spike."""
    places = [np.ravel_multi_index(each.events(), (len(each), each.steps, each.size)) for each in (one, other)]
    return np.setxor1d(*places, assume_unique=True).size
