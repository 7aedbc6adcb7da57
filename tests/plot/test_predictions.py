"""Figures of predictions: every count where it belongs."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from pictures import RECORDING, TRAINS, png, recorded, trains

from cupynn import Sequential, layers, plot
from cupynn.checks import InputError
from cupynn.plot.style import GREY
from cupynn.results import Evaluation

MATRIX = np.array([[8, 2, 0], [1, 9, 0], [3, 0, 27]])


def evaluation(matrix=MATRIX):
    return Evaluation(accuracy=44 / 50, loss=None, spikes={}, silent=0, dead={}, confusion=matrix)


class TestConfusion:
    def test_counts_stand_in_the_cells_of_label_and_prediction(self):
        figure = plot.confusion(evaluation(), classes=("a", "b", "c"))
        axes = figure.axes[0]
        written = {text.get_position()[::-1]: text.get_text() for text in axes.texts}
        assert written == {place: str(count) for place, count in np.ndenumerate(MATRIX) if count}
        assert [axes.get_ylabel(), axes.get_xlabel()] == ["label", "predicted"]
        assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c"]
        assert axes.yaxis_inverted()
        assert figure.get_suptitle() == "44 of 50 samples correct (88.00%)"

    def test_one_scale_shows_the_share_of_the_row(self):
        image = plot.confusion(evaluation()).axes[0].images[0]
        np.testing.assert_allclose(image.get_array(), MATRIX / MATRIX.sum(1, keepdims=True))
        assert (image.norm.vmin, image.norm.vmax) == (0, 1)
        few, many = image.cmap(1 / 36)[:3], image.cmap(1.0)[:3]
        assert min(few) > 0.9 > 0.5 > min(many)  # an error of 1 is paler than a hit of 36

    @pytest.mark.parametrize(
        ("normalize", "bar"),
        [("label", "share of the row"), ("prediction", "share of the column"), ("all", "share of all samples")],
    )
    def test_shares(self, normalize, bar):
        axes, _, scale = plot.confusion(evaluation(), normalize=normalize).axes
        drawn = axes.images[0].get_array()
        np.testing.assert_allclose(drawn.sum({"label": 1, "prediction": 0, "all": None}[normalize]), 1)
        written = {text.get_position()[::-1]: text.get_text() for text in axes.texts}
        assert written == {place: f"{100 * drawn[place]:.0f}" for place, count in np.ndenumerate(MATRIX) if count}
        assert scale.get_xlabel() == bar

    def test_accuracy_of_each_class_and_the_most_frequent_errors(self):
        right = plot.confusion(evaluation()).axes[1]
        assert [bar.get_width() for bar in right.patches] == [0.8, 0.9, 0.9]
        assert right.get_xlim() == (0, 1)
        words = [text.get_text() for text in right.texts]
        assert words[:3] == ["80%", "90%", "90%"]
        assert words[3].splitlines() == [
            "most frequent errors:",
            "2 as 0: 3 times",
            "0 as 1: 2 times",
            "1 as 0: once",
        ]

    @pytest.mark.parametrize("given", [MATRIX, MATRIX.tolist(), MATRIX.astype(np.uint8)])
    def test_takes_a_bare_matrix(self, given):
        assert plot.confusion(given).get_suptitle() == "44 of 50 samples correct (88.00%)"

    def test_a_class_without_samples_has_no_accuracy(self):
        figure = plot.confusion([[5, 0], [0, 0]])
        png(figure)
        assert [text.get_text() for text in figure.axes[1].texts] == ["100%", "none", "no errors"]

    def test_many_classes_have_colours_alone(self):
        figure = plot.confusion(np.diag(np.arange(1, 48)))
        png(figure)
        assert not figure.axes[0].texts

    def test_on_axes_of_one_s_own(self):
        own, ax = plt.subplots()
        assert plot.confusion(evaluation(), ax=ax) is ax
        assert ax.get_title("left") == "44 of 50 samples correct (88.00%)"
        assert len(ax.texts) == 6
        plt.close(own)


def shares(patch):
    """Shares by the middle of their bin, but for empty ones."""
    values, edges, _ = patch.get_data()
    return {float(middle): share for middle, share in zip((edges[1:] + edges[:-1]) / 2, values, strict=True) if share}


class TestRates:
    def test_own_neurons_stand_against_the_others(self):
        recording = recorded({"input": trains(6, 20, 5), "output": trains(6, 20, 3, seed=4)})
        labels = np.array([0, 1, 0, 2, 1, 1])
        counts = recording.spikes["output"].counts
        figure = plot.rates(recording, labels, classes=("a", "b", "c"))
        png(figure)
        assert [axes.get_title("left") for axes in figure.axes] == ["a", "b", "c"]
        for index, axes in enumerate(figure.axes):
            others, own = axes.patches
            for patch, values in (
                (own, counts[labels == index, index]),
                (others, np.delete(counts[labels == index], index, 1).ravel()),
            ):
                found, number = np.unique(values, return_counts=True)
                expected = dict(zip((found / 20).tolist(), number / values.size, strict=True))
                assert sorted(shares(patch).items()) == [pytest.approx(item) for item in sorted(expected.items())]
            assert axes.get_title("right") == f"{(labels == index).sum()} sample{'s' if index < 2 else ''}"
            assert plt.matplotlib.colors.to_hex(others.get_facecolor()) == GREY
        assert [text.get_text() for text in figure.legends[0].get_texts()] == ["the class's own neuron", "other neurons"]

    def test_another_layer_shows_all_that_fire(self):
        recording = recorded({"input": trains(4, 20, 30, rate=0.05), "output": trains(4, 20, 2, seed=4)})
        figure = plot.rates(recording, [0, 1, 1, 0], layer="input")
        counts = recording.spikes["input"].counts[[0, 3]]
        found, number = np.unique(counts[counts > 0], return_counts=True)
        (patch,) = figure.axes[0].patches
        expected = dict(zip((found / 20).tolist(), number / number.sum(), strict=True))
        assert sorted(shares(patch).items()) == [pytest.approx(item) for item in sorted(expected.items())]
        assert figure.axes[0].get_title("right") == f"{(counts == 0).mean():.0%} silent"
        assert figure.get_suptitle() == "Firing rates of input by class"

    def test_classes_without_samples_have_no_panel(self):
        figure = plot.rates(trains(3, 20, 7), [4, 4, 1], classes=[*"abcdefg"])
        assert [axes.get_title("left") for axes in figure.axes] == ["b", "e"]

    def test_large_counts_share_bins(self):
        spikes = trains(8, 500, 2, rate=0.9)
        figure = plot.rates(spikes, [0, 1] * 4)
        assert all(patch.get_data().values.size <= 31 for patch in figure.axes[0].patches)
        assert sum(figure.axes[0].patches[1].get_data().values) == pytest.approx(1)

    def test_rates_in_hertz_within_a_window(self):
        spikes = trains(1, 40, 1, rate=1)
        figure = plot.rates(spikes, [0], steps=(10, 20), dt=2.0)
        assert list(shares(figure.axes[0].patches[-1])) == pytest.approx([500.0])
        assert figure.get_supxlabel() == "firing rate of a neuron (Hz)"
        assert plot.rates(spikes, [0]).get_supxlabel() == "firing rate of a neuron (spikes per step)"

    def test_silence(self):
        assert png(plot.rates(trains(2, 9, 3, rate=0), [0, 1]))


EVALUATION = "the result of net.evaluate(test), or its .confusion"
NET = Sequential([layers.SpikingDense(3, v_th=1.0)], (4,), steps=20)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot.confusion(NET), f"evaluation is a Sequential: pass {EVALUATION}"),
        (lambda: plot.confusion(Evaluation), f"evaluation is the class Evaluation itself: pass {EVALUATION}"),
        (
            lambda: plot.confusion(np.zeros((2, 3), int)),
            f"evaluation is an array of shape (2, 3), int64: pass {EVALUATION}, an integer array (classes, classes)",
        ),
        (
            lambda: plot.confusion([[1, 2], [3]]),
            f"evaluation is an array of shape (0,), float64: pass {EVALUATION}, an integer array (classes, classes)",
        ),
        (
            lambda: plot.confusion([[0.5, 0.5], [0, 1]]),
            f"evaluation is an array of shape (2, 2), float64: pass {EVALUATION}, an integer array (classes, classes)",
        ),
        (
            lambda: plot.confusion(evaluation(), classes=["a"]),
            "classes=['a']: pass 3 names, one per class, such as test.classes",
        ),
        (
            lambda: plot.confusion(evaluation(), normalize="true"),
            "normalize='true': pass one of 'label', 'prediction', 'all'",
        ),
        (lambda: plot.rates(NET, [0]), f"recording is a Sequential: pass {RECORDING}, or {TRAINS}"),
        (lambda: plot.rates(trains(2, 9, 3), [0]), "labels has shape (1,): pass one label per sample, shape (2,)"),
        (
            lambda: plot.rates(trains(2, 9, 3), [0, 0.5]),
            "labels has dtype float64: pass integer class labels 0, 1, 2, ...",
        ),
        (
            lambda: plot.rates(trains(2, 9, 3), [0, 2], classes=["a", "b"]),
            "labels[1]=2: labels must be within 0..1 for 2 classes",
        ),
        (
            lambda: plot.rates(recorded({"input": trains(1, 9, 3), "output": trains(1, 9, 2)}), [0], "hidden"),
            "layer='hidden': pass one of 'input', 'output'",
        ),
        (lambda: plot.rates(trains(0, 9, 3), []), "there are no samples: pass at least one"),
    ],
)
def test_bad_input_is_named_with_its_remedy(call, message):
    with pytest.raises(InputError) as raised:
        call()
    assert str(raised.value) == message
