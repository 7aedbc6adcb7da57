"""Time a training step with trained recurrence, constants and delays, in ratio to the same layer without them.

    python tests/bench/family.py

The steps of all variants alternate, so that other load on the machine affects them alike; nothing else should run. A layer
of 400 neurons, with as many inputs as MNIST has pixels, is the first of two.
"""

import json
import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from steps import pictures

from cupynn import Sequential, encoders, layers, losses, optimizers
from cupynn.device.device import machine

UNITS, STEPS, BATCH, ROUNDS, WARM = 400, 400, 50, 12, 2
V_TH = 20.0


def dense(**options) -> layers.Layer:
    """Return a dense layer with options."""
    return layers.SpikingDense(UNITS, V_TH, name="hidden", **options)


def recurrent(**options) -> layers.Layer:
    """Return a recurrent layer with trained recurrent weights and options."""
    return layers.SpikingRecurrent(UNITS, V_TH, name="hidden", train_lateral=True, **options)


VARIANTS: dict[str, tuple[Callable[[], layers.Layer], float | None]] = {  # with the largest ratio that is wanted
    "feed-forward": (dense, None),
    "trained recurrence": (recurrent, 3.0),
    "trained recurrence, no solve": (lambda: recurrent(recurrent_error="none"), None),
    "trained tau_m, tau_s, v_th": (lambda: dense(trainable=("tau_m", "tau_s", "v_th")), 1.6),
    "the same per neuron": (lambda: dense(trainable=("tau_m", "tau_s", "v_th"), per="neuron"), 1.6),
    "given delays": (lambda: dense(delays=np.arange(784) % 20), 1.2),
    "trained delays": (lambda: dense(train_delays=True, max_delay=20), 1.2),
    "bias": (lambda: dense(bias=True), None),
}


def stepper(layer: layers.Layer) -> Callable[[], None]:
    """Return a function that trains a network with this layer by one batch."""
    parts = [layer, layers.SpikingDense(10, 8.0, lateral_inhibition=1.0, name="output")]
    network = Sequential(parts, (28, 28), STEPS, encoders.Poisson(1 / 5.5), seed=0, device="cpu")
    loss, optimizer = losses.SpikeCount(), optimizers.Adam(1e-3)
    x, y = (part[:BATCH] for part in pictures.digits("mnist"))

    def step() -> None:
        error = loss(network.forward(network.encode(x)), y)
        network.backward(error, input_error=False)
        optimizer.step(network)

    return step


def main() -> int:
    """Measure, and print a table."""
    steppers = {name: stepper(make()) for name, (make, _) in VARIANTS.items()}
    times: dict[str, list[float]] = {name: [] for name in steppers}
    for index in range(WARM + ROUNDS):
        for name, step in steppers.items():
            start = time.perf_counter()
            step()
            if index >= WARM:
                times[name].append(time.perf_counter() - start)
    print(json.dumps(machine()))
    print(f"784-{UNITS}-10, T = {STEPS}, batches of {BATCH}, median of {ROUNDS}; ratios of each round to feed-forward\n")
    for name, (_, most) in VARIANTS.items():
        ratio = median(one / base for one, base in zip(times[name], times["feed-forward"], strict=True))
        wanted = "" if most is None else f"  (wanted: at most {most:g})"
        print(f"{name:30} {1000 * median(times[name]) / BATCH:6.3f} ms per sample  {ratio:5.2f} x{wanted}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
