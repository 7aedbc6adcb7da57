"""Learning curves of one run, and comparisons of several runs."""

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path

import numpy as np
from matplotlib import rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from cupynn.checks import InputError, described, only
from cupynn.plot.place import Place
from cupynn.plot.style import FEW, GREY, PALETTE, layer_colours, number, titles, whole
from cupynn.results import metrics
from cupynn.results.history import Epoch, History

HISTORY = "the result of net.fit(...), or the folder that cupynn train wrote"
RUNS = "named runs, such as {'small': history, 'large': 'runs/large'}"


def curves(
    history: History | str | PathLike,
    *,
    ax: SubFigure | Figure | None = None,
    figsize: float | tuple[float, float] | None = None,
    title: str | None = None,
) -> Figure | SubFigure:
    """Draw loss, accuracy and activity by epoch; a ring marks the best validation accuracy, at its last occurrence.

    Parameters
    ----------
    history : History or path
        Returned by `Sequential.fit`, or the folder of a run.
    ax : SubFigure or Figure, optional
        Empty part of a figure in which to draw the three panels.
    figsize : float or (float, float), optional
        Width, or width and height, of the figure in inches; one column of a paper is about 3.5 wide, with the panels below
        each other.
    title : str, optional
        Title; by default none.

    Returns
    -------
    Figure, or `ax` if it was given

    Raises
    ------
    InputError
        If there are no epochs, or the folder contains no run.

    Examples
    --------
    >>> import numpy as np
    >>> from cupynn import Sequential, encoders, layers, plot
    >>> net = Sequential([layers.SpikingDense(2, v_th=1.0)], (4,), steps=120, encoder=encoders.Poisson(), device="cpu")
    >>> history = net.fit((np.eye(4, dtype=np.float32), [0, 0, 1, 1]), epochs=2, progress=False)
    >>> [axes.get_title("left") for axes in plot.curves(history).axes]
    ['loss', 'accuracy', 'spikes per neuron']
    """
    history = _history("history", history)
    epochs, validated = history["number"], _validated(history)
    place = Place(ax, figsize, title, 3)
    with place.style(), rc_context(_dots(epochs)):
        loss, accuracy, activity = _three_panels(place, 2.9)
        ink = rcParams["text.color"]
        best = history.best
        for axes, name, title in ((loss, "loss", "loss"), (accuracy, "score", best.measure)):
            axes.plot(epochs, [getattr(epoch, name) for epoch in history], color=GREY, label="training")
            if validated:
                values = [getattr(epoch, f"validation_{name}") for epoch in history]
                axes.plot(epochs, values, color=ink, label="validation")
            titles(axes, title)
        if validated:
            accuracy.plot(best.number, best.validation_score, "o", color=ink, markersize=8, fillstyle="none")
            titles(accuracy, best.measure, f"best {best.shown(best.validation_score)}, epoch {best.number}")
        for name, colour in layer_colours(history.epochs[0].spikes).items():
            activity.plot(epochs, [spikes[name] for spikes in history["spikes"]], color=colour, label=name)
        titles(activity, "spikes per neuron")
        for axes in (loss, accuracy, activity):
            _epoch_axis(axes, epochs)
        _score_axis(accuracy, best)
        loss.set_ylim(bottom=0)
        activity.set_ylim(bottom=0)
        if place.narrow:
            for axes in (loss, accuracy):
                axes.tick_params(labelbottom=False)
                axes.set_xlabel("")
            place.legend([*loss.lines, *activity.lines], above=False)
        else:
            loss.legend()
            activity.legend(loc="upper left", bbox_to_anchor=(1, 1), borderaxespad=0)
        return place.done("")


