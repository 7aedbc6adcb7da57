"""What a network takes for data: arrays in any unambiguous arrangement, and map datasets, which become arrays once."""

from array import array
from collections import UserList, deque

import numpy as np
import pytest
from eventful import SENSOR, recording

from cupynn import Ragged, Sequential, SpikeTrains, SpikingClassifier, datasets, encoders, layers, plot, reference
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


class Endless(Map):
    """A map dataset that relies on its length, as PyTorch's loaders allow: an index beyond it is no error."""

    def __getitem__(self, index):
        assert index < len(self.items), "read beyond its length"
        return super().__getitem__(index)


class Tensor:
    """What PyTorch's tensors have that matters here."""

    def __init__(self, values, fails=None, **attributes):
        self.values, self.fails = values, fails
        vars(self).update(attributes)

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
    image = pytest.importorskip("PIL.Image", reason='Pillow is not installed: pip install -e ".[test]"')
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
        ([X[0]], r"data\[0\] is a ndarray: a map dataset returns a pair"),
        ([(X[0], 1), {"image": X[1]}], r"data\[1\] is a dict: a map dataset returns a pair"),
        ([(X[0], 1, 2)], r"data\[0\] is a tuple"),
        ([(X[0], 1), (X[1].T, 1)], r"the sample of data\[1\] is uint8 \(2, 3\), that of data\[0\] uint8 \(3, 2\)"),
        ([(X[0], 1), (X[1] / 255, 1)], r"the sample of data\[1\] is float64 \(3, 2\), that of data\[0\] uint8"),
        ([(X[0], 1), ([[1, 2], [3]], 1)], r"the sample of data\[1\] is a list that cannot become a NumPy array"),
        ([("cat.png", 1)], r"the sample of data\[0\] has dtype <U7: pass numbers"),
        ([(np.zeros(3, [("x", int), ("t", int)]), 1)], r"data\[0\] holds events, but data has no sensor_size="),
        ([(X[0], 1), (X[1], 1.0)], r"the label of data\[1\] is 1\.0: pass the number of a class"),
        ([(X[0], "cat")], r"the label of data\[0\] is 'cat'"),
        ([(X[0], [0, 1])], r"the label of data\[0\] is \[0, 1\]"),
        (
            [(Tensor(X[0], TypeError("it is on a GPU")), 1)],
            r"is a Tensor that cannot become a NumPy array \(it is on a GPU\)",
        ),
        (
            [(X[0], Tensor(1, RuntimeError("requires grad")))],
            r"the label of data\[0\] is a Tensor that cannot become a NumPy array",
        ),
    ],
)
def test_map_datasets_that_cannot_be_used(items, message):
    with pytest.raises(InputError, match=message):
        as_pair(Map(items))


@pytest.mark.parametrize("data", [X, [X], (X, Y, Y), {"x": X, "y": Y}, "mnist", None, 3, iter([])])
def test_other_things_that_are_no_data(data):
    with pytest.raises(InputError, match=r"data is a \w+: pass a Dataset, a pair \(x, y\).* or a map dataset"):
        as_pair(data)


def make(shape=(3, 2), first=(), encoder=None):
    return Sequential([*first, layers.SpikingDense(3, 1.0, t_ref=0)], shape, 40, encoder or encoders.Poisson(0.5))


def conv():
    return make((1, 6, 6), [layers.SpikingConv2D(2, 3, v_th=1.0)])


