"""Layers as pictures: each count where its neuron stands."""

import numpy as np
import pytest
from pictures import png, recorded, trains

from cupynn import plot
from cupynn.checks import InputError


@pytest.fixture(scope="module")
def recording():
    spikes = {"input": trains(2, 40, 2, 6, 5), "conv": trains(2, 40, 3, 4, 3, seed=1), "output": trains(2, 40, 4, seed=2)}
    return recorded(spikes)


def images(figure):
    return {axes.get_title(): axes.images[0] for axes in figure.axes if axes.images}


def test_counts_of_each_map_on_one_scale(recording):
    figure = plot.maps(recording, sample=1)
    drawn = images(figure)
    counts = recording.spikes["conv"].counts[1]
    assert list(drawn) == ["0", "1", "2"]
    for name, image in drawn.items():
        assert np.array_equal(image.get_array(), counts[int(name)])
        assert (image.norm.vmin, image.norm.vmax) == (0, counts.max())
    assert figure.get_suptitle() == "conv, sample 1: 3 of 3 maps, 40 steps"


def test_a_window_of_steps_and_chosen_maps(recording):
    figure = plot.maps(recording, "input", maps=[1], steps=(10, 15), dt=2.0)
    (image,) = images(figure).values()
    assert np.array_equal(image.get_array(), recording.spikes["input"].to_dense()[0, 10:15, 1].sum(0))
    assert figure.get_suptitle() == "input, sample 0: 1 of 2 channels, 20 to 30 ms of 80 ms"


def test_the_forty_that_fire_most_are_the_default():
    spikes = trains(1, 20, 50, 2, 2)
    drawn = images(plot.maps(spikes))
    order = np.argsort(-spikes.counts[0].sum((1, 2)), kind="stable")[:40]
    assert [int(name) for name in drawn] == sorted(order)


def test_a_layer_without_channels_and_silence():
    assert list(images(plot.maps(trains(1, 9, 4, 5)))) == ["0"]
    assert png(plot.maps(trains(1, 1, 2, 4, 5, rate=0)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda r: plot.maps(r, "conf"), "layer='conf' (did you mean 'conv'?): pass one of 'input', 'conv', 'output'"),
        (
            lambda r: plot.maps(r, "output"),
            "layer='output' has shape (4,), without rows and columns: pass one of 'input', 'conv'",
        ),
        (
            lambda _: plot.maps(trains(1, 9, 4)),
            "no layer has rows and columns (spikes (4,)): use plot.raster(recording)",
        ),
        (lambda r: plot.maps(r, maps=3), "maps=3: pass a whole number from 0 to 2"),
        (lambda r: plot.maps(r, maps=[]), "maps is empty: pass at least one"),
        (lambda r: plot.maps(r, sample=2), "sample=2: pass a whole number from 0 to 1"),
        (lambda r: plot.maps(r, steps=(0, 41)), "steps[1]=41: pass a whole number from 1 to 40"),
        (lambda _: plot.maps(trains(0, 9, 4, 4)), "there are no samples: pass at least one"),
    ],
)
def test_bad_input_is_named_with_its_remedy(recording, call, message):
    with pytest.raises(InputError) as raised:
        call(recording)
    assert str(raised.value) == message
