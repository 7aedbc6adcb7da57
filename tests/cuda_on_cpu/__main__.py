"""Run a program with the stand-in in CuPy's place: `PYTHONPATH=tests python -m cuda_on_cpu [-m MODULE | FILE] ...`."""

import runpy
import sys
from pathlib import Path

from cuda_on_cpu.fake_cupy import install

if __name__ == "__main__":
    install()
    by_module = sys.argv[1] == "-m"
    sys.argv = sys.argv[2:] if by_module else sys.argv[1:]
    if by_module:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        sys.path.insert(0, str(Path(sys.argv[0]).parent))
        runpy.run_path(sys.argv[0], run_name="__main__")
