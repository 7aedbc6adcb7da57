"""What networks and trainings return: recordings, evaluations, histories, and the file that keeps a history."""

from cupynn.results.evaluation import Evaluation
from cupynn.results.history import Epoch, History
from cupynn.results.recording import Recording

__all__ = ["Epoch", "Evaluation", "History", "Recording"]
