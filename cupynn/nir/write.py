"""Convert a network to a NIR graph."""

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np

import cupynn
from cupynn import checks
from cupynn.checks import InputError
from cupynn.layers import (
    AveragePool2D,
    SpikingConv2D,
    SpikingDense,
    SpikingPool2D,
    SpikingRecurrent,
    SumPool2D,
)
from cupynn.layers.base import Layer
from cupynn.layers.delays import DelayedLayer
from cupynn.layers.linear_pool import LinearPool2D
from cupynn.sequential import Sequential

from .library import nir_library
from .neuron import DT, encode
from .weights import divided

if TYPE_CHECKING:
    import nir

INPUT, OUTPUT = "input", "output"
NEURONS, WEIGHT, FLATTEN, POOL, DELAY = "_lif", "_weight", "_flatten", "_pool", "_delay"  # suffixes of the nodes of a layer
IMAGES = SpikingConv2D | SpikingPool2D | LinearPool2D  # layers whose input is an image


def to_nir(network: Sequential, *, allow_lossy: bool = False) -> "nir.NIRGraph":
    """Convert a network to a NIR graph with steps of 0.1 ms.

    A layer becomes its weights (`Affine`, `Conv2d` or `SumPool2d`, after a `Flatten` where needed, and after a `Delay` if
    its inputs have delays) and a `CubaLIF`; pooling without neurons becomes `AvgPool2d` or `SumPool2d` alone. Local
    inhibition and recurrent weights become a subgraph, in which the layer's spikes return one step later. A layer of the
    network sees the spikes of the previous step, a node those of the current step, so that layer n of the graph runs n
    steps ahead.

    Parameters
    ----------
    network : Sequential
    allow_lossy : bool
        If True, leave out refractory periods, which NIR cannot express, instead of refusing the network; and let the biases
        of layers above the first begin to act a step later with each layer.

    Returns
    -------
    nir.NIRGraph
        Its metadata hold what NIR cannot express, for `from_nir`; other readers do not need them.

    Raises
    ------
    InputError
        If NIR cannot describe the network, or the library nir is missing.
    """
    library = nir_library()
    checks.only("network", network, Sequential)
    if not checks.flag("allow_lossy", allow_lossy):
        _refuse_rest(network)
        _refuse_biases(network)
    shape = network.input_shape
    first = checks.image_shape(None, shape) if isinstance(network.layers[0], IMAGES) else shape
    nodes, chain, names = {INPUT: library.Input(np.array(first))}, [INPUT], node_names(network)
    for layer in network.layers:
        if type(layer) not in _LAYERS:
            raise InputError(f"{layer.name}: {type(layer).__name__} is a custom layer: only cupynn's own can be exported")
        layer.check_arrays(network.device.on_cuda)
        for suffix, node in _LAYERS[type(layer)](layer, network, library):
            nodes[names[layer.name] + suffix] = node
            chain.append(names[layer.name] + suffix)
    nodes[OUTPUT] = library.Output(np.array(network.output_shape))
    edges = list(zip(chain, [*chain[1:], OUTPUT], strict=True))
    metadata = {"writer": f"cupynn {cupynn.__version__}", "dt": DT, "delay": 1, "steps": network.steps}
    metadata["input_shape"] = np.array(shape)
    if network.neurons_per_class > 1:
        metadata["neurons_per_class"] = network.neurons_per_class
    if network.encoder is not None:
        metadata["encoder"] = json.dumps(network.encoder.config())
    return library.NIRGraph(nodes, edges, metadata)


def node_names(network: Sequential) -> dict[str, str]:
    """Return the prefix of the node names of each layer, which must be valid names of PyTorch modules."""
    names: dict[str, str] = {}
    for layer in network.layers:
        name = re.sub(r"\W", "_", layer.name, flags=re.ASCII)
        name = name if name[0].isalpha() else f"layer_{name}"
        while name in names.values():
            name += "_"
        names[layer.name] = name
    return names


def _refuse_rest(network: Sequential) -> None:
    resting = [f"{layer.name} (t_ref={layer.t_ref})" for layer in network.layers if layer.has_neurons and layer.t_ref]
    if resting:
        raise InputError(
            f"NIR has no refractory period, unlike {', '.join(resting)}: train with t_ref=0, or pass allow_lossy=True "
            "(--allow-lossy) to leave it out and let the certificate measure the difference"
        )


def _refuse_biases(network: Sequential) -> None:
    _, *above = (layer for layer in network.layers if layer.has_neurons)
    biased = [layer.name for layer in above if getattr(layer, "bias", False)]
    if biased:
        raise InputError(
            f"the biases of {', '.join(biased)}: NIR has no delay between layers, so that above the first layer they begin "
            "to act later there: pass allow_lossy=True (--allow-lossy) and let the certificate measure the difference"
        )


def _delay(layer: DelayedLayer, network: Sequential, shape: tuple[int, ...], library):
    """Yield the node of a layer's delays, if it has any; its metadata hold trained ones before they are rounded."""
    if layer.delay_steps is None:
        return
    if layer.windows is not None:
        raise InputError(f"{layer.name}: its delays come before the pooling below, which NIR cannot express: leave out one")
    steps = network.device.get(layer.delay_steps).reshape(shape)
    node = library.Delay((steps * DT).astype(np.float32))
    if layer.train_delays:
        node.metadata["share"] = network.device.get((layer.params | layer.buffers)["delay"])
    yield DELAY, node


