"""Make a layer from a node of weights and the node of neurons after it."""

from collections.abc import Callable
from inspect import signature
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.kernels.lif import lif
from cupynn.layers import AveragePool2D, SpikingConv2D, SpikingDense, SpikingPool2D, SpikingRecurrent, SumPool2D
from cupynn.layers.base import Layer
from cupynn.layers.delays import DelayedLayer
from cupynn.layers.spiking import SpikingLayer

from . import write
from .neuron import Constants, decode, kept, v_th_above
from .weights import multiplied

Shape = tuple[int, ...]
NEURONS, POOLS = ("CubaLIF", "LIF"), ("SumPool2d", "AvgPool2d")
LEARNING = ("psp_kernel", "effect_ratio", "silent_slope", "overshoot", "initial_weight", "trained")
RECURRENCE = ("train_lateral", "self_loops", "recurrent_error")
DELAYS = ("train_delays", "max_delay")
KINDS = ("Affine", "Linear", "Conv2d", *POOLS, "Flatten", "Delay", *NEURONS)

WHOLE = 1e-5  # relative: delays in float32 are whole steps to this precision


class Link(NamedTuple):
    """A node of the chain from a graph's input to its output."""

    name: str
    node: Any
    recurrent: Any = None  # Affine or Linear from the neurons to themselves


class Made(NamedTuple):
    """A layer, the values of its arrays once it is built, and the shape of its output."""

    layer: Layer
    arrays: dict[str, np.ndarray]
    output_shape: Shape


def shape_of(name: str, value: Any) -> Shape:
    """Return a shape that a node stores as an array."""
    return checks.shape(f"{name}: the shape", value if value is None else np.asarray(value).tolist())


def flattened(link: Link, shape: Shape) -> Shape:
    """Return the shape after a Flatten node, which must leave one axis."""
    start, end = (_whole(link.name, field, getattr(link.node, field), -len(shape)) for field in ("start_dim", "end_dim"))
    if (start % len(shape), end % len(shape)) != (0, len(shape) - 1) or max(start, end) >= len(shape):
        raise InputError(
            f"{link.name}: start_dim={start}, end_dim={end} do not flatten all of {shape}: include every axis; NIR has no "
            "axis of samples"
        )
    return (int(np.prod(shape)),)


def delays_of(link: Link, shape: Shape, dt: float) -> np.ndarray:
    """Return the delays of a node in steps, one per input, int64 (inputs,)."""
    seconds = np.asarray(link.node.delay)
    if seconds.shape != shape or seconds.dtype.kind not in "fiu" or not np.isfinite(seconds).all() or seconds.min() < 0:
        raise InputError(f"{link.name}: delay is {seconds.dtype} {seconds.shape}: use numbers of at least 0, shape {shape}")
    steps = seconds.astype(np.float64) / dt
    if (np.abs(steps - np.round(steps)) > WHOLE * np.maximum(1, steps)).any():
        raise InputError(f"{link.name}: delays must be whole steps of {dt:g} s: round them, or pass a smaller dt")
    return np.round(steps).astype(np.int64).ravel()


def layer_of(weights: Link, neurons: Link, shape: Shape, dt: float, delays: Link | None = None) -> Made:
    """Make a layer from the nodes of its weights and its neurons, for an input of this shape, with delays if given."""
    constants = decode(neurons.name, neurons.node, dt)
    if neurons.recurrent is not None and type(weights.node).__name__ not in ("Affine", "Linear"):
        raise InputError(f"{neurons.name}: recurrent weights need an Affine or Linear node before, not {weights.name}")
    made = _MAKERS[type(weights.node).__name__](weights, neurons, constants, shape)
    if delays is not None:
        made = _delayed(made, neurons, delays, dt)
    size = np.shape(neurons.node.v_threshold)
    if size != made.output_shape and np.prod(size) != 1:
        raise InputError(f"{neurons.name}: neurons of shape {size}, but {weights.name} has the output {made.output_shape}")
    for name, array in made.arrays.items():
        if not np.isfinite(array).all():
            raise InputError(f"{weights.name}: {name} is not finite in float32: use finite weights")
    return made


