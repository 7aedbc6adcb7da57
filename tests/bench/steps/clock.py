"""Time and memory of a process that does nothing else."""

import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any


def seconds(work: Callable[[int], None], repeats: int) -> list[float]:
    """Wall time of each call of `work(index)`, after one that does not count."""
    work(0)
    found = []
    for index in range(repeats):
        start = perf_counter()
        work(index)
        found.append(perf_counter() - start)
    return found


def peak_memory(device: Any = None) -> int | None:
    """Most bytes that this process has held in host memory, or on its GPU; None where the system does not tell."""
    if device is not None and device.on_cuda:
        return device.xp.get_default_memory_pool().total_bytes()
    status = Path("/proc/self/status")
    if status.exists():  # rusage counts what the process before exec held as well
        lines = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines() if ":" in line)
        return int(lines["VmHWM"].split()[0]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024
