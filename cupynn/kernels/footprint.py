"""What memory a layer needs for a pass, in bytes: known before it is run, so that a batch can be split to fit."""

from typing import NamedTuple

import numpy as np

from cupynn.kernels.cuda import workspace
from cupynn.kernels.events_cuda import word_count


class Load(NamedTuple):
    """What a layer is to work on; spikes and rooms are those of one sample.

    A kernel on the CPU writes spikes into rows with room for the worst case, of which only what is written takes memory.
    Where the operating system counts what is reserved (`reserved`), the room is what a row takes.
    """

    steps: int
    below: float  # spikes of the layer below, as expected
    spikes: float  # and of the layer itself
    room_below: int  # spikes in the worst case
    room: int
    training: bool  # whether there is a backward pass
    on_cuda: bool
    reserved: bool
    threads: int

    @property
    def row(self) -> float:
        """Spikes of a row that a kernel on the CPU writes."""
        return self.room if self.reserved else self.spikes


class Phase(NamedTuple):
    """What is needed while a layer computes, and free again afterwards."""

    fixed: float  # however many samples there are
    sample: float = 0.0  # for each
    workspace: float = 0.0  # for each, but for no more samples at a time than stay within `limit`
    limit: float = 0.0

    def bytes(self, samples: int) -> float:
        """Bytes for so many samples."""
        return self.fixed + samples * self.sample + min(samples * self.workspace, max(self.limit, self.workspace))


class Footprint(NamedTuple):
    """What a layer needs: for each sample what is kept until the backward pass is over, and its phases."""

    kept: float
    phases: tuple[Phase, ...]


def trains_bytes(load: Load, neurons: int, spikes: float) -> float:
    """Bytes of a sample's trains and, in training, of what the backward pass makes of them."""
    if load.on_cuda:
        return 4 * load.steps * word_count(neurons) + 4 * neurons
    backward = 4 * spikes + 12 * neurons if load.training else 0  # by neuron, and counts
    return 4 * spikes + 8 * load.steps + backward


def forward_cpu(load: Load, tables: float, lists: int = 2) -> Phase:
    """The forward pass on the CPU: rows of spikes, lists of them that each thread has, and so many bytes of tables."""
    return Phase(tables + load.threads * float32(lists * load.row), 4 * load.row + 8 * load.steps)


def phase_cuda(fixed: float, sample: float, bytes_per_sample: float) -> Phase:
    """A pass on a GPU, where `cuda.parts` bounds the workspace; that of one part is replaced by that of the next."""
    return Phase(fixed, sample, bytes_per_sample, 2 * workspace())


def float32(*sizes: float) -> float:
    """Bytes of arrays of float32 or int32."""
    return np.dtype(np.float32).itemsize * sum(sizes)
