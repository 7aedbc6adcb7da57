"""Confusion matrices: which class is taken for which."""

from collections.abc import Sequence

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage
from matplotlib.ticker import PercentFormatter

from cupynn import checks
from cupynn.checks import InputError
from cupynn.plot import arguments
from cupynn.plot.place import Place
from cupynn.plot.style import FEW, GREY, MUTED, PALETTE, number, titles
from cupynn.results.evaluation import Evaluation

EVALUATION = "the result of net.evaluate(test), or its .confusion"
LISTED, LISTING = 8, 8.0  # most frequent confusions, and the least width of a figure that lists them, inches
LONGEST = 20  # characters of a name in the list
SHARES = {"label": "share of the row", "prediction": "share of the column", "all": "share of all samples"}


def confusion(
    evaluation: Evaluation | np.ndarray,
    classes: Sequence[str] | None = None,
    *,
    normalize: str | None = None,
    ax: Axes | SubFigure | Figure | None = None,
    figsize: float | tuple[float, float] | None = None,
    title: str | None = None,
) -> Figure | SubFigure | Axes:
    """Draw the number of samples by label (rows) and prediction (columns), the accuracy per class and the frequent errors.

    The colour of a cell is its share of the samples of its row, from 0 to 100 % on one scale for hits and errors.

    Parameters
    ----------
    evaluation : Evaluation or array_like of int, shape (classes, classes)
        Returned by `Sequential.evaluate`, or a confusion matrix.
    classes : sequence of str, optional
        Names of the classes, such as ``test.classes``; by default their numbers.
    normalize : {"label", "prediction", "all"}, optional
        Write and colour percentages instead of counts: of the samples of the label (rows add up to 100 %), of the samples
        with the prediction (columns do), or of all samples.
    ax : Axes, SubFigure or Figure, optional
        Axes on which to draw the matrix alone; or an empty part of a figure, for all panels.
    figsize : float or (float, float), optional
        Width, or width and height, of the figure in inches; one column of a paper is about 3.5 wide, without the list of
        errors, which needs 8.
    title : str, optional
        Title instead of the number of correct samples; "" for a figure without a title.

    Returns
    -------
    Figure, or `ax` if it was given

    Raises
    ------
    InputError
        If `evaluation` is not a confusion matrix, its size differs from the number of names, or `normalize` is unknown.

    Examples
    --------
    >>> from cupynn import plot
    >>> plot.confusion([[8, 2], [0, 10]], classes=["cat", "dog"]).get_suptitle()
    '18 of 20 samples correct (90.00%)'
    """
    matrix = _confusions(evaluation)
    names = arguments.class_names(classes, len(matrix))
    if normalize is not None:
        checks.choice("normalize", normalize, SHARES)
    right, total = int(np.trace(matrix)), int(matrix.sum())
    words = f"{right:,} of {number(total, 'sample')} correct ({right / max(total, 1):.2%})"
    place = Place(ax, figsize, title)
    with place.style():
        if place.axes is not None:
            cell = min(place.axes.get_window_extent().size) / place.axes.figure.dpi / len(matrix)
            _matrix(place.axes, matrix, names, cell, normalize)
            titles(place.axes, words)
            return place.done()
        side = min(max(0.42 * len(matrix), 2.1), 0.6 * place.width, 6.0)
        figure = place.figure(side + 1.2)
        beside = 0.25 * side if place.narrow else max(0.4 * (place.width - 2.3 - side), 0.9)
        axes, recall = figure.subplots(1, 2, sharey=True, width_ratios=(side, beside))
        image = _matrix(axes, matrix, names, side / len(matrix), normalize)
        axes.set_aspect("auto")  # still nearly square, and aligned with the accuracies
        bar = figure.colorbar(image, ax=axes, location="bottom", aspect=40, pad=0.02, format=PercentFormatter(1, 0))
        bar.set_label(SHARES[normalize or "label"])
        bar.outline.set_visible(False)
        _classes(recall, matrix, place.narrow)
        if place.width >= LISTING:
            look = {"va": "top", "fontsize": rcParams["legend.fontsize"], "linespacing": 1.5, "alpha": MUTED}
            beside = {"xycoords": "axes fraction", "textcoords": "offset points"}
            recall.annotate(_errors(matrix, names), (1, 1), (38, 0), **beside, **look)
        return place.done(words)


