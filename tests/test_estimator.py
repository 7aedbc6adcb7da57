"""`SpikingClassifier`: all of scikit-learn's own checks, and what its users do with an estimator."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
from scipy.special import softmax
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris, make_blobs
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import AdaBoostClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from cupynn import InputError, SpikingClassifier, datasets, encoders, losses, presets
from cupynn.encoders import Poisson

SMALL = {"hidden_layer_sizes": (20,), "steps": 50, "epochs": 10, "learning_rate": 0.05, "random_state": 0}
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


@parametrize_with_checks([SpikingClassifier((20,), steps=40, epochs=6, learning_rate=0.05)])
def test_what_scikit_learn_asks_of_an_estimator(estimator, check):
    check(estimator)


@pytest.mark.parametrize("clusters", [2, 3])
def test_the_defaults_learn_small_problems(clusters):
    X, y = make_blobs(20 * clusters, centers=clusters, cluster_std=0.5, random_state=4)
    assert SpikingClassifier(random_state=0).fit(X, y).score(X, y) > 0.97


@pytest.mark.slow
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
        with pytest.raises(InputError, match=r"data ranges over .*pass finite floats in \[0, 1\]"):
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

    @pytest.mark.slow
    def test_a_search_over_numbers_objects_and_definitions(self, iris):
        search = GridSearchCV(SpikingClassifier(**SMALL), {"steps": [20, 50], "encoder": [None, Poisson(0.5)]}, cv=2)
        assert search.fit(*iris).best_score_ > 0.85
        longer = SHAPED.replace(**{"training.epochs": 12})
        search = GridSearchCV(SpikingClassifier(random_state=0), {"definition": [SHAPED, longer]}, cv=2).fit(*iris)
        assert search.best_params_["definition"] == longer

    @pytest.mark.slow
    def test_probabilities_by_calibration(self, iris):
        calibrated = CalibratedClassifierCV(SpikingClassifier(**SMALL), cv=2).fit(*iris)
        assert calibrated.predict_proba(iris[0]).sum(1) == pytest.approx(1)

    def test_names_of_features(self, iris):
        pandas = pytest.importorskip("pandas", reason="pandas is not installed: pip install pandas")
        frame = pandas.DataFrame(iris[0], columns=["a", "b", "c", "d"])
        classifier = SpikingClassifier(**SMALL | {"epochs": 1}).fit(frame, iris[1])
        assert classifier.feature_names_in_.tolist() == ["a", "b", "c", "d"]
        with pytest.raises(ValueError, match="feature names"):
            classifier.predict(frame[["b", "a", "c", "d"]])


@pytest.mark.process
def test_the_array_api_check():
    """It is skipped unless this variable is set before SciPy is imported."""
    program = (
        "from functools import partial\n"
        "from sklearn.utils.estimator_checks import estimator_checks_generator\n"
        "from cupynn import SpikingClassifier\n"
        "made = SpikingClassifier((20,), steps=50, epochs=8, learning_rate=0.05)\n"
        "found = [(e, c) for e, c in estimator_checks_generator(made) if 'array_api' in c.func.__name__]\n"
        "[check(estimator) for estimator, check in found]\n"
        "print(len(found))\n"
    )
    environment = os.environ | {"SCIPY_ARRAY_API": "1"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


class Foreign:
    """An array of another library, which has only what the array API and DLPack ask for."""

    def __init__(self, array):
        self.array = array

    def __array_namespace__(self, api_version=None):
        raise AssertionError("asked for its functions")

    def __array__(self, dtype=None, copy=None):
        return self.array if dtype is None else self.array.astype(dtype)

    shape = property(lambda self: self.array.shape)
    dtype = property(lambda self: self.array.dtype)
    ndim = property(lambda self: self.array.ndim)

    def __len__(self):
        return len(self.array)


def test_arrays_of_another_library_are_copied_to_numpy(iris, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    monkeypatch.setattr("sklearn.utils._array_api._check_array_api_dispatch", lambda _: None)
    X, y = map(Foreign, iris)
    expected = SpikingClassifier(**SMALL | {"epochs": 2}).fit(*iris).decision_function(iris[0])
    with config_context(array_api_dispatch=True):
        classifier = SpikingClassifier(**SMALL | {"epochs": 2}).fit(X, y, sample_weight=Foreign(np.ones(150)))
        np.testing.assert_array_equal(classifier.decision_function(X), expected)
        assert classifier.partial_fit(X, y).predict_proba(X).shape == (150, 3)


class TestProbabilities:
    @pytest.mark.parametrize("classes", [2, 3])
    def test_are_the_softmax_of_the_counts(self, iris, classes):
        X, y = iris[0][iris[1] < classes], iris[1][iris[1] < classes]
        classifier = SpikingClassifier(**SMALL).fit(X, y)
        probabilities = classifier.predict_proba(X)
        assert (probabilities.shape, probabilities.dtype) == ((len(X), classes), np.float64)
        np.testing.assert_allclose(probabilities, softmax(classifier._counts(X).astype(float), axis=1))
        np.testing.assert_array_equal(probabilities.argmax(1), classifier.predict(X))

    @pytest.mark.slow
    def test_multi_class_roc_auc_and_soft_voting(self, iris):
        classifier = SpikingClassifier(**SMALL)
        assert cross_val_score(classifier, *iris, cv=3, scoring="roc_auc_ovr").min() > 0.9
        voting = VotingClassifier([("spikes", classifier), ("rule", DummyClassifier())], voting="soft").fit(*iris)
        assert voting.score(*iris) > 0.8


class TestSampleWeights:
    def test_the_class_with_the_weight_wins(self):
        X, y = np.zeros((40, 2)), np.arange(40) % 2
        for heavy in (0, 1):
            classifier = SpikingClassifier(**SMALL).fit(X, y, sample_weight=np.where(y == heavy, 5.0, 0.5))
            assert (classifier.predict(X) == heavy).all()

    def test_their_scale_does_not_matter(self, iris):
        weights = 1.0 + iris[1]
        fits = [SpikingClassifier(**SMALL).fit(*iris, sample_weight=scale * weights) for scale in (1, 1 / 1024)]
        np.testing.assert_array_equal(*(each.decision_function(iris[0]) for each in fits))
        plain = SpikingClassifier(**SMALL).fit(*iris)
        same = SpikingClassifier(**SMALL).fit(*iris, sample_weight=np.full(150, 0.1))
        np.testing.assert_array_equal(plain.decision_function(iris[0]), same.decision_function(iris[0]))

    def test_zero_leaves_a_sample_out(self, iris):
        kept = np.arange(150) % 3 > 0
        left_out = SpikingClassifier(**SMALL).fit(*iris, sample_weight=kept)
        without = SpikingClassifier(**SMALL).fit(iris[0][kept], iris[1][kept])
        np.testing.assert_array_equal(left_out.decision_function(iris[0]), without.decision_function(iris[0]))

    def test_boosting_uses_them(self, iris):
        boosted = AdaBoostClassifier(SpikingClassifier(**SMALL | {"epochs": 3}), n_estimators=2, random_state=0)
        assert boosted.fit(*iris).score(*iris) > 0.6

    @pytest.mark.parametrize(
        ("weights", "message"),
        [(np.zeros(150), "zero for all samples: pass"), (-np.ones(150), "negative"), (np.ones(3), r"shape \(150,\)")],
    )
    def test_mistakes(self, iris, weights, message):
        with pytest.raises(InputError, match=f"sample_weight .*{message}"):
            SpikingClassifier(**SMALL).fit(*iris, sample_weight=weights)


class TestPartialFit:
    def trained(self, iris, calls=12, classifier=None, **options):
        classifier = classifier or SpikingClassifier(**SMALL | {"scaling": "feature"} | options)
        order = np.random.default_rng(0).permutation(150)
        for _ in range(calls):
            classifier.partial_fit(iris[0][order], iris[1][order], classes=[0, 1, 2])
        return classifier

    def test_it_learns(self, iris):
        assert self.trained(iris).score(*iris) > 0.9

    def test_one_part_after_another(self, iris):
        classifier = SpikingClassifier(**SMALL, scaling=None)
        X = MinMaxScaler().fit_transform(iris[0])
        parts = np.array_split(np.random.default_rng(0).permutation(150), 5)
        names = np.array(["c", "a", "b"])[iris[1]]
        for _ in range(10):
            for part in parts:
                classifier.partial_fit(X[part], names[part], classes=["a", "b", "c"])
        assert classifier.classes_.tolist() == ["a", "b", "c"]
        assert classifier.score(X, names) > 0.85

    def test_a_pickle_continues_with_the_same_bits(self, iris):
        alone = self.trained(iris, 4)
        resumed = self.trained(iris, 2, pickle.loads(pickle.dumps(self.trained(iris, 2))))
        np.testing.assert_array_equal(alone.decision_function(iris[0]), resumed.decision_function(iris[0]))
        twice = self.trained(iris, 2, pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(self.trained(iris, 2))))))
        np.testing.assert_array_equal(alone.decision_function(iris[0]), twice.decision_function(iris[0]))

    def test_after_fit(self, iris, fitted):
        classifier = pickle.loads(pickle.dumps(fitted))
        before = classifier.network_.layers[0].params["weight"].copy()
        assert self.trained(iris, 3, classifier).score(*iris) > 0.5
        assert not np.array_equal(before, classifier.network_.layers[0].params["weight"])
        assert len(classifier.fit(*iris).history_) == 2

    def test_a_definition(self, iris):
        assert self.trained(iris, 2, SpikingClassifier(definition=SHAPED)).history_["rate"] == [0.02]

    def test_mistakes(self, iris):
        classifier = SpikingClassifier(**SMALL)
        with pytest.raises(InputError, match="classes is missing: pass all labels in the first call"):
            classifier.partial_fit(*iris)
        with pytest.raises(InputError, match="y has labels other than classes"):
            classifier.partial_fit(*iris, classes=[0, 1])
        with pytest.raises(InputError, match="batch_size=0"):
            SpikingClassifier(**SMALL | {"batch_size": 0}).partial_fit(*iris, classes=[0, 1, 2])
        classifier.partial_fit(*iris, classes=[0, 1, 2])
        with pytest.raises(InputError, match=r"classes=\[0, 1\]: pass those of the first call"):
            classifier.partial_fit(*iris, classes=[0, 1])
        for classes in (["a", 1, None], {0, 1, 2}, 3, [], [[0], [1, 2]]):
            for estimator in (classifier, SpikingClassifier(**SMALL)):
                with pytest.raises(InputError, match=r"classes.*: pass a (list of labels, all numbers|regular)"):
                    estimator.partial_fit(*iris, classes=classes)

    def test_a_first_call_that_fails_is_not_the_first(self, iris):
        classifier = SpikingClassifier(**SMALL | {"batch_size": 0})
        with pytest.raises(InputError, match="batch_size=0"):
            classifier.partial_fit(*iris, classes=[0, 1, 2])
        classifier.set_params(batch_size=32).partial_fit(*iris, classes=[0, 1, 2])


def test_a_definition_that_needs_validation_data(iris):
    definition = SHAPED.replace(**{"training.restore_best": True})
    with pytest.raises(InputError, match=r"restore_best=true, which needs validation data, .* pass it with replace"):
        SpikingClassifier(definition=definition).fit(*iris)


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
        with pytest.raises(InputError, match="the network is damaged or not a cupynn network"):
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
            ({"definition": "digits"}, r"y has 3 classes, but the definition's network has output shape \(10,\)"),
            ({"definition": SHAPED.replace(**{"network.input_shape": [5]})}, r"X has 4 features, .* takes 5"),
            ({"definition": SHAPED, "steps": 50}, "steps=50 with a definition"),
            ({"definition": SHAPED, "encoder": Poisson()}, r"encoder=Poisson\(\) with a definition"),
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
        ({"random_state": -1}, r"random_state=-1: pass a whole number from 0 to 2\^32 - 1"),
        ({"random_state": "a"}, "random_state='a': pass a whole number"),
        ({"verbose": 2}, "verbose=2: pass True or False"),
    ],
)
def test_parameters_that_cannot_be_used(iris, parameters, message):
    with pytest.raises(InputError, match=message):
        SpikingClassifier(**parameters).fit(*iris)


def test_features_that_cannot_be_scaled():
    with pytest.raises(InputError, match=r"X ranges over -1\.7e\+308\.\.1\.7e\+308, too wide"):
        SpikingClassifier(**SMALL).fit([[-1.7e308], [1.7e308]], [0, 1])


@pytest.mark.parametrize("y", [["a", 1, None], ["a", 1, "b"]])
def test_labels_without_an_order(y):
    x, y = np.zeros((6, 2)), np.array(y * 2, object)
    for train in (SpikingClassifier(**SMALL).fit, SpikingClassifier(**SMALL).partial_fit):
        with pytest.raises(InputError, match=r"y holds labels of different types \((NoneType, )?int, str\): pass all"):
            train(x, y)


def test_predict_before_fit():
    with pytest.raises(NotFittedError):
        SpikingClassifier().predict([[0.0]])


def test_a_fit_that_fails_leaves_no_network_with_other_classes():
    x = np.random.default_rng(0).random((30, 4))
    estimator = SpikingClassifier((5,), epochs=1, steps=20, random_state=0, device="cpu").fit(x, ["a", "b", "c"] * 10)
    with pytest.raises(InputError):
        estimator.set_params(learning_rate=-1.0).fit(x, np.arange(30) % 2)
    with pytest.raises(NotFittedError):
        estimator.predict(x)
