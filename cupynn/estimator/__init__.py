"""`SpikingClassifier` and `SpikingRegressor`, estimators of scikit-learn's interface; `build` makes networks and scalers."""

from cupynn.estimator.classifier import SpikingClassifier
from cupynn.estimator.regressor import SpikingRegressor

__all__ = ["SpikingClassifier", "SpikingRegressor"]
