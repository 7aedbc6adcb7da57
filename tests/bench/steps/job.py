"""Measure one framework: `python -m steps.job JOB` reads the file JOB and prints the result as JSON."""

import json
import sys
from importlib import import_module
from pathlib import Path


def main() -> None:
    """Call `run` of the module that the job names, and print its result."""
    path = Path(sys.argv[1])
    job = json.loads(path.read_text(encoding="utf-8"))
    module = import_module(f"steps.{job.pop('module')}")
    print(json.dumps(module.run(**job, folder=path.parent)))


if __name__ == "__main__":
    main()
