"""Figures: what they draw is what happened, whatever happened, and they leave matplotlib as it was."""

import doctest
import io
import pickle
import subprocess
import sys
from dataclasses import replace

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from factories import dense_network, draw_data, slow
from matplotlib.figure import Figure
from pictures import RECORDING, TRAINS, events, history, line, marks, panels, png, recorded, trains

from cupynn import Ragged, Sequential, encoders, layers, plot
from cupynn.checks import InputError
from cupynn.datasets import PassiveEar
from cupynn.results import Recording
from cupynn.results.history import History
from cupynn.spikes import SpikeTrains


def spoken():
    """A signal, two tones one after the other, and an ear for it."""
    time = np.arange(3000) / 8000
    return 0.3 * np.sin(2 * np.pi * np.where(time < 0.2, 400, 1500) * time), PassiveEar(8000)


@pytest.fixture
def recording():
    return recorded({"input": trains(3, 50, 6, 5), "hidden": trains(3, 50, 40, seed=1), "output": trains(3, 50, 4, seed=2)})


class TestRaster:
    def test_classes_by_name(self, recording):
        names = ["cat", "dog", "elk", "fox"]
        winner = names[int(recording.spikes["output"].counts[0].argmax())]
        figure = plot.raster(recording, classes=names)
        last = panels(figure)[0][-1]
        assert [label.get_text() for label in last.get_yticklabels()] == names
        assert [label.get_text() for label in last.get_yticklabels() if label.get_fontweight() == "bold"] == [winner]
        assert last.get_title(loc="right").endswith(f"most by {winner}")
        assert panels(figure)[0][0].get_ylabel() == "neuron"
        with pytest.raises(InputError, match=r"classes=.*: pass 4 names"):
            plot.raster(recording, classes=["cat", "dog"])

    @pytest.mark.parametrize("sample", [0, 2])
    def test_draws_every_spike_of_the_sample_and_no_other(self, recording, sample):
        figure = plot.raster(recording, sample)
        drawn = [marks(axes) for axes in panels(figure)[0]]
        assert drawn == [events(spikes, sample) for spikes in recording.spikes.values()]

    def test_panels_are_named_and_counted(self, recording):
        figure = plot.raster(recording, sample=1)
        spikes = [s[1].neurons.size for s in recording.spikes.values()]
        left = panels(figure)[0]
        assert [axes.get_title("left") for axes in left] == ["input", "hidden", "output"]
        assert left[0].get_title("right") == f"30 neurons, {spikes[0]} spikes"
        assert figure.get_suptitle() == f"Sample 1: 50 steps, {sum(spikes)} spikes"

    def test_panels_share_the_time_axis(self, recording):
        left, _ = panels(plot.raster(recording))
        left[0].set_xlim(10, 20)
        assert left[2].get_xlim() == (10, 20)

    @pytest.mark.parametrize("chosen", [["output", "input"], ("hidden",), "hidden"])
    def test_chosen_layers_come_in_the_chosen_order(self, recording, chosen):
        left, _ = panels(plot.raster(recording, layers=chosen))
        names = [chosen] if isinstance(chosen, str) else list(chosen)
        assert [axes.get_title("left") for axes in left] == names
        assert [marks(axes) for axes in left] == [events(recording.spikes[name], 0) for name in names]

    def test_takes_bare_trains(self):
        spikes = trains(2, 30, 25)
        figure = plot.raster(spikes, sample=1)
        (left,), _ = panels(figure)
        assert marks(left) == events(spikes, 1)

    def test_counts_stand_beside_the_trains(self, recording):
        _, right = panels(plot.raster(recording))
        (outline,) = right[1].patches
        assert np.array_equal(outline.get_data().values, recording.spikes["hidden"].counts[0])
        assert [bar.get_width() for bar in right[2].patches] == recording.spikes["output"].counts[0].tolist()
        assert [text.get_text() for text in right[2].texts] == [str(c) for c in recording.spikes["output"].counts[0]]

    def test_a_number_in_an_array(self, recording):
        with pytest.raises(InputError, match=r"layers?=5: pass"):
            plot.raster(recording, layers=np.array(5))

    def test_winner_stands_out_and_the_lowest_index_wins_a_tie(self):
        dense = np.zeros((1, 20, 4), np.uint8)
        dense[0, :3, 1] = dense[0, 5:8, 2] = dense[0, 9, 3] = 1
        left, right = (axes[0] for axes in panels(plot.raster(SpikeTrains.from_dense(dense))))
        loudest = max(left.lines, key=lambda drawn: drawn.get_alpha())
        assert loudest.get_ydata().tolist() == [1, 1, 1]
        assert [label.get_fontweight() for label in left.get_yticklabels()] == ["normal", "bold", "normal", "normal"]
        assert [text.get_fontweight() for text in right.texts] == ["normal", "bold", "normal", "normal"]
        assert np.argmax([bar.get_facecolor()[3] for bar in right.patches]) == 1
        assert left.get_title("right") == "4 neurons, 7 spikes, most by neuron 1"

    def test_no_train_of_a_large_last_layer_is_pale(self):
        spikes = trains(1, 30, 100)
        (left,), _ = panels(plot.raster(spikes))
        assert [drawn.get_alpha() for drawn in left.lines if drawn.get_xdata().size] == [1]
        assert f"most by neuron {spikes.counts.argmax()}" in left.get_title("right")

    def test_only_the_last_layer_has_a_winner(self, recording):
        left, _ = panels(plot.raster(recording))
        assert ["most by" in axes.get_title("right") for axes in left] == [False, False, True]
        (left,), _ = panels(plot.raster(recording, layers="hidden"))
        assert "most by" not in left.get_title("right")

    def test_silent_layers(self):
        recording = recorded({"input": trains(1, 9, 30, rate=0), "output": trains(1, 9, 3, rate=0)})
        figure = plot.raster(recording)
        left, right = panels(figure)
        assert [marks(axes) for axes in left] == [[], []]
        assert left[1].get_title("right") == "3 neurons, 0 spikes"
        assert [text.get_text() for text in right[1].texts] == ["", "", ""]
        assert {label.get_fontweight() for label in left[1].get_yticklabels()} == {"normal"}
        assert right[0].get_xlim()[0] == 0
        png(figure)

    def test_one_step_of_one_neuron(self):
        figure = plot.raster(trains(1, 1, 1, rate=1))
        (left,), _ = panels(figure)
        png(figure)
        assert marks(left) == [(0, 0)]
        assert [tick for tick in left.get_xticks() if -0.5 <= tick <= 0.5] == [0]
        assert figure.get_suptitle() == "Sample 0: 1 step, 1 spike"

    @pytest.mark.slow
    def test_a_million_spikes_are_all_drawn_and_make_a_small_svg(self):
        spikes = trains(1, 1600, 800, rate=0.8)
        figure = plot.raster(spikes)
        (left,), _ = panels(figure)
        assert sum(drawn.get_xdata().size for drawn in left.lines) == spikes.neurons.size > 1_000_000
        file = io.BytesIO()
        figure.savefig(file, format="svg")
        assert len(file.getvalue()) < 1_000_000


