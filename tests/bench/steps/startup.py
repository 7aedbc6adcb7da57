"""Time from the start of a new process to its first training step, without and with compiled kernels in the cache."""

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from steps.contest import ask

PRESETS = ("digits", "mnist-cnn")


def run(preset: str, folder: Path) -> dict[str, float]:
    """Import, build, and do one training step of a preset on images of its shape."""
    start = perf_counter()
    import numpy as np

    from cupynn import optimizers, presets, training

    imported = perf_counter()
    network, loss, _ = presets.read(preset).build("cpu")
    rng = np.random.default_rng(0)
    x, y = rng.random((16, *network.input_shape), np.float32) * 0.2, rng.integers(0, 10, 16)
    training.step(network, loss, optimizers.Adam(), network.encode(x), y)
    return {"import": imported - start, "first_step": perf_counter() - imported}


def start(preset: str) -> dict[str, dict[str, float]]:
    """Return the results of `run` with an empty cache, "cold", and again with the cache filled, "warm"."""
    with TemporaryDirectory(prefix="cupynn-bench-") as name:
        empty = {"NUMBA_CACHE_DIR": str(Path(name) / "cache")}
        return {state: ask(Path(name), "startup", empty, preset=preset) for state in ("cold", "warm")}
