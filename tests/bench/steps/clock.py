"""Time and peak memory of a benchmark process."""

import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any


def seconds(work: Callable[[int], None], repeats: int) -> list[float]:
    """Return the wall time of each call of `work(index)`, after a first call that is not counted."""
    work(0)
    found = []
    for index in range(repeats):
        start = perf_counter()
        work(index)
        found.append(perf_counter() - start)
    return found


def peak_memory(device: Any = None) -> int | None:
    """Return the peak memory of this process in bytes, on the host or its GPU; None if the system does not report it."""
    if device is not None and device.on_cuda:
        return device.xp.get_default_memory_pool().total_bytes()
    status = Path("/proc/self/status")
    if status.exists():  # rusage also counts memory of the process before exec
        lines = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines() if ":" in line)
        return int(lines["VmHWM"].split()[0]) * 1024
    try:
        import resource
    except ImportError:  # Windows
        return None
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024
