"""Check arguments before any work is done; each error names the argument, its value and the remedy.

Unless a docstring says otherwise, a check returns the value, converted, or raises InputError.
"""

import inspect
import os
from collections import UserList, deque
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

LARGEST = 1e30  # beyond this, sums of float32 would overflow
LARGEST_INT = 2**31 - 1  # kernels count neurons and spikes in int32
LARGEST_CLASSES = 2**16  # of labels without names of classes, if there are not as many samples
LARGEST_STEPS = 2**24  # kernels hold times in float32, which represents every integer up to this
EVENT_FIELDS = ("t", "x", "y", "p")  # microseconds, column, row, polarity
ARRAY_PROTOCOLS = ("__array__", "__array_interface__", "__array_struct__", "__dlpack__")
BUILT_IN = (Mapping, str, bytes, bytearray, memoryview, list, tuple, range, deque, UserList)  # indexable, with an end


class InputError(ValueError):
    """Invalid input from the user; the message names it, its value and the remedy.

    Examples
    --------
    >>> from cupynn.losses import SpikeCount
    >>> try:
    ...     SpikeCount(desired=3)
    ... except InputError as error:
    ...     print(error)
    desired=3 with undesired=5: pass a desired count above the undesired one
    """


def integer(name: str, value: Any, minimum: int = 0, maximum: int | None = None) -> int:
    """Return `value` as an int within [minimum, maximum]."""
    whole = isinstance(value, Integral) and not isinstance(value, bool | np.bool_)
    if not whole or value < minimum or (maximum is not None and value > maximum):
        bounds = f"of at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"
        raise InputError(f"{name}={value!r}: pass a whole number {bounds}")
    return int(value)


def steps(name: str, value: Any, minimum: int = 1) -> int:
    """Return `value`, a number of time steps of at least `minimum`, as an int."""
    return integer(name, value, minimum, LARGEST_STEPS)


def number(name: str, value: Any, minimum: float = -LARGEST, above: float = -np.inf, maximum: float = LARGEST) -> float:
    """Return `value` as a float with minimum <= value <= maximum and value > above."""
    real = isinstance(value, Real) and not isinstance(value, bool | np.bool_)
    if not (real and above < value and minimum <= value <= maximum):  # refuses NaN, and compares ints of any length
        bounds = []
        if above > -np.inf:
            bounds.append(f"greater than {above:g}")
        elif minimum > -LARGEST or (real and value < -LARGEST):
            bounds.append(f"of at least {minimum:g}")
        if maximum < LARGEST or (real and value > LARGEST):
            bounds.append(f"{'' if bounds else 'of '}at most {maximum:g}")
        raise InputError(f"{name}={value!r}: pass a finite number {' and '.join(bounds)}".rstrip())
    return float(value)


