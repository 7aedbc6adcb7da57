"""Figures that fit a paper, a slide and figures of the user: sizes, parts, windows of time, styles."""

import io
import time

import matplotlib.pyplot as plt
import numpy as np
import pytest
from factories import dense_network, draw_data
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from pictures import events, history, line, marks, panels, png, recorded, trains
from texts import collisions

from cupynn import Sequential, layers, plot
from cupynn.checks import InputError
from cupynn.datasets import PassiveEar
from cupynn.spikes import SpikeTrains

CONV = Sequential([layers.SpikingConv2D(3, 3, v_th=1.0), layers.SpikingDense(4, v_th=1.0)], (2, 6, 5), steps=50)
TONE = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(2000) / 8000)
NAMES = ["aeroplane, of any kind", "bird", "a very long name of a class", "dog"]


@pytest.fixture(scope="module")
def recording():
    return recorded(
        {
            "input": trains(3, 50, 2, 6, 5),
            "a hidden layer with a long name": trains(3, 50, 40, seed=1),
            "output": trains(3, 50, 4, seed=2),
        }
    )


A_PAIR = "pass a pair, the first step and the step after the last"
HIDDEN = "a hidden layer with a long name"
FIGURES = {
    "raster": lambda r, **o: plot.raster(r, classes=NAMES, **o),
    "raster in ms": lambda r, **o: plot.raster(r, steps=(10, 30), dt=0.25, neurons={HIDDEN: range(5, 35)}, **o),
    "membranes": lambda r, **o: plot.membranes(r, HIDDEN, **o),
    "psp": lambda r, **o: plot.psp(r, HIDDEN, **o),
    "psp of some": lambda r, **o: plot.psp(r, HIDDEN, neurons=[3, 7, 21], **o),
    "psp_build_up": lambda r, **o: plot.psp_build_up(r, HIDDEN, steps=(10, 40), dt=0.5, **o),
    "rates": lambda r, **o: plot.rates(r, [0, 1, 3], classes=NAMES, **o),
    "weights": lambda _, **o: plot.weights(CONV, **o),
    "receptive_fields": lambda _, **o: plot.receptive_fields(CONV, **o),
    "kernels": lambda _, **o: plot.kernels(CONV, **o),
    "maps": lambda r, **o: plot.maps(r, "input", steps=(5, 25), **o),
    "samples": lambda _, **o: plot.samples((np.arange(80, dtype=np.uint8).reshape(4, 4, 5), range(4)), classes=NAMES, **o),
    "vectors": lambda _, **o: plot.samples(np.random.default_rng(0).random((3, 9)), **o),
    "curves": lambda _, **o: plot.curves(history(5), **o),
    "compare": lambda _, **o: plot.compare({"one": history(3), "a run with a long name": history(2)}, **o),
    "confusion": lambda _, **o: plot.confusion(np.arange(16).reshape(4, 4) * 7, NAMES, **o),
    "confusion of many": lambda _, **o: plot.confusion(np.diag(range(1, 31)), normalize="label", **o),
    "energy": lambda _, **o: plot.energy({"a network with a long name": dense_network().evaluate(draw_data(9))}, **o),
    "speech": lambda _, **o: plot.speech(TONE, PassiveEar(8000), **o),
}


@pytest.fixture(params=FIGURES)
def make(request, recording):
    """A function that makes a figure with some options."""
    return lambda **options: FIGURES[request.param](recording, **options)


def test_all_figures_are_tried():
    assert {name.split()[0] for name in FIGURES} >= {*plot.__all__} - {"Film", "Page", "animate", "explore"}


class TestSizes:
    @pytest.mark.slow
    @pytest.mark.parametrize("width", [3.5, 5.0, 7.0, None])
    def test_no_text_covers_other_text_or_is_cut_off(self, make, width):
        assert collisions(make(figsize=width)) == []

    def test_the_column_of_a_paper(self, recording):
        figure = plot.raster(recording, classes=NAMES, figsize=3.5)
        assert figure.get_size_inches()[0] == 3.5
        assert collisions(figure) == []

    @pytest.mark.slow
    def test_width_height_and_title(self, make):
        figure = make(figsize=(5, 4), title="Mine")
        assert figure.get_size_inches().tolist() == [5, 4]
        assert figure.get_suptitle() == "Mine"

    def test_without_a_title(self, recording):
        assert plot.raster(recording, layers="output", title="").get_suptitle() == ""

    @pytest.mark.parametrize("value", [0.1, (3, 0), (1, 2, 3), "small", -4, True, np.nan, (None, 3)])
    def test_other_sizes_are_an_input_error(self, recording, value):
        with pytest.raises(InputError, match=r"^figsize=.*: pass a width, or \(width, height\), of 1.5 to 100 inches$"):
            plot.raster(recording, figsize=value)

    def test_a_title_is_text(self, recording):
        with pytest.raises(InputError, match="title is an int: pass text"):
            plot.raster(recording, title=3)


