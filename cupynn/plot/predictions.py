"""How well classes are told apart: confusion matrix, firing rates by class."""

from collections.abc import Sequence
from math import ceil

import numpy as np
from matplotlib import rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from cupynn import checks
from cupynn.checks import InputError
from cupynn.plot import arguments
from cupynn.plot.figures import new_figure
from cupynn.plot.style import FEW, GREY, MUTED, PALETTE, STYLE, heading, layer_colours, number, titles, whole
from cupynn.results.evaluation import Evaluation
from cupynn.results.recording import Recording
from cupynn.spikes.trains import SpikeTrains

EVALUATION = "what net.evaluate(test) returned, or its .confusion"
LISTED = 8  # confusions, the most frequent
BINS = 30  # of a histogram, at most


def confusion(
    evaluation: Evaluation | np.ndarray, classes: Sequence[str] | None = None, *, ax: Axes | None = None
) -> Figure | Axes:
    """Samples by label (rows) and prediction (columns), with the accuracy of each class and the most frequent confusions.

    The right ones, on the diagonal, are blue; the wrong ones orange, the more of their row they are, by a scale of their
    own: errors stay visible where few are left.

    Parameters
    ----------
    evaluation : Evaluation or array_like of int, shape (classes, classes)
        What `Sequential.evaluate` returned, or a confusion matrix.
    classes : sequence of str, optional
        Their names, such as ``test.classes``; by default their numbers.
    ax : Axes, optional
        Where to draw the matrix alone.

    Returns
    -------
    Figure, or `ax` if that was given

    Raises
    ------
    InputError
        If there is no such matrix, or it has other classes.

    Examples
    --------
    >>> from cupynn import plot
    >>> plot.confusion([[8, 2], [0, 10]], classes=["cat", "dog"]).get_suptitle()
    '18 of 20 samples right (90.00%)'
    """
    matrix = _confusions(evaluation)
    names = arguments.class_names(classes, len(matrix))
    words = _score(matrix)
    if ax is not None:
        with rc_context(STYLE):
            _matrix(arguments.axes("ax", ax), matrix, names, 0.42)
            titles(ax, words)
        return ax
    with rc_context(STYLE):
        side = min(max(0.42 * len(matrix), 2.1), 6.0)
        figure = new_figure(side + 1.0)
        axes, right = figure.subplots(1, 2, sharey=True, width_ratios=(side, 6.7 - side))
        _matrix(axes, matrix, names, side / len(matrix))
        axes.set_aspect("auto")  # nearly square as it is, and level with the accuracies
        _classes(right, matrix, names)
        heading(figure, words)
    return figure


