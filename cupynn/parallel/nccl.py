"""Sums over GPUs: NCCL through CuPy, one GPU a process."""

from collections.abc import Callable, Sequence
from typing import Any

from cupynn.checks import InputError
from cupynn.device.device import Device


class Nccl:
    """The GPUs of all processes.

    Its sums are made on the current stream, so that the host waits for none. For one number of GPUs, connected in one way,
    NCCL adds in one order.

    Parameters
    ----------
    device : CudaDevice
        That of this process.
    size, rank : int
        Number of processes, and of this one.
    on_first : callable
        As `Ranks` has it.

    Raises
    ------
    InputError
        If CuPy has no NCCL.
    """

    def __init__(self, device: Device, size: int, rank: int, on_first: Callable[[Callable[[], Any]], Any]) -> None:
        self.device = device
        try:
            from cupy.cuda import nccl

            if not nccl.available:
                raise ImportError("CuPy finds no library of NCCL")
        except ImportError as error:
            major = device.xp.cuda.runtime.runtimeGetVersion() // 1000
            raise InputError(
                f"gradients are summed over GPUs by NCCL ({error}): pip install nvidia-nccl-cu{major}"
            ) from None
        self.nccl = nccl
        identity = on_first(nccl.get_unique_id)
        with device:
            self.link = nccl.NcclCommunicator(size, identity, rank)

    def sum(self, arrays: Sequence[Any]) -> None:
        """Replace float32 arrays on the GPU by their sums over the processes; in one message, as they form a group."""
        with self.device:
            stream = self.device.xp.cuda.get_current_stream().ptr
            self.nccl.groupStart()
            for array in arrays:
                at = array.data.ptr
                self.link.allReduce(at, at, array.size, self.nccl.NCCL_FLOAT32, self.nccl.NCCL_SUM, stream)
            self.nccl.groupEnd()
