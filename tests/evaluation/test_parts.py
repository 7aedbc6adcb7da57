"""A batch in parts: gradients have the bits that one pass gives them, however it is split."""

import numpy as np
import pytest
from factories import EXAMPLES, FIRING, INPUT_SHAPES
from factories import mixed_network as make
from factories import trains_of as draw_trains

from cupynn import Sequential, encoders, layers, losses
from cupynn.checks import InputError
from cupynn.kernels import cuda
from cupynn.kernels.sums import BatchSum
from cupynn.layers import LAYERS

BATCH = 19
SPLITS = pytest.mark.parametrize("size", [1, 3, 7, 8, 16, 18])


def slices(size, batch=BATCH):
    return [slice(first, min(first + size, batch)) for first in range(0, batch, size)]


@pytest.fixture(scope="module", params=[(kind, flags) for kind in FIRING for flags in (True, False)], ids=str)
def problem(request, on_device):
    """A layer, trains below and above it and an error, with what one pass makes of them."""
    kind, flags = request.param
    options = {name: flags for name, value in EXAMPLES[kind].items() if isinstance(value, bool)}
    layer = LAYERS[kind](**EXAMPLES[kind] | options)
    layer.build(INPUT_SHAPES[kind], np.random.default_rng(0))
    layer = on_device(layer)
    inputs = draw_trains(INPUT_SHAPES[kind], BATCH)
    outputs = layer.forward(inputs).spikes
    delta = np.random.default_rng(1).standard_normal((BATCH, *layer.output_shape)).astype(np.float32)
    delta[4] = delta.reshape(BATCH, -1)[:, 0] = 0
    below = layer.backward(inputs, outputs, delta)
    return layer, inputs, outputs, delta, below, {name: gradient.copy() for name, gradient in layer.grads.items()}


def check_parts(problem, size):
    layer, inputs, outputs, delta, below, gradients = problem
    batch_sum = BatchSum(BATCH)
    for part in slices(size):
        got = layer.backward(inputs[part], outputs[part], delta[part], batch_sum=batch_sum)
        np.testing.assert_array_equal(got, below[part])
        batch_sum.done += len(got)
    for name, gradient in gradients.items():
        np.testing.assert_array_equal(layer.grads[name], gradient)
    for gradient in gradients.values():
        assert gradient.any()


@SPLITS
def test_a_layer_gives_the_same_bits(problem, size):
    check_parts(problem, size)


def test_a_workspace_that_holds_few_samples_changes_nothing(problem, device, monkeypatch):
    if not device.on_cuda:
        pytest.skip("on the CPU, threads have workspaces, not samples")
    for limit in (1, 9_000, 1 << 30):
        monkeypatch.setattr(cuda, "_limits", lambda number, limit=limit: (limit, 1 << 16))
        check_parts(problem, 7)


def gradients(net):
    return {
        f"{layer.name}/{name}": net.device.get(array).copy() for layer in net.layers for name, array in layer.grads.items()
    }


def draw(batch=BATCH):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (batch, 3, 4), np.uint8)
    x[2] = 0  # a silent sample, whose label is filled in
    return x, rng.integers(0, 3, batch), rng.random(batch).astype(np.float32)


@SPLITS
@pytest.mark.parametrize("loss", [losses.SpikeCount(9, 2, 1), losses.SoftmaxCount(9)], ids=["count", "softmax"])
def test_a_network_gives_the_same_bits(device, loss, size):
    net = make(device)
    x, y, weight = draw()
    below, expected = None, None
    for step in (BATCH, size):
        got = []
        for part in slices(step):
            spikes = net.forward(net.encode(x[part], np.arange(BATCH)[part], 1))
            got.append(net.device.get(net.backward(loss(spikes, y[part], weight[part]), batch=BATCH, add=part.start > 0)))
        if below is None:
            below, expected = np.concatenate(got), gradients(net)
        np.testing.assert_array_equal(np.concatenate(got), below)
    assert all(gradient.any() for gradient in expected.values())
    for name, gradient in gradients(net).items():
        np.testing.assert_array_equal(gradient, expected[name])


def test_part_of_a_batch_that_another_machine_shares(device):
    """The gradient of a shard is its share of the mean: those of all shards add up to that of the batch."""
    net, loss = make(device), losses.SpikeCount(9, 2, 1)
    x, y, _ = draw()
    total, shares = None, []
    for part in (slice(0, BATCH), slice(0, 10), slice(10, BATCH)):
        error = loss(net.forward(net.encode(x[part], np.arange(BATCH)[part], 1)), y[part])
        net.backward(error, batch=BATCH)
        shares.append(gradients(net))
    total = shares.pop(0)
    for name, gradient in total.items():
        summed = sum(share[name] for share in shares)
        np.testing.assert_allclose(summed, gradient, rtol=1e-5, atol=1e-6 * np.abs(gradient).max())


def test_parts_that_do_not_fit_together(device):
    net, loss = make(device), losses.SpikeCount(9, 2, 1)
    x, y, _ = draw(4)
    error = loss(net.forward(net.encode(x)), y)
    with pytest.raises(InputError, match="add=True, but there are no gradients to add to"):
        net.backward(error, add=True)
    with pytest.raises(
        InputError, match="batch=3: this part has 4 samples, the parts before 0: pass the size of the whole batch"
    ):
        net.backward(error, batch=3)
    net.backward(error, batch=7)
    before = gradients(net)
    with pytest.raises(InputError, match="batch=7: this part has 4 samples, the parts before 4 of a batch of 7"):
        net.backward(error, add=True)
    with pytest.raises(InputError, match=r"batch=9: .*of a batch of 7"):
        net.backward(error, batch=9, add=True)
    with pytest.raises(InputError, match="add=1"):
        net.backward(error, add=1)
    for name, gradient in gradients(net).items():
        np.testing.assert_array_equal(gradient, before[name])


class OwnDense(layers.SpikingDense):
    """A layer as users write them: it gives the mean over what it is given."""

    def backward(self, inputs, outputs, delta, input_error=True):
        return super().backward(inputs, outputs, delta, input_error)


def test_a_layer_that_knows_of_no_parts_is_trained_in_parts():
    def trained(kind, **options):
        net = Sequential([kind(5, v_th=1.0), kind(2, v_th=0.5)], (6,), 40, encoders.Poisson(0.5), device="cpu")
        x = np.random.default_rng(0).random((22, 6), np.float32)
        loss = losses.SpikeCount(desired=8, undesired=1, margin=1)
        net.fit((x, np.arange(22) % 2), loss=loss, epochs=2, batch_size=11, progress=False, **options)
        return net.arrays()

    for part_size in (11, 4):
        for name, array in trained(layers.SpikingDense).items():
            found = trained(OwnDense, part_size=part_size)[name]
            np.testing.assert_allclose(found, array, rtol=2e-4, atol=1e-6)
