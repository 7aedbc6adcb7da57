"""Measure frameworks one after the other, each in a separate process."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cupynn.checks import InputError

PEERS = ("snntorch", "spikingjelly", "norse")  # packages; spyx is measured by the protocol only


def installed(peers: tuple[str, ...]) -> list[str]:
    """Return those of the packages that are installed together with PyTorch or JAX, which they need."""
    return [peer for peer in peers if find_spec(peer) and find_spec("jax" if peer == "spyx" else "torch")]


def ask(folder: Path, module: str, environment: dict[str, str] | None = None, **job: Any) -> dict[str, Any]:
    """Call `run` of a module of this package in a new process, and return its result.

    Raises
    ------
    InputError
        If the process fails; the message is the last line of its output.
    """
    path = folder / "job.json"
    path.write_text(json.dumps({"module": module, **job}), encoding="utf-8")
    command = [sys.executable, "-m", "steps.job", str(path)]
    imports = {"PYTHONPATH": os.pathsep.join(sys.path)}  # the same cupynn and the same `steps` as here
    environment = os.environ | imports | (environment or {})
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise InputError(f"{job.get('contestant', 'cupynn')}: {last}")
    return json.loads(done.stdout.splitlines()[-1])


def threads(number: int) -> dict[str, str]:
    """Return environment variables that set the number of threads of all libraries."""
    names = ("CUPYNN_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    return dict.fromkeys(names, str(number))


def contest(net: str, device: str, repeats: int, peers: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the result of cupynn and then of each peer; a peer that fails yields an error instead of times."""
    from cupynn.kernels.threads import get_num_threads

    alike = threads(get_num_threads())
    with TemporaryDirectory(prefix="cupynn-bench-") as name:
        folder = Path(name)
        ask(folder, "pictures", net=net)
        yield ask(folder, "ours", alike, net=net, device=device, repeats=repeats)
        for peer in peers:
            try:
                yield ask(folder, "peers", alike, contestant=peer, device=device, repeats=repeats)
            except InputError as error:
                yield {"contestant": peer, "label": peer, "error": str(error)}
