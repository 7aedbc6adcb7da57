"""From a config of the original program to a network with its loss and its optimizer."""

import re
from dataclasses import dataclass
from math import isqrt
from os import PathLike
from typing import Any

import numpy as np

from cupynn import layers, losses
from cupynn.device.device import resolve
from cupynn.encoders import Poisson
from cupynn.losses import CountLoss
from cupynn.optimizers import SGD, Adam
from cupynn.optimizers.base import Optimizer
from cupynn.optimizers.regularizers import ExponentialRegularizer
from cupynn.reference.checkpoint import load_checkpoint
from cupynn.reference.config import Block, Config, read_config
from cupynn.reference.initial import Folder, set_weights
from cupynn.sequential import Sequential

# What the original program has in its source instead of its config.
MAX_RATE = 1 / 5.5
LEARNING_RATE = 1e-3
SCHEDULE = "inverse-sqrt"
MOMENTUM = 0.9


@dataclass(frozen=True)
class Definition:
    """What a config says.

    Attributes
    ----------
    network : Sequential
        With its initial weights, or those of a checkpoint.
    loss : CountLoss
    optimizer : Optimizer
    batch_size : int
    boost : bool
        Whether wrongly classified samples gain weight.
    globals : Block
        The global keys and their texts, those without use here included.
    layers : tuple of Block
        The same of each layer, from the input on.
    """

    network: Sequential
    loss: CountLoss
    optimizer: Optimizer
    batch_size: int
    boost: bool
    globals: Block
    layers: tuple[Block, ...]


def load(
    config: str | PathLike, root: str | PathLike = ".", checkpoint: str | PathLike | None = None, device: str = "auto"
) -> Definition:
    """Make what a config of the original program describes.

    Parameters
    ----------
    config : path
    root : path
        Folder of the files with weights. A path in the config stands for the file below it whose path agrees in most parts,
        counted from the end: `test/golden/weights/w.txt` for `weights/w.txt`.
    checkpoint : path, optional
        File with the weights of all layers, instead of the initial weights.
    device : str
        Where the network runs, as in `Sequential`.

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
    network = _network(parsed)
    loss, optimizer = _loss(parsed.layers[-1]), _optimizer(parsed.globals)
    if checkpoint is not None:
        coupled = [block["NAME"] for block in parsed.layers[1:] if block.get("laterialType", "NULL") != "NULL"]
        load_checkpoint(network, checkpoint, coupled)
    else:
        folder = Folder(root)
        for index, (layer, block) in enumerate(zip(network.layers, parsed.layers[1:], strict=True)):
            set_weights(layer, block, folder, np.random.default_rng([network.seed, index]))
    batch_size, boost = parsed.globals.integer("BATCH_SIZE", minimum=1), parsed.globals.flag("BOOST_METHOD")
    return Definition(network.to(device), loss, optimizer, batch_size, boost, *parsed)


def _network(config: Config) -> Sequential:
    _refuse(config.globals, "DYNAMIC_THRESHOLD")
    effect_ratio = config.globals.flag("EFFECT_RATIO")
    return config.globals.make(
        Sequential,
        [_MAKERS[block["LAYER"]](block, effect_ratio=effect_ratio, **_neuron(block)) for block in config.layers[1:]],
        input_shape=_input_shape(config),
        steps=config.globals.integer("END_TIME", minimum=1),
        encoder=Poisson(MAX_RATE, fresh=False),
        device="cpu",
    )


def _refuse(block: Block, key: str) -> None:
    if block.flag(key):
        raise block.error(key, "this cannot be imported: expected false")


def _input_shape(config: Config) -> tuple[int, ...]:
    data = config.layers[0]
    neurons = data.integer("NUM_NEURONS", minimum=1)
    if config.layers[1]["LAYER"] not in ("CONVSPIKING", "POOLINGSPIKING"):
        return (neurons,)
    channels = config.globals.integer("CHANNELS", minimum=1, default=1)
    side = isqrt(neurons // channels)
    if channels * side * side != neurons:
        raise data.error("NUM_NEURONS", f"expected a square image of CHANNELS = {channels}")
    return (channels, side, side)


def _neuron(block: Block) -> dict[str, Any]:
    """Arguments that all layers share."""
    constants = {"v_th": block.number("VTH"), "tau_m": block.number("TAU_M"), "tau_s": block.number("TAU_S")}
    return constants | {"t_ref": block.integer("T_REFRAC"), "psp_kernel": "srm", "name": block["NAME"]}


def _uniform(block: Block) -> dict[str, Any]:
    """Bound of the weights if the layer itself is to draw them."""
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
    _refuse(block, "ADD_BIAS")
    lateral = block.choice("laterialType", ("NULL", "LOCAL_INHIBITION", "RESERVOIR"), default="NULL")
    if lateral == "RESERVOIR":
        return block.make(layers.SpikingRecurrent, units, reservoir=_grid(block), trained=False, **neuron)
    if "lweightPath" in block:
        raise block.error("lweightPath", "expected laterialType = RESERVOIR beside it")
    inhibition = block.number("localInbStrength") if lateral == "LOCAL_INHIBITION" else 0.0
    return block.make(layers.SpikingDense, units, lateral_inhibition=inhibition, **_uniform(block), **neuron)


def _grid(block: Block) -> tuple[int, ...]:
    sizes = re.fullmatch(r"([0-9]{1,6})\s*x\s*([0-9]{1,6})\s*x\s*([0-9]{1,6})", block.text("reservoirDim"))
    if sizes is None:
        raise block.error("reservoirDim", "expected three sizes, `a x b x c`")
    return tuple(map(int, sizes.groups()))


_MAKERS = {"CONVSPIKING": _conv, "POOLINGSPIKING": _pool, "SPIKING": _dense, "SOFTMAXSPIKING": _dense}


def _loss(output: Block) -> CountLoss:
    if output["LAYER"] == "SOFTMAXSPIKING":
        return output.make(losses.SoftmaxCount, desired=output.integer("DESIRED_LEVEL"))
    if output["LAYER"] != "SPIKING":
        raise output.error("LAYER", "expected SPIKING or SOFTMAXSPIKING as the last layer")
    levels = (output.integer(key) for key in ("DESIRED_LEVEL", "UNDESIRED_LEVEL", "MARGIN"))
    return output.make(losses.SpikeCount, *levels)


def _optimizer(config: Block) -> Optimizer:
    strength, beta = config.number("LAMBDA_REG", default=0.0), config.number("BETA_REG", default=0.0)
    regularizer = None
    if strength and beta:
        regularizer = config.make(ExponentialRegularizer, strength, beta, config.number("WEIGHT_LIMIT"))
    if config.choice("OPTIMIZER", ("adam", "sgd"), default="sgd") == "adam":
        return Adam(LEARNING_RATE, schedule=SCHEDULE, regularizer=regularizer)
    return SGD(LEARNING_RATE, MOMENTUM, SCHEDULE, regularizer)
