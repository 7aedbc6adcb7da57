"""`Network`: layers one after the other, with explicit forward and backward passes."""

from collections import Counter
from collections.abc import Iterable
from math import prod
from typing import Any, Self

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.device.device import Device
from cupynn.device.device import resolve as resolve_device
from cupynn.encoders import Encoder
from cupynn.kernels.sums import BatchSum, sums_of_part
from cupynn.layers import Layer
from cupynn.losses import CountError
from cupynn.network.inputs import Labelled, as_inputs, as_labels, as_pair
from cupynn.results.recording import Recording
from cupynn.spikes.trains import Data, SpikeTrains

DRAW = 0  # of random trains in evaluation; the epochs of training are 1, 2, ...
FREE_DRAW = 2**32 - 1  # the draw that `encode` uses when none is given
BEYOND_ADDRESSES = "array is too big", "Maximum allowed dimension"  # in what NumPy says of sizes that no machine has


class Network:
    """Layers one after the other, on a device: built, moved, run forward and backward, recorded.

    `Sequential`, which users make and whose arguments these are, adds training, evaluation and files.
    """

    def __init__(
        self,
        layers: Iterable[Layer],
        input_shape: tuple[int, ...],
        steps: int,
        encoder: Encoder | None = None,
        seed: int = 0,
        device: str | Device = "auto",
    ) -> None:
        if isinstance(layers, Layer) or not isinstance(layers, Iterable):
            raise InputError(f"layers is a {type(layers).__name__}: pass a list, [layer]")
        self.layers = [checks.only(f"layers[{index}]", layer, Layer) for index, layer in enumerate(layers)]
        if not self.layers:
            raise InputError("layers is empty: pass at least one layer")
        self.input_shape = checks.shape("input_shape", input_shape)
        if self.layers[0].kind_name in ("conv", "pool"):
            checks.channels_first("input_shape", self.input_shape)
        self.steps = checks.steps("steps", steps)
        self.encoder = encoder if encoder is None else checks.only("encoder", encoder, Encoder)
        self.seed = checks.integer("seed", seed, maximum=2**64 - 1)
        self.device: Device = resolve_device(device)
        self.trains: list[SpikeTrains] = []
        self._sums: list[BatchSum] = []  # how far each layer's gradient has come
        self.encoded = 0
        self._name_layers()
        self.output_shape = _countable("input_shape", self.input_shape)
        for index, layer in enumerate(self.layers):
            self.output_shape = _build(layer, self.output_shape, np.random.default_rng([self.seed, index]))
        self.to(self.device)

    def _name_layers(self) -> None:
        if len({id(layer) for layer in self.layers}) < len(self.layers):
            raise InputError("a layer stands twice in layers: make a layer for each place")
        for number, layer in enumerate(self.layers, start=1):
            if layer.input_shape:
                raise InputError(f"layer {number}, {layer!r}, belongs to another network: make a new one")
            layer.name = layer.name or f"{layer.kind_name}_{number}"
        for name, places in Counter(layer.name for layer in self.layers).items():
            if places > 1:
                raise InputError(f"name={name!r} stands for {places} layers: give each its own")

    def to(self, device: str | Device) -> Self:
        """Move all arrays to a device, such as "cpu" or "cuda", and return the network."""
        target = resolve_device(device)
        homes = [arrays for layer in self.layers for arrays in (layer.params, layer.grads, layer.buffers)]
        moved = [{name: target.keep(self.device.get(array)) for name, array in arrays.items()} for arrays in homes]
        for arrays, there in zip(homes, moved, strict=True):  # all or, where memory runs out, none
            arrays.update(there)
        self.device, self.trains, self._sums = target, [], []
        return self

    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays of the layers, trained and fixed, as "layer/array"."""
        return {
            f"{layer.name}/{name}": array for layer in self.layers for name, array in (layer.params | layer.buffers).items()
        }

    # Passes ------------------------------------------------------------------------------------------------------------

    def encode(self, x: Data, samples: np.ndarray | None = None, draw: int | None = None) -> SpikeTrains:
        """Turn data (B, *input_shape) into trains; trains pass through.

        Parameters
        ----------
        x : ndarray or SpikeTrains
        samples : array_like of int, shape (B,), optional
            Number of each sample. The trains of a sample depend on the seed, `draw` and this number alone.
        draw : int, optional
            Such as the epoch. Without `samples` and `draw`, each call draws anew.

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
        """Encode data that has been checked already.

        Parameters
        ----------
        x : ndarray, SpikeTrains or Ragged
            May lie on the device.
        samples : ndarray of int, shape (B,)
        draw : int
        steps : int, optional
            Fewer than the network's, in training.
        """
        with self.device:
            if isinstance(x, SpikeTrains):
                return self.device.trains(x)
            if self.encoder.on_device:
                x = self.device.put(x)
            return self.device.trains(self.encoder.encode(x, steps or self.steps, self.seed, draw, samples))

    def inputs(self, x: Data) -> Data:
        """Return data or trains if they fit the network.

        Parameters
        ----------
        x : ndarray, SpikeTrains or Ragged

        Raises
        ------
        InputError
            If they do not, or there is no encoder for the data.
        """
        x = as_inputs(x, self.input_shape, self.steps)
        if isinstance(x, SpikeTrains):
            return x
        if self.encoder is None:
            raise InputError("this network has no encoder: pass SpikeTrains, or make it with encoder=encoders.Poisson()")
        self.encoder.check(x)
        return x

    def labelled(self, data: Any) -> Labelled:
        """Return a Dataset, or a pair of data and labels, as checked data and int64 labels.

        Raises
        ------
        InputError
            If they do not fit the network.
        """
        x, y = as_pair(data, self.input_shape, self.steps)
        x = self.inputs(x)
        return Labelled(x, as_labels(y, self.output_shape, len(x)))

    def forward(self, spikes: SpikeTrains) -> SpikeTrains:
        """Run trains (B, T, *input_shape) through all layers; return those of the last, and keep all for `backward`."""
        self.trains = self.run(spikes)
        return self.trains[-1]

    def backward(
        self, error: CountError, input_error: bool = True, batch: int | None = None, add: bool = False
    ) -> np.ndarray | None:
        """Write every layer's gradients for the last `forward` pass, means over its batch.

        A batch may be computed in consecutive parts: its gradients come out bit for bit the same.

        Parameters
        ----------
        error : CountError
            What a loss returned for the output of that pass.
        input_error : bool
            Whether to return the error of the input's counts; training does without.
        batch : int, optional
            Samples of the whole batch, of which that pass was a part: gradients are means over so many.
        add : bool
            Whether to add to the gradients of the parts before; the first part overwrites what was there.

        Returns
        -------
        ndarray of float32, shape (B, *input_shape), or None
            Derivative of each sample's loss by the firing counts of the input.

        Raises
        ------
        InputError
            If there was no forward pass, or the error is that of another.
        """
        if not self.trains:
            raise InputError("backward before forward: call net.forward(spikes) first")
        checks.only("error", error, CountError)
        if error.trains.shape != self.trains[-1].shape or error.delta.shape != self.trains[-1].counts.shape:
            raise InputError(
                f"the error is of trains {error.trains.shape}, the last forward pass gave {self.trains[-1].shape}: "
                "pass what the loss returned for the output of that pass"
            )
        sums = self._sums = sums_of_part(self._sums, len(self.layers), self.trains[-1].batch, batch, add)
        trains = [*self.trains[:-1], self.device.trains(error.trains)]
        with self.device:
            delta = self.device.put(error.delta)
            for index in reversed(range(len(self.layers))):
                wanted = input_error or index > 0
                delta = self.layers[index].backward_part(trains[index], trains[index + 1], delta, wanted, sums[index])
        for batch_sum in sums:
            batch_sum.done += len(error.delta)
        return delta

    def record(self, x: Data) -> Recording:
        """Run data or trains through the network and keep everything: every train, membrane and synaptic current.

        Random trains are those that `predict` and `evaluate` see for the first samples of their data.
        """
        x = self.inputs(x)
        spikes = self.encode_checked(x, np.arange(len(x)), DRAW)
        recording = Recording({"input": spikes.to_host()})
        with self.device:
            for layer in self.layers:
                run = layer.forward(spikes, record=True)
                spikes = run.spikes
                recording.spikes[layer.name] = spikes.to_host()
                recording.membranes[layer.name] = self.device.get(run.membrane)
                recording.currents[layer.name] = self.device.get(run.current)
                recording.thresholds[layer.name] = layer.v_th
                recording.refractory[layer.name] = layer.t_ref
                recording.potentials[layer.name] = layer.potential
        return recording

    def run(self, spikes: SpikeTrains, steps: int | None = None) -> list[SpikeTrains]:
        """Trains of the input and of every layer; nothing is kept.

        Parameters
        ----------
        spikes : SpikeTrains
        steps : int, optional
            How many they must have: as many as the network or, in training, fewer.
        """
        spikes = as_inputs(checks.only("spikes", spikes, SpikeTrains), self.input_shape, steps or self.steps)
        trains = [self.device.trains(spikes)]
        with self.device:
            for layer in self.layers:
                trains.append(layer.forward(trains[-1]).spikes)
        return trains

    def __repr__(self) -> str:
        layers = ", ".join(f"{layer.name} {layer.output_shape}" for layer in self.layers)
        return f"{type(self).__name__}(input {self.input_shape}, {layers}; {self.steps} steps, {self.device})"


def _build(layer: Layer, input_shape: tuple[int, ...], rng: np.random.Generator) -> tuple[int, ...]:
    """Build a layer and return its output's shape; refuse sizes that no machine holds."""
    try:
        layer.build(input_shape, rng)
    except InputError:
        raise
    except (MemoryError, ValueError) as error:
        if isinstance(error, ValueError) and not any(words in str(error) for words in BEYOND_ADDRESSES):
            raise
        raise InputError(
            f"{layer.name}: the weights of {layer!r} for an input of {input_shape} do not fit into memory ({error}): "
            "make the layer or its input smaller"
        ) from error
    return _countable(f"{layer.name}: the output of {layer!r}", layer.output_shape)


def _countable(name: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    if prod(shape) > checks.LARGEST_INT:
        raise InputError(f"{name} has shape {shape}: pass at most {checks.LARGEST_INT:,} neurons")
    return shape
