"""Compare a network with the spikes and weights that the original program wrote, before and after one training step."""

from dataclasses import dataclass
from os import PathLike

import numpy as np

from cupynn.checks import InputError
from cupynn.layers import Layer
from cupynn.optimizers.base import Optimizer
from cupynn.reference.build import Definition, load
from cupynn.reference.config import Block
from cupynn.reference.data import Loaded, Samples
from cupynn.reference.folder import Folder
from cupynn.reference.spikes import read_spikes
from cupynn.reference.training import make_verified_optimizer
from cupynn.reference.weights import read_dense_weights, read_weights
from cupynn.spikes.trains import SpikeTrains
from cupynn.training import step

TOLERANCE = 1e-4  # largest difference of two weights that the original program calls equal
BEFORE, AFTER = "refOutputTrainPath", "refOutputTestPath"
WEIGHTS, LATERAL = "refWeightPath", "refLWeightPath"


@dataclass(frozen=True)
class Agreement:
    """Differences of one layer; None where the config has no path of a file.

    Attributes
    ----------
    layer : str
        Name of the layer.
    spikes : int or None
        Number of spikes in the files, before and after the step together.
    before, after : int or None
        Number of positions (step, neuron) where only one of the two has a spike, before and after the step.
    weights : float or None
        Largest absolute difference of a weight, or of a lateral weight, after the step.
    """

    layer: str
    spikes: int | None
    before: int | None
    after: int | None
    weights: float | None


