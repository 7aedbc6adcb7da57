"""A process that measures one contestant: `python -m steps.job JOB`, where JOB is a file; it prints JSON."""

import json
import sys
from importlib import import_module
from pathlib import Path


def main() -> None:
    """Do the job: call `run` of a module of this package."""
    path = Path(sys.argv[1])
    job = json.loads(path.read_text(encoding="utf-8"))
    module = import_module(f"steps.{job.pop('module')}")
    print(json.dumps(module.run(**job, folder=path.parent)))


if __name__ == "__main__":
    main()
