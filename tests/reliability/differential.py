"""Compare random networks, spike for spike and gradient for gradient, with a second simulation of the same equations.

    python tests/reliability/differential.py --networks 200 --seed 0

The simulation computes one layer at a time, on the spikes that the network produced in the layer below. If the two differ in
a spike while the membrane is within 1e-4 of the threshold, rounding decides: this counts as a tie, and the simulation
continues with the spike of the network. Network n has the seed `--seed` + n, with which it can be repeated.
"""

import argparse
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cupynn import Sequential, SpikeTrains, layers, losses

sys.path.append(str(Path(__file__).parents[1]))  # the parent of this folder, which pytest has on the path already
from reliability.simulation import Synapses, backward, flat, lateral_divisor, loss_error, synapses

TIE = 1e-4  # distance of the membrane from the threshold below which rounding decides
TOLERANCE = 1e-4  # of gradients, relative to the largest value of the array
SINGULAR = 1e-2  # divisor of an inhibited layer's gradient below which the gradient is not compared


@dataclass
class Found:
    """Counts of what was compared, and the differences found."""

    networks: int = 0
    spikes: int = 0
    ties: int = 0
    singular: int = 0
    gradient_error: float = 0.0
    faults: list[str] = field(default_factory=list)


def compare_spikes(layer, links: Synapses, inputs: np.ndarray, fired: np.ndarray, found: Found, name: str) -> None:
    """Simulate a layer on its inputs (B, T, inputs) and compare with what it fired (B, T, neurons)."""
    batch, steps, neurons = fired.shape
    slack = 0.0 if layer.kind_name == "conv" else 1e-6
    v, q, r = (np.zeros((batch, neurons)) for _ in range(3))
    found.spikes += int(fired.sum())
    if fired[:, 0].any():
        found.faults.append(f"{name}: fires at step 0")
    for t in range(1, steps):
        v *= 1 - 1 / layer.tau_m
        q *= 1 - 1 / layer.tau_s
        q += inputs[:, t - 1] @ links.weight.T
        if links.lateral is not None:
            q += fired[:, t - 1] @ links.lateral.T
        v += q / layer.tau_s
        resting = r > 0
        v[resting] = 0
        r[resting] -= 1
        fires = v > layer.v_th - slack
        for b, i in np.argwhere(fires != (fired[:, t] > 0)):
            if resting[b, i] or abs(v[b, i] - layer.v_th) > TIE:
                found.faults.append(
                    f"{name}: neuron {i} of sample {b} {'does not fire' if fires[b, i] else 'fires'} at step {t}, "
                    f"with membrane {v[b, i]:.6f} and threshold {layer.v_th}" + " (refractory)" * int(resting[b, i])
                )
                return
            found.ties += 1
        spike = fired[:, t] > 0
        v[spike] = 0
        r[spike] = layer.t_ref


def draw_network(rng: np.random.Generator) -> Sequential:
    """Make a random small network."""

    def pick(*values):
        return values[rng.integers(len(values))]

    def usual(**options):
        neuron = {"tau_m": pick(1.0, 2.5, 8.0, 20.0, 64.0), "tau_s": pick(1.0, 2.0, 8.0), "t_ref": pick(0, 0, 1, 2, 5)}
        rule = {"psp_kernel": pick("exact", "srm"), "effect_ratio": pick(True, True, False)}
        return (
            {"v_th": float(rng.choice([0.3, 1.0, 2.0, 7.0])), "silent_slope": pick(1.0, 1.0, 0.2, 0.0)}
            | neuron
            | rule
            | options
        )

    kind, chain, shape = pick("dense", "inhibited", "conv", "recurrent"), [], (int(rng.integers(1, 25)),)
    if kind == "conv":
        shape = pick((6, 7), (2, 5, 6), (1, 8, 5))
        size = pick(1, 2, 3, (3, 2))
        small = size if isinstance(size, int) else min(size)
        chain.append(layers.SpikingConv2D(int(rng.integers(1, 4)), size, padding=int(rng.integers(0, small)), **usual()))
        if pick(True, True, False):
            chain.append(
                layers.SpikingPool2D(pick(2, 3, (2, 3)), stride=pick(None, 1, 2), **usual(v_th=pick(0.2, 0.5, 1.0)))
            )
        if pick(True, False):
            chain.append(layers.SpikingConv2D(int(rng.integers(1, 4)), 2, padding=1, **usual()))
    elif kind == "recurrent":
        units = int(rng.integers(1, 15))
        chain.append(layers.SpikingRecurrent(units, lateral=rng.normal(0, 1, (units, units)), **usual()))
    for _ in range(rng.integers(0, 3)):
        chain.append(layers.SpikingDense(int(rng.integers(1, 20)), **usual()))
    strength = pick(0.1, 0.5, 1.0) if kind == "inhibited" or pick(True, False, False) else 0.0
    chain.append(layers.SpikingDense(int(rng.integers(2, 8)), lateral_inhibition=strength, **usual()))
    net = Sequential(chain, shape, int(rng.integers(3, 60)), seed=int(rng.integers(1000)), device="cpu")
    for layer in net.layers:
        if "weight" in layer.params:  # from silent layers to layers that fire as often as possible
            weight = layer.params["weight"]
            spread = layer.v_th * rng.uniform(0.5, 8) / np.sqrt(weight[0].size)
            weight[...] = rng.normal(rng.uniform(-0.2, 0.8) * spread, spread, weight.shape)
    return net


