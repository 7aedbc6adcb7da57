"""Interrupts at random moments leave everything whole; `tests/reliability/signals.py` takes more of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from factories import ROOT
from reliability.work import KINDS

PROGRAM = Path(__file__).parents[1] / "reliability" / "signals.py"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("kind", KINDS)
def test_interrupts(kind):
    command = [sys.executable, str(PROGRAM), "--kind", kind, "--count", "50"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}  # a process of its own: forks want one without threads
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith(" interrupts, 0 faults\n")
