"""Sound recordings with their cochleagrams and spikes."""

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from cupynn.checks import only
from cupynn.datasets import PassiveEar
from cupynn.encoders import BSA
from cupynn.plot.place import Place
from cupynn.plot.style import GREY, VECTORS, number, shades, titles
from cupynn.ragged import Ragged

PANELS = {"sound": 0.8, "cochleagram": 2.1, "spikes": 2.1}  # height, inches
FREQUENCIES = (200, 500, 1000, 2000, 3000, 5000, 10_000, 20_000)  # with a tick, Hz


def speech(
    signal: np.ndarray,
    ear: PassiveEar,
    encoder: BSA | None = None,
    *,
    ax: SubFigure | Figure | None = None,
    figsize: float | tuple[float, float] | None = None,
    title: str | None = None,
) -> Figure | SubFigure:
    """Draw sound, cochleagram and spikes of one recording over a common time axis.

    Parameters
    ----------
    signal : ndarray of float, shape (samples,)
        In [-1, 1], such as `datasets.sound.read` returns.
    ear : PassiveEar
        For the sampling rate of the signal.
    encoder : BSA, optional
        By default the paper's.
    ax : SubFigure or Figure, optional
        Empty part of a figure in which to draw the three panels.
    figsize : float or (float, float), optional
        Width, or width and height, of the figure in inches; one column of a paper is about 3.5 wide.
    title : str, optional
        Title; by default none.

    Returns
    -------
    Figure, or `ax` if it was given

    Raises
    ------
    InputError
        If the signal is too short for a frame, or has values outside -1 to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from cupynn import datasets, plot
    >>> tone = 0.3 * np.sin(2 * np.pi * 1000 * np.arange(2000) / 8000)
    >>> [axes.get_title("left") for axes in plot.speech(tone, datasets.PassiveEar(8000)).axes]
    ['sound', 'cochleagram', 'spikes']
    """
    only("ear", ear, PassiveEar, "datasets.PassiveEar(rate), with the sampling rate of the signal")
    encoder = BSA() if encoder is None else only("encoder", encoder, BSA, "encoders.BSA()")
    signal = np.asarray(signal)
    frames = ear(signal)
    steps = len(frames) * encoder.hold + 1  # the last spike of a frame follows it by a step
    spikes = encoder.encode(Ragged(frames, [0], [len(frames)], (ear.channels,)), steps, 0, 0, np.arange(1))
    frame = ear.hop / ear.rate  # s
    duration = signal.size / ear.rate
    place = Place(ax, figsize, title, 3)
    with place.style():
        figure = place.figure(0.8 + sum(PANELS.values()) + 0.3 * len(PANELS))
        sound, cochleagram, raster = panels = figure.subplots(3, sharex=True, height_ratios=list(PANELS.values()))
        sound.plot(np.arange(signal.size) / ear.rate, signal, color=GREY, linewidth=0.6)
        sound.set(ylim=np.array([-1.05, 1.05]) * (np.abs(signal).max() or 1), yticks=[])
        sound.spines.left.set_visible(False)
        edges = frame * np.arange(len(frames) + 1), np.arange(ear.channels + 1) - 0.5
        cochleagram.pcolormesh(*edges, frames.T, cmap=shades(cochleagram), vmin=0, rasterized=True)
        _, times, channels = spikes.events()
        ink = {"color": rcParams["text.color"], "markersize": 65 * PANELS["spikes"] / ear.channels, "markeredgewidth": 1.1}
        raster.plot(times * frame / encoder.hold, channels, "|", rasterized=times.size > VECTORS, **ink)
        words = (
            f"{duration:.2f} s, {ear.rate:,} Hz",
            f"{number(ear.channels, 'channel')}, {number(len(frames), 'frame')} of {1000 * frame:g} ms",
            f"{number(spikes.neurons.size, 'spike')}, {number(encoder.hold, 'step')} per frame",
        )
        for axes, title, remark in zip(panels, PANELS, words, strict=True):
            titles(axes, title, remark)
        for axes in (cochleagram, raster):
            _frequencies(axes, ear.frequencies)
        raster.set(xlabel="time (s)", xlim=(0, duration))
        figure.align_ylabels(panels)
        return place.done("")


def _frequencies(axes: Axes, centres: np.ndarray) -> None:
    """Label the channels by their centre frequencies, the highest at the top."""
    shown = [frequency for frequency in FREQUENCIES if centres[-1] <= frequency <= centres[0]]
    places = np.interp(shown, centres[::-1], np.arange(centres.size)[::-1])
    axes.set_yticks(places, [f"{frequency:,}" for frequency in shown])
    axes.set(ylim=(centres.size - 0.5, -0.5), ylabel="frequency (Hz)")
