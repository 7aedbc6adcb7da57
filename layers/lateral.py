"""Trained recurrent weights: which connections there are, and their initial weights. The backward pass is in the twins.

The counts of recurrent neurons depend on each other: o_i ~ a_i / v_th, a_i = sum_j w_ij e_ij + sum_l u_il e_il, with e_il
the S-PSP of the layer's own trains on itself. Their error g in total therefore solves g = delta + K^T g with
(K^T g)_l = sum_i (g_i / v_th) u_il e_il / o_l, the error that the layer passes to its inputs if these are its own trains
(ST-RSBP, Zhang and Li, NeurIPS 2019). D_i = g_i / v_th then takes the place of delta_i / v_th everywhere.
"""

from typing import Any

import numpy as np

from cupynn.checks import InputError, as_array

RECURRENT_ERRORS = ("solve", "none")
# Standard deviation of the initial weights times sqrt(connections) / v_th. With 400 neurons on spoken digits, the changes of
# g in the solve were 0.33, 0.17, 0.11, 0.07 and 0.04 of the first error after five epochs.
INITIAL_SCALE = 0.2


def square(name: str, value: Any, units: int) -> np.ndarray:
    """Return finite float32 weights (units, units)."""
    lateral = as_array(name, value)
    if lateral.dtype.kind not in "biuf":
        raise InputError(f"{name} has dtype {lateral.dtype}: pass finite weights, shape ({units}, {units})")
    lateral = np.array(lateral, np.float32)
    if lateral.shape != (units, units) or not np.isfinite(lateral).all():
        raise InputError(f"{name} has shape {lateral.shape}: pass finite weights, shape ({units}, {units})")
    return lateral


def connections(value: Any, units: int) -> np.ndarray:
    """Return a mask of connections, bool (units, units).

    Raises
    ------
    InputError
        If it has another shape or dtype.
    """
    mask = np.array(as_array("mask", value))
    if mask.dtype != bool or mask.shape != (units, units):
        raise InputError(f"mask is {mask.dtype} {mask.shape}: pass True where neurons connect, bool ({units}, {units})")
    return mask


def allowed(units: int, mask: np.ndarray | None, self_loops: bool) -> np.ndarray:
    """Return where weights may differ from zero, bool (units, units): in the mask, off the diagonal without self-loops."""
    among = np.ones((units, units), bool) if mask is None else mask.copy()
    if not self_loops:
        np.fill_diagonal(among, False)
    return among


def refuse_outside(lateral: np.ndarray, among: np.ndarray) -> None:
    """Raise InputError if a given weight is where none may be."""
    if lateral[~among].any():
        to, source = np.argwhere((lateral != 0) & ~among)[0]
        remedy = "pass self_loops=True" if to == source else "set it to 0, or allow it in mask"
        raise InputError(f"lateral[{to}, {source}]={lateral[to, source]:g}, where no connection is trained: {remedy}")


def draw(among: np.ndarray, v_th: float, rng: np.random.Generator) -> np.ndarray:
    """Draw uniform initial weights, float32, by the number of connections to each neuron."""
    bound = v_th * INITIAL_SCALE * np.sqrt(3 / np.maximum(1, among.sum(1, keepdims=True)))
    return (rng.uniform(-1, 1, among.shape) * bound * among).astype(np.float32)
