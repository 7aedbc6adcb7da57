"""Sums over GPUs with NCCL, through CuPy; one GPU per process."""

from collections.abc import Callable, Sequence
from typing import Any

from cupynn.checks import InputError
from cupynn.device.device import Device


class Nccl:
    """The GPUs of all processes.

    Sums run on the current stream, so that the host does not wait. NCCL's order of addition depends only on the number of
    GPUs and how they are connected.

    Parameters
    ----------
    device : CudaDevice
        GPU of this process.
    size, rank : int
        Number of processes, and rank of this one.
    on_first : callable
        As `Ranks.on_first`.

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
                raise ImportError("CuPy does not find it")
        except ImportError as error:
            major = device.xp.cuda.runtime.runtimeGetVersion() // 1000
            raise InputError(f"NCCL is needed for several GPUs ({error}): pip install nvidia-nccl-cu{major}") from None
        self.nccl = nccl
        identity = on_first(nccl.get_unique_id)
        with device:
            self.link = nccl.NcclCommunicator(size, identity, rank)

    def sum(self, arrays: Sequence[Any]) -> None:
        """Replace float32 arrays on the GPU by their sums over the processes, all in one message."""
        with self.device:
            stream = self.device.xp.cuda.get_current_stream().ptr
            self.nccl.groupStart()
            for array in arrays:
                at = array.data.ptr
                self.link.allReduce(at, at, array.size, self.nccl.NCCL_FLOAT32, self.nccl.NCCL_SUM, stream)
            self.nccl.groupEnd()
