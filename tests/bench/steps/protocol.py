"""Run the benchmark of Open Neuromorphic (2024), made comparable: one layer of n neurons and n inputs, 500 steps, batch 16.

The loss is the sum of all output spikes. In the original, the input is Gaussian noise and each framework has its own neuron,
so it is unknown whether two of them compute the same. Here the input is spikes (5 % per step), because cupynn needs spikes.
The neuron is that of cupynn without refractory period in every framework that has it, and the output spikes are compared.
Each process has one thread on one core. The minimum of processor time over several runs is reported, to limit the influence
of other programs.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import numpy as np

from cupynn.checks import InputError
from steps import TAU_M, TAU_S, contest
from steps.clock import peak_memory

SIZES = (512, 2048)
STEPS, BATCH, RATE, V_TH = 500, 16, 0.05, 10.0
PEERS = (*contest.PEERS, "spyx")


def protocol(size: int, repeats: int, peers: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the result of cupynn and then of each peer; a peer that fails yields an error instead of times."""
    one = contest.threads(1)
    with TemporaryDirectory(prefix="cupynn-bench-") as name:
        for contestant in ("cupynn", *peers):
            try:
                yield contest.ask(Path(name), "protocol", one, contestant=contestant, size=size, repeats=repeats)
            except InputError as error:
                yield {"contestant": contestant, "label": contestant, "error": str(error)}


def run(contestant: str, size: int, repeats: int, folder: Path) -> dict[str, Any]:
    """Measure a framework in this process; cupynn runs first and stores weights, input and output for its peers."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    make = {"cupynn": _ours, "spyx": _spyx}.get(contestant, _torch)
    label, forward, step = make(contestant, size, folder)
    fired = forward()
    times = {"forward_seconds": _least(forward, repeats), "step_seconds": _least(step, repeats)}
    memory = peak_memory()
    if contestant == "cupynn":
        np.save(folder / "output.npy", np.packbits(fired))
    differing = np.bitwise_count(np.load(folder / "output.npy") ^ np.packbits(fired)).sum()
    spikes = {"output_spikes": int(fired.sum()), "differing": int(differing)}
    return {"contestant": contestant, "label": label, "size": size, "memory": memory} | times | spikes


def _least(work: Callable[[], Any], repeats: int) -> float:
    found = []
    for _ in range(repeats):
        start = process_time()
        work()
        found.append(process_time() - start)
    return min(found)


def _ours(_: str, size: int, folder: Path) -> tuple[str, Callable, Callable]:
    """Return a label, a function that returns the output (T, B, n), and one that does forward and backward pass."""
    from cupynn import SpikeTrains, __version__
    from cupynn.layers import SpikingDense

    rng = np.random.default_rng(0)
    layer = SpikingDense(size, V_TH, t_ref=0)
    layer.build((size,), rng)
    layer.params["weight"][:] = np.rint(layer.params["weight"] * 1024) / 1024  # sums are exact in any order
    inputs = SpikeTrains.from_dense(rng.random((BATCH, STEPS, size)) < RATE)
    error = np.ones((BATCH, size), np.float32)
    np.save(folder / "weight.npy", layer.params["weight"])
    np.save(folder / "input.npy", inputs.time_first(np.bool_))

    def forward() -> np.ndarray:
        return layer.forward(inputs).spikes

    def step() -> None:
        layer.backward(inputs, forward(), error, input_error=False)

    return f"cupynn {__version__}", lambda: forward().time_first(np.bool_), step


def _torch(contestant: str, size: int, folder: Path) -> tuple[str, Callable, Callable]:
    import torch

    from steps import peers

    peer = peers.PEERS[contestant]
    synapse = torch.nn.Linear(size, size, bias=False)
    # The current of the layer is the sum of weights divided by tau_s; a spike acts one step later.
    synapse.weight.data = torch.from_numpy(np.load(folder / "weight.npy") / np.float32(TAU_S))
    spikes = torch.from_numpy(_delayed(folder))
    network = peers.Layers(peer, [synapse], [peer.matched(peers.Neuron(V_TH))])

    def forward() -> np.ndarray:
        with torch.no_grad():
            return network(spikes).numpy() > 0

    def step() -> None:
        synapse.weight.grad = None
        network(spikes).sum().backward()

    return peers.label(peer), forward, step


def _spyx(_: str, size: int, folder: Path) -> tuple[str, Callable, Callable]:
    from importlib.metadata import version

    import jax
    import spyx.nn
    from flax import nnx

    spikes = jax.numpy.asarray(_delayed(folder))
    weight = jax.numpy.asarray(np.load(folder / "weight.npy").T / np.float32(TAU_S))
    neuron = spyx.nn.CuBaLIF((size,), alpha=1 - 1 / TAU_S, beta=1 - 1 / TAU_M, threshold=V_TH, rngs=nnx.Rngs(0))
    definition, state = nnx.split(neuron)

    def trains(weight):
        return spyx.nn.run(nnx.merge(definition, state), spikes @ weight)[0]

    run, grad = jax.jit(trains), jax.jit(jax.grad(lambda weight: trains(weight).sum()))
    grad(weight).block_until_ready()  # compile first
    label = f"Spyx {version('spyx')}, jax {jax.__version__}; reset by subtraction, one step later"
    return label, lambda: np.asarray(run(weight)) > 0, lambda: grad(weight).block_until_ready()


def _delayed(folder: Path) -> np.ndarray:
    """Return the input trains, delayed by one step."""
    spikes = np.load(folder / "input.npy").astype(np.float32)
    return np.concatenate([np.zeros_like(spikes[:1]), spikes[:-1]])
