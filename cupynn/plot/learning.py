"""How a network learned."""

from matplotlib import rc_context, rcParams
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from cupynn.checks import InputError
from cupynn.plot.style import FEW, GREY, STYLE, WIDTH, NotebookFigure, layer_colours, only, whole
from cupynn.progress import History


def curves(history: History) -> Figure:
    """Loss, accuracy and activity by epoch; a ring marks the best validation accuracy, where it was last reached.

    Parameters
    ----------
    history : History
        What `Sequential.fit` returned.

    Raises
    ------
    InputError
        If it holds no epochs.
    """
    if not len(only("history", history, History, "what net.fit(...) returned")):
        raise InputError("history holds no epochs: pass what net.fit(...) returned")
    epochs, validated = history["number"], history["validation_accuracy"][-1] is not None
    with rc_context(STYLE | {"lines.marker": "o" if len(epochs) <= FEW else "None", "lines.markersize": 3}):
        figure = NotebookFigure(figsize=(WIDTH, 2.9), layout="constrained")
        loss, accuracy, activity = figure.subplots(1, 3)
        ink = rcParams["text.color"]
        for axes, name in ((loss, "loss"), (accuracy, "accuracy")):
            axes.plot(epochs, history[name], color=GREY, label="training")
            if validated:
                axes.plot(epochs, history[f"validation_{name}"], color=ink, label="validation")
        if validated:
            best = max(history.epochs, key=lambda epoch: (epoch.validation_accuracy, epoch.number))
            accuracy.plot(best.number, best.validation_accuracy, "o", color=ink, markersize=8, fillstyle="none")
            accuracy.set_title(f"best {best.validation_accuracy:.2%}, epoch {best.number}", loc="right")
        for name, colour in layer_colours(history.epochs[0].spikes).items():
            activity.plot(epochs, [spikes[name] for spikes in history["spikes"]], color=colour, label=name)
        for axes, title in ((loss, "loss"), (accuracy, "accuracy"), (activity, "spikes a neuron")):
            axes.set_title(title, loc="left", fontweight="bold")
            axes.set(xlabel="epoch", xlim=(epochs[0] - 0.5, epochs[-1] + 0.5))
            axes.xaxis.set_major_locator(whole(6))
            axes.yaxis.set_major_locator(MaxNLocator(6, steps=(1, 2, 5, 10)))
            axes.tick_params(labelsize=8)
        accuracy.yaxis.set_major_formatter(PercentFormatter(1))
        loss.set_ylim(bottom=0)
        loss.legend()
        activity.set_ylim(bottom=0)
        activity.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure
