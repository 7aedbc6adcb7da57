"""The networks of the benchmarks."""

from dataclasses import dataclass
from math import prod
from typing import Any

from cupynn import layers, presets
from cupynn.losses import CountLoss
from cupynn.optimizers import Adam, Optimizer
from cupynn.sequential import Sequential

NMNIST_RATE = 0.18  # firing rate of the largest pixel value

# 25 steps: faster neurons, lower thresholds, lower target counts.
SHORT = {
    "network.steps": 25,
    "network.encoder.max_rate": 0.95,
    "loss.desired": 8,
    "loss.undesired": 1,
    "loss.margin": 1,
}


@dataclass(frozen=True)
class Net:
    """A preset, a batch size, and changes: thresholds by layer, and other values."""

    preset: str
    batch: int
    thresholds: dict[str, float]
    changes: dict[str, Any]
    scattered: bool = False  # whether the pixels are shuffled, in one order for all images

    def experiment(self) -> presets.Experiment:
        """Return the preset with the changes, and with images encoded as Poisson trains."""
        experiment = presets.read(self.preset)
        values: dict[str, Any] = {}
        if self.preset == "n-mnist":
            values["network.encoder"] = {"kind": "Poisson", "max_rate": NMNIST_RATE}
        values |= {f"network.layers.{layer}.v_th": v_th for layer, v_th in self.thresholds.items()}
        if self.changes:
            for layer in experiment.network["layers"]:
                values |= {f"network.layers.{layer['name']}.tau_m": 10.0, f"network.layers.{layer['name']}.tau_s": 2.5}
        return experiment.replace(**values).replace(**self.changes)

    def build(self, device: str) -> tuple[Sequential, CountLoss, Optimizer]:
        """Return network, loss, and Adam with a constant learning rate."""
        network, loss, optimizer = self.experiment().build(device)
        return network, loss, Adam(optimizer.lr)


NETS = {
    "mlp": Net("mnist", 50, {}, {}),
    "mlp-25": Net("mnist", 50, {"hidden": 10.0, "output": 5.0}, SHORT),
    "mlp-scattered": Net("mnist", 50, {}, {}, scattered=True),
    "cnn": Net("mnist-cnn", 10, {}, {}),
    "cnn-25": Net("mnist-cnn", 10, {"conv1": 2.5, "conv2": 6.0, "hidden": 5.0, "output": 5.0}, SHORT),
    "n-mnist": Net("n-mnist", 50, {}, {}),
    "n-mnist-25": Net("n-mnist", 50, {"hidden": 10.0, "output": 5.0}, SHORT),
}


def synapses(network: Sequential) -> list[dict[str, Any]]:
    """Describe the synapses of each layer as plain data, from which other frameworks build them."""
    found = []
    for layer in network.layers:
        if isinstance(layer, layers.SpikingConv2D):
            maps, channels, size, _ = layer.params["weight"].shape
            found.append({"kind": "conv", "inputs": channels, "outputs": maps, "size": size})
        elif isinstance(layer, layers.SpikingPool2D):
            found.append({"kind": "pool", "size": layer.kernel_size[0]})
        else:
            outputs, inputs = layer.params["weight"].shape
            found.append({"kind": "dense", "inputs": inputs, "outputs": outputs})
    return found


def title(network: Sequential) -> str:
    """Return the network in the notation of the paper, 15C5-P2-40C5-P2-300-10; R300 is a recurrent layer."""
    words = {"conv": "{outputs}C{size}", "pool": "P{size}", "dense": "{outputs}"}
    parts = [words[synapse["kind"]].format(**synapse) for synapse in synapses(network)]
    recurrent = [isinstance(layer, layers.SpikingRecurrent) for layer in network.layers]
    parts = ["R" * own + part for own, part in zip(recurrent, parts, strict=True)]
    flat = parts if "C" in parts[0] else [str(prod(network.input_shape)), *parts]
    return "-".join(flat)
