"""Files of samples for a saved network: images, arrays, sounds, event recordings."""

import inspect
from pathlib import Path
from typing import TYPE_CHECKING

from cupynn import checks
from cupynn.checks import InputError

if TYPE_CHECKING:
    import numpy as np

    from cupynn import Sequential
    from cupynn.run.saved import SavedRun
    from cupynn.spikes.trains import Data

ARRAYS = (".npy", ".npz")


def read(file: str, network: "Sequential", run: "SavedRun | None", invert: bool = False) -> "Data":
    """Read one sample from a file, or all samples of an array; images are inverted if those of the run were.

    Raises
    ------
    InputError
        If the file cannot be read, or its content does not fit the network.
    """
    from cupynn.encoders import BSA, Events

    if not checks.path("FILE", file).is_file():
        raise InputError(f"{file}: no such file")
    image = not isinstance(network.encoder, Events | BSA) and Path(file).suffix.lower() not in ARRAYS
    if invert and not image:
        raise InputError(f"{file}: --invert is for images: leave it out")
    if image:
        x = _image(file, network, _table(run), invert)
    elif isinstance(network.encoder, Events):
        x = _events(file, network, run)
    elif isinstance(network.encoder, BSA):
        x = _sound(file, run)
    else:
        x = _array(file, network)
    try:
        return network.inputs(x)
    except InputError as error:
        raise InputError(f"{file}: {error}") from None


def notices(file: str, x: "Data", network: "Sequential", run: "SavedRun | None") -> list[str]:
    """Return warnings about samples, such as that they are bright, will be cut, or are unlike the training images."""
    from cupynn import SpikeTrains, datasets
    from cupynn.encoders import BSA, Events
    from cupynn.run import pictures

    if run is None:  # a training has printed its notices
        found = None if isinstance(x, SpikeTrains) else network.encoder.notice(x, network.steps)
        return [found] if found else []
    known = run.result.get("images") if run.has_result else None
    if not known or isinstance(network.encoder, Events | BSA) or Path(file).suffix.lower() in ARRAYS:
        return []
    image = datasets.read_image(file, colour=True)
    return pictures.unlike(x, known, image.shape[1:], bool((image != image[:1]).any()))


def _table(run: "SavedRun | None") -> dict:
    return {} if run is None else run.definition.data


def _image(file: str, network: "Sequential", table: dict, invert: bool) -> "np.ndarray":
    from cupynn import datasets

    shape = network.input_shape
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[0] not in (1, 3)):
        raise InputError(f"{file}: the network takes {shape}, not images: pass an .npy file of shape (samples, *{shape})")
    invert, cut = invert or table.get("invert", False), table.get("cut_ground", False)
    image = datasets.read_image(file, shape[-2:], len(shape) == 3 and shape[0] == 3, invert, cut)
    return image.reshape(1, *shape)


def _array(file: str, network: "Sequential") -> "np.ndarray":
    from cupynn import datasets
    from cupynn.files import read_array
    from cupynn.network.foreign import alike

    if Path(file).suffix.lower() == ".npz":
        return datasets.from_npz(file).x
    try:
        array = read_array(Path(file))
    except Exception as error:  # NumPy may raise almost anything for a damaged file
        raise InputError(f"{file} cannot be read ({error}): write it with np.save(path, samples)") from None
    return array.reshape(1, *network.input_shape) if alike(array.shape, network.input_shape) else array


def _events(file: str, network: "Sequential", run: "SavedRun | None") -> "Data":
    from cupynn import datasets

    if _table(run).get("kind") == "shd":
        return datasets.from_shd(file, network.input_shape[-1]).x
    default = not network.encoder.stabilise  # saccades begin at fixed times
    from_first = _table(run).get("from_first_event", default)
    shape = network.input_shape
    return datasets.read_events(file, (1,) * (3 - len(shape)) + shape, from_first)


def _sound(file: str, run: "SavedRun | None") -> "Data":
    from cupynn import datasets
    from cupynn.presets.data import for_other_files

    table = _table(run)
    if table.get("kind") == "signals":
        known = inspect.signature(datasets.read_signals).parameters
        options = {key: value for key, value in table.items() if key in known and key != "path"}
        return datasets.read_signals(file, **for_other_files("signals", table["path"], options))
    if table.get("kind") == "sound-folder":
        rate = table.get("rate") or datasets.first_rate(table["path"])
    elif "name" in table:
        rate = inspect.getmodule(datasets.DATASETS[table["name"]]).RATE
    else:
        raise InputError(f"{file}: only the run knows how its sounds or signals are encoded: pass the folder of the run")
    return datasets.read_sound(file, rate, **{key: table[key] for key in ("channels", "frame") if key in table})