USES = {
    "predict": lambda net, x: net.predict(x),
    "counts": lambda net, x: net.counts(x),
    "record": lambda net, x: net.record(x).spikes["input"].to_dense(),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
class TestUse:
    """What `fit` takes, `predict`, `counts` and `record` take: each item is read once, and none beyond the length."""

    @pytest.mark.parametrize("wrap", [np.asarray, Tensor, lambda x: x.tolist()], ids=["arrays", "tensors", "lists"])
    @pytest.mark.parametrize("kind", [Endless, Map])
    def test_map_datasets(self, use, kind, wrap):
        net, items = make(), [(wrap(x / 255), y) for x, y in zip(X, Y, strict=True)]
        data = kind(items)
        np.testing.assert_array_equal(use(net, data), use(net, X / 255))
        assert data.taken == list(range(6))

    @pytest.mark.parametrize("items", [list(X), [(x, "a name") for x in X], [[x, None] for x in X]])
    def test_labels_may_be_missing_or_of_any_type(self, use, items):
        for data in (Endless(items), deque(items), UserList(items)):
            np.testing.assert_array_equal(use(make(), data), use(make(), X))

    def test_two_samples_are_no_pair(self, use):
        data = Endless([[[0.0, 1.0], [1.0, 0.0]], [[1.0, 1.0], [0.0, 0.0]]])
        np.testing.assert_array_equal(use(make((2, 2)), data), use(make((2, 2)), np.array(data.items)))

    def test_lists_of_recordings(self, use):
        net = make(SENSOR, encoder=encoders.Events())
        samples = [recording((700, 3, 2, 1), (900, 0, 0, 0)), recording((1, 1, 1, 1))]
        x = datasets.events(samples, [0, 1], SENSOR).x
        np.testing.assert_array_equal(use(net, samples), use(net, x))

        class Tonic(Endless):
            sensor_size = SENSOR[::-1]

        np.testing.assert_array_equal(use(net, Tonic([(sample, "?") for sample in samples])), use(net, x))
        np.testing.assert_array_equal(use(net, [Tonic([(samples[0], 1)])[0][0]]), use(net, x[:1]))

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            ([Endless(list(X))], r"data holds an Endless: pass a list of arrays or numbers"),
            ([(X[0], 1), (X[1], 0)], r"data is a list of pairs: pass a list of the samples alone, \[x for x, _ in data\]"),
            ((X[0], 1), r"data is one pair \(sample, label\): pass a list of samples, \[sample\]"),
            ((X[0], np.int64(1)), r"data is one pair \(sample, label\)"),
            (recording((1, 1, 1, 1)), r"data is one array of events: pass a list of recordings, such as \[recording\]"),
            (Endless([]), "data has no samples"),
            (Endless([{"image": X[0]}]), r"data\[0\] is a dict: a map dataset returns a sample, or a pair"),
            (Endless([X[0], X[1].T]), r"the sample of data\[1\] is uint8 \(2, 3\), that of data\[0\] uint8 \(3, 2\)"),
            (None, r"data is a NoneType: pass an array \(samples, \*\(3, 2\)\), a list of samples"),
            ("digits", "data is a str: pass an array"),
            ({"x": X}, "data is a dict: pass an array"),
            (iter(X), r"data is an? \w*iterator: pass an array"),
            (Map, "data is the class Map itself: pass an array"),
            (X[0].tolist(), r"data has shape \(3, 2\): .*a single sample\? pass x\[None\], or \[x\] for a list"),
            (Tensor(X, requires_grad=True), r"data is a Tensor that NumPy cannot read: call \.detach\(\) on it"),
            (Tensor(X, dtype="torch.bfloat16"), r"data is a Tensor that NumPy cannot read: call \.float\(\) on it"),
            (
                [Tensor(X[0], dtype="torch.bfloat16", requires_grad=True)],
                r"data holds a Tensor that NumPy cannot read: call \.detach\(\)\.float\(\) on it",
            ),
            (
                Endless([(Tensor(X[0], requires_grad=True), 1)]),
                r"the sample of data\[0\] is a Tensor that NumPy cannot read: call \.detach\(\) on it",
            ),
        ],
    )
    def test_the_rest_is_refused_at_once(self, use, data, message):
        with pytest.raises(InputError, match=message):
            use(make(), data)


class Loader:
    """A loader in PyTorch's manner."""

    def __init__(self, dataset):
        self.dataset = dataset

    def __len__(self):
        return 3

    def __iter__(self):
        raise AssertionError("read")


class Sparse:
    """A sparse matrix in SciPy's manner, whose length is not defined."""

    def __len__(self):
        raise TypeError("ambiguous")

    def __getitem__(self, index):
        raise AssertionError("read")

    def toarray(self):
        return X


@pytest.mark.parametrize("method", ["fit", "evaluate", "predict", "counts", "record", "encode"])
def test_loaders_are_told_apart_from_their_dataset(method):
    loader = Loader(Endless(list(zip(X, Y, strict=True))))
    with pytest.raises(InputError, match=r"data is a Loader: pass the dataset that it reads, loader\.dataset"):
        getattr(make(), method)(loader)
    options = {"progress": False, "epochs": 1} if method == "fit" else {}
    assert getattr(make(), method)(loader.dataset, **options) is not None


