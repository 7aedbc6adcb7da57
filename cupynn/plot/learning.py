"""How networks learned: the curves of one run, several runs side by side."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path

import numpy as np
from matplotlib import rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from cupynn.checks import InputError, only
from cupynn.plot.figures import new_figure
from cupynn.plot.style import FEW, GREY, PALETTE, STYLE, heading, layer_colours, number, titles, whole
from cupynn.results import metrics
from cupynn.results.history import History

HISTORY = "what net.fit(...) returned, or the folder that cupynn train left"
RUNS = "several, such as {'small': history, 'large': 'runs/large'}"


def curves(history: History | str | PathLike) -> Figure:
    """Loss, accuracy and activity by epoch; a ring marks the best validation accuracy, where it was last reached.

    Parameters
    ----------
    history : History or path
        What `Sequential.fit` returned, or the folder of a run.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If it holds no epochs, or the folder none of a run.

    Examples
    --------
    >>> import numpy as np
    >>> from cupynn import Sequential, encoders, layers, plot
    >>> net = Sequential([layers.SpikingDense(2, v_th=1.0)], (4,), steps=120, encoder=encoders.Poisson(), device="cpu")
    >>> history = net.fit((np.eye(4, dtype=np.float32), [0, 0, 1, 1]), epochs=2, progress=False)
    >>> [axes.get_title("left") for axes in plot.curves(history).axes]
    ['loss', 'accuracy', 'spikes a neuron']
    """
    history = _history("history", history)
    epochs, validated = history["number"], _validated(history)
    with rc_context(STYLE | _dots(epochs)):
        figure = new_figure(2.9)
        loss, accuracy, activity = figure.subplots(1, 3)
        ink = rcParams["text.color"]
        for axes, name in ((loss, "loss"), (accuracy, "accuracy")):
            axes.plot(epochs, history[name], color=GREY, label="training")
            if validated:
                axes.plot(epochs, history[f"validation_{name}"], color=ink, label="validation")
            titles(axes, name)
        if validated:
            best = history.best
            accuracy.plot(best.number, best.validation_accuracy, "o", color=ink, markersize=8, fillstyle="none")
            titles(accuracy, "accuracy", f"best {best.validation_accuracy:.2%}, epoch {best.number}")
        for name, colour in layer_colours(history.epochs[0].spikes).items():
            activity.plot(epochs, [spikes[name] for spikes in history["spikes"]], color=colour, label=name)
        titles(activity, "spikes a neuron")
        for axes in (loss, accuracy, activity):
            _epoch_axis(axes, epochs)
        accuracy.yaxis.set_major_formatter(PercentFormatter(1))
        loss.set_ylim(bottom=0)
        loss.legend()
        activity.set_ylim(bottom=0)
        activity.legend(loc="upper left", bbox_to_anchor=(1, 1), borderaxespad=0)
    return figure


def compare(runs: Mapping[str, History | str | PathLike] | Sequence[str | PathLike]) -> Figure:
    """Loss and accuracy of several runs by epoch, and accuracy by the time that their training took.

    They are those of the validation data where all runs have some, else those of the training data. The time counts from the
    start of the first epoch, in which a new installation compiles.

    Parameters
    ----------
    runs : dict of str to History or path, or sequence of paths
        Name of each run, and what `Sequential.fit` returned or the folder of the run; or folders, which name themselves.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If a run has no epochs, or a folder none of a run.

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
    with rc_context(STYLE | _dots(longest)):
        figure = new_figure(3.2)
        loss, accuracy, timed = figure.subplots(1, 3)
        accuracy.sharey(timed)
        for index, (name, history) in enumerate(histories.items()):
            epochs, accuracies = history["number"], history[f"{prefix}accuracy"]
            dashes = ("-", "--", ":", "-.")[index // len(PALETTE) % 4]
            look = {"color": PALETTE[index % len(PALETTE)], "linestyle": dashes}
            last = max(range(len(accuracies)), key=lambda epoch, values=accuracies: (values[epoch], epoch))
            look["label"] = f"{name}: {accuracies[last]:.2%}, epoch {epochs[last]}"
            loss.plot(epochs, history[f"{prefix}loss"], **look)
            accuracy.plot(epochs, accuracies, **look)
            timed.plot(np.cumsum(history["seconds"]), accuracies, **look)
        for axes, title in zip((loss, accuracy, timed), ("loss", "accuracy", "accuracy by time"), strict=True):
            titles(axes, f"{part} {title}")
        _epoch_axis(loss, longest)
        _epoch_axis(accuracy, longest)
        accuracy.yaxis.set_major_formatter(PercentFormatter(1))
        timed.set(xlabel="time of training (s)", xlim=(0, None))
        loss.set_ylim(bottom=0)
        figure.legend(handles=loss.lines, loc="outside lower left", ncols=min(3, len(histories)))
        heading(figure, f"{number(len(histories), 'run')}, each with its best {part} accuracy")
    return figure


def _named(runs) -> dict[str, History | str | PathLike]:
    """Return runs by name; folders are named by the last part of their path."""
    if isinstance(runs, Mapping):
        named = dict(runs)
    elif isinstance(runs, list | tuple) and all(isinstance(run, str | PathLike) for run in runs):
        named = {Path(run).name: run for run in runs}
        if len(named) < len(runs):
            raise InputError(f"runs={runs!r}: two folders have one name: pass a dict, {{'name': folder, ...}}")
    elif isinstance(runs, list | tuple):
        raise InputError(f"runs is a {type(runs).__name__} of histories: give each a name, pass {RUNS}")
    else:
        raise InputError(f"runs is a {type(runs).__name__}: pass {RUNS}")
    if not named or not all(isinstance(name, str) for name in named):
        raise InputError(f"runs has the names {list(named)}: pass {RUNS}")
    return named


def _validated(history: History) -> bool:
    return history["validation_accuracy"][-1] is not None


def _history(name: str, value: History | str | PathLike) -> History:
    """Return a history with epochs, read from the folder of a run where `value` is a path."""
    only(name, value, (History, str, PathLike), HISTORY)
    told = value if isinstance(value, History) else metrics.read(value)
    if not len(told):
        raise InputError(f"{name} holds no epochs: pass {HISTORY}")
    return told


def _dots(epochs: Sequence[int]) -> dict[str, object]:
    """Settings that give each of a few epochs a dot."""
    return {"lines.marker": "o" if len(epochs) <= FEW else "None", "lines.markersize": 3}


def _epoch_axis(axes: Axes, epochs: Sequence[int]) -> None:
    axes.set(xlabel="epoch", xlim=(epochs[0] - 0.5, epochs[-1] + 0.5))
    axes.xaxis.set_major_locator(whole(6))
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10)))
