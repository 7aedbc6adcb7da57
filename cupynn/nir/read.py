"""From a graph of NIR to a network: the nodes are put in order, and a layer is made of each pair of weights and neurons."""

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

from .layer import KINDS, NEURONS, Link, Made, Shape, flattened, layer_of, shape_of
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
    """Make the network that a graph of NIR describes, by forward Euler with a step of `dt`.

    A layer is made of weights (`Affine`, `Linear`, `Conv2d`, `SumPool2d` or `AvgPool2d`, without bias) and the neurons after
    them (`CubaLIF`, or `LIF`, whose synapse has tau_s = 1), with recurrent weights or without; `Flatten` may lie between.
    All neurons of a node share their constants. w_in and r go into the weights, or into the threshold of pooling.

    Parameters
    ----------
    graph : nir.NIRGraph
    steps : int, optional
        Number of time steps; by default that which `to_nir` noted down.
    dt : float, optional
        Length of a step in seconds; by default that which was noted down, or 1e-4.
    encoder : Encoder, optional
        By default that which was noted down, if there is one.
    seed, device
        As in `Sequential`.

    Returns
    -------
    Sequential
        Layer n fires n steps after the graph's, as each layer sees the spikes of the step before. Of a graph that `to_nir`
        made, the network with the same weights, bit by bit, and t_ref = 0.

    Raises
    ------
    InputError
        If the graph describes no such network; the message names node, parameter, value and remedy.
    """
    library = nir_library()
    checks.only("graph", graph, library.NIRGraph, "a nir.NIRGraph, or the path of a file to cupynn.nir.load")
    if steps is None and "steps" not in graph.metadata:
        raise InputError("the graph does not say how many steps a sample has: pass steps=...")
    notes = graph.metadata
    dt = checks.number("dt", _item(notes.get("dt", DT)) if dt is None else dt, above=0)
    steps = _item(notes["steps"]) if steps is None else steps
    if encoder is None and "encoder" in notes:
        encoder = _encoder(notes["encoder"])
    made, input_shape = _layers(graph, dt, library)
    resolve(device)
    network = Sequential([each.layer for each in made], _noted_shape(notes, input_shape), steps, encoder, seed, "cpu")
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
    """(28, 28), where a graph says (1, 28, 28) since its nodes of images have channels."""
    noted = notes.get("input_shape")
    return shape[1:] if noted is not None and shape[0] == 1 and np.array_equal(noted, shape[1:]) else shape


def _layers(graph: "nir.NIRGraph", dt: float, library: ModuleType) -> tuple[list[Made], Shape]:
    chain = _links(graph, library)
    [source] = [node for node in graph.nodes.values() if isinstance(node, library.Input)]
    shape = input_shape = shape_of("input", source.input_type["input"])
    made: list[Made] = []
    weights: Link | None = None  # that wait for their neurons
    for link in chain:
        kind = type(link.node).__name__
        if kind not in KINDS:
            raise InputError(f"{link.name}: {kind}: no layer computes it: write the graph with {', '.join(KINDS)} alone")
        if kind in NEURONS:
            if weights is None:
                raise InputError(f"{link.name}: no weights lead to these neurons: write an Affine node before them")
            made.append(layer_of(weights, link, shape, dt))
            shape, weights = made[-1].output_shape, None
        elif link.recurrent is not None:
            raise InputError(f"{link.name}: weights lead from it to itself: neurons alone have such: remove them")
        elif weights is not None:
            raise InputError(f"{weights.name}: {link.name} follows, {kind}: layers spike: write a CubaLIF node between")
        elif kind == "Flatten":
            shape = flattened(link, shape)
        else:
            weights = link
    if weights is not None or not made:
        raise InputError(f"{weights.name if weights else 'the graph'}: no neurons follow: end the graph with a CubaLIF node")
    return made, input_shape


def _links(graph: "nir.NIRGraph", library: ModuleType) -> list[Link]:
    """Nodes of a graph between its input and its output, in order.

    Raises
    ------
    InputError
        If they are no chain.
    """
    ends = (library.Input, library.Output)
    inputs, outputs = ([name for name, node in graph.nodes.items() if isinstance(node, kind)] for kind in ends)
    if len(inputs) != 1 or len(outputs) != 1:
        raise InputError(f"the graph has inputs {inputs} and outputs {outputs}: write one of each")
    for edge in graph.edges:
        for name in edge:
            if name not in graph.nodes:
                raise InputError(f"the edge {edge} ends at {name!r}, which is no node: remove it")
    found = list(_walk(graph, inputs[0], outputs[0], library))
    seen = {inputs[0], outputs[0], *(link.name for link in found), *_beside(found, graph)}
    if lost := sorted(set(graph.nodes) - seen):
        raise InputError(
            f"the node {lost[0]!r} lies beside the chain from input to output: a network is one chain: remove it"
        )
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
                raise InputError(f"{name}: several weights lead from it to itself: add them up in one node")
            yield Link(name, node, graph.nodes[loops[0]] if loops else recurrent)
        if len(forward) != 1:
            raise InputError(f"{name}: edges lead from it to {forward}: a network is one chain, so pass one to {last!r}")
        if forward[0] == last:
            return
        if forward[0] in seen:
            raise InputError(
                f"{name}: the edge to {forward[0]!r} makes a circle: recurrent weights join one node with itself"
            )
        name = forward[0]
        seen.add(name)


def _subgraph(name: str, graph: Any, library: ModuleType) -> tuple[Any, Any]:
    """Take neurons with recurrent weights out of a graph within the graph."""
    try:
        inside = _links(graph, library)
    except InputError as error:
        raise InputError(f"{name}, a graph within the graph: {error}") from None
    if len(inside) != 1 or inside[0].recurrent is None:
        raise InputError(
            f"{name}: a graph within the graph is neurons with weights among each other: write its nodes without it"
        )
    return inside[0].node, inside[0].recurrent


def _beside(found: list[Link], graph: Any) -> set[str]:
    kept = {id(link.recurrent) for link in found if link.recurrent is not None}
    return {name for name, node in graph.nodes.items() if id(node) in kept}
