"""A first definition for a folder with one sub-folder per class, from a look at some of its files."""

from collections.abc import Sequence
from math import ceil
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from cupynn import checks, datasets
from cupynn.checks import InputError
from cupynn.datasets import sound
from cupynn.presets.experiment import Experiment
from cupynn.presets.inspected import held_out, inspect

SENSORS = ((34, 34), (128, 128), (180, 240), (240, 304), (260, 346), (480, 640), (720, 1280))  # height, width
WIDEST = 4096  # pixels of a side of the sensor of any camera
WHOLE = 40  # pixels, of which a side of an unknown sensor is a multiple
CHANNELS, FRAME = 78, 0.016  # of cochleagrams, and seconds
FEW = 1000  # images that need augmentation and more epochs
LARGEST = 32  # pixels of a side that a fully connected layer takes
COLOURFUL = 8  # mean difference between colour channels of a colour image
PLAIN = 16  # grey levels by which a plain background varies
MOST = 0.9  # part of a border that is plain, and of the images that have one
LEFT = 0.002  # part of the pixels that must be left when the background is removed


def for_folder(path: str | PathLike) -> Experiment:
    """Return a definition for a folder of images, event recordings or sounds, with a network of suitable size.

    Up to 20 files are read, to choose the size of images, whether to invert them, the sensor of an event camera, and the
    number of steps. A fifth of the samples are for testing. Images are inverted, and their background is removed, only if
    they show figures on a plain background.

    Parameters
    ----------
    path : path
        A folder with a sub-folder per class.

    Raises
    ------
    InputError
        If the folder has fewer than two classes, contains no such files or too few, or a file cannot be read.

    Examples
    --------
    >>> from cupynn import presets
    >>> experiment = presets.for_folder("shapes")                 # doctest: +SKIP
    >>> print(experiment.to_toml())                               # doctest: +SKIP
    """
    folder = checks.path("path", path)
    found = inspect(folder)
    if checks.printable(place := str(folder.resolve())) != place:
        raise InputError(f"{place!r} is not Unicode, so a definition cannot hold it: rename the folder")
    look = {"image-folder": _images, "sound-folder": _sounds, "event-folder": _events}[found.kind]
    data, network, training = look(found.probe, len(found.files))
    parts = held_out(found)
    *hidden, last = network.pop("layers")
    return Experiment(
        name=folder.resolve().name or "data",  # the root of a disk has no name
        data={"kind": found.kind, "path": place, **data, **parts},
        network={**network, "seed": 0, "layers": [*hidden, last | {"units": len(found.classes)}]},
        loss={"kind": "SpikeCount", "desired": 35, "undesired": 5, "margin": 5},
        optimizer={"kind": "Adam", "lr": training.pop("lr"), "schedule": "cosine"},
        training=training,
    )


