"""What a network hears."""

import numpy as np
from matplotlib import rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from cupynn.datasets import PassiveEar
from cupynn.encoders import BSA
from cupynn.plot.style import GREY, MUTED, PALETTE, STYLE, VECTORS, WIDTH, NotebookFigure, number, only
from cupynn.ragged import Ragged

PANELS = {"sound": 0.8, "cochleagram": 2.1, "spikes": 2.1}  # height, inches
FREQUENCIES = (200, 500, 1000, 2000, 3000, 5000, 10_000, 20_000)  # with a tick, Hz


def speech(signal: np.ndarray, ear: PassiveEar, encoder: BSA | None = None) -> Figure:
    """Sound, cochleagram and spikes of one recording, one above the other over the same time.

    Parameters
    ----------
    signal : ndarray of float, shape (samples,)
        In [-1, 1], such as `datasets.sound.read` returns.
    ear : PassiveEar
        Of the sampling rate of the signal.
    encoder : BSA, optional
        By default that of the paper.

    Raises
    ------
    InputError
        If the signal is too short for a frame, or holds values beyond -1 to 1.
    """
    only("ear", ear, PassiveEar, "datasets.PassiveEar(rate), with the sampling rate of the signal")
    encoder = BSA() if encoder is None else only("encoder", encoder, BSA, "encoders.BSA()")
    signal = np.asarray(signal)
    frames = ear(signal)
    ragged = Ragged(frames, [0], [len(frames)], (ear.channels,))
    steps = len(frames) * encoder.hold + 1  # a frame's last spike comes a step after it
    spikes = encoder.encode(ragged, steps, 0, 0, np.arange(1))
    frame = ear.hop / ear.rate  # s
    duration = signal.size / ear.rate
    with rc_context(STYLE):
        figure = NotebookFigure(figsize=(WIDTH, 0.8 + sum(PANELS.values()) + 0.3 * len(PANELS)), layout="constrained")
        panels = figure.subplots(len(PANELS), sharex=True, height_ratios=list(PANELS.values()))
        sound, cochleagram, raster = panels
        sound.plot(np.arange(signal.size) / ear.rate, signal, color=GREY, linewidth=0.6)
        sound.set_ylim(np.array([-1.05, 1.05]) * (np.abs(signal).max() or 1))
        sound.set_yticks([])
        sound.spines.left.set_visible(False)
        edges = frame * np.arange(len(frames) + 1), np.arange(ear.channels + 1) - 0.5
        cochleagram.pcolormesh(*edges, frames.T, cmap=_shades(cochleagram), vmin=0, rasterized=True)
        _, times, channels = spikes.events()
        ink = {"color": rcParams["text.color"], "markersize": 65 * PANELS["spikes"] / ear.channels, "markeredgewidth": 1.1}
        raster.plot(times * frame / encoder.hold, channels, "|", rasterized=times.size > VECTORS, **ink)
        words = (
            f"{duration:.2f} s, {ear.rate:,} Hz",
            f"{number(ear.channels, 'channel')}, {number(len(frames), 'frame')} of {1000 * frame:g} ms",
            f"{number(spikes.neurons.size, 'spike')}, {number(encoder.hold, 'step')} a frame",
        )
        for axes, title, remark in zip(panels, PANELS, words, strict=True):
            axes.set_title(title, loc="left", fontweight="bold")
            axes.set_title(remark, loc="right", alpha=MUTED)
            axes.tick_params(labelsize=8)
        for axes in (cochleagram, raster):
            _frequencies(axes, ear.frequencies)
        raster.set(xlabel="time (s)", xlim=(0, duration))
        figure.align_ylabels(panels)
    return figure


def _shades(axes: Axes) -> LinearSegmentedColormap:
    """From the ground, through blue, to ink: lightness falls, or on a dark ground rises, all the way."""
    return LinearSegmentedColormap.from_list("activity", [axes.get_facecolor(), PALETTE[0], rcParams["text.color"]])


def _frequencies(axes: Axes, centres: np.ndarray) -> None:
    """Label the channels, whose centre frequencies fall, by frequency, the highest at the top."""
    shown = [frequency for frequency in FREQUENCIES if centres[-1] <= frequency <= centres[0]]
    places = np.interp(shown, centres[::-1], np.arange(centres.size)[::-1])
    axes.set_yticks(places, [f"{frequency:,}" for frequency in shown])
    axes.set(ylim=(centres.size - 0.5, -0.5), ylabel="frequency (Hz)")
