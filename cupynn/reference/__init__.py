"""Files of the original program (`mm-bp-snn`): configs, weights, checkpoints, spike dumps and data sets as text.

Import these names from here. `config` reads a config, `initial` the weights that it names, and
`build` makes a network of them.
"""

from cupynn.reference.build import Definition, load
from cupynn.reference.checkpoint import load_checkpoint
from cupynn.reference.samples import read_cochleagram, read_nmnist
from cupynn.reference.spikes import read_spikes, write_spikes

__all__ = ["Definition", "load", "load_checkpoint", "read_cochleagram", "read_nmnist", "read_spikes", "write_spikes"]
