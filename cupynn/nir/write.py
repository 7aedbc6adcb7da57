"""From a network to a graph of NIR."""

import json
import re
from math import prod
from typing import TYPE_CHECKING

import numpy as np

import cupynn
from cupynn import checks
from cupynn.checks import InputError
from cupynn.layers import SpikingConv2D, SpikingDense, SpikingPool2D, SpikingRecurrent
from cupynn.layers.base import Layer
from cupynn.sequential import Sequential

from .library import nir_library
from .neuron import DT, encode
from .weights import divided

if TYPE_CHECKING:
    import nir

INPUT, OUTPUT = "input", "output"
NEURONS, WEIGHT, FLATTEN = "_lif", "_weight", "_flatten"  # nodes of a layer, after its name


def to_nir(network: Sequential, *, allow_lossy: bool = False) -> "nir.NIRGraph":
    """Describe a network by a graph of NIR, for steps of 0.1 ms.

    A layer becomes its weights (`Affine`, `Conv2d` or `SumPool2d`, a `Flatten` before them where needed) and a `CubaLIF`.
    Local inhibition and recurrent weights become a subgraph, in which the layer's spikes come back one step later. What a
    layer sees at a step are the spikes of the step before; here it sees those of the step itself, so that layer n runs n
    steps ahead of the network's.

    Parameters
    ----------
    network : Sequential
    allow_lossy : bool
        Whether to leave out the refractory period, for which NIR has no place, instead of refusing the network.

    Returns
    -------
    nir.NIRGraph
        Its metadata hold what NIR has no place for; readers other than `from_nir` need none of it.

    Raises
    ------
    InputError
        If NIR cannot describe the network, or the library nir is missing.
    """
    library = nir_library()
    checks.only("network", network, Sequential)
    if not checks.flag("allow_lossy", allow_lossy):
        _refuse_rest(network)
    shape = network.input_shape
    first = checks.image_shape(None, shape) if isinstance(network.layers[0], SpikingConv2D | SpikingPool2D) else shape
    nodes, chain, names = {INPUT: library.Input(np.array(first))}, [INPUT], node_names(network)
    for layer in network.layers:
        if type(layer) not in _LAYERS:
            raise InputError(
                f"{layer.name}: {type(layer).__name__} is a layer of your own: NIR has nodes for cupynn's alone"
            )
        for suffix, node in _LAYERS[type(layer)](layer, network, library):
            nodes[names[layer.name] + suffix] = node
            chain.append(names[layer.name] + suffix)
    nodes[OUTPUT] = library.Output(np.array(network.output_shape))
    edges = list(zip(chain, [*chain[1:], OUTPUT], strict=True))
    metadata = {"writer": f"cupynn {cupynn.__version__}", "dt": DT, "delay": 1, "steps": network.steps}
    metadata["input_shape"] = np.array(shape)
    if network.encoder is not None:
        metadata["encoder"] = json.dumps(network.encoder.config())
    return library.NIRGraph(nodes, edges, metadata)


def node_names(network: Sequential) -> dict[str, str]:
    """What the names of each layer's nodes begin with: letters, digits, underscores, so that PyTorch may call modules so."""
    names: dict[str, str] = {}
    for layer in network.layers:
        name = re.sub(r"\W", "_", layer.name, flags=re.ASCII)
        name = name if name[0].isalpha() else f"layer_{name}"
        while name in names.values():
            name += "_"
        names[layer.name] = name
    return names


def _refuse_rest(network: Sequential) -> None:
    resting = [f"{layer.name} (t_ref={layer.t_ref})" for layer in network.layers if layer.t_ref]
    if resting:
        raise InputError(
            f"NIR has no refractory period, and {', '.join(resting)} rest: train with t_ref=0, or pass allow_lossy=True "
            "(--allow-lossy) to leave it out and have the certificate measure the difference"
        )


def _dense(layer: SpikingDense, network: Sequential, library):
    if len(layer.input_shape) > 1:  # counted from the end, as Norse and snnTorch take the axis of samples for the first
        yield FLATTEN, library.Flatten({"input": np.array(layer.input_shape)}, -len(layer.input_shape), -1)
    weight, lateral = network.device.get(layer.weight), layer.lateral
    yield WEIGHT, _affine(layer, weight.reshape(layer.units, prod(layer.input_shape)), library)
    neurons = encode(layer)
    if layer.lateral_inhibition:
        neurons.metadata["lateral_inhibition"] = layer.lateral_inhibition
        lateral = inhibition(layer.units, layer.lateral_inhibition)
    yield NEURONS, neurons if lateral is None else _recurrent(layer, neurons, network.device.get(lateral), library)


def inhibition(units: int, strength: float) -> np.ndarray:
    """Local inhibition as weights among the neurons of a layer, float32 (units, units)."""
    return np.float32(-strength) * (1 - np.eye(units, dtype=np.float32))


def _affine(layer: Layer, weight: np.ndarray, library):
    quotient, rest = divided(layer.name, weight, layer.tau_s)
    bias = np.zeros(len(weight), np.float32)
    return library.Affine(quotient, bias, metadata={"rest": rest} if rest.any() else {})


def _recurrent(layer: Layer, neurons, lateral: np.ndarray, library):
    """Neurons and their weights among each other, as the importers of all three frameworks take them: in a subgraph."""
    ends = {INPUT: library.Input(np.array(layer.output_shape)), OUTPUT: library.Output(np.array(layer.output_shape))}
    nodes = {INPUT: ends[INPUT], "lif": neurons, "w_rec": _affine(layer, lateral, library), OUTPUT: ends[OUTPUT]}
    return library.NIRGraph(nodes, [(INPUT, "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", OUTPUT)], {})


def _conv(layer: SpikingConv2D, network: Sequential, library):
    kh, kw = layer.kernel_size
    if kh != kw:
        raise InputError(f"{layer.name}: kernel_size={layer.kernel_size}: nir reads square kernels alone: use such")
    quotient, rest = divided(layer.name, network.device.get(layer.params["weight"]), layer.tau_s)
    size = checks.image_shape(layer.name, layer.input_shape)[1:]
    padding, bias = np.array(layer.padding), np.zeros(layer.maps, np.float32)
    metadata = {"rest": rest} if rest.any() else {}
    yield WEIGHT, library.Conv2d(size, quotient, (1, 1), padding, (1, 1), 1, bias, metadata=metadata)
    yield NEURONS, encode(layer)


def _pool(layer: SpikingPool2D, network: Sequential, library):
    for size, window, stride, outputs in zip(
        checks.image_shape(layer.name, layer.input_shape)[1:],
        layer.kernel_size,
        layer.stride,
        layer.output_shape[1:],
        strict=True,
    ):
        if (outputs - 1) * stride + window > size:
            raise InputError(
                f"{layer.name}: windows of {layer.kernel_size} every {layer.stride} hang over the edge of "
                f"{layer.input_shape}, and NIR has none that do: choose windows that tile their input"
            )
    yield WEIGHT, library.SumPool2d(np.array(layer.kernel_size), np.array(layer.stride), np.array([0, 0]))
    yield NEURONS, encode(layer)


_LAYERS = {SpikingDense: _dense, SpikingRecurrent: _dense, SpikingConv2D: _conv, SpikingPool2D: _pool}
