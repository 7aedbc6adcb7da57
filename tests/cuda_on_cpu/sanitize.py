"""Run tests with kernels built for a sanitizer: `python tests/cuda_on_cpu/sanitize.py address`, or `thread`.

Runs the tests marked `cuda_small`; further arguments are pytest's, so `-m ""` and a file run all its tests. Under
"address" the run ends at a kernel that leaves an array, static or dynamic shared memory, or does what C++ leaves undefined.
Under "thread" each CUDA thread is a thread of the system, and the run ends where two of a block touch one place with no
barrier between.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

RUNTIMES = {"address": ("libasan.so", "libubsan.so"), "thread": ("libtsan.so",)}
SETTINGS = {
    "ASAN_OPTIONS": "detect_leaks=0",  # Python keeps memory until it ends
    "UBSAN_OPTIONS": "print_stacktrace=1",
    # Only kernels are built for the sanitizer: it would see half of what NumPy's and Numba's threads do, and object.
    "TSAN_OPTIONS": "halt_on_error=1:report_signal_unsafe=0:ignore_noninstrumented_modules=1",
    "NUMBA_THREADING_LAYER": "workqueue",
    "CUPYNN_THREADS": "1",
    "PYTHONMALLOC": "malloc",  # small objects too have borders that the sanitizer watches
}


def _library(name: str) -> str:
    command = [os.environ.get("CXX", "g++"), f"-print-file-name={name}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def available(mode: str) -> bool:
    """Whether the compiler brings the sanitizer's libraries."""
    return all(Path(_library(name)).is_absolute() for name in RUNTIMES[mode])


def environment(mode: str) -> dict[str, str]:
    """Environment of a process that runs kernels under a sanitizer."""
    preload = " ".join(_library(name) for name in RUNTIMES[mode])
    return os.environ | SETTINGS | {"CUDA_ON_CPU_SANITIZE": mode, "LD_PRELOAD": preload}


def _at_fixed_addresses() -> list[str]:
    """What a command begins with to find all its memory at the same addresses, where the system allows it.

    The thread sanitizer cannot start at some of those that the system draws: "failed to allocate 0x1fd43ffffe000".
    """
    fixed = ["setarch", "--addr-no-randomize"]
    allowed = shutil.which(fixed[0]) and subprocess.run([*fixed, "true"], capture_output=True).returncode == 0
    return fixed if allowed else []


def main() -> None:
    """Run pytest under the sanitizer that the command line names."""
    mode, *chosen = sys.argv[1:] or [""]
    if mode not in RUNTIMES:
        raise SystemExit(f"{mode!r}: pass 'address' or 'thread'")
    if not available(mode):
        raise SystemExit(f"{mode}: g++ has no such sanitizer here")
    # The sanitizers write to the system's stderr, which pytest must leave alone.
    command = [
        *_at_fixed_addresses(),
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--capture=sys",
        "-p",
        "no:cacheprovider",
        *(chosen or ["-m", "cuda_small"]),
    ]
    raise SystemExit(subprocess.run(command, env=environment(mode), cwd=Path(__file__).parents[2]).returncode)


if __name__ == "__main__":
    main()
