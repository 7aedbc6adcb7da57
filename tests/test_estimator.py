"""`SpikingClassifier`: all of scikit-learn's own checks, and what its users do with an estimator."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris, make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from cupynn import InputError, SpikingClassifier, datasets, encoders, losses, presets
from cupynn.encoders import Poisson

SMALL = {"hidden_layer_sizes": (20,), "steps": 50, "epochs": 15, "learning_rate": 0.05, "random_state": 0}
SHAPED = presets.read("digits").replace(
    **{
        "network.input_shape": [2, 2],
        "network.layers.hidden.units": 20,
        "network.layers.output.units": 3,
        "network.steps": 200,
        "training.epochs": 4,
    }
)


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


@pytest.fixture(scope="module")
def fitted(iris):
    return SpikingClassifier(**SMALL | {"epochs": 2}).fit(*iris)


@parametrize_with_checks([SpikingClassifier((20,), steps=50, epochs=8, learning_rate=0.05)])
def test_what_scikit_learn_asks_of_an_estimator(estimator, check):
    check(estimator)


@pytest.mark.parametrize("clusters", [2, 3])
def test_the_defaults_learn_small_problems(clusters):
    X, y = make_blobs(20 * clusters, centers=clusters, cluster_std=0.5, random_state=4)
    assert SpikingClassifier(random_state=0).fit(X, y).score(X, y) > 0.97


def test_the_digits():
    train, test = datasets.load("digits")
    definition = presets.read("digits").replace(**{"training.epochs": 6})
    classifier = SpikingClassifier(definition=definition, scaling="all")
    classifier.fit(train.x.reshape(len(train), -1), train.y)
    assert classifier.network_.input_shape == (8, 8)
    assert classifier.score(test.x.reshape(len(test), -1), test.y) > 0.97


class TestUse:
    def test_names_as_labels(self, iris):
        names = np.array(["setosa", "versicolor", "virginica"])
        classifier = SpikingClassifier(**SMALL).fit(iris[0], names[iris[1]])
        assert classifier.classes_.tolist() == names.tolist()
        assert classifier.score(iris[0], names[iris[1]]) > 0.9
        assert len(classifier.history_) == SMALL["epochs"]

    def test_decisions_are_firing_counts(self, iris):
        classifier = SpikingClassifier(**SMALL).fit(*iris)
        scaled = MinMaxScaler().fit_transform(iris[0])
        counts = classifier.network_.counts(np.concatenate([scaled, 1 - scaled], axis=1))
        np.testing.assert_array_equal(classifier.decision_function(iris[0]), counts)
        two = iris[1] < 2
        classifier.fit(iris[0][two], iris[1][two])
        assert classifier.decision_function(iris[0][[0, 99]]).shape == (2,)

    def test_random_trains_of_a_sample_depend_on_it_alone(self, iris):
        classifier = SpikingClassifier(**SMALL, encoder=Poisson(0.5)).fit(*iris)
        every = classifier.decision_function(iris[0])
        np.testing.assert_array_equal(classifier.decision_function(iris[0][::-7]), every[::-7])
        np.testing.assert_array_equal(classifier.decision_function(np.repeat(iris[0][:1], 300, 0)), every[[0] * 300])

    def test_values_beyond_those_of_the_training(self, iris):
        classifier = SpikingClassifier(**SMALL).fit(*iris)
        low, high = iris[0].min(0), iris[0].max(0)
        beyond = classifier.decision_function([low - 9, high + 9])
        np.testing.assert_array_equal(beyond, classifier.decision_function([low, high]))

    def test_one_scale_for_all_features(self):
        X, y = np.array([[0, 100], [50, 250], [10, 20], [0, 90]]), [0, 1, 0, 1]
        classifier = SpikingClassifier(**SMALL, scaling="all").fit(X, y)
        np.testing.assert_allclose(classifier.scaler_.transform(X), X / 250)
        assert SpikingClassifier(**SMALL, scaling=None).fit(X / 250, y).scaler_.transform(X / 250) == pytest.approx(X / 250)
        with pytest.raises(InputError, match=r"data ranges over .*floats must be finite and lie in \[0, 1\]"):
            SpikingClassifier(**SMALL, scaling=None).fit(X, y)

    def test_seeds(self, iris):
        one, same, other = (SpikingClassifier(**SMALL | {"random_state": seed}).fit(*iris) for seed in (1, 1, 2))
        np.testing.assert_array_equal(one.decision_function(iris[0]), same.decision_function(iris[0]))
        assert not np.array_equal(one.decision_function(iris[0]), other.decision_function(iris[0]))

    def test_progress_is_shown_if_asked_for(self, iris, capsys):
        SpikingClassifier(**SMALL | {"epochs": 1}).fit(*iris)
        assert capsys.readouterr().out == ""
        SpikingClassifier(**SMALL | {"epochs": 1}, verbose=True).fit(*iris)
        assert "epoch 1/1" in capsys.readouterr().out

    def test_without_hidden_layers(self, iris):
        classifier = SpikingClassifier(**SMALL | {"hidden_layer_sizes": ()}).fit(*iris)
        assert len(classifier.network_.layers) == 1
        assert classifier.score(*iris) > 0.8


class TestWithScikitLearn:
    def test_pipelines_and_cross_validation(self, iris):
        pipeline = make_pipeline(QuantileTransformer(n_quantiles=50), SpikingClassifier(**SMALL))
        assert cross_val_score(pipeline, *iris, cv=3).min() > 0.8

    def test_a_search_over_numbers_objects_and_definitions(self, iris):
        search = GridSearchCV(SpikingClassifier(**SMALL), {"steps": [20, 50], "encoder": [None, Poisson(0.5)]}, cv=2)
        assert search.fit(*iris).best_score_ > 0.85
        longer = SHAPED.replace(**{"training.epochs": 12})
        search = GridSearchCV(SpikingClassifier(random_state=0), {"definition": [SHAPED, longer]}, cv=2).fit(*iris)
        assert search.best_params_["definition"] == longer

    def test_probabilities_by_calibration(self, iris):
        calibrated = CalibratedClassifierCV(SpikingClassifier(**SMALL), cv=2).fit(*iris)
        assert calibrated.predict_proba(iris[0]).sum(1) == pytest.approx(1)

    def test_names_of_features(self, iris):
        pandas = pytest.importorskip("pandas", reason="pandas is not installed")
        frame = pandas.DataFrame(iris[0], columns=["a", "b", "c", "d"])
        classifier = SpikingClassifier(**SMALL | {"epochs": 1}).fit(frame, iris[1])
        assert classifier.feature_names_in_.tolist() == ["a", "b", "c", "d"]
        with pytest.raises(ValueError, match="feature names"):
            classifier.predict(frame[["b", "a", "c", "d"]])


class TestPickles:
    def test_hold_the_network_as_its_own_file_does(self, fitted, iris, tmp_path):
        fitted.network_.save(tmp_path / "net.npz")
        arrays = np.load(tmp_path / "net.npz")
        held = fitted.__getstate__()["network_"]
        assert isinstance(held, bytes)
        assert all(arrays[name].tobytes() in held for name in arrays.files)
        again = pickle.loads(pickle.dumps(fitted))
        np.testing.assert_array_equal(again.decision_function(iris[0]), fitted.decision_function(iris[0]))
        assert again.history_.epochs == fitted.history_.epochs

    def test_an_estimator_that_is_not_fitted(self):
        again = pickle.loads(pickle.dumps(SpikingClassifier(**SMALL, encoder=Poisson(0.5))))
        assert again.get_params() | {"encoder": None} == SpikingClassifier(**SMALL).get_params()
        assert again.encoder.config() == Poisson(0.5).config()

    def test_a_damaged_network(self, fitted):
        state = fitted.__getstate__()
        state["network_"] = state["network_"][:-30]
        with pytest.raises(InputError, match="the network is not a network of cupynn's, or is damaged"):
            SpikingClassifier().__setstate__(state)

    def test_come_from_a_machine_with_a_gpu(self, fitted, iris):
        state = clone(fitted).set_params(device="cuda").__getstate__() | {
            name: value for name, value in fitted.__getstate__().items() if name.endswith("_")
        }
        here = SpikingClassifier()
        here.__setstate__(state)
        with pytest.raises(InputError, match="device='cuda'"):
            here.predict(iris[0])
        np.testing.assert_array_equal(here.set_params(device="cpu").predict(iris[0]), fitted.predict(iris[0]))


def test_the_device(device, iris):
    X, y = iris[0][::5], iris[1][::5]
    classifier = SpikingClassifier(**SMALL | {"epochs": 1}, device=device).fit(X, y)
    assert classifier.network_.device is device
    here = clone(classifier).set_params(device="cpu").fit(X, y)
    np.testing.assert_array_equal(here.predict(X), classifier.predict(X))


class TestDefinitions:
    def test_network_loss_and_training_are_its_own(self, iris):
        classifier = SpikingClassifier(definition=SHAPED).fit(*iris)
        assert classifier.network_.input_shape == (2, 2)
        assert classifier.network_.seed == 0
        assert len(classifier.history_) == 4
        assert SpikingClassifier(definition=SHAPED, random_state=3).fit(*iris).network_.seed > 0

    def test_a_file(self, iris, tmp_path):
        (tmp_path / "mine.toml").write_text(SHAPED.to_toml(), encoding="utf-8")
        assert len(SpikingClassifier(definition=tmp_path / "mine.toml").fit(*iris).history_) == 4

    @pytest.mark.parametrize(
        ("parameters", "message"),
        [
            ({"definition": "digits"}, r"y has 3 classes, the definition's network an output of \(10,\)"),
            ({"definition": SHAPED.replace(**{"network.input_shape": [5]})}, r"X has 4 features, .* takes 5"),
            ({"definition": SHAPED, "steps": 50}, "steps=50 beside a definition"),
            ({"definition": SHAPED, "encoder": Poisson()}, r"encoder=Poisson\(\) beside a definition"),
            ({"definition": 3}, "definition is an int: pass the name of a preset"),
            ({"definition": "digit"}, "'digit': no such preset"),
        ],
    )
    def test_mistakes(self, iris, parameters, message):
        with pytest.raises(InputError, match=message):
            SpikingClassifier(**parameters).fit(*iris)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"hidden_layer_sizes": (10, 0)}, r"hidden_layer_sizes\[1\]=0: pass a whole number"),
        ({"hidden_layer_sizes": "many"}, "hidden_layer_sizes='many'"),
        ({"v_th": 0}, "v_th=0"),
        ({"steps": 1}, "steps=1: pass a whole number from 2 to 16777216"),
        ({"encoder": "poisson"}, "encoder='poisson': pass"),
        ({"encoder": encoders.Events()}, "encoder is an Events: pass"),
        ({"loss": losses.SpikeCount(desired=100)}, "desired=100 spikes do not fit into 100 steps"),
        ({"epochs": 0}, "epochs=0"),
        ({"batch_size": 0.5}, r"batch_size=0\.5"),
        ({"learning_rate": -1}, "learning_rate=-1"),
        ({"scaling": "none"}, "scaling='none': pass one of 'feature', 'all'"),
        ({"device": "gpu"}, "device='gpu'"),
        ({"verbose": 2}, "verbose=2: pass True or False"),
    ],
)
def test_parameters_that_cannot_be_used(iris, parameters, message):
    with pytest.raises(InputError, match=message):
        SpikingClassifier(**parameters).fit(*iris)


def test_features_that_cannot_be_scaled():
    with pytest.raises(InputError, match=r"X ranges over -1\.7e\+308\.\.1\.7e\+308, too wide"):
        SpikingClassifier(**SMALL).fit([[-1.7e308], [1.7e308]], [0, 1])


def test_predict_before_fit():
    with pytest.raises(NotFittedError):
        SpikingClassifier().predict([[0.0]])
