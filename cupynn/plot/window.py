"""The steps that a figure shows, and its time axis, in steps or in milliseconds."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from cupynn import checks
from cupynn.checks import InputError
from cupynn.plot.style import number, whole
from cupynn.spikes.trains import SpikeTrains

PAIR = "a pair, the first step and the step after the last"


@dataclass(frozen=True)
class Window:
    """The steps first..end - 1 of `total`; `dt` is the length of a step in milliseconds, None for an axis in steps."""

    first: int
    end: int
    total: int
    dt: float | None = None

    @classmethod
    def of(cls, steps: tuple[int, int] | range | None, dt: float | None, total: int) -> "Window":
        """Return the window for the arguments of a function, of all `total` steps by default, or raise InputError."""
        if dt is not None:
            dt = checks.number("dt", dt, above=0)
        if steps is None:
            return cls(0, total, total, dt)
        if isinstance(steps, range) and steps.step == 1:
            steps = (steps.start, steps.stop)
        if not isinstance(steps, tuple | list) or len(steps) != 2:
            raise InputError(f"steps={steps!r}: pass {PAIR}, such as (0, {total})")
        end = checks.integer("steps[1]", steps[1], minimum=1, maximum=total)
        return cls(checks.integer("steps[0]", steps[0], maximum=end - 1), end, total, dt)

    @property
    def length(self) -> int:
        """Number of steps."""
        return self.end - self.first

    @property
    def label(self) -> str:
        """Label of the time axis."""
        return "step" if self.dt is None else "time (ms)"

    def at(self, steps: np.ndarray | float) -> np.ndarray | float:
        """Return the places of steps, counted from the first of the sample, on the time axis."""
        return steps if self.dt is None else steps * self.dt

    def cut(self, spikes: SpikeTrains) -> SpikeTrains:
        """Return the trains within the window, of which step 0 is the first of the window."""
        if self.length == spikes.steps:
            return spikes
        samples, steps, neurons = spikes.events()
        inside = (steps >= self.first) & (steps < self.end)
        shape = (len(spikes), self.length, *spikes.neuron_shape)
        return SpikeTrains.from_events(samples[inside], steps[inside] - self.first, neurons[inside], shape=shape)

    def axis(self, axes: Axes, ticks: int = 9) -> None:
        """Show these steps on the horizontal axis, with round numbers."""
        axes.set_xlim(self.at(self.first - 0.5), self.at(self.end - 0.5))
        axes.xaxis.set_major_locator(whole(ticks) if self.dt is None else MaxNLocator(ticks, steps=(1, 2, 5, 10)))

    def words(self) -> str:
        """Return the steps in words: "50 steps", "steps 10 to 29 of 50", "5 to 15 ms of 25 ms"."""
        if self.length == self.total:
            return number(self.total, "step") + ("" if self.dt is None else f" of {self.dt:g} ms")
        if self.dt is None:
            return f"steps {self.first:,} to {self.end - 1:,} of {self.total:,}"
        return f"{self.at(self.first):g} to {self.at(self.end):g} ms of {self.at(self.total):g} ms"
