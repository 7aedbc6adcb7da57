"""Train on the stand-in for CuPy, one of its GPUs a process, which NCCL connects: its part is taken by MPI here.

python -m mpi.gpus FOLDER
"""

import ctypes
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
from cuda_on_cpu.fake_cupy import install

from cupynn import parallel
from cupynn.device import diagnosis
from mpi.train import fit, leave


class NcclCommunicator:
    """Sums over the processes, as soon as they are asked for."""

    def __init__(self, ndev: int, commId: object, rank: int) -> None:
        from mpi4py import MPI

        self.mpi = MPI
        assert (commId, ndev, rank) == ("the first one's", MPI.COMM_WORLD.size, MPI.COMM_WORLD.rank)

    def allReduce(self, sendbuf, recvbuf, count, datatype, op, stream) -> None:
        """Add in place."""
        assert (sendbuf, datatype, op) == (recvbuf, "float32", "sum")
        array = np.ctypeslib.as_array(ctypes.cast(sendbuf, ctypes.POINTER(ctypes.c_float)), (count,))
        self.mpi.COMM_WORLD.Allreduce(self.mpi.IN_PLACE, array, self.mpi.SUM)


def connect(cupy: ModuleType) -> None:
    """Give the stand-in a NCCL."""
    nccl = ModuleType("cupy.cuda.nccl")
    nccl.available, nccl.NCCL_FLOAT32, nccl.NCCL_SUM = True, "float32", "sum"
    nccl.get_unique_id = lambda: "the first one's"
    nccl.groupStart = nccl.groupEnd = lambda: None
    nccl.NcclCommunicator = NcclCommunicator
    cupy.cuda.nccl = sys.modules["cupy.cuda.nccl"] = nccl


if __name__ == "__main__":
    connect(install())
    diagnosis.usable_gpus = lambda: 2
    with parallel.world() as ranks:
        device = ranks.device("cuda")
        net, history = fit(ranks, "plain", device)
        assert str(net.device) == ("cuda:1" if ranks.rank else "cuda")
        leave(Path(sys.argv[1]), "plain", ranks.rank, net, history)
