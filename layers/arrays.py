"""The arrays of a layer: trained, frozen and fixed."""

from contextlib import nullcontext
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.config import Configured, parameters_of
from cupynn.kernels.aligned import as_writable
from cupynn.kernels.cuda import on_device

KINDS = ("params", "grads", "buffers")


class Arrays(Configured):
    """The arrays of a `Layer`, which documents them."""

    name: str | None
    params: dict[str, np.ndarray]
    grads: dict[str, np.ndarray]
    buffers: dict[str, np.ndarray]
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    _trained = True
    _frozen: tuple[str, ...] = ()  # keys of the weights among the buffers

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a copy; copy arrays that are memory maps there, as in workers of joblib, since training writes to them."""
        vars(self).update(state)
        for arrays in (self.params, self.grads, self.buffers):
            arrays.update({name: as_writable(array) for name, array in arrays.items()})

    def __setattr__(self, name: str, value: Any) -> None:
        if name in KINDS and not isinstance(value, dict):
            raise InputError(
                f"{type(self).__name__}.{name} is {checks.described(value)}: set it to a dict of arrays by name; assign "
                f"values to an array by {name}['weight'][...] = values"
            )
        super().__setattr__(name, value)

    @property
    def trained(self) -> bool:
        """Return whether training changes the weights; set it to False to freeze the layer, and to True to train it again.

        Raises
        ------
        InputError
            If it is set to anything but True or False, or to False for a layer whose class has no argument `trained`:
            files could not store it. A layer without weights has nothing to freeze.
        """
        return self._trained

    @trained.setter
    def trained(self, value: bool) -> None:
        value, kind = checks.flag("trained", value), type(self)
        without_weights = bool(self.input_shape) and not self.params
        if not value and "trained" not in parameters_of(kind) and not without_weights:
            raise InputError(
                f"{kind.__name__} cannot be frozen, since its constructor has no argument trained, by which files store it: "
                "add trained=True to its arguments, and pass it to super().__init__"
            )
        self._trained = value
        self.arrange()

    def arrange(self) -> None:
        """Keep the weights in `params`, with zero gradients, if they are trained, and in `buffers` if they are frozen."""
        if not self._trained:
            self.buffers, self._frozen = self.buffers | self.params, (*self._frozen, *self.params)
            self.params, self.grads = {}, {}
            return
        for name in self._frozen:
            self.params[name] = self.buffers.pop(name)
            self.grads[name] = _zeros_like(self.params[name])
        self._frozen = ()

    def held(self, name: str) -> np.ndarray:
        """Return an array, trained or fixed; the error says what is missing."""
        arrays = self.params | self.buffers
        if name not in arrays:
            what = f"{self.name or type(self).__name__} has no array {name!r}"
            where = ", ".join(map(repr, arrays)) or "nothing"
            raise InputError(
                f"{what}: params and buffers hold {where}; create a new layer"
                if self.input_shape
                else f"{what} yet: create a network with it first"
            )
        return arrays[name]

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes with which the arrays were built."""
        return {name: gradient.shape for name, gradient in self.grads.items()}

    def check_kinds(self) -> None:
        """Raise InputError if something else than an array, such as a list, has been put in place of one."""
        for name, value in (*self.params.items(), *self.buffers.items()):
            checks.array(f"{self.name}/{name}", value)
        for name, value in self.grads.items():
            checks.array(f"the gradient of {self.name}/{name}", value)

    def check_gradients(self) -> None:
        """Raise InputError unless each trained array has a gradient under its name."""
        self.check_kinds()
        if other := sorted(map(repr, self.params.keys() - self.grads.keys())):
            raise InputError(
                f"the arrays {', '.join(other)} in params of {self.name} have no gradients: put an array of the same shape "
                "into grads, under the same name, in build"
            )

    def check_arrays(self, on_cuda: bool) -> None:
        """Check the arrays, which may have been replaced; `on_cuda` tells whether they must be on a GPU.

        Raises
        ------
        InputError
            If an array has another dtype, shape, order or device than `build` and `net.to` gave it.
        """
        self.check_kinds()
        shapes = self.shapes()
        for name, array in (*self.params.items(), *self.grads.items(), *self.buffers.items()):
            held = array.dtype == np.float32 and array.flags.c_contiguous and on_device(array) == on_cuda
            if not held or array.shape != shapes.get(name, array.shape):
                raise InputError(
                    f"{self.name}/{name} is {array.dtype} {array.shape}: a layer needs contiguous float32 arrays of the "
                    "shape that it was built with, on the device of the trains; assign values by array[...] = values, "
                    "move the network by net.to"
                )

    @property
    def parameter_count(self) -> int:
        """Number of trained values, 0 in a frozen layer."""
        return sum(array.size for array in self.params.values())

    @property
    def frozen_count(self) -> int:
        """Number of values of the weights in a frozen layer, otherwise 0."""
        return sum(self.buffers[name].size for name in self._frozen)


def _zeros_like(array: np.ndarray) -> np.ndarray:
    """Return zeros of the shape and on the device of an array."""
    with array.device if on_device(array) else nullcontext():
        zeros = array.copy()
        zeros.fill(0)
    return zeros
