"""The network, loss, optimizer and options of an estimator, from its parameters or its definition; its scaler."""

import inspect
from os import PathLike
from typing import Any

import numpy as np
from sklearn import config_context
from sklearn.preprocessing import MinMaxScaler
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from cupynn import checks, presets
from cupynn.checks import InputError
from cupynn.encoders import Regular
from cupynn.encoders.intensity import IntensityEncoder
from cupynn.layers import SpikingDense
from cupynn.losses import CountLoss, SoftmaxCount
from cupynn.optimizers import Adam
from cupynn.optimizers.base import Optimizer
from cupynn.presets.experiment import Experiment
from cupynn.sequential import Sequential

Built = tuple[Sequential, CountLoss, Optimizer, dict[str, Any]]
_SCALINGS = ("feature", "all")
_FLOATS = (np.float64, np.float32)


def from_parameters(estimator: Any, schedule: str) -> Built:
    """Return network, loss, optimizer and options of `fit` from the parameters of an estimator."""
    steps = checks.steps("steps", estimator.steps, minimum=2)
    empty = isinstance(estimator.hidden_layer_sizes, tuple | list) and not estimator.hidden_layer_sizes
    hidden = () if empty else checks.shape("hidden_layer_sizes", estimator.hidden_layer_sizes)
    encoder = (
        Regular(max_rate=0.5) if estimator.encoder is None else checks.only("encoder", estimator.encoder, IntensityEncoder)
    )
    network = Sequential(
        [SpikingDense(units, estimator.v_th) for units in (*hidden, len(estimator.classes_))],
        input_shape=(2 * estimator.n_features_in_,),
        steps=steps,
        encoder=encoder,
        seed=seed_of(estimator),
        device=estimator.device,
    )
    loss = SoftmaxCount(desired=max(1, steps // 10)) if estimator.loss is None else estimator.loss
    optimizer = Adam(checks.number("learning_rate", estimator.learning_rate, above=0), schedule=schedule)
    return network, loss, optimizer, {"epochs": estimator.epochs, "batch_size": estimator.batch_size}


def from_definition(estimator: Any, schedule: str | None) -> Built:
    """Return network, loss, optimizer and options of `fit` from the definition of an estimator.

    `schedule` replaces that of the optimizer, if it is not None.
    """
    for name, parameter in inspect.signature(type(estimator)).parameters.items():
        if name == "scaling":
            break
        value = getattr(estimator, name)
        if type(value) is not type(parameter.default) or value != parameter.default:
            raise InputError(
                f"{name}={value!r} with a definition, which has its own: change it in the definition, "
                'such as presets.read(name).replace(**{"training.epochs": 3})'
            )
    kinds = "the name of a preset, the path of a .toml file, or an Experiment"
    experiment = checks.only("definition", estimator.definition, (str, PathLike, Experiment), kinds)
    experiment = experiment if isinstance(experiment, Experiment) else presets.read(experiment)
    if estimator.random_state is not None:
        experiment = experiment.replace(**{"network.seed": seed_of(estimator)})
    if schedule is not None:
        experiment = experiment.replace(**{"optimizer.schedule": schedule})
    network, loss, optimizer = experiment.build(estimator.device)
    if len(network.output_shape) != 1 or network.classes != len(estimator.classes_):
        raise InputError(
            f"y has {len(estimator.classes_)} classes, but the definition's network has output shape "
            f"{network.output_shape}: give its last layer a neuron for each class"
        )
    options = experiment.options()
    if options.restore_best:
        raise InputError(
            "definition has training.restore_best=true, which needs validation data, but fit(X, y) takes none: "
            'pass it with replace(**{"training.restore_best": False})'
        )
    return network, loss, optimizer, vars(options)


def seed_of(estimator: Any) -> int:
    """Return a seed from the `random_state` of an estimator."""
    try:
        state = check_random_state(estimator.random_state)
    except ValueError:
        raise InputError(
            f"random_state={estimator.random_state!r}: pass a whole number from 0 to 2^32 - 1, a RandomState, or None"
        ) from None
    return int(state.randint(2**31 - 1))


def scaler_of(scaling: Any, X: np.ndarray) -> MinMaxScaler:
    """Return the scaler of features to [0, 1] that a value of the parameter `scaling` asks for."""
    if scaling is None:
        low, high = 0.0, 1.0
    else:
        axis = 0 if checks.choice("scaling", scaling, _SCALINGS) == "feature" else None
        low, high = X.min(axis), X.max(axis)
        with np.errstate(over="ignore"):
            if not np.isfinite(high - low).all():
                raise InputError(f"X ranges over {X.min():g}..{X.max():g}, too wide for {X.dtype}: scale X first")
    bounds = np.stack([np.broadcast_to(bound, X.shape[1:]) for bound in (low, high)])
    return MinMaxScaler(clip=scaling is not None).fit(bounds)


def unique_classes(classes: Any) -> np.ndarray:
    """Return the sorted labels of the argument `classes`, without duplicates."""
    try:
        array = checks.as_array("classes", classes)
        labels = np.unique(array) if array.ndim else array
    except TypeError:  # no order
        labels = np.zeros(())
    if not labels.size or not labels.ndim:
        raise InputError(f"classes={classes!r}: pass a list of labels, all numbers or all strings")
    return labels


def on_host(estimator: Any, X: Any, *y: Any, reset: bool = True) -> Any:
    """Return checked X, and y if it is given, as NumPy arrays, also of a library whose arrays scikit-learn dispatches to."""
    for name, value in zip("Xy", (X, *y), strict=False):
        if not hasattr(value, "toarray"):  # scikit-learn refuses sparse matrices itself
            checks.host(name, value)
    with config_context(array_api_dispatch=False):
        checked = validate_data(estimator, X, *y, dtype=_FLOATS, reset=reset)
        if y:
            _check_order(checked[1])
            check_classification_targets(checked[1])
    return checked


def _check_order(y: np.ndarray) -> None:
    """Refuse labels of several types, which cannot be sorted."""
    try:
        np.sort(y)
    except TypeError:
        types = ", ".join(sorted({type(label).__name__ for label in y.tolist()}))
        raise InputError(f"y holds labels of different types ({types}): pass all numbers or all strings") from None


def weighted(X: np.ndarray, y: np.ndarray, sample_weight: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return the samples that have a weight, and their weights divided by the mean; None for none."""
    if sample_weight is None:
        return X, y, None
    weights = checks.weights("sample_weight", sample_weight, len(y)).astype(np.float64)
    if not weights.any():
        raise InputError("sample_weight is zero for all samples: pass weights with at least one non-zero number")
    kept = weights > 0
    return X[kept], y[kept], weights[kept] / weights[kept].mean()
