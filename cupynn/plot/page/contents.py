"""What the page holds: constants and weights of the layers, and the trains of the samples, in one block of bytes."""

from math import prod
from typing import Any

import numpy as np

from cupynn.layers import Layer, SpikingConv2D, SpikingDense, SpikingLayer, SpikingPool2D
from cupynn.layers.delays import DelayedLayer
from cupynn.network.network import Network
from cupynn.spikes.trains import SpikeTrains

ALIGNMENT = 8  # typed arrays of a browser start at multiples of their item size
ENLARGED = 4 / 3  # by base64
TABLE = 200  # bytes of the table for one layer of a sample
KINDS = {"uint8": "u1", "uint16": "u2", "uint32": "u4", "float16": "f2", "float32": "f4"}


class Block:
    """Arrays one after the other, little-endian; the page finds each by its place in the table."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = 0

    def add(self, array: np.ndarray, **more: float) -> dict[str, Any]:
        """Append an array, and return its place, length and type, with `more` entries."""
        kind = KINDS[array.dtype.name]
        content = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        place = {"at": self.size, "n": int(array.size), "type": kind, **more}
        content += bytes(-len(content) % ALIGNMENT)
        self.parts.append(content)
        self.size += len(content)
        return place

    @property
    def written(self) -> float:
        """Size in the file, in bytes."""
        return self.size * ENLARGED


def layer_tables(network: Network) -> list[dict[str, Any]]:
    """Return a table of the input and of each layer: name, kind, shape and constants, without weights."""
    shape = network.input_shape
    tables = [{"name": "input", "kind": "input", "shape": list(shape), "size": prod(shape)}]
    for layer in shown(network):
        own = {"name": layer.name, "kind": _kind(layer), "shape": list(layer.output_shape), "size": prod(layer.output_shape)}
        tables.append(own | _constants(layer))
    return tables


def shown(network: Network) -> list[Layer]:
    """Return the layers with neurons: linear pooling passes trains on, and belongs to the weights above."""
    return [layer for layer in network.layers if layer.has_neurons]


def own_trains(network: Network, spikes: SpikeTrains) -> list[SpikeTrains]:
    """Return the trains of the input and of the layers with neurons, in host memory."""
    own = [True, *(layer.has_neurons for layer in network.layers)]
    return [each.to_host() for each, kept in zip(network.run(spikes), own, strict=True) if kept]


def weights_of(network: Network, layer: Layer) -> dict[str, np.ndarray]:
    """Return the arrays, in host memory, from which the page replays a layer."""
    if _kind(layer) not in ("dense", "conv"):
        return {}
    arrays = layer.params | layer.buffers | {"weight": layer.spread_weight}
    return {name: network.device.get(arrays[name]) for name in ("weight", "bias", "lateral") if name in arrays}


def put_weights(
    block: Block, tables: list[dict[str, Any]], arrays: list[dict[str, np.ndarray]], room: float
) -> tuple[bool, list[str]]:
    """Store the weights of all layers in at most `room` bytes of the file, in float32 if they fit, and else in float16.

    Returns
    -------
    exact : bool
        Whether they are float32.
    left_out : list of str
        Names of the layers, the largest, whose weights do not fit even in float16.
    """
    sizes = [sum(array.size for array in each.values()) for each in arrays]
    exact = full_size(arrays) <= room
    left_out = []
    while not exact and 2 * ENLARGED * sum(sizes) > room:
        largest = int(np.argmax(sizes))
        sizes[largest] = 0
        left_out.append(tables[largest + 1]["name"])
    for table, own, size in zip(tables[1:], arrays, sizes, strict=True):
        table["replayed"] = table["kind"] in ("dense", "conv", "pool") and (size > 0 or not own)
        for name, array in own.items() if size else ():
            table[name] = block.add(array.astype(np.float32)) if exact else halved(block, array)
    return exact, left_out


def full_size(arrays: list[dict[str, np.ndarray]]) -> float:
    """Return the bytes that the weights of all layers take in the file in float32."""
    return 4 * ENLARGED * sum(array.size for each in arrays for array in each.values())


def put_sample(block: Block, trains: list[SpikeTrains], sample: int) -> list[dict[str, Any]]:
    """Store the events of one sample of a batch, and return their places for the input and each layer."""
    places = []
    for each in trains:
        bounds = each.offsets[sample * each.steps : (sample + 1) * each.steps + 1]
        neurons = each.neurons[bounds[0] : bounds[-1]].astype(np.uint16 if each.size <= 2**16 else np.uint32)
        offsets = (bounds - bounds[0]).astype(np.uint32)
        places.append({"neurons": block.add(neurons), "offsets": block.add(offsets)})
    return places


def sample_size(trains: list[SpikeTrains], sample: int) -> float:
    """Return the bytes that `put_image` and `put_sample` add to the file, at most."""
    size = trains[0].size + ALIGNMENT
    for each in trains:
        spikes = int(each.offsets[(sample + 1) * each.steps] - each.offsets[sample * each.steps])
        size += spikes * (2 if each.size <= 2**16 else 4) + 4 * (each.steps + 1) + 2 * ALIGNMENT
    return size * ENLARGED + table_size(len(trains))


def table_size(layers: int) -> int:
    """Return the bytes of the table of one sample, at most."""
    return TABLE * (layers + 1)


def put_image(block: Block, x: Any, sample: int) -> dict[str, Any] | None:
    """Store the picture of a sample of images in 8 bits (height, width, 1 or 3 channels); return None for other data."""
    if not isinstance(x, np.ndarray) or x.ndim not in (3, 4) or x.dtype.kind not in "biuf":
        return None
    image = x[sample] if x.ndim == 4 else x[sample][None]
    if image.shape[0] not in (1, 3):
        return None
    levels = image if image.dtype == np.uint8 else np.clip(np.nan_to_num(image.astype(np.float64)), 0, 1) * 255
    channels, height, width = image.shape
    return block.add(np.moveaxis(levels.astype(np.uint8), 0, -1), shape=[height, width, channels])


def halved(block: Block, array: np.ndarray) -> dict[str, Any]:
    """Store an array in float16, divided by its largest value."""
    scale = float(np.abs(array).max(initial=0)) or 1.0
    return block.add((array / np.float32(scale)).astype(np.float16), scale=scale)


def _kind(layer: Layer) -> str:
    if isinstance(layer, DelayedLayer) and layer.delay_steps is not None:
        return "other"  # the page replays inputs at the steps at which they fire
    kinds = {SpikingConv2D: "conv", SpikingPool2D: "pool", SpikingDense: "dense"}
    own = type(layer).__module__.startswith("cupynn.")  # a class derived by a user may compute something else
    return next((kind for each, kind in kinds.items() if own and isinstance(layer, each)), "other")


def neuron_constants(layer: SpikingLayer) -> dict[str, Any]:
    """Return the constants of the neurons; under "each" those that neurons, or maps of an image, have of their own."""
    values = layer.neuron._asdict() | {"v_th": layer.v_th}
    table: dict[str, Any] = {name: float(np.max(value)) for name, value in values.items()}
    if own := {name: np.float64(value).tolist() for name, value in values.items() if np.ndim(value)}:
        table["each"] = own
    return table


def fixed_tables(network: Network) -> list[dict[str, Any]]:
    """Return the same as `layer_tables` without what training changes."""
    tables = layer_tables(network)
    for table, layer in zip(tables[1:], shown(network), strict=True):
        for name in neuron_constants(layer) if has_trained_constants(layer) else ():
            del table[name]
    return tables


def has_trained_constants(layer: Layer) -> bool:
    """Return whether the page must look for the constants of a layer's neurons in each epoch."""
    return isinstance(layer, SpikingLayer) and bool(layer.trained_constants)


def _constants(layer: Layer) -> dict[str, Any]:
    """Return the constants of the neurons, and the connections of convolutions and pooling."""
    if not isinstance(layer, SpikingLayer):
        return {}
    table, kind = neuron_constants(layer), _kind(layer)
    if kind == "dense":
        table["inhibition"] = float(np.float32(layer.lateral_inhibition))
    if kind in ("conv", "pool"):
        synapses = layer.synapses
        table["kernel"] = list(layer.spread_shape[2:] if kind == "conv" else layer.kernel_size)
        table["padding"] = list(synapses.padding) if kind == "conv" else [0, 0]
        table["stride"] = list(synapses.stride)
        table["dilation"] = list(synapses.dilation) if kind == "conv" else [1, 1]
        table["image"] = list(synapses.input_shape)
        table["groups"] = layer.groups if kind == "conv" else table["image"][0]
    return table
