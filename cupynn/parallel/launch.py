"""Detect whether a launcher such as mpirun has started this process together with others."""

import os
import time
from collections.abc import Mapping

from cupynn.checks import InputError
from cupynn.parallel.ranks import HEAD_START, Ranks

# Variables for the number of processes and the rank: Open MPI; MPICH, Intel MPI and Slurm's PMI-2; MVAPICH; Slurm's PMIx.
LAUNCHERS = (
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
    ("PMI_SIZE", "PMI_RANK"),
    ("MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK"),
    ("SLURM_STEP_NUM_TASKS", "PMIX_RANK"),
)


def started(environment: Mapping[str, str] = os.environ) -> tuple[int, int]:
    """Return the number of processes started together, and the rank of this one; (1, 0) without a launcher."""
    for size, rank in LAUNCHERS:
        if size in environment and rank in environment:
            return int(environment[size]), int(environment[rank])
    return 1, 0


def world() -> Ranks:
    """Return the processes started by ``mpirun -n N``, or this process alone.

    Examples
    --------
    In a script started by ``mpirun -n 4 python script.py``:

    >>> from cupynn import parallel
    >>> with parallel.world() as ranks:                     # doctest: +SKIP
    ...     net.fit(train, epochs=3, ranks=ranks)

    Raises
    ------
    InputError
        If there are other processes, but MPI cannot be used.
    """
    size, rank = started()
    if size == 1:
        return Ranks()
    try:
        return _processes(size)
    except InputError:
        if rank > 0:
            time.sleep(HEAD_START)  # launchers end all when one has ended: the first must print the error before
            raise SystemExit(1) from None
        raise


def _processes(size: int) -> Ranks:
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # the latter if mpi4py does not find the MPI library
        raise InputError(
            f"{size} processes were started, but MPI cannot be used ({error}): pip install mpi4py, and load the module of "
            "your MPI, or pip install mpich"
        ) from None
    if MPI.COMM_WORLD.size != size:
        library = MPI.Get_library_version().splitlines()[0].strip("\0 ")
        raise InputError(
            f"{size} processes were started, but mpi4py sees {MPI.COMM_WORLD.size}: start them with the mpirun of {library}"
        )
    from cupynn.parallel.mpi import Processes

    return Processes(MPI)