def _images(files: Sequence[Path], count: int) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    images = [datasets.read_image(file, colour=True) for file in files]
    spread = [float(np.ptp(image.astype(np.int16), axis=0).mean()) for image in images]
    shapes = {image.shape[1:] for image in images}
    size = list(shapes.pop()) if len(shapes) == 1 and max(next(iter(shapes), (99,))) <= LARGEST else [28, 28]
    colour = bool(np.median(spread) > COLOURFUL)
    data = {"size": size, "colour": colour} | _ground(files, images, size, colour)
    training = {"epochs": 40, "batch_size": 16, "augment": {"kind": "Augment"}, "lr": 0.01}
    if count >= FEW:
        training = {"epochs": 20, "batch_size": 32, "lr": 0.01}
    if colour:
        layers = [
            {"kind": "SpikingConv2D", "name": "conv", "maps": 12, "kernel_size": 5, "v_th": 5.0},
            {"kind": "SpikingPool2D", "name": "pool", "kernel_size": 2, "v_th": 2.0},
            *_dense(100, 10.0, 8.0),
        ]
        size = [even + 5 - 1 for even in (2 * max(1, (side - 4) // 2) for side in size)]  # the pool must divide the maps
        data["size"] = size
    else:
        layers = _dense(300, 20.0, 8.0)
    shape = [3, *size] if colour else size
    encoder = {"kind": "Poisson", "max_rate": 0.4}
    return data, {"input_shape": shape, "steps": 400, "encoder": encoder, "layers": layers}, training


def _ground(files: Sequence[Path], images: Sequence[np.ndarray], size: list[int], colour: bool) -> dict[str, bool]:
    """Return whether to invert images and remove their backgrounds: only those of figures on a plain background."""
    greys = [image.mean(0) for image in images]
    borders = [np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]]) for grey in greys]
    grounds = np.array([np.median(border) for border in borders])
    plain = [(abs(border - ground) <= PLAIN).mean() >= MOST for border, ground in zip(borders, grounds, strict=True)]
    bright = (plain & (grounds > 127)).mean() >= MOST
    dark = (plain & (grounds <= 127)).mean() >= MOST
    ground = np.median(grounds)
    cut = (bright or dark) and not colour and min(ground, 255 - ground) > 0
    if cut:  # not where a figure fills the image: its own colour would count as the background
        left = [datasets.read_image(file, size, False, bool(bright), cut_ground=True) for file in files]
        cut = min((image > 0).mean() for image in left) >= LEFT
    return {"invert": bool(bright), "cut_ground": bool(cut)}


def _sounds(files: Sequence[Path], count: int) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    rates = {}
    longest = 0.0
    for file in files:
        signal, rate = sound.read(file)
        if len(signal) < (hop := datasets.PassiveEar(rate, CHANNELS, FRAME).hop):
            raise InputError(f"{file} has {len(signal)} samples, less than a frame of {hop}: leave it out")
        rates[rate] = rates.get(rate, 0) + 1
        longest = max(longest, len(signal) / rate)
    data = {"channels": CHANNELS, "frame": FRAME} | ({"rate": min(rates)} if len(rates) > 1 else {})
    steps = min(1000, 50 * ceil(longest / FRAME * 10 / 50))
    encoder = {"kind": "BSA", "gain": 2e3, "hold": 10, "threshold": 0.6}
    network = {"input_shape": [CHANNELS], "steps": max(100, steps), "encoder": encoder, "layers": _dense(300, 10.0, 5.0)}
    return data, network, {"epochs": 20, "batch_size": 32, "lr": 0.02}


def _events(files: Sequence[Path], count: int) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    recordings = [datasets.read_events(file, (2, WIDEST, WIDEST))[0] for file in files]
    high, wide = (1 + max(int(events[axis].max(initial=0)) for events in recordings) for axis in "yx")
    others = ((WHOLE * ceil(high / WHOLE), WHOLE * ceil(wide / WHOLE)),)  # of another camera, which pooling divides
    height, width = next((h, w) for h, w in (*SENSORS, *others) if h >= high and w >= wide)
    span = float(np.median([events["t"].max(initial=0) for events in recordings])) or 1.0
    steps = 300
    pool = max(factor for factor in range(1, max(2, height // 17)) if height % factor == width % factor == 0)
    pools = [{"kind": "SpikingPool2D", "name": "pool", "kernel_size": pool, "v_th": 1.0}] if pool > 1 else []
    encoder = {"kind": "Events", "step": float(f"{span / steps:.2g}")}
    shape = [2, height, width]
    network = {"input_shape": shape, "steps": steps, "encoder": encoder, "layers": [*pools, *_dense(300, 8.0, 5.0)]}
    return {"sensor": shape}, network, {"epochs": 20, "batch_size": 16, "lr": 0.01}


def _dense(units: int, v_th: float, v_th_output: float) -> list[dict[str, Any]]:
    """Return a hidden layer and the output layer, whose units are the classes."""
    hidden = {"kind": "SpikingDense", "name": "hidden", "units": units, "v_th": v_th}
    return [hidden, {"kind": "SpikingDense", "name": "output", "v_th": v_th_output, "lateral_inhibition": 1.0}]
