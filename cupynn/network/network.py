"""`Network`: a sequence of layers with explicit forward and backward passes."""

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Self

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.config import explained
from cupynn.device.device import Device
from cupynn.device.device import resolve as resolve_device
from cupynn.elsewhere import METHODS, NETWORK, missing
from cupynn.encoders import Encoder
from cupynn.kernels.sums import BatchSum, sums_of_part
from cupynn.layers import Layer, SpikingRecurrent
from cupynn.layers.constants import of_neurons
from cupynn.layers.delays import DelayedLayer
from cupynn.layers.passes import merge_pooling
from cupynn.losses import CountError, CountLoss, RateBand
from cupynn.losses.base import check_error, check_population
from cupynn.losses.rates import check as check_rates
from cupynn.network.finite import check_finite
from cupynn.network.inputs import Labelled, arranged, as_inputs, as_pair, as_targets
from cupynn.network.parts import build, countable, listed
from cupynn.ragged import Ragged
from cupynn.results.recording import Recording
from cupynn.spikes.trains import Data, SpikeTrains

ENCODED = "SpikeTrains, such as net.encode(x), or use net.predict(x) or net.counts(x), which encode the data"
DRAW = 0  # draw of random trains in evaluation; training uses the epoch, 1, 2, ...
FREE_DRAW = 2**32 - 1  # default draw of `encode`


