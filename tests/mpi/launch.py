"""Starts programs on several processes, with whatever MPI is installed."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
# What Open MPI wants to be told where there are fewer cores than processes, or one is root.
OPEN_MPI = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}


def mpirun() -> str | None:
    """The launcher that belongs to this Python, or else the user's."""
    return shutil.which("mpirun", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))


needs_mpi = pytest.mark.skipif(
    find_spec("mpi4py") is None or mpirun() is None, reason='no MPI here: pip install -e ".[mpi]" mpich'
)


def start(processes: int, *command: str, **environment: str) -> subprocess.CompletedProcess:
    """Run Python with these arguments on so many processes; one thread each, and no GPU."""
    variables = os.environ | OPEN_MPI | {"CUPYNN_THREADS": "1", "PYTHONPATH": str(TESTS)} | environment
    launcher = [mpirun(), "-n", str(processes)] if processes else []
    return subprocess.run(
        [*launcher, sys.executable, *map(str, command)], env=variables, capture_output=True, text=True, timeout=300
    )