def _delayed(made: Made, neurons: Link, link: Link, dt: float) -> Made:
    """Make a layer again with the delays of a node, whose metadata may hold trained ones before they were rounded."""
    if not isinstance(made.layer, DelayedLayer):
        raise InputError(f"{link.name}: pooling takes no delays: put them before the layer below")
    steps, noted = delays_of(link, np.shape(link.node.delay), dt), kept(neurons.node)
    given = int(steps[0]) if (steps == steps[0]).all() else steps
    own = made.layer.config() | {key: noted[key] for key in DELAYS if key in noted} | {"delays": given}
    arguments = {key: value for key, value in own.items() if key != "kind"}
    mask = getattr(made.layer, "mask", None)
    try:
        layer = type(made.layer)(**arguments, **({} if mask is None else {"mask": mask}))
    except InputError as error:
        raise InputError(f"{link.name}: {error}") from None
    share, arrays = link.node.metadata.get("share"), made.arrays
    if layer.train_delays:
        known = isinstance(share, np.ndarray) and share.dtype == np.float32 and share.shape == steps.shape
        known = known and (np.round(share * np.float32(layer.max_delay)) == steps).all()
        arrays = arrays | {"delay": share if known else (steps / layer.max_delay).astype(np.float32)}
    return Made(layer, arrays, made.output_shape)


def _dense(weights: Link, neurons: Link, constants: Constants, shape: Shape) -> Made:
    weight = _weight(weights.name, weights.node, constants.gain, ndim=2)
    if (weight.shape[1],) != shape:
        raise InputError(
            f"{weights.name}: weight has shape {weight.shape}, its input {shape}: use (outputs, inputs), after a Flatten"
        )
    units, biases = len(weight), _bias(weights.name, weights.node, constants.gain)
    arrays, size = {"weight": weight} | biases, {"units": len(weight), "bias": bool(biases)}
    if neurons.recurrent is None:
        return Made(_layer(SpikingDense, neurons, constants, **size), arrays, (units,))
    recurrence = f"{neurons.name}, recurrent"
    lateral = _weight(recurrence, neurons.recurrent, constants.gain, ndim=2)
    if np.any(getattr(neurons.recurrent, "bias", 0)):
        raise InputError(f"{recurrence}: bias={neurons.recurrent.bias}: recurrent weights have no bias: set it to 0")
    if lateral.shape != (units, units):
        raise InputError(f"{neurons.name}: recurrent weights of shape {lateral.shape}: use ({units}, {units})")
    strength = neurons.node.metadata.get("lateral_inhibition")
    known = isinstance(strength, Real) and 0 < strength < checks.LARGEST
    if known and np.array_equal(lateral, write.inhibition(units, strength)):
        layer = _layer(SpikingDense, neurons, constants, **size, lateral_inhibition=float(strength))
        return Made(layer, arrays, (units,))
    mask = _mask(neurons, units)
    layer = _layer(SpikingRecurrent, neurons, constants, **size, **({} if mask is None else {"mask": mask}))
    return Made(layer, arrays | {"lateral": lateral}, (units,))


def _mask(neurons: Link, units: int) -> np.ndarray | None:
    """Return the mask of trained recurrent weights that the metadata hold, if any."""
    mask = neurons.recurrent.metadata.get("mask")
    known = isinstance(mask, np.ndarray) and mask.dtype == np.int8 and mask.shape == (units, units)
    return mask.astype(bool) if known and kept(neurons.node).get("train_lateral") is True else None