class Network:
    """A sequence of layers on a device, with forward and backward passes and recordings.

    `Sequential`, the class for users, has the same arguments and adds training, evaluation and files.
    """

    @explained("pass the layers as one list, and other arguments by name: Sequential([...], input_shape=...)", NETWORK)
    def __init__(
        self,
        layers: Iterable[Layer],
        input_shape: tuple[int, ...],
        steps: int,
        encoder: Encoder | None = None,
        seed: int = 0,
        device: str | Device = "auto",
        *,
        neurons_per_class: int = 1,
    ) -> None:
        self.layers = layers
        self.input_shape = checks.shape("input_shape", input_shape)
        if self.layers[0].kind_name in ("conv", "pool", "average", "sum"):
            checks.channels_first("input_shape", self.input_shape)
        self.steps = checks.steps("steps", steps)
        self.encoder = encoder
        self.seed = checks.integer("seed", seed, maximum=2**64 - 1)
        self.device: Device = resolve_device(device)
        self.trains: list[SpikeTrains] = []
        self._sums: list[BatchSum] = []  # progress of each layer's gradient
        self.encoded = 0
        self._name_layers()
        self.output_shape = countable("input_shape", self.input_shape)
        for index, layer in enumerate(self.layers):
            merge_pooling(self.layers[index - 1] if index else None, layer)
            self.output_shape = build(layer, self.output_shape, np.random.default_rng([self.seed, index]))
        if not self.layers[-1].has_neurons:
            raise InputError(f"the last layer, {self.layers[-1].name}, has no neurons: put a layer with neurons above it")
        check_population(self.output_shape, neurons_per_class)
        self.neurons_per_class = int(neurons_per_class)
        self.to(self.device)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in ("requires_grad", "trainable", "trained"):
            raise InputError(
                f"a network has no attribute {name!r}: freeze its layers one by one, "
                "for layer in net.layers[:-1]: layer.trained = False"
            )
        if name == "encoder" and value is not None:
            checks.only("encoder", value, Encoder)
        if name == "layers":
            value = listed(value)
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:  # only for attributes that do not exist
        known = () if name.startswith("_") else (*dir(type(self)), *vars(self))
        raise AttributeError(missing(type(self).__name__, name, known, METHODS))

    def __call__(self, *_: Any, **__: Any) -> None:
        """Refuse calls, which return spikes or scores in other libraries."""
        raise InputError("a network is not called: use net.predict(x), net.counts(x) or net.forward(net.encode(x))")

    def _name_layers(self) -> None:
        if len({id(layer) for layer in self.layers}) < len(self.layers):
            raise InputError("the same layer object appears twice in layers: create one layer per position")
        for number, layer in enumerate(self.layers, start=1):
            if layer.input_shape:
                raise InputError(f"layer {number}, {layer!r}, belongs to another network: create a new one")
            layer.name = layer.name or f"{layer.kind_name}_{number}"
        for name, places in Counter(layer.name for layer in self.layers).items():
            if places > 1:
                raise InputError(f"{places} layers have name={name!r}: give each its own name")

    def to(self, device: str | Device) -> Self:
        """Move all arrays to a device, such as "cpu" or "cuda", and return the network."""
        target = resolve_device(device)
        for layer in self.layers:
            layer.check_kinds()
        with self.device:
            for layer in self.layers:
                if isinstance(layer, SpikingRecurrent):
                    layer.amplifies = bool(layer.amplifies)  # else an array on the device that the network leaves
        homes = [arrays for layer in self.layers for arrays in (layer.params, layer.grads, layer.buffers)]
        moved = [{name: target.keep(self.device.get(array)) for name, array in arrays.items()} for arrays in homes]
        for arrays, there in zip(homes, moved, strict=True):  # all, or none if memory runs out
            arrays.update(there)
        self.device, self.trains, self._sums = target, [], []
        return self

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all arrays of the layers, trained and fixed, by "layer/array"; refuse a list in place of an array."""
        for layer in self.layers:
            layer.check_kinds()
        return {
            f"{layer.name}/{name}": array for layer in self.layers for name, array in (layer.params | layer.buffers).items()
        }

    def check_finite(self) -> None:
        """Refuse weights that are not finite, whose neurons never fire; `fit`, `evaluate`, `record` and others call this.

        Raises
        ------
        InputError
            If an array holds NaN or infinity.

        Examples
        --------
        >>> from cupynn import Sequential, layers
        >>> net = Sequential([layers.SpikingDense(2, v_th=1.0)], (4,), steps=60, device="cpu")
        >>> net.layers[0].weight[0, 0] = np.nan
        >>> try:
        ...     net.check_finite()
        ... except checks.InputError as error:
        ...     print(str(error)[:53])
        dense_1/weight holds a value that is not finite: crea
        """
        check_finite(self.device, self.arrays())

    def encode(self, x: Data, samples: np.ndarray | None = None, draw: int | None = None) -> SpikeTrains:
        """Encode data (B, *input_shape) as trains; return trains unchanged.

        Parameters
        ----------
        x : ndarray, SpikeTrains, Ragged or map dataset
            As in `counts`.
        samples : array_like of int, shape (B,), optional
            Number of each sample. The trains of a sample depend only on the seed, `draw` and this number.
        draw : int, optional
            Number of the draw, such as the epoch. Without `samples` and `draw`, each call returns new random trains.

        Raises
        ------
        InputError
            If the data does not fit the network, or the network has no encoder for it.
        """
        x = self.inputs(x)
        if isinstance(x, SpikeTrains):
            return self.device.trains(x)
        if samples is None:
            samples = np.arange(self.encoded, self.encoded + len(x)) % 2**32
            self.encoded += len(x)
        draw = FREE_DRAW if draw is None else checks.integer("draw", draw, maximum=FREE_DRAW)
        return self.encode_checked(x, checks.numbers("samples", samples, len(x)), draw)

    def encode_checked(self, x: Data, samples: np.ndarray, draw: int, steps: int | None = None) -> SpikeTrains:
        """Encode checked data, in host memory or on the device, with fewer `steps` than the network's if given."""
        with self.device:
            if isinstance(x, SpikeTrains):
                return self.device.trains(x)
            if self.encoder.on_device:
                x = self.device.put(x)
            trains = self.device.trains(self.encoder.encode(x, steps or self.steps, self.seed, draw, samples))
            return arranged(trains, self.input_shape) if isinstance(x, Ragged) else trains

    def inputs(self, x: Data) -> Data:
        """Return data or trains that fit the network.

        Raises
        ------
        InputError
            If they do not fit, or the network has no encoder for the data.
        """
        x = as_inputs(x, self.input_shape, self.steps)
        if isinstance(x, SpikeTrains):
            return x
        if self.encoder is None:
            raise InputError("this network has no encoder: pass SpikeTrains, or create it with encoder=encoders.Poisson()")
        self.encoder.check(x)
        return x

    @property
    def classes(self) -> int:
        """Number of classes, or of values that the output predicts: its neurons divided by `neurons_per_class`."""
        return self.output_shape[-1] // self.neurons_per_class

    def labelled(self, data: Any, loss: CountLoss | None = None) -> Labelled:
        """Return checked data and targets of a Dataset or of a pair of data and targets.

        Parameters
        ----------
        data : Dataset, pair or map dataset
        loss : CountLoss, optional
            Loss that defines the targets, as the documentation of its class says; by default labels, one class per sample.

        Raises
        ------
        InputError
            If they do not fit the network.
        """
        x, y = as_pair(data, self.input_shape, self.steps)
        x = self.inputs(x)
        predicts = "class" if loss is None else loss.predicts
        return Labelled(x, as_targets(predicts, y, self.classes, len(x), self.neurons_per_class))

    def forward(self, spikes: SpikeTrains) -> SpikeTrains:
        """Run trains (B, T, *input_shape) through all layers; return the output trains, keep all for `backward`."""
        self.trains = self.run(spikes)
        return self.trains[-1]

    def backward(
        self,
        error: CountError,
        input_error: bool = True,
        batch: int | None = None,
        add: bool = False,
        terms: Mapping[str, RateBand] = MappingProxyType({}),
    ) -> np.ndarray | None:
        """Write the gradients of every layer for the last `forward` pass, means over its batch.

        A batch may be computed in consecutive parts: its gradients have the same bits.

        Parameters
        ----------
        error : CountError
            Result of a loss for the output of that pass.
        input_error : bool
            Whether to return the error of the input counts, which training does not need.
        batch : int, optional
            Size of the whole batch if that pass was a part: gradients are means over this number of samples.
        add : bool
            Whether to add to the gradients of earlier parts; the first part overwrites them.
        terms : mapping of str to RateBand
            Terms of the loss on the counts of layers, by the name of the layer.

        Returns
        -------
        ndarray of float32, shape (B, *input_shape), or None
            Derivative of each sample's loss with respect to the firing counts of the input.

        Raises
        ------
        InputError
            If there was no forward pass, or the error belongs to another pass.
        """
        if not self.trains:
            raise InputError("backward before forward: call net.forward(spikes) first")
        checks.only("error", error, CountError)
        if error.trains.shape != self.trains[-1].shape or error.delta.shape != self.trains[-1].counts.shape:
            raise InputError(
                f"the error has trains {error.trains.shape}, the last forward pass returned {self.trains[-1].shape}: "
                "pass the result of the loss for the output of that pass"
            )
        check_error(error, self.neurons_per_class)
        self.check_terms(terms)
        sums = self._sums = sums_of_part(self._sums, len(self.layers), self.trains[-1].batch, batch, add)
        trains = [*self.trains[:-1], self.device.trains(error.trains)]
        lowest = 0 if input_error else self._lowest_trained()
        with self.device:
            delta = self.device.put(error.delta)
            for index in reversed(range(lowest, len(self.layers))):
                if (term := terms.get(self.layers[index].name)) is not None:
                    delta = delta + term.error(self.trains[index + 1].counts)
                wanted = input_error or index > lowest
                delta = self.layers[index].backward_part(trains[index], trains[index + 1], delta, wanted, sums[index])
        for batch_sum in sums:
            batch_sum.done += len(error.delta)
        return delta if input_error else None

    def check_terms(self, terms: Mapping[str, RateBand]) -> None:
        """Refuse terms of the loss without an effect on this network, as `losses.rates.check` does."""
        check_rates(terms, [layer.name if layer.has_neurons else "" for layer in self.layers], self._lowest_trained())

    def _lowest_trained(self) -> int:
        """Return the index of the lowest layer with gradients: layers below need no error. Without any, their number."""
        return next((index for index, layer in enumerate(self.layers) if layer.params or layer.grads), len(self.layers))

    def record(self, x: Data) -> Recording:
        """Run data, as `counts` takes it, through the network; return all trains, membranes and synaptic currents.

        Layers without neurons, `AveragePool2D` and `SumPool2D`, are left out: they pass on the trains below.

        Random trains are the same as those of the first samples in `predict` and `evaluate`.
        """
        x = self.inputs(x)
        self.check_finite()
        spikes = self.encode_checked(x, np.arange(len(x)), DRAW)
        recording = Recording({"input": spikes.to_host()}, neurons_per_class=self.neurons_per_class)
        with self.device:
            for layer in self.layers:
                run = layer.forward(spikes, record=True)
                if isinstance(layer, DelayedLayer) and layer.delay_steps is not None:
                    recording.acting[layer.name] = layer.acting(spikes).to_host()
                spikes = run.spikes
                if not layer.has_neurons:
                    continue
                recording.spikes[layer.name] = spikes.to_host()
                recording.membranes[layer.name] = self.device.get(run.membrane)
                recording.currents[layer.name] = self.device.get(run.current)
                recording.thresholds[layer.name] = of_neurons(layer.v_th, layer.output_shape)
                recording.refractory[layer.name] = layer.t_ref
                recording.potentials[layer.name] = layer.potential
        return recording

    def run(self, spikes: SpikeTrains, steps: int | None = None) -> list[SpikeTrains]:
        """Return the trains of the input and of every layer without keeping them; check that the input has `steps`."""
        spikes = as_inputs(checks.only("spikes", spikes, SpikeTrains, ENCODED), self.input_shape, steps or self.steps)
        trains = [self.device.trains(spikes)]
        with self.device:
            for layer in self.layers:
                trains.append(layer.forward(trains[-1]).spikes)
        return trains

    def __repr__(self) -> str:
        layers = ", ".join(f"{layer.name} {layer.output_shape}" for layer in self.layers)
        return f"{type(self).__name__}(input {self.input_shape}, {layers}; {self.steps} steps, {self.device})"
