"""Training options of a config of the original program: loss, optimizer, epochs and augmentation."""

from cupynn import losses
from cupynn.augment import Augment
from cupynn.losses import CountLoss
from cupynn.optimizers import SGD, Adam
from cupynn.optimizers.base import Optimizer
from cupynn.optimizers.regularizers import ExponentialRegularizer
from cupynn.reference.config import Block

# Constants in the source of the original program.
LEARNING_RATE = 1e-3
SCHEDULE = "inverse-sqrt"
MOMENTUM = 0.9
# Learning rates of its builds that compare one step with files: for a file of spikes, and for a folder of recordings.
VERIFIED_RATE = 1e-3
VERIFIED_RATE_OF_FOLDERS = 1e-5


def make_loss(output: Block) -> CountLoss:
    """Return the loss of the last layer."""
    if output["LAYER"] == "SOFTMAXSPIKING":
        return output.make(losses.SoftmaxCount, desired=output.integer("DESIRED_LEVEL"))
    if output["LAYER"] != "SPIKING":
        raise output.error("LAYER", "expected SPIKING or SOFTMAXSPIKING as the last layer")
    levels = (output.integer(key) for key in ("DESIRED_LEVEL", "UNDESIRED_LEVEL", "MARGIN"))
    return output.make(losses.SpikeCount, *levels)


def make_optimizer(config: Block) -> Optimizer:
    """Return the optimizer of training."""
    regularizer = _regularizer(config)
    if _uses_adam(config):
        return Adam(LEARNING_RATE, schedule=SCHEDULE, regularizer=regularizer)
    return SGD(LEARNING_RATE, MOMENTUM, SCHEDULE, regularizer)


def make_verified_optimizer(config: Block, in_folder: bool) -> Optimizer:
    """Return the optimizer of the builds that compare one step with files, for data in a folder or a single file."""
    regularizer = _regularizer(config)
    if _uses_adam(config):
        return Adam(VERIFIED_RATE_OF_FOLDERS if in_folder else VERIFIED_RATE, regularizer=regularizer)
    return SGD(VERIFIED_RATE_OF_FOLDERS, momentum=0.0, regularizer=regularizer)


def _uses_adam(config: Block) -> bool:
    return config.choice("OPTIMIZER", ("adam", "sgd"), default="sgd") == "adam"


def _regularizer(config: Block) -> ExponentialRegularizer | None:
    strength, beta = config.number("LAMBDA_REG", default=0.0), config.number("BETA_REG", default=0.0)
    if not (strength and beta):
        return None
    return config.make(ExponentialRegularizer, strength, beta, config.number("WEIGHT_LIMIT"))


def make_augment(config: Block) -> Augment | None:
    """Return the augmentation of the training images; None if SCALE, ROTATION and DISTORTION are 0 or missing."""
    percent, degrees, distortion = (config.number(key, default=0.0) for key in ("SCALE", "ROTATION", "DISTORTION"))
    if not (percent or degrees or distortion):
        return None
    return config.make(Augment, percent / 100, degrees, distortion)


def read_epochs(config: Block) -> int | None:
    """Return the number of epochs, TEST_EPOCH; None if the key is missing."""
    return config.integer("TEST_EPOCH") if "TEST_EPOCH" in config else None
