"""Learned parameters: weights, receptive fields of dense layers, kernels of convolutions."""

from collections.abc import Sequence
from math import isqrt

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure, SubFigure

from cupynn import checks
from cupynn.checks import InputError
from cupynn.layers import Layer, SpikingConv2D, SpikingDense
from cupynn.network.network import Network
from cupynn.plot import arguments, grid
from cupynn.plot.place import Place
from cupynn.plot.style import GREY, layer_colours, number, signed, titles, whole

SHOWN = 40  # neurons or maps by default
MOST = 0.995  # share of the weights within the colour scale: a few large weights must not wash out the rest


def weights(
    net: Network,
    layers: str | Sequence[str] | None = None,
    *,
    ax: Axes | SubFigure | Figure | None = None,
    figsize: float | tuple[float, float] | None = None,
    title: str | None = None,
) -> Figure | SubFigure | Axes:
    """Draw the weights of each layer: a histogram, and the matrix from the layer below (columns) to the layer (rows).

    Parameters
    ----------
    net : Network
    layers : str or sequence of str, optional
        Names of layers, from top to bottom; by default each layer with weights. The matrix of a convolution has a row for
        each map and a column for each entry of its kernel.
    ax : Axes, SubFigure or Figure, optional
        Axes on which to draw the matrix of a single layer; or an empty part of a figure, for all panels.
    figsize : float or (float, float), optional
        Width, or width and height, of the figure in inches; one column of a paper is about 3.5 wide.
    title : str, optional
        Title instead of the number of parameters; "" for a figure without a title.

    Returns
    -------
    Figure, or `ax` if it was given

    Raises
    ------
    InputError
        If a layer does not exist or has no weights, or a weight is not finite.

    Examples
    --------
    >>> from cupynn import Sequential, layers, plot
    >>> net = Sequential([layers.SpikingDense(20, v_th=5.0)], (8, 8), steps=50, device="cpu")
    >>> [axes.get_title("left") for axes in plot.weights(net).axes[:2]]
    ['dense_1', '20 x 64']
    """
    arrays = _arrays(arguments.network(net))
    wanted = arguments.listed("layers", arrays if layers is None else layers) if arrays or layers is not None else []
    if not wanted:
        raise InputError("no layer of this network has weights to draw: pass a network with a dense layer or a convolution")
    names = [checks.choice("layers", name, arrays) for name in wanted]
    colours = layer_colours([layer.name for layer in net.layers])
    place = Place(ax, figsize, title, len(names))
    with place.style():
        if place.axes is not None:
            _matrix(place.axes, arrays[names[0]])
            titles(place.axes, f"{names[0]}, {_shape(arrays[names[0]])}", colour=colours[names[0]])
            return place.done()
        if place.narrow:
            panels = place.figure(0.6 + 3.2 * len(names)).subplots(2 * len(names), 1).reshape(-1, 2)
        else:
            figure = place.figure(0.6 + 2.0 * len(names))
            panels = figure.subplots(len(names), 2, squeeze=False, width_ratios=(1, 1.6))
        for (left, right), name in zip(panels, names, strict=True):
            _histogram(left, arrays[name], colours[name])
            remark = f"mean {arrays[name].mean(dtype=float):.3g}, std {arrays[name].std(dtype=float):.3g}"
            titles(left, name, remark, colours[name])
            _matrix(right, arrays[name])
            titles(right, _shape(arrays[name]))
        return place.done(f"Weights: {number(sum(array.size for array in arrays.values()), 'parameter')}")


def _histogram(axes: Axes, weight: np.ndarray, colour: str) -> None:
    """Draw the distribution of the weights of a layer."""
    counts, edges = np.histogram(weight, bins=min(80, max(10, isqrt(weight.size))))
    axes.stairs(counts, edges, fill=True, color=colour, alpha=0.85)
    axes.axvline(0, color=GREY, linewidth=0.6)
    axes.set(ylim=(0, None), ylabel="count", xlabel="weight")
    axes.yaxis.set_major_locator(whole(4))
    axes.yaxis.set_major_formatter("{x:,.0f}")


def _matrix(axes: Axes, weight: np.ndarray) -> None:
    """Draw the weights of a layer as a matrix, with a colour bar."""
    rows = weight.reshape(len(weight), -1)
    look = {"cmap": signed(axes), "norm": _scale(rows), "interpolation": "nearest"}
    image = axes.imshow(rows, aspect="auto", origin="lower", **look)
    dense = weight.ndim == 2
    axes.set(ylabel="neuron" if dense else "map", xlabel="neuron below" if dense else "kernel entry")
    axes.xaxis.set_major_locator(whole(6))
    axes.yaxis.set_major_locator(whole(4))
    axes.figure.colorbar(image, ax=axes, extend="both", aspect=12, pad=0.02)


def _shape(weight: np.ndarray) -> str:
    return " x ".join(f"{size:,}" for size in weight.shape)