class TestParts:
    @pytest.mark.slow
    def test_in_a_part_of_a_figure_of_one_s_own(self, make):
        figure = Figure(figsize=(12, 8))
        left, right = figure.subfigures(1, 2)
        assert make(ax=right, title="there") is right
        assert not left.axes
        assert right.axes
        assert right.get_suptitle() == "there"

    def test_in_a_figure_of_one_s_own(self, recording):
        figure = Figure(layout="tight")
        assert plot.raster(recording, ax=figure) is figure
        assert len(figure.axes) == 6
        assert type(figure.get_layout_engine()).__name__ == "TightLayoutEngine"

    @pytest.mark.slow
    def test_two_side_by_side_do_not_cover_each_other(self, recording):
        figure = Figure(figsize=(9, 6), layout="constrained")
        left, right = figure.subfigures(1, 2)
        plot.raster(recording, ax=left)
        plot.membranes(recording, HIDDEN, neurons=[1, 2], ax=right)
        assert collisions(figure) == []

    @pytest.mark.parametrize(
        "call",
        [
            lambda r, ax: plot.raster(r, layers="output", ax=ax),
            lambda r, ax: plot.membranes(r, "output", neurons=2, dt=0.1, ax=ax),
            lambda r, ax: plot.psp(r, "output", ax=ax),
            lambda r, ax: plot.weights(CONV, "dense_2", ax=ax),
            lambda r, ax: plot.kernels(CONV, maps=1, ax=ax),
            lambda r, ax: plot.receptive_fields(CONV, neurons=1, ax=ax),
            lambda r, ax: plot.maps(r, "input", maps=0, ax=ax),
            lambda r, ax: plot.samples(np.ones((3, 4, 4)), samples=1, ax=ax),
            lambda r, ax: plot.confusion(np.eye(4, dtype=int), NAMES, ax=ax),
        ],
    )
    def test_a_single_panel_on_axes(self, recording, call):
        figure = Figure(figsize=(7, 5), layout="constrained")
        ax, other = figure.subplots(1, 2)
        assert call(recording, ax) is ax
        assert ax.has_data() or ax.images
        assert not other.has_data()
        assert png(figure)

    def test_the_size_of_axes_is_theirs(self, recording):
        ax = Figure().add_subplot()
        with pytest.raises(InputError, match=r"figsize=3.5 with ax: an Axes has its size already: leave figsize out"):
            plot.raster(recording, layers="output", ax=ax, figsize=3.5)

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (
                lambda r: plot.curves(history(2), ax=Figure().add_subplot()),
                "ax is one panel, but this figure has 3: pass a SubF",
            ),
            (lambda r: plot.raster(r, "output", ax=3), "sample='output'"),
            (lambda r: plot.psp(r, "output", ax="left"), "ax is a str: pass Axes, a SubFigure or a Figure"),
            (lambda r: plot.psp(r, "output", ax=Figure().add_subplot(projection="polar")), "ax is a polar plot: pass Axes"),
            (
                lambda r: plot.psp(r, "output", ax=Figure().add_subplot().figure),
                "ax is a Figure with 1 axes: pass an ",
            ),
        ],
    )
    def test_other_values_are_an_input_error(self, recording, call, message):
        with pytest.raises(InputError) as raised:
            call(recording)
        assert str(raised.value).startswith(message)