def draw_loss(rng: np.random.Generator, steps: int):
    """Make a random loss that fits the number of steps."""
    desired = int(rng.integers(1, steps))
    if rng.random() < 0.5:
        return losses.SoftmaxCount(desired)
    return losses.SpikeCount(desired, int(rng.integers(0, desired)), int(rng.integers(0, 4)))


def compare(seed: int, found: Found) -> None:
    """Draw one network with data, and compare both passes completely."""
    rng = np.random.default_rng(seed)
    net = draw_network(rng)
    loss, batch = draw_loss(rng, net.steps), int(rng.integers(1, 5))
    rates = rng.choice([0.0, 0.02, 0.1, 0.4, 1.0], (batch, 1, *net.input_shape), p=[0.2, 0.2, 0.3, 0.2, 0.1])
    dense = rng.random((batch, net.steps, *net.input_shape)) < rates
    labels, weights = rng.integers(0, net.output_shape[0], batch), rng.choice([0.0, 0.5, 1.0, 3.0], batch)
    output = net.forward(SpikeTrains.from_dense(dense))
    error = loss(output, labels, weights)
    below = net.backward(error)

    trains = [flat(each) for each in net.trains]
    known, links = len(found.faults), [synapses(layer) for layer in net.layers]
    if not np.array_equal(trains[0], dense.reshape(trains[0].shape)):
        found.faults.append("input: the trains differ from the data that was passed")
    for n, layer in enumerate(net.layers):
        compare_spikes(layer, links[n], trains[n], trains[n + 1], found, f"{layer.name} {layer!r}")
    value, delta, trains[-1] = loss_error(loss, trains[-1], labels, weights)
    _close(found, f"{loss!r}: the loss", error.value, value)
    _close(found, f"{loss!r}: delta", error.delta, delta)
    if not np.array_equal(flat(error.trains), trains[-1]):
        found.faults.append(f"{loss!r}: the trains of silent labels are filled in differently")
    size = 0.0
    for n in reversed(range(len(net.layers))):
        layer = net.layers[n]
        gradient, delta, size = backward(layer, links[n], trains[n], trains[n + 1], delta)
        if gradient is None:
            continue
        if np.abs(lateral_divisor(layer, trains[n + 1])).min() < SINGULAR:
            found.singular += 1
        else:
            _close(found, f"{layer.name} {layer!r}: gradient", layer.grads["weight"].ravel(), gradient)
    _close(found, "error of the input", below.reshape(batch, -1), delta, size)
    found.networks += 1
    found.faults[known:] = [f"seed {seed}: {fault}" for fault in found.faults[known:]]


def _close(found: Found, name: str, given, expected, size: float = 0.0) -> None:
    """Compare arrays relative to the largest expected value or, where terms cancel, to a fraction of their size."""
    scale = max(float(np.abs(expected).max()), 0.03 * size, 1e-3)
    error = float(np.abs(np.asarray(given, np.float64) - expected).max()) / scale
    found.gradient_error = max(found.gradient_error, error)
    if not error <= TOLERANCE:  # NaN as well
        found.faults.append(f"{name} differs by {error:.2g} of its largest value, {scale:.3g}")


def main() -> int:
    """Run the comparison; return 1 if something differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=200, help="number of networks (default: 200)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first network (default: 0)")
    options = parser.parse_args()
    found = Found()
    for seed in range(options.seed, options.seed + options.networks):
        known = len(found.faults)
        compare(seed, found)
        if len(found.faults) > known:
            print(*found.faults[known:], sep="\n")
            print(f"  repeat with: python tests/reliability/differential.py --networks 1 --seed {seed}", flush=True)
    print(
        f"{found.networks} networks, {found.spikes} spikes compared, {found.ties} ties, {found.singular} singular, "
        f"largest relative error {found.gradient_error:.2g}, {len(found.faults)} faults"
    )
    return 1 if found.faults else 0


if __name__ == "__main__":
    sys.exit(main())
