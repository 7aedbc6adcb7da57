"""Figures of weights: each value where it belongs."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text
from pictures import png

from cupynn import Sequential, layers, plot
from cupynn.checks import InputError


@pytest.fixture(scope="module")
def net():
    return Sequential(
        [
            layers.SpikingConv2D(6, 3, v_th=1.0, name="conv"),
            layers.SpikingPool2D(2, v_th=1.0, name="pool"),
            layers.SpikingDense(50, v_th=1.0, name="hidden"),
            layers.SpikingDense(4, v_th=1.0, name="output"),
        ],
        (2, 8, 10),
        steps=20,
    )


def weight(net, name):
    return next(layer for layer in net.layers if layer.name == name).params["weight"]


def images(figure):
    """Pictures with the titles of their panels."""
    return {axes.get_title(): axes.images[0].get_array() for axes in figure.axes if axes.images}


class TestWeights:
    def test_every_layer_that_has_some(self, net):
        figure = plot.weights(net)
        png(figure)
        panels = [axes for axes in figure.axes if axes.get_title("left")]
        assert [axes.get_title("left") for axes in panels[::2]] == ["conv", "hidden", "output"]
        assert [axes.get_title("left") for axes in panels[1::2]] == ["6 x 2 x 3 x 3", "50 x 72", "4 x 50"]
        total = 6 * 18 + 50 * 72 + 4 * 50
        assert figure.get_suptitle() == f"Weights: {total:,} parameters"

    def test_matrix_and_distribution_are_those_of_the_layer(self, net):
        histogram, matrix = [axes for axes in plot.weights(net, "hidden").axes if axes.get_title("left")]
        values = weight(net, "hidden")
        assert np.array_equal(matrix.images[0].get_array(), values)
        counts, edges, _ = histogram.patches[0].get_data()
        assert counts.sum() == values.size
        assert counts[edges[1:] <= 0].sum() <= (values < 0).sum() <= counts[edges[:-1] <= 0].sum()
        assert f"mean {values.mean():.3g}, std {values.std():.3g}" == histogram.get_title("right")

    def test_zero_is_the_ground_and_signs_are_orange_and_blue(self, net):
        image = plot.weights(net, "output").axes[1].images[0]
        bound = image.norm.vmax
        low, zero, high = (image.cmap(image.norm(value))[:3] for value in (-bound / 2, 0, bound / 2))
        assert zero == pytest.approx((1, 1, 1), abs=0.02)
        assert high[0] > 0.8 > high[2]
        assert low[2] > 0.6 > low[0]

    @pytest.mark.parametrize("ground", ["default", "dark_background"])
    def test_the_further_from_zero_the_further_from_the_ground(self, net, ground):
        with plt.style.context(ground):
            colours = plot.weights(net, "output").axes[1].images[0].cmap(np.linspace(0.5, 1, 9))[:, :3]
        lightness = colours @ (0.21, 0.72, 0.07)
        assert (np.diff(lightness) < 0).all() if ground == "default" else (np.diff(lightness) > 0).all()

    def test_a_reservoir_s_fixed_weights_count_as_well(self):
        net = Sequential([layers.SpikingRecurrent(27, 2.0, reservoir=(3, 3, 3), trained=False, name="pool")], (5,), 20)
        assert np.array_equal(plot.weights(net).axes[1].images[0].get_array(), net.layers[0].buffers["weight"])

    def test_a_network_of_zeros(self, net):
        still = Sequential([layers.SpikingDense(2, v_th=1.0)], (3,), steps=5)
        still.layers[0].params["weight"][:] = 0
        assert png(plot.weights(still))
        assert png(plot.receptive_fields(still))


class TestReceptiveFields:
    def test_each_neuron_is_an_image(self):
        net = Sequential([layers.SpikingDense(5, v_th=1.0)], (3, 4), steps=20)
        drawn = images(plot.receptive_fields(net, neurons=[4, 1]))
        assert list(drawn) == ["4", "1"]
        for name, image in drawn.items():
            assert np.array_equal(image, net.layers[0].params["weight"][int(name)].reshape(3, 4))

    def test_channels_stand_beside_each_other_with_a_gap(self, net):
        (image,) = images(plot.receptive_fields(net, "hidden", neurons=7)).values()
        field = weight(net, "hidden")[7].reshape(6, 3, 4)  # three beside, two below each other
        assert image.shape == (2 * 3 + 1, 3 * 4 + 2)
        for channel in range(6):
            row, column = divmod(channel, 3)
            part = image[row * 4 : row * 4 + 3, column * 5 : column * 5 + 4]
            assert np.array_equal(part, field[channel])
        assert image.mask[3].all()
        assert image.mask[:, 4].all()

    def test_an_input_without_rows_gives_lines(self, net):
        panels = plot.receptive_fields(net, "output").axes
        assert [axes.get_title() for axes in panels if axes.lines] == ["0", "1", "2", "3"]
        drawn = [axes.lines[-1].get_ydata() for axes in panels if axes.lines]
        assert np.array_equal(drawn, weight(net, "output"))

    def test_the_strongest_forty_are_the_default_on_one_scale(self, net):
        figure = plot.receptive_fields(net)
        norms = (weight(net, "hidden") ** 2).sum(1)
        assert [int(title) for title in images(figure)] == sorted(np.argsort(-norms)[:40])
        assert len({(image.norm.vmin, image.norm.vmax) for axes in figure.axes for image in axes.images}) == 1
        assert figure.get_suptitle() == "Receptive fields of hidden: 40 of 50 neurons"


class TestKernels:
    def test_each_map_shows_its_channels(self, net):
        drawn = images(plot.kernels(net, maps=[5, 0]))
        assert list(drawn) == ["5", "0"]
        for name, image in drawn.items():
            kernel = weight(net, "conv")[int(name)]
            assert np.array_equal(image[:, :3], kernel[0])
            assert np.array_equal(image[:, 4:], kernel[1])

    def test_the_first_convolution_is_the_default(self, net):
        assert plot.kernels(net).get_suptitle() == "Kernels of conv: 6 of 6 maps, 3 x 3"


NETWORK = "a network, such as Sequential.load(path) returns"
POOL = [layers.SpikingPool2D(2, v_th=1.0)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda n: plot.weights(n.layers[0]), f"net is a SpikingConv2D: pass {NETWORK}"),
        (lambda n: plot.weights(Sequential), f"net is the class Sequential itself: pass {NETWORK}"),
        (lambda n: plot.weights(weight(n, "output")), f"net is an array of shape (4, 50): pass {NETWORK}"),
        (lambda n: plot.weights(n, "pool"), "layers='pool': pass one of 'conv', 'hidden', 'output'"),
        (lambda n: plot.weights(n, []), "layers is empty: pass at least one"),
        (
            lambda n: plot.weights(Sequential(POOL, (4, 4), 9)),
            "no layer of this network has weights to draw: pass a network with a dense layer or a convolution",
        ),
        (lambda n: plot.receptive_fields(n, "conv"), "layer='conv': pass one of 'hidden', 'output'"),
        (lambda n: plot.receptive_fields(n, neurons=50), "neurons=50: pass a whole number from 0 to 49"),
        (lambda n: plot.kernels(n, "hidden"), "layer='hidden': pass one of 'conv'"),
        (lambda n: plot.kernels(n, maps=-1), "maps=-1: pass a whole number from 0 to 5"),
        (
            lambda n: plot.kernels(Sequential([layers.SpikingDense(2, v_th=1.0)], (3,), 5)),
            "this network has no convolution layer: use plot.receptive_fields(net), or plot.weights(net)",
        ),
    ],
)
def test_bad_input_is_named_with_its_remedy(net, call, message):
    with pytest.raises(InputError) as raised:
        call(net)
    assert str(raised.value) == message


def test_large_weights_have_finite_figures():
    """Of which the squares are not finite."""
    net = Sequential([layers.SpikingDense(3, v_th=1.0)], (4,), 10, device="cpu")
    net.layers[0].params["weight"][...] = np.linspace(-1e30, 1e30, 12, dtype=np.float32).reshape(3, 4)
    shown = [text.get_text() for text in plot.weights(net).findobj(Text)]
    assert any("std 6.28e+29" in text for text in shown)
    assert len(plot.receptive_fields(net).axes) >= 3
