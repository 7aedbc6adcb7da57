"""Trained constants of neurons: tau_m, tau_s and v_th as arrays that an optimizer updates."""

from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.config import Configured
from cupynn.kernels.cuda import on_device
from cupynn.kernels.each import is_array

# What each constant stays above, or at, however far it is trained.
LOWEST = {"tau_m": 1.0, "tau_s": 1.0, "v_th": 1e-5}
PER = ("layer", "neuron")
FARTHEST = 20.0  # largest exponent that has an effect: constants change by factors up to exp(20), and stay finite

Value = float | np.ndarray


class Constant:
    """A constant of a layer's neurons: the argument of the constructor or, if it is trained, its current value."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, layer: Any, owner: type | None = None) -> Any:
        if layer is None:
            return self
        if (array := layer.trained_constants.get(self.name)) is None:
            return vars(layer)[self.name]
        value = current(self.name, vars(layer)[self.name], array)
        return float(value[0]) if layer._per == "layer" else value

    def __set__(self, layer: Any, value: Any) -> None:
        if self.name in layer.trained_constants:
            raise InputError(
                f'{layer.name}: {self.name} is trained, so it cannot be replaced: set layer.params["{self.name}"][...] = '
                f"np.log((new - {LOWEST[self.name]:g}) / {vars(layer)[self.name] - LOWEST[self.name]:g})"
            )
        vars(layer)[self.name] = value


class TrainedConstants(Configured):
    """The trained constants of a `SpikingLayer`, which documents them."""

    tau_m = Constant()
    tau_s = Constant()
    v_th = Constant()
    _trainable: tuple[str, ...] = ()
    _per = "layer"

    @property
    def trainable(self) -> tuple[str, ...]:
        """Return the names of the constants that are trained, an argument of the constructor."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: Any) -> None:
        raise InputError(
            f"trainable={value!r}: the constants that a layer trains are an argument of its constructor; "
            "set trained to freeze or unfreeze the layer"
        )

    @property
    def per(self) -> str:
        """Return whether a constant is trained for the "layer" or for each "neuron", an argument of the constructor."""
        return self._per

    @per.setter
    def per(self, value: Any) -> None:
        raise InputError(f"per={value!r}: this is an argument of the constructor, by which the layer's arrays are made")

    @property
    def trained_constants(self) -> dict[str, np.ndarray]:
        """Return the arrays of the trained constants, also in a frozen layer, by name; none before `build`."""
        arrays = getattr(self, "params", {}) | getattr(self, "buffers", {})
        return {name: arrays[name] for name in self._trainable if name in arrays}

    @property
    def constant_groups(self) -> int:
        """Return the number of neurons, or of maps of an image, with constants of their own."""
        return 1 if self._per == "layer" else self.output_shape[0]

    def train_constants(self, trainable: Any, per: Any) -> None:
        """Check and store the arguments `trainable` and `per`, after the constants themselves.

        Raises
        ------
        InputError
            If they cannot be used, or a time constant of 1, the least, is to be trained.
        """
        self._trainable, self._per = constant_names(trainable), checks.choice("per", per, PER)
        for name in self._trainable:
            start = vars(self)[name]
            if start <= LOWEST[name]:
                raise InputError(
                    f"{name}={start:g} cannot be trained, as it is the least: pass {name} above {LOWEST[name]:g}"
                )
        if self._per != "layer" and not self._trainable:
            raise InputError(
                f"per={per!r}, but no constant is trained: pass trainable, such as ('tau_m',), or leave out per"
            )

    def constant_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each trained constant's array."""
        return dict.fromkeys(self._trainable, (self.constant_groups,))

    def constant_arrays(self) -> dict[str, np.ndarray]:
        """Return initial arrays of the trained constants: zeros, with which each has the value of its argument."""
        return {name: np.zeros(shape, np.float32) for name, shape in self.constant_shapes().items()}

    def constant_factors(self) -> dict[str, np.ndarray]:
        """Return for each trained constant the derivative of its value by its array, float64 (groups,) on the host."""
        return {
            name: current(name, vars(self)[name], array) - LOWEST[name] for name, array in self.trained_constants.items()
        }

    def _argument(self, name: str) -> Any:
        """Return an argument of the constructor: of a trained constant, its initial value."""
        return vars(self)[name] if name in LOWEST else super()._argument(name)


def constant_names(value: Any) -> tuple[str, ...]:
    """Return the argument `trainable`, a list or tuple of names, as a tuple; refuse anything else."""
    known = ", ".join(map(repr, LOWEST))
    if not isinstance(value, tuple | list):
        hint = f"({value!r},)" if isinstance(value, str) and value in LOWEST else "('tau_m', 'v_th')"
        freeze = "; to freeze the weights, pass trained=False" if isinstance(value, bool | np.bool_) else ""
        raise InputError(f"trainable={value!r}: pass a tuple of names, such as {hint}{freeze}")
    for name in value:
        if not isinstance(name, str) or name not in LOWEST:
            hint = checks.nearest(name, LOWEST) if isinstance(name, str) else ""
            raise InputError(f"trainable={value!r}: {name!r}{hint} is not a name that it can have: pass any of {known}")
    if len(set(value)) < len(value):
        raise InputError(f"trainable={value!r}: pass each name once")
    return tuple(value)


def aligned_constants(*values: Value) -> list[Value]:
    """Return constants as they are if all are numbers, and else all as arrays of one length."""
    return list(np.broadcast_arrays(*values)) if any(map(is_array, values)) else list(values)


def current(name: str, start: float, array: Any) -> np.ndarray:
    """Return the values of a constant, float64 (groups,) on the host: lowest + (start - lowest) exp(array).

    The array, 0 at the start, is the logarithm of a factor, so that updates change a constant by shares of itself.
    """
    exponent = (array.get() if on_device(array) else array).astype(np.float64)
    return LOWEST[name] + (start - LOWEST[name]) * np.exp(np.clip(exponent, -FARTHEST, FARTHEST))


def of_neurons(value: Value, shape: tuple[int, ...]) -> Value:
    """Return a constant as it is if it is a number, and else for each neuron, or each of its maps, in the layer's shape.

    Examples
    --------
    >>> of_neurons(2.0, (3,)), of_neurons(np.array([1.0, 2.0]), (2, 1, 3)).tolist()
    (2.0, [[[1.0, 1.0, 1.0]], [[2.0, 2.0, 2.0]]])
    """
    if not is_array(value):
        return value
    return np.broadcast_to(value.reshape(-1, *[1] * (len(shape) - 1)), shape).copy()


def shown(value: Value) -> str:
    """Return a constant for messages and tables: a number, or the range of an array.

    Examples
    --------
    >>> shown(64.0), shown(np.array([8.0, 2.5, 9.0]))
    ('64', '2.5 to 9')
    """
    low, high = f"{np.min(value):g}", f"{np.max(value):g}"
    return low if low == high else f"{low} to {high}"
