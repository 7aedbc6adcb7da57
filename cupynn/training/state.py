"""The state of a training run: everything its next step depends on, in one file, with the previous file next to it."""

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, fields
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

import cupynn
from cupynn import checks, files
from cupynn.checks import InputError
from cupynn.config import renewed
from cupynn.layers import LAYERS
from cupynn.losses import CountLoss
from cupynn.network import definition
from cupynn.network.inputs import Labelled
from cupynn.network.network import Network
from cupynn.optimizers import Optimizer
from cupynn.optimizers.state import negative
from cupynn.parallel import Ranks
from cupynn.results.history import NEW_FIGURES, Epoch, History
from cupynn.training.digest import PROBE, probed
from cupynn.training.health import Watch
from cupynn.training.options import Options
from cupynn.training.samples import Samples
from cupynn.training.tally import Tally

FORMAT = 1
SAME = "pass the same, or start a new training run"
_HEADER = "training"


@dataclass
class State:
    """State of a training run between two batches."""

    network: Network
    optimizer: Optimizer
    samples: Samples
    tally: Tally
    history: History
    watch: Watch
    epoch: int = 1  # number of the current epoch, from 1
    done: int = 0  # trained samples of this epoch
    batch: int = 0  # trained batches of this epoch
    ended: bool = False  # whether a callback has ended training
    best: dict[str, np.ndarray] = field(default_factory=dict)  # arrays of the best epoch in host memory, with restore_best
    start: float = field(default_factory=perf_counter)  # on the clock of `perf_counter`, without the time of breaks

    def next_epoch(self) -> None:
        """Move to the start of the next epoch."""
        self.epoch, self.done, self.batch, self.tally = self.epoch + 1, 0, 0, self.tally.next()
        self.samples.wrong[:] = False  # samples of other processes, too: they report theirs at each save

    def __str__(self) -> str:
        return f"epoch {self.epoch} after {self.done} samples" if self.done else f"the start of epoch {self.epoch}"


def previous(path: Path) -> Path:
    """Return the path of the previous state."""
    return path.with_name(f"{path.name}.previous")


def save(state: State, settings: dict[str, Any], digests: dict[str, str | None], path: Path, ranks: Ranks) -> None:
    """Write a state in the first process, whole or not at all, and keep the previous file.

    Raises
    ------
    InputError
        If the state cannot be written; the previous one is intact then.
    """
    header = {
        "format": FORMAT,
        "versions": _versions(state.network),
        "settings": settings,
        "digests": digests,
        "place": {"epoch": state.epoch, "done": state.done, "batch": state.batch, "ended": state.ended},
        "seconds": perf_counter() - state.start,
        "encoded": state.network.encoded,
        "updates": state.optimizer.updates,
        "schedule": state.optimizer.epoch,
        "tally": state.tally.figures(ranks),
        "epochs": [epoch.figures() for epoch in state.history.epochs],
        "notices": state.history.notices,
    }
    arrays = {f"network/{name}": array for name, array in state.network.arrays().items()}
    for (layer, name), moments in state.optimizer.moments.items():
        arrays |= {f"moments/{layer}/{name}/{number}": moment for number, moment in enumerate(moments)}
    arrays |= {"samples/weights": state.samples.weights}
    on_host = {_HEADER: files.json_array(header)}
    on_host |= {name: state.network.device.get(array) for name, array in arrays.items()}
    on_host |= {f"best/{name}": array for name, array in state.best.items()}
    on_host["samples/wrong"] = state.samples.misses(ranks)
    ranks.on_first(lambda: files.write_arrays(path, on_host, keep=previous(path)))


