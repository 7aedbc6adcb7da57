"""A stand-in for CuPy whose device is this computer's memory and whose kernels run on its CPU.

`install()` puts it in CuPy's place, before anything imports that. Counters: `synchronisations`, `uploads`, `launches`.
"""

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import numpy

from cuda_on_cpu.fake_cupy import array, cuda, functions, machine, operators, raw

operators.add_operators()


def __getattr__(name: str):
    if name in ("synchronisations", "uploads", "launches"):
        return getattr(machine.machine, name)
    raise AttributeError(name)


def reset(devices: int = 2, memory: int = 80 * machine.GIB) -> None:
    """Counters to 0; `devices` devices of `memory` bytes each, the first one current.

    Arrays made before stay usable, but no longer count as used memory.
    """
    here = machine.machine
    here.cards = [machine.Card(memory) for _ in range(devices)]
    here.synchronisations = here.uploads = here.launches = 0
    here.thread.__dict__.clear()


def _module(name: str, **contents) -> ModuleType:
    module = ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)  # as of a module that was found: `find_spec` looks there
    module.__dict__.update(contents)
    return module


def modules() -> dict[str, ModuleType]:
    """The modules of the stand-in, by name."""
    memory = _module("cupy.cuda.memory", OutOfMemoryError=machine.OutOfMemoryError, MemoryPool=cuda.MemoryPool)
    runtime = _module("cupy.cuda.runtime", CUDARuntimeError=machine.CUDARuntimeError, **cuda.RUNTIME)
    driver = _module("cupy.cuda.driver", CUDADriverError=raw.CUDADriverError)
    compiler = _module("cupy.cuda.compiler", CompileException=raw.CompileException)
    nvrtc = _module("cupy.cuda.nvrtc", getVersion=lambda: (13, 0), getSupportedArchs=lambda: (75, 80, 90, 100, 120))
    parts = {"memory": memory, "runtime": runtime, "driver": driver, "compiler": compiler, "nvrtc": nvrtc}
    cuda_module = _module("cupy.cuda", **parts, **{thing.__name__: thing for thing in cuda.PUBLIC})
    cuda_module.MemoryPointer = array.Pointer
    pool = cuda.MemoryPool()
    cupy = _module("cupy", cuda=cuda_module, ndarray=array.ndarray, RawModule=raw.RawModule, RawKernel=raw.RawKernel)
    cupy.__dict__.update({function.__name__: function for function in functions.MADE_HERE})
    cupy.__version__, cupy.get_default_memory_pool, cupy.__getattr__ = "14.2.0", lambda: pool, functions.lookup
    cupy.is_available = cuda.is_available
    cupy.get_array_module = lambda *args: cupy if any(isinstance(a, array.ndarray) for a in args) else numpy
    found = {"cupy": cupy, "cupy.cuda": cuda_module}
    return found | {f"cupy.cuda.{name}": part for name, part in parts.items()}


def install() -> ModuleType:
    """Put the stand-in in CuPy's place in this process -> the module."""
    if not hasattr(sys.modules.get("cupy"), "_is_the_stand_in"):
        found = modules()
        found["cupy"]._is_the_stand_in = True
        sys.modules.update(found)
    return sys.modules["cupy"]


def uninstall() -> None:
    """Take it out again."""
    for name in modules():
        sys.modules.pop(name, None)
