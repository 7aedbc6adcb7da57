"""Measure other frameworks with the same synapses, spikes and batch, each used as its documentation recommends.

A framework is a class that makes its neurons and runs one layer of them over all steps. Synapses process all steps at once,
which is faster in every framework than step by step.
"""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from steps import TAU_M, TAU_S
from steps.clock import peak_memory, seconds

STEP = 1e-3  # default time step of Norse, in seconds


class Neuron(NamedTuple):
    """Neuron of cupynn; its current is the sum of weights divided by TAU_S."""

    v_th: float
    tau_m: float = TAU_M
    tau_s: float = TAU_S


class SnnTorch:
    """snnTorch; a Python loop runs over the time steps."""

    package, title = "snntorch", "snnTorch"

    @staticmethod
    def leaky(tau_m: float = TAU_M) -> nn.Module:
        """Return the neurons of its tutorials."""
        import snntorch

        return snntorch.Leaky(beta=1 - 1 / tau_m)

    @staticmethod
    def matched(neuron: Neuron) -> nn.Module:
        """Return neurons like cupynn's without refractory period, to compare spikes."""
        import snntorch

        alpha, beta = 1 - 1 / neuron.tau_s, 1 - 1 / neuron.tau_m
        return snntorch.Synaptic(alpha, beta, threshold=neuron.v_th, reset_mechanism="zero", reset_delay=False)

    @staticmethod
    def run(neuron: nn.Module, currents: torch.Tensor) -> torch.Tensor:
        """Return the spike trains (T, B, ...) for these currents."""
        held, fired = neuron.reset_mem(), []
        states = held if isinstance(held, tuple) else (held,)
        for current in currents:
            spikes, *states = neuron(current, *states)
            fired.append(spikes)
        return torch.stack(fired)


class SpikingJelly:
    """SpikingJelly in multi-step mode."""

    package, title = "spikingjelly", "SpikingJelly"

    @staticmethod
    def leaky(tau_m: float = TAU_M) -> nn.Module:
        """Return the neurons of its tutorials."""
        from spikingjelly.activation_based import neuron

        return neuron.LIFNode(tau=tau_m, step_mode="m", detach_reset=True)

    @staticmethod
    def matched(neuron: Neuron) -> nn.Module:
        """Return neurons like cupynn's without refractory period, to compare spikes."""
        from spikingjelly.activation_based import neuron as neurons

        node = neurons.CUBALIFNode(1 - 1 / neuron.tau_s, 1 - 1 / neuron.tau_m, neuron.v_th)
        node.step_mode, node.detach_reset = "m", True
        return node

    @staticmethod
    def run(neuron: nn.Module, currents: torch.Tensor) -> torch.Tensor:
        """Return the spike trains (T, B, ...) for these currents."""
        neuron.reset()
        return neuron(currents)


class Norse:
    """Norse; its module runs over all time steps."""

    package, title = "norse", "Norse"

    @staticmethod
    def leaky(tau_m: float = TAU_M) -> nn.Module:
        """Return its default neurons, which always have a synapse."""
        import norse.torch

        return norse.torch.LIF(norse.torch.LIFParameters(tau_mem_inv=torch.tensor(1 / (tau_m * STEP))))

    @staticmethod
    def matched(neuron: Neuron) -> nn.Module:
        """Return neurons like cupynn's without refractory period, to compare spikes."""
        import norse.torch

        constants = norse.torch.LIFParameters(
            tau_syn_inv=torch.tensor(1 / (neuron.tau_s * STEP)),
            tau_mem_inv=torch.tensor(1 / (neuron.tau_m * STEP)),
            v_th=torch.tensor(neuron.v_th / neuron.tau_m),  # its current enters over tau_m
        )
        return norse.torch.LIF(p=constants, dt=STEP)

    @staticmethod
    def run(neuron: nn.Module, currents: torch.Tensor) -> torch.Tensor:
        """Return the spike trains (T, B, ...) for these currents."""
        return neuron(currents)[0]


PEERS = {peer.package: peer for peer in (SnnTorch, SpikingJelly, Norse)}


class Layers(nn.Module):
    """Network of a peer: modules of synapses, each followed by neurons."""

    def __init__(self, peer: type, synapses: list[nn.Module], neurons: list[nn.Module]) -> None:
        super().__init__()
        self.peer = peer
        self.synapses, self.neurons = nn.ModuleList(synapses), nn.ModuleList(neurons)

    def forward(self, spikes: torch.Tensor) -> torch.Tensor:
        """Return the spike trains (T, B, ...) of the last layer."""
        for synapse, neuron in zip(self.synapses, self.neurons, strict=True):
            currents = synapse(spikes.flatten(0, 1)).unflatten(0, spikes.shape[:2])
            spikes = self.peer.run(neuron, currents)
        return spikes


def label(peer: type) -> str:
    """Return name and version of a peer, and the backend and threads it uses."""
    return f"{peer.title} {version(peer.package)}, torch {torch.__version__}, {torch.get_num_threads()} threads"


def run(contestant: str, device: str, repeats: int, folder: Path) -> dict[str, Any]:
    """Measure a peer on the trains and synapses that `ours` has written to the folder."""
    peer = PEERS[contestant]
    words = json.loads((folder / "synapses.json").read_text(encoding="utf-8"))
    network = Layers(peer, [_synapse(word) for word in words], [peer.leaky() for _ in words]).to(device)
    with np.load(folder / "trains.npz") as held:
        spikes, labels = (torch.from_numpy(held[name]).to(device) for name in ("trains", "labels"))
    spikes, labels = spikes.float(), labels.long()
    spikes = spikes.flatten(2) if words[0]["kind"] == "dense" else spikes.reshape(*spikes.shape[:2], 1, *spikes.shape[-2:])
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)

    def step(_: int) -> None:
        loss = nn.functional.cross_entropy(network(spikes).sum(0), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        finish(device)

    def forward(_: int) -> None:
        with torch.no_grad():
            network(spikes)
        finish(device)

    return {
        "contestant": contestant,
        "label": label(peer),
        "step_seconds": seconds(step, repeats),
        "forward_seconds": seconds(forward, repeats),
        "memory": torch.cuda.max_memory_allocated() if device == "cuda" else peak_memory(),
    }


def finish(device: str) -> None:
    """Wait until the device has finished."""
    if device == "cuda":
        torch.cuda.synchronize()


def _synapse(words: dict[str, Any]) -> nn.Module:
    if words["kind"] == "conv":
        return nn.Conv2d(words["inputs"], words["outputs"], words["size"], bias=False)
    if words["kind"] == "pool":
        return nn.AvgPool2d(words["size"])
    return nn.Sequential(nn.Flatten(), nn.Linear(words["inputs"], words["outputs"], bias=False))
