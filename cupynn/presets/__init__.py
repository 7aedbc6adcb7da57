"""Experiments as TOML files: data, network, loss, optimizer and training, everything that a run needs.

The presets beside this file are such experiments, read by name; a file of your own is read by its path.
"""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

import tomli_w

from cupynn import checks, datasets, definition, toml
from cupynn.augment import AUGMENTS
from cupynn.checks import InputError
from cupynn.config import check_keys, make
from cupynn.losses import LOSSES, CountLoss
from cupynn.network import Sequential
from cupynn.optimizers import OPTIMIZERS, Optimizer
from cupynn.presets import data as data_table
from cupynn.presets.overrides import override
from cupynn.progress import History
from cupynn.regularizers import REGULARIZERS


def names() -> list[str]:
    """Names of the presets.

    Examples
    --------
    >>> "digits" in names()
    True
    """
    return sorted(path.name.removesuffix(".toml") for path in files(__name__).iterdir() if path.name.endswith(".toml"))


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
        check_keys(self.training, inspect.signature(_check_training).parameters, f"{where}: training")
        try:
            _check_training(**self.training)
        except InputError as error:
            raise InputError(f"{where}: training: {error}") from None
        network, _, _ = self.build("cpu")
        if "steps" in self.training:  # which only the network bounds
            checks.integer(f"{where}: training: steps", self.training["steps"], minimum=1, maximum=network.steps)

    def load_data(self) -> tuple[datasets.Dataset, datasets.Dataset | None, datasets.Dataset]:
        """Training, validation and test data; no validation data where none is held out."""
        return data_table.load(self.data, seed=self.network.get("seed", 0))

    def build(self, device: str = "auto") -> tuple[Sequential, CountLoss, Optimizer]:
        """Make network, on a device, loss and optimizer."""
        where = self.source or self.name
        network = definition.build(self.network, where, device)
        loss = make(LOSSES, self.loss, f"{where}: loss")
        table = dict(self.optimizer)
        if "regularizer" in table:
            table["regularizer"] = make(REGULARIZERS, table["regularizer"], f"{where}: optimizer.regularizer")
        return network, loss, make(OPTIMIZERS, table, f"{where}: optimizer")

    def fit_options(self) -> dict[str, Any]:
        """Options of `fit`."""
        options = dict(self.training)
        if "augment" in options:
            options["augment"] = make(AUGMENTS, options["augment"], f"{self.source or self.name}: training.augment")
        return options

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
        return network, network.fit(train, **data, **self.fit_options(), **options)

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


def read(name: str | PathLike, values: Mapping[str, Any] | None = None) -> Experiment:
    """Read a preset by name, or a file by path, and check it whole.

    Parameters
    ----------
    name : str or path
    values : mapping of str to value, optional
        Other values, or such as the file lacks, under dotted keys as `Experiment.replace` has them.

    Raises
    ------
    InputError
        If there is no such preset or file, the file is no TOML, or a key is unknown, missing or has an unusable value.
    """
    path = checks.path("name", name)
    if str(name) in names():
        text = (files(__name__) / f"{name}.toml").read_text(encoding="utf-8")
    elif path.suffix == ".toml" and path.is_file():
        text = path.read_text(encoding="utf-8", errors="replace")
    elif (path / "definition.toml").is_file():
        raise InputError(f"{name} is the folder of a run: to train the same again, pass {path / 'definition.toml'}")
    else:
        raise InputError(f"{str(name)!r}: no such preset or .toml file; presets are {', '.join(names())}")
    try:
        tables = toml.loads(text)
    except ValueError as error:
        raise InputError(f"{name}: not a TOML file: {error}") from None
    title = tables.pop("name", path.stem)
    if not isinstance(title, str) or not title or "\0" in title or Path(title).name != title:
        raise InputError(f"{name}: name={title!r}: pass a name that can be part of a folder's")
    if "data" in tables:
        tables["data"] = data_table.absolute(tables["data"], path.parent)
    tables = override(tables, values or {}, str(name))
    fields = inspect.signature(Experiment).parameters
    check_keys(tables, {field: fields[field] for field in fields if field not in ("name", "source")}, str(name))
    tables["data"] = data_table.absolute(tables["data"], Path.cwd())  # paths among the values
    return Experiment(title, **tables, source=str(name))


def _check_training(
    epochs: Any, batch_size: Any, boost: Any = False, augment: Any = None, part_size: Any = None, steps: Any = None
) -> None:
    """Check the values of the [training] table, whose keys are these arguments: options of `fit`; not yet `steps`."""
    checks.integer("epochs", epochs, minimum=1)
    checks.integer("batch_size", batch_size, minimum=1)
    checks.flag("boost", boost)
    if part_size is not None:
        checks.integer("part_size", part_size, minimum=1)
    if augment is not None:
        make(AUGMENTS, augment, "augment")
