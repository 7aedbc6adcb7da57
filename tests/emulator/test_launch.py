"""What a launch on the CPU refuses: sizes that no GPU takes, arguments that a GPU would read as something else."""

import numpy as np
import pytest
from cuda_on_cpu import fake_cupy
from cuda_on_cpu.examples import source
from cuda_on_cpu.launch import LaunchError, kernel

pytestmark = pytest.mark.cuda_small
cupy = fake_cupy.modules()["cupy"]

TYPES = ["int", "long long", "float", "double", "bool", "float*", "unsigned*", "const unsigned char*", "float4*"]
TAKES = "\n".join(f'extern "C" __global__ void k{i}({name} x) {{}}' for i, name in enumerate(TYPES))


def launch_with(parameter, value):
    kernel(TAKES, f"k{TYPES.index(parameter)}")((1,), (1,), (value,))


@pytest.mark.parametrize(
    ("grid", "block", "shared", "message"),
    [
        ((1,), (1025,), 0, r"block \(1025,\), at most"),
        ((1,), (32, 33), 0, "1056 threads a block, at most 1024"),
        ((1,), (1, 1, 65), 0, r"block \(1, 1, 65\), at most"),
        ((1, 65536), (1,), 0, r"grid \(1, 65536\), at most"),
        ((1, 1, 65536), (1,), 0, r"grid \(1, 1, 65536\), at most"),
        ((1,), (1,), 48 * 1024 + 1, "max_dynamic_shared_size_bytes is set"),
        ((1,), (1,), 227 * 1024 + 1, r"at most \d+ are allowed$"),
    ],
)
def test_limits(grid, block, shared, message):
    with pytest.raises(LaunchError, match=message):
        kernel(TAKES, "k0")(grid, block, (np.int32(0),), shared)


def test_shapes_are_tuples():
    with pytest.raises(TypeError, match="grid=4 must be a tuple"):
        kernel(TAKES, "k0")(4, (1,), (np.int32(0),))


def test_launch_bounds():
    with pytest.raises(LaunchError, match="lif_forward: 160 threads a block, at most 128"):
        cupy.RawModule(code=source("lif")).get_function("lif_forward")((1,), (160,), ())


def test_more_shared_memory_must_be_asked_for():
    scan = cupy.RawModule(code=source("sums")).get_function("row_scan")

    def launch(shared):
        scan((1,), (16,), (cupy.zeros(16, np.float32),), shared_mem=shared)

    before = scan.max_dynamic_shared_size_bytes
    with pytest.raises(LaunchError):
        launch(60_000)
    scan.max_dynamic_shared_size_bytes = 60_000
    launch(60_000)
    with cupy.cuda.Device(1), pytest.raises(LaunchError):  # each device has to be asked
        launch(60_000)
    with pytest.raises(cupy.cuda.driver.CUDADriverError):
        scan.max_dynamic_shared_size_bytes = 300_000
    scan.max_dynamic_shared_size_bytes = before


def test_no_blocks_are_one():
    """A trap of CuPy's: a grid of no blocks is launched as one."""
    y = cupy.zeros(1, np.int32)
    cupy.RawModule(code=source("mistakes")).get_function("missing_atomic")((0,), (1,), (y,))
    assert y[0] == 1


@pytest.mark.parametrize(
    ("parameter", "value", "message"),
    [
        ("float*", np.float32(1), "is a number of type float32"),
        ("float*", cupy.zeros(4), "array of float64, the parameter points to float32"),
        ("float*", cupy.zeros(4, np.int32), "array of int32, the parameter points to float32"),
        ("unsigned*", cupy.zeros(4, np.int32), "array of int32, the parameter points to uint32"),
        ("const unsigned char*", cupy.zeros(4, bool), "array of bool, the parameter points to uint8"),
        ("float*", cupy.zeros((4, 4), np.float32)[:, 1], "not C-contiguous"),
        ("float4*", cupy.zeros(8, np.float32)[1:5], "no whole, aligned"),
        ("float4*", cupy.zeros(6, np.float32), "no whole, aligned"),
        ("int", cupy.zeros(4, np.int32), "is an array"),
        ("int", 3, "number of type int64, the parameter is i4"),
        ("int", np.uint32(3), "number of type uint32"),
        ("float", 3.0, "number of type float64, the parameter is f4"),
        ("double", np.float32(3), "number of type float32"),
        ("bool", np.uint8(1), "number of type uint8"),
        ("int", None, "null pointer"),
    ],
)
def test_wrong_arguments(parameter, value, message):
    with pytest.raises(LaunchError, match=f"argument 0 .*{message}|argument 0: .*{message}"):
        launch_with(parameter, value)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("float*", cupy.zeros(4, np.float32)),
        ("float*", cupy.zeros((4, 4), np.float32)[2]),
        ("const unsigned char*", cupy.zeros(4, np.uint8)),
        ("float4*", cupy.zeros(8, np.float32)),
        ("float*", None),
        ("float*", np.uintp(0)),
        ("int", np.int32(3)),
        ("long long", 3),
        ("double", 3.0),
        ("bool", True),
    ],
)
def test_right_arguments(parameter, value):
    launch_with(parameter, value)


def test_number_of_arguments():
    with pytest.raises(LaunchError, match="k0: 2 arguments for 1 parameters"):
        kernel(TAKES, "k0")((1,), (1,), (np.int32(1), np.int32(1)))


@pytest.mark.parametrize("value", [np.zeros(3, np.float32), [1.0], "text"], ids=str)
def test_what_is_no_argument_at_all(value):
    with pytest.raises(TypeError, match="Unsupported type"):
        launch_with("float*", value)


def test_arrays_of_another_device():
    y = cupy.zeros(64, np.int32)
    add = cupy.RawModule(code=source("mistakes")).get_function("missing_atomic")
    with cupy.cuda.Device(1), pytest.raises(LaunchError, match="argument 0 is an array of device 0, the current one is 1"):
        add((1,), (1,), (y,))
