"""Convert between the constants of a layer, in steps, and those of a NIR node, in seconds.

A layer computes, with its time constants in steps (`cupynn.kernels.lif`),

    q <- q (1 - 1 / tau_s) + W s          v <- v (1 - 1 / tau_m) + q / tau_s          fire if v > threshold, then v <- 0

and `CubaLIF` computes, by forward Euler with a step of dt and v_leak = v_reset = 0,

    I <- I (1 - dt / tau_syn) + dt / tau_syn w_in x          v <- v (1 - dt / tau_mem) + dt / tau_mem r I

The two agree with tau_syn = tau_s dt, tau_mem = tau_m dt, x = w s and w_in r dt / tau_mem w = W. Of the possible factors of
this product, Norse, snnTorch and SpikingJelly all accept w_in = tau_s, r = tau_m and w = W / tau_s. `LIF` is the same neuron
with tau_s = 1. NIR has no refractory period. The graph omits the delay of one step with which each layer sees its input.
"""

from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cupynn.checks import LARGEST, InputError
from cupynn.kernels.lif import lif
from cupynn.layers import SpikingPool2D
from cupynn.layers.constants import of_neurons
from cupynn.layers.spiking import SpikingLayer

from .library import nir_library

if TYPE_CHECKING:
    import nir

DT = 1e-4  # seconds: hard-coded in snnTorch, the default of SpikingJelly
CLOSE = 1e-6  # relative; constants that agree in float32 count as equal

# Arguments of a layer stored in the metadata of its node; where they contradict the node itself, `from_nir` ignores them.
KEPT = (
    "kind",
    "name",
    "v_th",
    "tau_m",
    "tau_s",
    "t_ref",
    "psp_kernel",
    "effect_ratio",
    "silent_slope",
    "overshoot",
    "initial_weight",
    "trained",
    "train_lateral",
    "self_loops",
    "recurrent_error",
    "train_delays",
    "max_delay",
)


class Constants(NamedTuple):
    """Constants of the neurons of a node."""

    tau_m: float  # steps
    tau_s: float
    threshold: np.float32  # a neuron fires above it
    gain: float  # weights of the layer over those of the node before


def encode(layer: SpikingLayer, dt: float = DT) -> "nir.CubaLIF":
    """Return the node of a layer's neurons, all arrays float32 with the shape of its output."""
    tau_m, tau_s = (of_neurons(value, layer.output_shape) for value in (layer.tau_m, layer.tau_s))
    constants = {
        "tau_syn": tau_s * dt,
        "tau_mem": tau_m * dt,
        "r": tau_m,
        "v_leak": 0,
        "v_threshold": threshold(layer),
        "v_reset": 0,
        "w_in": tau_s,
    }
    if (largest := max(map(np.max, constants.values()))) > float(np.finfo(np.float32).max):
        raise InputError(f"{layer.name}: v_th times tau_s is {largest:g}, beyond float32: choose smaller values")
    arrays = {name: np.full(layer.output_shape, value, np.float32) for name, value in constants.items()}
    trained = {name: getattr(layer, name) for name in layer.trained_constants if layer.per == "layer"}
    noted = {key: value for key, value in (layer.config() | {"name": layer.name} | trained).items() if key in KEPT}
    return nir_library().CubaLIF(**arrays, metadata=noted)


def threshold(layer: SpikingLayer) -> float | np.ndarray:
    """Return v_threshold of a layer's node, or of each of its neurons: exactly the threshold of the simulation.

    A pooling layer has no weights to divide by tau_s, so its node's membrane is tau_s times as high.
    """
    value = np.float64(layer.neuron.threshold) * (layer.tau_s if isinstance(layer, SpikingPool2D) else 1)
    return of_neurons(value, layer.output_shape) if value.ndim else float(value)


def decode(name: str, node: Any, dt: float) -> Constants:
    """Read the constants of a CubaLIF or LIF node; raise InputError if no layer has such neurons."""
    other = ("input_type", "output_type", "metadata")
    values = {field: _uniform(name, node, field) for field in vars(node) if field not in other}
    for field in ("v_leak", "v_reset"):
        if values[field] != 0:
            raise InputError(f"{name}: {field}={values[field]:g}: layers leak and reset to 0: set it to 0")
    synapse, noted = "tau_syn" in values, kept(node)
    tau_m = _in_steps(name, "tau_mem" if synapse else "tau", values, dt, noted.get("tau_m"))
    tau_s = _in_steps(name, "tau_syn", values, dt, noted.get("tau_s")) if synapse else 1.0
    w_in = _snapped(float(values["w_in"]), tau_s) if synapse else 1.0
    return Constants(tau_m, tau_s, np.float32(values["v_threshold"]), w_in * (_snapped(float(values["r"]), tau_m) / tau_m))


def kept(node: Any) -> dict[str, Any]:
    """Return the arguments stored in the metadata of a node, in the types that layers accept."""
    table = {key: value for key, value in node.metadata.items() if key in KEPT}
    return {key: value.item() if isinstance(value, np.generic) else value for key, value in table.items()}


def v_th_above(threshold: np.float32, margin: float) -> float:
    """Return the v_th of a layer that fires above exactly this threshold, which is its v_th less its margin."""
    v_th = float(threshold) + margin
    while lif(v_th, 1, 1, 0, margin).threshold < threshold:  # the subtraction rounds
        v_th = float(np.nextafter(v_th, np.inf))
    return v_th


def in_steps(seconds: np.floating, dt: float) -> float:
    """Return the shortest decimal number of steps that equals these seconds in their precision: 64, not 63.99999857."""
    for digits in range(1, 18):
        steps = float(f"{float(seconds) / dt:.{digits}g}")
        if type(seconds)(steps * dt) == seconds:
            return steps
    return float(seconds) / dt


def _in_steps(name: str, field: str, values: dict[str, np.floating], dt: float, noted: Any) -> float:
    seconds = values[field]
    if isinstance(noted, Real) and 1 <= noted < LARGEST and type(seconds)(noted * dt) == seconds:
        return float(noted)
    steps = in_steps(seconds, dt)
    if steps < 1:
        raise InputError(f"{name}: {field}={values[field]:g} s is shorter than a step of {dt:g} s: pass a smaller dt")
    return steps


def _uniform(name: str, node: Any, field: str) -> np.floating:
    """Return the value that all neurons share."""
    values = np.asarray(getattr(node, field))
    if values.dtype.kind not in "fiub" or not values.size or not np.isfinite(values).all():
        raise InputError(f"{name}: {field} is {values.dtype} {values.shape}, or not finite: use finite numbers")
    values = values.astype(values.dtype if values.dtype.kind == "f" else np.float64)
    first = values.flat[0]
    if (values != first).any():
        span = f"{values.min():g} to {values.max():g}"
        raise InputError(f"{name}: {field} ranges from {span}: the neurons of a node must share one value")
    return first


def _snapped(value: float, exact: float) -> float:
    return exact if abs(value - exact) <= CLOSE * exact else value
