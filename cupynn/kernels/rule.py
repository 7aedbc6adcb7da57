"""The learning rule of a layer, and functions that its kernels share."""

from typing import NamedTuple

import numpy as np

from cupynn.kernels import inline
from cupynn.kernels.psp import Psp


class Rule(NamedTuple):
    """Constants of the learning rule as Python numbers, which kernels round to float32, or as arrays of each neuron's."""

    psp: Psp
    t_ref: int
    v_th: float  # or an array, if neurons or maps have their own
    effect_ratio: bool  # whether errors pass by the S-PSP of each spike, or by a slope of 1
    silent_slope: float  # slope where either neuron is silent
    overshoot: bool  # whether to reduce the errors of neurons whose membrane overshoots


@inline
def saturation(membrane, v_th):
    """Return the factor (v_th / m)^2 by which overshoot reduces the slope of a count from the paper's 1 / v_th.

    A drive a makes o = a / m spikes for a mean membrane m at firings. As the overshoot m - v_th grows in proportion to the
    input of a step, and thus to a, the slope is do/da = (1 - (m - v_th) / m) / m = v_th / m^2.
    """
    if membrane <= v_th:  # as in a filled-in train
        return np.float32(1)
    return (v_th / membrane) * (v_th / membrane)


@inline
def input_error(count, by_spsp, by_weight, by_silent, effect_ratio, silent_slope):
    """Return the error of an input j with o_j = count: the sum of D_i w_ij e_ij / o_j over the neurons i above.

    The slope e_ij / o_j is 1 without `effect_ratio`, and `silent_slope` where i or j is silent. by_spsp, by_weight: sums of
    D w e and of D w over neurons that fire; by_silent: sum of D w over silent neurons
    """
    if count == 0:
        return silent_slope * (by_silent + by_weight)
    return silent_slope * by_silent + (by_spsp / count if effect_ratio else by_weight)
