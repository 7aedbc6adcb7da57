"""Devices: choose one, move arrays and trains to it, and describe the machine."""

import os
import platform
import re
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np

import cupynn
from cupynn.checks import InputError
from cupynn.device import diagnosis
from cupynn.kernels.aligned import aligned
from cupynn.kernels.threads import get_num_threads
from cupynn.spikes.cuda_trains import CudaTrains
from cupynn.spikes.trains import SpikeTrains


class Device:
    """The CPU, with NumPy arrays and trains stored as events. Used as a context, a device becomes the current one."""

    xp: Any = np
    on_cuda = False

    def put(self, array: np.ndarray) -> Any:
        """Return an array on this device."""
        return array

    def keep(self, array: np.ndarray) -> Any:
        """Return an array on this device for a network to own, in memory that DLPack can share with other libraries."""
        return aligned(array)

    def get(self, array: Any) -> np.ndarray:
        """Return an array of this device in host memory."""
        return array

    def trains(self, spikes: SpikeTrains) -> SpikeTrains:
        """Return trains as this device stores them."""
        return spikes.to_host()

    def holds(self, array: Any) -> bool:
        """Return True if the samples `array` fit beside a training, so that batches need no copies from the host."""
        return isinstance(array, np.ndarray)

    def __enter__(self) -> "Device":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __reduce__(self) -> tuple:
        return _cpu, ()  # copies of a network share their device

    def __str__(self) -> str:
        return "cpu"

    def describe(self) -> str:
        """Return one line for logs and result files."""
        threads = get_num_threads()
        line = f"cpu, {threads} thread{'s' if threads > 1 else ''}"
        reason = diagnosis.why_no_gpu()
        return f"{line} (the GPU is not used: {reason}; see `cupynn devices`)" if reason else line


class CudaDevice(Device):
    """A GPU, with CuPy arrays and trains stored as bits."""

    on_cuda = True

    def __init__(self, number: int) -> None:
        import cupy

        self.xp = cupy
        self.number = number
        self._entered: list[Any] = []

    def put(self, array: np.ndarray) -> Any:
        """Return an array on this device."""
        with self:
            return self.xp.asarray(array, order="C")  # CuPy would keep Fortran order, which no kernel expects

    keep = put

    def get(self, array: Any) -> np.ndarray:
        """Return an array of this device in host memory."""
        return self.xp.asnumpy(array)

    def trains(self, spikes: SpikeTrains) -> SpikeTrains:
        """Return trains as this device stores them."""
        with self:
            here = spikes.on_cuda and spikes.bits.words.device.id == self.number
            return spikes if here else CudaTrains.upload(spikes.to_host())

    def holds(self, array: Any) -> bool:
        """Return True if the samples `array` fit into a quarter of the memory."""
        return isinstance(array, np.ndarray) and array.nbytes <= self.xp.cuda.Device(self.number).mem_info[1] // 4

    def __enter__(self) -> "CudaDevice":
        self._entered.append(self.xp.cuda.Device(self.number))
        self._entered[-1].__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._entered.pop().__exit__(*error)

    def __reduce__(self) -> tuple:
        return _gpu, (self.number,)

    def __str__(self) -> str:
        return f"cuda:{self.number}" if self.number else "cuda"

    def describe(self) -> str:
        """Return one line for logs and result files."""
        return f"{self}, {diagnosis.gpu_name(self.number)}"


def resolve(device: str | Device) -> Device:
    """Return the device named "cpu", "cuda", "cuda:1", or "auto", which is a usable GPU or else the CPU.

    An unknown name, or a GPU that cannot be used, raises InputError.
    """
    if isinstance(device, Device):
        return device
    named = re.fullmatch(r"auto|cpu|cuda(?::([0-9]{1,3}))?", device) if isinstance(device, str) else None
    if named is None:
        raise InputError(f"device={device!r}: pass 'auto', 'cpu', 'cuda', or a GPU by its number, as in 'cuda:1'")
    if device == "auto":
        device = "cuda" if diagnosis.usable_gpus() else "cpu"
    if device == "cpu":
        return _cpu()
    gpus, number = diagnosis.usable_gpus(), int(named[1] or 0)
    if gpus == 0:
        raise InputError(f"device={device!r}: {diagnosis.problem()}")
    if number >= gpus:
        raise InputError(f"device={device!r}: the number of usable GPUs is {gpus}: pass a lower number")
    return _gpu(number)


@cache
def _cpu() -> Device:
    return Device()


@cache
def _gpu(number: int) -> CudaDevice:
    return CudaDevice(number)


def machine(device: Device | None = None) -> dict[str, str | int]:
    """Return processor, threads and versions for result files, and the GPU if the device is one."""
    on_gpu = isinstance(device, CudaDevice)
    gpu = {"gpu": diagnosis.gpu_name(device.number)} | diagnosis.versions() if on_gpu else {}
    return {
        "processor": _processor(),
        "cores": os.cpu_count() or 1,
        "threads": get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "cupynn": cupynn.__version__,
        "numpy": np.__version__,
        "numba": numba.__version__,
    } | gpu


def _processor() -> str:
    try:  # only Linux has this file
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()
