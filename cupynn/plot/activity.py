"""Raster plots: the spikes of all layers on one sample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FixedFormatter, FixedLocator

from cupynn import checks
from cupynn.checks import InputError
from cupynn.plot import arguments
from cupynn.plot.place import Place
from cupynn.plot.style import FEW, GREY, MUTED, PALE, VECTORS, layer_colours, number, numbered, titles, whole
from cupynn.plot.window import Window
from cupynn.results.recording import Recording
from cupynn.spikes.trains import SpikeTrains

ROW, TALLEST = 0.17, 2.1  # inches per neuron in the panel of a small layer, and height of the panel of a large one
BINS = 400  # of the firing counts beside a panel: more would not be seen, and each takes time
MAPS = 40  # with a border and a number each


@dataclass(frozen=True)
class _Row:
    """The panel of a layer: what it draws, in the colour of the layer."""

    name: str
    spikes: SpikeTrains  # of one sample, within the window, of the chosen neurons
    neurons: np.ndarray  # their numbers in the layer
    colour: str
    labels: list[str] | None  # names of the neurons of the last layer
    winners: list[int]  # the neurons of the class that fires most, as places among the chosen; none in other layers
    winning: str  # name of that class
    shape: tuple[int, ...]  # of the layer

    @property
    def small(self) -> bool:
        return self.spikes.size <= FEW

    @property
    def maps(self) -> int:
        """Number of maps or channels to separate; 0 for a layer without any, or with a selection of neurons."""
        whole_layer = self.spikes.size == prod(self.shape)
        return self.shape[0] if len(self.shape) == 3 and whole_layer and not self.small and self.shape[0] > 1 else 0


def raster(
    recording: Recording | SpikeTrains,
    sample: int = 0,
    layers: str | Sequence[str] | None = None,
    classes: Sequence[str] | None = None,
    *,
    steps: tuple[int, int] | None = None,
    neurons: int | Sequence[int] | Mapping[str, int | Sequence[int]] | None = None,
    dt: float | None = None,
    ax: Axes | SubFigure | Figure | None = None,
    figsize: float | tuple[float, float] | None = None,
    title: str | None = None,
) -> Figure | SubFigure | Axes:
    """Draw the spikes of one sample, one panel per layer, with the firing count of each neuron beside them.

    In the last layer, the neurons of the class that fires most, the predicted class, are highlighted. In layers with maps,
    lines separate the maps. Beside layers with more than 400 neurons, the solid area is the mean count of the neurons that
    share a line of the panel, the pale area their largest count.

    Parameters
    ----------
    recording : Recording or SpikeTrains
        Returned by `Sequential.record`; trains alone make a single panel.
    sample : int
        Index in the batch.
    layers : str or sequence of str, optional
        Names of layers, from top to bottom; by default "input" and all layers.
    classes : sequence of str, optional
        Names for the neurons of the last layer, such as ``test.classes``; by default their numbers.
    steps : (int, int), optional
        First step to show, and the step after the last; by default all steps. Only spikes at these steps are counted.
    neurons : int, sequence of int, or dict of str to these, optional
        Flat indices of the neurons to show, from bottom to top: of the only layer, or by the names of layers. By default
        all neurons.
    dt : float, optional
        Length of a step in milliseconds, for an axis of time instead of steps.
    ax : Axes, SubFigure or Figure, optional
        Axes on which to draw a single layer, without its firing counts; or an empty part of a figure, for all panels.
    figsize : float or (float, float), optional
        Width, or width and height, of the figure in inches; one column of a paper is about 3.5 wide.
    title : str, optional
        Title instead of the number of steps and spikes; "" for a figure without a title.

    Returns
    -------
    Figure, or `ax` if it was given

    Raises
    ------
    InputError
        If the sample, a layer, a neuron or a step does not exist, `classes` has another length than the last layer, or `ax`
        is Axes and there are several layers.

    Examples
    --------
    >>> from cupynn import SpikeTrains, plot
    >>> spikes = SpikeTrains.from_events([0, 0, 0], [2, 5, 9], [1, 0, 1], shape=(1, 20, 3))
    >>> plot.raster(spikes).get_suptitle()
    'Sample 0: 20 steps, 3 spikes'
    >>> plot.raster(spikes, steps=(4, 10), dt=0.5, figsize=3.5).get_suptitle()
    'Sample 0: 2 to 5 ms of 10 ms, 2 spikes'
    """
    trains = arguments.spikes_by_layer(recording)
    wanted = arguments.listed("layers", trains if layers is None else layers)
    drawn = {checks.choice("layers", name, trains): trains[name] for name in wanted}
    first = next(iter(drawn.values()))
    sample = arguments.sample_index(sample, first)
    window = Window.of(steps, dt, first.steps)
    rows = _rows(
        trains,
        [*wanted],
        sample,
        classes,
        arguments.neurons_by_layer(neurons, drawn),
        window,
        getattr(recording, "neurons_per_class", 1),
    )
    if isinstance(ax, Axes) and len(rows) > 1:
        last = rows[-1].name
        raise InputError(f"ax is one panel, but there are {len(rows)} layers: pass one, such as layers={last!r}")
    place = Place(ax, figsize, title)
    with place.style():
        if place.axes is not None:
            width, height = place.axes.get_window_extent().size * 72 / place.axes.figure.dpi
            _panel(place.axes, rows[0], window, width, height)
            place.axes.set_xlabel(window.label)
            return place.done()
        heights = [min(0.3 + ROW * row.spikes.size, TALLEST) for row in rows]
        figure = place.figure(0.7 + sum(heights) + 0.3 * len(rows))
        panels = figure.subplots(len(rows), 2, squeeze=False, sharey="row", height_ratios=heights, width_ratios=(6, 1))
        for (left, right), height, row in zip(panels, heights, rows, strict=True):
            _panel(left, row, window, 54 * place.width, 72 * height)
            _counts(right, row, 72 * height * _share(place, heights))
            left.tick_params(labelbottom=left is panels[-1, 0])
        for left in panels[1:, 0]:
            left.sharex(panels[0, 0])
        panels[-1, 0].set_xlabel(window.label)
        panels[0, 1].set_title("spikes" if place.narrow else "spikes per neuron", loc="left", alpha=MUTED)
        figure.align_ylabels(panels[:, 0])
        total = sum(row.spikes.total for row in rows)
        return place.done(f"Sample {sample}: {window.words()}, {number(total, 'spike')}")


def _rows(trains, names, sample: int, classes, neurons: dict[str, np.ndarray], window: Window, each: int) -> list[_Row]:
    """Return the panels of these layers, from top to bottom; each: number of neurons of a class of the last layer."""
    last = list(trains)[-1]
    labels = None if classes is None else arguments.class_names(classes, trains[last].size // each)
    colours, rows = layer_colours(trains), []
    for name in names:
        chosen = neurons[name]
        spikes = arguments.only_neurons(window.cut(trains[name][sample]), chosen)
        words, winners, winning = None, [], ""
        if name == last and labels is not None:
            words = [labels[neuron // each] for neuron in chosen]
        if name == last and spikes.total:
            numbers = chosen // each
            best = int(np.bincount(numbers, spikes.counts.ravel()).argmax())  # the first on a tie
            winners = np.flatnonzero(numbers == best).tolist()
            winning = labels[best] if labels else f"{'class' if each > 1 else 'neuron'} {best}"
        rows.append(_Row(name, spikes, chosen, colours[name], words, winners, winning, trains[name].neuron_shape))
    return rows


def _panel(axes: Axes, row: _Row, window: Window, width: float, height: float) -> None:
    """Draw the trains of a layer, with the numbers of neurons and spikes as a title; width, height: of the panel, points."""
    spikes = row.spikes
    axes.set(ylim=(-0.5, spikes.size - 0.5), ylabel="neuron" if row.labels is None else "class")
    window.axis(axes)
    _trains(axes, row, window, width, height)
    _neuron_axis(axes, row, window)
    words = f"{number(spikes.size, 'neuron')}, {number(spikes.total, 'spike')}"
    if row.winners:
        words += f", most by {row.winning}"
        for winner in row.winners if row.small else ():
            axes.get_yticklabels()[winner].set_fontweight("bold")
    titles(axes, row.name, words, row.colour)


def _neuron_axis(axes: Axes, row: _Row, window: Window) -> None:
    """Name each neuron of a small layer and each map of a larger one; otherwise number the neurons."""
    edges = window.at(window.first - 0.5), window.at(window.end - 0.5)
    faint = {"color": GREY, "linewidth": 0.5, "zorder": 0}
    if row.small:
        axes.hlines(range(row.spikes.size), *edges, alpha=0.25, **faint)
        axes.set_yticks(range(row.spikes.size), [str(each) for each in row.labels or row.neurons])
        axes.tick_params(axis="y", length=0)
    elif 0 < row.maps <= MAPS:
        size = row.spikes.size // row.maps
        axes.hlines(np.arange(1, row.maps) * size - 0.5, *edges, alpha=0.6, **faint)
        places = (np.arange(row.maps) + 0.5) * size - 0.5
        axes.yaxis.set_major_locator(FixedLocator(places))
        axes.yaxis.set_major_formatter(FixedFormatter([str(each) for each in range(row.maps)]))
        axes.tick_params(axis="y", length=0)
        axes.set_ylabel("channel" if row.name == "input" else "map")
    elif row.neurons.size == row.neurons[-1] + 1 and row.neurons[0] == 0:
        axes.yaxis.set_major_locator(whole(4))
    else:
        numbered(axes.yaxis, row.neurons, ticks=4)


def _trains(axes: Axes, row: _Row, window: Window, length: float, height: float) -> None:
    """Draw a mark for each spike, smaller and fainter in dense panels; in small layers, all but the winner are pale."""
    _, steps, neurons = row.spikes.events()
    places = window.at(window.first + steps)
    area = length * height / max(1, neurons.size)  # per spike
    shrink = min(1, max(0.35, (area / 1.8) ** 0.5))
    wide = shrink * np.clip(0.6 * length / window.length, 0.9, 1.8)
    tall = np.clip(0.65 * height / row.spikes.size, 2 * shrink, 9)
    opacity = min(1, area / (wide * tall))
    marks = {"color": row.colour, "markersize": tall, "markeredgewidth": wide, "rasterized": neurons.size > VECTORS}
    front = np.isin(neurons, row.winners) if row.winners and row.small else np.full(neurons.size, True)
    axes.plot(places[~front], neurons[~front], "|", alpha=PALE * opacity, **marks)
    axes.plot(places[front], neurons[front], "|", alpha=opacity, **marks)


def _share(place: Place, heights: list[float]) -> float:
    """Return the part of the panels' wanted heights that there is room for in the figure, without titles and labels."""
    return min(1.0, (place.height - 0.7 - 0.3 * len(heights)) / sum(heights)) if place.height else 1.0


