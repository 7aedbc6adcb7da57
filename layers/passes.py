"""The forward and backward passes of layers whose work is done by kernels."""

from abc import abstractmethod
from math import prod
from typing import Any, ClassVar

import numpy as np

from cupynn.checks import InputError
from cupynn.kernels.slopes import slopes
from cupynn.kernels.sums import BatchSum
from cupynn.layers import constants_cpu, constants_cuda
from cupynn.layers.base import Layer, Run
from cupynn.layers.constants import aligned_constants
from cupynn.layers.linear_pool import LinearPool2D, Windows
from cupynn.layers.spiking import SpikingLayer
from cupynn.layers.synapses import ConvSynapses, DenseSynapses, PoolSynapses
from cupynn.spikes.trains import SpikeTrains


class KernelLayer(SpikingLayer):
    """A spiking layer that runs both passes in the kernels of its `twins`."""

    divided_error: ClassVar[bool] = True  # whether the error is divided by the threshold
    gradient_needed: ClassVar[bool] = False  # whether the kernels find the error below while they write the gradient

    @property
    @abstractmethod
    def synapses(self) -> DenseSynapses | ConvSynapses | PoolSynapses:
        """The layer's arrays and shapes, as its kernels take them."""

    def acting(self, inputs: SpikeTrains) -> SpikeTrains:
        """Return the inputs as they act on the neurons: later than they fire, in a layer with delays."""
        return inputs

    def slopes_of(self, inputs: SpikeTrains) -> np.ndarray | None:
        """Return an array for what trained delays learn from each sample; None in a layer without them."""
        return None

    def learn_delays(self, slopes: np.ndarray | None, batch_sum: BatchSum) -> None:
        """Add what trained delays learn from the samples to their gradient."""

    def forward(self, inputs: SpikeTrains, record: bool = False) -> Run:
        """Simulate the layer: update current and membrane and fire, step by step."""
        states = self.recorders(inputs, record)
        spikes = self.twin(inputs).simulate(self.seen(inputs), self.synapses, self.neuron, *states)
        return self.run(spikes, *states)

    def backward(
        self,
        inputs: SpikeTrains,
        outputs: SpikeTrains,
        delta: np.ndarray,
        input_error: bool = True,
        batch_sum: BatchSum | None = None,
    ) -> np.ndarray | None:
        """Compute the weight gradient and the error of the inputs from the S-PSP: the paper's macro and micro levels."""
        errors = self.checked(inputs, outputs, delta).reshape(inputs.batch, outputs.size)
        if not self.grads and not input_error:  # pooling or a reservoir at the bottom
            return None
        seen, synapses, batch_sum = self.seen(inputs), self.synapses, batch_sum or BatchSum(inputs.batch)
        below = inputs.xp.empty((inputs.batch, seen.size), np.float32) if input_error else None
        if self.divided_error:
            errors = errors / self._thresholds(inputs)
        gradient, slopes = self.gradient_for(synapses, inputs.xp, batch_sum), self.slopes_of(seen)
        synapses = synapses if slopes is None else synapses._replace(slopes=slopes)
        if gradient is not None or below is not None:
            self.twin(inputs).backward(seen, outputs, errors, synapses, self.rule, gradient, below, batch_sum)
        self.keep(gradient)
        self.learn_constants(seen, outputs, errors, batch_sum)
        self.learn_delays(slopes, batch_sum)
        return None if below is None else below[:, : inputs.size].reshape(inputs.batch, *self.input_shape)

    def seen(self, inputs: SpikeTrains) -> SpikeTrains:
        """Return the trains that the kernels take: those below as they act, and what the layer adds."""
        return self.acting(inputs)

    def gradient_for(self, synapses: Any, xp: Any, batch_sum: BatchSum) -> Any:
        """Return the array to which the kernels add the gradient, or None if they need none."""

    def keep(self, gradient: Any) -> None:
        """Store the gradient of the kernels in `grads`, unless they have written there."""

    def _thresholds(self, trains: SpikeTrains) -> Any:
        """Return the threshold of each neuron (N,), on the device of some trains, or of all as one number."""
        v_th = np.float32(self.v_th)
        return trains.xp.asarray(np.repeat(v_th, prod(self.output_shape) // v_th.size)) if v_th.ndim else v_th

    def learn_constants(self, inputs: SpikeTrains, outputs: SpikeTrains, errors: np.ndarray, batch_sum: BatchSum) -> None:
        """Add the gradients of the trained constants, if any.

        Parameters
        ----------
        inputs, outputs : SpikeTrains
            Those that the kernels take, and those of `forward`.
        errors : ndarray of float32, shape (B, N)
            D, already reduced where neurons overshoot.
        batch_sum : BatchSum
        """
        names = [name for name in self.trainable if name in self.grads]
        if not names:
            return
        gradients = [self.grads[name] for name in names]
        if batch_sum.done == 0:
            for gradient in gradients:
                gradient.fill(0)
        per_value = {"tau_m": 1.0, "tau_s": 1.0, "v_th": -1 / self.v_th}
        factors = np.array([per_value[name] * self.constant_factors()[name] for name in names])
        if not self.divided_error:
            errors = errors / self._thresholds(inputs)
        rows = [("v_th", "tau_m", "tau_s").index(name) for name in names]
        twin = (constants_cpu, constants_cuda)[inputs.on_cuda]
        recursion = slopes(self.psp_kernel, *aligned_constants(self.tau_m, self.tau_s), self.t_ref)
        found = twin.membranes(inputs, outputs, errors, self.synapses, recursion)
        twin.add_up(errors, found, rows, factors, 1 / max(1, batch_sum.batch), gradients)


class WeightedLayer(KernelLayer):
    """A layer with weights and, optionally, a bias: the weight of a train that fires at every step.

    Kernels of layers with a bias sum the gradients of all weights in one array, with the bias last, for each neuron or map.
    """

    added = KernelLayer.added | {"bias": False}
    bias = False  # an argument of each class
    windows: Windows | None = None  # of pooling without neurons between the layer and the trains below, set before `build`

    @property
    def pooled_shape(self) -> tuple[int, ...]:
        """Shape of the inputs for which the layer has weights: that of the trains below, pooled if there are windows."""
        return self.input_shape if self.windows is None else (*self.input_shape[:-2], *self.windows.places)

    @property
    def weight(self) -> np.ndarray:
        """Weights, trained or frozen: a row for each neuron or map."""
        return self.held("weight")

    @property
    def spread_weight(self) -> np.ndarray:
        """Weights of the trains below, if there are windows, and otherwise the weights themselves."""
        return self.weight

    @property
    @abstractmethod
    def spread_shape(self) -> tuple[int, ...]:
        """Shape of `spread_weight`."""

    @property
    def bias_weight(self) -> np.ndarray | None:
        """Biases (neurons or maps,), trained or frozen, or None without."""
        return self.held("bias") if self.bias else None

    def biases(self, neurons: int) -> dict[str, np.ndarray]:
        """Return new biases, zeros, for `allocate`; nothing without."""
        return {"bias": np.zeros(neurons, np.float32)} if self.bias else {}

    @property
    def pooled_gain(self) -> float:
        """Return the sum of a window, by which initial weights are smaller; 1 without pooling."""
        return 1.0 if self.windows is None else self.windows.gain

    def drive(self) -> float:
        """Return the largest current that a neuron can receive in one step, with all its inputs firing."""
        if "weight" not in self.params | self.buffers:  # a layer of users
            return super().drive()
        weight = self.spread_weight
        largest = weight.reshape(len(weight), -1).clip(0, None).sum(1, dtype=np.float64)
        return float((largest + self.bias_weight if self.bias else largest).max())

    @property
    def merged(self) -> bool:
        """Return whether the kernels sum the gradient in an array that is not that of the weights."""
        return self.bias or self.windows is not None

    def gradient_for(self, synapses: Any, xp: Any, batch_sum: BatchSum) -> Any:
        """Return the array to which the kernels add the gradient, or None if they need none."""
        if "weight" not in self.grads:  # frozen: only the kernels use it
            return xp.zeros(synapses.gradient_shape, np.float32) if self.gradient_needed or self.overshoot else None
        if not self.merged:
            return self.grads["weight"]
        if batch_sum.done == 0:
            batch_sum.merged = xp.zeros(synapses.gradient_shape, np.float32)
        return batch_sum.merged

    def keep(self, gradient: Any) -> None:
        """Store the gradient of the kernels in `grads`, unless they have written there."""
        if not self.merged or "weight" not in self.grads:
            return
        if self.bias:
            self.grads["bias"][...] = gradient[:, -1]
            gradient = gradient[:, :-1]
        self.grads["weight"][...] = self.gathered(gradient).reshape(self.weight.shape)

    def gathered(self, gradient: Any) -> Any:
        """Return the gradient of the weights for that of the weights of the trains below."""
        return gradient


def merge_pooling(below: Layer | None, layer: Layer) -> None:
    """Tell a layer, before it is built, about pooling without neurons below it.

    Raises
    ------
    InputError
        If the layer has no weights into which the pooling can be merged.
    """
    if isinstance(below, LinearPool2D):
        if not isinstance(layer, WeightedLayer):
            raise InputError(
                f"{layer.name}: {type(layer).__name__} cannot follow {below.name}, which has no neurons: put a SpikingDense,"
                " SpikingRecurrent or SpikingConv2D above it, into whose weights it is merged"
            )
        layer.windows = below.windows
