"""Animations of one sample: its input events and output spikes, step by step."""

from collections.abc import Callable
from os import PathLike
from typing import Any

import numpy as np
from matplotlib.animation import FuncAnimation
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from cupynn import checks
from cupynn.plot import arguments
from cupynn.plot.place import Place
from cupynn.plot.style import FEW, GREY, MUTED, PALE, layer_colours, number, shades, signed, whole
from cupynn.plot.window import Window
from cupynn.results.recording import Recording
from cupynn.spikes.trains import SpikeTrains

FRAMES = 100  # at most
INTERVAL = 60  # milliseconds per frame
FADE = 0.6  # factor of an event's intensity from frame to frame
PILLOW = (".apng", ".gif", ".png", ".webp")  # formats that Pillow writes; for other formats matplotlib needs FFmpeg


class Film(FuncAnimation):
    """A matplotlib animation that a notebook plays where it ends a cell.

    ``film.save("sample.gif")`` writes it to a file, and ``film.to_jshtml()`` returns HTML.

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
        """Return the figure that it draws."""
        return self._fig

    def _repr_html_(self) -> str:
        return self.to_jshtml(default_mode="loop")

    def save(self, filename: str | PathLike, writer: Any = None, **options: Any) -> None:
        """Write the film as `matplotlib.animation.Animation.save` does, and use Pillow for GIF, PNG and WebP."""
        if writer is None and checks.path("filename", filename).suffix.lower() in PILLOW:
            writer = "pillow"
        super().save(filename, writer, **options)

    def show(self) -> None:
        """Show the figure in a window."""
        self.figure.show()


def animate(
    recording: Recording,
    sample: int = 0,
    *,
    frames: int = FRAMES,
    steps: tuple[int, int] | None = None,
    dt: float | None = None,
    figsize: float | tuple[float, float] | None = None,
    title: str | None = None,
) -> Film:
    """Animate one sample: input events, which fade over time, and the spikes and counts of the last layer.

    An input with rows and columns is an image. Of two channels, such as the polarities of a sensor, the first is blue and
    the second orange; more channels are averaged. Any other input is a row of bars.

    Parameters
    ----------
    recording : Recording
        Returned by `Sequential.record`.
    sample : int
        Index in the batch.
    frames : int
        Number of frames, at most one per step; 100 frames take six seconds.
    steps : (int, int), optional
        First step to show, and the step after the last; by default all steps.
    dt : float, optional
        Length of a step in milliseconds, for an axis of time instead of steps.
    figsize : float or (float, float), optional
        Width, or width and height, of the figure in inches.
    title : str, optional
        Title instead of the numbers of steps, events and spikes; "" for a film without a title.

    Raises
    ------
    InputError
        If the sample or a step does not exist, or the number of frames is not positive.

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
    window = Window.of(steps, dt, recording.spikes["input"].steps)
    events, spikes = (window.cut(recording.spikes[name][sample]) for name in (names[0], names[-1]))
    frames = min(checks.integer("frames", frames, minimum=1), events.steps)
    ends = np.linspace(0, events.steps, frames + 1).round().astype(int)[1:]
    colour = layer_colours(names)[names[-1]]
    place = Place(None, figsize, title)
    with place.style():
        left, middle, right = _three_panels(place)
        show_input = _input_panel(left, _fading(events, ends))
        show_output = _output_panels(middle, right, spikes, colour, window)
        left.set_title("input", loc="left", color=GREY, fontweight="bold")
        middle.set_title(names[-1], loc="left", color=colour, fontweight="bold")
        right.set_title("spikes", loc="left", alpha=MUTED)
        words = f"Sample {sample}: {window.words()}, {number(events.total, 'event')}"
        figure = place.done(f"{words}, {number(spikes.total, 'spike')} of {names[-1]}", show=False)
        clock = left.set_title(_time(window, window.length), loc="right", alpha=MUTED)
        figure.draw_without_rendering()
    figure.set_layout_engine("none")  # or it would compute the layout again for each frame

    def draw(frame: int) -> tuple:
        show_input(frame)
        show_output(int(ends[frame]))
        clock.set_text(_time(window, int(ends[frame])))
        return ()

    return Film(figure, draw, frames, init_func=tuple, interval=INTERVAL, repeat_delay=1000, cache_frame_data=False)