def load(state: State, settings: dict[str, Any], digests: dict[str, str | None], path: Path, ranks: Ranks) -> list[str]:
    """Restore a state from a file; return notices for the user.

    The first process reads the file and takes the sums of all processes in the current epoch.

    Raises
    ------
    InputError
        If the file is missing, it and the previous file are damaged, or they are of another training run. Nothing is changed
        then.
    """
    header, arrays, notices = ranks.on_first(lambda: _last_good(path))
    for name, value in ({"restore_best": None} | settings).items():
        before, digest = header["settings"].get(name), header["digests"].get(name)
        if before != value or (digest and digests.get(name) and digest != digests[name]):
            raise InputError(f"{path} belongs to another training run: {_difference(name, before, value)}")
    if unknown := [
        name for name, digest in digests.items() if settings[name] and not (digest and header["digests"].get(name))
    ]:
        notices.append(f"{path}: only {PROBE} samples of {' and '.join(unknown)} were compared with the earlier data")
    if len(header["tally"]["spikes"]) != 1 + len(state.network.layers):
        raise InputError(f"{path} belongs to another training run: its network has other layers; {SAME}")
    for name, array in state.network.arrays().items():
        checks.writable(name, array)
    files.check_arrays(path, arrays, _expected(state, header))
    for name, array in arrays.items():
        if name.startswith("moments/") and negative(name, array, state.optimizer.squares):
            raise InputError(f"{path} is damaged: {name} is a mean of squares, but holds a negative value: {files.INTACT}")
    now = _versions(state.network)
    if others := [f"{name} {version}" for name, version in header["versions"].items() if now.get(name) != version]:
        notices.append(f"{path} was written with {', '.join(others)}: from now on, the last bits may differ")
    if not ranks.first:
        header["tally"] |= state.tally.next().figures() | {"seconds": header["tally"]["seconds"]}
        arrays["samples/wrong"] = np.zeros_like(arrays["samples/wrong"])
    _restore(state, header, arrays)
    if state.ended:
        notices.append(f"a callback ended this training run after epoch {len(state.history)}: it does not continue")
    return notices


def history(path: Path) -> History:
    """Return the epochs of the state that `load` would restore, or raise as `load` does."""
    return History(_last_good(path)[0]["epochs"])


def _last_good(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray], list[str]]:
    """Return header and arrays of a state, or of the previous one, and notices for the user."""
    files.sweep(path.parent, path.name)
    try:
        return *_read(path), []
    except InputError as error:
        if not previous(path).is_file():
            raise
        notice = f"{error if path.exists() else f'{path} is missing'}: continuing from the previous state"
        return *_read(previous(path)), [notice]


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    if not path.is_file():
        raise InputError(f"{path}: no such file; omit resume=True to start a new training run")
    try:
        arrays = files.read_arrays(path, compressed=False)
        header = json.loads(arrays.pop(_HEADER).tobytes())
        version = header["format"]
        if version == FORMAT:
            header = {key: kind(header[key]) for key, kind in _KINDS.items()} | {"digests": dict(header.get("digests", {}))}
    except Exception as error:  # zipfile, NumPy and json raise all kinds of errors for a damaged file
        raise InputError(f"{path} is damaged or not the state of a training run ({error})") from None
    if version != FORMAT:
        raise InputError(f"{path} has format {version!r}, this version reads {FORMAT}: use the version that wrote it")
    return header, arrays


def _count(value: Any) -> int:
    return checks.integer("a count", value, maximum=2**53)


def _figure(value: Any) -> float:
    return value if value is None else checks.number("a figure", value)


def _each(kinds: dict[str, Callable[[Any], Any]], optional: Collection[str] = ()) -> Callable[[Any], dict[str, Any]]:
    """Return a reader of tables with exactly these keys, of which some may be missing, each read by its own reader."""

    def read(table: Any) -> dict[str, Any]:
        if table.keys() - kinds.keys() or kinds.keys() - table.keys() - set(optional):
            raise ValueError(f"it has {sorted(table)}, not {sorted(kinds)}")
        return {key: kind(table[key]) for key, kind in kinds.items() if key in table}

    return read


def _epoch(figures: Any) -> Epoch:
    kinds = {each.name: _count if each.type in ("int", int) else _figure for each in fields(Epoch)}
    kinds["spikes"] = kinds["terms"] = _figures
    return Epoch(**_each(kinds, NEW_FIGURES)(figures))


def _figures(table: Any) -> dict[str, float]:
    return {name: checks.number(name, value) for name, value in table.items()}