def flag(name: str, value: Any) -> bool:
    """Return `value` if it is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{name}={value!r}: pass True or False")
    return bool(value)


def choice(name: str, value: Any, options: Collection[str]) -> str:
    """Return `value` if it is one of `options`, which the error lists."""
    if not isinstance(value, str) or value not in options:
        hint = nearest(value, options) if isinstance(value, str) else ""
        raise InputError(f"{name}={value!r}{hint}: pass one of {', '.join(map(repr, options))}")
    return value


def nearest(word: str, known: Collection[str]) -> str:
    """Return a text that suggests the known word most similar to `word`; empty if none is similar."""
    matches = [each for each in known if each.lower() == word.lower()] or get_close_matches(word, known, n=1)
    return "".join(f" (did you mean {match!r}?)" for match in matches[:1])


def printable(text: str) -> str:
    """Return text with "?" for parts that are not Unicode, such as undecodable bytes in names of files."""
    return text.encode(errors="replace").decode()


def path(name: str, value: Any) -> Path:
    """Return `value`, a string or a path, as a Path; the file may be missing."""
    if not isinstance(value, str | PathLike) or not str(value):
        raise InputError(f"{name}={value!r}: pass the path of a file")
    try:
        os.stat(value)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:  # too long, or with a character that paths cannot contain, such as NUL
        raise InputError(f"{name}={value!r} is not a valid path on this system ({error}): pass another one") from None
    return Path(value)


def shape(name: str, value: Any) -> tuple[int, ...]:
    """Return `value`, a positive int or a sequence of them, as a tuple of ints."""
    sizes = (value,) if isinstance(value, Integral) else value
    if not isinstance(sizes, tuple | list) or not sizes:
        raise InputError(f"{name}={value!r}: pass a tuple of positive sizes, such as (28, 28)")
    return tuple(integer(f"{name}[{axis}]", size, minimum=1) for axis, size in enumerate(sizes))


def pair(name: str, value: Any, minimum: int = 0) -> tuple[int, int]:
    """Return `value`, an int or a pair of them, as a pair of ints of at least `minimum`."""
    both = (value, value) if isinstance(value, Integral) else value
    if not isinstance(both, tuple | list) or len(both) != 2:
        raise InputError(f"{name}={value!r}: pass a whole number, or a pair of them for height and width")
    return integer(f"{name}[0]", both[0], minimum), integer(f"{name}[1]", both[1], minimum)


def image_shape(name: str | None, value: tuple[int, ...]) -> tuple[int, int, int]:
    """Return an input shape as (channels, height, width), with one channel for (height, width)."""
    if len(value) not in (2, 3):
        raise InputError(f"{name}: its input has shape {value}: this layer takes (channels, height, width)")
    return (1, *value) if len(value) == 2 else value


def host(name: str, value: Any) -> Any:
    """Return `value` if NumPy can make an array of it: refuse arrays on a GPU, and datasets, which have no end for NumPy."""
    if hasattr(value, "__cuda_array_interface__"):
        raise InputError(f"{name} is on a GPU: pass it from host memory, as x.get() (CuPy) or x.cpu() (PyTorch)")
    if is_indexed(value):
        raise InputError(f"{name} is {described(value)}: pass an array")
    inside = {type(each): each for each in value} if isinstance(value, list | tuple) else {}
    for each in inside.values():
        if is_indexed(each):
            raise InputError(f"{name} holds {described(each)}: pass a list of arrays or numbers")
    return value


def as_array(name: str, value: Any) -> np.ndarray:
    """Return `value` as a NumPy array; refuse what `host` refuses, and lists of rows that differ in length."""
    try:
        return np.asarray(host(name, value))
    except (TypeError, RuntimeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name} is {described(value)} that cannot become an array ({error}): pass a regular one") from None


def is_indexed(value: Any) -> bool:
    """Return whether a value is indexed as a map dataset is, and is not an array.

    NumPy reads such objects from index 0 until they raise IndexError, which a dataset that relies on its length never does.
    """
    if isinstance(value, (type, *BUILT_IN)) or not (hasattr(value, "__len__") and hasattr(value, "__getitem__")):
        return False
    return not is_array(value)


def is_array(value: Any) -> bool:
    """Return whether a value is an array of NumPy or of a library whose arrays NumPy can read."""
    return any(hasattr(value, protocol) for protocol in ARRAY_PROTOCOLS)


def array(name: str, value: Any) -> None:
    """Raise InputError if something else than an array, such as a list, has been put in place of one."""
    if not isinstance(value, np.ndarray) and not hasattr(value, "__cuda_array_interface__"):
        raise InputError(f"{name} is {described(value)}, not an array: assign values to the array by array[...] = values")


def writable(name: str, array: Any) -> None:
    """Raise InputError if an array is read-only, which arrays on a GPU never are."""
    if isinstance(array, np.ndarray) and not array.flags.writeable:
        raise InputError(
            f"{name} is read-only, like memory maps and arrays in joblib's workers: replace it by array.copy(), "
            "or use a copy of the network, copy.deepcopy(net)"
        )


def numbers(name: str, value: Any, samples: int) -> np.ndarray:
    """Return `value`, one number below 2^32 for each of `samples` samples, as an array."""
    array = as_array(name, value)
    whole = array.shape == (samples,) and array.dtype.kind in "iu"
    if not whole or (array < 0).any() or (array >= 2**32).any():
        raise InputError(f"{name}={array!r}: pass {samples} whole numbers from 0 to 2^32 - 1, one per sample")
    return array


def channels_first(name: str, value: tuple[int, ...]) -> None:
    """Raise InputError if the shape of images is probably (height, width, channels): images are not 1 or 3 wide."""
    if len(value) == 3 and value[0] == value[1] > value[2] and value[2] in (1, 3):
        first = (value[2], *value[:2])
        raise InputError(f"{name}={value}: channels come first, pass {first} and np.moveaxis(x, -1, 1)")


def labels(name: str, value: Any, classes: int, samples: int) -> np.ndarray:
    """Return `value` as int64 labels (samples,), each in 0..classes-1."""
    array = _whole_labels(name, value, samples, f"0..{classes - 1}")
    outside = (array < 0) | (array >= classes)
    if outside.any():
        first = int(np.argmax(outside))
        raise InputError(f"{name}[{first}]={array[first]}: labels must be within 0..{classes - 1} for {classes} classes")
    return array.astype(np.int64)


def class_numbers(name: str, value: Any, samples: int) -> tuple[np.ndarray, int]:
    """Return `value` as int64 labels (samples,), and the number of classes that they imply, the largest label plus 1.

    A label far above the number of samples is refused, because names and counts of all classes would fill the memory.
    """
    array = _whole_labels(name, value, samples, "0, 1, 2, ...")
    outside = (array < 0) | (array >= max(LARGEST_CLASSES, samples))
    if outside.any():
        first = int(np.argmax(outside))
        problem = "labels count from 0" if array[first] < 0 else f"this is far above the number of samples, {samples:,}"
        bare = name.split()[-1]  # without the path of a file
        remedy = f"classes, {bare} = np.unique({bare}, return_inverse=True) numbers them"
        raise InputError(f"{name}[{first}]={array[first]}: {problem}: {remedy}")
    array = array.astype(np.int64)
    return array, int(array.max(initial=-1)) + 1


def _whole_labels(name: str, value: Any, samples: int, wanted: str) -> np.ndarray:
    """Return `value` as an array of whole numbers (samples,); the error names the wanted ones."""
    array, bare = as_array(name, value), name.split()[-1]  # without the path of a file
    if array.shape != (samples,):
        hint = ""
        if array.shape == (samples, 1):
            hint = f" (pass {bare}.ravel())"
        elif array.ndim == 2 and len(array) == samples and array.dtype.kind in "biuf":
            one_hot = f" (one-hot? pass {bare}.argmax(1))"
            numbers = array.dtype.kind == "f" and not np.isin(array, (0, 1)).all()
            hint = " (numbers? pass loss=losses.CountRegression())" if numbers else one_hot
        raise InputError(f"{name} has shape {array.shape}: pass one label per sample, shape ({samples},){hint}")
    if array.dtype.kind not in "iu":
        hint = ""
        if array.dtype.kind in "USO":
            hint = f" (names? classes, {bare} = np.unique({bare}, return_inverse=True) numbers them)"
        elif array.dtype.kind == "f" and (array == np.round(array)).all():
            hint = f" (pass {bare}.astype(int))"
        raise InputError(f"{name} has dtype {array.dtype}: pass integer class labels {wanted}{hint}")
    return array


def weights(name: str, value: Any, samples: int) -> np.ndarray:
    """Return `value` as float32 weights (samples,); None gives each sample the weight 1."""
    array = np.ones(samples, np.float32) if value is None else as_array(name, value)
    if array.shape != (samples,) or array.dtype.kind not in "biuf":
        raise InputError(f"{name} has shape {array.shape}: pass one weight per sample, shape ({samples},)")
    if not np.isfinite(array).all() or (array < 0).any():
        raise InputError(f"{name} holds a negative or non-finite value: pass weights of at least 0")
    if (array > LARGEST).any():
        raise InputError(f"{name} holds values beyond {LARGEST:g}: divide it by its mean")
    return array.astype(np.float32)


def sensor(name: str, value: Any) -> tuple[int, int, int]:
    """Return `value`, the (polarities, height, width) of a sensor with one or two polarities."""
    sizes = shape(name, value)
    if len(sizes) != 3 or sizes[0] > 2:
        raise InputError(f"{name}={value!r}: pass (polarities, height, width), such as (2, 34, 34)")
    return sizes


def events(where: str, value: np.ndarray | Mapping[str, np.ndarray], sensor: tuple[int, int, int]) -> None:
    """Raise InputError if an event (fields t, x, y, p) is outside the sensor (polarities, height, width)."""
    polarities, height, width = sensor
    for field, bound in zip(EVENT_FIELDS, (None, width, height, polarities), strict=True):
        column = value[field]
        if column.dtype.kind not in "iub":
            raise InputError(f"{where}: {field} has dtype {column.dtype}: pass whole numbers, times in microseconds")
        if column.ndim != 1:
            raise InputError(f"{where}: {field} has shape {column.shape[1:]} in each event: pass one whole number")
        if not column.size or (column.min() >= 0 and (bound is None or column.max() < bound)):
            continue
        first = int(np.argmax((column < 0) if bound is None else (column < 0) | (column >= bound)))
        remedy = "times count from 0" if bound is None else f"pass 0 to {bound - 1}, or another sensor than {sensor}"
        raise InputError(f"{where}, event {first}: {field}={column[first]}: {remedy}")


def read_only(array: Any) -> Any:
    """Return a read-only view of an index array, which kernels use without bounds checks.

    All such arrays are read-only: Numba would compile a kernel a second time for writable ones.
    """
    if isinstance(array, np.ndarray):
        array = array.view()
        array.flags.writeable = False
    return array


def only(name: str, value: Any, kinds: type | tuple[type, ...], remedy: str | None = None) -> Any:
    """Return `value` if it is an instance of one of the kinds; the error ends in "pass" and the remedy.

    Without a remedy, `kinds` is one class, and the error lists the classes of that kind that can be created.
    """
    if isinstance(value, kinds):
        return value
    if remedy is not None:
        raise InputError(f"{name} is {described(value)}: pass {remedy}")
    if isinstance(value, type) and issubclass(value, kinds):
        raise InputError(f"{name} is {described(value)}: make one, {value.__name__}(...)")
    found = f"={value!r}" if isinstance(value, str | bool | int | float) else f" is {described(value)}"
    made = ", ".join(f"{each}(...)" for each in sorted(_concrete(kinds)))
    wanted = f"one of {made}" if inspect.isabstract(kinds) and made else _with_article(kinds.__name__)
    raise InputError(f"{name}{found}: pass {wanted}")


def described(value: Any) -> str:
    """Describe a value: "a list", "an array of shape (3, 8, 8)", "the class Poisson itself"."""
    if isinstance(value, type):
        return f"the class {value.__name__} itself"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    return _with_article(type(value).__name__)


def _with_article(word: str) -> str:
    return f"{'an' if word[0] in 'AEIOaeiou' else 'a'} {word}"


def _concrete(kind: type) -> set[str]:
    """Return the names of cupynn's concrete classes among a class and those derived from it."""
    own = {kind.__name__} if kind.__module__.startswith("cupynn.") and not inspect.isabstract(kind) else set()
    return own.union(*map(_concrete, kind.__subclasses__()))
