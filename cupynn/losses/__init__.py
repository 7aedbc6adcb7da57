"""Losses on firing counts, and terms on the rates of layers.

Import these names from here. `base` has what all losses share, `targets` checks and scores what they are trained for.
"""

from cupynn.losses.base import CountError, CountLoss
from cupynn.losses.classes import SoftmaxCount, SpikeCount
from cupynn.losses.rates import RateBand
from cupynn.losses.regression import CountRegression

__all__ = ["LOSSES", "TERMS", "CountError", "CountLoss", "CountRegression", "RateBand", "SoftmaxCount", "SpikeCount"]

LOSSES: dict[str, type[CountLoss]] = {
    "SpikeCount": SpikeCount,
    "SoftmaxCount": SoftmaxCount,
    "CountRegression": CountRegression,
}
TERMS: dict[str, type[RateBand]] = {"RateBand": RateBand}
