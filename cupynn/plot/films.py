"""One sample as a film: the events that come in, the spikes that go out, step by step."""

from os import PathLike
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.animation import FuncAnimation
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cupynn import checks
from cupynn.plot import arguments
from cupynn.plot.figures import new_figure
from cupynn.plot.style import FEW, GREY, MUTED, PALE, STYLE, heading, layer_colours, number, shades, signed, step_axis, whole
from cupynn.results.recording import Recording
from cupynn.spikes.trains import SpikeTrains

FRAMES = 100  # at most
INTERVAL = 60  # of two frames, milliseconds
FADE = 0.6  # of an event, from frame to frame
PILLOW = (".apng", ".gif", ".png", ".webp")  # what Pillow writes; for others, matplotlib wants FFmpeg


class Film(FuncAnimation):
    """An animation that a notebook plays where it ends a cell; `save` writes it to a file, a GIF by Pillow.

    Attributes
    ----------
    figure : Figure
        What it draws on.

    Examples
    --------
    >>> import tempfile
    >>> from cupynn import Sequential, encoders, layers, plot
    >>> net = Sequential([layers.SpikingDense(5, v_th=1.0)], (4, 4), steps=60, encoder=encoders.Poisson(), device="cpu")
    >>> film = plot.animate(net.record(np.ones((1, 4, 4), np.float32)), frames=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     film.save(f"{folder}/sample.gif")
    """

    @property
    def figure(self) -> Figure:
        """What it draws on."""
        return self._fig

    def _repr_html_(self) -> str:
        return self.to_jshtml(default_mode="loop")

    def save(self, filename: str | PathLike, writer: Any = None, **options: Any) -> None:
        """Write the film, as `matplotlib.animation.Animation.save` does; GIF, PNG and WebP by Pillow."""
        if writer is None and checks.path("filename", filename).suffix.lower() in PILLOW:
            writer = "pillow"
        super().save(filename, writer, **options)

    def show(self) -> None:
        """Show it in a window."""
        self.figure.show()


def animate(recording: Recording, sample: int = 0, *, frames: int = FRAMES) -> Film:
    """Animation of one sample: input events, as they come and fade, and the spikes and counts of the last layer.

    An input with rows and columns is a picture; of two channels, such as the polarities of a sensor, the second is orange
    and the first blue, and more are added up. Any other input is a row of bars.

    Parameters
    ----------
    recording : Recording
        What `Sequential.record` returned.
    sample : int
        Of the batch.
    frames : int
        Number of frames, at most one a step; 100 last six seconds.

    Returns
    -------
    Film
        A matplotlib animation: a notebook plays it, ``.save("sample.gif")`` writes it, ``.to_jshtml()`` returns a page.

    Raises
    ------
    InputError
        If there is no such sample, or the number of frames is not positive.

    Examples
    --------
    >>> import io
    >>> import numpy as np
    >>> from cupynn import Sequential, encoders, layers, plot
    >>> net = Sequential([layers.SpikingDense(5, v_th=1.0)], (4, 4), steps=60, encoder=encoders.Poisson(), device="cpu")
    >>> film = plot.animate(net.record(np.ones((1, 4, 4), np.float32)), frames=2)
    >>> film.to_jshtml().count("data:image/png")
    2
    """
    arguments.recording(recording)
    names = list(recording.spikes)
    sample = arguments.sample_index(sample, recording.spikes["input"])
    events, spikes = (recording.spikes[name][sample] for name in (names[0], names[-1]))
    frames = min(checks.integer("frames", frames, minimum=1), events.steps)
    ends = np.linspace(0, events.steps, frames + 1).round().astype(int)[1:]
    colour = layer_colours(names)[names[-1]]
    with rc_context(STYLE):
        figure = new_figure(3.6)
        left, middle, right = figure.subplots(1, 3, width_ratios=(3.2, 4.6, 1.4))
        draw_input = _Input(left, _fading(events, ends))
        draw_output = _Output(middle, right, spikes, colour)
        left.set_title("input", loc="left", color=GREY, fontweight="bold")
        middle.set_title(names[-1], loc="left", color=colour, fontweight="bold")
        right.set_title("spikes", loc="left", alpha=MUTED)
        clock = left.set_title("step 0", loc="right", alpha=MUTED)
        words = f"Sample {sample}: {number(events.steps, 'step')}, {number(events.total, 'event')}"
        heading(figure, f"{words}, {number(spikes.total, 'spike')} of {names[-1]}")
        figure.draw_without_rendering()
    figure.set_layout_engine("none")  # it would compute the layout of each frame

    def draw(frame: int) -> tuple:
        draw_input(frame)
        draw_output(int(ends[frame]))
        clock.set_text(f"step {ends[frame]:,}")
        return ()

    return Film(figure, draw, frames, init_func=tuple, interval=INTERVAL, repeat_delay=1000, cache_frame_data=False)


