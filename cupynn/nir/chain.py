"""The order of a graph's nodes: from its input to its output, with recurrent weights beside their neurons."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from cupynn.checks import InputError

from .library import nir_library


class Link(NamedTuple):
    """A node of the chain."""

    name: str
    node: Any
    recurrent: Any = None  # Affine or Linear from the neurons to themselves


def links(graph: Any) -> list[Link]:
    """Nodes of a graph between its input and its output, in order.

    Raises
    ------
    InputError
        If they are no chain.
    """
    library = nir_library()
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


def _walk(graph: Any, first: str, last: str, library) -> Iterator[Link]:
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


def _subgraph(name: str, graph: Any, library) -> tuple[Any, Any]:
    """Take neurons with recurrent weights out of a graph within the graph."""
    try:
        inside = links(graph)
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