class TestMembranes:
    def test_draws_membrane_reset_threshold_and_spikes(self, recording):
        figure = plot.membranes(recording, "hidden", sample=1, neurons=[7, 3])
        uppers = figure.axes[::2]
        assert [axes.get_title("left") for axes in uppers] == ["neuron 7", "neuron 3"]
        for axes, neuron in zip(uppers, (7, 3), strict=True):
            steps = np.nonzero(recording.spikes["hidden"].to_dense()[1, :, neuron])[0]
            expected = []
            for step, value in enumerate(recording.membranes["hidden"][1, :, neuron]):
                expected += [(step, value), (step, 0)] if step in steps else [(step, value)]
            assert line(axes, "membrane, reset where it fires").get_xydata().tolist() == [list(point) for point in expected]
            assert line(axes, "spike").get_xdata().tolist() == steps.tolist()
            assert set(line(axes, "threshold").get_ydata()) == {2.5}
            assert axes.get_title("right") == f"{len(steps)} spikes in 50 steps"

    def test_shades_the_steps_at_which_a_neuron_rests(self, recording):
        figure = plot.membranes(recording, "hidden", neurons=5)
        (bars,) = figure.axes[0].collections
        drawn = [(path.vertices[:, 0].min(), path.vertices[:, 0].max()) for path in bars.get_paths()]
        fired = np.nonzero(recording.spikes["hidden"].to_dense()[0, :, 5])[0]
        assert drawn == [(step + 0.5, step + 2.5) for step in fired]  # steps + 1 and + 2

    def test_draws_the_current_below_on_one_scale(self, recording):
        lowers = plot.membranes(recording, "hidden", neurons=[4, 9]).axes[1::2]
        for axes, neuron in zip(lowers, (4, 9), strict=True):
            vertices = axes.collections[0].get_paths()[0].vertices
            outline = {(x, np.float32(y)) for x, y in vertices}
            assert outline >= set(enumerate(recording.currents["hidden"][0, :, neuron]))
        assert len({axes.get_ylim() for axes in lowers}) == 1

    def test_a_window_of_steps(self, recording):
        figure = plot.membranes(recording, "hidden", neurons=[4, 9], steps=(10, 30))
        assert {axes.get_xlim() for axes in figure.axes} == {(9.5, 29.5)}

    def test_the_most_active_neurons_are_the_default(self, recording):
        counts = recording.spikes["hidden"].counts[0]
        figure = plot.membranes(recording, "hidden")
        shown = [int(axes.get_title("left").removeprefix("neuron ")) for axes in figure.axes[::2]]
        assert len(set(shown)) == 4
        assert counts[shown].tolist() == sorted(counts, reverse=True)[:4]

    @pytest.mark.parametrize("neurons", [5, np.int64(5), [5], np.array([5])])
    def test_neurons_may_be_one_number_or_several(self, recording, neurons):
        upper, _ = plot.membranes(recording, "hidden", neurons=neurons).axes
        assert upper.get_title("left") == "neuron 5"

    def test_neurons_count_flat_in_layers_of_more_axes(self):
        recording = recorded({"input": trains(1, 8, 2), "maps": trains(1, 8, 2, 3, rate=0)})
        upper, _ = plot.membranes(recording, "maps", neurons=4).axes
        drawn = line(upper, "membrane, reset where it fires").get_ydata()
        assert np.array_equal(drawn, recording.membranes["maps"][0, :, 1, 1])

    def test_a_silent_layer_at_rest(self):
        recording = recorded({"input": trains(1, 8, 2, rate=0), "hidden": trains(1, 8, 3, rate=0)})
        recording.membranes["hidden"][:] = recording.currents["hidden"][:] = 0
        figure = plot.membranes(recording, "hidden")
        png(figure)
        assert [axes.get_title("left") for axes in figure.axes[::2]] == ["neuron 0", "neuron 1", "neuron 2"]

    def test_one_step_is_a_dot(self):
        recording = recorded({"input": trains(1, 1, 1, rate=1), "hidden": trains(1, 1, 1, rate=0)})
        figure = plot.membranes(recording, "hidden")
        png(figure)
        assert line(figure.axes[0], "membrane, reset where it fires").get_marker() == "."


