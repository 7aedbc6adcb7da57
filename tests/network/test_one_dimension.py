"""Channels in an order, such as the bands of a sound, as images of height 1, with kernels of height 1."""

import numpy as np
import pytest

from cupynn import InputError, Sequential, datasets, encoders, layers, losses, optimizers

BANDS, STEPS = 20, 60


def recordings(samples=18):
    """Rectified signals of different length, whose energy is in the lower or the upper bands."""
    rng, y = np.random.default_rng(0), np.arange(samples) % 2
    bands = np.arange(BANDS)
    x = [
        rng.random((STEPS - 10 + i % 7, BANDS)) * (np.abs(bands - 5 - 10 * label - rng.integers(-2, 3)) < 3)
        for i, label in enumerate(y)
    ]
    return x, y


def network(x, shape=(1, 1, BANDS)):
    parts = [
        layers.SpikingConv2D(4, (1, 5), v_th=1.0, padding=(0, 2), stride=(1, 2)),
        layers.AveragePool2D((1, 2)),
        layers.SpikingDense(2, v_th=1.0, initial_weight=0.5),
    ]
    return Sequential(parts, shape, STEPS, encoders.BSA.from_data(x, steps=STEPS), seed=0, device="cpu")


def test_signals_are_convolved_along_their_channels():
    data = datasets.signals(*recordings(), normalise="range")
    assert data.x.shape == (18, BANDS)
    net = network(data.x)
    assert [layer.output_shape for layer in net.layers] == [(4, 1, 10), (4, 1, 10), (2,)]
    assert net.layers[1].pooled_shape == (4, 1, 5)
    options = {"loss": losses.SpikeCount(8, 1, 1), "optimizer": optimizers.Adam(0.02), "progress": False}
    net.fit(data, epochs=6, batch_size=6, **options)
    assert net.evaluate(data).accuracy > 0.9


def test_arrays_of_several_channels_over_a_width():
    x = np.random.default_rng(0).integers(0, 256, (3, 2, 9), np.uint8)
    parts = [layers.SpikingConv2D(4, (1, 3), v_th=1.0, groups=2), layers.SpikingDense(2, v_th=1.0)]
    net = Sequential(parts, (2, 1, 9), 30, encoders.Poisson(0.5), device="cpu")
    assert net.counts(x).shape == (3, 2)  # an axis of length one may be missing
    np.testing.assert_array_equal(net.counts(x), net.counts(x[:, :, None]))


def test_halves_of_channels_are_not_two_images():
    """ "split" makes one axis of them, and channels of images are another."""
    data = datasets.signals(*recordings())
    with pytest.raises(InputError, match=r"data has shape \(18, 40\): this network takes \(samples, \*\(2, 1, 20\)\)"):
        network(data.x, (2, 1, BANDS)).evaluate(data)
