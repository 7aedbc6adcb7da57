"""The sanitizers find what they are there for, in kernels that Python launches."""

import subprocess
import sys
from pathlib import Path

import pytest
from cuda_on_cpu import build, sanitize

pytestmark = pytest.mark.skipif(build.mode() != "", reason="starts processes under a sanitizer itself")

LAUNCH = """
import sys
import numpy as np
from cuda_on_cpu import fake_cupy
from cuda_on_cpu.examples import source
name, dtype, *numbers = sys.argv[1:]
cupy = fake_cupy.install()
arguments = (cupy.zeros(64, dtype), *(np.int32(int(n)) for n in numbers))
cupy.RawModule(code=source("mistakes")).get_function(name)((1,), (64,), arguments, shared_mem=256)
print("survived")
"""


def launch_under(mode, *arguments):
    if not sanitize.available(mode):
        pytest.skip(f"g++ has no {mode} sanitizer here")
    environment = sanitize.environment(mode) | {"PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-c", LAUNCH, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("mode", "name", "arguments", "reports"),
    [
        ("address", "past_array", ["float32", "1"], ["heap-buffer-overflow"]),
        ("address", "past_static_shared", ["float32", "1"], ["insufficient space", "global-buffer-overflow"]),
        ("address", "past_dynamic_shared", ["float32", "1"], ["use-after-poison"]),
        ("address", "past_local", ["float32", "4"], ["out of bounds", "insufficient space"]),
        ("address", "misaligned", ["float32", "5"], ["misaligned address"]),
        ("address", "index_overflow", ["float32", "5"], ["signed integer overflow"]),
        ("thread", "missing_barrier", ["int32"], ["data race"]),
        ("thread", "missing_atomic", ["int32"], ["data race"]),
    ],
)
def test_a_planted_mistake_is_found(mode, name, arguments, reports):
    done = launch_under(mode, name, *arguments)
    assert done.returncode != 0
    assert "survived" not in done.stdout
    assert any(report in done.stderr for report in reports), done.stderr
    assert "mistakes.cu:" in done.stderr


@pytest.mark.parametrize(
    ("mode", "name", "arguments"),
    [
        ("address", "past_array", ["float32", "0"]),
        ("address", "past_local", ["float32", "3"]),
        ("thread", "right", ["int32"]),
    ],
)
def test_nothing_else_is(mode, name, arguments):
    done = launch_under(mode, name, *arguments)
    assert (done.returncode, done.stdout, done.stderr) == (0, "survived\n", "")
