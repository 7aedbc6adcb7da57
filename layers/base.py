"""The base classes of layers."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cache
from inspect import Parameter, signature
from typing import ClassVar, NamedTuple

import numpy as np

from cupynn.checks import InputError
from cupynn.kernels.sums import BatchSum
from cupynn.layers.arrays import Arrays
from cupynn.spikes.trains import SpikeTrains


class Run(NamedTuple):
    """Result of a forward pass: the trains and, if recorded, the state at every step."""

    spikes: SpikeTrains
    membrane: np.ndarray | None  # (B, T, *output_shape) float32, just before a reset
    current: np.ndarray | None  # (B, T, *output_shape) float32


class Layer(Arrays, ABC):
    """A layer of spiking neurons.

    The constructor stores its arguments under their own names; `build` allocates the arrays. `forward` stores nothing for
    `backward`: the network passes the trains to both.

    Attributes
    ----------
    name : str
        Set by the constructor, or by the network from kind and position.
    trained : bool
        Whether training changes the weights. Set it to False to freeze the layer, before `fit` or between two calls.
    params, grads : dict of str to ndarray
        Trained arrays, float32, and the gradients of the last `backward`, under the same keys; empty in a frozen layer.
    buffers : dict of str to ndarray
        Fixed arrays, float32, saved with the layer: also the weights of a frozen layer.
    input_shape, output_shape : tuple of int
        Set by `build`.

    Examples
    --------
    >>> from cupynn.layers import SpikingDense
    >>> layer = SpikingDense(2, v_th=1.0)
    >>> layer.build((3,), np.random.default_rng(0))
    >>> inputs = SpikeTrains.from_dense(np.ones((1, 20, 3)))
    >>> outputs = layer.forward(inputs).spikes
    >>> below = layer.backward(inputs, outputs, delta=np.ones((1, 2), np.float32))
    >>> below.shape, layer.grads["weight"].shape
    ((1, 3), (2, 3))

    A frozen layer still passes the error on:

    >>> layer.trained = False
    >>> layer.backward(inputs, outputs, delta=np.ones((1, 2), np.float32)).shape, list(layer.params), list(layer.buffers)
    ((1, 3), [], ['weight'])
    """

    kind_name: ClassVar[str]  # stem of default names: "dense" gives dense_1, dense_2, ...
    has_neurons: ClassVar[bool] = True  # without neurons, a layer passes on the trains below

    def __init__(self, name: str | None) -> None:
        if name is not None and (not isinstance(name, str) or not name or "/" in name or name == "input"):
            raise InputError(f"name={name!r}: pass a name without '/' other than 'input'")
        self.name = name
        self.params, self.grads, self.buffers = {}, {}, {}
        self.input_shape = self.output_shape = ()

    @abstractmethod
    def build(self, input_shape: tuple[int, ...], rng: np.random.Generator) -> None:
        """Set `input_shape`, `output_shape`, `params` and `grads`, and draw the initial parameters.

        Parameters
        ----------
        input_shape : tuple of int
            Shape of the layer below.
        rng : Generator
            Source of the random numbers.
        """

    @abstractmethod
    def forward(self, inputs: SpikeTrains, record: bool = False) -> Run:
        """Simulate the layer.

        Parameters
        ----------
        inputs : SpikeTrains
            (B, T, *input_shape).
        record : bool
            Whether to return the membrane and current at every step as well.
        """

    @abstractmethod
    def backward(
        self,
        inputs: SpikeTrains,
        outputs: SpikeTrains,
        delta: np.ndarray,
        input_error: bool = True,
        batch_sum: BatchSum | None = None,
    ) -> np.ndarray | None:
        """Write the mean gradient over the batch to `grads`; return the error of the inputs' counts.

        Parameters
        ----------
        inputs, outputs : SpikeTrains
            The argument and the result of `forward`.
        delta : ndarray of float32, shape (B, *output_shape)
            Derivative of each sample's loss with respect to the firing counts of this layer.
        input_error : bool
            Whether to compute the return value, float32 (B, *input_shape), or return None.
        batch_sum : BatchSum, optional
            State of a batch that is computed in parts, the same object for all of them: each part adds to the `grads` of the
            parts before, which become the mean over the whole batch. The caller updates `batch_sum.done`.
        """

    def project(self) -> None:
        """Return parameters that an update has moved beyond their bounds to them; most layers have no bounds.

        Optimizers call it after each update, before they average.
        """

    def backward_part(
        self, inputs: SpikeTrains, outputs: SpikeTrains, delta: np.ndarray, input_error: bool, batch_sum: BatchSum
    ) -> np.ndarray | None:
        """Call `backward` for a part of a batch; if it takes no `batch_sum`, average over the parts here.

        Parameters
        ----------
        inputs, outputs, delta, input_error, batch_sum
            As in `backward`.
        """
        if _takes_parts(type(self).backward):
            return self.backward(inputs, outputs, delta, input_error, batch_sum)
        before = {name: gradient.copy() for name, gradient in self.grads.items()} if batch_sum.done else {}
        below = self.backward(inputs, outputs, delta, input_error)
        if len(delta) != batch_sum.batch:
            for name, gradient in self.grads.items():
                gradient *= np.float32(len(delta) / batch_sum.batch)
                gradient += before.get(name, 0)
        return below


@cache
def _takes_parts(backward: Callable) -> bool:
    """Return whether a `backward` takes `batch_sum`, from a cache since every training step asks."""
    parameters = signature(backward).parameters
    return "batch_sum" in parameters or any(each.kind is Parameter.VAR_POSITIONAL for each in parameters.values())
