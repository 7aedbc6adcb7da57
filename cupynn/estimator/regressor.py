"""`SpikingRegressor`: a spiking network that predicts numbers, as a scikit-learn estimator."""

from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils.validation import check_is_fitted, validate_data

from cupynn import checkpoint, checks
from cupynn.encoders import Regular
from cupynn.encoders.intensity import IntensityEncoder
from cupynn.estimator.build import scaler_of, seed_of
from cupynn.layers import SpikingDense
from cupynn.losses import CountRegression
from cupynn.network.network import DRAW
from cupynn.optimizers import Adam
from cupynn.sequential import Sequential

COUNTS = 0.05, 0.35  # lowest and highest target, as shares of the largest firing count: predictions may go beyond both
_FLOATS = (np.float64, np.float32)


class SpikingRegressor(RegressorMixin, BaseEstimator):
    """Regression of feature vectors, for pipelines, cross-validation and searches of scikit-learn.

    Features are scaled and encoded as by `SpikingClassifier`. The targets are scaled to firing counts, and the summed counts
    of `neurons_per_output` neurons are trained towards them with the loss `CountRegression`. Predictions are these counts,
    scaled back: more steps and more neurons give finer values.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int
        Number of neurons in each hidden layer; () for no hidden layers.
    v_th : float
        Firing threshold of all neurons.
    steps : int
        Number of time steps T, at least 10.
    neurons_per_output : int
        Output neurons for each target.
    encoder : Encoder, optional
        Encoder of intensities; by default ``encoders.Regular(max_rate=0.5)``.
    epochs : int
        Passes over the data.
    batch_size : int
        Samples per update.
    learning_rate : float
        Initial learning rate of Adam, which falls to zero by a cosine schedule.
    scaling : {"feature", "all", None}
        Range of the features, as in `SpikingClassifier`.
    random_state : int, RandomState or None
        Seed of the weights, the order of the samples and random trains. None differs in each call of `fit`.
    device : str
        Device, as in `Sequential`; it can change between `fit` and `predict`.
    verbose : bool
        Whether `fit` shows progress.

    Attributes
    ----------
    network_ : Sequential
        Trained network.
    history_ : History
        Loss, R squared and activity of each epoch.
    scaler_, target_scaler_ : MinMaxScaler
        Scalers of the features to [0, 1], and of the targets to counts.
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str, shape (n_features_in_,)
        Names of the features, if `fit` got a data frame.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> SpikingRegressor((50,), epochs=10, random_state=0).fit(X, y).score(X, y) > 0.4
    True
    """

    def __init__(
        self,
        hidden_layer_sizes: tuple[int, ...] = (100,),
        *,
        v_th: float = 5.0,
        steps: int = 100,
        neurons_per_output: int = 10,
        encoder: IntensityEncoder | None = None,
        epochs: int = 30,
        batch_size: int = 32,
        learning_rate: float = 0.05,
        scaling: str | None = "feature",
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        verbose: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.v_th = v_th
        self.steps = steps
        self.neurons_per_output = neurons_per_output
        self.encoder = encoder
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.scaling = scaling
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> "SpikingRegressor":
        """Create a network, train it, and return the estimator.

        Parameters
        ----------
        X : array_like of float, shape (n_samples, n_features)
        y : array_like of float, shape (n_samples,) or (n_samples, n_outputs)

        Raises
        ------
        InputError
            If a parameter is invalid.
        """
        verbose = checks.flag("verbose", self.verbose)
        X, y = self._checked(X, y, multi_output=True, y_numeric=True)
        targets = y.astype(np.float64).reshape(len(y), -1)
        network = self._build(targets.shape[1])
        most = network.layers[-1].neuron.max_count(network.steps) * network.neurons_per_class
        self.scaler_ = scaler_of(self.scaling, X)
        self.target_scaler_ = MinMaxScaler(tuple(share * most for share in COUNTS)).fit(targets)
        counts = self.target_scaler_.transform(targets).astype(np.float32)
        optimizer = Adam(checks.number("learning_rate", self.learning_rate, above=0), schedule="cosine")
        options = {"epochs": self.epochs, "batch_size": self.batch_size, "progress": verbose}
        data = self._inputs(X), counts
        self.history_ = network.fit(data, loss=CountRegression(), optimizer=optimizer, **options)
        self.network_, self._single = network, y.ndim == 1
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted targets of each sample, which depend only on its values, not on the other samples.

        Parameters
        ----------
        X : array_like of float, shape (n_samples, n_features)

        Returns
        -------
        ndarray of float64, shape (n_samples,) or (n_samples, n_outputs)
        """
        check_is_fitted(self, "network_")
        X = self._checked(X, reset=False)
        network, x = self.network_.to(self.device), self._inputs(X)
        trains = network.encode(x, np.zeros(len(x), np.int64), DRAW)  # index 0: trains depend only on values
        values = self.target_scaler_.inverse_transform(network.counts(trains).astype(np.float64))
        return values[:, 0] if self._single else values

    def __sklearn_tags__(self) -> Any:
        """Return the properties of the estimator that scikit-learn asks for."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _checked(self, *arrays: Any, **options: Any) -> Any:
        """Return checked X, and y if it is given, as NumPy arrays."""
        for name, value in zip("Xy", arrays, strict=False):
            if not hasattr(value, "toarray"):  # scikit-learn refuses sparse matrices itself
                checks.host(name, value)
        with config_context(array_api_dispatch=False):
            return validate_data(self, *arrays, dtype=_FLOATS, **options)

    def _build(self, outputs: int) -> Sequential:
        """Return a network with its initial weights."""
        steps = checks.steps("steps", self.steps, minimum=10)
        empty = isinstance(self.hidden_layer_sizes, tuple | list) and not self.hidden_layer_sizes
        hidden = () if empty else checks.shape("hidden_layer_sizes", self.hidden_layer_sizes)
        population = checks.integer("neurons_per_output", self.neurons_per_output, minimum=1)
        default = Regular(max_rate=0.5)
        encoder = default if self.encoder is None else checks.only("encoder", self.encoder, IntensityEncoder)
        return Sequential(
            [SpikingDense(units, self.v_th) for units in (*hidden, outputs * population)],
            input_shape=(2 * self.n_features_in_,),
            steps=steps,
            encoder=encoder,
            seed=seed_of(self),
            device=self.device,
            neurons_per_class=population,
        )

    def _inputs(self, X: np.ndarray) -> np.ndarray:
        """Return the intensities (n_samples, 2 * n_features): each feature, and 1 minus it."""
        scaled = self.scaler_.transform(X)
        return np.concatenate([scaled, 1 - scaled], axis=1)

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for pickle and joblib, with the network as the bytes of its file."""
        state = super().__getstate__()
        return state | {"network_": checkpoint.to_bytes(state["network_"])} if "network_" in state else state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore the state; the network stays in host memory until it is used."""
        held = {"network_": checkpoint.from_bytes(state["network_"])} if "network_" in state else {}
        super().__setstate__(state | held)
