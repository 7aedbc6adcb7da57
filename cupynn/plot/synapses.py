"""What a network has learned: weights, receptive fields of dense layers, kernels of convolutions."""

from collections.abc import Sequence
from math import ceil, isqrt

import numpy as np
from matplotlib import rc_context
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from cupynn import checks
from cupynn.checks import InputError
from cupynn.layers import Layer, SpikingConv2D, SpikingDense
from cupynn.network.network import Network
from cupynn.plot import arguments
from cupynn.plot.figures import WIDTH, new_figure
from cupynn.plot.style import GREY, MUTED, STYLE, heading, layer_colours, number, signed, titles, whole

SHOWN = 40  # neurons, or maps, by default
ACROSS = 10  # of them in a row
MOST = 0.995  # of the weights lie within the scale of a picture: a few large ones must not wash out the others


def weights(net: Network, layers: str | Sequence[str] | None = None) -> Figure:
    """Weights of each layer: their distribution, and the matrix from the neurons below (columns) to the layer's (rows).

    Parameters
    ----------
    net : Network
    layers : str or sequence of str, optional
        Names of layers, from top to bottom; by default all that have weights. The matrix of a convolution has a row for
        each map and a column for each entry of its kernel.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If there is no such layer, or it has no weights.

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
        raise InputError("no layer of this network has weights: there is nothing to draw")
    names = [checks.choice("layers", name, arrays) for name in wanted]
    colours = layer_colours([layer.name for layer in net.layers])
    with rc_context(STYLE):
        figure = new_figure(0.6 + 2.0 * len(names))
        panels = figure.subplots(len(names), 2, squeeze=False, width_ratios=(1, 1.6))
        for (left, right), name in zip(panels, names, strict=True):
            weight = arrays[name].reshape(len(arrays[name]), -1)
            counts, edges = np.histogram(weight, bins=min(80, max(10, isqrt(weight.size))))
            left.stairs(counts, edges, fill=True, color=colours[name], alpha=0.85)
            left.axvline(0, color=GREY, linewidth=0.6)
            left.set(ylim=(0, None), ylabel="weights", xlabel="weight")
            left.yaxis.set_major_locator(whole(4))
            left.yaxis.set_major_formatter("{x:,.0f}")
            titles(
                left, name, f"mean {weight.mean(dtype=float):.3g}, deviation {weight.std(dtype=float):.3g}", colours[name]
            )
            image = right.imshow(
                weight, cmap=signed(right), norm=_scale(weight), aspect="auto", origin="lower", interpolation="nearest"
            )
            right.set(ylabel="neuron" if arrays[name].ndim == 2 else "map", xlabel="from below")
            right.xaxis.set_major_locator(whole(6))
            right.yaxis.set_major_locator(whole(4))
            titles(right, " x ".join(f"{size:,}" for size in arrays[name].shape))
            figure.colorbar(image, ax=right, extend="both", aspect=12, pad=0.02)
        heading(figure, f"Weights: {number(sum(array.size for array in arrays.values()), 'parameter')}")
    return figure


def receptive_fields(net: Network, layer: str | None = None, neurons: int | Sequence[int] | None = None) -> Figure:
    """Weights of the neurons of a dense layer, each laid out as its input is: as an image where that has rows and columns.

    Orange excites, blue inhibits, by one scale for all. Several channels stand beside each other; an input without rows and
    columns gives a line.

    Parameters
    ----------
    net : Network
    layer : str, optional
        Name of a dense or recurrent layer; by default the first.
    neurons : int or sequence of int, optional
        Of the layer; by default the forty with the largest weights (by root mean square).

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If there is no such layer or neuron, or the layer is not dense.

    Examples
    --------
    >>> from cupynn import Sequential, layers, plot
    >>> net = Sequential([layers.SpikingDense(20, v_th=5.0)], (8, 8), steps=50, device="cpu")
    >>> plot.receptive_fields(net, neurons=[3, 4]).get_suptitle()
    'Receptive fields of dense_1: 2 of 20 neurons'
    """
    chosen = _layer(net, layer, SpikingDense, "dense", "plot.kernels")
    weight = _arrays(net)[chosen.name]
    neurons = _strongest(weight) if neurons is None else arguments.neuron_indices("neurons", neurons, len(weight))
    fields = weight[neurons].reshape(len(neurons), *chosen.input_shape)
    words = f"Receptive fields of {chosen.name}: {len(neurons):,} of {number(len(weight), 'neuron')}"
    return _grid(fields, neurons, words)


def kernels(net: Network, layer: str | None = None, maps: int | Sequence[int] | None = None) -> Figure:
    """Kernels of a convolution, one picture a map; those of several input channels stand beside each other.

    Parameters
    ----------
    net : Network
    layer : str, optional
        Name of a convolution; by default the first.
    maps : int or sequence of int, optional
        Of the layer; by default the forty with the largest weights (by root mean square).

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If there is no such layer or map, or the layer is no convolution.

    Examples
    --------
    >>> from cupynn import Sequential, layers, plot
    >>> net = Sequential([layers.SpikingConv2D(6, 5, v_th=5.0)], (12, 12), steps=50, device="cpu")
    >>> plot.kernels(net).get_suptitle()
    'Kernels of conv_1: 6 of 6 maps, 5 x 5'
    """
    chosen = _layer(net, layer, SpikingConv2D, "convolution", "plot.receptive_fields")
    weight = _arrays(net)[chosen.name]
    maps = _strongest(weight) if maps is None else arguments.neuron_indices("maps", maps, len(weight))
    size = " x ".join(map(str, chosen.kernel_size))
    words = f"Kernels of {chosen.name}: {len(maps):,} of {number(len(weight), 'map')}, {size}"
    return _grid(weight[maps], maps, words)


def _arrays(net: Network) -> dict[str, np.ndarray]:
    """Return the weights of each layer that has some, in host memory."""
    homes = {layer.name: layer.params | layer.buffers for layer in net.layers}
    return {name: net.device.get(home["weight"]) for name, home in homes.items() if "weight" in home}


def _layer(net: Network, name: str | None, kind: type, word: str, other: str) -> Layer:
    """Return the layer of this name, or the first of its kind."""
    fitting = {layer.name: layer for layer in arguments.network(net).layers if isinstance(layer, kind)}
    if not fitting:
        raise InputError(f"this network has no {word} layer: see {other}(net), or plot.weights(net)")
    if name is None:
        return next(iter(fitting.values()))
    return fitting[checks.choice("layer", name, fitting)]


def _strongest(weight: np.ndarray) -> list[int]:
    """Return the neurons or maps with the largest weights, in order of their number."""
    size = (weight.reshape(len(weight), -1).astype(np.float64) ** 2).mean(1)
    return sorted(np.argsort(-size, kind="stable")[:SHOWN].tolist())


def _scale(values: np.ndarray) -> Normalize:
    """Zero in the middle, nearly all weights within."""
    bound = float(np.quantile(np.abs(values), MOST)) or 1.0
    return Normalize(-bound, bound)


def _mosaic(field: np.ndarray) -> np.ndarray:
    """Channels (C, H, W) beside and below each other in one picture, a gap between them."""
    channels, height, width = field.shape
    across = ceil(channels**0.5)
    picture = np.full((ceil(channels / across) * (height + 1) - 1, across * (width + 1) - 1), np.nan, field.dtype)
    for channel in range(channels):
        row, column = divmod(channel, across)
        top, left = row * (height + 1), column * (width + 1)
        picture[top : top + height, left : left + width] = field[channel]
    return picture


def _grid(fields: np.ndarray, numbers: Sequence[int], words: str) -> Figure:
    """Draw each field with its number, as a picture or as a line, all on one scale."""
    lines = fields.ndim == 2
    if fields.ndim == 4:
        fields = np.stack([_mosaic(field) for field in fields])
    wide = lines or fields.shape[2] > 1.5 * fields.shape[1]
    rows = ceil(len(fields) / (ACROSS // 2 if wide else ACROSS))
    across = ceil(len(fields) / rows)
    room = (WIDTH - 0.9) / max(across, 5)  # of a field, inches
    height = 0.9 if lines else room * fields.shape[1] / fields.shape[2]
    with rc_context(STYLE):
        figure = new_figure((0.8 if lines else 0.4) + rows * (height + (0.25 if lines else 0.19)))
        figure.set_layout_engine("constrained" if lines else "compressed")  # pictures keep their shape: no gaps between
        panels = figure.subplots(rows, across, squeeze=False, sharex=True, sharey=True)
        scale = _scale(fields[~np.isnan(fields)])
        for axes, field, index in zip(panels.ravel(), fields, numbers, strict=False):
            if lines:
                axes.axhline(0, color=GREY, linewidth=0.6)
                axes.plot(field, color=layer_colours(["layer"])["layer"], linewidth=0.9)
            else:
                image = axes.imshow(field, cmap=signed(axes), norm=scale, interpolation="nearest")
                axes.set(xticks=[], yticks=[])
                axes.spines[:].set(visible=True, color=GREY, linewidth=0.4)
            axes.set_title(str(index), fontsize=8, alpha=MUTED, pad=2)
        for axes in panels.ravel()[len(fields) :]:
            axes.set_axis_off()
        if lines:
            figure.supxlabel("neuron below", fontsize=8)
            figure.supylabel("weight", fontsize=8)
        else:
            bar = figure.colorbar(image, ax=panels, extend="both", aspect=20, shrink=min(1, 3 / rows), pad=0.01)
            bar.ax.set_title("weight", fontsize=8, alpha=MUTED)  # beside the bar the layout leaves too little room for it
        heading(figure, words)
    return figure
