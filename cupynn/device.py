"""Which device runs a network, and what machine this is."""

import os
import platform
from pathlib import Path

import numba
import numpy as np

import cupynn
from cupynn.checks import InputError


def resolve(device: str) -> str:
    """Return the name of the device that `device` ("auto" or "cpu") stands for.

    Raises
    ------
    InputError
        If the device is unknown, or is a GPU: its kernels are not part of this version.
    """
    if device in ("auto", "cpu"):
        return "cpu"
    if isinstance(device, str) and device.split(":")[0] == "cuda":
        raise InputError(f"device={device!r}: this version runs on the CPU only; pass 'auto' or 'cpu'")
    raise InputError(f"device={device!r}: pass 'auto' or 'cpu'")


def describe(device: str) -> str:
    """One line about the device for logs and result files."""
    threads = numba.get_num_threads()
    return f"{device}, {threads} thread{'s' if threads > 1 else ''}"


def machine() -> dict[str, str | int]:
    """Processor, threads and versions, for result files."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "threads": numba.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cupynn": cupynn.__version__,
        "numpy": np.__version__,
        "numba": numba.__version__,
    }


def _processor() -> str:
    try:  # only Linux tells the model in a file; elsewhere the platform module does
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()
