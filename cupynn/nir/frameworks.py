"""Run NIR files silently in other frameworks, each with its own importer."""

import io
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError

from .neuron import DT

# Module, function and options of each importer.
FRAMEWORKS: dict[str, tuple[str, str, dict[str, float]]] = {
    "norse": ("norse.torch", "from_nir", {"dt": DT}),
    "snntorch": ("snntorch.import_nir", "import_from_nir", {}),
    "spikingjelly": ("spikingjelly.activation_based.nir_exchange", "import_from_nir", {"dt": DT}),
}
NEEDED = ("torch", "nirtorch")  # by all of them, though not all declare it


def chosen(names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the checked names of frameworks, all by default."""
    if isinstance(names, str):
        raise InputError(f"frameworks={names!r}: pass a list, [{names!r}]")
    return tuple(
        checks.choice(f"frameworks[{i}]", name, FRAMEWORKS) for i, name in enumerate(FRAMEWORKS if names is None else names)
    )


def missing(name: str) -> str | None:
    """Return why a framework cannot run, with the remedy; None if it can."""
    absent = [package for package in (name, *NEEDED) if find_spec(package) is None]
    return f"not installed: pip install {' '.join(absent)}" if absent else None


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of the packages that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def simulate(name: str, path: Path, inputs: np.ndarray, nodes: Sequence[str]) -> list[np.ndarray]:
    """Run a file in a framework and return the spikes of some of its nodes.

    Parameters
    ----------
    name : str
        Name of the framework, which may raise any exception.
    path : Path
    inputs : ndarray of uint8, shape (B, T, *input_shape)
    nodes : sequence of str

    Returns
    -------
    list of ndarray of bool, shape (B, T, neurons)
    """
    with silence():
        import nir
        import torch

        graph = nir.read(path)
        [source] = (node for node in graph.nodes.values() if isinstance(node, nir.Input))
        shape = source.input_type["input"]  # has channels if the input is an image
        home, importer, options = FRAMEWORKS[name]
        module = getattr(import_module(home), importer)(graph, **options)
        latest: dict[str, np.ndarray] = {}
        for node in nodes:
            module.get_submodule(node).register_forward_hook(_listener(latest, node))
        spikes: dict[str, list[np.ndarray]] = {node: [] for node in nodes}
        state: tuple[Any, ...] = ()
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # with such small steps, more threads only wait for each other
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
        fired = output[0] if isinstance(output, tuple) else output  # without the state, if any
        latest[node] = fired.numpy().reshape(len(fired), -1) != 0

    return listen


@contextmanager
def silence() -> Iterator[None]:
    """Suppress warnings, printed lines and log records, and restore the handlers of the root logger afterwards."""
    root = logging.getLogger()
    handlers, stream = root.handlers[:], io.StringIO()
    with warnings.catch_warnings(), redirect_stdout(stream), redirect_stderr(stream):
        warnings.simplefilter("ignore")
        root.handlers[:] = [logging.NullHandler()]
        try:
            yield
        finally:
            root.handlers[:] = handlers
