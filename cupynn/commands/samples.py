"""Files of samples, as a saved network takes them: pictures, arrays, sounds, recordings of events."""

import inspect
from collections.abc import Sequence
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
    """Read the samples of a file: one, or of an array as many as it holds. Pictures are inverted if the run's were.

    Raises
    ------
    InputError
        If the file cannot be read, or is none that the network takes.
    """
    from cupynn.encoders import BSA, Events

    if not checks.path("FILE", file).is_file():
        raise InputError(f"{file}: no such file")
    picture = not isinstance(network.encoder, Events | BSA) and Path(file).suffix.lower() not in ARRAYS
    if invert and not picture:
        raise InputError(f"{file}: --invert is for pictures: leave it out")
    if picture:
        x = _image(file, network, {} if run is None else run.definition.data, invert)
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


def notice(x: "Data", network: "Sequential") -> str | None:
    """What a user should know of samples: such as that they are bright, or cut."""
    from cupynn import SpikeTrains

    return None if isinstance(x, SpikeTrains) else network.encoder.notice(x, network.steps)


def named(file: str, count: int) -> Sequence[str]:
    """Names of the samples of a file."""
    return [file] if count == 1 else [f"{file}[{index}]" for index in range(count)]


def _image(file: str, network: "Sequential", table: dict, invert: bool) -> "np.ndarray":
    from cupynn import datasets

    shape = network.input_shape
    if len(shape) not in (2, 3) or (len(shape) == 3 and shape[0] not in (1, 3)):
        raise InputError(f"{file}: the network takes {shape}, no images: pass an .npy file of shape (samples, *{shape})")
    invert, cut = invert or table.get("invert", False), table.get("cut_ground", False)
    image = datasets.read_image(file, shape[-2:], len(shape) == 3 and shape[0] == 3, invert, cut)
    return image.reshape(1, *shape)


def _array(file: str, network: "Sequential") -> "np.ndarray":
    from cupynn import datasets
    from cupynn.files import read_array

    if Path(file).suffix.lower() == ".npz":
        return datasets.from_npz(file).x
    try:
        array = read_array(Path(file))
    except Exception as error:  # what a damaged file makes NumPy raise is anybody's guess
        raise InputError(f"{file} cannot be read ({error}): write it with np.save(path, samples)") from None
    return array[None] if array.shape == network.input_shape else array


def _events(file: str, network: "Sequential", run: "SavedRun | None") -> "Data":
    from cupynn import datasets

    table = {} if run is None else run.definition.data
    from_first = table.get("from_first_event", not network.encoder.stabilise)  # saccades lie at times of their own
    return datasets.read_events(file, network.input_shape, from_first)


def _sound(file: str, run: "SavedRun | None") -> "Data":
    from cupynn import datasets

    table = {} if run is None else run.definition.data
    if table.get("kind") == "sound-folder":
        rate = table.get("rate") or datasets.first_rate(table["path"])
    elif "name" in table:
        rate = inspect.getmodule(datasets.DATASETS[table["name"]]).RATE
    else:
        raise InputError(f"{file}: how the network hears is known from its run alone: pass the folder of the run")
    return datasets.read_sound(file, rate, **{key: table[key] for key in ("channels", "frame") if key in table})
