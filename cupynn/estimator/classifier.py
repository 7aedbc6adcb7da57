"""`SpikingClassifier`: a spiking network as a scikit-learn estimator."""

from math import prod
from os import PathLike
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from cupynn import checkpoint, checks
from cupynn.checks import InputError
from cupynn.encoders.intensity import IntensityEncoder
from cupynn.estimator.build import from_definition, from_parameters, on_host, scaler_of, unique_classes, weighted
from cupynn.losses import CountLoss
from cupynn.network.network import DRAW
from cupynn.presets.experiment import Experiment
from cupynn.sequential import Sequential

_AT_ONCE = 256  # samples that are encoded together in a prediction


class SpikingClassifier(ClassifierMixin, BaseEstimator):
    """Classifier of feature vectors, for pipelines, cross-validation and searches of scikit-learn.

    Features are scaled to [0, 1], which the encoder stores with 8 bits; values outside the range seen by `fit` are clipped.
    Each scaled feature x drives two input neurons, one with x and one with 1 - x, so that low values cause spikes too. The
    hidden layers follow, and a layer with a neuron for each class. With a `definition`, each feature drives one neuron.

    The spike trains of a predicted sample depend only on its values, not on the other samples.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int
        Number of neurons in each hidden layer; () for no hidden layers.
    v_th : float
        Firing threshold of all neurons.
    steps : int
        Number of time steps T.
    encoder : Encoder, optional
        Encoder of intensities; by default ``encoders.Regular(max_rate=0.5)``.
    loss : CountLoss, optional
        By default ``losses.SoftmaxCount(desired=steps // 10)``.
    epochs : int
        Passes over the training data.
    batch_size : int
        Samples per update.
    learning_rate : float
        Initial learning rate of Adam, which falls to zero by a cosine schedule.
    scaling : {"feature", "all", None}
        Range of the features: one per feature, one for all, as for the pixels of an image, or None if they are in [0, 1].
    definition : str, path or Experiment, optional
        Preset or definition, whose network, loss, optimizer and training replace all parameters before `scaling`.
    random_state : int, RandomState or None
        Seed of the weights, the order of the samples and random trains. None differs in each call of `fit`, but with a
        definition means its own seed.
    device : str
        Device, as in `Sequential`; it can change between `fit` and `predict`.
    verbose : bool
        Whether `fit` shows progress.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        Sorted labels.
    network_ : Sequential
        Trained network; neuron k of its last layer represents ``classes_[k]``.
    history_ : History
        Loss, accuracy and activity of each epoch.
    scaler_ : MinMaxScaler
        Scaler of the features to [0, 1].
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str, shape (n_features_in_,)
        Names of the features, if `fit` got a data frame.

    Notes
    -----
    The probabilities of `predict_proba` are usually too close to 0 and 1: ``sklearn.calibration.CalibratedClassifierCV``
    calibrates them.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> SpikingClassifier(random_state=0).fit(X, y).score(X, y) > 0.95
    True
    """

    def __init__(
        self,
        hidden_layer_sizes: tuple[int, ...] = (100,),
        *,
        v_th: float = 5.0,
        steps: int = 100,
        encoder: IntensityEncoder | None = None,
        loss: CountLoss | None = None,
        epochs: int = 30,
        batch_size: int = 32,
        learning_rate: float = 0.02,
        scaling: str | None = "feature",
        definition: str | PathLike | Experiment | None = None,
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.v_th = v_th
        self.steps = steps
        self.encoder = encoder
        self.loss = loss
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.scaling = scaling
        self.definition = definition
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "SpikingClassifier":
        """Create a network, train it, and return the estimator.

        Parameters
        ----------
        X : array_like of float, shape (n_samples, n_features)
        y : array_like of int or str, shape (n_samples,)
        sample_weight : array_like of float, shape (n_samples,), optional
            Weights of the samples in the loss, of any scale: they are divided by their mean. Samples of weight 0 are left
            out. A weight of 2 is not exactly the same as two copies, which may be in different batches.

        Raises
        ------
        InputError
            If a parameter is invalid, no sample has a weight, or a definition does not fit the data.
        """
        checks.flag("verbose", self.verbose)
        _refuse_datasets(X, y)
        X, y = on_host(self, X, y)
        X, y, weights = weighted(X, y, sample_weight)
        vars(self).pop("network_", None)  # if this fails, the earlier network must not meet the new classes
        self.classes_, labels = np.unique(y, return_inverse=True)
        self.scaler_ = scaler_of(self.scaling, X)
        network, loss, optimizer, options = self._build("cosine", None)
        data = self._inputs(network, X), labels
        self.history_ = network.fit(
            data, loss=loss, optimizer=optimizer, sample_weight=weights, progress=self.verbose, **options
        )
        self.network_, self._optimizer, self._moments = network, None, None
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> "SpikingClassifier":
        """Train one epoch on a part of the data, and return the estimator; the first call creates the network.

        The learning rate is constant. The first call, or `fit` before it, sets the ranges of the features: later values
        outside them are clipped. Pass ``scaling=None`` and features in [0, 1] if the first part does not span the ranges.

        Parameters
        ----------
        X : array_like of float, shape (n_samples, n_features)
        y : array_like of int or str, shape (n_samples,)
        classes : array_like, shape (n_classes,)
            All labels that will occur; needed in the first call only.
        sample_weight : array_like of float, shape (n_samples,), optional
            As in `fit`.

        Raises
        ------
        InputError
            As in `fit`, and if `classes` is missing in the first call, or `y` has other labels.
        """
        verbose, first = checks.flag("verbose", self.verbose), not hasattr(self, "network_")
        _refuse_datasets(X, y)
        X, y = on_host(self, X, y, reset=first)
        X, y, weights = weighted(X, y, sample_weight)
        if first:
            if classes is None:
                raise InputError("classes is missing: pass all labels in the first call of partial_fit")
            self.classes_, self.scaler_ = unique_classes(classes), scaler_of(self.scaling, X)
        elif classes is not None and not np.array_equal(self.classes_, unique_classes(classes)):
            raise InputError(f"classes={classes!r}: pass those of the first call, {self.classes_}, or omit it")
        if not np.isin(y, self.classes_).all():
            raise InputError(f"y has labels other than classes, {self.classes_}: create an estimator with all classes")
        if first or self._optimizer is None:
            self._continue(first)
        network, optimizer = self.network_.to(self.device), self._optimizer
        order = np.random.default_rng([network.seed, optimizer.updates]).permutation(len(X))  # a new one in each call
        data = self._inputs(network, X[order]), np.searchsorted(self.classes_, y[order])
        options = self._options | {"epochs": 1, "progress": verbose}
        weights = None if weights is None else weights[order]
        try:
            self.history_ = network.fit(data, loss=self._loss, optimizer=optimizer, sample_weight=weights, **options)
        except BaseException:
            if first:
                del self.network_  # the next call is the first one again
            raise
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the softmax of the firing counts, the probabilities that the loss `SoftmaxCount` trains.

        Parameters
        ----------
        X : array_like of float, shape (n_samples, n_features)

        Returns
        -------
        ndarray of float64, shape (n_samples, n_classes)
        """
        counts = self._counts(X).astype(np.float64)
        powers = np.exp(counts - counts.max(1, keepdims=True))
        return powers / powers.sum(1, keepdims=True)

    def decision_function(self, X: Any) -> np.ndarray:
        """Return the firing count of each class; for two classes, the count of the second minus that of the first.

        Parameters
        ----------
        X : array_like of float, shape (n_samples, n_features)

        Returns
        -------
        ndarray of float64, shape (n_samples, n_classes), or (n_samples,) for two classes
        """
        counts = self._counts(X).astype(np.float64)
        return counts[:, 1] - counts[:, 0] if len(self.classes_) == 2 else counts

    def predict(self, X: Any) -> np.ndarray:
        """Return the class whose neuron fires most for each sample; on a tie, the first.

        Parameters
        ----------
        X : array_like of float, shape (n_samples, n_features)

        Returns
        -------
        ndarray, shape (n_samples,)
        """
        winners = self._counts(X).argmax(1)  # raises before `fit`
        return self.classes_[winners]

    def _counts(self, X: Any) -> np.ndarray:
        """Return the firing counts (n_samples, n_classes)."""
        check_is_fitted(self, "network_")
        _refuse_datasets(X)
        x = self._inputs(self.network_, on_host(self, X, reset=False))
        network = self.network_.to(self.device)
        counts = []
        for first in range(0, len(x), _AT_ONCE):
            part = x[first : first + _AT_ONCE]
            trains = network.encode(part, np.zeros(len(part), np.int64), DRAW)  # index 0: trains depend only on values
            counts.append(network.counts(trains))
        return np.concatenate(counts)

    def _build(self, schedule: str, schedule_of_definition: str | None) -> tuple:
        if self.definition is None:
            return from_parameters(self, schedule)
        return from_definition(self, schedule_of_definition)

    def _continue(self, first: bool) -> None:
        """Create what `partial_fit` trains with: the optimizer, and in the first call the network."""
        network, self._loss, self._optimizer, self._options = self._build("constant", "constant")
        if first:
            self.network_, self._moments = network, None
        if self._moments is not None:
            updates, moments = self._moments
            device = self.network_.to(self.device).device
            there = {key: tuple(device.put(moment.copy()) for moment in arrays) for key, arrays in moments.items()}
            self._optimizer.restore(self.network_, updates, 0.0, there)

    def _inputs(self, network: Sequential, X: np.ndarray) -> np.ndarray:
        """Return the intensities (n_samples, *input_shape) for a network."""
        scaled = self.scaler_.transform(X)
        if self.definition is None:
            scaled = np.concatenate([scaled, 1 - scaled], axis=1)
        elif prod(network.input_shape) != X.shape[1]:
            raise InputError(
                f"X has {X.shape[1]} features, but the definition's network takes {prod(network.input_shape)}, "
                f"of shape {network.input_shape}: pass another definition"
            )
        return scaled.reshape(len(X), *network.input_shape)

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for pickle and joblib, with the network as the bytes of its file."""
        state = super().__getstate__()
        if "network_" not in state:
            return state
        optimizer, network = state.get("_optimizer"), state["network_"]
        if optimizer is not None:
            get = network.device.get
            moments = {key: tuple(map(get, arrays)) for key, arrays in optimizer.moments.items()}
            state = state | {"_optimizer": None, "_moments": (optimizer.updates, moments)}
        return state | {"network_": checkpoint.to_bytes(network)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the state; the network stays in host memory until it is used."""
        if "network_" in state:
            state = {"_optimizer": None, "_moments": None} | state | {"network_": checkpoint.from_bytes(state["network_"])}
        super().__setstate__(state)


def _refuse_datasets(*arrays: Any) -> None:
    """Refuse map datasets, which NumPy would read beyond their length; scikit-learn refuses sparse matrices itself."""
    for array in arrays:
        if checks.is_indexed(array) and not hasattr(array, "toarray"):
            raise InputError(f"the data is {checks.described(array)}: pass arrays, or give the dataset to Sequential.fit")
