"""What networks and trainings return: recordings, evaluations and histories.

Import these names from here; `metrics` is the file that keeps the history of a run.
"""

from cupynn.results.evaluation import Evaluation
from cupynn.results.history import Epoch, History
from cupynn.results.recording import Recording

__all__ = ["Epoch", "Evaluation", "History", "Recording"]
