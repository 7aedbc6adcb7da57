"""Convert a config of the original program to a network, its loss and its optimizer."""

import re
from dataclasses import dataclass
from math import isqrt
from os import PathLike
from typing import Any

import numpy as np

from cupynn import layers
from cupynn.augment import Augment
from cupynn.checks import InputError
from cupynn.device.device import resolve
from cupynn.encoders import Poisson
from cupynn.losses import CountLoss
from cupynn.optimizers.base import Optimizer
from cupynn.reference import training
from cupynn.reference.checkpoint import load_checkpoint
from cupynn.reference.config import Block, Config, read_config
from cupynn.reference.data import Samples
from cupynn.reference.folder import Folder
from cupynn.reference.initial import set_weights
from cupynn.results.history import History
from cupynn.sequential import Sequential

MAX_RATE = 1 / 5.5  # a constant in the source of the original program
KEYS_OF_VERIFY = (
    "IS_GRADIENT_CHECKING",
    "refOutputTrainPath",
    "refOutputTestPath",
    "refWeightPath",
    "refLWeightPath",
)
KEYS_OF_WEIGHTS = ("initType", "initW", "weightConnect", "weightPath", "lweightPath")


@dataclass(frozen=True)
class Definition:
    """Network and training options of a config.

    Attributes
    ----------
    network : Sequential
        The network with its initial weights, or those of a checkpoint.
    loss : CountLoss
    optimizer : Optimizer
    batch_size : int
    boost : bool
        True if misclassified samples gain weight.
    globals : Block
        All global keys and their texts, including unused ones.
    layers : tuple of Block
        The same for each layer, from the input on.
    epochs : int or None
        TEST_EPOCH, the number of epochs; None if the key is missing.
    augment : Augment or None
        SCALE (in percent), ROTATION and DISTORTION; None if all are 0 or missing.
    train, test : Samples
        The paths of samples and the numbers of samples.
    unused : tuple of str
        Keys that have no effect here, each once; a key of layers has the names of the layers in brackets.
    """

    network: Sequential
    loss: CountLoss
    optimizer: Optimizer
    batch_size: int
    boost: bool
    globals: Block
    layers: tuple[Block, ...]
    epochs: int | None
    augment: Augment | None
    train: Samples
    test: Samples
    unused: tuple[str, ...]

    def fit(self, data: Any = None, **options: Any) -> History:
        """Train the network with the loss, optimizer, epochs, batch size, boosting and augmentation of the config.

        Parameters
        ----------
        data : Dataset, or pair of data and labels, optional
            By default the samples of TRAIN_DATA_PATH. Other data are used as they are: ``train.pick(labels)`` returns which
            of them TRAIN_SAMPLES and TRAIN_PER_CLASS select.
        **options
            Other options of `Sequential.fit`, or other values, such as ``epochs=3``.

        Returns
        -------
        History

        Raises
        ------
        InputError
            If the config contains no number of epochs or no path, or the data or options cannot be used.
        """
        own = {"loss": self.loss, "optimizer": self.optimizer, "epochs": self.epochs, "batch_size": self.batch_size}
        own |= {"boost": self.boost, "augment": self.augment} | options
        if own["epochs"] is None:
            raise InputError(f"{self.globals.file.path}: TEST_EPOCH is missing: pass epochs, such as fit(epochs=10)")
        return self.network.fit(self.train.load() if data is None else data, **own)


def load(
    config: str | PathLike, root: str | PathLike = ".", checkpoint: str | PathLike | None = None, device: str = "auto"
) -> Definition:
    """Load a config of the original program.

    Parameters
    ----------
    config : path
    root : path
        Folder that the paths in the config start from, usually that of the original program, or a folder that they go
        through: with the root `copy/weights`, the path `test/weights/w.txt` is `copy/weights/w.txt`. A path that exists
        as it is written is used first.
    checkpoint : path, optional
        File with the weights of all layers, used instead of the initial weights.
    device : str
        As in `Sequential`.

    Returns
    -------
    Definition

    Raises
    ------
    InputError
        If the config or a file that it names cannot be used; the message names file and line.
    """
    resolve(device)
    parsed = read_config(config)
    augment = training.make_augment(parsed.globals)
    network = _network(parsed, augment)
    loss, optimizer = training.make_loss(parsed.layers[-1]), training.make_optimizer(parsed.globals)
    if checkpoint is not None:
        coupled = [block["NAME"] for block in parsed.layers[1:] if block.get("laterialType", "NULL") != "NULL"]
        load_checkpoint(network, checkpoint, coupled)
    else:
        folder = Folder(root)
        for index, (layer, block) in enumerate(zip(network.layers, parsed.layers[1:], strict=True)):
            set_weights(layer, block, folder, np.random.default_rng([network.seed, index]))
    batch_size, boost = parsed.globals.integer("BATCH_SIZE", minimum=1), parsed.globals.flag("BOOST_METHOD")
    epochs = training.read_epochs(parsed.globals)
    train, test = (Samples(parsed.globals, part, root, network.input_shape, network.steps) for part in ("TRAIN", "TEST"))
    extra = epochs, augment, train, test, _unused(parsed, checkpoint is not None)
    return Definition(network.to(device), loss, optimizer, batch_size, boost, *parsed, *extra)


