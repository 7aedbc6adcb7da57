"""Checks of the data before training: whether the spikes of some samples are there, differ, and fill the time steps."""

import numpy as np

from cupynn.checks import InputError
from cupynn.encoders import span
from cupynn.evaluation.guide import see
from cupynn.network.network import DRAW, Network
from cupynn.ragged import Ragged
from cupynn.spikes.trains import Data, SpikeTrains

PROBE = 64  # samples, spread over the data, that are encoded to check their spikes
FULL = 0.75  # share of neurons and steps with a spike: above it, counts hardly differ between samples


def notices(network: Network, x: Data, steps: int) -> list[str]:
    """Return at most one notice on the input of a network.

    Raises
    ------
    InputError
        If the data has no spikes.
    """
    own = isinstance(x, SpikeTrains)
    if own and not int(x.total):
        raise InputError("the data has no spikes: pass data with spikes")
    if isinstance(x, Ragged) and not x.lengths.any():
        raise InputError("the data has no events: pass data with events")
    numbers = np.unique(np.linspace(0, len(x) - 1, PROBE).astype(np.int64))
    trains = (x[numbers] if own else network.encode_checked(x[numbers], numbers, DRAW, steps)).to_host()
    if not own and isinstance(x, np.ndarray) and not trains.total and not x.any():
        raise InputError("all values of the data are zero, and the encoder makes no spikes from them: pass other data")
    notice = None if own else network.encoder.notice(x, steps)
    if notice is None:
        notice = _full(network, trains, own) or _early(trains) if trains.total else _silent(network, numbers.size)
    return [] if notice is None else [notice + see("input")]


def strength(network: Network, verb: str) -> list[str]:
    """Return advice on the argument of the encoder in use that changes the number of spikes; without one, an empty list."""
    name = None if network.encoder is None else network.encoder.strength
    return [] if name is None else [f"{verb} the encoder's {name}={getattr(network.encoder, name):g}"]


def _silent(network: Network, samples: int) -> str:
    name = network.encoder.strength
    remedy = "pass more steps" if name is None else f"raise its {name}, or pass more steps"
    return f"the encoder {network.encoder} makes no spikes from {samples} samples, spread over the data: {remedy}"


def _full(network: Network, trains: SpikeTrains, own: bool) -> str | None:
    """Return a notice on an input that fires nearly always."""
    share = trains.total / max(1, trains.batch * (trains.steps - 1) * trains.size)
    if share < FULL or trains.steps < 3:
        return None
    remedy = "".join(strength(network, "lower")) or f"pass another encoder than {network.encoder}"
    if own:
        remedy = "if zeros stand for spikes in your data, pass the trains of 1 - x"
    return f"the input is saturated, its neurons fire at {share:.0%} of all steps, so counts hardly differ: {remedy}"


def _early(trains: SpikeTrains) -> str | None:
    """Return a notice on spikes that come within few of the steps, such as those of a single frame."""
    per_step = np.diff(trains.offsets).reshape(trains.batch, trains.steps) > 0
    fires = per_step.any(1)
    last = trains.steps - 1 - per_step[fires, ::-1].argmax(1)
    reached = span.typical(last, trains.steps)
    if reached is None:
        return None
    where = "at the first step" if reached <= 1 else f"within the first {reached} steps"
    return (
        f"the spikes of the data come {where} of {trains.steps}: make as many frames as the network has steps, spread the "
        f"spikes over the steps, or create the network with steps={max(2, int(last.max()) + 1)}"
    )
