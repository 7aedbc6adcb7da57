"""Advice on times of events in another unit than microseconds, or from another start."""

import numpy as np

UNITS = (("milliseconds", 1e3, "multiply them by 1000"), ("seconds", 1e6, "multiply them by 1,000,000"))
FINE = "if the times are in nanoseconds, divide them by 1000"
FITS = 0.1, 10.0  # times the duration of the steps: recordings in the right unit are within this range


def short(ends: np.ndarray, steps: int, step: float, reached: int) -> str:
    """Return a notice on recordings whose times end early.

    ends (recordings,) last time of each, reached the step of their median
    """
    end, duration = float(np.median(ends)), step * (steps - 1)
    advice = "".join(
        f"if the times are in {unit}, {remedy}; "
        for unit, factor, remedy in UNITS
        if FITS[0] * duration < end * factor <= FITS[1] * duration
    )
    return (
        f"recordings end at {end:,g} microseconds (median), so their events fall into {_steps(reached)} of {steps}: "
        f"{advice}{'otherwise ' if advice else ''}pass encoder=encoders.Events(step={step_for(end, steps):g})"
    )


def late(starts: np.ndarray, ends: np.ndarray, steps: int, step: float) -> str:
    """Return advice on recordings of which events come after the last step.

    starts, ends (recordings,) first and last time of each
    """
    duration, longest = step * (steps - 1), float((ends - starts).max())
    whole = f"pass encoder=encoders.Events(step={step_for(float(ends.max()), steps):g}) to the network, or more steps"
    if np.median(starts) > duration and longest > 0:
        relative = "from_first_event=True to the function that makes the data, and encoder=encoders.Events(step="
        return (
            f"most recordings start later; if their clocks do not start at 0, pass {relative}"
            f"{max(step, step_for(longest, steps)):g}); otherwise {whole}"
        )
    end = float(np.median(ends))
    nanoseconds = end > 10 * duration and FITS[0] * duration < end / 1e3 <= FITS[1] * duration
    return f"{FINE}; otherwise {whole}" if nanoseconds else whole


def step_for(end: float, steps: int) -> float:
    """Return a step, rounded up to three digits, with which a time falls into the last of the steps."""
    step = max(end, 1e-300) / max(1, steps - 1)
    digit = 10.0 ** (np.floor(np.log10(step)) - 2)
    return float(np.ceil(step / digit) * digit)


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"the first {count} steps"
