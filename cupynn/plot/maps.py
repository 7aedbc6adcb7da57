"""Layers with rows and columns as pictures: the spikes of each neuron, where it stands."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from cupynn import checks
from cupynn.checks import InputError
from cupynn.plot import arguments, grid
from cupynn.plot.place import Place
from cupynn.plot.style import number, shades
from cupynn.plot.window import Window
from cupynn.results.recording import Recording
from cupynn.spikes.trains import SpikeTrains

SHOWN = 40  # maps by default


def maps(
    recording: Recording | SpikeTrains,
    layer: str | None = None,
    sample: int = 0,
    maps: int | Sequence[int] | None = None,
    *,
    steps: tuple[int, int] | None = None,
    dt: float | None = None,
    ax: Axes | SubFigure | Figure | None = None,
    figsize: float | tuple[float, float] | None = None,
    title: str | None = None,
) -> Figure | SubFigure | Axes:
    """Draw the firing counts of a layer with rows and columns, one picture per map or channel, all on one scale.

    `plot.kernels` draws the weights of the same maps.

    Parameters
    ----------
    recording : Recording or SpikeTrains
        Returned by `Sequential.record`, or trains.
    layer : str, optional
        "input" or the name of a layer with the shape (maps, rows, columns) or (rows, columns); by default the first layer
        of the network with such a shape, or the input.
    sample : int
        Index in the batch.
    maps : int or sequence of int, optional
        Indices of maps; by default the forty that fire most.
    steps : (int, int), optional
        First step in which to count spikes, and the step after the last; by default all steps.
    dt : float, optional
        Length of a step in milliseconds, for titles with times instead of steps.
    ax : Axes, SubFigure or Figure, optional
        Axes on which to draw a single map; or an empty part of a figure, for all maps.
    figsize : float or (float, float), optional
        Width, or width and height, of the figure in inches; one column of a paper is about 3.5 wide.
    title : str, optional
        Title instead of the layer, sample and steps; "" for a figure without a title.

    Returns
    -------
    Figure, or `ax` if it was given

    Raises
    ------
    InputError
        If the layer, the sample, a map or a step does not exist, or the layer has no rows and columns.

    Examples
    --------
    >>> import numpy as np
    >>> from cupynn import Sequential, encoders, layers, plot
    >>> net = Sequential([layers.SpikingConv2D(3, 3, v_th=1.0)], (6, 6), steps=60, encoder=encoders.Poisson(), device="cpu")
    >>> plot.maps(net.record(np.ones((1, 6, 6), np.float32)), steps=(20, 40)).get_suptitle()
    'conv_1, sample 0: 3 of 3 maps, steps 20 to 39 of 60'
    """
    trains = arguments.spikes_by_layer(recording)
    name = _layer(trains, layer)
    sample = arguments.sample_index(sample, trains[name])
    window = Window.of(steps, dt, trains[name].steps)
    counts = window.cut(trains[name][sample]).counts[0]
    counts = counts.reshape(-1, *counts.shape[-2:])
    if maps is None:
        maps = sorted(np.argsort(-counts.sum((1, 2)), kind="stable")[:SHOWN].tolist())
    maps = arguments.neuron_indices("maps", maps, len(counts))
    noun = "channel" if name == "input" else "map"
    words = f"{name}, sample {sample}: {len(maps):,} of {number(len(counts), noun)}, {window.words()}"
    place = Place(ax, figsize, title, len(maps))
    with place.style():
        drawn = counts[maps]
        look = grid.Look({"cmap": shades(place.axes), "vmin": 0, "vmax": drawn.max() or 1}, "spikes")
        return grid.draw(place, drawn, [str(index) for index in maps], words, look)


def _layer(trains: dict[str, SpikeTrains], name: str | None) -> str:
    """Return the name of a layer with rows and columns, by default that of the first one after the input."""
    fitting = [each for each, spikes in trains.items() if len(spikes.neuron_shape) in (2, 3) and spikes.size > 1]
    if not fitting:
        shapes = ", ".join(f"{each} {spikes.neuron_shape}" for each, spikes in trains.items())
        raise InputError(f"no layer has rows and columns ({shapes}): use plot.raster(recording)")
    if name is None:
        return next((each for each in fitting if each != "input"), fitting[0])
    checks.choice("layer", name, trains)
    if name not in fitting:
        wanted = ", ".join(map(repr, fitting))
        shape = trains[name].neuron_shape
        raise InputError(f"layer={name!r} has shape {shape}, without rows and columns: pass one of {wanted}")
    return name
