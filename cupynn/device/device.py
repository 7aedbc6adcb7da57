"""Which device runs a network, what lives there, and what machine this is."""

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
    """The CPU: arrays are NumPy's, trains are held as events. Used as a context, it becomes the current device."""

    xp: Any = np
    on_cuda = False

    def put(self, array: np.ndarray) -> Any:
        """The same values on this device."""
        return array

    def keep(self, array: np.ndarray) -> Any:
        """The same values where a network keeps its arrays: in memory that other libraries share by DLPack."""
        return aligned(array)

    def get(self, array: Any) -> np.ndarray:
        """The same values in host memory."""
        return array

    def trains(self, spikes: SpikeTrains) -> SpikeTrains:
        """The same trains as this device holds them."""
        return spikes.to_host()

    def holds(self, array: Any) -> bool:
        """Whether the samples `array` fit beside what training needs, so that they need not be copied batch by batch."""
        return isinstance(array, np.ndarray)

    def __enter__(self) -> "Device":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __reduce__(self) -> tuple:
        return _cpu, ()  # a copy of a network runs on the same device

    def __str__(self) -> str:
        return "cpu"

    def describe(self) -> str:
        """One line for logs and result files."""
        threads = get_num_threads()
        line = f"cpu, {threads} thread{'s' if threads > 1 else ''}"
        reason = diagnosis.why_no_gpu()
        return f"{line} (a GPU is not used: {reason}; `cupynn devices` says more)" if reason else line


class CudaDevice(Device):
    """A GPU by its number: arrays are CuPy's, trains are held as bits."""

    on_cuda = True

    def __init__(self, number: int) -> None:
        import cupy

        self.xp = cupy
        self.number = number
        self._entered: list[Any] = []

    def put(self, array: np.ndarray) -> Any:
        """The same values on this device."""
        with self:
            return self.xp.asarray(array, order="C")  # CuPy would keep the order of Fortran, which no kernel expects

    keep = put

    def get(self, array: Any) -> np.ndarray:
        """The same values in host memory."""
        return self.xp.asnumpy(array)

    def trains(self, spikes: SpikeTrains) -> SpikeTrains:
        """The same trains as this device holds them."""
        with self:
            here = spikes.on_cuda and spikes.bits.words.device.id == self.number
            return spikes if here else CudaTrains.upload(spikes.to_host())

    def holds(self, array: Any) -> bool:
        """Whether the samples `array` fit into a quarter of the memory."""
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
        """One line for logs and result files."""
        return f"{self}, {diagnosis.gpu_name(self.number)}"


def resolve(device: str | Device) -> Device:
    """Return the device that a name stands for: "cpu", "cuda", "cuda:1", or "auto", a working GPU and else the CPU.

    Raises
    ------
    InputError
        If the name is unknown, or a GPU is asked for and cannot be used: the message says what is missing.
    """
    if isinstance(device, Device):
        return device
    named = re.fullmatch(r"auto|cpu|cuda(?::([0-9]{1,3}))?", device) if isinstance(device, str) else None
    if named is None:
        raise InputError(f"device={device!r}: pass 'auto', 'cpu', 'cuda', or 'cuda:1' for another GPU")
    if device == "auto":
        device = "cuda" if diagnosis.usable_gpus() else "cpu"
    if device == "cpu":
        return _cpu()
    gpus, number = diagnosis.usable_gpus(), int(named[1] or 0)
    if gpus == 0:
        raise InputError(f"device={device!r}: {diagnosis.problem()}")
    if number >= gpus:
        raise InputError(f"device={device!r}: there {'are' if gpus > 1 else 'is'} {gpus}: pass a number below that")
    return _gpu(number)


@cache
def _cpu() -> Device:
    return Device()


@cache
def _gpu(number: int) -> CudaDevice:
    return CudaDevice(number)


def machine(device: Device | None = None) -> dict[str, str | int]:
    """Processor, threads and versions, and the GPU where the device is one, for result files."""
    gpu = {}
    if isinstance(device, CudaDevice):
        gpu = {"gpu": diagnosis.gpu_name(device.number)} | diagnosis.versions()
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
    try:  # only Linux tells the model in a file; elsewhere the platform module does
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()
