"""An experiment: data, network, loss, optimizer and training, everything that a run needs, as tables."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tomli_w

from cupynn import checks, datasets
from cupynn.augment import AUGMENTS
from cupynn.checks import InputError
from cupynn.config import construct, make
from cupynn.losses import LOSSES, CountLoss
from cupynn.network import definition
from cupynn.optimizers import OPTIMIZERS, REGULARIZERS, Optimizer
from cupynn.presets import data as data_table
from cupynn.presets.overrides import override
from cupynn.results.history import History
from cupynn.sequential import Sequential
from cupynn.training.options import Options


@dataclass(frozen=True)
class Experiment:
    """A definition: everything that a run needs, checked when it is made.

    Attributes
    ----------
    name : str
        As the file has it, else its stem.
    data, network, loss, optimizer, training : dict
        The tables of the file; `data` is described in `cupynn.presets.data`.
    source : str
        Path of the file, for messages; by default `name`.
    """

    name: str
    data: dict[str, Any]
    network: dict[str, Any]
    loss: dict[str, Any]
    optimizer: dict[str, Any]
    training: dict[str, Any]
    source: str = ""

    def __post_init__(self) -> None:
        where = self.source or self.name
        for key, table in self.tables().items():
            if not isinstance(table, dict):
                raise InputError(f"{where}: {key}: expected a table, found {table!r}")
        data_table.check(self.data, f"{where}: data")
        options, (network, _, _) = self.options(), self.build("cpu")
        if options.steps is not None:  # which only the network bounds
            checks.integer(f"{where}: training: steps", options.steps, minimum=1, maximum=network.steps)

    def load_data(self) -> tuple[datasets.Dataset, datasets.Dataset | None, datasets.Dataset]:
        """Training, validation and test data; no validation data where none is held out."""
        return data_table.load(self.data, seed=self.network.get("seed", 0))

    def build(self, device: str = "auto") -> tuple[Sequential, CountLoss, Optimizer]:
        """Make network, on a device, loss and optimizer."""
        where = self.source or self.name
        network = definition.build(Sequential, self.network, where, device)
        loss = make(LOSSES, self.loss, f"{where}: loss")
        table = dict(self.optimizer)
        if "regularizer" in table:
            table["regularizer"] = make(REGULARIZERS, table["regularizer"], f"{where}: optimizer.regularizer")
        return network, loss, make(OPTIMIZERS, table, f"{where}: optimizer")

    def options(self) -> Options:
        """Options of the training."""
        where, table = self.source or self.name, dict(self.training)
        if "augment" in table:
            table["augment"] = make(AUGMENTS, table["augment"], f"{where}: training.augment")
        return construct(Options, table, f"{where}: training")

    def fit(self, device: str = "auto", **options: Any) -> tuple[Sequential, History]:
        """Load the data, and train the network on its part for training; no folder is made, unlike by `run.train`.

        Parameters
        ----------
        device : str
            Where to train, as in `Sequential`.
        **options
            Of `Sequential.fit` that the definition does not have, such as `callbacks`, `progress` and `checkpoint`.

        Returns
        -------
        network : Sequential
            As it was after the last epoch.
        history : History
            With the figures on the validation data, if any are held out.

        Raises
        ------
        InputError
            If the data cannot be had, or does not fit the network, or an option is the definition's own.
        """
        own = {"validation": "data.validation"} | {name: f"training.{name}" for name in self.training}
        own |= {"loss": "loss.kind", "optimizer": "optimizer.kind"}
        if given := own.keys() & options.keys():
            name = min(given)
            raise InputError(f"fit got {name}, which the definition has: set it by experiment.replace, as {own[name]}")
        network, loss, optimizer = self.build(device)
        train, validation, _ = self.load_data()
        data = {"validation": validation, "loss": loss, "optimizer": optimizer}
        return network, network.fit(train, **data, **vars(self.options()), **options)

    def replace(self, **values: Any) -> "Experiment":
        """Return a copy with other values under dotted keys; None changes nothing.

        They are such as ``{"training.epochs": 3, "network.encoder.max_rate": 0.2, "network.layers.hidden.units": 100}``: a
        layer goes by its name, or by its number from 0 on. Paths are seen from the current folder.

        Raises
        ------
        InputError
            If there is no such key, or a value cannot be used.
        """
        given = {key: value for key, value in values.items() if value is not None}
        tables = override(self.tables(), given, self.source or self.name)
        return replace(self, **tables | {"data": data_table.absolute(tables["data"], Path.cwd())})

    def tables(self) -> dict[str, dict[str, Any]]:
        """Tables of the file, by name."""
        return {name: getattr(self, name) for name in ("data", "network", "loss", "optimizer", "training")}

    def to_toml(self) -> str:
        """Text of a file that `read` takes."""
        return tomli_w.dumps({"name": self.name} | self.tables())