def _fading(events: SpikeTrains, ends: np.ndarray) -> np.ndarray:
    """Events of each frame, with what is left of those before (frames, *neurons); 1 is the most that a neuron ever shows."""
    _, steps, neurons = events.events()
    frame = np.searchsorted(ends, steps, side="right")
    shown = np.zeros((ends.size, events.size), np.float32)
    np.add.at(shown, (frame, neurons), 1)
    for index in range(1, ends.size):
        shown[index] += FADE * shown[index - 1]
    return (shown / (shown.max() or 1)).reshape(ends.size, *events.neuron_shape)


class _Input:
    """The panel of the input; called with the number of a frame."""

    def __init__(self, axes: Axes, shown: np.ndarray) -> None:
        two_signs = shown.ndim == 4 and shown.shape[1] == 2
        if shown.ndim == 4:
            shown = shown[:, 1] - shown[:, 0] if two_signs else shown.mean(1)
        self.shown = shown
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(visible=True, color=GREY, linewidth=0.5)
        if shown.ndim == 3:
            colours = signed(axes) if two_signs else shades(axes)
            bound = np.abs(shown).max() or 1
            self.image = axes.imshow(shown[0], cmap=colours, vmin=-bound if two_signs else 0, vmax=bound)
        else:
            self.image = None
            flat = shown.reshape(len(shown), -1)
            self.shown = flat
            self.bars = axes.stairs(
                flat[0], np.arange(flat.shape[1] + 1) - 0.5, orientation="horizontal", fill=True, color=GREY
            )
            axes.set(xlim=(0, 1.05), ylim=(-0.5, flat.shape[1] - 0.5), ylabel="neuron")

    def __call__(self, frame: int) -> None:
        if self.image is not None:
            self.image.set_data(self.shown[frame])
        else:
            self.bars.set_data(self.shown[frame])


class _Output:
    """The panels of the last layer's spikes and counts; called with the step after the last that is shown."""

    def __init__(self, axes: Axes, beside: Axes, spikes: SpikeTrains, colour: str) -> None:
        _, self.steps, self.neurons = spikes.events()
        self.size = spikes.size
        tall = min(9, max(1.5, 120 / spikes.size))  # of a mark, points
        (self.marks,) = axes.plot([], [], "|", color=colour, markersize=tall, markeredgewidth=1.2)
        self.cursor = axes.axvline(-0.5, color=GREY, linewidth=0.8, alpha=MUTED)
        step_axis(axes, spikes.steps)
        axes.set(xlabel="step", ylim=(-0.5, spikes.size - 0.5), ylabel="neuron")
        axes.yaxis.set_major_locator(whole(5))
        if spikes.size <= FEW:
            axes.set_yticks(range(spikes.size))
            axes.hlines(range(spikes.size), -0.5, spikes.steps - 0.5, color=GREY, alpha=0.25, linewidth=0.5, zorder=0)
        self.bars = beside.barh(
            range(spikes.size), np.zeros(spikes.size), height=0.65 if spikes.size <= FEW else 1, color=colour
        )
        beside.set(ylim=axes.get_ylim(), yticks=[], xlim=(0, 1.05 * max(1, spikes.counts.max())))
        beside.xaxis.set_major_locator(whole(3))

    def __call__(self, end: int) -> None:
        past = self.steps < end
        self.marks.set_data(self.steps[past], self.neurons[past])
        self.cursor.set_xdata([end - 0.5] * 2)
        counts = np.bincount(self.neurons[past], minlength=self.size)
        for bar, count in zip(self.bars, counts, strict=True):
            bar.set_width(count)
            bar.set_alpha(1.0 if count == counts.max() else PALE)
