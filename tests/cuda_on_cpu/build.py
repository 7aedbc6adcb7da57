"""CUDA C++ text -> a shared library that runs on the CPU: preprocess, rewrite what C++ does not know, compile, cache."""

import ctypes
import hashlib
import os
import re
import subprocess
import tempfile
from functools import cache
from pathlib import Path

SHIM = Path(__file__).parent / "shim"

# No contraction, so that a product and a sum round twice as written. Two libraries may hold kernels of one name, hence
# -fno-gnu-unique; longjmp between stacks is no mistake here, hence no _FORTIFY_SOURCE.
FLAGS = ("-std=gnu++17", "-shared", "-fPIC", "-march=x86-64-v3", "-mfma", "-ffp-contract=off", "-fno-strict-aliasing")
FLAGS += ("-fno-gnu-unique", "-U_FORTIFY_SOURCE", "-w")
DEBUG = ("-O1", "-g")
ADDRESS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=undefined", "-fsanitize-sections=cuda_shared")
MODES = {
    "": ("-O2",),
    "address": (*DEBUG, *ADDRESS),
    "thread": (*DEBUG, "-fsanitize=thread", "-DCUDA_ON_CPU_THREADS", "-pthread"),
}
# What NVRTC defines, for the first of two passes only: the C++ library has its own opinion of these.
NVRTC = ("-D__CUDACC__", "-D__CUDACC_RTC__", "-D__NVCC__", "-D__CUDA_ARCH__=900")

# Options of NVRTC that change nothing here.
IGNORED = re.compile(r"--?(std=c\+\+(14|17|20)|fmad=false|restrict|lineinfo|ftz=true|maxrregcount=\d+)|-w")

DYNAMIC_SHARED = re.compile(
    r"extern\s+__shared__\s+(?:(?:__align__|alignas)\s*\(\s*\w+\s*\)\s*)?([\w\s]+?)\s+(\w+)\s*\[\s*\]\s*;"
)
GROUP = re.compile(r"\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\)")  # what stands in parentheses, three deep


class CompileError(Exception):
    """The compiler's own message."""


def mode() -> str:
    """The sanitizer that this process runs under: "", "address" or "thread"."""
    return os.environ.get("CUDA_ON_CPU_SANITIZE", "")


@cache
def compiler() -> str:
    """The C++ compiler's name and version."""
    done = subprocess.run([_gxx(), "--version"], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[0]


def _gxx() -> str:
    return os.environ.get("CXX", "g++")


def _run(arguments: list[str], text: str) -> str:
    done = subprocess.run([_gxx(), *arguments, "-"], input=text, capture_output=True, text=True)
    if done.returncode:
        raise CompileError(done.stderr)
    return done.stdout


def kernels(text: str) -> dict[str, str]:
    """Each kernel's name -> arguments of its `__launch_bounds__`, in preprocessed text.

    Kernels without C linkage are left out, as CUDA would know them by a mangled name only.
    """
    found = {}
    for marker in re.finditer(r"\b__global__\b", text):
        head = re.search(r"[^;{}]*\Z", text[: marker.start()])[0]
        bounds = re.search(r"__launch_bounds__\s*(\(.*\))", head, re.DOTALL)
        bounds, position = bounds[1] if bounds else "()", marker.end()
        while word := re.compile(r"[^(]*?\b(\w+)\s*(?=\()").match(text, position):
            group = GROUP.match(text, word.end())
            position = group.end()
            if word[1] == "__launch_bounds__":
                bounds = group[0]
            elif not word[1].startswith("__"):
                if "template" not in head and ('extern "C"' in head or _in_c_block(text[: marker.start()])):
                    found[word[1]] = bounds
                break
    return found


def _in_c_block(before: str) -> bool:
    """Whether an `extern "C" {` is still open at the end of the text before."""
    for block in re.finditer(r'extern\s*"C"\s*\{', before):
        inside = before[block.end() :]
        if inside.count("}") <= inside.count("{"):
            return True
    return False


def translate(source: str, file: str, defines: tuple[str, ...] = ()) -> tuple[str, dict[str, str]]:
    """CUDA C++ -> C++ for g++ and the headers in shim/, and its kernels with their launch bounds."""
    arguments = ["-E", "-x", "c++", "-std=gnu++17", "-undef", *NVRTC, *defines]
    text = _run(arguments, f'#line 1 "{file}"\n{source}')
    found = kernels(text)
    text = DYNAMIC_SHARED.sub(r"\1* const \2 = reinterpret_cast<\1*>(shim::dynamic_shared);", text)
    exports = "\n".join(f"CUDA_ON_CPU_EXPORT({name}, {bounds})" for name, bounds in found.items())
    inside = f"namespace kernels {{ namespace {{\n{text}\n}}\n{exports}\n}}"
    return f'#include "cuda.h"\n{inside}\nCUDA_ON_CPU_EXPORT_COMMON\n', found


@cache
def _headers() -> bytes:
    return b"".join(path.read_bytes() for path in sorted(SHIM.iterdir()))


def cache_folder() -> Path:
    """Where libraries are kept: of this user, on this machine."""
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "cupynn-cuda-on-cpu"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def build(source: str, options: tuple[str, ...] = (), file: str = "kernel.cu") -> tuple[ctypes.PyDLL, list[str]]:
    """Compile CUDA C++, unless that has been done before -> the library and the names of its kernels.

    Raises
    ------
    CompileError
        If the text is no CUDA C++, or an option is none that is known here.
    """
    defines = tuple(option for option in options if option.startswith(("-D", "-U")))
    for option in set(options) - set(defines):
        if not IGNORED.fullmatch(option):
            raise CompileError(f"option {option!r}: unknown to the CPU build")
    text, found = translate(source, file, defines)
    flags = (*FLAGS, *MODES[mode()])
    key = hashlib.sha256("\0".join([text, *flags, compiler()]).encode() + _headers()).hexdigest()[:32]
    library = cache_folder() / f"{key}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=cache_folder()) as folder:  # beside it, so that the move is one step
            fresh = Path(folder) / library.name
            _run(["-x", "c++", *flags, f"-I{SHIM}", "-o", str(fresh)], text)
            fresh.replace(library)
    # PyDLL keeps the interpreter's lock: a library runs one launch at a time.
    return ctypes.PyDLL(str(library)), list(found)