def _counts(axes: Axes, row: _Row, height: float) -> None:
    """Draw the firing counts: bars for a small layer, with numbers if they fit the height in points, or an outline."""
    counts = row.spikes.counts.ravel()
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, 1.05 * max(1, counts.max()))
    if not row.small:
        _outline(axes, counts, row.colour)
        axes.xaxis.set_major_locator(whole(2))
        return
    shades = [(row.colour, 1.0 if not row.winners or neuron in row.winners else PALE) for neuron in range(counts.size)]
    bars = axes.barh(range(counts.size), counts, height=0.65, color=shades)
    words = [f"{count:,}" if count else "" for count in counts]
    size = rcParams["ytick.labelsize"]
    if height < size * counts.size:
        axes.xaxis.set_major_locator(whole(2))
        return
    labels = axes.bar_label(bars, words, padding=2, fontsize=size)
    axes.set_xticks([])
    axes.set_xlim(0, 1.45 * max(1, counts.max()))  # room for the numbers
    axes.spines.bottom.set_visible(False)
    for winner in row.winners:
        labels[winner].set_fontweight("bold")


def _outline(axes: Axes, counts: np.ndarray, colour: str) -> None:
    """Draw the count of each neuron; of more neurons than there are lines, the mean and the largest count of each line."""
    edges = np.unique(np.linspace(0, counts.size, min(counts.size, BINS) + 1).round().astype(int))
    means = np.add.reduceat(counts, edges[:-1]) / np.diff(edges)
    look = {"orientation": "horizontal", "fill": True, "color": colour, "linewidth": 0.6}
    if edges.size <= counts.size:
        axes.stairs(np.maximum.reduceat(counts, edges[:-1]), edges - 0.5, alpha=PALE, **look)
    axes.stairs(means, edges - 0.5, **look)