class TestCurves:
    @pytest.mark.parametrize("epochs", [1, 5])
    def test_draws_the_figures_of_every_epoch(self, epochs):
        told = history(epochs)
        figure = plot.curves(told)
        png(figure)
        loss, accuracy, activity = figure.axes
        assert loss.get_ylim()[0] == activity.get_ylim()[0] == 0
        for axes, name in ((loss, "loss"), (accuracy, "accuracy")):
            assert list(line(axes, "training").get_xdata()) == told["number"]
            assert list(line(axes, "training").get_ydata()) == told[name]
            assert list(line(axes, "validation").get_ydata()) == told[f"validation_{name}"]
        for name in told.epochs[0].spikes:
            assert list(line(activity, name).get_ydata()) == [spikes[name] for spikes in told["spikes"]]
        assert [text.get_text() for text in activity.get_legend().get_texts()] == ["input", "hidden", "output"]

    def test_a_single_epoch_is_a_dot_over_a_single_tick(self):
        axes = plot.curves(history(1)).axes[0]
        assert line(axes, "training").get_marker() == "o"
        left, right = axes.get_xlim()
        assert [tick for tick in axes.get_xticks() if left <= tick <= right] == [1]

    def test_the_last_best_epoch_is_marked(self):
        accuracy = plot.curves(history(5)).axes[1]
        ring = accuracy.lines[-1]
        assert (list(ring.get_xdata()), list(ring.get_ydata())) == ([4], [0.8])
        assert accuracy.get_title("right") == "best 80.00%, epoch 4"

    def test_without_validation(self):
        figure = plot.curves(history(3, validation=False))
        png(figure)
        assert [drawn.get_label() for axes in figure.axes[:2] for drawn in axes.lines] == ["training", "training"]
        assert figure.axes[1].get_title("right") == ""

    def test_many_epochs_are_a_plain_line(self):
        told = History([replace(history(1).epochs[0], number=number) for number in range(1, 101)])
        assert line(plot.curves(told).axes[0], "training").get_marker() == "None"