# Readers of the parts of the header, which refuse wrong values before the network is changed.
_KINDS: dict[str, Callable[[Any], Any]] = {
    "versions": lambda table: {name: str(version) for name, version in table.items()},
    "settings": lambda table: renewed(dict(table), LAYERS),
    "place": _each({"epoch": _count, "done": _count, "batch": _count, "ended": lambda value: checks.flag("ended", value)}),
    "seconds": _figure,
    "encoded": _count,
    "updates": _count,
    "schedule": _figure,
    "tally": _each(
        {
            "samples": _count,
            "correct": _count,
            "silent": _count,
            "loss": _figure,
            "spikes": lambda counts: list(map(_count, counts)),
            "seconds": _figure,
            "squares": _figure,
            "terms": _figures,
        },
        ("squares", "terms"),
    ),
    "epochs": lambda epochs: list(map(_epoch, epochs)),
    "notices": lambda notices: list(map(str, notices)),
}


def _expected(state: State, header: dict[str, Any]) -> dict[str, np.ndarray]:
    """Return arrays of the shapes and types that the file must hold."""
    arrays = state.network.arrays()
    expected = {f"network/{name}": array for name, array in arrays.items()}
    if header["settings"].get("restore_best") and header["epochs"]:
        expected |= {f"best/{name}": array for name, array in arrays.items()}
    for layer in state.network.layers:
        for name, parameter in layer.params.items():
            for number in range(state.optimizer.moment_count if header["updates"] else 0):
                expected[f"moments/{layer.name}/{name}/{number}"] = parameter.reshape(len(parameter), -1)
    return expected | {"samples/weights": state.samples.weights, "samples/wrong": state.samples.wrong}


def _restore(state: State, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    network = state.network
    state.best = {name.removeprefix("best/"): arrays.pop(name) for name in list(arrays) if name.startswith("best/")}
    there = {name: network.device.put(array.copy()) for name, array in arrays.items()}  # arrays of the file are read-only
    for name, array in network.arrays().items():
        array[...] = there[f"network/{name}"]
    moments: dict[tuple[str, str], tuple] = {}
    for name in there:
        if name.startswith("moments/"):
            _, layer, parameter, _ = name.split("/")
            moments[layer, parameter] = (*moments.get((layer, parameter), ()), there[name])
    state.optimizer.restore(network, header["updates"], header["schedule"], moments)
    state.samples.weights, state.samples.wrong = there["samples/weights"], there["samples/wrong"]
    network.encoded = header["encoded"]
    state.tally.resume_from(header["tally"])
    state.history.epochs[:], state.history.notices[:] = header["epochs"], header["notices"]
    for name, value in header["place"].items():
        setattr(state, name, value)
    state.start = perf_counter() - header["seconds"]


def _versions(network: Network) -> dict[str, str]:
    return {"cupynn": cupynn.__version__, "NumPy": np.__version__, "device": str(network.device)}


def settings(state: State, loss: CountLoss, options: Options, data: dict[str, Labelled | None]) -> dict[str, Any]:
    """Return the settings that must be the same when training continues, for the same bits.

    `data` holds the data by the name of the option of `fit`, or None.
    """
    network, optimizer = state.network, state.optimizer
    steps = state.samples.steps
    values = {
        "network": definition.describe(network),
        "optimizer": optimizer.config(),
        "loss": loss.config(),
        "batch_size": options.batch_size,
        "boost": options.boost,
        "augment": options.augment and options.augment.config(),
        "steps": None if steps == network.steps else steps,  # as in states of versions without this option
    }
    if optimizer.schedule == "cosine":
        values["epochs"] = options.epochs
    if options.restore_best:
        values["restore_best"] = True
    if options.terms:
        values["terms"] = {name: term.config() for name, term in options.terms.items()}
    values |= {name: None if value is None else probed(*value) for name, value in data.items()}
    values["sample_weight"] = probed(network.device.get(state.samples.weights))
    return json.loads(json.dumps(values))  # as read from a file


def _difference(name: str, before: Any, now: Any) -> str:
    numbers = isinstance(before, int) and isinstance(now, int)
    difference = f"it has {name}={before!r}, not {now!r}" if numbers else f"{name} differs"
    return f"{difference}; {SAME}"