def test_sparse_matrices():
    for use in (make().predict, lambda x: make().evaluate((x, Y))):
        with pytest.raises(InputError, match=r"data is a Sparse: pass an array, such as x\.toarray\(\)"):
            use(Sparse())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((X, Endless(list(Y))), "labels is an Endless: pass an array"),
        ((X, [Endless(list(Y))]), "labels holds an Endless: pass a list of arrays or numbers"),
        ((Endless(list(zip(X, Y, strict=True))),) * 2, r"data is a pair of map datasets: pass one, .* validation="),
        (list(zip(X, Y, strict=True)), r"data is a list of pairs: pass the pair \(\[x for x, _ in data\], \[y for"),
    ],
)
def test_datasets_in_the_place_of_labels(data, message):
    """NumPy would read them until an IndexError that never comes."""
    with pytest.raises(InputError, match=message):
        make().evaluate(data)


def test_a_map_dataset_may_be_the_data_of_a_pair():
    assert make().evaluate((Endless(list(X)), Y)).confusion.sum() == 6


def test_other_places_that_read_arrays():
    endless = Endless(list(X))
    for read in (
        lambda: SpikeTrains.from_dense(endless),
        lambda: make().encode(X, samples=endless),
        lambda: make().fit((X, Y), sample_weight=endless),
        lambda: datasets.Dataset(X, endless, ("a", "b", "c"), "pets"),
        lambda: datasets.Dataset(X, Y, ("a", "b", "c"), "pets")[endless],
        lambda: datasets.PassiveEar(8000)(endless),
        lambda: encoders.Poisson().encode(endless, 40, 0, 0, np.arange(6)),
        lambda: encoders.Current().check(endless),
        lambda: SpikeTrains.from_events(endless, [0], [0], shape=(1, 2, 3)),
        lambda: plot.rates(SpikeTrains.from_dense(np.zeros((6, 2, 3))), endless),
        lambda: reference.write_spikes("never.txt", endless),
        lambda: SpikingClassifier().fit(endless, Y),
        lambda: SpikingClassifier().fit(X.reshape(6, 6), endless),
        lambda: SpikingClassifier(epochs=1, steps=20, random_state=0).fit(X.reshape(6, 6), Y).predict(endless),
    ):
        with pytest.raises(InputError, match=r"is an Endless: pass"):
            read()
    assert endless.taken == []


def test_a_map_dataset_of_recordings():
    samples = Endless([recording((1, 1, 1, 1)), recording((2, 0, 0, 0))])
    assert datasets.events(samples, [0, 1], SENSOR).x.lengths.tolist() == [1, 1]
    with pytest.raises(InputError, match=r"recordings\[0\] is tuple: pass a one-dimensional structured array"):
        datasets.events(Endless([(samples[0], 1)]), [1], SENSOR)


def test_buffers_are_arrays():
    buffer = memoryview(np.ascontiguousarray(X))
    np.testing.assert_array_equal(make().counts(buffer), make().counts(X))
    with pytest.raises(InputError, match=r"data has shape \(3,\)"):
        make().counts(array("B", [1, 2, 3]))


IMAGES = np.random.default_rng(1).integers(0, 256, (5, 6, 6), dtype=np.uint8)


