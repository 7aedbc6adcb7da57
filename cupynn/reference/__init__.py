"""Text files of the original program (`mm-bp-snn`): configs, weights, checkpoints, spike dumps and data sets.

Import these names from here. `config` reads a config and `folder` finds the files that it names; `initial` reads weights and
`data` samples. `training` makes loss and optimizer, `build` the network, and `verification` compares it with the program.
"""

from cupynn.reference.build import Definition, load
from cupynn.reference.checkpoint import load_checkpoint
from cupynn.reference.data import Samples
from cupynn.reference.samples import read_cochleagram, read_nmnist
from cupynn.reference.spikes import read_spikes, write_spikes
from cupynn.reference.verification import Verification, verify

__all__ = [
    "Definition",
    "Samples",
    "Verification",
    "load",
    "load_checkpoint",
    "read_cochleagram",
    "read_nmnist",
    "read_spikes",
    "verify",
    "write_spikes",
]
