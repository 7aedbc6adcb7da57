"""Callbacks that write the figures of each epoch for other programs: a table, TensorBoard, Weights & Biases."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from os import PathLike
from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.network import definition
from cupynn.network.network import Network
from cupynn.results import metrics
from cupynn.results.history import Epoch, History


def scalars(epoch: Epoch) -> dict[str, float]:
    """Return all figures of an epoch by name, "spikes/hidden" for those of a layer.

    Examples
    --------
    >>> scalars(Epoch(1, 20.0, 0.5, None, None, {"input": 9.0, "hidden": 2.5}, 0, 0.01, 1.0, 100.0))["spikes/hidden"]
    2.5
    """
    found = {}
    for name, value in epoch.figures().items():
        named = {f"{name}/{layer}": each for layer, each in value.items()} if isinstance(value, dict) else {name: value}
        found |= {key: each for key, each in named.items() if each is not None and key != "number"}
    return found


class CSVLogger:
    """Callback that writes a table with a row per epoch, for spreadsheets, pandas and `plot.compare`.

    Parameters
    ----------
    path : path
        File to write, and to replace if it exists. `cupynn train` writes the same as `metrics.csv`.

    Examples
    --------
    >>> callbacks = [CSVLogger("metrics.csv")]  # net.fit(train, callbacks=callbacks)
    """

    def __init__(self, path: str | PathLike) -> None:
        self.path = checks.path("path", path)

    def __call__(self, network: Network, history: History) -> None:
        """Write all epochs, also those before a training run was resumed."""
        metrics.write_file(self.path, history)


class _Tracker(ABC):
    """A callback that sends figures, and rasters of samples, to a program that tracks experiments."""

    def __init__(self, samples: Any, hyperparameters: Mapping[str, Any] | None) -> None:
        self.samples, self.hyperparameters, self._writer = samples, hyperparameters, None
        self._library()  # an error now, not after the first epoch

    def __call__(self, network: Network, history: History) -> None:
        """Write the last epoch."""
        if self._writer is None:
            self._writer = self._open({"network": definition.describe(network)} | dict(self.hyperparameters or {}))
        image = None if self.samples is None else pixels(network, self.samples)
        self._write(scalars(history[-1]), image, history[-1].number)

    @abstractmethod
    def _library(self) -> Any:
        """Return the module, or raise InputError with the command that installs it."""

    @abstractmethod
    def _open(self, hyperparameters: dict[str, Any]) -> Any:
        """Return the writer."""

    @abstractmethod
    def _write(self, figures: dict[str, float], image: np.ndarray | None, epoch: int) -> None:
        """Write figures and an image (height, width, 3) of uint8."""


class TensorBoardLogger(_Tracker):
    """Callback that writes event files for TensorBoard: figures by epoch, rasters as images, hyperparameters as text.

    It needs tensorboardX: ``pip install "cupynn[tensorboard]"``.

    Parameters
    ----------
    folder : path
        Folder of the event files; ``tensorboard --logdir FOLDER`` shows them.
    samples : ndarray, SpikeTrains or Ragged, optional
        Samples as `Sequential.record` takes them; the raster of the first is drawn after each epoch.
    hyperparameters : dict, optional
        Further values to store beside the definition of the network, such as ``optimizer.config()``.

    Raises
    ------
    InputError
        If tensorboardX is not installed.

    Examples
    --------
    >>> callbacks = [TensorBoardLogger("runs/tensorboard", samples=test.x[:1])]     # doctest: +SKIP
    >>> net.fit(train, callbacks=callbacks)                                         # doctest: +SKIP
    """

    def __init__(
        self, folder: str | PathLike, samples: Any = None, hyperparameters: Mapping[str, Any] | None = None
    ) -> None:
        self.folder = checks.path("folder", folder)
        super().__init__(samples, hyperparameters)

    def _library(self) -> Any:
        try:
            import tensorboardX
        except ImportError:
            raise InputError('TensorBoardLogger needs tensorboardX: pip install "cupynn[tensorboard]"') from None
        return tensorboardX

    def _open(self, hyperparameters: dict[str, Any]) -> Any:
        writer = self._library().SummaryWriter(str(self.folder))
        writer.add_text("hyperparameters", f"```json\n{json.dumps(hyperparameters, indent=1, default=str)}\n```", 0)
        return writer

    def _write(self, figures: dict[str, float], image: np.ndarray | None, epoch: int) -> None:
        for name, value in figures.items():
            self._writer.add_scalar(name, value, epoch)
        if image is not None:
            self._writer.add_image("raster", image, epoch, dataformats="HWC")
        self._writer.flush()

    def close(self) -> None:
        """Close the event file; the next epoch begins another."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None


class WandbLogger(_Tracker):
    """Callback that records a run of Weights & Biases: figures by epoch, rasters as images, hyperparameters as its config.

    It needs wandb (``pip install "cupynn[wandb]"``). Nothing leaves the computer unless you pass ``mode="online"``, or
    upload the run later by ``wandb sync``.

    Parameters
    ----------
    project : str
    folder : path, optional
        Folder in which wandb makes its own; by default the current one.
    samples, hyperparameters
        As in `TensorBoardLogger`.
    mode : {"offline", "online"}
    **options
        Further arguments of `wandb.init`, such as `name` and `tags`.

    Raises
    ------
    InputError
        If wandb is not installed, or the mode is another one.

    Examples
    --------
    >>> callbacks = [WandbLogger("digits", name="first", samples=test.x[:1])]       # doctest: +SKIP
    >>> net.fit(train, callbacks=callbacks)                                         # doctest: +SKIP
    """

    def __init__(
        self,
        project: str = "cupynn",
        folder: str | PathLike | None = None,
        samples: Any = None,
        hyperparameters: Mapping[str, Any] | None = None,
        mode: str = "offline",
        **options: Any,
    ) -> None:
        self.options = {"project": checks.only("project", project, str), "mode": checks.choice("mode", mode, MODES)}
        self.options |= options | ({} if folder is None else {"dir": str(checks.path("folder", folder))})
        super().__init__(samples, hyperparameters)

    def _library(self) -> Any:
        try:
            import wandb
        except ImportError:
            raise InputError('WandbLogger needs wandb: pip install "cupynn[wandb]"') from None
        return wandb

    def _open(self, hyperparameters: dict[str, Any]) -> Any:
        return self._library().init(config=hyperparameters, **self.options)

    def _write(self, figures: dict[str, float], image: np.ndarray | None, epoch: int) -> None:
        picture = {} if image is None else {"raster": self._library().Image(image)}
        self._writer.log(figures | picture, step=epoch)

    def close(self) -> None:
        """Finish the run of wandb; the next epoch begins another."""
        if self._writer is not None:
            self._writer.finish()
            self._writer = None


MODES = ("offline", "online")


def pixels(network: Network, samples: Any) -> np.ndarray:
    """Return the raster of the first of some samples as an image, uint8 (height, width, 3).

    Parameters
    ----------
    network : Network
    samples : ndarray, SpikeTrains or Ragged
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from cupynn.plot import raster  # importing the figures takes longer than importing a network

    canvas = FigureCanvasAgg(raster(network.record(samples[:1])))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()
