"""Training on several processes: ``mpirun -n 4 cupynn train mnist``, through MPI.

Each process holds the network and the data, computes its share of every batch, and makes the same updates with the sum of
all gradients. The result equals that of one process up to rounding, and is the same in all processes, bit for bit. Import
these names from here. `ranks` is the interface for training, `launch` finds the processes, `mpi` and `nccl` send arrays.

An error in one process is printed and ends all; after a signal the state is saved first. If a process dies, the launcher
ends all; the command that resumes the run is printed at its start.

With two processes, Open MPI gives each one core, unless called with ``--bind-to none``. After SIGTERM it waits one second,
or as set by ``--prtemca odls_base_sigkill_timeout 60``. Slurm needs ``srun --kill-on-bad-exit=1`` to end all when one dies.
"""

from cupynn.parallel.launch import world
from cupynn.parallel.ranks import Ranks, RanksDiffer

__all__ = ["Ranks", "RanksDiffer", "world"]
