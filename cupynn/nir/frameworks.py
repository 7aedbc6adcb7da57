"""Other frameworks, each running a file of NIR by its own importer, without a word on the screen."""

import io
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError

from .neuron import DT

if TYPE_CHECKING:
    import nir
    import torch


def _norse(graph: "nir.NIRGraph") -> "torch.nn.Module":
    from norse.torch import from_nir

    return from_nir(graph, dt=DT)


def _snntorch(graph: "nir.NIRGraph") -> "torch.nn.Module":
    from snntorch.import_nir import import_from_nir

    return import_from_nir(graph)


def _spikingjelly(graph: "nir.NIRGraph") -> "torch.nn.Module":
    from spikingjelly.activation_based.nir_exchange import import_from_nir

    return import_from_nir(graph, dt=DT)


FRAMEWORKS: dict[str, Callable[["nir.NIRGraph"], "torch.nn.Module"]] = {
    "norse": _norse,
    "snntorch": _snntorch,
    "spikingjelly": _spikingjelly,
}
NEEDED = ("torch", "nirtorch")  # by all of them, though not all say so


def chosen(names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the frameworks that were asked for, all by default."""
    if isinstance(names, str):
        raise InputError(f"frameworks={names!r}: pass a list, [{names!r}]")
    return tuple(
        checks.choice(f"frameworks[{i}]", name, FRAMEWORKS) for i, name in enumerate(FRAMEWORKS if names is None else names)
    )


def missing(name: str) -> str | None:
    """What has to be installed before a framework can run; None if nothing."""
    absent = [package for package in (name, *NEEDED) if find_spec(package) is None]
    return f"not installed: pip install {' '.join(absent)}" if absent else None


def versions(*packages: str) -> dict[str, str]:
    """Versions of those packages that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def simulate(name: str, path: Path, inputs: np.ndarray, nodes: Sequence[str]) -> list[np.ndarray]:
    """Spikes of some nodes of the graph in a file, as a framework computes them.

    Parameters
    ----------
    name : str
        Of the framework.
    path : Path
    inputs : ndarray of uint8, shape (B, T, *input_shape)
    nodes : sequence of str

    Returns
    -------
    list of ndarray of bool, shape (B, T, neurons)

    Raises
    ------
    Exception
        Whatever the framework raises.
    """
    with silence():
        import nir
        import torch

        graph = nir.read(path)
        [source] = (node for node in graph.nodes.values() if isinstance(node, nir.Input))
        shape = source.input_type["input"]  # that of an image has channels there
        module = FRAMEWORKS[name](graph)
        latest: dict[str, np.ndarray] = {}
        for node in nodes:
            module.get_submodule(node).register_forward_hook(_listener(latest, node))
        spikes: dict[str, list[np.ndarray]] = {node: [] for node in nodes}
        state: tuple[Any, ...] = ()
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # for such small steps, more only wait for each other
        try:
            with torch.no_grad():
                for t in range(inputs.shape[1]):
                    x = inputs[:, t].reshape(-1, *shape).astype(np.float32)
                    _, *state = module(torch.from_numpy(x), *state)
                    for node in nodes:
                        spikes[node].append(latest[node])
        finally:
            torch.set_num_threads(threads)
        return [np.stack(spikes[node], axis=1) for node in nodes]


def _listener(latest: dict[str, np.ndarray], node: str) -> Callable[..., None]:
    def listen(module: Any, arguments: Any, output: Any) -> None:
        fired = output[0] if isinstance(output, tuple) else output  # spikes, or spikes and a state
        latest[node] = fired.numpy().reshape(len(fired), -1) != 0

    return listen


@contextmanager
def silence() -> Iterator[None]:
    """Keep warnings, printed lines and log records of others to themselves, and handlers of the root logger as they are."""
    root = logging.getLogger()
    handlers, stream = root.handlers[:], io.StringIO()
    with warnings.catch_warnings(), redirect_stdout(stream), redirect_stderr(stream):
        warnings.simplefilter("ignore")
        root.handlers[:] = [logging.NullHandler()]
        try:
            yield
        finally:
            root.handlers[:] = handlers
