"""Convert a NIR graph to a network: order the nodes, and make a layer of each pair of weights and neurons."""

import json
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.config import make
from cupynn.device.device import resolve
from cupynn.encoders import ENCODERS, Encoder
from cupynn.sequential import Sequential

from .layer import KINDS, NEURONS, POOLS, Link, Made, Shape, delays_of, flattened, layer_of, pooling_of, shape_of
from .library import nir_library
from .neuron import DT

if TYPE_CHECKING:
    import nir


def from_nir(
    graph: "nir.NIRGraph",
    steps: int | None = None,
    *,
    dt: float | None = None,
    encoder: Encoder | None = None,
    seed: int = 0,
    device: str = "auto",
) -> Sequential:
    """Make the network that a NIR graph describes, by forward Euler with a step of `dt`.

    A layer consists of weights (`Affine`, `Linear`, `Conv2d`, `SumPool2d` or `AvgPool2d`) and the neurons after them
    (`CubaLIF`, or `LIF`, whose synapse has tau_s = 1), with or without recurrent weights; `Delay`, `Flatten` and pooling
    without neurons may precede the weights. All neurons of a node share their constants. w_in and r become part of the
    weights, or of the threshold of pooling.

    Parameters
    ----------
    graph : nir.NIRGraph
    steps, dt, encoder, seed, device
        As in `load`.

    Returns
    -------
    Sequential
        Layer n fires n steps later than in the graph, as each layer sees the spikes of the previous step. A graph made by
        `to_nir` gives the same weights, bit by bit, and t_ref = 0. Biases act from the first step on, so that those above
        the first layer begin earlier than in the graph.

    Raises
    ------
    InputError
        If the graph describes no such network.
    """
    library = nir_library()
    checks.only("graph", graph, library.NIRGraph, "a nir.NIRGraph, or the path of a file to cupynn.nir.load")
    if steps is None and "steps" not in graph.metadata:
        raise InputError("the graph does not state the number of steps per sample: pass steps=...")
    notes = graph.metadata
    dt = checks.number("dt", _item(notes.get("dt", DT)) if dt is None else dt, above=0)
    steps = _item(notes["steps"]) if steps is None else steps
    if encoder is None and "encoder" in notes:
        encoder = _encoder(notes["encoder"])
    made, input_shape = _layers(graph, dt, library)
    resolve(device)
    shape, population = _noted_shape(notes, input_shape), _item(notes.get("neurons_per_class", 1))
    those = [each.layer for each in made]
    network = Sequential(those, shape, steps, encoder, seed, "cpu", neurons_per_class=population)
    for layer, arrays, _ in made:
        for name, array in arrays.items():
            (layer.params | layer.buffers)[name][...] = array
    return network.to(device)


def _item(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic | np.ndarray) and np.size(value) == 1 else value


def _encoder(text: Any) -> Encoder:
    try:
        table = json.loads(text)
    except (TypeError, ValueError) as error:
        raise InputError(f"the encoder in the graph's metadata is damaged ({error}): pass encoder=...") from None
    return make(ENCODERS, table, "the encoder in the graph's metadata")


def _noted_shape(notes: dict[str, Any], shape: Shape) -> Shape:
    """Return (28, 28) for the (1, 28, 28) of a graph, whose images always have channels."""
    noted = notes.get("input_shape")
    return shape[1:] if noted is not None and shape[0] == 1 and np.array_equal(noted, shape[1:]) else shape