class TestSpeech:
    def test_sound_frames_and_spikes_are_those_of_the_network(self):
        signal, ear = spoken()
        frames, encoder = ear(signal), encoders.BSA(hold=7)
        sound, cochleagram, spikes = plot.speech(signal, ear, encoder).axes
        (drawn,) = sound.lines
        np.testing.assert_array_equal(drawn.get_ydata(), signal)
        np.testing.assert_allclose(drawn.get_xdata() * 8000, np.arange(signal.size))
        (mesh,) = cochleagram.collections
        np.testing.assert_array_equal(mesh.get_array(), frames.T)
        trains = encoder.encode(Ragged(frames, [0], [len(frames)], ear.channels), 200, 0, 0, np.arange(1))
        _, steps, channels = trains.events()
        assert channels.size > 100
        (marks,) = spikes.lines
        np.testing.assert_array_equal(marks.get_ydata(), channels)
        np.testing.assert_allclose(marks.get_xdata(), steps * 0.016 / 7)

    def test_all_panels_have_one_time_axis(self):
        signal, ear = spoken()
        panels = plot.speech(signal, ear).axes
        assert {axes.get_xlim() for axes in panels} == {(0, signal.size / 8000)}
        edges = panels[1].collections[0].get_coordinates()[0, :, 0]
        np.testing.assert_allclose(edges, 0.016 * np.arange(edges.size))

    def test_high_frequencies_are_at_the_top_and_labelled_where_they_are(self):
        signal, ear = spoken()
        for axes in plot.speech(signal, ear).axes[1:]:
            assert axes.yaxis_inverted()
            for place, label in zip(axes.get_yticks(), axes.get_yticklabels(), strict=True):
                frequency = float(label.get_text().replace(",", ""))
                assert np.interp(place, np.arange(78), ear.frequencies) == pytest.approx(frequency, rel=1e-6)

    def test_silence(self):
        figure = plot.speech(np.zeros(1000), PassiveEar(8000))
        assert png(figure)
        assert not figure.axes[2].lines[0].get_xdata().size


HISTORY = "the result of net.fit(...), or the folder that cupynn train wrote"
A_PAIR = "pass a pair, the first step and the step after the last"
NET = Sequential([layers.SpikingDense(3, v_th=1.0)], (4,), steps=20)


