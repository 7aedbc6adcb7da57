"""One neuron, written in two ways: the constants of a layer, in steps, and those of a node of NIR, in seconds.

A layer computes, with its time constants in steps (`cupynn.kernels.lif`),

    q <- q (1 - 1 / tau_s) + W s          v <- v (1 - 1 / tau_m) + q / tau_s          fire if v > threshold, then v <- 0

and `CubaLIF` is, by forward Euler with a step of dt, with v_leak = v_reset = 0,

    I <- I (1 - dt / tau_syn) + dt / tau_syn w_in x          v <- v (1 - dt / tau_mem) + dt / tau_mem r I

With tau_syn = tau_s dt and tau_mem = tau_m dt the two are one, if x = w s and w_in r dt / tau_mem w = W: of the many ways to
share this product out, w_in = tau_s, r = tau_m and w = W / tau_s is the one that Norse, snnTorch and SpikingJelly all take.
`LIF` is the same neuron with tau_s = 1. NIR has no refractory period. That a layer sees the spikes of the step before is
left out: it shifts the spikes of each layer by a step.
"""

from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from cupynn.checks import LARGEST, InputError
from cupynn.kernels.lif import lif
from cupynn.layers import SpikingPool2D
from cupynn.layers.base import SpikingLayer

from .library import nir_library

if TYPE_CHECKING:
    import nir

DT = 1e-4  # seconds: snnTorch has it in its source, SpikingJelly as its default
CLOSE = 1e-6  # relative; constants that agree in float32 are one number

# What of a layer NIR has no place for; the metadata of its node holds it, for `from_nir`, which trusts the node itself more.
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
)


class Constants(NamedTuple):
    """What a node says of its neurons."""

    tau_m: float  # steps
    tau_s: float
    threshold: np.float32  # the membrane fires above it
    gain: float  # the weights of a layer are those before the node times this


def encode(layer: SpikingLayer, dt: float = DT) -> "nir.CubaLIF":
    """Node of the neurons of a layer, all arrays float32 in the shape of its output."""
    constants = {
        "tau_syn": layer.tau_s * dt,
        "tau_mem": layer.tau_m * dt,
        "r": layer.tau_m,
        "v_leak": 0,
        "v_threshold": threshold(layer),
        "v_reset": 0,
        "w_in": layer.tau_s,
    }
    if (largest := max(constants.values())) > float(np.finfo(np.float32).max):
        raise InputError(f"{layer.name}: v_th times tau_s is {largest:g}, beyond float32: choose smaller ones")
    arrays = {name: np.full(layer.output_shape, value, np.float32) for name, value in constants.items()}
    noted = {key: value for key, value in (layer.config() | {"name": layer.name}).items() if key in KEPT}
    return nir_library().CubaLIF(**arrays, metadata=noted)


def threshold(layer: SpikingLayer) -> float:
    """v_threshold of a layer's node, above which it fires: exactly that of the simulation.

    A pooling layer has no weights that could be divided by tau_s, so that its membrane is tau_s times as high there.
    """
    return float(layer.neuron.threshold) * (layer.tau_s if isinstance(layer, SpikingPool2D) else 1)


def decode(name: str, node: Any, dt: float) -> Constants:
    """Read the constants of a CubaLIF or LIF node.

    Raises
    ------
    InputError
        If no layer has such neurons; the message names node, parameter, value and remedy.
    """
    values = {
        field: _uniform(name, node, field) for field in vars(node) if field not in ("input_type", "output_type", "metadata")
    }
    for field in ("v_leak", "v_reset"):
        if values[field] != 0:
            raise InputError(f"{name}: {field}={values[field]:g}: layers leak to 0 and are reset to 0: write 0")
    synapse, noted = "tau_syn" in values, kept(node)
    tau_m = _in_steps(name, "tau_mem" if synapse else "tau", values, dt, noted.get("tau_m"))
    tau_s = _in_steps(name, "tau_syn", values, dt, noted.get("tau_s")) if synapse else 1.0
    w_in = _snapped(float(values["w_in"]), tau_s) if synapse else 1.0
    return Constants(tau_m, tau_s, np.float32(values["v_threshold"]), w_in * (_snapped(float(values["r"]), tau_m) / tau_m))


def kept(node: Any) -> dict[str, Any]:
    """Arguments that the metadata of a node keep, of the types that layers take."""
    table = {key: value for key, value in node.metadata.items() if key in KEPT}
    return {key: value.item() if isinstance(value, np.generic) else value for key, value in table.items()}


def v_th_above(threshold: np.float32, margin: float) -> float:
    """v_th of a layer that fires above exactly this threshold, though its margin lies below v_th."""
    v_th = float(threshold) + margin
    while lif(v_th, 1, 1, 0, margin).threshold < threshold:  # the subtraction rounds
        v_th = float(np.nextafter(v_th, np.inf))
    return v_th


def in_steps(seconds: np.floating, dt: float) -> float:
    """Return the shortest decimal number of steps that gives these seconds, in their precision: 64, not 63.99999857."""
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
    """Return the one value of all neurons."""
    values = np.asarray(getattr(node, field))
    if values.dtype.kind not in "fiub" or not values.size or not np.isfinite(values).all():
        raise InputError(f"{name}: {field} is {values.dtype} {values.shape}, or not finite: write finite numbers")
    values = values.astype(values.dtype if values.dtype.kind == "f" else np.float64)
    first = values.flat[0]
    if (values != first).any():
        raise InputError(
            f"{name}: {field} is {values.min():g} to {values.max():g}: the neurons of a layer share one value: "
            "write a node for each"
        )
    return first


def _snapped(value: float, exact: float) -> float:
    return exact if abs(value - exact) <= CLOSE * exact else value
