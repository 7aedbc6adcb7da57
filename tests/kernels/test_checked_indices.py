"""What a kernel would index by is checked at every way in; what lies on a GPU is refused or taken, never half-way."""

from types import SimpleNamespace

import numpy as np
import pytest
from factories import EXAMPLES, FIRING, IMAGES, INPUT_SHAPES, LOSS, draw_data
from factories import dense_network as make
from factories import trains_of as draw_trains

from cupynn.augment import Augment
from cupynn.checks import InputError
from cupynn.encoders import Poisson
from cupynn.layers import LAYERS
from cupynn.losses import CountError, SpikeCount
from cupynn.spikes import SpikeTrains


def build(kind):
    layer = LAYERS[kind](**EXAMPLES[kind])
    layer.build(INPUT_SHAPES[kind], np.random.default_rng(0))
    return layer


def events(neurons=(0, 2, 1), offsets=(0, 1, 3, 3, 3), kind=np.int32, places=np.int64):
    return SpikeTrains(np.array(neurons, kind), np.array(offsets, places), 2, (3,))


WAYS_IN = {
    "counts": lambda spikes: spikes.counts,
    "by_neuron": lambda spikes: spikes.by_neuron(),
    "verify": lambda spikes: spikes.verify(),
}


class TestTrains:
    @pytest.mark.parametrize("way", WAYS_IN)
    @pytest.mark.parametrize(
        ("spikes", "message"),
        [
            (events((0, 3, 1)), r"neurons outside 0\.\.2"),
            (events((0, -1, 1)), r"neurons outside 0\.\.2"),
            (events((0, 2**31 - 1, 1)), r"neurons outside 0\.\.2"),
            (events(kind=np.int64), "neurons of the trains: pass a contiguous array of int32"),
            (events(places=np.int32), "offsets of the trains: pass a contiguous array of int64"),
            (events(offsets=(0, 3, 1, 3, 3)), "offsets of the trains: pass 5 values, ascending from 0 to 3 events"),
            (events(offsets=(0, 1, 3, 3, 9)), "offsets of the trains: pass 5 values, ascending from 0 to 3 events"),
            (events(offsets=(1, 1, 3, 3, 3)), "offsets of the trains: pass 5 values, ascending from 0 to 3 events"),
            (events(offsets=(0, 1, 3, 3, 3, 3)), "offsets of the trains: pass 5"),
        ],
    )
    def test_events_outside(self, way, spikes, message):
        with pytest.raises(InputError, match=message):
            WAYS_IN[way](SpikeTrains(spikes.neurons, spikes.offsets, 2, (3,)))

    def test_a_part_is_looked_at(self):
        with pytest.raises(InputError, match="outside"):
            events((0, 3, 1))[0:1].by_neuron()

    def test_good_ones_are_looked_at_once(self):
        spikes = events().verify()
        spikes._neurons = None
        assert spikes.verify() is spikes

    @pytest.mark.parametrize("kind", FIRING)
    def test_layers_and_networks_look(self, kind):
        layer, good = build(kind), draw_trains(INPUT_SHAPES[kind])
        bad = SpikeTrains(good.neurons + 7, good.offsets, 40, INPUT_SHAPES[kind])
        outputs = layer.forward(good).spikes
        delta = np.ones((3, *layer.output_shape), np.float32)
        for call in (lambda: layer.forward(bad), lambda: layer.backward(bad, outputs, delta)):
            with pytest.raises(InputError, match="outside"):
                call()
        shifted = SpikeTrains(outputs.neurons - 5, outputs.offsets, 40, layer.output_shape)
        with pytest.raises(InputError, match="outside"):
            layer.backward(good, shifted, delta)

    def test_a_network_looks(self):
        net, good = make(encoder=False), draw_trains((9,), steps=50)
        bad = SpikeTrains(good.neurons + 7, good.offsets, 50, (9,))
        for call in (net.forward, net.predict, net.record, lambda x: net.evaluate((x, [0, 1, 2]))):
            with pytest.raises(InputError, match="outside"):
                call(bad)


