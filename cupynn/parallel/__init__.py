"""Training on several processes: ``mpirun -n 4 cupynn train mnist``, through MPI.

Each process holds the network and the data, takes its share of every batch, and does the same updates with the sum of all
gradients: the result is that of one process, up to rounding, and each process has the same bits of it.
"""

from cupynn.parallel.launch import world
from cupynn.parallel.ranks import Ranks, RanksDiffer

__all__ = ["Ranks", "RanksDiffer", "world"]
