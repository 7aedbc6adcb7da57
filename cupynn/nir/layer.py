"""A layer from the nodes that describe it: weights, and the neurons after them."""

from collections.abc import Callable
from inspect import signature
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.kernels.lif import lif
from cupynn.layers import SpikingConv2D, SpikingDense, SpikingPool2D, SpikingRecurrent
from cupynn.layers.base import SpikingLayer

from . import write
from .neuron import Constants, decode, kept, v_th_above
from .weights import multiplied

Shape = tuple[int, ...]
NEURONS = ("CubaLIF", "LIF")
KINDS = ("Affine", "Linear", "Conv2d", "SumPool2d", "AvgPool2d", "Flatten", *NEURONS)


class Link(NamedTuple):
    """A node of the chain from a graph's input to its output."""

    name: str
    node: Any
    recurrent: Any = None  # Affine or Linear from the neurons to themselves


class Made(NamedTuple):
    """A layer, the arrays it will hold once it is built, and the shape of its output."""

    layer: SpikingLayer
    arrays: dict[str, np.ndarray]
    output_shape: Shape


def shape_of(name: str, value: Any) -> Shape:
    """Return a shape that a node has as an array."""
    return checks.shape(f"{name}: the shape", value if value is None else np.asarray(value).tolist())


def flattened(link: Link, shape: Shape) -> Shape:
    """Shape after a Flatten node, which must leave one axis."""
    start, end = (_whole(link.name, field, getattr(link.node, field), -len(shape)) for field in ("start_dim", "end_dim"))
    if (start % len(shape), end % len(shape)) != (0, len(shape) - 1) or max(start, end) >= len(shape):
        raise InputError(
            f"{link.name}: start_dim={start}, end_dim={end} leave axes of {shape} (samples have "
            "none in NIR): flatten all of them"
        )
    return (int(np.prod(shape)),)


def layer_of(weights: Link, neurons: Link, shape: Shape, dt: float) -> Made:
    """Make a layer of the nodes of its weights and its neurons, for an input of this shape."""
    constants = decode(neurons.name, neurons.node, dt)
    if neurons.recurrent is not None and type(weights.node).__name__ not in ("Affine", "Linear"):
        raise InputError(f"{neurons.name}: recurrent weights after {weights.name}: layers have them after Affine alone")
    made = _MAKERS[type(weights.node).__name__](weights, neurons, constants, shape)
    size = np.shape(neurons.node.v_threshold)
    if size != made.output_shape and np.prod(size) != 1:
        raise InputError(f"{neurons.name}: neurons of shape {size} after {weights.name}, which gives {made.output_shape}")
    for name, array in made.arrays.items():
        if not np.isfinite(array).all():
            raise InputError(f"{weights.name}: {name} is not finite in float32: write finite weights")
    return made


def _dense(weights: Link, neurons: Link, constants: Constants, shape: Shape) -> Made:
    weight = _linear(weights.name, weights.node, constants.gain)
    if (weight.shape[1],) != shape:
        raise InputError(
            f"{weights.name}: weight has shape {weight.shape}, its input {shape}: write (outputs, inputs), after a Flatten"
        )
    units, arrays = len(weight), {"weight": weight}
    if neurons.recurrent is None:
        return Made(_layer(SpikingDense, neurons, constants, units=units), arrays, (units,))
    lateral = _linear(f"{neurons.name}, recurrent", neurons.recurrent, constants.gain)
    if lateral.shape != (units, units):
        raise InputError(f"{neurons.name}: recurrent weights of shape {lateral.shape}: write ({units}, {units})")
    strength = neurons.node.metadata.get("lateral_inhibition")
    known = isinstance(strength, Real) and 0 < strength < checks.LARGEST
    if known and np.array_equal(lateral, write.inhibition(units, strength)):
        layer = _layer(SpikingDense, neurons, constants, units=units, lateral_inhibition=float(strength))
        return Made(layer, arrays, (units,))
    trained = kept(neurons.node).get("trained", True)
    layer = _layer(SpikingRecurrent, neurons, constants, units=units, trained=trained)
    return Made(layer, arrays | {"lateral": lateral}, (units,))


def _conv(weights: Link, neurons: Link, constants: Constants, shape: Shape) -> Made:
    name, node = weights.name, weights.node
    weight = _weight(name, node, constants.gain, ndim=4)
    for field in ("stride", "dilation"):
        if _pair(name, field, getattr(node, field)) != (1, 1):
            raise InputError(f"{name}: {field}={getattr(node, field)}: convolutions have {field} 1")
    if _whole(name, "groups", node.groups, 1) != 1:
        raise InputError(f"{name}: groups={node.groups}: convolutions join all channels: write the graph with groups=1")
    channels, height, width = _image(name, shape)
    if weight.shape[1] != channels or _size(name, node.input_shape) not in (None, (height, width)):
        raise InputError(
            f"{name}: weights of shape {weight.shape} and input_shape={node.input_shape}, but an input of {shape}"
        )
    kernel = weight.shape[2:]
    padding = _padding(name, node.padding, kernel)
    output = (len(weight), height + 2 * padding[0] - kernel[0] + 1, width + 2 * padding[1] - kernel[1] + 1)
    layer = _layer(SpikingConv2D, neurons, constants, maps=len(weight), kernel_size=kernel, padding=padding)
    return Made(layer, {"weight": weight}, output)