def _layers(graph: "nir.NIRGraph", dt: float, library: ModuleType) -> tuple[list[Made], Shape]:
    chain = _links(graph, library)
    [source] = [node for node in graph.nodes.values() if isinstance(node, library.Input)]
    shape = input_shape = shape_of("input", source.input_type["input"])
    made: list[Made] = []
    weights: Link | None = None  # until their neurons follow, or other weights if it is pooling
    delays: Link | None = None
    for link in chain:
        kind = type(link.node).__name__
        if kind not in KINDS:
            raise InputError(f"{link.name}: {kind} is not supported: use only {', '.join(KINDS)}")
        if weights is not None and type(weights.node).__name__ in POOLS and kind not in (*NEURONS, *POOLS):
            made.append(pooling_of(weights, shape))
            shape, weights = made[-1].output_shape, None
        if kind in NEURONS:
            if weights is None:
                raise InputError(f"{link.name}: these neurons have no input weights: put an Affine node before them")
            made.append(layer_of(weights, link, shape, dt, delays))
            shape, weights, delays = made[-1].output_shape, None, None
        elif link.recurrent is not None:
            raise InputError(f"{link.name}: only neurons can have recurrent weights: remove those of this node")
        elif weights is not None:
            raise InputError(f"{weights.name}: {link.name} ({kind}) follows without neurons: put a CubaLIF between them")
        elif kind == "Flatten":
            shape = flattened(link, shape)
        elif kind == "Delay":
            delays_of(link, shape, dt)
            if delays is not None:
                raise InputError(f"{link.name}: {delays.name} delays the same inputs: add the delays up in one node")
            delays = link
        else:
            weights = link
    weights = weights or delays
    if weights is not None or not made:
        raise InputError(f"{weights.name if weights else 'the graph'}: no neurons follow: end the graph with a CubaLIF node")
    return made, input_shape


def _links(graph: "nir.NIRGraph", library: ModuleType) -> list[Link]:
    """Return the nodes between the input and the output of a graph, in order; raise InputError if they form no chain."""
    ends = (library.Input, library.Output)
    inputs, outputs = ([name for name, node in graph.nodes.items() if isinstance(node, kind)] for kind in ends)
    if len(inputs) != 1 or len(outputs) != 1:
        raise InputError(f"the graph has inputs {inputs} and outputs {outputs}: use one of each")
    for edge in graph.edges:
        for name in edge:
            if name not in graph.nodes:
                raise InputError(f"the edge {edge} ends at {name!r}, which is not a node: remove it")
    found = list(_walk(graph, inputs[0], outputs[0], library))
    seen = {inputs[0], outputs[0], *(link.name for link in found)}
    recurrent = {id(link.recurrent) for link in found}
    if lost := sorted(name for name, node in graph.nodes.items() if name not in seen and id(node) not in recurrent):
        raise InputError(f"the node {lost[0]!r} is not on the path from input to output: remove it")
    return found


def _walk(graph: Any, first: str, last: str, library: ModuleType) -> Iterator[Link]:
    weights = library.Affine, library.Linear
    after: dict[str, set[str]] = {name: set() for name in graph.nodes}
    for source, target in graph.edges:
        after[source].add(target)
    name, seen = first, {first}
    while True:
        loops = [each for each in after[name] if isinstance(graph.nodes[each], weights) and after[each] == {name}]
        forward = sorted(after[name] - set(loops))
        if name != first:
            node, recurrent = graph.nodes[name], None
            if isinstance(node, library.NIRGraph):
                node, recurrent = _subgraph(name, node, library)
            if len(loops) > 1 or (loops and recurrent is not None):
                raise InputError(f"{name}: several nodes hold recurrent weights: add them up in one node")
            yield Link(name, node, graph.nodes[loops[0]] if loops else recurrent)
        if len(forward) != 1:
            raise InputError(f"{name}: its edges lead to {forward}: the nodes must form one chain that ends at {last!r}")
        if forward[0] == last:
            return
        if forward[0] in seen:
            raise InputError(f"{name}: the edge to {forward[0]!r} closes a loop: only neurons can have recurrent weights")
        name = forward[0]
        seen.add(name)


def _subgraph(name: str, graph: Any, library: ModuleType) -> tuple[Any, Any]:
    """Return the neurons of a subgraph and their recurrent weights."""
    try:
        inside = _links(graph, library)
    except InputError as error:
        raise InputError(f"{name}, a subgraph: {error}") from None
    if len(inside) != 1 or inside[0].recurrent is None:
        raise InputError(f"{name}: a subgraph must be neurons with recurrent weights: move its nodes to the main graph")
    return inside[0].node, inside[0].recurrent
