"""Figures of the S-PSP, against the sums over pairs of spikes that the paper writes."""

import matplotlib.pyplot as plt
import numpy as np
import oracle
import pytest
from pictures import RECORDING, png, recorded, trains

from cupynn import Sequential, encoders, layers, plot
from cupynn.checks import InputError
from cupynn.kernels.psp import psp as psp_constants
from cupynn.spikes import SpikeTrains


@pytest.fixture(scope="module")
def fired():
    """A recording of a network that fires, of two dense layers: of pre- and of post-synaptic trains."""
    net = Sequential(
        [layers.SpikingDense(25, v_th=1.0, tau_m=20.0, tau_s=5.0), layers.SpikingDense(3, v_th=0.5, t_ref=0)],
        (6,),
        steps=60,
        encoder=encoders.Poisson(max_rate=0.3),
    )
    net.layers[1].params["weight"][:] = np.abs(net.layers[1].params["weight"])
    return net, net.record(np.random.default_rng(3).random((2, 6)).astype(np.float32))


class TestPsp:
    @pytest.mark.parametrize(("layer", "below"), [("dense_1", "input"), ("dense_2", "dense_1")])
    def test_the_matrix_is_that_of_the_paper(self, fired, layer, below):
        net, recording = fired
        figure = plot.psp(recording, layer, sample=1)
        axes = next(axes for axes in figure.axes if axes.images)
        drawn = axes.images[0].get_array()
        pre, post = (recording.spikes[name].to_dense()[1] for name in (below, layer))
        built = next(one for one in net.layers if one.name == layer)
        expected = oracle.spsp_matrix(pre, post, "exact", built.tau_m, built.tau_s, built.t_ref)
        rows, columns = (np.flatnonzero(t.any(0)) if t.shape[1] > 20 else np.arange(t.shape[1]) for t in (post, pre))
        assert expected.any(1).sum() > 0
        np.testing.assert_allclose(drawn, expected[np.ix_(rows, columns)], rtol=1e-5, atol=1e-6)
        for axis, neurons in ((axes.yaxis, rows), (axes.xaxis, columns)):
            label = axis.get_major_formatter()
            assert [label(place) for place in range(neurons.size)] == [str(neuron) for neuron in neurons]
            assert [label(-1), label(0.5), label(neurons.size)] == ["", "", ""]

    def test_the_paper_s_kernel(self):
        below, above = trains(1, 40, 4), trains(1, 40, 3, seed=1).to_dense()
        for step in range(1, 40):
            above[:, step] &= ~above[:, max(0, step - 2) : step].any(1)
        recording = recorded({"input": below, "output": SpikeTrains.from_dense(above)})
        recording.potentials["output"] = psp_constants("srm", 10.0, 4.0, 2)
        drawn = plot.psp(recording, "output").axes[0].images[0].get_array()
        expected = oracle.spsp_matrix(below.to_dense()[0], above[0], "srm", 10.0, 4.0, 2)
        np.testing.assert_allclose(drawn, expected, rtol=1e-5, atol=1e-6)

    def test_counts_stand_beside_it(self, fired):
        _, recording = fired
        figure = plot.psp(recording, "dense_2")
        top, right = figure.axes[1], figure.axes[2]
        active = recording.spikes["dense_1"].counts[0]
        assert np.array_equal(top.patches[0].get_data().values, active[active > 0])
        assert np.array_equal(right.patches[0].get_data().values, recording.spikes["dense_2"].counts[0])
        assert [top.get_title("left"), right.get_title("left")] == ["dense_1", "dense_2"]
        shown = figure.axes[0].get_xlabel()
        assert shown == f"pre-synaptic: dense_1 ({(active > 0).sum()} of 25 fire)"

    def test_on_axes_of_one_s_own(self, fired):
        own, ax = plt.subplots()
        assert plot.psp(fired[1], "dense_2", ax=ax) is ax
        assert ax.images[0].get_array().shape[0] == 3
        assert ax.get_title("left") == "S-PSP of dense_2, sample 0"
        plt.close(own)

    def test_silence(self):
        recording = recorded({"input": trains(1, 9, 30, rate=0), "output": trains(1, 9, 25, rate=0)})
        assert png(plot.psp(recording, "output"))
        assert png(plot.psp_build_up(recording, "output"))