def _pool(weights: Link, neurons: Link, constants: Constants, shape: Shape) -> Made:
    name, node = weights.name, weights.node
    size, stride = _pair(name, "kernel_size", node.kernel_size, 1), _pair(name, "stride", node.stride, 1)
    if _pair(name, "padding", node.padding) != (0, 0):
        raise InputError(f"{name}: padding={node.padding}: pooling has none: write the graph with padding=0")
    channels, *image = _image(name, shape)
    rows = [(length - window) // step + 1 for length, window, step in zip(image, size, stride, strict=True)]
    if min(rows) < 1 or rows != [-(-length // step) for length, step in zip(image, stride, strict=True)]:
        raise InputError(f"{name}: windows of {size} every {stride} leave out an edge of {shape}: pooling takes all of it")
    gain = constants.gain / (np.prod(size) if type(node).__name__ == "AvgPool2d" else 1)
    if gain <= 0:
        raise InputError(f"{neurons.name}: w_in and r make {gain:g} of a spike: pooling takes more than 0")
    return Made(_layer(SpikingPool2D, neurons, constants, gain, kernel_size=size, stride=stride), {}, (channels, *rows))


def _layer(
    kind: type[SpikingLayer], neurons: Link, constants: Constants, gain: float = 1.0, **arguments: Any
) -> SpikingLayer:
    """Make a layer whose membrane is that of the node over `gain`."""
    noted = kept(neurons.node)
    v_th = v_th_above(np.float32(float(constants.threshold) / gain), kind.margin)
    if isinstance(noted.get("v_th"), Real) and 1e-5 < noted["v_th"] < checks.LARGEST:
        exact = float(lif(noted["v_th"], 1, 1, 0, kind.margin).threshold)
        v_th = noted["v_th"] if np.float32(exact * gain) == constants.threshold else v_th
    for key in ("psp_kernel", "effect_ratio", "silent_slope", "overshoot", "initial_weight"):
        if key in noted and key in signature(kind).parameters:  # a graph may have been given neurons of another kind since
            arguments[key] = noted[key]
    name = noted.get("name", neurons.name.removesuffix(write.NEURONS))
    try:
        return kind(v_th=v_th, tau_m=constants.tau_m, tau_s=constants.tau_s, t_ref=0, name=name, **arguments)
    except InputError as error:
        raise InputError(f"{neurons.name}: {error}") from None


def _linear(name: str, node: Any, gain: float) -> np.ndarray:
    return _weight(name, node, gain, ndim=2)


def _weight(name: str, node: Any, gain: float, ndim: int) -> np.ndarray:
    """Weights of a node without bias, times gain, float32."""
    weight, bias = np.asarray(node.weight), np.asarray(getattr(node, "bias", 0))
    if weight.ndim != ndim or weight.dtype.kind not in "fiu" or 0 in weight.shape:
        raise InputError(f"{name}: weight is {weight.dtype} {weight.shape}: write numbers with {ndim} axes")
    if bias.dtype.kind not in "fiub" or bias.any():
        raise InputError(f"{name}: bias={bias}: neurons have none: train without, or set it to 0")
    rest = node.metadata.get("rest")
    known = isinstance(rest, np.ndarray) and rest.dtype == np.int8 and rest.shape == weight.shape
    return multiplied(weight, gain, rest if known else None)


def _pair(name: str, field: str, value: Any, minimum: int = 0) -> tuple[int, int]:
    sizes = np.asarray(value).ravel().tolist()
    return checks.pair(f"{name}: {field}", sizes[0] if len(sizes) == 1 else sizes, minimum)


def _whole(name: str, field: str, value: Any, minimum: int) -> int:
    return checks.integer(
        f"{name}: {field}", value.item() if np.size(value) == 1 and hasattr(value, "item") else value, minimum
    )


def _size(name: str, value: Any) -> tuple[int, int] | None:
    return None if value is None else _pair(name, "input_shape", value)


def _image(name: str, shape: Shape) -> Shape:
    if len(shape) != 3:
        raise InputError(f"{name}: its input has shape {shape}: it takes (channels, height, width)")
    return shape


def _padding(name: str, value: Any, kernel: tuple[int, int]) -> tuple[int, int]:
    if isinstance(value, str):
        if value == "same" and not (kernel[0] % 2 and kernel[1] % 2):
            raise InputError(f"{name}: padding='same' of a kernel {kernel} is not the same on both sides: write numbers")
        return (kernel[0] // 2, kernel[1] // 2) if value == "same" else (0, 0)
    return _pair(name, "padding", value)


_MAKERS: dict[str, Callable[[Link, Link, Constants, Shape], Made]] = {
    "Affine": _dense,
    "Linear": _dense,
    "Conv2d": _conv,
    "SumPool2d": _pool,
    "AvgPool2d": _pool,
}
