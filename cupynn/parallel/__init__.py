"""Training on several processes: ``mpirun -n 4 cupynn train mnist``, through MPI.

Each process holds the network and the data, takes its share of every batch, and does the same updates with the sum of all
gradients: the result is that of one process, up to rounding, and every process has the same bits of it. Import these names
from here. `ranks` is what a training asks, `launch` finds the processes, `mpi` and `nccl` send arrays between them.

An error in one process is printed and ends all; after a signal the state is saved first. The launcher ends all when one of
them dies; the command that resumes a run is printed when it begins.

Open MPI gives each of two processes one core, unless it is told ``--bind-to none``, and after SIGTERM a second to save,
unless it is told ``--prtemca odls_base_sigkill_timeout 60``. Slurm's ``srun`` ends all when one was killed if it is
told ``--kill-on-bad-exit=1``.
"""

from cupynn.parallel.launch import world
from cupynn.parallel.ranks import Ranks, RanksDiffer

__all__ = ["Ranks", "RanksDiffer", "world"]