def _dense(layer: SpikingDense, network: Sequential, library):
    yield from _delay(layer, network, layer.input_shape, library)
    shape = layer.input_shape if layer.windows is None else checks.image_shape(layer.name, layer.pooled_shape)
    if len(shape) > 1:  # counted from the end, since Norse and snnTorch put the axis of samples first
        yield FLATTEN, library.Flatten({"input": np.array(shape)}, -len(shape), -1)
    weight, lateral = network.device.get(layer.weight), layer.lateral
    weight = weight.reshape(layer.units, -1)
    yield WEIGHT, library.Affine(**_weights(layer, weight, network.device.get(layer.bias_weight) if layer.bias else None))
    neurons = encode(layer)
    if layer.lateral_inhibition:
        neurons.metadata["lateral_inhibition"] = layer.lateral_inhibition
        lateral = inhibition(layer.units, layer.lateral_inhibition)
    if lateral is not None:
        mask = layer.buffers.get("mask")
        arrays = network.device.get(lateral), mask if mask is None else network.device.get(mask)
        neurons = _recurrent(layer, neurons, *arrays, library)
    yield NEURONS, neurons


def inhibition(units: int, strength: float) -> np.ndarray:
    """Return local inhibition as recurrent weights, float32 (units, units)."""
    return np.float32(-strength) * (1 - np.eye(units, dtype=np.float32))


def _weights(layer: Layer, weight: np.ndarray, bias: np.ndarray | None = None) -> dict[str, Any]:
    """Return the weights, the bias or zeros, and the metadata of a node."""
    quotient, rest = divided(layer.name, weight, layer.tau_s)
    metadata, biases = {"rest": rest} if rest.any() else {}, np.zeros(len(weight), np.float32)
    if bias is not None:
        biases, metadata["bias_rest"] = divided(layer.name, bias, layer.tau_s)
    return {"weight": quotient, "bias": biases, "metadata": metadata}


def _recurrent(layer: Layer, neurons, lateral: np.ndarray, mask: np.ndarray | None, library):
    """Return neurons with recurrent weights as a subgraph, which all three frameworks can import."""
    shape, weights = np.array(layer.output_shape), library.Affine(**_weights(layer, lateral))
    if mask is not None:
        weights.metadata["mask"] = mask.astype(np.int8)
    nodes = {INPUT: library.Input(shape), "lif": neurons, "w_rec": weights, OUTPUT: library.Output(shape)}
    return library.NIRGraph(nodes, [(INPUT, "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", OUTPUT)], {})


def _conv(layer: SpikingConv2D, network: Sequential, library):
    kh, kw = layer.kernel_size
    if kh != kw:
        raise InputError(f"{layer.name}: kernel_size={layer.kernel_size}: nir supports only square kernels: use one")
    yield from _delay(layer, network, checks.image_shape(layer.name, layer.input_shape), library)
    size = checks.image_shape(layer.name, layer.pooled_shape)[1:]
    bias = network.device.get(layer.bias_weight) if layer.bias else None
    weights = _weights(layer, ungrouped(network.device.get(layer.weight), layer.groups), bias)
    if layer.groups > 1:  # nir would take the channels of one group for all of them
        weights["metadata"]["groups"] = layer.groups
    steps = {"stride": layer.stride, "dilation": layer.dilation, "groups": 1}
    yield WEIGHT, library.Conv2d(size, padding=np.array(layer.padding), **steps, **weights)
    yield NEURONS, encode(layer)


def ungrouped(weight: np.ndarray, groups: int) -> np.ndarray:
    """Return the weights of a convolution with groups (maps, channels / groups, ...) for all channels: 0 to other groups."""
    maps, channels, *kernel = weight.shape
    whole = np.zeros((groups, maps // groups, groups, channels, *kernel), weight.dtype)
    own = np.arange(groups)
    whole[own, :, own] = weight.reshape(groups, maps // groups, channels, *kernel)
    return whole.reshape(maps, groups * channels, *kernel)


def _pool(layer: SpikingPool2D, network: Sequential, library):
    image, outputs = checks.image_shape(layer.name, layer.input_shape)[1:], layer.output_shape[1:]
    sizes = zip(image, layer.kernel_size, layer.stride, outputs, strict=True)
    if any((count - 1) * stride + window > size for size, window, stride, count in sizes):
        raise InputError(
            f"{layer.name}: windows of {layer.kernel_size} with stride {layer.stride} extend beyond {layer.input_shape}, "
            "which NIR cannot express: choose windows that tile their input"
        )
    yield WEIGHT, library.SumPool2d(np.array(layer.kernel_size), np.array(layer.stride), np.array([0, 0]))
    yield NEURONS, encode(layer)


def _linear_pool(layer: LinearPool2D, network: Sequential, library):
    kind = library.AvgPool2d if layer.mean else library.SumPool2d
    yield POOL, kind(np.array(layer.kernel_size), np.array(layer.stride), np.array([0, 0]), metadata={"name": layer.name})


_LAYERS = {
    SpikingDense: _dense,
    SpikingRecurrent: _dense,
    SpikingConv2D: _conv,
    SpikingPool2D: _pool,
    AveragePool2D: _linear_pool,
    SumPool2D: _linear_pool,
}
