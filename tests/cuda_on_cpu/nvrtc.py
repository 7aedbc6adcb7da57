"""Compile CUDA C++ for real GPUs, without one: NVRTC, called by ctypes from NVIDIA's wheel (58 MB; no driver, no CuPy).

`pip install -e ".[cuda-check]"` brings it.
"""

import ctypes
import importlib.util
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# What CuPy adds to the options of a RawModule by itself, then what makes the assembler tell.
CUPY_OPTIONS = ("-ftz=true", "--device-as-default-execution-space")
VERBOSE = ("--ptxas-options=-v", "--ptxas-options=-warn-spills")

REGISTERS = 65536  # of a block

ENTRY = re.compile(r"Compiling entry function '(\w+)'(.*?)(?=Compiling entry function|\Z)", re.DOTALL)
FIGURES = {
    "registers": r"Used (\d+) registers",
    "spill_stores": r"(\d+) bytes spill stores",
    "spill_loads": r"(\d+) bytes spill loads",
    "static_shared": r"(\d+) bytes smem",
    "stack": r"(\d+) bytes stack frame",
}


class CompileError(Exception):
    """NVRTC's own log."""


@dataclass(frozen=True)
class Usage:
    """What one kernel takes on one kind of GPU: registers a thread, everything else in bytes."""

    registers: int
    spill_stores: int
    spill_loads: int
    static_shared: int
    stack: int


def _folder() -> Path | None:
    found = importlib.util.find_spec("nvidia")
    places = [Path(place) for place in found.submodule_search_locations] if found else []
    libraries = [library for place in places for library in place.glob("*/lib/libnvrtc.so.*")]
    return sorted(libraries)[-1].parent if libraries else None


def installed() -> bool:
    """Whether NVIDIA's wheel is there."""
    return _folder() is not None


@cache
def _library() -> ctypes.CDLL:
    folder = _folder()
    ctypes.CDLL(str(next(folder.glob("libnvrtc-builtins.so.*"))), ctypes.RTLD_GLOBAL)  # NVRTC would not find it by itself
    library = ctypes.CDLL(str(next(folder.glob("libnvrtc.so.*"))))
    library.nvrtcGetErrorString.restype = ctypes.c_char_p
    return library


def _call(function: str, *arguments: object) -> None:
    status = getattr(_library(), function)(*arguments)
    if status:
        raise CompileError(f"{function}: {_library().nvrtcGetErrorString(status).decode()}")


def architectures() -> tuple[int, ...]:
    """The kinds of GPU that this NVRTC knows, as 75 for sm_75."""
    count = ctypes.c_int()
    _call("nvrtcGetNumSupportedArchs", ctypes.byref(count))
    found = (ctypes.c_int * count.value)()
    _call("nvrtcGetSupportedArchs", found)
    return tuple(found)


def _program(source: str, options: tuple[str, ...], file: str, result: str = "") -> tuple[str, str]:
    """Compile -> what the function nvrtcGet`result` gives, and the log."""
    program = ctypes.c_void_p()
    _call("nvrtcCreateProgram", ctypes.byref(program), source.encode(), file.encode(), 0, None, None)
    try:
        words = [word.encode() for word in options]
        status = _library().nvrtcCompileProgram(program, len(words), (ctypes.c_char_p * len(words))(*words))
        log = _text("nvrtcGetProgramLog", program)
        if status:
            raise CompileError(log)
        return _text(f"nvrtcGet{result}", program) if result else "", log
    finally:
        _call("nvrtcDestroyProgram", ctypes.byref(program))


def _text(function: str, program: ctypes.c_void_p) -> str:
    size = ctypes.c_size_t()
    _call(f"{function}Size", program, ctypes.byref(size))
    text = ctypes.create_string_buffer(size.value)
    _call(function, program, text)
    return text.value.decode(errors="replace")


def usage(
    source: str, architecture: int, options: tuple[str, ...] = (), file: str = "kernel.cu"
) -> tuple[dict[str, Usage], str]:
    """Compile to machine code of sm_`architecture` -> what each kernel uses, and the log.

    Raises
    ------
    CompileError
        If the text does not compile.
    """
    _, log = _program(source, (f"-arch=sm_{architecture}", *options, *CUPY_OPTIONS, *VERBOSE), file)
    found = {}
    for name, text in ENTRY.findall(log):
        figures = {figure: re.search(pattern, text) for figure, pattern in FIGURES.items()}
        found[name] = Usage(**{figure: int(match[1]) if match else 0 for figure, match in figures.items()})
    return found, log


def launch_bounds(source: str, options: tuple[str, ...] = ()) -> dict[str, int]:
    """Threads a block that each kernel may be launched with: its `__launch_bounds__`, or 1024."""
    ptx, _ = _program(source, ("-arch=compute_75", *options, *CUPY_OPTIONS), "kernel.cu", "PTX")
    found = re.findall(r"\.visible \.entry (\w+)\(.*?\)(.*?)\{", ptx, re.DOTALL)
    bounds = {name: re.search(r"\.maxntid (\d+)", text) for name, text in found}
    return {name: int(match[1]) if match else 1024 for name, match in bounds.items()}


def complaints(source: str, architecture: int, options: tuple[str, ...] = (), file: str = "kernel.cu") -> list[str]:
    """What is wrong with a text on one kind of GPU: warnings, registers spilled or too many for a block. Should be empty.

    NVRTC itself refuses more than 48 kB of static shared memory.
    """
    used, log = usage(source, architecture, options, file)
    bounds = launch_bounds(source, options)
    wrong = [line for line in log.splitlines() if "warning" in line.lower()]
    for name, kernel in used.items():
        if kernel.spill_stores or kernel.spill_loads:
            wrong.append(f"{name}: {kernel.spill_stores} bytes of registers spilled, {kernel.spill_loads} bytes loaded back")
        if kernel.registers * bounds[name] > REGISTERS:
            wrong.append(f"{name}: {kernel.registers} registers for each of {bounds[name]} threads, a block has {REGISTERS}")
    return wrong if used else ['no kernel found: are they declared extern "C" __global__?']
