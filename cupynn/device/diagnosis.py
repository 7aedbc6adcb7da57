"""Find out whether a GPU can be used, and what is missing if not: driver, CuPy, its CUDA version, the compiler NVRTC."""

import ctypes
import re
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distributions
from importlib.util import find_spec
from typing import Any

OLDEST_CUDA = 12  # oldest driver version with a wheel of CuPy
OLDEST_FOR_13 = 75  # compute capability 7.5: older GPUs need CUDA 12, even with a newer driver
_MAJOR, _MINOR = 75, 76  # the driver's constants for the two parts of a compute capability


@dataclass(frozen=True)
class Driver:
    """Information from the NVIDIA driver, obtained without CuPy."""

    cuda: int  # newest CUDA version that it supports, such as 13
    gpus: tuple[str, ...]  # names
    capability: int = OLDEST_FOR_13  # lowest compute capability of the GPUs, such as 75 for 7.5


@cache
def driver() -> Driver | None:
    """Query the driver's library; return None if there is no driver."""
    try:
        library = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return None
    version, count, name = ctypes.c_int(0), ctypes.c_int(0), ctypes.create_string_buffer(256)
    library.cuDriverGetVersion(ctypes.byref(version))
    if library.cuInit(0) == 0:
        library.cuDeviceGetCount(ctypes.byref(count))
    names, capabilities = [], []
    for number in range(count.value):
        library.cuDeviceGetName(name, len(name), number)
        names.append(name.value.decode(errors="replace"))
        major, minor = ctypes.c_int(0), ctypes.c_int(0)
        library.cuDeviceGetAttribute(ctypes.byref(major), _MAJOR, number)
        library.cuDeviceGetAttribute(ctypes.byref(minor), _MINOR, number)
        capabilities.append(10 * major.value + minor.value)
    return Driver(version.value // 1000, tuple(names), min(capabilities, default=OLDEST_FOR_13))


@cache
def wheels() -> tuple[str, ...]:
    """Return the installed distributions of CuPy, such as "cupy-cuda13x 14.2.0"; there should be one."""
    found = {(d.metadata["Name"] or "").lower(): d.version for d in distributions()}
    return tuple(f"{name} {version}" for name, version in sorted(found.items()) if re.fullmatch(r"cupy(-cuda\d+x)?", name))


@cache
def usable_gpus() -> int:
    """Return the number of GPUs that CuPy can use."""
    if find_spec("cupy") is None or _compiler_error():
        return 0
    import cupy

    return cupy.cuda.runtime.getDeviceCount() if cupy.cuda.is_available() else 0


def _compiler_error() -> str:
    """Return why CuPy cannot be imported or cannot compile for the GPUs; empty if it can."""
    try:
        import cupy

        oldest = min(cupy.cuda.nvrtc.getSupportedArchs())
        for number in range(cupy.cuda.runtime.getDeviceCount() if cupy.cuda.is_available() else 0):
            capability = int(cupy.cuda.Device(number).compute_capability)
            if capability < oldest:
                return f"it needs compute capability {oldest} or higher, but cuda:{number} has {capability}"
    except Exception as error:  # its type depends on CuPy's version and on the libraries found
        return (str(error) or type(error).__name__).splitlines()[0]
    return ""


def problem() -> str:
    """Return why no GPU can be used, with the remedy; empty if one can."""
    found = driver()
    if found is None:
        return "there is no NVIDIA driver: install one (nvidia.com/drivers), or use device='cpu'"
    if not found.gpus:
        return "the NVIDIA driver finds no GPU: check the output of `nvidia-smi`, or use device='cpu'"
    if found.cuda < OLDEST_CUDA:
        return f"the NVIDIA driver supports CUDA {found.cuda}, but CuPy needs {OLDEST_CUDA} or later: update the driver"
    newest = 13 if found.capability >= OLDEST_FOR_13 else 12
    wanted = f"cupy-cuda{min(found.cuda, newest)}x"
    install = f'pip install "{wanted}[ctk]"'
    if len(wheels()) > 1:
        names = [wheel.split()[0] for wheel in wheels()]
        return f"{' and '.join(wheels())} overwrite each other: pip uninstall -y {' '.join(names)} && {install}"
    if not wheels() and find_spec("cupy") is None:
        return f"CuPy is not installed: {install}"
    if wheels() and wheels()[0].split()[0] > wanted:
        other = wheels()[0].split()[0]
        newer = f"driver than CUDA {found.cuda}" if found.cuda < 13 else f"GPU than compute capability {found.capability}"
        return f"{other} needs a newer {newer}: pip uninstall -y {other} && {install}"
    if error := _compiler_error():
        return f"CuPy or its compiler NVRTC cannot be used ({error}): {install}"
    return "" if usable_gpus() else "CuPy cannot use the GPU: check `python -c 'import cupy; cupy.show_config()'`"


def why_no_gpu() -> str:
    """Return why "auto" selects the CPU although there is a GPU; empty without a GPU, or if it can be used."""
    found = driver()
    return problem() if found is not None and found.gpus else ""


def gpu_name(number: int) -> str:
    """Return the name of a GPU."""
    import cupy

    return cupy.cuda.runtime.getDeviceProperties(number)["name"].decode()


def versions() -> dict[str, str]:
    """Return the versions of CuPy, of its CUDA, and of the driver's CUDA."""
    import cupy

    runtime, newest = cupy.cuda.runtime.runtimeGetVersion(), cupy.cuda.runtime.driverGetVersion()
    return {"cupy": cupy.__version__, "cuda": _version(runtime), "driver": _version(newest)}


def _version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"


def state() -> dict[str, Any]:
    """Return the content of `cupynn devices --json`: driver, wheels of CuPy, GPUs, number of usable GPUs, and problem."""
    found = driver()
    return {
        "cuda": found.cuda if found else None,
        "cupy": list(wheels()),
        "gpus": list(found.gpus) if found else [],
        "usable": usable_gpus(),
        "problem": problem(),
    }


def report() -> list[str]:
    """Return the lines of `cupynn devices`: what is installed, what is missing, and how to fix it."""
    found = driver()
    lines = [f"driver   {f'CUDA {found.cuda}' if found else 'none'}", f"cupy     {', '.join(wheels()) or 'not installed'}"]
    gpus = found.gpus if found else ()
    lines += [f"cuda:{number}   {name}" for number, name in enumerate(gpus)]
    if error := problem():
        return [*lines, f"no GPU can be used: {error}" if gpus or found else f"no GPU: {error}"]
    return [*lines, *(f"{name:8} {version}" for name, version in versions().items()), "device='auto' uses cuda"]