def receptive_fields(
    net: Network,
    layer: str | None = None,
    neurons: int | Sequence[int] | None = None,
    *,
    ax: Axes | SubFigure | Figure | None = None,
    figsize: float | tuple[float, float] | None = None,
    title: str | None = None,
) -> Figure | SubFigure | Axes:
    """Draw the weights of each neuron of a dense layer in the layout of its input, as an image if it has rows and columns.

    Orange excites and blue inhibits, on one scale for all neurons. Several channels are shown next to each other. For an
    input without rows and columns, the weights are drawn as a line.

    Parameters
    ----------
    net : Network
    layer : str, optional
        Name of a dense or recurrent layer; by default the first.
    neurons : int or sequence of int, optional
        Indices in the layer; by default the forty with the largest weights (by root mean square).
    ax : Axes, SubFigure or Figure, optional
        Axes on which to draw a single neuron; or an empty part of a figure, for all panels.
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
        If the layer or a neuron does not exist, or the layer is not dense.

    Examples
    --------
    >>> from cupynn import Sequential, layers, plot
    >>> net = Sequential([layers.SpikingDense(20, v_th=5.0)], (8, 8), steps=50, device="cpu")
    >>> plot.receptive_fields(net, neurons=[3, 4]).get_suptitle()
    'Receptive fields of dense_1: 2 of 20 neurons'
    """
    chosen, weight = _layer(net, layer, SpikingDense, "dense", "plot.kernels")
    neurons = _strongest(weight) if neurons is None else arguments.neuron_indices("neurons", neurons, len(weight))
    fields = weight[neurons].reshape(len(neurons), *chosen.pooled_shape)
    words = f"Receptive fields of {chosen.name}: {len(neurons):,} of {number(len(weight), 'neuron')}"
    return _grid(Place(ax, figsize, title, len(neurons)), fields, neurons, words)


def kernels(
    net: Network,
    layer: str | None = None,
    maps: int | Sequence[int] | None = None,
    *,
    ax: Axes | SubFigure | Figure | None = None,
    figsize: float | tuple[float, float] | None = None,
    title: str | None = None,
) -> Figure | SubFigure | Axes:
    """Draw the kernels of a convolution, one image per map; several input channels are shown next to each other.

    Parameters
    ----------
    net : Network
    layer : str, optional
        Name of a convolution; by default the first.
    maps : int or sequence of int, optional
        Indices in the layer; by default the forty with the largest weights (by root mean square).
    ax : Axes, SubFigure or Figure, optional
        Axes on which to draw a single map; or an empty part of a figure, for all panels.
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
        If the layer or a map does not exist, or the layer is not a convolution.

    Examples
    --------
    >>> from cupynn import Sequential, layers, plot
    >>> net = Sequential([layers.SpikingConv2D(6, 5, v_th=5.0)], (12, 12), steps=50, device="cpu")
    >>> plot.kernels(net).get_suptitle()
    'Kernels of conv_1: 6 of 6 maps, 5 x 5'
    """
    chosen, weight = _layer(net, layer, SpikingConv2D, "convolution", "plot.receptive_fields")
    maps = _strongest(weight) if maps is None else arguments.neuron_indices("maps", maps, len(weight))
    size = " x ".join(map(str, chosen.kernel_size))
    words = f"Kernels of {chosen.name}: {len(maps):,} of {number(len(weight), 'map')}, {size}"
    return _grid(Place(ax, figsize, title, len(maps)), weight[maps], maps, words)


def _arrays(net: Network) -> dict[str, np.ndarray]:
    """Return the weights of each layer that has any, in host memory; refuse weights that are not finite."""
    net.check_finite()
    for layer in net.layers:
        layer.check_arrays(net.device.on_cuda)
    arrays = {layer.name: layer.params | layer.buffers for layer in net.layers}
    return {name: net.device.get(own["weight"]) for name, own in arrays.items() if "weight" in own}


def _layer(net: Network, name: str | None, kind: type, word: str, other: str) -> tuple[Layer, np.ndarray]:
    """Return the layer of this name, or the first of its kind, with its weights."""
    fitting = {layer.name: layer for layer in arguments.network(net).layers if isinstance(layer, kind)}
    if not fitting:
        raise InputError(f"this network has no {word} layer: use {other}(net), or plot.weights(net)")
    name = next(iter(fitting)) if name is None else checks.choice("layer", name, fitting)
    return fitting[name], _arrays(net)[name]


def _strongest(weight: np.ndarray) -> list[int]:
    """Return the indices of the neurons or maps with the largest weights, in increasing order."""
    size = (weight.reshape(len(weight), -1).astype(np.float64) ** 2).mean(1)
    return sorted(np.argsort(-size, kind="stable")[:SHOWN].tolist())


def _scale(values: np.ndarray) -> Normalize:
    """Return a symmetric colour scale that covers nearly all weights."""
    bound = float(np.quantile(np.abs(values), MOST)) or 1.0
    return Normalize(-bound, bound)


def _grid(place: Place, fields: np.ndarray, numbers: Sequence[int], words: str) -> Figure | SubFigure | Axes:
    """Draw each field with its number, as an image or as a line, all on one scale."""
    if fields.ndim == 4:
        fields = np.stack([grid.mosaic(field) for field in fields])
    if fields.ndim == 2:
        look = grid.Look(axes=("neuron below", "weight"))
    else:
        look = grid.Look({"cmap": signed(place.axes), "norm": _scale(fields[~np.isnan(fields)])}, "weight")
    with place.style():
        return grid.draw(place, fields, [str(number) for number in numbers], words, look)