def _unused(config: Config, replaced: bool) -> tuple[str, ...]:
    """Return the keys that nothing has read, except those of `verify`; `replaced`: a checkpoint has the weights."""
    known = {*KEYS_OF_VERIFY, *(KEYS_OF_WEIGHTS if replaced else ())}
    found = {key: [] for key in config.globals if key not in config.globals.read | known}
    for block in config.layers:
        for key in block:
            if key not in block.read | known:
                found.setdefault(key, []).append(block["NAME"])
    return tuple(f"{key} ({', '.join(names)})" if names else key for key, names in found.items())


def _network(config: Config, augment: Augment | None) -> Sequential:
    _refuse(config.globals, "DYNAMIC_THRESHOLD")
    effect_ratio = config.globals.flag("EFFECT_RATIO")
    return config.globals.make(
        Sequential,
        [_MAKERS[block["LAYER"]](block, effect_ratio=effect_ratio, **_neuron(block)) for block in config.layers[1:]],
        input_shape=_input_shape(config, augment is not None),
        steps=config.globals.integer("END_TIME", minimum=1),
        encoder=Poisson(MAX_RATE, fresh=augment is not None),  # the original program draws trains again only if it augments
        device="cpu",
    )


def _refuse(block: Block, key: str) -> None:
    if block.flag(key):
        raise block.error(key, "not supported: expected false")


def _input_shape(config: Config, augmented: bool) -> tuple[int, ...]:
    data = config.layers[0]
    neurons = data.integer("NUM_NEURONS", minimum=1)
    if not augmented and config.layers[1]["LAYER"] not in ("CONVSPIKING", "POOLINGSPIKING"):
        return (neurons,)
    channels = config.globals.integer("CHANNELS", minimum=1, default=1)
    side = isqrt(neurons // channels)
    if channels * side * side != neurons:
        remedy = "; set SCALE, ROTATION and DISTORTION to 0 if the data are not images" if augmented else ""
        raise data.error("NUM_NEURONS", f"expected square images with CHANNELS = {channels}{remedy}")
    return (channels, side, side)


def _neuron(block: Block) -> dict[str, Any]:
    """Return the arguments that all layers share."""
    constants = {"v_th": block.number("VTH"), "tau_m": block.number("TAU_M"), "tau_s": block.number("TAU_S")}
    return constants | {"t_ref": block.integer("T_REFRAC"), "psp_kernel": "srm", "name": block["NAME"]}


def _uniform(block: Block) -> dict[str, Any]:
    """Return the bound of the weights if the layer draws them itself."""
    return {"initial_weight": block.number("initW")} if block.text("initType") == "Bernoulli" else {}


def _conv(block: Block, **neuron: Any) -> layers.Layer:
    maps, size = block.integer("KERNEL_AMOUNT", minimum=1), block.integer("KERNEL_SIZE", minimum=1)
    padding = block.integer("PADDING", default=0)
    return block.make(layers.SpikingConv2D, maps, size, padding=padding, **_uniform(block), **neuron)


def _pool(block: Block, **neuron: Any) -> layers.Layer:
    size, stride = block.integer("SIZE", minimum=1), block.integer("SKIP", minimum=1)
    return block.make(layers.SpikingPool2D, size, stride=stride, **neuron)


def _dense(block: Block, **neuron: Any) -> layers.Layer:
    units = block.integer("NUM_NEURONS", minimum=1)
    neuron["bias"] = block.flag("ADD_BIAS")
    if neuron["bias"] and block.integer("BIAS_FREQ", default=1) != 1:
        raise block.error("BIAS_FREQ", "not supported: expected 1, a bias that acts at every step")
    lateral = block.choice("laterialType", ("NULL", "LOCAL_INHIBITION", "RESERVOIR"), default="NULL")
    if lateral == "RESERVOIR":
        return block.make(layers.SpikingRecurrent, units, reservoir=_grid(block), trained=False, **neuron)
    if "lweightPath" in block:
        raise block.error("lweightPath", "expected laterialType = RESERVOIR in the same block")
    inhibition = block.number("localInbStrength") if lateral == "LOCAL_INHIBITION" else 0.0
    return block.make(layers.SpikingDense, units, lateral_inhibition=inhibition, **_uniform(block), **neuron)


def _grid(block: Block) -> tuple[int, ...]:
    sizes = re.fullmatch(r"([0-9]{1,6})\s*x\s*([0-9]{1,6})\s*x\s*([0-9]{1,6})", block.text("reservoirDim"))
    if sizes is None:
        raise block.error("reservoirDim", "expected three sizes, `a x b x c`")
    return tuple(map(int, sizes.groups()))


_MAKERS = {"CONVSPIKING": _conv, "POOLINGSPIKING": _pool, "SPIKING": _dense, "SOFTMAXSPIKING": _dense}