def rates(
    recording: Recording | SpikeTrains,
    labels: Sequence[int] | np.ndarray,
    layer: str | None = None,
    classes: Sequence[str] | None = None,
) -> Figure:
    """Histograms of firing rates, a panel a class.

    In the output layer, which has a neuron for each class, those of the class's own neuron stand against those of the
    others: the further apart, the safer is the prediction. In any other layer they are those of all neurons that fire.

    Parameters
    ----------
    recording : Recording or SpikeTrains
        What `Sequential.record` returned, or trains such as `Sequential.forward` returns, which take less memory.
    labels : array_like of int, shape (B,)
        Class of each sample.
    layer : str, optional
        Of the recording; by default the last.
    classes : sequence of str, optional
        Their names, such as ``test.classes``; by default their numbers.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If there is no such layer, or the labels do not fit.

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
    counts = spikes.counts.reshape(len(spikes), -1)
    own = name == last and spikes.size == len(names)
    shown = [index for index in range(len(names)) if (labels == index).any()]
    width = max(1, ceil((counts.max() + 1) / BINS))
    edges = np.arange(0, counts.max() + width + 1, width) - 0.5
    colour = layer_colours(trains)[name]
    across = min(len(shown), 5)
    rows = ceil(len(shown) / across)
    with rc_context(STYLE):
        figure = new_figure(1.0 + 1.5 * rows)
        panels = figure.subplots(rows, across, squeeze=False, sharex=True, sharey=True)
        for axes, index in zip(panels.ravel(), shown, strict=False):
            theirs = counts[labels == index]
            if own:
                others = np.delete(theirs, index, axis=1).ravel()
                _histogram(axes, others, edges, GREY, "other neurons")
                _histogram(axes, theirs[:, index], edges, colour, "the class's own neuron")
                remark = number(len(theirs), "sample")
            else:
                _histogram(axes, theirs[theirs > 0], edges, colour, "neurons that fire")
                remark = f"{(theirs == 0).mean():.0%} silent"
            titles(axes, names[index], remark)
            axes.xaxis.set_major_locator(whole(5))
        for axes in panels.ravel()[len(shown) :]:
            axes.set_axis_off()
        panels[0, 0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        figure.supxlabel(f"firing rate (spikes in {number(spikes.steps, 'step')})", fontsize=8)
        figure.supylabel("share of samples and neurons", fontsize=8)
        heading(figure, f"Firing rates{f' of {name}' if isinstance(recording, Recording) else ''} by class")
        if own:
            figure.legend(handles=panels[0, 0].patches[::-1], loc="outside upper right", ncols=2)
    return figure


def _confusions(evaluation: Evaluation | np.ndarray) -> np.ndarray:
    """Return the confusion matrix of an evaluation, or the array itself if it is one."""
    if isinstance(evaluation, Evaluation):
        return evaluation.confusion
    checks.only("evaluation", evaluation, (np.ndarray, list, tuple), EVALUATION)
    try:
        matrix = np.asarray(evaluation)
    except ValueError:  # rows of different length
        matrix = np.zeros(0)
    square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1] and matrix.size
    if not square or matrix.dtype.kind not in "iu" or (matrix < 0).any():
        raise InputError(
            f"evaluation is {checks.described(matrix)}, {matrix.dtype}: pass {EVALUATION}, counts (classes, classes)"
        )
    return matrix


def _labels(labels, classes, count: int | None, samples: int) -> tuple[np.ndarray, list[str]]:
    """Return checked labels and the names of all classes: those given, as many as output neurons, or as occur."""
    if classes is not None:
        count = len(arguments.listed("classes", classes))
    elif count is None:
        array = np.asarray(labels)
        count = int(array.max()) + 1 if array.size and array.dtype.kind in "iu" and array.max() >= 0 else 1
    return checks.labels("labels", labels, count, samples), arguments.class_names(classes, count)


def _score(matrix: np.ndarray) -> str:
    right, total = int(np.trace(matrix)), int(matrix.sum())
    return f"{right:,} of {number(total, 'sample')} right ({right / max(total, 1):.2%})"


def _matrix(axes: Axes, matrix: np.ndarray, names: list[str], cell: float) -> None:
    """Draw the matrix, with figures where there is room; cell: its width, inches."""
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    diagonal = np.eye(len(matrix), dtype=bool)
    errors = np.where(diagonal, 0, shares)
    worst = errors.max() or 1
    ground = axes.get_facecolor()
    right = LinearSegmentedColormap.from_list("right", [ground, PALETTE[0]])
    wrong = LinearSegmentedColormap.from_list("wrong", [ground, PALETTE[1]])
    colours = np.where(diagonal[..., None], right(shares * 0.9), wrong(errors / worst))
    axes.imshow(colours, interpolation="nearest")
    axes.set(xlabel="predicted", ylabel="label")
    axes.spines[:].set(visible=True, color=GREY, linewidth=0.5)
    ticks = range(len(matrix)) if cell >= 0.12 else range(0, len(matrix), 5)
    size = min(8, 50 * cell)  # points
    turned = max(len(name) for name in names) * 0.7 * size > 72 * cell
    axes.set_xticks(ticks, [names[tick] for tick in ticks], rotation=90 if turned else 0)
    axes.set_yticks(ticks, [names[tick] for tick in ticks])
    axes.tick_params(length=0, labelsize=size)
    if len(matrix) > FEW:
        return
    for (row, column), count in np.ndenumerate(matrix):
        if count:
            dark = shares[row, column] > 0.55 if row == column else errors[row, column] / worst > 0.7
            ink = "white" if dark else rcParams["text.color"]
            size = min(8, 72 * cell / (0.75 * len(f"{matrix.max():,}") + 1))
            axes.text(column, row, f"{count:,}", ha="center", va="center", color=ink, fontsize=size)


def _classes(axes: Axes, matrix: np.ndarray, names: list[str]) -> None:
    """Draw the accuracy of each class, and name the most frequent confusions below it."""
    totals = matrix.sum(1)
    recall = np.divide(np.diag(matrix), totals, out=np.full(len(matrix), np.nan), where=totals > 0)
    places = np.arange(len(matrix))
    axes.plot(recall, places, "o", color=PALETTE[0], markersize=4, clip_on=False)
    axes.hlines(places, 0, 1, color=GREY, alpha=0.25, linewidth=0.5, zorder=0)
    low = float(np.nanmin(recall, initial=1))
    axes.set_xlim(max(0, np.floor(20 * low - 0.5) / 20), 1)
    axes.tick_params(axis="y", length=0, labelleft=False)
    axes.spines.left.set_visible(False)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel("accuracy of the class")
    wrong = matrix * (1 - np.eye(len(matrix), dtype=matrix.dtype))
    order = np.argsort(-wrong, axis=None, kind="stable")[:LISTED]
    pairs = [divmod(int(place), len(matrix)) for place in order if wrong.flat[place]]
    lines = [f"{names[row]} as {names[column]}: {number(int(wrong[row, column]), 'time')}" for row, column in pairs]
    axes.text(
        1.06,
        1,
        "\n".join(["most frequent errors:", *lines] if lines else ["no errors"]),
        transform=axes.transAxes,
        va="top",
        fontsize=8,
        linespacing=1.5,
        alpha=MUTED,
    )


def _histogram(axes: Axes, values: np.ndarray, edges: np.ndarray, colour: str, label: str) -> None:
    """Draw the shares of values in each bin."""
    counts, _ = np.histogram(values, edges)
    axes.stairs(counts / max(1, values.size), edges, fill=True, facecolor=colour, alpha=0.75, label=label)
