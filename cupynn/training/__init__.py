"""Training: `fit` and its parts.

Import these names from here. `fit` checks its arguments, with `options`; `loop` trains on `samples`, `tally` sums the
figures of an epoch and `bar` shows them; `loggers` writes them for other programs. `checkpointer` decides when to save the
`state`, `digest` compares data, and `health` writes notices for the user.
"""

from cupynn.interrupt import Interrupted
from cupynn.network.finite import Diverged
from cupynn.training.callbacks import EarlyStopping, KeepEpochs
from cupynn.training.fit import fit
from cupynn.training.loggers import CSVLogger, TensorBoardLogger, WandbLogger
from cupynn.training.loop import step

__all__ = [
    "CSVLogger",
    "Diverged",
    "EarlyStopping",
    "Interrupted",
    "KeepEpochs",
    "TensorBoardLogger",
    "WandbLogger",
    "fit",
    "step",
]
