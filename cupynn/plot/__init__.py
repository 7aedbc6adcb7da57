"""Figures of what a network does: its spikes, membranes and S-PSP, its weights, how it learned, what it gets wrong.

Import these functions from here; the modules behind them draw one kind of figure each, `figures` and `style` are what they
share. Each function returns a matplotlib `Figure`: a notebook shows it where it ends a cell, once; ``figure.savefig(path)``
writes it, ``figure.show()`` opens a window. Pyplot does not keep it, so that loops may make thousands. Functions with `ax`
draw on axes of your own, and return them. A layer has one colour in all figures; fonts and background are those of your own
matplotlib settings.
"""

from cupynn.plot.activity import raster
from cupynn.plot.films import Film, animate
from cupynn.plot.learning import compare, curves
from cupynn.plot.predictions import confusion, rates
from cupynn.plot.sound import speech
from cupynn.plot.spsp import psp, psp_build_up
from cupynn.plot.states import membranes
from cupynn.plot.synapses import kernels, receptive_fields, weights

__all__ = [
    "Film",
    "animate",
    "compare",
    "confusion",
    "curves",
    "kernels",
    "membranes",
    "psp",
    "psp_build_up",
    "raster",
    "rates",
    "receptive_fields",
    "speech",
    "weights",
]
