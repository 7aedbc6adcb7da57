"""Accuracy against operations of several evaluations."""

from collections.abc import Mapping, Sequence
from functools import partial
from os import PathLike

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator, PercentFormatter, StrMethodFormatter

from cupynn import checks
from cupynn.checks import InputError
from cupynn.plot.place import Place
from cupynn.plot.style import GREY, MUTED, PALETTE, number
from cupynn.results.evaluation import Evaluation, read
from cupynn.results.operations import HOROWITZ_45NM

POINTS = "named results, such as {'free': net.evaluate(test), 'bound': 'runs/bound'}"
Result = Evaluation | str | PathLike


def energy(
    results: Mapping[str, Result | Sequence[Evaluation]],
    table: Mapping[str, float] = HOROWITZ_45NM,
    *,
    ax: Axes | SubFigure | Figure | None = None,
    figsize: float | tuple[float, float] | None = None,
    title: str | None = None,
) -> Figure | SubFigure | Axes:
    """Draw the accuracy of several evaluations against their accumulates per sample, and the estimated energy above.

    Fewer operations are further left. The second axis is an estimate from the operations alone, not a measurement.

    Parameters
    ----------
    results : dict of str to Evaluation, path or sequence of Evaluation
        Name of each point, with the result of `Sequential.evaluate` or the folder of a finished run. A sequence, such as the
        evaluations after several epochs, is drawn as connected points; the first and the last have their numbers.
    table : mapping of str to float
        Picojoules per operation, as in `Operations.energy`.
    ax : Axes, SubFigure or Figure, optional
        Where to draw, instead of a new figure.
    figsize : float or (float, float), optional
        Width, or width and height, of the figure in inches.
    title : str, optional
        Title instead of the number of evaluations; "" for a figure without a title.

    Returns
    -------
    Figure, or `ax` if it was given

    Raises
    ------
    InputError
        If there is no result, one has no operations, or regressions and classifications are mixed.

    Examples
    --------
    >>> import numpy as np
    >>> from cupynn import Sequential, encoders, layers, plot
    >>> def evaluated(units):
    ...     net = Sequential([layers.SpikingDense(units, v_th=1.0), layers.SpikingDense(2, v_th=1.0)], (4,), steps=60,
    ...                      encoder=encoders.Poisson(), device="cpu")
    ...     return net.evaluate((np.eye(4, dtype=np.float32), [0, 0, 1, 1]))
    >>> figure = plot.energy({"narrow": evaluated(3), "wide": evaluated(30)})
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['narrow', 'wide']
    """
    series = {name: _evaluations(name, value) for name, value in _named(results).items()}
    every = [each for evaluations in series.values() for each in evaluations]
    regression = {each.accuracy is None for each in every}
    if len(regression) > 1:
        raise InputError("results has regressions and classifications: compare results of one task")
    place = Place(ax, figsize, title)
    with place.style():
        axes = place.axes or place.figure(3.6).subplots()
        for index, (name, evaluations) in enumerate(series.items()):
            colour = PALETTE[index % len(PALETTE)]
            x, y = [each.operations.accumulates for each in evaluations], [each.score for each in evaluations]
            axes.plot(x, y, color=colour, marker="o", linewidth=1)
            look = {"color": colour, "fontweight": "bold", "fontsize": axes.xaxis.label.get_size()}
            axes.annotate(name, (x[-1], y[-1]), (6, 4), textcoords="offset points", **look)
            if len(evaluations) > 1:
                for end in (0, len(evaluations) - 1):
                    look = {"fontsize": rcParams["xtick.labelsize"], "ha": "center", "alpha": MUTED}
                    axes.annotate(str(end + 1), (x[end], y[end]), (0, -12), textcoords="offset points", **look)
        axes.set(xlabel="accumulates per sample", ylabel="R²" if regression == {True} else "accuracy")
        _count_axis(axes, [each.operations.accumulates for each in every])
        axes.margins(x=0.12, y=0.15)
        axes.set_ylim(top=min(axes.get_ylim()[1], 1 + 0.05 * (1 - axes.get_ylim()[0])))  # no score is above 1
        axes.grid(color=GREY, alpha=0.2, linewidth=0.5)
        if regression == {False}:
            axes.yaxis.set_major_formatter(PercentFormatter(1))
        _energy_axis(axes, every[0], table)
        return place.done(f"{axes.get_ylabel().capitalize()} and operations of {number(len(every), 'evaluation')}")


def _count_axis(axes: Axes, counts: list[float]) -> None:
    """Show counts on a logarithmic axis if they span a factor of ten, and otherwise with all digits."""
    if max(counts) > 10 * min(counts) > 0:
        axes.set_xscale("log")
        return
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10)))


def _energy_axis(axes: Axes, evaluation: Evaluation, table: Mapping[str, float]) -> None:
    """Add an axis of the energy, unless the table counts more than accumulates."""
    evaluation.operations.energy(table)  # refuses other tables
    if table["neuron_update"]:
        return
    scale = table["accumulate"] / 1000 or 1
    above = axes.secondary_xaxis("top", functions=(partial(np.multiply, scale), partial(np.multiply, 1 / scale)))
    above.set_xlabel(
        f"estimated energy per sample (nJ), {table['accumulate']:g} pJ per accumulate", fontsize=axes.xaxis.label.get_size()
    )
    above.tick_params(labelsize=axes.xaxis.get_ticklabels()[0].get_size())


def _named(results) -> dict[str, Result | Sequence[Evaluation]]:
    checks.only("results", results, Mapping, POINTS)
    if not results or not all(isinstance(name, str) for name in results):
        raise InputError(f"results has the names {list(results)}: pass {POINTS}")
    return dict(results)


def _evaluations(name: str, value: Result | Sequence[Evaluation]) -> list[Evaluation]:
    """Return evaluations with operations."""
    if isinstance(value, str | PathLike):
        value = read(value)
    found = [value] if isinstance(value, Evaluation) else list(value) if isinstance(value, list | tuple) else []
    if not found or not all(isinstance(each, Evaluation) for each in found):
        raise InputError(f"results[{name!r}] is {checks.described(value)}: pass {POINTS}")
    if any(each.operations is None for each in found):
        raise InputError(f"results[{name!r}] has no operations: evaluate the network again with this version")
    return found
