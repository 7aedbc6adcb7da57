"""What `fit` and `evaluate` take for data: map datasets, as PyTorch has them, become arrays once."""

import numpy as np
import pytest

from cupynn import Sequential, encoders, layers
from cupynn.checks import InputError
from cupynn.network.inputs import as_pair

X = np.random.default_rng(0).integers(0, 256, (6, 3, 2), dtype=np.uint8)
Y = np.array([0, 1, 2, 0, 1, 2])


class Map:
    """A map dataset of the items given."""

    def __init__(self, items):
        self.items, self.taken = items, []

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        self.taken.append(index)
        return self.items[index]


class Tensor:
    """What PyTorch's tensors have that matters here."""

    def __init__(self, values, fails=None):
        self.values, self.fails = values, fails

    def __array__(self, dtype=None, copy=None):
        if self.fails:
            raise self.fails
        return np.asarray(self.values)


@pytest.mark.parametrize("wrap", [np.asarray, Tensor, lambda x: x.tolist()], ids=["arrays", "tensors", "lists"])
@pytest.mark.parametrize("label", [int, np.int32, Tensor, lambda y: np.array([y])], ids=["int", "int32", "tensor", "array"])
def test_map_datasets_become_arrays(wrap, label):
    data = Map([(wrap(x), label(y)) for x, y in zip(X, Y, strict=True)])
    x, y = as_pair(data)
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)
    assert y.dtype == np.int64
    assert x.dtype == np.asarray(wrap(X)).dtype if wrap is not Tensor else x.dtype == np.uint8
    assert data.taken == list(range(6))  # once each


def test_a_map_dataset_of_two_samples_is_no_pair():
    x, y = as_pair(Map([(X[0], 1), (X[1], 0)]))
    np.testing.assert_array_equal(x, X[:2])
    assert y.tolist() == [1, 0]


def test_images_of_pillow():
    image = pytest.importorskip("PIL.Image")
    x, _ = as_pair(Map([(image.fromarray(X[0]), 1)]))
    np.testing.assert_array_equal(x, X[:1])
    assert x.dtype == np.uint8


def test_fit_and_evaluate_take_them():
    def make():
        return Sequential([layers.SpikingDense(3, 1.0, t_ref=0)], (3, 2), 40, encoders.Poisson(0.5))

    data, net, twin = Map(list(zip(X, Y, strict=True))), make(), make()
    net.fit(data, validation=data, epochs=2, batch_size=2, progress=False)
    twin.fit((X, Y), epochs=2, batch_size=2, progress=False)
    np.testing.assert_array_equal(net.layers[0].params["weight"], twin.layers[0].params["weight"])
    assert net.evaluate(data).accuracy == twin.evaluate((X, Y)).accuracy


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([], "data has no samples"),
        ([X[0]], r"data\[0\] is a ndarray: a map dataset gives a pair"),
        ([(X[0], 1), {"image": X[1]}], r"data\[1\] is a dict: a map dataset gives a pair"),
        ([(X[0], 1, 2)], r"data\[0\] is a tuple"),
        ([(X[0], 1), (X[1].T, 1)], r"the sample of data\[1\] is uint8 \(2, 3\), that of data\[0\] uint8 \(3, 2\)"),
        ([(X[0], 1), (X[1] / 255, 1)], r"the sample of data\[1\] is float64 \(3, 2\), that of data\[0\] uint8"),
        ([(X[0], 1), ([[1, 2], [3]], 1)], r"the sample of data\[1\] is a list that gives no array"),
        ([("cat.png", 1)], r"the sample of data\[0\] has dtype <U7: pass numbers"),
        ([(np.zeros(3, [("x", int), ("t", int)]), 1)], r"data\[0\] holds events, and data no sensor_size="),
        ([(X[0], 1), (X[1], 1.0)], r"the label of data\[1\] is 1\.0: pass the number of a class"),
        ([(X[0], "cat")], r"the label of data\[0\] is 'cat'"),
        ([(X[0], [0, 1])], r"the label of data\[0\] is \[0, 1\]"),
        ([(Tensor(X[0], TypeError("it is on a GPU")), 1)], r"is a Tensor that gives no array \(it is on a GPU\)"),
        ([(X[0], Tensor(1, RuntimeError("requires grad")))], r"the label of data\[0\] is a Tensor that gives no array"),
    ],
)
def test_map_datasets_that_cannot_be_used(items, message):
    with pytest.raises(InputError, match=message):
        as_pair(Map(items))


@pytest.mark.parametrize("data", [X, [X], (X, Y, Y), {"x": X, "y": Y}, "mnist", None, 3, iter([])])
def test_other_things_that_are_no_data(data):
    with pytest.raises(InputError, match=r"data is a \w+: pass a Dataset, a pair \(x, y\).* or a map dataset"):
        as_pair(data)
