"""Free memory of this process, or of a GPU."""

from pathlib import Path
from typing import NamedTuple

from cupynn.device.device import Device

# Fraction of the free memory to plan with; the rest covers errors of estimates, and other programs.
USABLE = 0.8

_CGROUPS = Path("/sys/fs/cgroup")
# Limit, usage, and reclaimable entry of memory.stat of a control group (version 2, version 1).
_CGROUP_FILES = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


class Free(NamedTuple):
    """Free memory."""

    bytes: int
    reserved: bool  # True if memory counts once it is reserved, False if only when it is written


def free(device: Device) -> Free:
    """Return the memory available for new arrays on a device."""
    if not device.on_cuda:
        return _free_host()
    with device:
        pool, (free_bytes, _) = device.xp.get_default_memory_pool(), device.xp.cuda.Device().mem_info
        room = free_bytes + pool.free_bytes()
        if pool.get_limit():
            room = min(room, pool.get_limit() - pool.used_bytes())
    return Free(max(0, room), True)


def _free_host() -> Free:
    """Return the machine's free memory, or less if control groups or the process's limit leave less."""
    import psutil

    here = psutil.virtual_memory().available
    for line in _lines(Path("/proc/self/cgroup")):
        number, controllers, path = line.split(":", 2)
        if number == "0" or "memory" in controllers.split(","):
            here = min([here, *_free_in_cgroups(_CGROUPS / "memory" if controllers else _CGROUPS, path)])
    address_space = _free_address_space(psutil.Process().memory_info().vms)
    return Free(max(0, here if address_space is None else min(here, address_space)), address_space is not None)


def _free_in_cgroups(root: Path, path: str) -> list[int]:
    """Return the free bytes of each control group on the path to this process's own."""
    own = root / path.lstrip("/")
    found = []
    for folder in {root, own, *(parent for parent in own.parents if parent.is_relative_to(root))}:
        for limit, usage, droppable in _CGROUP_FILES:
            values = [*_lines(folder / limit), *_lines(folder / usage)]
            if len(values) == 2 and all(map(str.isdecimal, values)):  # no limit reads "max"
                stat = dict(line.split() for line in _lines(folder / "memory.stat"))
                found.append(int(values[0]) - int(values[1]) + int(stat.get(droppable, 0)))
    return found


def _free_address_space(used: int) -> int | None:
    """Return the bytes that RLIMIT_AS leaves free, or None without this limit."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if soft == resource.RLIM_INFINITY else soft - used


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
