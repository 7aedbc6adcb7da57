"""Training: `fit` and everything behind it, from the options to the state that is saved.

Import these names from here. `fit` checks what it is given, with `options`; `loop` trains on `samples`, `tally` adds up an
epoch's figures and `bar` shows them. `checkpointer` decides when the state is saved, `state` what is in it, and `digest`
whether the data are the same; `health` says what a user should know.
"""

from cupynn.interrupt import Interrupted
from cupynn.training.callbacks import EarlyStopping
from cupynn.training.fit import fit
from cupynn.training.health import Diverged
from cupynn.training.loop import step

__all__ = ["Diverged", "EarlyStopping", "Interrupted", "fit", "step"]
