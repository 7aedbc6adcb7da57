"""The machine that the stand-in claims to have: devices, their memory, and what the host did to them."""

import threading
import weakref
from dataclasses import dataclass, field

ROUNDING = 512  # bytes: CuPy hands out memory in multiples of it
GIB = 1 << 30


class CUDARuntimeError(RuntimeError):
    """An error of the CUDA runtime, with its number in `status`."""

    def __init__(self, status: int, message: str):
        super().__init__(message)
        self.status = status


class OutOfMemoryError(MemoryError):
    """What CuPy raises when a device or the pool's limit is exhausted."""

    def __init__(self, size: int, total: int, limit: int = 0):
        text = f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes"
        super().__init__(text + (f", limit set to: {limit:,} bytes)." if limit else ")."))


@dataclass
class Card:
    """A device: its memory, of which a pool has taken `total` bytes and arrays use `used`."""

    memory: int = 80 * GIB
    limit: int = 0
    used: int = 0
    total: int = 0

    def take(self, size: int) -> int:
        """Account for an array of this many bytes -> the bytes it occupies."""
        size = -(-size // ROUNDING) * ROUNDING
        limit = min(self.limit or self.memory, self.memory)
        if self.used + size > limit:
            raise OutOfMemoryError(size, self.used, self.limit)
        self.used += size
        self.total = max(self.total, self.used)
        return size

    def give(self, size: int) -> None:
        """Account for an array that is gone; the pool keeps its memory."""
        self.used -= size


class Allocation:
    """Memory of a device, alive as long as an array or a view of it is."""

    def __init__(self, device: int, size: int):
        self.device = device
        card = machine.card(device)
        weakref.finalize(self, card.give, card.take(size))


@dataclass
class Machine:
    """Devices and counters: how often the host waited, copied to a device, launched a kernel."""

    cards: list[Card] = field(default_factory=lambda: [Card(), Card()])
    synchronisations: int = 0
    uploads: int = 0
    launches: int = 0
    thread: threading.local = field(default_factory=threading.local)

    @property
    def device(self) -> int:
        """The current device of this thread."""
        return getattr(self.thread, "device", 0)

    @device.setter
    def device(self, number: int) -> None:
        self.card(number)
        self.thread.device = number

    def card(self, number: int) -> Card:
        """A device by its number."""
        if not 0 <= number < len(self.cards):
            raise CUDARuntimeError(101, "cudaErrorInvalidDevice: invalid device ordinal")
        return self.cards[number]


machine = Machine()