class TestAxesOfLengthOne:
    @pytest.mark.parametrize("network", [conv, lambda: make((6, 6)), lambda: make((6, 6, 1))], ids=["conv", "2D", "last"])
    @pytest.mark.parametrize("shape", [(6, 6), (1, 6, 6), (6, 6, 1)])
    def test_arrays_datasets_and_trains(self, network, shape):
        net = network()
        own, other = IMAGES.reshape(5, *net.input_shape), IMAGES.reshape(5, *shape)
        y, expected = np.arange(5) % 3, net.counts(own)
        np.testing.assert_array_equal(net.counts(other), expected)
        np.testing.assert_array_equal(net.counts(Endless(list(zip(other, y, strict=True)))), expected)
        trains = net.encode(own, np.arange(5), 0)
        assert net.encode(other, np.arange(5), 0) == trains
        assert net.encode(trains.reshape(shape)) == trains
        np.testing.assert_array_equal(net.counts(trains.reshape(shape)), expected)
        net.forward(trains.reshape(shape))
        assert net.record(other).spikes["input"].neuron_shape == net.input_shape
        data = datasets.Dataset(np.ascontiguousarray(other), y, ("a", "b", "c"), "shapes")
        assert net.evaluate(data).accuracy == net.evaluate((own, y)).accuracy

    def test_training_is_the_same(self):
        from cupynn.augment import Augment

        weights = []
        for x in (IMAGES, IMAGES[:, None], IMAGES[..., None]):
            net = conv()
            net.fit((x, [0, 1, 2, 0, 1]), epochs=2, batch_size=2, augment=Augment(), progress=False)
            weights.append(net.layers[0].params["weight"].copy())
        np.testing.assert_array_equal(weights[0], weights[1])
        np.testing.assert_array_equal(weights[0], weights[2])

    @pytest.mark.parametrize("shape", [(7,), (1, 7), (1, 1, 7)])
    def test_recordings_of_a_line(self, shape):
        """The sensor of a cochlea is (1, 1, channels), a network may take (channels,)."""
        net = make(shape, encoder=encoders.Events())
        samples = [recording((700, 6, 0, 0), (900, 2, 0, 0)), recording((1, 1, 0, 0))] * 2
        data = datasets.events(samples, [0, 1] * 2, (1, 1, 7))
        counts = net.encode(data.x).counts
        assert counts.shape == (4, *shape)
        assert counts.reshape(4, 7)[0].tolist() == [0, 0, 1, 0, 0, 0, 1]
        assert net.record(data.x[:1]).spikes["input"].neuron_shape == shape
        assert net.encode(samples) == net.encode(data.x)
        net.fit(data, validation=data, epochs=1, progress=False)

    def test_signals_of_channels(self):
        signals = Ragged(np.full((20, 3), 5e-4, np.float32), [0, 8], [8, 20], 3)
        flat, deep = make((3,), encoder=encoders.BSA()), make((1, 1, 3), encoder=encoders.BSA())
        np.testing.assert_array_equal(flat.counts(signals), deep.counts(signals))

    @pytest.mark.parametrize(
        ("net", "x", "message"),
        [
            (conv(), IMAGES[0], r"a single sample\? pass x\[None\]"),
            (conv(), IMAGES.reshape(5, 36), r"np\.reshape\(x, \(-1, 1, 6, 6\)\), or .*=\(36,\); let a map dataset"),
            (make((36,)), IMAGES, r"pass np\.reshape\(x, \(-1, 36\)\), or .* input_shape=\(6, 6\)"),
            (make((4, 9)), IMAGES, r"takes \(samples, \*\(4, 9\)\)$"),
            (make((36,)), SpikeTrains.from_dense(np.zeros((2, 40, 6, 6))), r"pass spikes\.reshape\(\(36,\)\)"),
            (make((6, 6)), np.zeros((40, 1, 6, 6)), r"time first\? pass .*time_first=True\); images\? pass x\[:, 0\]"),
            (make((1, 6, 6)), np.zeros((2, 40, 6, 6)), r"trains of zeros and ones\? pass SpikeTrains\.from_dense\(x\)"),
            (
                make((24,), encoder=encoders.Events()),
                datasets.events([recording()], [0], SENSOR).x,
                r"data has shape \(1, 2, 3, 4\): .*\(create the network with input_shape=\(2, 3, 4\), or pass trains",
            ),
        ],
    )
    def test_other_arrangements_have_a_remedy(self, net, x, message):
        with pytest.raises(InputError, match=message):
            net.predict(x)

    def test_trains_of_recordings_in_another_arrangement(self):
        """The remedy for a network that cannot be created again, such as an imported one."""
        net, x = make((24,), encoder=encoders.Events()), datasets.events([recording((1, 1, 1, 1))], [0], SENSOR).x
        trains = net.encoder.encode(x, 40, 0, 0, range(len(x))).reshape((24,))
        assert net.predict(trains).shape == (1,)

    def test_images_that_cannot_be_trains(self):
        images = np.full((40, 1, 6, 6), 0.5)
        np.testing.assert_array_equal(make((6, 6)).counts(images), make((6, 6)).counts(images[:, 0]))
