"""Whether a launcher such as mpirun has started this process beside others, and the processes, if so."""

import os
import time
from collections.abc import Mapping

from cupynn.checks import InputError
from cupynn.parallel.ranks import HEAD_START, Ranks

# Where launchers leave the number of processes, and that of this one: Open MPI; MPICH, Intel MPI and Slurm's PMI-2; MVAPICH;
# Slurm's PMIx.
LAUNCHERS = (
    ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
    ("PMI_SIZE", "PMI_RANK"),
    ("MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_RANK"),
    ("SLURM_STEP_NUM_TASKS", "PMIX_RANK"),
)


def started(environment: Mapping[str, str] = os.environ) -> tuple[int, int]:
    """Number of processes that were started together, and of this one among them; (1, 0) without a launcher."""
    for size, rank in LAUNCHERS:
        if size in environment and rank in environment:
            return int(environment[size]), int(environment[rank])
    return 1, 0


def world() -> Ranks:
    """The processes that ``mpirun -n N`` has started, this one among them; or this one alone.

    Examples
    --------
    In a script that is started by ``mpirun -n 4 python script.py``:

    >>> from cupynn import parallel
    >>> with parallel.world() as ranks:                     # doctest: +SKIP
    ...     net.fit(train, epochs=3, ranks=ranks)

    Raises
    ------
    InputError
        If there are others, and MPI cannot be had.
    """
    size, rank = started()
    if size == 1:
        return Ranks()
    try:
        return _processes(size)
    except InputError:
        if rank > 0:
            time.sleep(HEAD_START)  # launchers end all when one has ended: the first says why, once
            raise SystemExit(1) from None
        raise


def _processes(size: int) -> Ranks:
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:  # the latter where mpi4py finds no library of MPI
        raise InputError(
            f"{size} processes were started, and MPI cannot be used ({error}): pip install mpi4py, and load the module of "
            "your MPI, or pip install mpich"
        ) from None
    if MPI.COMM_WORLD.size != size:
        library = MPI.Get_library_version().splitlines()[0].strip("\0 ")
        raise InputError(
            f"{size} processes were started, and mpi4py sees {MPI.COMM_WORLD.size}: start them with the mpirun of the MPI "
            f"that it uses, {library}"
        )
    from cupynn.parallel.mpi import Processes

    return Processes(MPI)