def _confusions(evaluation: Evaluation | np.ndarray) -> np.ndarray:
    """Return the confusion matrix of an evaluation, or the array itself if it is a confusion matrix."""
    if isinstance(evaluation, Evaluation):
        if evaluation.confusion is None or evaluation.confusion.ndim != 2:
            raise InputError("evaluation is not of one class per sample: its confusion matrix cannot be drawn")
        return evaluation.confusion
    checks.only("evaluation", evaluation, (np.ndarray, list, tuple), EVALUATION)
    try:
        matrix = np.asarray(evaluation)
    except ValueError:  # rows of different lengths
        matrix = np.zeros(0)
    square = matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1] and matrix.size
    if not square or matrix.dtype.kind not in "iu" or (matrix < 0).any():
        found = f"{checks.described(matrix)}, {matrix.dtype}"
        raise InputError(f"evaluation is {found}: pass {EVALUATION}, an integer array (classes, classes)")
    return matrix


def _shares(matrix: np.ndarray, normalize: str | None) -> np.ndarray:
    """Return each count as a share of its row, its column or all samples."""
    axis = {"prediction": 0, "all": None}.get(normalize, 1)
    return matrix / np.maximum(matrix.sum(axis, keepdims=True), 1)


def _matrix(axes: Axes, matrix: np.ndarray, names: list[str], cell: float, normalize: str | None) -> AxesImage:
    """Draw the matrix, with its numbers if they fit; `cell` is the width of a cell in inches."""
    shares = _shares(matrix, normalize)
    colours = LinearSegmentedColormap.from_list("shares", [axes.get_facecolor(), PALETTE[0]])
    top = shares.max() or 1 if normalize == "all" else 1
    image = axes.imshow(shares, cmap=colours, vmin=0, vmax=top, interpolation="nearest")
    axes.set(xlabel="predicted", ylabel="label")
    axes.spines[:].set(visible=True, color=GREY, linewidth=0.5)
    step = 1 if cell >= 0.12 else 5
    ticks = range(0, len(matrix), step)
    size = min(rcParams["font.size"] - 1, 50 * cell * step)  # points
    turned = max(len(name) for name in names) * 0.7 * size > 72 * cell
    axes.set_xticks(ticks, [names[tick] for tick in ticks], rotation=90 if turned else 0)
    axes.set_yticks(ticks, [names[tick] for tick in ticks])
    axes.tick_params(length=0, labelsize=size)
    if len(matrix) > FEW:
        return image
    counts, percents = [f"{count:,}" for count in matrix.flat], [f"{100 * share:.0f}" for share in shares.flat]
    words = counts if normalize is None else percents
    size = min(size, 72 * cell / (0.75 * max(map(len, words)) + 0.6))
    for (row, column), word in zip(np.ndindex(matrix.shape), words, strict=True):
        if matrix[row, column]:
            ink = _readable(colours(shares[row, column] / top))
            axes.text(column, row, word, ha="center", va="center", color=ink, fontsize=size)
    return image


def _readable(ground: tuple[float, ...]) -> str:
    """Return black on bright colours and white on dark ones."""
    linear = np.asarray(to_rgb(ground)) ** 2.2
    return "black" if linear @ (0.2126, 0.7152, 0.0722) > 0.3 else "white"


def _classes(axes: Axes, matrix: np.ndarray, narrow: bool) -> None:
    """Draw the accuracy of each class as a bar with its number."""
    totals = matrix.sum(1)
    recall = np.divide(np.diag(matrix), totals, out=np.full(len(matrix), np.nan), where=totals > 0)
    bars = axes.barh(range(len(matrix)), np.nan_to_num(recall), height=0.65, color=PALETTE[0])
    numbers = [f"{share:.0%}" if share == share else "none" for share in recall]
    if len(matrix) <= FEW:
        axes.bar_label(bars, numbers, padding=2, fontsize=rcParams["ytick.labelsize"])
    axes.tick_params(axis="y", length=0, labelleft=False)
    axes.set(xlim=(0, 1), xticks=(0, 1) if narrow else (0, 0.5, 1), xlabel="accuracy")
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _errors(matrix: np.ndarray, names: list[str]) -> str:
    """Return the list of the most frequent errors."""
    wrong = matrix * (1 - np.eye(len(matrix), dtype=matrix.dtype))
    order = np.argsort(-wrong, axis=None, kind="stable")[:LISTED]
    pairs = [divmod(int(place), len(matrix)) for place in order if wrong.flat[place]]
    short = [name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…" for name in names]
    lines = [f"{short[row]} as {short[column]}: {_times(int(wrong[row, column]))}" for row, column in pairs]
    return "\n".join(["most frequent errors:", *lines] if lines else ["no errors"])


def _times(count: int) -> str:
    return "once" if count == 1 else number(count, "time")