class TestErrors:
    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda r: plot.raster(r, sample=3), "sample=3: pass a whole number from 0 to 2"),
            (lambda r: plot.raster(r, sample=-1), "sample=-1: pass a whole number from 0 to 2"),
            (
                lambda r: plot.raster(r, layers=["hiden"]),
                "layers='hiden' (did you mean 'hidden'?): pass one of 'input', 'hidden', 'output'",
            ),
            (lambda r: plot.raster(r, layers=2), "layers=2: pass one of 'input', 'hidden', 'output'"),
            (lambda r: plot.raster(r, layers=[]), "layers is empty: pass at least one"),
            (lambda r: plot.raster(r.spikes["input"][:0]), "there are no samples: pass at least one"),
            (lambda r: plot.raster(r.spikes), f"recording is a dict: pass {RECORDING}, or {TRAINS}"),
            (lambda r: plot.raster(NET), f"recording is a Sequential: pass {RECORDING}, or {TRAINS}"),
            (lambda r: plot.raster(Recording), f"recording is the class Recording itself: pass {RECORDING}, or {TRAINS}"),
            (
                lambda r: plot.raster(np.zeros((3, 8, 8))),
                f"recording is an array of shape (3, 8, 8): pass {RECORDING}, or {TRAINS}",
            ),
            (
                lambda r: plot.raster(r, ax=Figure().add_subplot()),
                "ax is one panel, but there are 3 layers: pass one, such as layers='output'",
            ),
            (
                lambda r: plot.raster(r, layers="input", ax=plt),
                "ax is a module: pass Axes, a SubFigure or a Figure, such as `fig, ax = plt.subplots()` makes",
            ),
            (lambda r: plot.membranes(r.spikes["output"], "output"), f"recording is a SpikeTrains: pass {RECORDING}"),
            (lambda r: plot.membranes(r, "output", steps=9), f"steps=9: {A_PAIR}, such as (0, 50)"),
            (lambda r: plot.membranes(r, "output", steps=(9, 60)), "steps[1]=60: pass a whole number from 1 to 50"),
            (lambda r: plot.membranes(r, "output", steps=(9, 9)), "steps[0]=9: pass a whole number from 0 to 8"),
            (
                lambda r: plot.curves(r),
                f"history is a Recording: pass {HISTORY}",
            ),
            (
                lambda r: plot.speech(spoken()[0], 8000),
                "ear is an int: pass datasets.PassiveEar(rate), with the sampling rate of the signal",
            ),
            (lambda r: plot.speech(*spoken(), encoders.Poisson()), "encoder is a Poisson: pass encoders.BSA()"),
            (
                lambda r: plot.speech(np.zeros(20), PassiveEar(8000)),
                "signal has 20 samples: pass at least one frame of 128 samples",
            ),
            (
                lambda r: plot.curves(History()),
                f"history has no epochs: pass {HISTORY}",
            ),
        ],
    )
    def test_bad_input_is_named_with_its_remedy(self, recording, call, message):
        with pytest.raises(InputError) as raised:
            call(recording)
        assert str(raised.value) == message


CONV = Sequential([layers.SpikingConv2D(3, 3, v_th=1.0), layers.SpikingDense(4, v_th=1.0)], (2, 6, 5), steps=50)
FIGURES = {
    "raster": plot.raster,
    "membranes": lambda r: plot.membranes(r, "hidden"),
    "psp": lambda r: plot.psp(r, "hidden"),
    "psp_build_up": lambda r: plot.psp_build_up(r, "hidden"),
    "rates": lambda r: plot.rates(r, [0, 1, 3]),
    "weights": lambda _: plot.weights(CONV),
    "receptive_fields": lambda _: plot.receptive_fields(CONV),
    "kernels": lambda _: plot.kernels(CONV),
    "curves": lambda _: plot.curves(history(3)),
    "maps": lambda r: plot.maps(r, "input"),
    "samples": lambda _: plot.samples((np.arange(60, dtype=np.uint8).reshape(3, 4, 5), [0, 1, 1])),
    "compare": lambda _: plot.compare({"one": history(3), "two": history(2)}),
    "confusion": lambda _: plot.confusion(np.arange(16).reshape(4, 4)),
    "speech": lambda _: plot.speech(*spoken()),
    "energy": lambda _: plot.energy({"one": dense_network().evaluate(draw_data(9))}),
}


BRIEF = ("raster", "membranes", "weights", "curves")  # the figures of a run without -m


@pytest.fixture(params=[name if name in BRIEF else slow(name) for name in FIGURES])
def make(request, recording):
    """A function that makes a figure."""
    return lambda: FIGURES[request.param](recording)


def test_all_figures_are_tried():
    assert {*FIGURES, "animate", "Film", "explore", "Page"} == set(plot.__all__)


@pytest.mark.parametrize("name", sorted({*plot.__all__} - {"Film", "Page"}))
def test_every_function_has_an_example(name):
    (found,) = doctest.DocTestFinder(recurse=False).find(getattr(plot, name), name)
    assert found.examples


