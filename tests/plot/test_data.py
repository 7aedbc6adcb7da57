"""Samples as pictures, with their labels."""

import numpy as np
import pytest
from pictures import png, trains

from cupynn import Sequential, datasets, layers, plot
from cupynn.checks import InputError
from cupynn.datasets import Dataset

DATA = "a Dataset, a pair (x, y), an array (samples, *shape), recordings, or SpikeTrains"
NET = Sequential([layers.SpikingDense(3, v_th=1.0)], (4,), 9)
X = np.arange(5 * 12, dtype=np.uint8).reshape(5, 3, 4) * 4


def drawn(figure):
    """Titles and pictures or lines of the panels."""
    panels = [axes for axes in figure.axes if axes.axison]
    return [(axes.get_title(), axes.images[0].get_array() if axes.images else axes.lines[1:]) for axes in panels]


def test_images_with_the_names_of_their_classes_each_class_in_turn():
    figure = plot.samples(Dataset(X, [1, 1, 0, 1, 0], ("cat", "dog"), "pets"))
    found = drawn(figure)
    assert [name for name, _ in found] == ["cat", "dog", "cat", "dog", "dog"]
    for (_, image), index in zip(found, [2, 0, 4, 1, 3], strict=True):
        np.testing.assert_allclose(image, X[index] / 255, rtol=1e-6)
    assert figure.get_suptitle() == "pets: 5 of 5 samples"


def test_chosen_samples_pairs_and_bare_arrays():
    assert [name for name, _ in drawn(plot.samples((X, [0, 1, 2, 1, 0]), samples=[3, 2]))] == ["1", "2"]
    assert [name for name, _ in drawn(plot.samples((X, [0, 1, 1, 1, 0]), samples=4, classes=("a", "b")))] == ["a"]
    assert [name for name, _ in drawn(plot.samples(X))] == ["0", "1", "2", "3", "4"]


def test_several_labels_are_listed():
    data = Dataset(X[:2], [[1, 1], [0, 0]], ("a", "b"), "labels")
    assert [name for name, _ in drawn(plot.samples(data, figsize=(9, 3)))] == ["a, b", "none"]


def test_colours_channels_and_vectors():
    rng = np.random.default_rng(0)
    assert drawn(plot.samples(rng.random((2, 3, 4, 5))))[0][1].shape == (4, 5, 3)
    two = rng.random((1, 2, 4, 5))
    ((_, image),) = drawn(plot.samples(two))
    assert np.array_equal(np.sign(image), np.sign((two[0, 1] - two[0, 0]).astype(np.float32)))
    ((_, lines),) = drawn(plot.samples(np.array([[0.5, 1.0, 0.25]])))
    assert lines[0].get_ydata().tolist() == [0.5, 1.0, 0.25]


def test_events_signals_and_trains():
    array = np.zeros(2, [("t", np.uint32), ("x", np.uint8), ("y", np.uint8), ("p", bool)])
    array["x"], array["p"] = [1, 2], [True, False]
    events = datasets.events([array, array], [0, 1], sensor=(2, 3, 4), classes=("a", "b"))
    (_, image), _ = drawn(plot.samples(events))
    assert image.tolist() == [[0, 1, -1, 0], [0] * 4, [0] * 4]
    signals = datasets.signals([np.ones((9, 2)), np.zeros((5, 2))], [0, 1])
    assert [len(lines) for _, lines in drawn(plot.samples(signals))] == [signals.x.shape[1]] * 2
    assert png(plot.samples(trains(3, 20, 7)))
    counts = trains(1, 20, 4, 5)
    np.testing.assert_allclose(drawn(plot.samples(counts))[0][1], counts.counts[0] / counts.counts.max(), rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: plot.samples(Sequential([layers.SpikingDense(3, v_th=1.0)], (4,), 9)),
            f"data is a Sequential: pass {DATA}",
        ),
        (lambda: plot.samples([X, X]), f"data is a list: pass {DATA}"),
        (lambda: plot.samples(np.ones(3)), f"data is an array of shape (3,), float64: pass {DATA}"),
        (lambda: plot.samples(np.full((1, 2, 2), np.nan)), f"data is an array of shape (1, 2, 2), float64: pass {DATA}"),
        (lambda: plot.samples(X[:0]), f"data has no samples: pass {DATA} with at least one"),
        (lambda: plot.samples(X, samples=[5]), "samples=5: pass a whole number from 0 to 4"),
        (lambda: plot.samples(X, samples=[]), "samples is empty: pass at least one"),
        (lambda: plot.samples((X, [0, 1])), "labels has shape (2,): pass one label per sample, shape (5,)"),
        (
            lambda: plot.samples((X, [0, 1, 2, 0, 0]), classes=("a", "b")),
            "labels[2]=2: labels must be within 0..1 for 2 classes",
        ),
    ],
)
def test_bad_input_is_named_with_its_remedy(call, message):
    with pytest.raises(InputError) as raised:
        call()
    assert str(raised.value) == message
