"""`Sequential`: the network that users build, train and query."""

from os import PathLike

from cupynn.evaluation.evaluate import counts, evaluate, predict
from cupynn.network import storage, summary
from cupynn.network.network import Network
from cupynn.training.fit import fit


class Sequential(Network):
    """A spiking network: an encoder and layers, one after the other.

    Parameters
    ----------
    layers : iterable of Layer
        At least one; built here, so each belongs to one network only.
    input_shape : tuple of int
        Shape of one sample, such as (28, 28).
    steps : int
        Number of time steps T, at most 2^24.
    encoder : Encoder, optional
        Turns data into trains. Without one the network takes `SpikeTrains` only.
    seed : int
        Of the initial weights, the encoder's draws and the order of training, below 2^64.
    device : {"auto", "cpu", "cuda", "cuda:1", ...}
        Where the network runs: "auto" takes a working GPU, and else the CPU. Its arrays, `SpikeTrains` and errors lie there.

    Attributes
    ----------
    trains : list of SpikeTrains
        Of the input and of every layer, in the last `forward` pass.
    encoded : int
        Samples that `encode` has numbered by itself.

    Raises
    ------
    InputError
        If an argument cannot be used.

    Examples
    --------
    >>> from cupynn import encoders, layers
    >>> net = Sequential([layers.SpikingDense(20, v_th=10.0), layers.SpikingDense(10, v_th=5.0)],
    ...                  input_shape=(8, 8), steps=50, encoder=encoders.Poisson())
    >>> net.output_shape
    (10,)
    """

    fit, predict, counts, evaluate = fit, predict, counts, evaluate  # methods: the network is their first argument

    def summary(self) -> None:
        """Print a table of the layers."""
        print(summary.as_text(self))

    def _repr_html_(self) -> str:
        return summary.as_html(self)

    def save(self, path: str | PathLike) -> None:
        """Write definition and weights to an .npz file, atomically."""
        storage.save(self, path)

    @classmethod
    def load(cls, path: str | PathLike, device: str = "auto") -> "Sequential":
        """Read a network from a file, which may have been saved on another device.

        Parameters
        ----------
        path : str or path
        device : str
            Where it runs.

        Raises
        ------
        InputError
            If the file is missing, damaged, or of another kind.
        """
        return storage.load(cls, path, device)