class TestTime:
    def test_a_window_holds_and_counts_its_own_spikes(self, recording):
        figure = plot.raster(recording, sample=1, steps=(10, 30))
        left, right = panels(figure)
        for axes, spikes in zip(left, recording.spikes.values(), strict=True):
            assert marks(axes) == [event for event in events(spikes, 1) if 10 <= event[0] < 30]
            assert axes.get_xlim() == (9.5, 29.5)
        counts = recording.spikes["output"].to_dense()[1, 10:30].sum(0)
        assert [bar.get_width() for bar in right[-1].patches] == counts.tolist()
        assert figure.get_suptitle().startswith("Sample 1: steps 10 to 29 of 50, ")
        assert marks(panels(plot.raster(recording, sample=1, steps=range(10, 30)))[0][0]) == marks(left[0])

    def test_milliseconds(self, recording):
        (left,), _ = panels(plot.raster(recording, layers="output", dt=0.5))
        assert marks(left) == [(0.5 * step, neuron) for step, neuron in events(recording.spikes["output"], 0)]
        assert left.get_xlabel() == "time (ms)"
        assert left.get_xlim() == (-0.25, 24.75)
        upper = plot.membranes(recording, "output", neurons=1, dt=2.0).axes[0]
        assert line(upper, "membrane, reset where it fires").get_xdata()[-1] in (97.0, 98.0)

    def test_chosen_neurons(self, recording):
        (left,), (right,) = panels(plot.raster(recording, layers="output", neurons=[3, 0]))
        assert [label.get_text() for label in left.get_yticklabels()] == ["3", "0"]
        places = {3: 0, 0: 1}
        assert marks(left) == sorted(
            (step, places[neuron]) for step, neuron in events(recording.spikes["output"], 0) if neuron in places
        )
        assert [bar.get_width() for bar in right.patches] == recording.spikes["output"].counts[0][[3, 0]].tolist()

    def test_numbers_of_many_chosen_neurons_are_round(self, recording):
        (left,), _ = panels(plot.raster(recording, layers=HIDDEN, neurons=range(3, 38)))
        left.figure.draw_without_rendering()
        shown = [label.get_text() for label in left.get_yticklabels() if label.get_text()]
        assert shown == ["10", "20", "30"]
        assert [round(tick) for tick in left.get_yticks()] == [7, 17, 27]

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda r: plot.raster(r, steps=(20, 60)), "steps[1]=60: pass a whole number from 1 to 50"),
            (lambda r: plot.raster(r, steps=(20, 10)), "steps[0]=20: pass a whole number from 0 to 9"),
            (
                lambda r: plot.raster(r, steps=9),
                f"steps=9: {A_PAIR}, such as (0, 50)",
            ),
            (lambda r: plot.raster(r, dt=0), "dt=0: pass a finite number greater than 0"),
            (lambda r: plot.raster(r, dt="1 ms"), "dt='1 ms': pass a finite number greater than 0"),
            (
                lambda r: plot.raster(r, neurons=[1]),
                "neurons=[1] with 3 layers: pass a dict, such as {'output': range(10)}, "
                "or one layer, such as layers='output'",
            ),
            (
                lambda r: plot.raster(r, neurons={"hidden": 1}),
                f"neurons='hidden': pass one of 'input', {HIDDEN!r}, 'output'",
            ),
            (lambda r: plot.raster(r, neurons={"output": [4]}), "neurons=4: pass a whole number from 0 to 3"),
            (lambda r: plot.raster(r, neurons={"output": [1, 1]}), "neurons of 'output' repeat: pass each index once"),
        ],
    )
    def test_bad_input_is_named_with_its_remedy(self, recording, call, message):
        with pytest.raises(InputError) as raised:
            call(recording)
        assert str(raised.value) == message


class TestStyles:
    @pytest.mark.slow
    def test_no_white_on_a_dark_ground(self, make):
        with plt.style.context("dark_background"):
            figure = make()
            picture = plt.imread(_file(figure))[..., :3]
        assert not picture[[0, 0, -1, -1], [0, -1, 0, -1]].any()
        assert {to_hex(axes.get_facecolor()) for axes in figure.axes} == {"#000000"}

    def test_text_has_the_colour_of_the_style(self, recording):
        with plt.style.context("dark_background"):
            figure = plot.confusion(np.eye(3, dtype=int) * 5)
        assert {to_hex(label.get_color()) for label in figure.axes[0].get_xticklabels()} == {"#ffffff"}


def _file(figure):
    """The picture of a figure, as a file."""
    return io.BytesIO(png(figure))


class TestLargeLayers:
    def test_100_000_spikes_of_a_sensor_take_less_than_a_second(self):
        rng, count = np.random.default_rng(0), 100_000
        where = rng.integers(0, 400, count), rng.integers(0, 346 * 260, count)
        spikes = SpikeTrains.from_events(np.zeros(count, int), *where, shape=(1, 400, 260, 346))
        plot.raster(spikes)  # fonts are loaded once
        begun = time.process_time()
        assert png(plot.raster(spikes))
        assert time.process_time() - begun < 1

    def test_counts_of_more_neurons_than_lines_are_means_and_largest_ones(self):
        dense = np.zeros((1, 3, 1000), np.uint8)
        dense[0, :2, 500] = 1
        largest, mean = panels(plot.raster(SpikeTrains.from_dense(dense)))[1][0].patches
        values, edges, _ = mean.get_data()
        assert len(values) == 400
        assert (values * np.diff(edges)).sum() == pytest.approx(2)
        assert largest.get_data().values.max() == 2

    def test_maps_have_borders_and_numbers(self):
        axes = panels(plot.raster(recorded({"input": trains(1, 9, 2, 4, 4), "conv": trains(1, 9, 3, 4, 4)})))[0]
        assert [each.get_ylabel() for each in axes] == ["channel", "map"]
        borders = [segment[0][1] for segment in axes[1].collections[0].get_segments()]
        assert borders == [15.5, 31.5]
        assert [label.get_text() for label in axes[1].get_yticklabels()] == ["0", "1", "2"]


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 1, 30), (1, 1, 2, 4, 5)])
@pytest.mark.parametrize("rate", [0, 1])
def test_one_step_and_silence(shape, rate):
    recording = recorded({"input": trains(*shape, rate=rate), "output": trains(1, 1, 3, rate=0)})
    assert png(plot.raster(recording, dt=1.0, figsize=3.5))
    assert png(plot.membranes(recording, "output", steps=(0, 1)))
    assert png(plot.psp(recording, "output", figsize=3.5))
    assert png(plot.rates(recording, [0], dt=1.0))
    if len(shape) > 3:
        assert png(plot.maps(recording))
