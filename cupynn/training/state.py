"""The state of a training: everything that its next step depends on, in one file, the one before kept beside it."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
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
from cupynn.parallel import Ranks
from cupynn.results.history import Epoch, History
from cupynn.training.digest import PROBE, probed
from cupynn.training.health import Watch
from cupynn.training.options import Options
from cupynn.training.samples import Samples
from cupynn.training.tally import Tally

FORMAT = 1
_HEADER = "training"


@dataclass
class State:
    """Where a training stands, between two batches.

    Attributes
    ----------
    network, optimizer, samples, tally, history
        What the steps change.
    watch : Watch
        Sees whether it is fit to be saved.
    epoch : int
        Number of the epoch that goes on, from 1.
    done : int
        Samples of this epoch that have been trained on.
    batch : int
        Batches of this epoch that have been trained on.
    ended : bool
        Whether a callback has ended the training.
    start : float
        When it began, on the clock of `perf_counter`, without the time between its parts.
    """

    network: Network
    optimizer: Optimizer
    samples: Samples
    tally: Tally
    history: History
    watch: Watch
    epoch: int = 1
    done: int = 0
    batch: int = 0
    ended: bool = False
    start: float = field(default_factory=perf_counter)

    def next_epoch(self) -> None:
        """Go to the start of the next one."""
        self.epoch, self.done, self.batch, self.tally = self.epoch + 1, 0, 0, Tally(self.network)
        self.samples.wrong[:] = False  # of other processes' samples as well, which they tell when it is saved

    def __str__(self) -> str:
        return f"epoch {self.epoch} after {self.done} samples" if self.done else f"the start of epoch {self.epoch}"


def previous(path: Path) -> Path:
    """Where the state before that in `path` is kept."""
    return path.with_name(f"{path.name}.previous")


def save(state: State, settings: dict[str, Any], digests: dict[str, str | None], path: Path, ranks: Ranks) -> None:
    """Write a state, whole or not at all, in the first process; what `path` held is kept beside it.

    Raises
    ------
    InputError
        If it cannot be written; the last one is intact then.
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
        "epochs": [asdict(epoch) for epoch in state.history.epochs],
        "notices": state.history.notices,
    }
    arrays = {f"network/{name}": array for name, array in state.network.arrays().items()}
    for (layer, name), moments in state.optimizer.moments.items():
        arrays |= {f"moments/{layer}/{name}/{number}": moment for number, moment in enumerate(moments)}
    arrays |= {"samples/weights": state.samples.weights}
    on_host = {_HEADER: files.json_array(header)}
    on_host |= {name: state.network.device.get(array) for name, array in arrays.items()}
    on_host["samples/wrong"] = state.samples.misses(ranks)
    ranks.on_first(lambda: files.write_arrays(path, on_host, keep=previous(path)))


def load(state: State, settings: dict[str, Any], digests: dict[str, str | None], path: Path, ranks: Ranks) -> list[str]:
    """Bring a training that has not begun to where a file says it stood; return what its user should know.

    The first process reads it, and takes what all have added up in the epoch that goes on.

    Raises
    ------
    InputError
        If there is no such file, it and the one before are damaged, or they belong to another training; nothing is changed.
    """
    header, arrays, notices = ranks.on_first(lambda: _last_good(path))
    for name, value in settings.items():
        before, digest = header["settings"].get(name), header["digests"].get(name)
        if before != value or (digest and digests.get(name) and digest != digests[name]):
            raise InputError(f"{path} belongs to another training: {_difference(name, before, value)}")
    if unknown := [
        name for name, digest in digests.items() if settings[name] and not (digest and header["digests"].get(name))
    ]:
        notices.append(f"{path}: of {' and '.join(unknown)}, only {PROBE} samples were compared with those before")
    if len(header["tally"]["spikes"]) != 1 + len(state.network.layers):
        raise InputError(f"{path} belongs to another training: its network has other layers; pass the same, or train anew")
    for name, array in state.network.arrays().items():
        checks.writable(name, array)
    files.check_arrays(path, arrays, _expected(state, header["updates"]))
    now = _versions(state.network)
    if others := [f"{name} {version}" for name, version in header["versions"].items() if now.get(name) != version]:
        notices.append(f"{path} was written with {', '.join(others)}: from here on the last bits may differ")
    if not ranks.first:
        header["tally"] |= Tally(state.network).figures() | {"seconds": header["tally"]["seconds"]}
        arrays["samples/wrong"] = np.zeros_like(arrays["samples/wrong"])
    _restore(state, header, arrays)
    if state.ended:
        notices.append(f"a callback ended this training after epoch {len(state.history)}: it is not continued")
    return notices


