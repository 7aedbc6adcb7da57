"""What a user hands in is checked here, before any work is done: one error that names the thing, the value, the remedy."""

import inspect
import os
from collections.abc import Collection, Mapping
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

LARGEST = 1e30  # of all numbers: beyond it, sums of float32 would overflow
LARGEST_INT = 2**31 - 1  # in which kernels count neurons and spikes
LARGEST_STEPS = 2**24  # float32, in which kernels hold times, has every whole number up to it
EVENT_FIELDS = ("t", "x", "y", "p")  # of an event: microseconds, column, line, polarity


class InputError(ValueError):
    """Something a user handed in cannot be used; the message names it, its value and the remedy.

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
    """Return `value` as an int within [minimum, maximum], or raise InputError."""
    whole = isinstance(value, Integral) and not isinstance(value, bool | np.bool_)
    if not whole or value < minimum or (maximum is not None and value > maximum):
        bounds = f"of at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"
        raise InputError(f"{name}={value!r}: pass a whole number {bounds}")
    return int(value)


def steps(name: str, value: Any, minimum: int = 1) -> int:
    """Return `value`, a number of time steps of at least `minimum`, as an int, or raise InputError."""
    return integer(name, value, minimum, LARGEST_STEPS)


def number(name: str, value: Any, minimum: float = -LARGEST, above: float = -np.inf, maximum: float = LARGEST) -> float:
    """Return `value` as a float with minimum <= value <= maximum and value > above, or raise InputError."""
    real = isinstance(value, Real) and not isinstance(value, bool | np.bool_)
    if not (real and above < value and minimum <= value <= maximum):  # so is no NaN; an int may have any length
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
    """Return `value` if it is True or False, or raise InputError."""
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{name}={value!r}: pass True or False")
    return bool(value)


def choice(name: str, value: Any, options: Collection[str]) -> str:
    """Return `value` if it is one of `options`, or raise InputError that lists them."""
    if not isinstance(value, str) or value not in options:
        raise InputError(f"{name}={value!r}: pass one of {', '.join(map(repr, options))}")
    return value


def path(name: str, value: Any) -> Path:
    """Return `value`, a string or a path, as a Path, or raise InputError; the file need not exist."""
    if not isinstance(value, str | PathLike) or not str(value):
        raise InputError(f"{name}={value!r}: pass the path of a file")
    try:
        os.stat(value)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:  # too long, or with a character that no path can have, such as NUL
        raise InputError(f"{name}={value!r} is no path of a file here ({error}): pass another") from None
    return Path(value)


def shape(name: str, value: Any) -> tuple[int, ...]:
    """Return `value`, a positive int or a sequence of them, as a tuple of ints, or raise InputError."""
    sizes = (value,) if isinstance(value, Integral) else value
    if not isinstance(sizes, tuple | list) or not sizes:
        raise InputError(f"{name}={value!r}: pass a tuple of positive sizes, such as (28, 28)")
    return tuple(integer(f"{name}[{axis}]", size, minimum=1) for axis, size in enumerate(sizes))


def pair(name: str, value: Any, minimum: int = 0) -> tuple[int, int]:
    """Return `value`, an int or a pair of them, as a pair of ints of at least `minimum`, or raise InputError."""
    both = (value, value) if isinstance(value, Integral) else value
    if not isinstance(both, tuple | list) or len(both) != 2:
        raise InputError(f"{name}={value!r}: pass a whole number, or a pair of them for height and width")
    return integer(f"{name}[0]", both[0], minimum), integer(f"{name}[1]", both[1], minimum)


def image_shape(name: str | None, value: tuple[int, ...]) -> tuple[int, int, int]:
    """Return an input shape (channels, height, width) or (height, width), as the former, or raise InputError."""
    if len(value) not in (2, 3):
        raise InputError(f"{name}: its input has shape {value}: this layer takes (channels, height, width)")
    return (1, *value) if len(value) == 2 else value


def host(name: str, value: Any) -> Any:
    """Return `value` unless it lies on a GPU, which its user must say it may leave."""
    if hasattr(value, "__cuda_array_interface__"):
        raise InputError(f"{name} lies on a GPU: pass it from host memory, as x.get() (CuPy) or x.cpu() (PyTorch)")
    return value


def writable(name: str, array: Any) -> None:
    """Raise InputError if an array that is to be written to is read-only, as none on a GPU is."""
    if isinstance(array, np.ndarray) and not array.flags.writeable:
        raise InputError(
            f"{name} is read-only, as memory maps and the arrays in joblib's workers are: put a copy in its place, "
            "array.copy(), or use a copy of the network, copy.deepcopy(net)"
        )


def numbers(name: str, value: Any, samples: int) -> np.ndarray:
    """Return `value`, the numbers of so many samples, below 2^32, as an array, or raise InputError."""
    array = np.asarray(host(name, value))
    whole = array.shape == (samples,) and array.dtype.kind in "iu"
    if not whole or (array < 0).any() or (array >= 2**32).any():
        raise InputError(f"{name}={array!r}: pass {samples} whole numbers from 0 to 2^32 - 1, one a sample")
    return array


def channels_first(name: str, value: tuple[int, ...]) -> None:
    """Raise InputError if the shape of images is (height, width, channels): no images are as narrow as that."""
    if len(value) == 3 and value[0] == value[1] > value[2] and value[2] in (1, 3):
        first = (value[2], *value[:2])
        raise InputError(f"{name}={value}: channels come first, pass {first} and np.moveaxis(x, -1, 1)")


def labels(name: str, value: Any, classes: int, samples: int) -> np.ndarray:
    """Return `value` as int64 labels (samples,), each in 0..classes-1, or raise InputError."""
    array = np.asarray(host(name, value))
    if array.shape != (samples,):
        hint = ""
        if array.shape == (samples, 1):
            hint = f" (pass {name}.ravel())"
        elif array.ndim == 2 and len(array) == samples and array.dtype.kind in "biuf":
            hint = f" (one-hot? pass {name}.argmax(1))"
        raise InputError(f"{name} has shape {array.shape}: pass one label a sample, shape ({samples},){hint}")
    if array.dtype.kind not in "iu":
        hint = ""
        if array.dtype.kind in "USO":
            hint = f" (names? classes, {name} = np.unique({name}, return_inverse=True) numbers them)"
        elif array.dtype.kind == "f" and (array == np.round(array)).all():
            hint = f" (pass {name}.astype(int))"
        raise InputError(f"{name} has dtype {array.dtype}: pass integer class labels 0..{classes - 1}{hint}")
    outside = (array < 0) | (array >= classes)
    if outside.any():
        first = int(np.argmax(outside))
        raise InputError(f"{name}[{first}]={array[first]}: labels must lie in 0..{classes - 1} for {classes} classes")
    return array.astype(np.int64)


def weights(name: str, value: Any, samples: int) -> np.ndarray:
    """Return `value` as float32 weights (samples,), ones if it is None, or raise InputError."""
    array = np.ones(samples, np.float32) if value is None else np.array(host(name, value))
    if array.shape != (samples,) or array.dtype.kind not in "biuf":
        raise InputError(f"{name} has shape {array.shape}: pass one weight a sample, shape ({samples},)")
    if not np.isfinite(array).all() or (array < 0).any():
        raise InputError(f"{name} holds a negative or non-finite value: pass weights of at least 0")
    return array.astype(np.float32)


def sensor(name: str, value: Any) -> tuple[int, int, int]:
    """Return `value`, the (polarities, height, width) of a sensor with one or two polarities, or raise InputError."""
    sizes = shape(name, value)
    if len(sizes) != 3 or sizes[0] > 2:
        raise InputError(f"{name}={value!r}: pass (polarities, height, width), such as (2, 34, 34)")
    return sizes


def events(where: str, value: np.ndarray | Mapping[str, np.ndarray], sensor: tuple[int, int, int]) -> None:
    """Raise InputError if one of the events, with fields t, x, y, p, lies outside a sensor (polarities, height, width)."""
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
    """Return a view that cannot be written of an array that kernels index by: they do so unchecked.

    Numba compiles a kernel again for an array that can be written, so such arrays are read-only wherever they come from.
    """
    if isinstance(array, np.ndarray):
        array = array.view()
        array.flags.writeable = False
    return array


def only(name: str, value: Any, kinds: type | tuple[type, ...], remedy: str | None = None) -> Any:
    """Return `value` if it is an instance of one of the kinds, or raise InputError with the remedy, "pass ...".

    Without a remedy, there is one kind, and what can be made of it is listed.
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
    """Return what something is: "a list", "an array of shape (3, 8, 8)", "the class Poisson itself"."""
    if isinstance(value, type):
        return f"the class {value.__name__} itself"
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    return _with_article(type(value).__name__)


def _with_article(word: str) -> str:
    return f"{'an' if word[0] in 'AEIOaeiou' else 'a'} {word}"


def _concrete(kind: type) -> set[str]:
    """Names of the classes of cupynn's that are derived from one and can be made."""
    own = {kind.__name__} if kind.__module__.startswith("cupynn.") and not inspect.isabstract(kind) else set()
    return own.union(*map(_concrete, kind.__subclasses__()))
