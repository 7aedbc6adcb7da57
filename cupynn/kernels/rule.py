"""The learning rule of a layer, and what its kernels share."""

from typing import NamedTuple

import numpy as np

from cupynn.kernels import inline
from cupynn.kernels.psp import Psp


class Rule(NamedTuple):
    """Constants of the learning rule, in Python's numbers: kernels round them to float32."""

    psp: Psp
    t_ref: int
    v_th: float
    effect_ratio: bool  # whether errors pass by the S-PSP of each spike, or by a slope of 1
    silent_slope: float  # the slope where one of the two neurons is silent
    overshoot: bool  # whether the errors of neurons whose membrane overshoots are lessened


@inline
def saturation(membrane, v_th):
    """How much less a count follows its drive than the paper's 1 / v_th has it, where neurons overshoot: (v_th / m)^2.

    A drive a makes o = a / m spikes, m being the mean membrane at a firing. As the overshoot m - v_th grows with the input
    of a step, and thus with a, the slope is do/da = (1 - (m - v_th) / m) / m = v_th / m^2.
    """
    if membrane <= v_th:  # as in a filled-in train
        return np.float32(1)
    return (v_th / membrane) * (v_th / membrane)


@inline
def input_error(count, by_spsp, by_weight, by_silent, effect_ratio, silent_slope):
    """Error of an input j, with o_j = count: the sum of D_i w_ij times the slope e_ij / o_j over the neurons i above.

    The slope is 1 without `effect_ratio`, and `silent_slope` where i or j is silent. by_spsp, by_weight: the sums of
    D w e and of D w over the neurons that fire; by_silent: the sum of D w over those that are silent
    """
    if count == 0:
        return silent_slope * (by_silent + by_weight)
    return silent_slope * by_silent + (by_spsp / count if effect_ratio else by_weight)
