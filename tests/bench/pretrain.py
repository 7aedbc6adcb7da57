"""Make the trained networks that come with cupynn from the folders of their runs.

    cupynn train mnist-augmented --seed 0 --out runs/mnist-augmented
    CUPYNN_DATA=... python tests/bench/pretrain.py mnist runs/mnist-augmented

The best network is rounded to half precision and tested again: the result beside it is that of the rounded weights.
"""

import json
import shutil
import sys
from pathlib import Path

import tomli_w
from steps import nets

import cupynn
from cupynn import Sequential
from cupynn.network import storage
from cupynn.results import metrics

FOLDER = Path(cupynn.__file__).parent / "pretrained"

# Name, task, what it is not good for, and the licence of the data. The command follows from the run's definition.
OTHERS = (
    "images of other sources: ink must be bright on dark ground, and the digit centred. It answers with a digit in any case"
)
NETWORKS = {
    "digits": (
        "handwritten digits of 8 x 8 pixels, from scikit-learn",
        "cupynn train digits --seed 0",
        OTHERS,
        "UCI Optical Recognition of Handwritten Digits, CC BY 4.0",
    ),
    "fsdd": (
        "spoken English digits, from the Free Spoken Digit Dataset",
        "cupynn train fsdd --seed 0",
        "speakers that it has not heard: it is tested on new recordings of the six speakers that it was trained on. Such a "
        "network reaches 61 % on others",
        "Free Spoken Digit Dataset, CC BY-SA 4.0",
    ),
    "mnist": (
        "handwritten digits, from MNIST",
        "cupynn train mnist-augmented --seed 0",
        OTHERS,
        "MNIST, commonly given as CC BY-SA 3.0",
    ),
    "mnist-cnn": (
        "handwritten digits, from MNIST, by a convolutional network",
        "cupynn train mnist-cnn-augmented --seed 0",
        OTHERS,
        "MNIST, commonly given as CC BY-SA 3.0",
    ),
    "n-mnist": (
        "handwritten digits in front of an event camera, from N-MNIST",
        "cupynn train n-mnist --set network.layers.hidden.units=400 --seed 0",
        "other cameras and scenes, and comparisons with other figures for N-MNIST: it is trained on 1,000 and tested on 100 "
        "of the 70,000 recordings",
        "N-MNIST, CC BY-SA 4.0",
    ),
}


def make(name: str, run_folder: Path) -> None:
    """Write the folder of a trained network, and print its card."""
    task, command, limits, licence = NETWORKS[name]
    run, target = cupynn.open_run(run_folder), FOLDER / name
    target.mkdir(exist_ok=True)
    network = run.network(device="cpu")
    (target / "best.npz").write_bytes(storage.to_bytes(network, half=True))
    for file in ("definition.toml", metrics.FILE):
        shutil.copyfile(run_folder / file, target / file)
    stored = Sequential.load(target / "best.npz", "cpu")
    evaluation = stored.evaluate(run.data()[2], run.definition.build("cpu")[1])
    result = run.result | {"test": evaluation.figures()}
    (target / "result.json").write_text(json.dumps(result) + "\n", encoding="utf-8")
    steps = run.definition.training.get("steps", network.steps)
    shorter = f", trained with {steps}" if steps != network.steps else ""
    card = {
        "task": task,
        "network": f"{nets.title(network)}, T = {network.steps}{shorter}",
        "command": command,
        "trained_accuracy": run.result["test"]["accuracy"],
        "limits": limits,
        "licence": licence,
    }
    (target / "card.toml").write_text(tomli_w.dumps(card), encoding="utf-8")
    print(cupynn.pretrained.card(name))


if __name__ == "__main__":
    make(sys.argv[1], Path(sys.argv[2]))
