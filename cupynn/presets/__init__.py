"""Experiments as TOML files: data, network, loss, optimizer and training, everything that a run needs.

The presets beside this file are such experiments, read by name; a file of your own is read by its path.
"""

import inspect
import tomllib
from copy import deepcopy
from dataclasses import dataclass
from importlib.resources import files
from os import PathLike
from pathlib import Path
from typing import Any

import tomli_w

from cupynn import checks, datasets, definition
from cupynn.augment import AUGMENTS
from cupynn.checks import InputError
from cupynn.config import check_keys, make
from cupynn.losses import LOSSES, CountLoss
from cupynn.network import Sequential
from cupynn.optimizers import OPTIMIZERS, REGULARIZERS, Optimizer


def names() -> list[str]:
    """Names of the presets."""
    return sorted(path.name.removesuffix(".toml") for path in files(__name__).iterdir() if path.name.endswith(".toml"))


@dataclass(frozen=True)
class Experiment:
    """A definition: everything that a run needs, checked when it is made.

    Attributes
    ----------
    name : str
        As the file has it, else its stem.
    data, network, loss, optimizer, training : dict
        The tables of the file.
    """

    name: str
    data: dict[str, Any]
    network: dict[str, Any]
    loss: dict[str, Any]
    optimizer: dict[str, Any]
    training: dict[str, Any]

    def __post_init__(self) -> None:
        for key, table in self.tables().items():
            if not isinstance(table, dict):
                raise InputError(f"{self.name}: {key}: expected a table, found {table!r}")
        for table, check in ((self.data, _check_data), (self.training, _check_training)):
            where = f"{self.name}: {check.__name__.removeprefix('_check_')}"
            check_keys(table, inspect.signature(check).parameters, where)
            try:
                check(**table)
            except InputError as error:
                raise InputError(f"{where}: {error}") from None
        self.build("cpu")

    def load_data(self) -> tuple[datasets.Dataset, datasets.Dataset | None, datasets.Dataset]:
        """Training, validation and test data; no validation data where none is held out."""
        options = dict(self.data)
        name, held_out = options.pop("name"), options.pop("validation")
        train, test = datasets.load(name, **options)
        if held_out == 0:
            return train, None, test
        train, validation = train.split(held_out, seed=self.network.get("seed", 0))
        return train, validation, test

    def build(self, device: str = "auto") -> tuple[Sequential, CountLoss, Optimizer]:
        """Make network, on a device, loss and optimizer."""
        network = definition.build(self.network, self.name, device)
        loss = make(LOSSES, self.loss, f"{self.name}: loss")
        table = dict(self.optimizer)
        if "regularizer" in table:
            table["regularizer"] = make(REGULARIZERS, table["regularizer"], f"{self.name}: optimizer.regularizer")
        return network, loss, make(OPTIMIZERS, table, f"{self.name}: optimizer")

    def fit_options(self) -> dict[str, Any]:
        """Options of `fit`."""
        options = dict(self.training)
        if "augment" in options:
            options["augment"] = make(AUGMENTS, options["augment"], f"{self.name}: training.augment")
        return options

    def replace(self, **values: Any) -> "Experiment":
        """Return a copy with other values under dotted keys, such as ``{"training.epochs": 3}``; None changes nothing."""
        tables = deepcopy(self.tables())
        for key, value in values.items():
            if value is not None:
                table, name = key.split(".")
                tables[table][name] = value
        return Experiment(self.name, **tables)

    def tables(self) -> dict[str, dict[str, Any]]:
        """Tables of the file, by name."""
        return {name: getattr(self, name) for name in ("data", "network", "loss", "optimizer", "training")}

    def to_toml(self) -> str:
        """Text of a file that `read` takes."""
        return tomli_w.dumps({"name": self.name} | self.tables())


def read(name: str | PathLike) -> Experiment:
    """Read a preset by name, or a file by path, and check it whole.

    Raises
    ------
    InputError
        If there is no such preset or file, the file is no TOML, or a key is unknown, missing or has an unusable value.
    """
    path = Path(name)
    if str(name) in names():
        text = (files(__name__) / f"{name}.toml").read_text(encoding="utf-8")
    elif path.suffix == ".toml" and path.is_file():
        text = path.read_text(encoding="utf-8", errors="replace")
    else:
        raise InputError(f"{str(name)!r}: no such preset or .toml file; presets are {', '.join(names())}")
    try:
        tables = tomllib.loads(text)
        repr(tables)  # what is nested too deep, or a number too long, to be shown in an error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: not a TOML file: {error}") from None
    title = tables.pop("name", path.stem)
    if not isinstance(title, str) or not title or Path(title).name != title:
        raise InputError(f"{name}: name={title!r}: pass a name that can be part of a folder's")
    fields = inspect.signature(Experiment).parameters
    check_keys(tables, {field: fields[field] for field in fields if field != "name"}, str(name))
    return Experiment(title, **tables)


def _check_data(name: Any, validation: Any, **options: Any) -> None:
    """Check the values of the [data] table, whose keys are these arguments and the options of the data set."""
    checks.choice("name", name, datasets.DATASETS)
    checks.number("validation", validation, minimum=0)
    datasets.check_options(name, options)


def _check_training(epochs: Any, batch_size: Any, boost: Any = False, augment: Any = None) -> None:
    """Check the values of the [training] table, whose keys are these arguments: options of `fit`."""
    checks.integer("epochs", epochs, minimum=1)
    checks.integer("batch_size", batch_size, minimum=1)
    checks.flag("boost", boost)
    if augment is not None:
        make(AUGMENTS, augment, "augment")
