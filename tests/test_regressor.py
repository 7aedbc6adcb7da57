"""`SpikingRegressor`: all of scikit-learn's own checks, and what its users do with an estimator."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from cupynn import InputError, SpikingRegressor

SMALL = {"hidden_layer_sizes": (20,), "steps": 50, "epochs": 10, "learning_rate": 0.05, "random_state": 0}


def draw(samples=60, outputs=2):
    rng = np.random.default_rng(0)
    X = rng.random((samples, 3)) * [1, 10, 100]
    return X, np.stack([1e3 * X[:, 0] + X[:, 1], -X[:, 2] / 50, X[:, 1] * X[:, 0]], axis=1)[:, :outputs]


@pytest.mark.slow
@parametrize_with_checks([SpikingRegressor((20,), steps=40, epochs=12, batch_size=8)])
def test_what_scikit_learn_asks_of_an_estimator(estimator, check):
    check(estimator)


def test_targets_of_any_scale():
    X, y = draw()
    fitted = SpikingRegressor(**SMALL | {"epochs": 40}).fit(X, y)
    assert fitted.score(X, y) > 0.9
    assert fitted.predict(X).shape == y.shape
    assert fitted.network_.classes == 2
    alone = SpikingRegressor(**SMALL).fit(X, y[:, 0])
    assert alone.predict(X).shape == (60,)


def test_predictions_do_not_depend_on_other_samples():
    X, y = draw()
    fitted = SpikingRegressor(**SMALL).fit(X, y)
    np.testing.assert_array_equal(fitted.predict(X[5:7]), fitted.predict(X)[5:7])
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))
    np.testing.assert_array_equal(SpikingRegressor(**SMALL).fit(X, y).predict(X), fitted.predict(X))


@pytest.mark.slow
def test_a_real_problem():
    X, y = load_diabetes(return_X_y=True)
    scores = cross_val_score(SpikingRegressor((50,), epochs=15, random_state=0), X, y, cv=3)
    assert scores.mean() > cross_val_score(DummyRegressor(), X, y, cv=3).mean() + 0.3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 5}, "steps=5"),
        ({"neurons_per_output": 0}, "neurons_per_output=0: pass a whole number of at least 1"),
        ({"hidden_layer_sizes": 5.0}, "hidden_layer_sizes=5.0"),
        ({"encoder": "Poisson"}, "encoder='Poisson'"),
        ({"learning_rate": 0}, "learning_rate=0"),
        ({"verbose": 1}, "verbose=1"),
    ],
)
def test_parameters_that_cannot_be_used(options, message):
    with pytest.raises(InputError, match=message):
        SpikingRegressor(**SMALL | options).fit(*draw())
