"""`Sequential`: the network that users build, train and query."""

from cupynn import pretrained
from cupynn.evaluation.compare import compare
from cupynn.evaluation.evaluate import counts, evaluate, predict
from cupynn.network import quantise, storage, summary
from cupynn.network.network import Network
from cupynn.training.fit import fit


class Sequential(Network):
    """A spiking network: an encoder and layers, one after the other.

    Parameters
    ----------
    layers : iterable of Layer
        At least one. The network builds them, so each layer belongs to one network only.
    input_shape : tuple of int
        Shape of one sample, such as (28, 28).
    steps : int
        Number of time steps T, at most 2^24.
    encoder : Encoder, optional
        Turns data into spike trains. Without an encoder, the network takes `SpikeTrains` only.
    seed : int
        Seed of the initial weights, the encoder's random trains and the order of training samples, below 2^64.
    device : {"auto", "cpu", "cuda", "cuda:1", ...}
        Device of the network, its arrays, `SpikeTrains` and errors: "auto" selects a working GPU, otherwise the CPU.
    neurons_per_class : int
        Number of neurons of the last layer per class (a population code): first those of class 0, then those of class 1, and
        so on. Losses, predictions and evaluations take the sum of their counts.

    Attributes
    ----------
    trains : list of SpikeTrains
        Trains of the input and of every layer in the last `forward` pass.
    encoded : int
        Number of samples that `encode` has numbered automatically.

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

    Five output neurons for each of ten classes:

    >>> net = Sequential([layers.SpikingDense(50, v_th=5.0)], (8, 8), steps=50, encoder=encoders.Poisson(),
    ...                  neurons_per_class=5)
    >>> net.output_shape, net.classes
    ((50,), 10)
    """

    # Methods: the network, or its class for `load`, is their first argument.
    fit, predict, counts, evaluate = fit, predict, counts, evaluate
    save, load, _repr_html_ = storage.save, classmethod(storage.load), summary.as_html
    pretrained = classmethod(pretrained.load)
    quantise, integers, compare = quantise.quantise, quantise.integers, compare

    def summary(self) -> None:
        """Print a table of the layers."""
        print(summary.as_text(self))