def compare(
    runs: Mapping[str, History | str | PathLike] | Sequence[str | PathLike],
    *,
    ax: SubFigure | Figure | None = None,
    figsize: float | tuple[float, float] | None = None,
    title: str | None = None,
) -> Figure | SubFigure:
    """Draw loss and accuracy of several runs by epoch, and accuracy by training time.

    The values are those of the validation data if all runs have some, and of the training data otherwise. The time starts
    with the first epoch, in which a new installation compiles.

    Parameters
    ----------
    runs : dict of str to History or path, or sequence of paths
        Name of each run, with the history that `Sequential.fit` returned, or the folder of the run. Folders without a dict
        are named by the last part of their path.
    ax : SubFigure or Figure, optional
        Empty part of a figure in which to draw the three panels.
    figsize : float or (float, float), optional
        Width, or width and height, of the figure in inches; one column of a paper is about 3.5 wide, with the panels below
        each other.
    title : str, optional
        Title instead of the number of runs; "" for a figure without a title.

    Returns
    -------
    Figure, or `ax` if it was given

    Raises
    ------
    InputError
        If a run has no epochs, or a folder contains no run.

    Examples
    --------
    >>> import numpy as np
    >>> from cupynn import Sequential, encoders, layers, plot
    >>> def trained(units):
    ...     net = Sequential([layers.SpikingDense(units, v_th=1.0), layers.SpikingDense(2, v_th=1.0)], (4,), steps=120,
    ...                      encoder=encoders.Poisson(), device="cpu")
    ...     return net.fit((np.eye(4, dtype=np.float32), [0, 0, 1, 1]), epochs=2, progress=False)
    >>> figure = plot.compare({"narrow": trained(3), "wide": trained(30)})
    >>> [axes.get_title("left") for axes in figure.axes]
    ['training loss', 'training accuracy', 'training accuracy by time']
    """
    histories = {name: _history(f"runs[{name!r}]", run) for name, run in _named(runs).items()}
    part = "validation" if all(map(_validated, histories.values())) else "training"
    prefix = "validation_" if part == "validation" else ""
    longest = max((history["number"] for history in histories.values()), key=len)
    place = Place(ax, figsize, title, 3)
    with place.style(), rc_context(_dots(longest)):
        loss, accuracy, timed = _three_panels(place, 3.2)
        accuracy.sharey(timed)
        for index, (name, history) in enumerate(histories.items()):
            epochs, accuracies = history["number"], [getattr(epoch, f"{prefix}score") for epoch in history]
            dashes = ("-", "--", ":", "-.")[index // len(PALETTE) % 4]
            best, epoch = max(zip(accuracies, epochs, strict=True))  # the last on a tie
            label = f"{name}: {history.best.shown(best)}, epoch {epoch}"
            look = {"color": PALETTE[index % len(PALETTE)], "linestyle": dashes, "label": label}
            loss.plot(epochs, history[f"{prefix}loss"], **look)
            accuracy.plot(epochs, accuracies, **look)
            timed.plot(np.cumsum(history["seconds"]), accuracies, **look)
        measures = sorted({history.best.measure for history in histories.values()}, reverse=True)
        if len(measures) > 1:
            raise InputError("runs has regressions and classifications: compare runs of one task")
        names = ("loss", measures[0], f"{measures[0]} by time")
        for axes, title in zip((loss, accuracy, timed), names, strict=True):
            titles(axes, f"{part} {title}")
        _epoch_axis(loss, longest)
        _epoch_axis(accuracy, longest)
        _score_axis(accuracy, history.best)
        timed.set(xlabel="training time (s)", xlim=(0, None))
        loss.set_ylim(bottom=0)
        place.legend(loss.lines, above=False)
        return place.done(f"{number(len(histories), 'run')}, each with its best {part} {measures[0]}")


def _three_panels(place: Place, height: float) -> Iterable[Axes]:
    """Make panels beside each other, or below each other in a narrow figure."""
    if place.narrow:
        return place.figure(1.9 * height).subplots(3)
    return place.figure(height).subplots(1, 3)


def _named(runs) -> dict[str, History | str | PathLike]:
    """Return runs by name; folders are named by the last part of their path."""
    if isinstance(runs, Mapping):
        named = dict(runs)
    elif isinstance(runs, list | tuple) and all(isinstance(run, str | PathLike) for run in runs):
        named = {Path(run).name: run for run in runs}
        if len(named) < len(runs):
            raise InputError(f"runs={runs!r}: two folders have the same name: pass a dict, {{'name': folder, ...}}")
    else:
        raise InputError(f"runs is {described(runs)}: pass {RUNS}")
    if not named or not all(isinstance(name, str) for name in named):
        raise InputError(f"runs has the names {list(named)}: pass {RUNS}")
    return named


def _validated(history: History) -> bool:
    return history[-1].validation_score is not None


def _history(name: str, value: History | str | PathLike) -> History:
    """Return a history with epochs, read from the folder of a run where `value` is a path."""
    only(name, value, (History, str, PathLike), HISTORY)
    history = value if isinstance(value, History) else metrics.read(value)
    if not len(history):
        raise InputError(f"{name} has no epochs: pass {HISTORY}")
    return history


def _dots(epochs: Sequence[int]) -> dict[str, object]:
    """Return settings that mark each epoch with a dot if there are few."""
    return {"lines.marker": "o" if len(epochs) <= FEW else "None", "lines.markersize": 3}


def _score_axis(axes: Axes, epoch: Epoch) -> None:
    if epoch.measure == "accuracy":
        axes.yaxis.set_major_formatter(PercentFormatter(1))


def _epoch_axis(axes: Axes, epochs: Sequence[int]) -> None:
    axes.set(xlabel="epoch", xlim=(epochs[0] - 0.5, epochs[-1] + 0.5))
    axes.xaxis.set_major_locator(whole(6))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10)))
