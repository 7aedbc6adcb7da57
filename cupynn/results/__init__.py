"""Results of networks and trainings: recordings, evaluations and histories.

Import these names from here; `metrics` reads and writes the file with the history of a run.
"""

from cupynn.results.evaluation import Evaluation
from cupynn.results.history import Epoch, History
from cupynn.results.operations import Operations
from cupynn.results.recording import Recording

__all__ = ["Epoch", "Evaluation", "History", "Operations", "Recording"]
