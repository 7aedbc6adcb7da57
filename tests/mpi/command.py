"""The command line on the processes of mpirun, with a save after each batch; that of rank 1 may fail on its way.

python -m mpi.command FAILURE train ...
"""

import sys

from cupynn import cli, training
from cupynn.parallel.launch import started
from mpi.train import FAILURES, fail

if __name__ == "__main__":
    training.fit.__wrapped__.__kwdefaults__["checkpoint_seconds"] = 0
    if how := FAILURES.get(sys.argv.pop(1)):
        fail(started()[1], how)
    sys.exit(cli.main(sys.argv[1:]))