def _three_panels(place: Place) -> tuple[Axes, Axes, Axes]:
    """Make the panels of input, output and counts, with the input above in a narrow film."""
    if place.narrow:
        figure = place.figure(4.6)
        grid = figure.add_gridspec(2, 2, width_ratios=(4.6, 1.4), height_ratios=(3, 2))
        left = figure.add_subplot(grid[0, :])
        return left, figure.add_subplot(grid[1, 0]), figure.add_subplot(grid[1, 1])
    return tuple(place.figure(3.6).subplots(1, 3, width_ratios=(3.2, 4.6, 1.4)))


def _time(window: Window, step: int) -> str:
    """Return the clock of a frame that shows what happens before a step of the window."""
    end = window.first + step
    return f"step {end:,}" if window.dt is None else f"{window.at(end):,.4g} ms"


def _fading(events: SpikeTrains, ends: np.ndarray) -> np.ndarray:
    """Return the intensity of each neuron's recent events (frames, *neuron_shape), scaled to at most 1."""
    _, steps, neurons = events.events()
    frame = np.searchsorted(ends, steps, side="right")
    shown = np.zeros((ends.size, events.size), np.float32)
    np.add.at(shown, (frame, neurons), 1)
    for index in range(1, ends.size):
        shown[index] += FADE * shown[index - 1]
    return (shown / (shown.max() or 1)).reshape(ends.size, *events.neuron_shape)


def _input_panel(axes: Axes, shown: np.ndarray) -> Callable[[int], None]:
    """Draw the panel of the input, and return a function that shows a frame by its number."""
    two_signs = shown.ndim == 4 and shown.shape[1] == 2
    if shown.ndim == 4:
        shown = shown[:, 1] - shown[:, 0] if two_signs else shown.mean(1)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=GREY, linewidth=0.5)
    if shown.ndim == 3:
        bound = np.abs(shown).max() or 1
        colours, low = (signed(axes), -bound) if two_signs else (shades(axes), 0)
        drawing = axes.imshow(shown[0], cmap=colours, vmin=low, vmax=bound)
    else:
        shown = shown.reshape(len(shown), -1)
        edges = np.arange(shown.shape[1] + 1) - 0.5
        drawing = axes.stairs(shown[0], edges, orientation="horizontal", fill=True, color=GREY)
        axes.set(xlim=(0, 1.05), ylim=(edges[0], edges[-1]), ylabel="neuron")
    return lambda frame: drawing.set_data(shown[frame])


def _output_panels(axes: Axes, beside: Axes, spikes: SpikeTrains, colour: str, window: Window) -> Callable[[int], None]:
    """Draw the panels of output spikes and counts, and return a function that shows the spikes before a step."""
    _, steps, neurons = spikes.events()
    places = window.at(window.first + steps)
    tall = min(9, max(1.5, 120 / spikes.size))  # of a mark, in points
    (marks,) = axes.plot([], [], "|", color=colour, markersize=tall, markeredgewidth=1.2)
    cursor = axes.axvline(window.at(window.first - 0.5), color=GREY, linewidth=0.8, alpha=MUTED)
    axes.set(ylim=(-0.5, spikes.size - 0.5), ylabel="neuron", xlabel=window.label)
    axes.yaxis.set_major_locator(MultipleLocator(1) if spikes.size <= FEW else whole(5))
    window.axis(axes)
    if spikes.size <= FEW:
        axes.hlines(range(spikes.size), *axes.get_xlim(), color=GREY, alpha=0.25, linewidth=0.5, zorder=0)
    height = 0.65 if spikes.size <= FEW else 1
    bars = beside.barh(range(spikes.size), np.zeros(spikes.size), height=height, color=colour)
    beside.set(ylim=axes.get_ylim(), yticks=[], xlim=(0, 1.05 * max(1, spikes.counts.max())))
    beside.xaxis.set_major_locator(whole(3))

    def show(end: int) -> None:
        past = steps < end
        marks.set_data(places[past], neurons[past])
        cursor.set_xdata([window.at(window.first + end - 0.5)] * 2)
        counts = np.bincount(neurons[past], minlength=spikes.size)
        for bar, count in zip(bars, counts, strict=True):
            bar.set_width(count)
            bar.set_alpha(1.0 if count == counts.max() else PALE)

    return show
