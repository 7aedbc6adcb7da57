"""NIR files: write them with a certificate and the expected spikes, and read them."""

from collections.abc import Sequence
from io import BytesIO
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from cupynn import checks
from cupynn.encoders import Encoder
from cupynn.files import writing
from cupynn.sequential import Sequential

from . import expected_spikes, fidelity
from .certificate import Certificate
from .hdf5 import read_graph
from .library import nir_library
from .read import from_nir
from .write import to_nir

if TYPE_CHECKING:
    import nir


def export(
    network: Sequential,
    path: str | PathLike,
    *,
    allow_lossy: bool = False,
    certificate: bool = True,
    samples: Any = None,
    frameworks: Sequence[str] | None = None,
) -> Certificate | None:
    """Write a network to a NIR file, together with a certificate of what the file preserves.

    The certificate, ``path + ".certificate.json"``, reports for each layer whether it fires as in the network: as the file
    describes it, and in Norse, snnTorch and SpikingJelly where they are installed. The spikes that the file describes are
    written to ``path + ".spikes.h5"`` for `nir.read_data`. In a graph, layers have no delay of one step.

    Parameters
    ----------
    network : Sequential
    path : path
        Path of the file, such as "net.nir".
    allow_lossy : bool
        If True, leave out refractory periods, which NIR cannot express, instead of refusing the network.
    certificate : bool
        If True, run the network and write the two other files.
    samples : ndarray, SpikeTrains or Ragged, optional
        Input of the network for the certificate. Default: four samples of random trains, from 2 % to 30 % per step.
    frameworks : sequence of str, optional
        Frameworks to run, of "norse", "snntorch" and "spikingjelly". Default: the installed ones.

    Returns
    -------
    Certificate or None

    Raises
    ------
    InputError
        If NIR cannot describe the network, the samples do not fit it, the file cannot be written, or the library nir is
        missing.

    Examples
    --------
    >>> from cupynn import Sequential, layers
    >>> net = Sequential([layers.SpikingDense(10, v_th=1.0, t_ref=0)], input_shape=(64,), steps=50)
    >>> print(nir.export(net, "net.nir"))                       # doctest: +SKIP
    >>> again = nir.load("net.nir")                             # doctest: +SKIP
    """
    library, path = nir_library(), checks.path("path", path)
    graph = to_nir(network, allow_lossy=allow_lossy)
    wanted = checks.flag("certificate", certificate)
    if not wanted and (samples is not None or frameworks is not None):
        raise checks.InputError("samples and frameworks are used for the certificate only: pass certificate=True")
    trial = fidelity.trial(network, samples, frameworks) if wanted else None
    with writing(path) as file:
        file.write(_content(graph, library))
    beside = Path(f"{path}.certificate.json"), Path(f"{path}.spikes.h5")
    for old in beside:  # they belong to the file just replaced
        old.unlink(missing_ok=True)
    if trial is None:
        return None
    measured = fidelity.measure(network, path, trial)
    measured.certificate.save(beside[0])
    expected_spikes.write(beside[1], measured.expected_spikes)
    return measured.certificate


def _content(graph: "nir.NIRGraph", library: ModuleType) -> bytes:
    """Return the bytes of a graph's file, with the nodes in their order.

    HDF5 sorts them by name by default, but NIRTorch needs the nodes that lead to a subgraph before the subgraph.
    """
    import h5py

    content, settings = BytesIO(), h5py.get_config()
    before = settings.track_order
    try:
        settings.track_order = True
        library.write(content, graph)
    finally:
        settings.track_order = before
    return content.getvalue()


def load(
    path: str | PathLike,
    steps: int | None = None,
    *,
    dt: float | None = None,
    encoder: Encoder | None = None,
    seed: int = 0,
    device: str = "auto",
) -> Sequential:
    """Read a network from a NIR file written by any program.

    Parameters
    ----------
    path : path
    steps : int, optional
        Number of time steps. Default: the number that `export` stored.
    dt : float, optional
        Length of a step in seconds. Default: the stored length, or 1e-4.
    encoder : Encoder, optional
        Default: the stored encoder, if any.
    seed, device
        As in `Sequential`.

    Raises
    ------
    InputError
        If the file is missing or damaged, or cupynn has no such network.
    """
    path = checks.path("path", path)
    graph = read_graph(path)
    try:
        return from_nir(graph, steps, dt=dt, encoder=encoder, seed=seed, device=device)
    except checks.InputError as error:
        raise checks.InputError(f"{path}: {error}") from None