class TestPspBuildUp:
    def test_ends_in_the_entry_of_the_matrix(self, fired):
        net, recording = fired
        neuron = int(recording.spikes["dense_1"].counts[1].argmax())
        figure = plot.psp_build_up(recording, "dense_1", sample=1, pre=2, post=neuron)
        spikes, trace, memory, total = figure.axes
        layer = net.layers[0]
        pre = recording.spikes["input"].to_dense()[1, :, 2]
        post = recording.spikes["dense_1"].to_dense()[1, :, neuron]
        fired_at, entry = np.flatnonzero(post), oracle.spsp(pre, post, "exact", layer.tau_m, layer.tau_s, layer.t_ref)
        assert [segment[0][0] for segment in spikes.collections[0].get_segments()] == np.flatnonzero(pre).tolist()
        response = [oracle.kernel("exact", age, layer.tau_m, layer.tau_s, 2)[0] for age in range(60)]
        alone = [sum(response[t - s] for s in np.flatnonzero(pre) if s < t) for t in range(60)]
        np.testing.assert_allclose(trace.lines[0].get_ydata(), alone, rtol=1e-5, atol=1e-7)
        read = memory.lines[1]
        assert read.get_xdata().tolist() == total.lines[0].get_xdata().tolist() == fired_at.tolist()
        np.testing.assert_allclose(total.lines[0].get_ydata(), np.cumsum(read.get_ydata()))
        np.testing.assert_allclose(total.lines[0].get_ydata()[-1], entry, rtol=1e-5)
        assert total.get_title("right") == f"e = {entry:.3f}"

    def test_what_a_neuron_holds_is_its_membrane_under_one_input(self):
        """The only input, with its weight: then what is held of the trace is the membrane itself."""
        net = Sequential(
            [layers.SpikingDense(1, v_th=1.0, tau_m=20.0, tau_s=5.0, t_ref=3)], (1,), 80, encoders.Poisson(max_rate=0.5)
        )
        net.layers[0].params["weight"][:] = 2.0
        recording = net.record(np.ones((1, 1), np.float32))
        fired_at = np.flatnonzero(recording.spikes["dense_1"].to_dense().ravel())
        assert fired_at.size > 3
        memory = plot.psp_build_up(recording, "dense_1").axes[2]
        drawn = np.delete(memory.lines[0].get_ydata(), fired_at + 1 + np.arange(fired_at.size))
        np.testing.assert_allclose(2 * drawn, recording.membranes["dense_1"].ravel(), rtol=1e-4, atol=1e-5)

    def test_the_largest_entry_is_the_default(self, fired):
        recording = fired[1]
        matrix = plot.psp(recording, "dense_2").axes[0].images[0].get_array()
        title = plot.psp_build_up(recording, "dense_2").axes[3].get_title("right")
        assert title == f"e = {matrix.max():.3f}"
        post = int(recording.spikes["dense_2"].counts[0].argmin())
        title = plot.psp_build_up(recording, "dense_2", post=post).axes[3].get_title("right")
        assert title == f"e = {matrix[post].max():.3f}"


NET = Sequential([layers.SpikingDense(3, v_th=1.0)], (4,), steps=20)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: plot.psp(r, "maps"), "layer='maps': pass one of 'hidden', 'output'"),
        (
            lambda r: plot.psp(recorded({"input": trains(1, 8, 2), "maps": trains(1, 8, 2, 3)}), "maps"),
            "layer='maps' has shape (2, 3): the S-PSP can be drawn for dense and recurrent layers: "
            "record a network with such a layer",
        ),
        (
            lambda r: plot.psp(NET, "output"),
            f"recording is a Sequential: pass {RECORDING}",
        ),
        (
            lambda r: plot.psp(r, "output", ax=plt),
            "ax is a module: pass Axes, a SubFigure or a Figure, such as `fig, ax = plt.subplots()` makes",
        ),
        (lambda r: plot.psp_build_up(r, "output", pre=40), "pre=40: pass a whole number from 0 to 39"),
        (lambda r: plot.psp_build_up(r, "output", post=4), "post=4: pass a whole number from 0 to 3"),
        (lambda r: plot.membranes(r, "input"), "layer='input': pass one of 'hidden', 'output'"),
        (lambda r: plot.membranes(r, "output", sample=9), "sample=9: pass a whole number from 0 to 2"),
        (lambda r: plot.membranes(r, "output", neurons=[0, 4]), "neurons=4: pass a whole number from 0 to 3"),
        (lambda r: plot.membranes(r, "output", neurons="all"), "neurons='all': pass a whole number from 0 to 3"),
        (lambda r: plot.membranes(r, "output", neurons=()), "neurons is empty: pass at least one"),
    ],
)
def test_bad_input_is_named_with_its_remedy(call, message):
    recording = recorded({"input": trains(3, 50, 30), "hidden": trains(3, 50, 40), "output": trains(3, 50, 4)})
    with pytest.raises(InputError) as raised:
        call(recording)
    assert str(raised.value) == message
