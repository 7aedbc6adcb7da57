"""Figures of a network: its spikes, membranes, S-PSP and weights, its training and its errors.

Import the functions from here; each module draws one kind of figure. They return a matplotlib `Figure`: a notebook shows it
once, where it ends a cell, also with the tools of ``%matplotlib widget``; ``figure.savefig(path)`` writes it, and
``figure.show()`` opens a window. Pyplot keeps no reference to it, so a loop can make thousands; after ``plt.ion()`` or
``%matplotlib qt`` each opens its window at once.

All take the same options, with the same meaning. ``ax=`` draws on your axes if the figure has one panel, or in a part of
your figure, such as ``fig.subfigures(1, 2)[0]``, and returns it. ``figsize=3.5`` fits the column of a paper, and
``figsize=(7, 3)`` sets both sides. ``title=`` replaces the title. ``steps=(100, 200)`` shows a part of the time, and
``dt=0.5`` labels it in milliseconds, with steps of 0.5 ms. A layer has the same colour in all figures; fonts and background
follow your matplotlib settings.
"""

from cupynn.plot.activity import raster
from cupynn.plot.confusions import confusion
from cupynn.plot.data import samples
from cupynn.plot.energy import energy
from cupynn.plot.films import Film, animate
from cupynn.plot.learning import compare, curves
from cupynn.plot.maps import maps
from cupynn.plot.page import Page, explore
from cupynn.plot.predictions import rates
from cupynn.plot.sound import speech
from cupynn.plot.spsp import psp, psp_build_up
from cupynn.plot.states import membranes
from cupynn.plot.synapses import kernels, receptive_fields, weights

__all__ = [
    "Film",
    "Page",
    "animate",
    "compare",
    "confusion",
    "curves",
    "energy",
    "explore",
    "kernels",
    "maps",
    "membranes",
    "psp",
    "psp_build_up",
    "raster",
    "rates",
    "receptive_fields",
    "samples",
    "speech",
    "weights",
]