def _conv(weights: Link, neurons: Link, constants: Constants, shape: Shape) -> Made:
    name, node = weights.name, weights.node
    weight, groups = _grouped(node, _weight(name, node, constants.gain, ndim=4), _whole(name, "groups", node.groups, 1))
    stride, dilation = (_pair(name, field, getattr(node, field), 1) for field in ("stride", "dilation"))
    image = _image(name, shape)[1:]
    size = image if node.input_shape is None else _pair(name, "input_shape", node.input_shape)
    if (weight.shape[1] * groups, *size) != shape:
        raise InputError(
            f"{name}: weights of shape {weight.shape}{f', groups={groups}' if groups > 1 else ''} and "
            f"input_shape={node.input_shape} do not fit its input, {shape}"
        )
    kernel = weight.shape[2:]
    padding = _padding(name, node.padding, kernel, stride, dilation)
    sizes = {"maps": len(weight), "kernel_size": kernel, "padding": padding, "stride": stride, "dilation": dilation}
    biases = _bias(name, node, constants.gain)
    layer = _layer(SpikingConv2D, neurons, constants, **sizes, groups=groups, bias=bool(biases))
    try:
        layer.connect(shape)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    output, layer.input_shape, layer.output_shape = layer.output_shape, (), ()  # a layer with shapes belongs to a network
    return Made(layer, {"weight": weight} | biases, output)