@dataclass(frozen=True)
class Verification:
    """Result of `verify`; `print` shows a table.

    Attributes
    ----------
    layers : tuple of Agreement
        From the first layer after the input to the output.
    optimizer : str
        Optimizer of the step and its learning rate.
    """

    layers: tuple[Agreement, ...]
    optimizer: str

    @property
    def differing_spikes(self) -> int:
        """Number of spikes that differ in all layers, before and after the step."""
        return sum((each.before or 0) + (each.after or 0) for each in self.layers)

    @property
    def largest_difference(self) -> float:
        """Largest absolute difference of a weight in all layers."""
        return max((each.weights or 0.0 for each in self.layers), default=0.0)

    @property
    def agrees(self) -> bool:
        """True if all spikes are equal, and all weights within 1e-4, the tolerance of the original program."""
        return self.differing_spikes == 0 and self.largest_difference <= TOLERANCE

    def __str__(self) -> str:
        rows = [("layer", "spikes", "differ before", "differ after", "weights differ by")]
        rows += [
            (each.layer, *map(_text, (each.spikes, each.before, each.after)), _text(each.weights)) for each in self.layers
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
        total = sum(each.spikes or 0 for each in self.layers)
        weights = f"weights differ by at most {self.largest_difference:.1e}"
        return "\n".join(
            [*lines, f"{self.differing_spikes:,} of {total:,} spikes differ; {weights}", f"step: {self.optimizer}"]
        )


def verify(config: str | PathLike, root: str | PathLike = ".", device: str = "auto") -> Verification:
    """Compare a network with the files that the keys `ref...Path` of its config name.

    As in the original program, the network is run on the test sample, trained once on the training sample, and run on the
    test sample again. The constants are those of the program's builds for this purpose: Adam with a learning rate of 1e-3,
    or 1e-5 if TRAIN_DATA_PATH is a folder, and SGD with 1e-5 and no momentum. The files of refOutputTrainPath contain the
    spikes before the step, those of refOutputTestPath the spikes after it. A second refOutputTrainPath replaces a missing
    refOutputTestPath.

    Parameters
    ----------
    config : path
    root : path
        Folder that the paths in the config start from, as in `load`.
    device : str
        As in `Sequential`.

    Returns
    -------
    Verification

    Raises
    ------
    InputError
        If the config names no such file, no data, or more than one sample, or if a file cannot be used.

    Examples
    --------
    >>> print(verify("Config/SpikingCNNMnistConfig_test.txt", root="mm-bp-snn"))  # doctest: +SKIP
    layer     spikes  differ before  differ after  weights differ by
    conv1     31,488              0             0            2.4e-07
    ...
    """
    definition = load(config, root, device=device)
    folder = Folder(root)
    layers = list(zip(definition.network.layers, definition.layers[1:], strict=True))
    if not any(key in block for _, block in layers for key in (BEFORE, AFTER, WEIGHTS, LATERAL)):
        raise InputError(f"{config}: no key {BEFORE}, {AFTER}, {WEIGHTS} or {LATERAL}: there is nothing to compare with")
    (spikes, _), (trained, labels) = _sample(definition, definition.test), _sample(definition, definition.train)
    steps = definition.network.steps
    expected = [(_spikes(layer, block, folder, steps), _weights(layer, block, folder)) for layer, block in layers]
    optimizer = make_verified_optimizer(definition.globals, definition.train.in_folder)
    before = _run(definition, spikes)
    step(definition.network, definition.loss, optimizer, trained, labels)
    after = _run(definition, spikes)
    found = zip(layers, expected, before, after, strict=True)
    return Verification(tuple(_compare(definition, layer, *each) for (layer, _), *each in found), _described(optimizer))


def _sample(definition: Definition, samples: Samples) -> Loaded:
    spikes, labels = samples.load()
    if len(labels) != 1:
        found = f"{definition.globals.file.path}: {len(labels)} samples in {samples.path}"
        raise InputError(f"{found}: one is compared, set TRAIN_SAMPLES and TEST_SAMPLES to 1")
    return spikes, labels


def _spikes(layer: Layer, block: Block, folder: Folder, steps: int) -> list[np.ndarray | None]:
    """Return the spikes of a layer before and after the step, (steps, neurons)."""
    places = {key: (key, block[key]) for key in (BEFORE, AFTER) if key in block}
    if AFTER not in block and block.repeated.get(BEFORE):
        places[AFTER] = BEFORE, block.repeated[BEFORE][0]
    paths = [folder.find(block, *places[key]) if key in places else None for key in (BEFORE, AFTER)]
    return [None if path is None else read_spikes(path, layer.output_shape, steps) for path in paths]


def _weights(layer: Layer, block: Block, folder: Folder) -> dict[str, np.ndarray]:
    """Return the weights of a layer after the step, by name."""
    arrays, found = layer.params | layer.buffers, {}
    if WEIGHTS in block:
        if "weight" not in arrays:
            raise block.error(WEIGHTS, "this layer has no weights: leave out the key")
        found["weight"] = read_weights(folder.find(block, WEIGHTS), arrays["weight"].shape, sparse="lateral" in arrays)
    if LATERAL in block:
        if "lateral" not in arrays and not getattr(layer, "lateral_inhibition", 0):
            raise block.error(LATERAL, "this layer has no lateral weights: leave out the key")
        units = layer.output_shape[0]
        found["lateral"] = read_dense_weights(folder.find(block, LATERAL), units, units, sparse=True)
    return found


def _run(definition: Definition, spikes: SpikeTrains) -> list[np.ndarray]:
    """Return the spikes of each layer after the input, (steps, neurons)."""
    network = definition.network
    network.forward(spikes)
    return [trains.to_host().to_dense()[0].reshape(network.steps, -1) for trains in network.trains[1:]]


def _compare(
    definition: Definition,
    layer: Layer,
    expected: tuple[list[np.ndarray | None], dict[str, np.ndarray]],
    before: np.ndarray,
    after: np.ndarray,
) -> Agreement:
    trains, weights = expected
    differ = [None if want is None else int((want != got).sum()) for want, got in zip(trains, (before, after), strict=True)]
    files = [int(want.sum()) for want in trains if want is not None]
    gaps = [float(np.abs(value - _array(definition, layer, name)).max()) for name, value in weights.items()]
    return Agreement(layer.name, sum(files) if files else None, *differ, max(gaps) if gaps else None)


def _array(definition: Definition, layer: Layer, name: str) -> np.ndarray:
    arrays = layer.params | layer.buffers
    if name in arrays:
        return definition.network.device.get(arrays[name])
    return layer.lateral_inhibition * (np.eye(layer.output_shape[0]) - 1)


def _described(optimizer: Optimizer) -> str:
    return f"{optimizer!r}, learning rate {optimizer.lr:g}"  # the representation leaves out defaults


def _text(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.1e}"
