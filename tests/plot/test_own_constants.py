"""Figures of neurons that have their own constants."""

import numpy as np
import oracle
import pytest
from matplotlib import pyplot as plt

from cupynn import Sequential, encoders, layers, plot


@pytest.fixture(scope="module")
def fired():
    """A network whose neurons differ in their time constants and thresholds, and its recording."""
    dense = layers.SpikingDense(5, v_th=0.6, tau_m=20.0, t_ref=1, trainable=("tau_m", "v_th"), per="neuron")
    conv = layers.SpikingConv2D(3, 2, v_th=0.6, trainable=("v_th",), per="neuron")
    net = Sequential([conv, dense], (4, 4), 60, encoders.Poisson(max_rate=0.5), device="cpu")
    dense.params["weight"] += 0.2
    for layer in net.layers:
        for array in layer.trained_constants.values():
            array[...] = np.random.default_rng(5).uniform(-0.4, 0.4, array.shape)
    return net, net.record(np.random.default_rng(3).random((2, 4, 4)).astype(np.float32))


def test_the_recording_has_the_thresholds_of_neurons(fired):
    net, recording = fired
    np.testing.assert_array_equal(recording.thresholds["dense_2"], net.layers[1].v_th)
    maps = recording.thresholds["conv_1"]
    assert maps.shape == (3, 3, 3)
    np.testing.assert_array_equal(maps[:, 1, 2], net.layers[0].v_th)
    for name, spikes in list(recording.spikes.items())[1:]:
        fires, membrane = spikes.to_dense(bool), recording.membranes[name]
        over = membrane - recording.thresholds[name]
        assert fires.any()
        assert over[fires].min() > -1e-5
        assert over[~fires].max() < 1e-5


def test_membranes_have_their_own_threshold(fired):
    net, recording = fired
    figure = plot.membranes(recording, "dense_2", neurons=[4, 0])
    lines = [axes.lines[0].get_ydata()[0] for axes in figure.axes[::2]]
    np.testing.assert_allclose(lines, net.layers[1].v_th[[4, 0]])
    low, high = net.layers[1].v_th.min(), net.layers[1].v_th.max()
    assert figure.get_suptitle() == f"dense_2, sample 0, threshold {low:g} to {high:g}"
    assert plot.membranes(recording, "conv_1").get_suptitle().startswith("conv_1, sample 0, threshold 0.")
    plt.close("all")


def test_the_spsp_is_that_of_each_neuron(fired):
    net, recording = fired
    axes = next(axes for axes in plot.psp(recording, "dense_2", sample=1).axes if axes.images)
    pre, post = (recording.spikes[name].to_dense()[1].reshape(60, -1) for name in ("conv_1", "dense_2"))
    layer = net.layers[1]
    rows = [oracle.spsp_matrix(pre, post[:, [i]], "exact", layer.tau_m[i], layer.tau_s, 1)[0] for i in range(5)]
    columns = np.flatnonzero(pre.any(0)) if pre.shape[1] > 20 else np.arange(pre.shape[1])
    np.testing.assert_allclose(axes.images[0].get_array(), np.array(rows)[:, columns], rtol=1e-5, atol=1e-6)
    best = np.unravel_index(np.argmax(rows), np.shape(rows))
    built_up = plot.psp_build_up(recording, "dense_2", sample=1, pre=int(best[1]), post=int(best[0]))
    assert built_up.axes[3].get_title("right") == f"e = {np.max(rows):.3f}"
    plt.close("all")
