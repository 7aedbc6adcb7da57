"""Firing rates of the neurons, by the class of the sample."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from cupynn import checks
from cupynn.checks import InputError
from cupynn.plot import arguments
from cupynn.plot.place import Place
from cupynn.plot.style import GREY, layer_colours, number, titles
from cupynn.plot.window import Window
from cupynn.results.recording import Recording
from cupynn.spikes.trains import SpikeTrains

BINS = 30  # in a histogram, at most
PANEL = 1.6  # least width of a panel, inches


def rates(
    recording: Recording | SpikeTrains,
    labels: Sequence[int] | np.ndarray,
    layer: str | None = None,
    classes: Sequence[str] | None = None,
    *,
    steps: tuple[int, int] | None = None,
    dt: float | None = None,
    ax: SubFigure | Figure | None = None,
    figsize: float | tuple[float, float] | None = None,
    title: str | None = None,
) -> Figure | SubFigure:
    """Draw histograms of firing rates, one panel per class.

    A firing rate is the number of spikes of a neuron per step, or per second where `dt` is given. The output layer has a
    neuron for each class. Its panels compare the rates of the class's own neuron with those of all other neurons: the
    further apart, the safer the prediction. Panels of any other layer show the neurons that fire.

    Parameters
    ----------
    recording : Recording or SpikeTrains
        Returned by `Sequential.record`, or trains such as `Sequential.forward` returns, which take less memory.
    labels : array_like of int, shape (B,)
        Class of each sample.
    layer : str, optional
        Name of a layer of the recording; by default the last.
    classes : sequence of str, optional
        Names of the classes, such as ``test.classes``; by default their numbers.
    steps : (int, int), optional
        First step in which to count spikes, and the step after the last; by default all steps.
    dt : float, optional
        Length of a step in milliseconds, for rates in hertz.
    ax : SubFigure or Figure, optional
        Empty part of a figure in which to draw the panels.
    figsize : float or (float, float), optional
        Width, or width and height, of the figure in inches; one column of a paper is about 3.5 wide.
    title : str, optional
        Title instead of the name of the layer; "" for a figure without a title.

    Returns
    -------
    Figure, or `ax` if it was given

    Raises
    ------
    InputError
        If the layer or a step does not exist, or the labels do not match the samples and classes.

    Examples
    --------
    >>> import numpy as np
    >>> from cupynn import SpikeTrains, plot
    >>> spikes = SpikeTrains.from_dense(np.random.default_rng(0).integers(0, 2, (6, 30, 2)))
    >>> figure = plot.rates(spikes, [0, 0, 0, 1, 1, 1], classes=("cat", "dog"))
    >>> [axes.get_title("left") for axes in figure.axes]
    ['cat', 'dog']
    """
    trains = arguments.spikes_by_layer(recording)
    last = list(trains)[-1]
    name = last if layer is None else checks.choice("layer", layer, trains)
    spikes = trains[name]
    if not len(spikes):
        raise InputError("there are no samples: pass at least one")
    count = trains[last].size if isinstance(recording, Recording) else None
    labels, names = _labels(labels, classes, count, len(spikes))
    window = Window.of(steps, dt, spikes.steps)
    counts = window.cut(spikes).counts.reshape(len(spikes), -1)
    own = name == last and spikes.size == len(names)
    shown = [index for index in range(len(names)) if (labels == index).any()]
    place = Place(ax, figsize, title, len(shown))
    width = max(1, ceil((counts.max() + 1) / BINS))
    edges = np.arange(0, counts.max() + width + 1, width) - 0.5
    rate = window.length if dt is None else window.length * dt / 1000  # duration, in the unit of the axis
    colour = layer_colours(trains)[name]
    across = min(len(shown), 5, max(1, int(place.width / PANEL)))
    rows = ceil(len(shown) / across)
    with place.style():
        figure = place.figure(1.0 + 1.5 * rows)
        panels = figure.subplots(rows, across, squeeze=False, sharex=True, sharey=True)
        for axes, index in zip(panels.ravel(), shown, strict=False):
            fired = counts[labels == index]
            if own:
                _histogram(axes, np.delete(fired, index, axis=1).ravel(), edges, rate, GREY, "other neurons")
                _histogram(axes, fired[:, index], edges, rate, colour, "the class's own neuron")
                remark = number(len(fired), "sample")
            else:
                _histogram(axes, fired[fired > 0], edges, rate, colour, "neurons that fire")
                remark = f"{(fired == 0).mean():.0%} silent"
            titles(axes, names[index], remark)
            axes.xaxis.set_major_locator(MaxNLocator(4, steps=(1, 2, 5, 10)))
        for axes in panels.ravel()[len(shown) :]:
            axes.set_axis_off()
        panels[0, 0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        unit = "spikes per step" if dt is None else "Hz"
        words = f"firing rate of a neuron ({unit})"
        if place.narrow:  # a legend below would cover a label of the whole figure
            panels[-1, 0].set_xlabel(words)
            panels[-1, 0].set_ylabel("share of neurons")
        else:
            figure.supxlabel(words, fontsize=rcParams["axes.labelsize"])
            figure.supylabel("share of neurons", fontsize=rcParams["axes.labelsize"])
        if own:
            place.legend(panels[0, 0].patches[::-1])
        return place.done(f"Firing rates{f' of {name}' if isinstance(recording, Recording) else ''} by class")


def _labels(labels, classes, count: int | None, samples: int) -> tuple[np.ndarray, list[str]]:
    """Return checked labels and the names of all classes; by default `count` classes, or as many as occur in the labels."""
    if classes is not None:
        count = len(arguments.listed("classes", classes))
    elif count is None:
        labels, count = checks.class_numbers("labels", labels, samples)
    return checks.labels("labels", labels, count, samples), arguments.class_names(classes, count)


def _histogram(axes: Axes, values: np.ndarray, edges: np.ndarray, rate: float, colour: str, label: str) -> None:
    """Draw the share of values in each bin; `rate` is the duration that a count is divided by."""
    counts, _ = np.histogram(values, edges)
    axes.stairs(counts / max(1, values.size), edges / rate, fill=True, facecolor=colour, alpha=0.75, label=label)
