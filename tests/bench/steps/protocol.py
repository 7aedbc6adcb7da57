"""The benchmark of Open Neuromorphic (2024), made comparable: one layer of n neurons and n inputs, 500 steps, batch 16.

Loss is the sum of all output spikes. In the original the input is Gaussian noise and each framework has its own neuron, so
that nobody knows whether two compute the same; here the input is spikes, which cupynn takes (5 % a step), the neuron is
cupynn's own without refractory period wherever a framework has it, and the output spikes are compared. Each process has one
thread on one core; the least processor time of several runs counts, so that other programs disturb little.
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
    """What cupynn and then each peer did with a layer; a peer that fails leaves its error in place of times."""
    one = contest.threads(1)
    with TemporaryDirectory(prefix="cupynn-bench-") as name:
        for contestant in ("cupynn", *peers):
            try:
                yield contest.ask(Path(name), "protocol", one, contestant=contestant, size=size, repeats=repeats)
            except InputError as error:
                yield {"contestant": contestant, "label": contestant, "error": str(error)}


def run(contestant: str, size: int, repeats: int, folder: Path) -> dict[str, Any]:
    """Measure a contestant in this process; the first, cupynn, leaves weights, input and output for the others."""
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
    """What it is called, forward (T, B, n) uint8, and forward with backward."""
    from cupynn import SpikeTrains, __version__
    from cupynn.layers import SpikingDense

    rng = np.random.default_rng(0)
    layer = SpikingDense(size, V_TH, t_ref=0)
    layer.build((size,), rng)
    layer.params["weight"][:] = np.rint(layer.params["weight"] * 1024) / 1024  # sums without rounding, in any order
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
    # The current of the layer is the sum of weights over tau_s; a spike acts a step later.
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
    grad(weight).block_until_ready()  # compiled, as the others are
    label = f"Spyx {version('spyx')}, jax {jax.__version__}; its reset subtracts, a step later"
    return label, lambda: np.asarray(run(weight)) > 0, lambda: grad(weight).block_until_ready()


def _delayed(folder: Path) -> np.ndarray:
    """Input trains, a step later."""
    spikes = np.load(folder / "input.npy").astype(np.float32)
    return np.concatenate([np.zeros_like(spikes[:1]), spikes[:-1]])
