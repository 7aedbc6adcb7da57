"""`cupy.cuda`: devices, streams, events and memory of the claimed machine. Everything happens at once, in program order."""

import time

import numpy as np

from cuda_on_cpu.fake_cupy.machine import ROUNDING, machine


class Device:
    """`cupy.cuda.Device`, also a context in which it is current."""

    compute_capability = "90"

    def __init__(self, device: "int | Device | None" = None):
        self.id = machine.device if device is None else int(device)
        self._outer: list[int] = []

    def __int__(self) -> int:
        return self.id

    def __eq__(self, other) -> bool:
        return isinstance(other, Device) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"

    def use(self) -> None:
        machine.device = self.id

    def __enter__(self) -> "Device":
        self._outer.append(machine.device)
        self.use()
        return self

    def __exit__(self, *error) -> None:
        machine.device = self._outer.pop()

    def synchronize(self) -> None:
        machine.synchronisations += 1

    @property
    def attributes(self) -> dict[str, int]:
        return {"MultiProcessorCount": 132, "WarpSize": 32, "MaxSharedMemoryPerBlockOptin": 227 * 1024}

    @property
    def mem_info(self) -> tuple[int, int]:
        card = machine.card(self.id)
        return card.memory - card.total, card.memory


class Stream:
    """`cupy.cuda.Stream`."""

    null: "Stream"

    def __init__(self, null=False, non_blocking=False, ptds=False, priority=None):
        self.device_id = machine.device
        self.ptr = 0 if null else id(self)

    def use(self) -> "Stream":
        machine.thread.stream = self
        return self

    def __enter__(self) -> "Stream":
        self._outer = get_current_stream()
        return self.use()

    def __exit__(self, *error) -> None:
        self._outer.use()

    @property
    def done(self) -> bool:
        return True

    def synchronize(self) -> None:
        machine.synchronisations += 1

    def record(self, event: "Event | None" = None) -> "Event":
        event = event or Event()
        event.record(self)
        return event

    def wait_event(self, event: "Event") -> None:
        event._time()


Stream.null = Stream(null=True)


class Event:
    """`cupy.cuda.Event`."""

    def __init__(self, block=False, disable_timing=False, interprocess=False):
        self._recorded, self._timing = None, not disable_timing

    def record(self, stream: Stream | None = None) -> None:
        self._recorded = time.perf_counter()

    def synchronize(self) -> None:
        machine.synchronisations += 1

    @property
    def done(self) -> bool:
        return True

    def _time(self) -> float:
        if self._recorded is None:
            raise ValueError("the event has not been recorded")
        return self._recorded


def get_elapsed_time(start_event: Event, end_event: Event) -> float:
    """Milliseconds between two events."""
    if not (start_event._timing and end_event._timing):
        raise ValueError("an event was made without timing")
    return 1e3 * (end_event._time() - start_event._time())


def get_current_stream(device_id: int = -1) -> Stream:
    return getattr(machine.thread, "stream", Stream.null)


def is_available() -> bool:
    return bool(machine.cards)


def get_device_id() -> int:
    return machine.device


def alloc_pinned_memory(size: int) -> bytearray:
    """Pinned memory of at least this many bytes; CuPy too gives more, so count what you use."""
    return bytearray(b"\xff" * max(ROUNDING, 1 << (int(size) - 1).bit_length()))


class MemoryPool:
    """`cupy.cuda.MemoryPool` of the current device."""

    def used_bytes(self) -> int:
        return machine.card(machine.device).used

    def total_bytes(self) -> int:
        return machine.card(machine.device).total

    def free_bytes(self) -> int:
        return self.total_bytes() - self.used_bytes()

    def n_free_blocks(self) -> int:
        return int(self.free_bytes() > 0)

    def free_all_blocks(self, stream=None) -> None:
        card = machine.card(machine.device)
        card.total = card.used

    def set_limit(self, size: int | None = None, fraction: float | None = None) -> None:
        if size is not None and fraction is not None:
            raise ValueError("size and fraction cannot be specified at one time")
        card = machine.card(machine.device)
        card.limit = int(card.memory * fraction) if fraction is not None else int(size or 0)

    def get_limit(self) -> int:
        return machine.card(machine.device).limit


def properties(device: int) -> dict:
    """What `runtime.getDeviceProperties` tells, as far as anyone asks."""
    return {
        "name": b"CUDA on CPU",
        "totalGlobalMem": machine.card(device).memory,
        "major": 9,
        "minor": 0,
        "multiProcessorCount": 132,
        "warpSize": 32,
        "regsPerBlock": 65536,
        "maxThreadsPerBlock": 1024,
        "maxThreadsPerMultiProcessor": 2048,
        "maxThreadsDim": (1024, 1024, 64),
        "maxGridSize": (2**31 - 1, 65535, 65535),
        "sharedMemPerBlock": 48 * 1024,
        "sharedMemPerBlockOptin": 227 * 1024,
        "sharedMemPerMultiprocessor": 228 * 1024,
        "l2CacheSize": 50 << 20,
        "clockRate": np.int32(1_980_000).item(),
    }


def synchronise() -> None:
    machine.synchronisations += 1


def current() -> int:
    return machine.device


def select(device: int) -> None:
    machine.device = int(device)


RUNTIME = {
    "getDeviceCount": lambda: len(machine.cards),
    "getDevice": current,
    "setDevice": select,
    "getDeviceProperties": properties,
    "driverGetVersion": lambda: 13000,
    "runtimeGetVersion": lambda: 13000,
    "memGetInfo": lambda: Device().mem_info,
    "deviceSynchronize": synchronise,
    "is_hip": False,
}

PUBLIC = [Device, Stream, Event, MemoryPool, get_elapsed_time, get_current_stream, get_device_id, is_available]
PUBLIC += [alloc_pinned_memory]
