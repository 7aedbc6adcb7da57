"""What the tests of figures share: made-up recordings and histories, and a look at what was drawn."""

import io

import numpy as np

from cupynn.kernels.psp import psp
from cupynn.results import Recording
from cupynn.results.history import Epoch, History
from cupynn.spikes import SpikeTrains

RECORDING = "the result of net.record(x), where x has a few samples, such as test.x[:10]"
TRAINS = "SpikeTrains, such as net.encode(x) or net.forward(net.encode(x)) returns"
PSP = psp("exact", 10.0, 4.0, 2)


def trains(*shape, rate=0.2, seed=0):
    return SpikeTrains.from_dense((np.random.default_rng(seed).random(shape) < rate).astype(np.uint8))


def recorded(spikes, seed=0):
    """A Recording of given trains, with made-up membranes and currents."""
    rng = np.random.default_rng(seed)
    state = [
        {name: rng.normal(size=s.shape).astype(np.float32) for name, s in spikes.items() if name != "input"} for _ in "ua"
    ]
    constants = {name: 2.5 for name in state[0]}, {name: 2 for name in state[0]}, {name: PSP for name in state[0]}
    return Recording(spikes, *state, *constants)


def history(epochs, validation=True):
    accuracies = [0.5, 0.8, 0.7, 0.8, 0.6][:epochs]
    return History(
        [
            Epoch(
                number=number,
                loss=100.0 / number,
                accuracy=accuracy - 0.1,
                validation_loss=90.0 / number if validation else None,
                validation_accuracy=accuracy if validation else None,
                spikes={"input": 20.0, "hidden": 3.0 + number, "output": 0.0},
                silent=0,
                rate=1e-3,
                seconds=1.0,
                samples_per_second=100.0,
            )
            for number, accuracy in enumerate(accuracies, start=1)
        ]
    )


def png(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def panels(figure):
    """Raster panels and count panels, from top to bottom."""
    return figure.axes[::2], figure.axes[1::2]


def marks(axes):
    """Sorted (step, neuron) of all spikes drawn in a raster panel."""
    lines = [line for line in axes.lines if line.get_marker() == "|"]
    return sorted(point for line in lines for point in zip(line.get_xdata(), line.get_ydata(), strict=True))


def events(spikes, sample):
    return sorted(zip(*spikes[sample].events()[1:], strict=True))


def line(axes, label):
    (found,) = [line for line in axes.lines if line.get_label() == label]
    return found
