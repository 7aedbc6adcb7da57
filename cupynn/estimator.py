"""`SpikingClassifier`: a spiking network as an estimator of scikit-learn's."""

import inspect
from math import prod
from os import PathLike
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from cupynn import checkpoint, checks, presets
from cupynn.checks import InputError
from cupynn.encoders import Regular
from cupynn.encoders.intensity import IntensityEncoder
from cupynn.layers import SpikingDense
from cupynn.losses import CountLoss, SoftmaxCount
from cupynn.network.network import DRAW
from cupynn.optimizers import Adam
from cupynn.optimizers.base import Optimizer
from cupynn.presets.experiment import Experiment
from cupynn.sequential import Sequential

_SCALINGS = ("feature", "all")
_FLOATS = (np.float64, np.float32)
_AT_ONCE = 256  # samples whose trains are held together in a prediction


class SpikingClassifier(ClassifierMixin, BaseEstimator):
    """A classifier of feature vectors, for pipelines, cross-validation and searches of scikit-learn.

    Features are brought to [0, 1], where the encoder holds them in 8 bits, and values beyond the range that `fit` saw are
    clipped to it. The network drives one neuron by each scaled feature x and another by 1 - x, so that the lowest value is
    told by spikes as well as the highest; then come the hidden layers, and a layer with a neuron for each class. A
    `definition` has a network of its own, which takes each feature once.

    The trains of a sample that is predicted depend on its values alone, not on the samples beside it.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int
        Neurons of each hidden layer; () for none.
    v_th : float
        Firing threshold of all neurons.
    steps : int
        Number of time steps T.
    encoder : Encoder, optional
        One that takes intensities, by default ``encoders.Regular(max_rate=0.5)``.
    loss : CountLoss, optional
        By default ``losses.SoftmaxCount(desired=steps // 10)``.
    epochs : int
        Passes over the data.
    batch_size : int
        Samples of one update.
    learning_rate : float
        Of Adam at the start; it falls to zero as half a cosine.
    scaling : {"feature", "all", None}
        Each feature has a range of its own, or all have the same, as the pixels of an image do, or they lie in [0, 1]
        already.
    definition : str, path or Experiment, optional
        A preset or a definition, whose tables of network, loss, optimizer and training are taken in place of all parameters
        before `scaling`.
    random_state : int, RandomState or None
        Of the weights, the order of the samples and random trains; None gives others in each call of `fit`, but with a
        definition those of its own seed.
    device : str
        Where to compute, as in `Sequential`; it can be changed between `fit` and `predict`.
    verbose : bool
        Whether `fit` shows its progress.

    Attributes
    ----------
    classes_ : ndarray, shape (n_classes,)
        Labels, sorted.
    network_ : Sequential
        The trained network; neuron k of its last layer stands for ``classes_[k]``.
    history_ : History
        Loss, accuracy and activity of each epoch.
    scaler_ : MinMaxScaler
        What brings the features to [0, 1].
    n_features_in_ : int
        Number of features.
    feature_names_in_ : ndarray of str, shape (n_features_in_,)
        Their names, if `fit` was given any, as by a data frame.

    Notes
    -----
    There are no probabilities: firing counts are none. ``sklearn.calibration.CalibratedClassifierCV`` makes them from
    `decision_function`.

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

    def fit(self, X: Any, y: Any) -> "SpikingClassifier":
        """Make a network and train it.

        Parameters
        ----------
        X : array_like of float, shape (n_samples, n_features)
        y : array_like of int or str, shape (n_samples,)

        Returns
        -------
        SpikingClassifier
            The estimator itself.

        Raises
        ------
        InputError
            If a parameter cannot be used, or a definition does not fit the data.
        """
        verbose = checks.flag("verbose", self.verbose)
        X, y = validate_data(self, X, y, dtype=_FLOATS)
        check_classification_targets(y)
        self.classes_, labels = np.unique(y, return_inverse=True)
        self.scaler_ = self._scaler(X)
        network, loss, optimizer, options = self._made() if self.definition is None else self._defined()
        data = self._inputs(network, X), labels
        self.history_ = network.fit(data, loss=loss, optimizer=optimizer, progress=verbose, **options)
        self.network_ = network
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Firing counts of the neurons of all classes; of two classes, how much more often the second fires.

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
        """Class of each sample: that of the neuron that fires most, the first on a tie.

        Parameters
        ----------
        X : array_like of float, shape (n_samples, n_features)

        Returns
        -------
        ndarray, shape (n_samples,)
        """
        winners = self._counts(X).argmax(1)
        return self.classes_[winners]

    def _counts(self, X: Any) -> np.ndarray:
        """Firing counts (n_samples, n_classes)."""
        check_is_fitted(self)
        x = self._inputs(self.network_, validate_data(self, X, dtype=_FLOATS, reset=False))
        network = self.network_.to(self.device)
        counts = []
        for first in range(0, len(x), _AT_ONCE):
            part = x[first : first + _AT_ONCE]
            trains = network.encode(part, np.zeros(len(part), np.int64), DRAW)  # all are number 0: no place, no difference
            counts.append(network.counts(trains))
        return np.concatenate(counts)

    def _scaler(self, X: np.ndarray) -> MinMaxScaler:
        if self.scaling is None:
            low, high = 0.0, 1.0
        else:
            axis = 0 if checks.choice("scaling", self.scaling, _SCALINGS) == "feature" else None
            low, high = X.min(axis), X.max(axis)
            with np.errstate(over="ignore"):
                if not np.isfinite(high - low).all():
                    raise InputError(f"X ranges over {X.min():g}..{X.max():g}, too wide for {X.dtype}: scale it before")
        bounds = np.stack([np.broadcast_to(bound, X.shape[1:]) for bound in (low, high)])
        return MinMaxScaler(clip=self.scaling is not None).fit(bounds)

    def _inputs(self, network: Sequential, X: np.ndarray) -> np.ndarray:
        """Intensities (n_samples, *input_shape) of a network."""
        scaled = self.scaler_.transform(X)
        if self.definition is None:
            scaled = np.concatenate([scaled, 1 - scaled], axis=1)
        elif prod(network.input_shape) != X.shape[1]:
            raise InputError(
                f"X has {X.shape[1]} features, the definition's network takes {prod(network.input_shape)}, "
                f"of shape {network.input_shape}: pass another definition"
            )
        return scaled.reshape(len(X), *network.input_shape)

    def _made(self) -> tuple[Sequential, CountLoss, Optimizer, dict[str, Any]]:
        """Network, loss, optimizer and options of `fit`, by the parameters."""
        steps = checks.steps("steps", self.steps, minimum=2)
        empty = isinstance(self.hidden_layer_sizes, tuple | list) and not self.hidden_layer_sizes
        hidden = () if empty else checks.shape("hidden_layer_sizes", self.hidden_layer_sizes)
        encoder = Regular(max_rate=0.5) if self.encoder is None else checks.only("encoder", self.encoder, IntensityEncoder)
        network = Sequential(
            [SpikingDense(units, self.v_th) for units in (*hidden, len(self.classes_))],
            input_shape=(2 * self.n_features_in_,),
            steps=steps,
            encoder=encoder,
            seed=self._seed(),
            device=self.device,
        )
        loss = SoftmaxCount(desired=max(1, steps // 10)) if self.loss is None else self.loss
        optimizer = Adam(checks.number("learning_rate", self.learning_rate, above=0), schedule="cosine")
        return network, loss, optimizer, {"epochs": self.epochs, "batch_size": self.batch_size}

    def _defined(self) -> tuple[Sequential, CountLoss, Optimizer, dict[str, Any]]:
        """Network, loss, optimizer and options of `fit`, by the definition."""
        for name, parameter in inspect.signature(type(self)).parameters.items():
            if name == "scaling":
                break
            value = getattr(self, name)
            if type(value) is not type(parameter.default) or value != parameter.default:
                raise InputError(
                    f"{name}={value!r} beside a definition, which has its own: pass a definition with another, "
                    'as by presets.read(name).replace(**{"training.epochs": 3})'
                )
        kinds = "the name of a preset, the path of a .toml file, or an Experiment"
        experiment = checks.only("definition", self.definition, (str, PathLike, Experiment), kinds)
        experiment = experiment if isinstance(experiment, Experiment) else presets.read(experiment)
        if self.random_state is not None:
            experiment = experiment.replace(**{"network.seed": self._seed()})
        network, loss, optimizer = experiment.build(self.device)
        if network.output_shape != (len(self.classes_),):
            raise InputError(
                f"y has {len(self.classes_)} classes, the definition's network an output of {network.output_shape}: "
                "give its last layer a neuron for each class"
            )
        return network, loss, optimizer, vars(experiment.options())

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(2**31 - 1))

    def __getstate__(self) -> dict[str, Any]:
        """State for pickle and joblib; the network is in it as its own file would be."""
        state = super().__getstate__()
        return state | {"network_": checkpoint.to_bytes(state["network_"])} if "network_" in state else state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the state; the network lies in host memory until it is used."""
        if "network_" in state:
            state = state | {"network_": checkpoint.from_bytes(state["network_"])}
        super().__setstate__(state)