def _grouped(node: Any, weight: np.ndarray, groups: int) -> tuple[np.ndarray, int]:
    """Return weights and number of groups, those that `to_nir` noted if the weights between groups are 0."""
    noted = node.metadata.get("groups")
    maps, channels = weight.shape[:2]
    if groups > 1 or not isinstance(noted, Integral) or not 1 < noted <= channels or maps % noted or channels % noted:
        return weight, groups
    blocks = weight.reshape(noted, maps // noted, noted, channels // noted, *weight.shape[2:])
    own = np.arange(noted)
    inside = blocks[own, :, own].reshape(maps, channels // noted, *weight.shape[2:])
    return (inside, int(noted)) if np.array_equal(write.ungrouped(inside, int(noted)), weight) else (weight, 1)


def _pool(weights: Link, neurons: Link, constants: Constants, shape: Shape) -> Made:
    name, node = weights.name, weights.node
    size, stride = _pair(name, "kernel_size", node.kernel_size, 1), _pair(name, "stride", node.stride, 1)
    if _pair(name, "padding", node.padding) != (0, 0):
        raise InputError(f"{name}: padding={node.padding}: pooling supports padding=0 only")
    channels, *image = _image(name, shape)
    rows = [(length - window) // step + 1 for length, window, step in zip(image, size, stride, strict=True)]
    if min(rows) < 1 or rows != [-(-length // step) for length, step in zip(image, stride, strict=True)]:
        raise InputError(f"{name}: windows of {size} with stride {stride} must cover all of its input, {shape}")
    gain = constants.gain / (np.prod(size) if type(node).__name__ == "AvgPool2d" else 1)
    if gain <= 0:
        raise InputError(f"{neurons.name}: w_in and r scale a spike by {gain:g}: pooling needs a factor above 0")
    return Made(_layer(SpikingPool2D, neurons, constants, gain, kernel_size=size, stride=stride), {}, (channels, *rows))


def pooling_of(link: Link, shape: Shape) -> Made:
    """Make a layer without neurons from a pooling node that weights follow, for an input of this shape."""
    name, node = link.name, link.node
    size, stride = _pair(name, "kernel_size", node.kernel_size, 1), _pair(name, "stride", node.stride, 1)
    if _pair(name, "padding", node.padding) != (0, 0):
        raise InputError(f"{name}: padding={node.padding}: pooling supports padding=0 only")
    kind = AveragePool2D if type(node).__name__ == "AvgPool2d" else SumPool2D
    try:
        layer = kind(size, stride, node.metadata.get("name", name.removesuffix(write.POOL)))
        layer.connect(_image(name, shape))
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    output, layer.input_shape, layer.output_shape = layer.pooled_shape, (), ()  # a layer with shapes belongs to a network
    return Made(layer, {}, output)


def _layer(
    kind: type[SpikingLayer], neurons: Link, constants: Constants, gain: float = 1.0, **arguments: Any
) -> SpikingLayer:
    """Make a layer whose membrane is that of the node divided by `gain`."""
    noted = kept(neurons.node)
    v_th = v_th_above(np.float32(float(constants.threshold) / gain), kind.margin)
    if isinstance(noted.get("v_th"), Real) and 1e-5 < noted["v_th"] < checks.LARGEST:
        exact = float(lif(noted["v_th"], 1, 1, 0, kind.margin).threshold)
        v_th = noted["v_th"] if np.float32(exact * gain) == constants.threshold else v_th
    for key in (*LEARNING, *RECURRENCE):
        if key in noted and key in signature(kind).parameters:  # the user may have replaced the neurons by another kind
            arguments[key] = noted[key]
    name = noted.get("name", neurons.name.removesuffix(write.NEURONS))
    try:
        return kind(v_th=v_th, tau_m=constants.tau_m, tau_s=constants.tau_s, t_ref=0, name=name, **arguments)
    except InputError as error:
        raise InputError(f"{neurons.name}: {error}") from None


def _weight(name: str, node: Any, gain: float, ndim: int) -> np.ndarray:
    """Return the weights of a node, times gain, float32."""
    weight = np.asarray(node.weight)
    if weight.ndim != ndim or weight.dtype.kind not in "fiu" or 0 in weight.shape:
        raise InputError(f"{name}: weight is {weight.dtype} {weight.shape}: use numbers with {ndim} axes")
    return multiplied(weight, gain, _rest(node.metadata.get("rest"), weight))


def _bias(name: str, node: Any, gain: float) -> dict[str, np.ndarray]:
    """Return the bias of a node, times gain, float32; nothing if it is 0 and the layer of `to_nir` had none."""
    bias = np.asarray(getattr(node, "bias", 0))
    rest = _rest(node.metadata.get("bias_rest"), bias)
    if bias.dtype.kind not in "fiub" or bias.shape not in ((), (len(node.weight),)):
        raise InputError(f"{name}: bias is {bias.dtype} {bias.shape}: use one number for each neuron or map")
    if rest is None and not bias.any():
        return {}
    return {"bias": np.broadcast_to(multiplied(bias, gain, rest), len(node.weight))}


def _rest(noted: Any, array: np.ndarray) -> np.ndarray | None:
    known = isinstance(noted, np.ndarray) and noted.dtype == np.int8 and noted.shape == array.shape
    return noted if known else None


def _pair(name: str, field: str, value: Any, minimum: int = 0) -> tuple[int, int]:
    sizes = np.asarray(value).ravel().tolist()
    return checks.pair(f"{name}: {field}", sizes[0] if len(sizes) == 1 else sizes, minimum)


def _whole(name: str, field: str, value: Any, minimum: int) -> int:
    single = value.item() if np.size(value) == 1 and hasattr(value, "item") else value
    return checks.integer(f"{name}: {field}", single, minimum)


def _image(name: str, shape: Shape) -> Shape:
    if len(shape) != 3:
        raise InputError(f"{name}: its input has shape {shape}: expected (channels, height, width)")
    return shape


def _padding(
    name: str, value: Any, kernel: tuple[int, ...], stride: tuple[int, int], dilation: tuple[int, int]
) -> tuple[int, int]:
    if not isinstance(value, str):
        return _pair(name, "padding", value)
    if value != "same":
        return 0, 0
    if stride != (1, 1):
        raise InputError(f"{name}: padding='same' with stride={stride} has no meaning: give the padding as numbers")
    down, across = ((size - 1) * step for size, step in zip(kernel, dilation, strict=True))
    if down % 2 or across % 2:
        raise InputError(f"{name}: padding='same' with a kernel {kernel} is not symmetric: give the padding as numbers")
    return down // 2, across // 2


_MAKERS: dict[str, Callable[[Link, Link, Constants, Shape], Made]] = {
    "Affine": _dense,
    "Linear": _dense,
    "Conv2d": _conv,
    "SumPool2d": _pool,
    "AvgPool2d": _pool,
}