class TestFigures:
    def test_settings_and_pyplot_stay_as_they_were(self, make):
        with plt.style.context("default"):
            own = plt.figure()
            settings = dict(matplotlib.rcParams)
            figure = make()
            png(figure)
            registered, current, after = plt.get_fignums(), plt.gcf(), dict(matplotlib.rcParams)
            plt.close(own)
        assert isinstance(figure, Figure)
        assert after == settings
        assert registered == [own.number]
        assert current is own

    @pytest.mark.slow
    def test_a_notebook_gets_a_sharp_picture_at_the_size_of_the_figure(self, make):
        figure = make()
        picture, size = figure._repr_png_()
        height, width, _ = plt.imread(io.BytesIO(picture)).shape
        assert size["width"] == 9 * figure.dpi
        np.testing.assert_allclose((width / 2, height / 2), (size["width"], size["height"]), atol=1)  # rounded to pixels

    @pytest.mark.slow
    def test_figures_can_be_pickled(self, make):
        figure = make()
        assert png(pickle.loads(pickle.dumps(figure))) == png(figure)

    @pytest.mark.slow
    def test_the_ground_is_that_of_the_users_style(self, make):
        with plt.style.context("dark_background"):
            figure = make()
            picture = plt.imread(io.BytesIO(figure._repr_png_()[0]))
        assert picture[0, 0, :3].tolist() == [0, 0, 0]
        assert {axes.title.get_color() for axes in figure.axes} == {"white"}

    def test_a_layer_has_one_colour_everywhere(self, recording):
        left, _ = panels(plot.raster(recording, layers=["output", "hidden"]))
        membrane = line(plot.membranes(recording, "hidden").axes[0], "membrane, reset where it fires")
        activity = line(plot.curves(history(2)).axes[2], "hidden")
        assert {drawn.get_color() for drawn in left[1].lines} == {membrane.get_color()} == {activity.get_color()}
        assert left[0].lines[0].get_color() != membrane.get_color()

    def test_names_of_layers_are_no_formulas(self):
        spikes = {"input": trains(1, 5, 2), r"a$\frac$_b": trains(1, 5, 2)}
        figure = plot.raster(recorded(spikes))
        assert png(figure)
        assert panels(figure)[0][1].get_title("left") == r"a$\frac$_b"

    @pytest.mark.slow
    def test_pyplot_is_not_loaded(self):
        code = """
import sys
from cupynn import SpikeTrains, plot
plot.raster(SpikeTrains.from_dense([[[1]]]))._repr_png_()
print("matplotlib.figure" in sys.modules, "matplotlib.pyplot" in sys.modules)
"""
        run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        assert run.stdout == "True False\n"


@pytest.mark.slow
def test_a_network_that_was_trained_and_recorded():
    net = Sequential(
        [layers.SpikingDense(30, v_th=1.0), layers.SpikingDense(3, v_th=0.3, t_ref=0)], (4, 6), 50, encoders.Poisson()
    )
    rng = np.random.default_rng(0)
    data = rng.random((12, 4, 6)), rng.integers(0, 3, 12)
    told = net.fit(data, validation=data, epochs=2, progress=False)
    for layer in net.layers:  # so that every layer fires
        layer.params["weight"][:] = layer.v_th
    recording = net.record(data[0])
    assert all(events(spikes, 5) for spikes in recording.spikes.values())
    assert [marks(axes) for axes in panels(plot.raster(recording, 5))[0]] == [
        events(s, 5) for s in recording.spikes.values()
    ]
    assert all(png(figure) for figure in (plot.membranes(recording, "dense_1", 5), plot.curves(told)))


def test_small_rasters_leave_out_counts_that_would_overlap(recording):
    small, large = plot.raster(recording, figsize=(3.5, 2.5)), plot.raster(recording)
    assert not small.axes[5].texts
    assert len(large.axes[5].texts) == 4


def test_the_winner_is_a_class_where_classes_have_several_neurons(recording):
    output = recording.spikes["output"]
    both = replace(recording, neurons_per_class=2)
    winner = int(output.counts[0].reshape(2, 2).sum(1).argmax())
    assert plot.raster(both).axes[4].get_title("right").endswith(f"most by class {winner}")
    assert plot.raster(both, classes=["cat", "dog"]).axes[4].get_title("right").endswith(f"most by {['cat', 'dog'][winner]}")
