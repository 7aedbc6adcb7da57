"""The learning rule of a layer, and what its kernels share."""

from typing import NamedTuple

from cupynn.kernels.psp import Psp


class Rule(NamedTuple):
    """Constants of the learning rule, in Python's numbers: kernels round them to float32."""

    psp: Psp
    t_ref: int
    v_th: float
    effect_ratio: bool  # whether errors pass by the S-PSP of each spike, or by a slope of 1
    silent_slope: float  # the slope where one of the two neurons is silent
    overshoot: bool  # whether the errors of neurons whose membrane overshoots are lessened
