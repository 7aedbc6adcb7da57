"""CUDA C++ on the CPU: right kernels give right results, and the mistakes that it promises to find are found."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cuda_on_cpu import build, fake_cupy
from cuda_on_cpu.examples import kernels, source
from cuda_on_cpu.launch import LaunchError, kernel

pytestmark = pytest.mark.cuda_small
cupy = fake_cupy.modules()["cupy"]  # without putting it in CuPy's place


@pytest.fixture(params=["forward", "reverse"])
def order(request, monkeypatch):
    monkeypatch.setenv("CUDA_ON_CPU_ORDER", request.param)


def example(stem, name):
    return cupy.RawModule(code=source(stem)).get_function(name)


def run(launch, block, *arrays):
    """Launch one block on copies of arrays -> the first array after it."""
    copies = tuple(cupy.array(a) for a in arrays)
    launch((1,), block, copies)
    return copies[0].get()


@pytest.mark.usefixtures("order")
class TestKernels:
    def test_neurons(self):
        steps, size, decay, v_th, t_ref = 50, 70, np.float32(0.9), np.float32(1), 2
        current = np.random.default_rng(0).random((steps, size), np.float32) * np.float32(0.5)
        v, rest, expected = np.zeros(size, np.float32), np.zeros(size, int), np.zeros((steps, size), np.uint8)
        for t in range(steps):
            v = np.where(rest > 0, np.float32(0), v * decay + current[t])
            rest -= rest > 0
            expected[t] = v > v_th
            v[expected[t] > 0], rest[expected[t] > 0] = 0, t_ref
        spikes, potential = cupy.empty((steps, size), np.uint8), cupy.empty(size, np.float32)
        arguments = (cupy.asarray(current), spikes, potential, np.int32(steps), np.int32(size), decay, v_th, np.int32(t_ref))
        example("lif", "lif_forward")((2,), (64,), arguments)
        assert expected.any()
        np.testing.assert_array_equal(spikes.get(), expected)
        np.testing.assert_array_equal(potential.get(), v)

    @pytest.mark.parametrize(("name", "dtype"), [("total_f4", np.float32), ("total_i4", np.int32)])
    def test_shuffles_and_atomics(self, name, dtype):
        total = cupy.zeros(1, dtype)
        example("sums", name)((3,), (256,), (cupy.arange(700, dtype=dtype), total, np.int32(700)))
        assert total[0] == 699 * 350

    def test_shared_memory_and_barriers(self):
        x = np.arange(19 * 45, dtype=np.float32).reshape(19, 45)
        sums = cupy.empty(45, np.float32)
        example("sums", "column_sums")((2,), (32, 8), (cupy.asarray(x), sums, np.int32(19), np.int32(45)))
        np.testing.assert_array_equal(sums.get(), x.sum(0))

    def test_dynamic_shared_memory(self):
        x = np.arange(2 * 48, dtype=np.float32).reshape(2, 48)
        rows = cupy.asarray(x)
        example("sums", "row_scan")((2,), (48,), (rows,), shared_mem=2 * 48 * 4)
        np.testing.assert_array_equal(rows.get(), x.cumsum(1))


LANES = np.arange(32)
COLLECTIVES = {
    "__shfl_sync(~0u, x, 5)": np.full(32, 5),
    "__shfl_sync(~0u, x, 5, 8)": LANES // 8 * 8 + 5,
    "__shfl_up_sync(~0u, x, 3)": np.where(LANES < 3, LANES, LANES - 3),
    "__shfl_up_sync(~0u, x, 3, 8)": np.where(LANES % 8 < 3, LANES, LANES - 3),
    "__shfl_down_sync(~0u, x, 3)": np.where(LANES > 28, LANES, LANES + 3),
    "__shfl_down_sync(~0u, x, 3, 8)": np.where(LANES % 8 > 4, LANES, LANES + 3),
    "__shfl_xor_sync(~0u, x, 9)": LANES ^ 9,
    "__shfl_xor_sync(~0u, x + 0.5, 1) * 2": 2 * (LANES ^ 1) + 1,
    "__ballot_sync(~0u, x % 3 == 0)": np.full(32, sum(1 << i for i in range(0, 32, 3))),
    "__any_sync(~0u, x == 31)": np.ones(32),
    "__any_sync(~0u, x == 32)": np.zeros(32),
    "__all_sync(~0u, x < 32)": np.ones(32),
    "__all_sync(~0u, x < 31)": np.zeros(32),
    "__popc(__activemask())": np.ones(32),
    "__syncthreads_count(x % 3 == 0)": np.full(32, 11),
    "__syncthreads_or(x == 31)": np.ones(32),
    "__syncthreads_and(x < 32)": np.ones(32),
    "__syncthreads_and(x < 31)": np.zeros(32),
}
SPLIT = """
    int x = threadIdx.x, sum = 0;
    if (x < 10) for (int i = 0; i < x % 2 + 1; ++i) { __syncwarp(1u << x); sum += x; }
    else sum = __shfl_sync(0xfffffc00u, x, 20);
    __syncwarp();
    y[x] = sum;"""
SHORT = "y[threadIdx.x] = __popc(__ballot_sync(0xffffffffu, 1)) + __all_sync(0xffffffffu, 1);"
ABSENT = "y[threadIdx.x] = __float_as_int(__shfl_sync(0xffffffffu, 1.0f, 31));"


@pytest.mark.usefixtures("order")
class TestWarps:
    text = kernels("int* y", [*(f"int x = threadIdx.x; y[x] = {call};" for call in COLLECTIVES), SPLIT, SHORT, ABSENT])

    @pytest.mark.parametrize(("i", "call"), list(enumerate(COLLECTIVES)))
    def test_collectives(self, i, call):
        result = run(kernel(self.text, f"k{i}"), (32,), np.zeros(32, np.int32))
        np.testing.assert_array_equal(result.view(np.uint32), COLLECTIVES[call])

    def test_parts_of_a_warp_go_their_own_ways(self):
        result = run(kernel(self.text, f"k{len(COLLECTIVES)}"), (32,), np.zeros(32, np.int32))
        np.testing.assert_array_equal(result, np.where(LANES < 10, LANES * (LANES % 2 + 1), 20))

    def test_the_last_warp_may_be_short(self):
        result = run(kernel(self.text, f"k{len(COLLECTIVES) + 1}"), (40,), np.zeros(40, np.int32))
        assert result.tolist() == [33] * 32 + [9] * 8

    def test_a_value_that_nobody_brings_is_not_a_number(self):
        result = run(kernel(self.text, f"k{len(COLLECTIVES) + 2}"), (20,), np.zeros(20, np.int32))
        assert np.isnan(result.view(np.float32)).all()


VALUES = {
    "__popc(0xf0f0u)": 8,
    "__ffs(8)": 4,
    "__ffs(0)": 0,
    "__clz(1)": 31,
    "__clz(0)": 32,
    "__brev(1u)": 2**31,
    "__umulhi(0xd2511f53u, 0x9abcdef0u)": 0xD2511F53 * 0x9ABCDEF0 >> 32,
    "__mulhi(-2, 3)": -1,
    "min(3, 2u) + max(-1, -2)": 1,
    "min(2.5f, 2.0f) + max(1.0f, 0.5f)": 3,
    "__float_as_int(1.0f)": 0x3F800000,
    "__funnelshift_l(0x80000000u, 1u, 1)": 3,
    "make_float4(1, 2, 3, 4).w + make_uint2(5, 6).y": 10,
    "fmaf(x[0], x[1], -1.0f)": -(2.0**-40),
    "x[0] * x[1] - 1.0f": 0,
    "__fadd_rn(__fmul_rn(x[0], x[1]), -1.0f)": 0,
    "x[2] * 1e-10f": 0,
    "__ldg(x + 3) + warpSize": 37,
}


@pytest.fixture(scope="module")
def values():
    """Value of each expression, computed by one kernel."""
    text = kernels("double* y, const float* x", ["".join(f"y[{i}] = {value};" for i, value in enumerate(VALUES))])
    x = np.array([1 + 2**-20, 1 - 2**-20, 1e-30, 5], np.float32)
    return dict(zip(VALUES, run(kernel(text, "k0"), (1,), np.zeros(len(VALUES)), x), strict=True))


class TestArithmetic:
    @pytest.mark.parametrize("expression", VALUES)
    def test_value(self, values, expression):
        assert values[expression] == VALUES[expression]

    def test_atomics(self):
        changed = {"Add": 45, "Sub": 39, "Min": 3, "Max": 42, "And": 2, "Or": 43, "Xor": 41, "Exch": 3}
        calls = {f"atomic{name}(y, 3)": value for name, value in changed.items()}
        calls |= {"atomicCAS(y, 42, 3)": 3, "atomicCAS(y, 41, 3)": 42}
        text = kernels("int* y", [f"y[1] = {call};" for call in calls])
        for i, value in enumerate(calls.values()):
            assert run(kernel(text, f"k{i}"), (1,), np.array([42, 0], np.int32)).tolist() == [value, 42]


class TestMistakes:
    @pytest.mark.skipif(build.mode() == "thread", reason="threads of the system wait in vain")
    @pytest.mark.usefixtures("order")
    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("divergent", r"divergent barrier: .*\(0, 0, 0\).* at mistakes\.cu:5, but .*\(7, 0, 0\).* at mistakes\.cu:7"),
            ("barrier_after_exit", r"barrier after an exit: .*__syncthreads at mistakes\.cu:12, but thread \(5, 0, 0\)"),
            ("shuffle_after_exit", r"__shfl_sync at mistakes\.cu:17 waits for thread \(5, 0, 0\), which has returned"),
            (
                "outside_mask",
                r"__ballot_sync at mistakes\.cu:20: the mask 0xffff leaves out its own thread \((16|31), 0, 0\)",
            ),
            (
                "deadlock",
                r"deadlock: thread \(0, 0, 0\) waits for ever in __syncwarp at mistakes\.cu:24 \(block \(0, 0, 0\)\)",
            ),
        ],
    )
    def test_meetings(self, name, message):
        for _ in range(2):  # and the library works on after a failure
            with pytest.raises(LaunchError, match=message):
                example("mistakes", name)((1,), (32,), (cupy.zeros(32, np.int32),))
        assert run(example("mistakes", "right"), (32,), np.zeros(32, np.int32)).tolist() == [32] * 32

    @pytest.mark.skipif(build.mode() == "thread", reason="the thread sanitizer ends the run, as it should")
    def test_a_missing_barrier_shows_in_the_order_of_threads(self, monkeypatch):
        results = []
        for order in ("forward", "reverse"):
            monkeypatch.setenv("CUDA_ON_CPU_ORDER", order)
            results.append(run(example("mistakes", "missing_barrier"), (64,), np.arange(64, dtype=np.int32)).tolist())
        assert results[0] != results[1]

    def test_shared_memory_is_not_set(self):
        y = cupy.zeros(64, np.float32)
        example("mistakes", "unset_shared")((3,), (64,), (y,), shared_mem=256)
        assert np.isnan(y.get()).all()


class TestBuild:
    def test_kernels_are_found_however_they_are_declared(self):
        text = """
            extern "C" __global__ void one(int);
            extern "C" __global__ void __launch_bounds__(2 * (3 + 4), 1)
            one(int x) {}
            extern "C" { struct P { int x; }; __device__ int f(int x) { return x; }
            __launch_bounds__(64) __global__ static void two(P p, float* (*f)(int)) { if (p.x) { } } }
            template <class T> __global__ void three(T x) {}
            __global__ void four(int x) {}"""
        assert build.kernels(text) == {"one": "(2 * (3 + 4), 1)", "two": "(64)"}

    def test_options_and_lines(self):
        text = 'extern "C" __global__ void k(float* y) {\n#ifdef OFF\n    y[0] = undeclared;\n#endif\n}'
        assert build.build(text)[1] == ["k"]
        with pytest.raises(build.CompileError, match=r"kernel\.cu:3:\d+: error: .undeclared. was not declared"):
            build.build(text, ("-DOFF",))
        with pytest.raises(build.CompileError, match="--fast"):
            build.build(text, ("--fast",))

    def test_two_processes_may_build_at_once(self, tmp_path):
        code = "from cuda_on_cpu.build import build; print(build('extern \"C\" __global__ void k() {}')[1])"
        environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[1])}
        command = [sys.executable, "-c", code]
        both = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)]
        assert [process.communicate(timeout=60)[0].strip() for process in both] == ["['k']", "['k']"]
        assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1
