"""`cupynn import-reference`: read a network of the original HM2-BP program, and compare it with the program's results."""

import argparse
from typing import TYPE_CHECKING

from cupynn.checks import InputError

if TYPE_CHECKING:
    from cupynn.reference import Definition, Samples

HELP = "read a network of the original HM2-BP program"
DESCRIPTION = """\
Read a config of the original HM2-BP program, print a summary of the network and its training, name the keys that have no
effect, and save the network if --out is given.

With --verify, also read the files that the keys ref...Path of the config name, run the network on the sample of
TEST_DATA_PATH before and after one training step, and print for each layer how many spikes and by how much the weights
differ from those of the original program. The exit code is 1 if a spike differs, or a weight by more than 1e-4."""
EXAMPLES = """\
  cupynn import-reference Config/SpikingMnistConfig.txt
  cupynn import-reference Config/SpikingMnistConfig.txt --checkpoint checkPoint.txt --out net.npz
  cupynn import-reference Config/SpikingCNNMnistConfig_test.txt --verify      in the folder of the original program
  cupynn import-reference mm-bp-snn/Config/NMnistConfig.txt --root mm-bp-snn  from elsewhere
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("config", metavar="CONFIG", help="config file, such as Config/SpikingMnistConfig.txt")
    text = "folder that the paths in the config start from (default: the current one)"
    parser.add_argument("--root", default=".", help=text)
    parser.add_argument("--checkpoint", metavar="FILE", help="weights that the original program saved")
    parser.add_argument("--out", metavar="NET.npz", help="file for the network")
    parser.add_argument("--verify", action="store_true", help="compare one training step with the original program's files")


def execute(options: argparse.Namespace) -> None:
    """Read, print, save and compare."""
    from cupynn import reference

    if options.verify and options.checkpoint is not None:
        raise InputError("--verify with --checkpoint: leave out one, as the results to compare are for the initial weights")
    definition = reference.load(options.config, options.root, options.checkpoint)
    definition.network.summary()
    print(f"{definition.loss}\n{definition.optimizer}\n{_training(definition)}")
    if definition.unused:
        print(f"without effect: {', '.join(definition.unused)}")
    if options.out is not None:
        definition.network.save(options.out)
        print(f"saved as {options.out}")
    if options.verify:
        _verify(options.config, options.root)
    elif definition.globals.get("IS_GRADIENT_CHECKING") == "true":
        print("IS_GRADIENT_CHECKING is true: --verify compares with the original program's spikes and weights")


def _training(definition: "Definition") -> str:
    epochs = "TEST_EPOCH is missing" if definition.epochs is None else f"epochs: {definition.epochs}"
    lines = [f"{epochs}, batch_size: {definition.batch_size}, boost: {definition.boost}, augment: {definition.augment}"]
    lines += [f"{name} data: {_data(part)}" for name, part in (("training", definition.train), ("test", definition.test))]
    return "\n".join(lines)


def _data(samples: "Samples") -> str:
    limits = [f"{samples.count} in all"] if samples.count is not None else []
    limits += [f"{samples.per_class} per class"] if samples.per_class is not None else []
    return f"{samples.path or 'no path'} ({', '.join(limits) or 'all samples'})"


def _verify(config: str, root: str) -> None:
    import warnings

    from cupynn import reference

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        result = reference.verify(config, root)
    for message in dict.fromkeys(str(warning.message) for warning in caught):
        print(message)
    print(result)
    if not result.agrees:
        problem = f"{result.differing_spikes:,} spikes differ, and weights by up to {result.largest_difference:.1e}"
        raise InputError(f"{config}: {problem}: the table above shows in which layers; check the files and the config")
