"""Files of NIR: written with a certificate of what they keep and the spikes to expect, and read."""

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
    """Write a network to a file of NIR, and beside it what the file keeps of the network.

    The certificate, ``path + ".certificate.json"``, says for each layer whether the file, and what Norse, snnTorch and
    SpikingJelly make of it, fire as the network does: the file is run in each that is installed. The spikes of these runs,
    as the file describes them, go into ``path + ".spikes.h5"``, to be read by `nir.read_data`: those of a graph without the
    delay of one step that layers have.

    Parameters
    ----------
    network : Sequential
    path : path
        Of the file, such as "net.nir".
    allow_lossy : bool
        Whether to leave out refractory periods, for which NIR has no place, instead of refusing the network.
    certificate : bool
        Whether to run the network and write the other two files.
    samples : ndarray, SpikeTrains or Ragged, optional
        What to run: data that the network takes; by default four samples of random trains, from 2 % to 30 % a step.
    frameworks : sequence of str, optional
        Those to run of "norse", "snntorch", "spikingjelly"; by default all that are installed.

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
        raise checks.InputError("samples and frameworks are for the certificate: pass certificate=True")
    trial = fidelity.trial(network, samples, frameworks) if wanted else None
    with writing(path) as file:
        file.write(_content(graph, library))
    beside = Path(f"{path}.certificate.json"), Path(f"{path}.spikes.h5")
    for old in beside:  # of a file that was here before
        old.unlink(missing_ok=True)
    if trial is None:
        return None
    measured = fidelity.measure(network, path, trial)
    measured.certificate.save(beside[0])
    expected_spikes.write(beside[1], measured.expected_spikes)
    return measured.certificate


def _content(graph: "nir.NIRGraph", library: ModuleType) -> bytes:
    """File of a graph that keeps its nodes in their order.

    By default they are found by the alphabet, and NIRTorch cannot have a graph within the graph before what leads to it.
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
    """Read a network from a file of NIR, whoever wrote it.

    Parameters
    ----------
    path : path
    steps : int, optional
        Number of time steps; by default that which `export` noted down.
    dt : float, optional
        Length of a step in seconds; by default that which was noted down, or 1e-4.
    encoder : Encoder, optional
        By default that which was noted down, if there is one.
    seed, device
        As in `Sequential`.

    Raises
    ------
    InputError
        If the file is missing or damaged, or describes no network of cupynn's.
    """
    path = checks.path("path", path)
    graph = read_graph(path)
    try:
        return from_nir(graph, steps, dt=dt, encoder=encoder, seed=seed, device=device)
    except checks.InputError as error:
        raise checks.InputError(f"{path}: {error}") from None
