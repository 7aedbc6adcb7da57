"""A training that dies at a change of its files ends with the same bits; `reliability/kill_points.py` takes every change."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from factories import ROOT

PROGRAM = Path(__file__).parents[1] / "reliability" / "kill_points.py"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_every_third_point():
    command = [sys.executable, str(PROGRAM), "--no-figures", "--every", "3"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}  # a process of its own: forks want one without threads
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    points, trainings, deaths, faults = (int(word) for word in done.stdout.split() if word.isdecimal())
    assert faults == 0
    assert points > 100
    assert trainings == deaths == -(-points // 3)
