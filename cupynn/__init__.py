"""cupynn: deep spiking neural networks trained with HM2-BP.

Hybrid macro/micro backpropagation (Jin, Zhang, Li, NeurIPS 2018) for researchers who work in Jupyter and in scripts.
Spike trains flow forward, count errors flow back, and every layer has an explicit forward and backward pass.

Single files are shared by all folders, or are modules that users import by name. A folder imports only from earlier folders
of this list: kernels, datasets, spikes, device, encoders, layers, results, network, optimizers, parallel, plot,
evaluation, training, pretrained, presets, run, nir and reference, commands.

Axes are B (samples of a batch), T (time steps) and N (neurons; or C, H, W). Times are in steps.

>>> import cupynn
>>> from cupynn import Sequential, layers, datasets, encoders, losses, optimizers, plot
"""

from importlib import import_module as _import_module
from pathlib import Path as _Path

if __name__ != "cupynn":  # found through the clone's root, as cupynn.cupynn: every class would exist twice
    raise ImportError("this folder is the package cupynn itself: install it (pip install .), then import cupynn")

__version__ = "0.1.0"

_here = _Path(__file__).resolve().parent
if not (_here / "layers").is_dir():  # the source tree: layers/ and datasets/ are beside this folder, not in it
    __path__.append(str(_here.parent))

# Public names, loaded on first use: importing Numba alone takes longer than `import cupynn` may.
_MODULES = (
    "augment",
    "checkpoint",
    "datasets",
    "encoders",
    "layers",
    "losses",
    "nir",
    "optimizers",
    "parallel",
    "plot",
    "presets",
    "pretrained",
    "reference",
    "run",
    "training",
)
_HOMES = {
    "Sequential": "sequential",
    "SpikeTrains": "spikes",
    "Ragged": "ragged",
    "SpikingClassifier": "estimator",
    "SpikingRegressor": "estimator",
    "Evaluation": "results",
    "History": "results",
    "Recording": "results",
    "InputError": "checks",
    "get_num_threads": "kernels.threads",
    "set_num_threads": "kernels.threads",
    "open_run": "run",
    "tonic_events": "network.foreign",
}

__all__ = ["__version__", *_MODULES, *_HOMES]


def __getattr__(name: str):
    if name in _MODULES:
        return _import_module(f"cupynn.{name}")
    if name in _HOMES:
        return getattr(_import_module(f"cupynn.{_HOMES[name]}"), name)
    missing = _import_module("cupynn.elsewhere").missing
    advice = dict.fromkeys(("load", "load_model"), "use Sequential.load(path)")
    raise AttributeError(missing("module 'cupynn'", name, __all__, advice))


def __dir__() -> list[str]:
    return __all__
