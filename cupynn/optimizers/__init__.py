"""Optimizers, their learning-rate schedules, and the paper's weight regularizer.

Import these names from here; `base` has what all optimizers share.
"""

from cupynn.elsewhere import missing
from cupynn.optimizers.adam import Adam
from cupynn.optimizers.base import SCHEDULES, Optimizer
from cupynn.optimizers.regularizers import REGULARIZERS, ExponentialRegularizer
from cupynn.optimizers.sgd import SGD

__all__ = ["OPTIMIZERS", "REGULARIZERS", "SCHEDULES", "SGD", "Adam", "ExponentialRegularizer", "Optimizer"]

OPTIMIZERS: dict[str, type[Optimizer]] = {"SGD": SGD, "Adam": Adam}

# Optimizers of other libraries and their counterparts here.
_ELSEWHERE = {
    "AdamW": "use Adam(lr, weight_decay=...)",
    "NAdam": "use Adam",
    "RMSprop": "use Adam",
    "Adagrad": "use Adam",
}


def __getattr__(name: str):
    raise AttributeError(missing(f"module {__name__!r}", name, __all__, _ELSEWHERE))