@pytest.mark.parametrize("kind", FIRING)
class TestLayers:
    def test_errors_of_other_types_and_layouts(self, kind):
        layer, inputs = build(kind), draw_trains(INPUT_SHAPES[kind])
        outputs = layer.forward(inputs).spikes
        delta = np.random.default_rng(0).standard_normal((3, *layer.output_shape)).astype(np.float32)
        below = layer.backward(inputs, outputs, delta)
        gradients = {name: gradient.copy() for name, gradient in layer.grads.items()}
        for other in (delta.astype(np.float64), np.asfortranarray(delta), np.repeat(delta, 2, axis=0)[::2]):
            np.testing.assert_array_equal(layer.backward(inputs, outputs, other), below)
            for name, gradient in gradients.items():
                np.testing.assert_array_equal(layer.grads[name], gradient)

    def test_shapes_that_do_not_belong_together(self, kind):
        layer, inputs = build(kind), draw_trains(INPUT_SHAPES[kind])
        outputs = layer.forward(inputs).spikes
        delta = np.ones((3, *layer.output_shape), np.float32)
        other = draw_trains((*layer.output_shape[:-1], layer.output_shape[-1] + 1))
        for arguments in (
            (inputs[:2], outputs, delta),
            (inputs, outputs[:2], delta),
            (inputs, outputs, delta[:2]),
            (inputs, outputs, delta[..., None]),
            (inputs, other, np.ones(other.counts.shape, np.float32)),
            (draw_trains((3,)), outputs, delta),
            (draw_trains(INPUT_SHAPES[kind], steps=41), outputs, delta),
        ):
            with pytest.raises(InputError, match="middle: "):
                layer.backward(*arguments)

    @pytest.mark.parametrize(
        "change",
        [
            lambda array: array.astype(np.float64),
            lambda array: np.asfortranarray(np.stack([array, array]))[0],
            lambda array: array[:-1].copy(),
            lambda array: array[..., :-1].copy(),
        ],
        ids=["type", "order", "rows", "columns"],
    )
    def test_arrays_that_were_replaced(self, kind, change):
        layer, inputs = build(kind), draw_trains(INPUT_SHAPES[kind])
        outputs = layer.forward(inputs).spikes
        delta = np.ones((3, *layer.output_shape), np.float32)
        for home in (layer.params, layer.buffers):
            for name, array in list(home.items()):
                home[name] = change(array)
                if array.size == 1 and home[name].dtype == array.dtype and home[name].shape == array.shape:
                    continue  # a single value has any order
                for call in (lambda: layer.forward(inputs), lambda: layer.backward(inputs, outputs, delta)):
                    with pytest.raises(InputError, match=f"middle/{name} is .*assign values by"):
                        call()
                home[name] = array
        layer.forward(inputs)


@pytest.mark.parametrize("numbers", [[0, 1], [0, 1, 2, 3, 4], [0, 1, 2, -1], [0, 1, 2, 2**32], np.zeros(4), [[0, 1, 2, 3]]])
def test_numbers_of_samples(numbers):
    for call in (Poisson().encode, lambda x, _, *rest: Augment()(x, *rest)):
        with pytest.raises(InputError, match="pass 4 whole numbers"):
            call(IMAGES, 30, 0, 0, np.array(numbers))


def test_margins_that_no_gpu_holds():
    for name in ("margin", "desired", "undesired"):
        with pytest.raises(InputError, match=f"{name}={2**31}: pass a whole number .*{2**31 - 1}"):
            SpikeCount(**{name: 2**31})
    assert SpikeCount(margin=2**31 - 1).margin == 2**31 - 1


class OnGpu(SimpleNamespace):
    """What CuPy and PyTorch have for arrays of a GPU, as far as anybody asks."""

    __cuda_array_interface__ = property(lambda self: {})
    __array__ = None


@pytest.mark.parametrize(
    "call",
    [
        lambda net, x, y: net.fit((OnGpu(), y), loss=LOSS, progress=False),
        lambda net, x, y: net.fit((x, OnGpu()), loss=LOSS, progress=False),
        lambda net, x, y: net.fit((x, y), loss=LOSS, sample_weight=OnGpu(), progress=False),
        lambda net, x, y: net.fit((x, y), loss=LOSS, validation=(OnGpu(), y), progress=False),
        lambda net, x, y: net.evaluate((OnGpu(), y)),
        lambda net, x, y: net.predict(OnGpu()),
        lambda net, x, y: net.record(OnGpu()),
        lambda net, x, y: net.encode(OnGpu()),
        lambda net, x, y: net.encode(x, OnGpu()),
    ],
)
def test_arrays_of_a_gpu(call):
    with pytest.raises(InputError, match=r"is on a GPU: pass it from host memory, as x\.get\(\)"):
        call(make(), *draw_data(12))


def test_an_error_in_host_memory_goes_to_the_device(device):
    """A loss of one's own may compute where it likes, in the type it likes."""
    net = make().to(device)
    x, y = draw_data(6)
    error = LOSS(net.forward(net.encode(x, np.arange(6), 1)), y)
    net.backward(error)
    expected = [device.get(layer.grads["weight"]).copy() for layer in net.layers]
    own = CountError(device.get(error.delta).astype(np.float64), error.trains.to_host(), error.losses)
    net.backward(own)
    for layer, gradient in zip(net.layers, expected, strict=True):
        np.testing.assert_array_equal(device.get(layer.grads["weight"]), gradient)
