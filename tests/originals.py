"""Files of the original program, small ones of each kind, and where its own test case lies."""

import re

import pytest
from factories import SHARED, needs

from cupynn.checks import InputError

GOLDEN = SHARED / "reference" / "cnn_mnist"
golden = needs(GOLDEN, "copy test/golden/cnn_mnist, the configuration and the input from github.com/jinyyy666/mm-bp-snn")

STEPS = 450
SHAPES = {"conv1": (5, 24, 24), "pool1": (5, 12, 12), "conv2": (3, 8, 8), "pool2": (3, 4, 4), "hidden": 100, "output": 10}

DENSE = """
EFFECT_RATIO = true; # one # OPTIMIZER = adam; # two
BATCH_SIZE = 2;
END_TIME = 30;  # after the last sign a comment goes on to the end; BATCH_SIZE = 3;
LAMBDA_REG = 10; BETA_REG = 0.4; WEIGHT_LIMIT= 8.0;
[
LAYER = DATASPIKING;
NAME  = data;
NUM_NEURONS = 4;
]
[
LAYER = SPIKING; NAME = hidden; INPUT = data;
NUM_NEURONS = 3;
VTH = 2; T_REFRAC = 2; TAU_M = 64; TAU_S = 8;
initType = Bernoulli;
initW = 0.5;
]
[
LAYER = SPIKING;
NAME  = output;
INPUT = hidden;
NUM_NEURONS = 2;
VTH = 1;
T_REFRAC = 3;
TAU_M = 32;
TAU_S = 4;
initType = External;
weightPath = test/golden/weights/output.txt;
laterialType = LOCAL_INHIBITION;
localInbStrength = 1.5;
DESIRED_LEVEL = 10;
UNDESIRED_LEVEL = 2;
MARGIN = 1;
refOutputTrainPath = a.dat;
refOutputTrainPath = b.dat;
]
"""
OUTPUT_WEIGHTS = "".join(f"{6 + 2 * j + i}\thidden_{j}\toutput_{i}\t{j + i / 10:f}\n" for j in range(3) for i in range(2))
INHIBITION = "laterialType = LOCAL_INHIBITION;\nlocalInbStrength = 1.5;"
RESERVOIR = DENSE.replace(
    "initW = 0.5;", "initW = 8;\nweightConnect = 2; laterialType = RESERVOIR; reservoirDim = 3 x 1 x 1;"
)
RESERVOIR = RESERVOIR.replace("Bernoulli", "Fixed")
CONV = """
OPTIMIZER = sgd;
CHANNELS = 1;
BATCH_SIZE = 1;
BOOST_METHOD = true;
END_TIME = 20;
[ LAYER = DATASPIKING; NAME = data; NUM_NEURONS = 36; ]
[
LAYER = CONVSPIKING; NAME = conv; INPUT = data; KERNEL_SIZE = 3; KERNEL_AMOUNT = 2; PADDING = 1;
VTH = 5; T_REFRAC = 2; TAU_M = 64; TAU_S = 8; initType = Gaussian; initW = 0.3;
]
[ LAYER = POOLINGSPIKING; NAME = pool; INPUT = conv; SIZE = 3; SKIP = 2; VTH = 2; T_REFRAC = 2; TAU_M = 64; TAU_S = 8; ]
[
LAYER = SOFTMAXSPIKING; NAME = output; INPUT = pool; NUM_NEURONS = 2; DESIRED_LEVEL = 12;
VTH = 5; T_REFRAC = 2; TAU_M = 64; TAU_S = 8; initType = Fixed; initW = 0.3;
]
"""


def written(folder, text, name="file.txt"):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refuses(problem, read, path, *arguments, line=None, **options):
    """Check that reading fails with a message that names file and line."""
    place = "" if line is None else f", line {line}: "
    with pytest.raises(InputError, match=re.escape(f"{path}{place}") + f".*{problem}"):
        read(path, *arguments, **options)
