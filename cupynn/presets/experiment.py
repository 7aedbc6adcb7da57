"""The definition of an experiment: tables of data, network, loss, optimizer and training."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import tomli_w

from cupynn import checks, datasets
from cupynn.augment import AUGMENTS
from cupynn.checks import InputError
from cupynn.config import Faults, construct, make
from cupynn.losses import LOSSES, TERMS, CountLoss
from cupynn.network import definition
from cupynn.optimizers import OPTIMIZERS, REGULARIZERS, Optimizer
from cupynn.presets import data as data_table
from cupynn.presets.overrides import override
from cupynn.results.history import History
from cupynn.sequential import Sequential
from cupynn.training.options import Options, default_loss, default_optimizer


def defaults() -> dict[str, dict[str, Any]]:
    """Return the tables that a definition may leave out: the defaults of `Sequential.fit`."""
    return {"loss": default_loss().config(), "optimizer": default_optimizer().config(), "training": {}}


@dataclass(frozen=True)
class Experiment:
    """The definition of an experiment, checked when it is created.

    Attributes
    ----------
    name : str
        From the file, or else the stem of its name.
    data, network, loss, optimizer, training : dict
        Tables of the file; `cupynn.presets.data` describes `data`. Loss, optimizer and options of the training that are
        left out are the defaults of `Sequential.fit`.
    source : str
        Path of the file, for error messages; by default `name`.
    """

    name: str
    data: dict[str, Any]
    network: dict[str, Any]
    loss: dict[str, Any] = field(default_factory=lambda: defaults()["loss"])
    optimizer: dict[str, Any] = field(default_factory=lambda: defaults()["optimizer"])
    training: dict[str, Any] = field(default_factory=dict)
    source: str = ""

    def __post_init__(self) -> None:
        where = self.source or self.name
        faults = Faults()
        for key, table in self.tables().items():
            if not isinstance(table, dict):
                faults.messages.append(f"{where}: {key}: expected a table, found {table!r}")
        faults.report()
        faults.collect(lambda: data_table.check(self.data, f"{where}: data"))
        options, built = faults.collect(self.options), faults.collect(lambda: self.build("cpu"))
        if options and options.restore_best and self.data.get("validation") == 0:
            faults.messages.append(
                f"{where}: training: restore_best=true needs validation data: set data.validation, such as 0.1"
            )
        if options and options.steps is not None and built:  # the network sets the maximum
            most = built[0].steps
            faults.collect(lambda: checks.integer(f"{where}: training: steps", options.steps, minimum=1, maximum=most))
        if options and options.terms is not None and built:
            faults.collect(lambda: self._within(f"{where}: training", built[0].check_terms, options.terms))
        faults.report()

    def _within(self, where: str, check: Callable[[Any], None], value: Any) -> None:
        try:
            check(value)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None

    def load_data(self) -> tuple[datasets.Dataset, datasets.Dataset | None, datasets.Dataset]:
        """Return training, validation (or None, if nothing is held out) and test data."""
        return data_table.load(self.data, seed=self.network.get("seed", 0))

    def build(self, device: str = "auto") -> tuple[Sequential, CountLoss, Optimizer]:
        """Create the network on a device, the loss and the optimizer."""
        where = self.source or self.name
        faults = Faults()
        network = faults.collect(lambda: definition.build(Sequential, self.network, where, device))
        loss = faults.collect(lambda: make(LOSSES, self.loss, f"{where}: loss"))
        table = dict(self.optimizer)
        if "regularizer" in table:
            nested = f"{where}: optimizer.regularizer"
            table["regularizer"] = faults.collect(lambda: make(REGULARIZERS, table["regularizer"], nested))
        optimizer = faults.collect(lambda: make(OPTIMIZERS, table, f"{where}: optimizer"))
        if network is not None and optimizer is not None:
            faults.collect(lambda: self._within(f"{where}: optimizer", optimizer.check, network))
        faults.report()
        return network, loss, optimizer

    def options(self) -> Options:
        """Return the options of the training."""
        where, table = self.source or self.name, dict(self.training)
        if "augment" in table:
            table["augment"] = make(AUGMENTS, table["augment"], f"{where}: training.augment")
        if isinstance(table.get("terms"), dict):
            place = f"{where}: training.terms"
            table["terms"] = {name: make(TERMS, term, f"{place}.{name}") for name, term in table["terms"].items()}
        return construct(Options, table, f"{where}: training")

    def fit(self, device: str = "auto", **options: Any) -> tuple[Sequential, History]:
        """Load the data, and train the network; unlike `run.train`, write no folder.

        Parameters
        ----------
        device : str
            Device to train on, as in `Sequential`.
        **options
            Options of `Sequential.fit` that the definition does not contain, such as `callbacks` or `checkpoint`.

        Returns
        -------
        network : Sequential
            The network after the last epoch, or with ``training.restore_best`` of the best epoch.
        history : History
            With validation metrics, if validation data are held out.

        Raises
        ------
        InputError
            If the data cannot be loaded or do not fit the network, or the definition contains an option already.
        """
        own = {"validation": "data.validation"} | {name: f"training.{name}" for name in self.training}
        own |= {"loss": "loss.kind", "optimizer": "optimizer.kind"}
        if given := own.keys() & options.keys():
            name = min(given)
            raise InputError(f"fit got {name}, which the definition contains: set {own[name]} by experiment.replace")
        network, loss, optimizer = self.build(device)
        train, validation, _ = self.load_data()
        data = {"validation": validation, "loss": loss, "optimizer": optimizer}
        return network, network.fit(train, **data, **vars(self.options()), **options)

    def replace(self, **values: Any) -> "Experiment":
        """Return a copy with other values by dotted key; a value of None changes nothing.

        For example ``{"training.epochs": 3, "network.encoder.max_rate": 0.2, "network.layers.hidden.units": 100}``. A layer
        is selected by its name or its index. Paths are relative to the current folder.

        Raises
        ------
        InputError
            If a key does not exist, or a value is invalid.
        """
        given = {key: value for key, value in values.items() if value is not None}
        tables = override(self.tables(), given, self.source or self.name)
        return replace(self, **tables | {"data": data_table.absolute(tables["data"], Path.cwd())})

    def tables(self) -> dict[str, dict[str, Any]]:
        """Return the tables of the file by name."""
        return {name: getattr(self, name) for name in ("data", "network", "loss", "optimizer", "training")}

    def to_toml(self) -> str:
        """Return the text of a TOML file for `read`."""
        return _SHORT_LIST.sub(_on_one_line, tomli_w.dumps({"name": self.name} | self.tables()))


# A list of numbers as tomli_w writes it, one per line; in a string, line breaks are escaped.
_SHORT_LIST = re.compile(r"(?m)= \[\n((?:    [-+.\w]+,\n){1,8})\]$")


def _on_one_line(found: re.Match[str]) -> str:
    return f"= [{', '.join(line.strip(' ,') for line in found[1].splitlines())}]"
