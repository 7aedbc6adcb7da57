"""Films: each frame shows what had happened by then."""

import matplotlib
import numpy as np
import pytest
from pictures import RECORDING, recorded, trains
from PIL import Image

from cupynn import Sequential, layers, plot
from cupynn.checks import InputError
from cupynn.plot.films import FADE


def frame(film, number):
    """Draw a frame; panels of input, output and counts."""
    film._draw_frame(number)
    film._draw_was_started = True
    return film.figure.axes


@pytest.fixture
def recording():
    return recorded({"input": trains(2, 40, 6, 5), "hidden": trains(2, 40, 9, seed=1), "output": trains(2, 40, 4, seed=2)})


def test_spikes_and_counts_up_to_the_step_of_the_frame(recording):
    film = plot.animate(recording, sample=1, frames=10)
    dense = recording.spikes["output"].to_dense()[1]
    for number in (0, 3, 9):
        _, output, counts = frame(film, number)
        end = 4 * (number + 1)
        drawn = sorted(zip(*output.lines[0].get_data(), strict=True))
        assert drawn == sorted(zip(*np.nonzero(dense[:end]), strict=True))
        assert [bar.get_width() for bar in counts.patches] == dense[:end].sum(0).tolist()
        assert film.figure.axes[0].get_title("right") == f"step {end}"
        ahead = [bar.get_alpha() == 1 for bar in counts.patches]
        assert ahead == (dense[:end].sum(0) == dense[:end].sum(0).max()).tolist()


def test_a_window_in_milliseconds(recording):
    film = plot.animate(recording, sample=1, frames=10, steps=(10, 30), dt=0.5, figsize=3.5, title="Mine")
    dense = recording.spikes["output"].to_dense()[1]
    _, output, counts = frame(film, 4)
    drawn = sorted(zip(*output.lines[0].get_data(), strict=True))
    assert drawn == [(0.5 * (10 + step), neuron) for step, neuron in sorted(zip(*np.nonzero(dense[10:20]), strict=True))]
    assert [bar.get_width() for bar in counts.patches] == dense[10:20].sum(0).tolist()
    assert film.figure.axes[0].get_title("right") == "10 ms"
    assert output.get_xlabel() == "time (ms)"
    assert film.figure.get_suptitle() == "Mine"


def test_events_appear_and_fade(recording):
    film = plot.animate(recording, frames=10)
    counts = recording.spikes["input"].to_dense(np.float64)[0].reshape(10, 4, 6, 5).sum(1)
    shown = np.zeros_like(counts)
    for index in range(10):
        shown[index] = counts[index] + (FADE * shown[index - 1] if index else 0)
    for number in (0, 4, 9):
        image = frame(film, number)[0].images[0].get_array()
        np.testing.assert_allclose(image, shown[number] / shown.max(), rtol=1e-5)


def test_polarities_have_opposite_signs():
    dense = np.zeros((1, 10, 2, 3, 3), np.uint8)
    dense[0, 0, 0, 0, 0] = dense[0, 0, 1, 2, 2] = 1
    film = plot.animate(recorded({"input": type(trains(1, 1, 1)).from_dense(dense), "output": trains(1, 10, 2)}), frames=5)
    image = frame(film, 0)[0].images[0]
    assert image.get_array()[0, 0] == -1
    assert image.get_array()[2, 2] == 1
    assert (image.norm.vmin, image.norm.vmax) == (-1, 1)


def test_colours_are_added_up():
    film = plot.animate(recorded({"input": trains(1, 10, 3, 4, 5), "output": trains(1, 10, 2)}), frames=2)
    assert frame(film, 1)[0].images[0].get_array().shape == (4, 5)


def test_other_inputs_are_bars():
    recording = recorded({"input": trains(1, 10, 7), "output": trains(1, 10, 30)})
    film = plot.animate(recording, frames=1)
    (bars,) = frame(film, 0)[0].patches
    counts = recording.spikes["input"].counts[0]
    np.testing.assert_allclose(bars.get_data().values, counts / counts.max(), rtol=1e-6)


def test_there_are_no_more_frames_than_steps():
    film = plot.animate(recorded({"input": trains(1, 3, 2, 2), "output": trains(1, 3, 2, rate=0)}))
    assert film.to_jshtml().count("data:image/png") == 3


def test_a_notebook_plays_it_and_a_file_keeps_it(recording, tmp_path):
    film = plot.animate(recording, frames=4)
    assert film._repr_html_().count("data:image/png") == 4
    settings = dict(matplotlib.rcParams)
    film.save(tmp_path / "film.gif", dpi=50)
    assert dict(matplotlib.rcParams) == settings
    with Image.open(tmp_path / "film.gif") as picture:
        assert picture.n_frames == 4


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda r: plot.animate(Sequential([layers.SpikingDense(3, v_th=1.0)], (4,), 9)),
            f"recording is a Sequential: pass {RECORDING}",
        ),
        (lambda r: plot.animate(r.spikes["input"]), f"recording is a SpikeTrains: pass {RECORDING}"),
        (lambda r: plot.animate(r, 2), "sample=2: pass a whole number from 0 to 1"),
        (lambda r: plot.animate(r, frames=0), "frames=0: pass a whole number of at least 1"),
    ],
)
def test_bad_input_is_named_with_its_remedy(recording, call, message):
    with pytest.raises(InputError) as raised:
        call(recording)
    assert str(raised.value) == message