def history(path: Path) -> History:
    """Return the epochs of the state that `load` would take.

    Raises
    ------
    InputError
        If there is none.
    """
    return History(_last_good(path)[0]["epochs"])


def _last_good(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray], list[str]]:
    """Header and arrays of a state, or of the one before it, and what its user should know."""
    files.sweep(path.parent, path.name)
    try:
        return *_read(path), []
    except InputError as error:
        if not previous(path).is_file():
            raise
        notice = f"{error if path.exists() else f'{path} was not finished'}: going on from the state before it"
        return *_read(previous(path)), [notice]


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    if not path.is_file():
        raise InputError(f"{path}: no such file; leave out resume=True to begin a new training")
    try:
        arrays = files.read_arrays(path, compressed=False)
        header = json.loads(arrays.pop(_HEADER).tobytes())
        version = header["format"]
        if version == FORMAT:
            header = {key: kind(header[key]) for key, kind in _KINDS.items()} | {"digests": dict(header.get("digests", {}))}
    except Exception as error:  # what a damaged file makes zipfile, NumPy and json raise is anybody's guess
        raise InputError(f"{path} holds no state of a training, or is damaged ({error})") from None
    if version != FORMAT:
        raise InputError(f"{path} has format {version!r}, this version reads {FORMAT}: go on with the version that wrote it")
    return header, arrays


def _count(value: Any) -> int:
    return checks.integer("a count", value, maximum=2**53)


def _figure(value: Any) -> float:
    return value if value is None else checks.number("a figure", value)


def _each(kinds: dict[str, Callable[[Any], Any]]) -> Callable[[Any], dict[str, Any]]:
    """Read a table that has these keys and no others, each of its kind."""

    def read(table: Any) -> dict[str, Any]:
        if table.keys() != kinds.keys():
            raise ValueError(f"it has {sorted(table)}, not {sorted(kinds)}")
        return {key: kind(table[key]) for key, kind in kinds.items()}

    return read


def _epoch(figures: Any) -> Epoch:
    kinds = {each.name: _count if each.type in ("int", int) else _figure for each in fields(Epoch)}
    kinds["spikes"] = lambda table: {name: checks.number(name, count) for name, count in table.items()}
    return Epoch(**_each(kinds)(figures))


# How each part of the header is read: what is of another kind would go wrong later, when the network has been changed.
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
        }
    ),
    "epochs": lambda epochs: list(map(_epoch, epochs)),
    "notices": lambda notices: list(map(str, notices)),
}


def _expected(state: State, updates: int) -> dict[str, np.ndarray]:
    """Arrays of the shapes and types that the file must hold."""
    expected = {f"network/{name}": array for name, array in state.network.arrays().items()}
    for layer in state.network.layers:
        for name, parameter in layer.params.items():
            for number in range(state.optimizer.moment_count if updates else 0):
                expected[f"moments/{layer.name}/{name}/{number}"] = parameter.reshape(len(parameter), -1)
    return expected | {"samples/weights": state.samples.weights, "samples/wrong": state.samples.wrong}


def _restore(state: State, header: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    network = state.network
    there = {name: network.device.put(array.copy()) for name, array in arrays.items()}  # those of the file are read-only
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
    """What must be the same when a training goes on, for each bit to be.

    Parameters
    ----------
    state, loss, options
    data : dict
        Data by the name of the option of `fit`, or None.
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
        "steps": None if steps == network.steps else steps,  # as states have it that were saved before there was this option
    }
    if optimizer.schedule == "cosine":
        values["epochs"] = options.epochs
    values |= {name: None if value is None else probed(*value) for name, value in data.items()}
    values["sample_weight"] = probed(network.device.get(state.samples.weights))
    return json.loads(json.dumps(values))  # as a file gives them back


def _difference(name: str, before: Any, now: Any) -> str:
    numbers = isinstance(before, int) and isinstance(now, int)
    difference = f"it has {name}={before!r}, this one {now!r}" if numbers else f"{name} is another"
    return f"{difference}; pass the same, or train anew"
