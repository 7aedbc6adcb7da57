"""The stand-in for CuPy refuses what CuPy refuses, and counts what a GPU would wait for."""

import operator
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from cuda_on_cpu import fake_cupy
from cuda_on_cpu.fake_cupy.names import recorded

cupy = fake_cupy.modules()["cupy"]
host = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.fixture(autouse=True)
def machine():
    fake_cupy.reset()
    yield
    fake_cupy.reset()


@pytest.fixture
def x():
    return cupy.asarray(host)


class TestHostArrays:
    @pytest.mark.parametrize("sign", [operator.add, operator.lt, operator.matmul, operator.iadd, operator.and_])
    def test_no_operator_takes_them(self, x, sign):
        for pair in ((x, host.copy()), (host.copy(), x)):
            with pytest.raises(TypeError, match="Unsupported type"):
                sign(*pair)

    @pytest.mark.parametrize(
        "call",
        [
            lambda x: cupy.sum(host),
            lambda x: cupy.maximum(x, host),
            lambda x: cupy.where(x > 0, host, x),
            lambda x: cupy.concatenate([x, host]),
            lambda x: cupy.add(x, x, out=host),
            lambda x: cupy.asarray([x, host]),
            lambda x: np.concatenate([x, host]),
            lambda x: np.add(host, x),
            lambda x: x.dot(host),
        ],
    )
    def test_no_function_takes_them(self, x, call):
        with pytest.raises(TypeError, match="Unsupported type"):
            call(x)

    @pytest.mark.parametrize("convert", [np.asarray, np.array, lambda x: np.zeros(3, np.float32) + np.asarray(x)])
    def test_nothing_becomes_one_by_itself(self, x, convert):
        with pytest.raises(TypeError, match="Implicit conversion to a NumPy array is not allowed"):
            convert(x)

    def test_they_are_assigned_where_cupy_assigns_them(self, x):
        for key in (slice(None), 0, ..., (slice(None), 1)):
            with pytest.raises(ValueError, match=r"non-scalar numpy\.ndarray cannot be used for fill"):
                x[key] = np.ones(x[key].shape, np.float32)
        with pytest.raises(ValueError, match="non-scalar"):
            x.fill(host)
        x[0] = np.float32(7)
        x[1] = np.array(8)
        x[[2]] = np.full((1, 4), 9, np.float32)  # by integer arrays and by masks: copied to the device
        assert fake_cupy.uploads == 3  # x itself, the key, the values
        np.testing.assert_array_equal(x.get(), np.repeat([[7], [8], [9]], 4, 1))

    def test_set(self, x):
        x.set(host + 1)
        np.testing.assert_array_equal(x.get(), host + 1)
        with pytest.raises(TypeError, match="float64 array cannot be set to float32"):
            x.set(host.astype(float))
        with pytest.raises(ValueError, match="Shape mismatch"):
            x.set(host[0])
        with pytest.raises(TypeError, match=r"Only numpy\.ndarray"):
            x.set(x)


class TestNames:
    @pytest.mark.parametrize("name", ["geomspace", "insert", "nanpercentile", "trapezoid", "vecdot", "random", "nosuch"])
    def test_what_cupy_lacks(self, name):
        with pytest.raises(AttributeError, match=f"module 'cupy' has no attribute '{name}'"):
            getattr(cupy, name)

    @pytest.mark.parametrize("call", [np.spacing, lambda x: np.insert(x, 0, 1), lambda x: np.ptp(x, initial=1)])
    def test_what_numpy_asks_it_for_in_vain(self, x, call):
        with pytest.raises(TypeError):
            call(x)

    def test_what_its_arrays_lack(self, x):
        with pytest.raises(AttributeError):
            x.setflags(write=False)
        with pytest.raises(TypeError):
            x.item(3)
        with pytest.raises(TypeError):
            range(x.sum())
        with pytest.raises(TypeError):
            hash(x)

    @pytest.mark.parametrize(
        "call",
        [
            lambda x: cupy.sum(x, initial=1),
            lambda x: cupy.exp(x, where=x > 0),
            lambda x: cupy.argsort(x, -1, None, None),
            lambda x: x.sum(where=x > 0),
            lambda x: np.sum(x, initial=1),
            lambda x: np.exp(x, where=x > 0),
        ],
    )
    def test_parameters_that_cupy_lacks(self, x, call):
        with pytest.raises(TypeError, match=r"unexpected keyword|takes \d arguments"):
            call(x)

    def test_the_real_one_has_them_all(self):
        code = "import cupy, sys; from cuda_on_cpu.fake_cupy.names import describe; sys.stdout.write(describe(cupy))"
        command = [sys.executable, "-W", "ignore", "-c", f"import sys; sys.path.insert(0, sys.argv[1]); {code}"]
        done = subprocess.run([*command, str(Path(__file__).parents[1])], capture_output=True, text=True, timeout=60)
        if "No module named 'cupy'" in done.stderr:
            pytest.skip('CuPy is not installed: pip install -e ".[cuda13]"')
        lines = (line.split() for line in done.stdout.splitlines())
        real = {name: parameters for name, *parameters in lines}
        assert real.keys() >= recorded().keys()
        for name, parameters in recorded().items():
            assert "**kwargs" in parameters or set(parameters) <= set(real[name]), name


class TestResults:
    def test_numbers_are_arrays(self, x):
        for value in (x.sum(), x[0, 0], x.max(), cupy.mean(x), cupy.array_equal(x, x), cupy.argmax(x)):
            assert isinstance(value, cupy.ndarray)
            assert value.shape == ()

    def test_views_and_copies(self, x):
        x[1:, 1] = 5
        x.T[0] = 6
        row = x[2]
        row += 1
        x.reshape(-1)[:2] = cupy.asarray([8, 9])
        np.testing.assert_array_equal(x.get(), [[8, 9, 2, 3], [6, 5, 6, 7], [7, 6, 11, 12]])
        copied = x.copy()
        copied += 1
        assert not (x == copied).any()
        assert x.astype(np.float32, copy=False) is x
        assert cupy.cumsum(x, axis=1, out=x) is x

    def test_numpys_functions_stay_on_the_device(self, x):
        for result in (np.exp(x), np.sum(x), np.concatenate([x, x]), 2 - x, np.float32(2) * x):
            assert isinstance(result, cupy.ndarray)
        assert np.exp(x).dtype == np.float32

    def test_memory_that_nobody_wrote(self):
        assert np.isnan(cupy.empty(3).get()).all()
        assert np.isnan(cupy.empty_like(cupy.zeros((2, 2), np.float32)).get()).all()
        assert (cupy.empty(3, np.int32) == -1).all()

    def test_array_module_and_pickle(self, x):
        assert cupy.get_array_module(host, x) is cupy
        assert cupy.get_array_module(host) is np
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(x)).get(), host)

    def test_objects_are_no_arrays(self):
        with pytest.raises(ValueError, match="Unsupported dtype"):
            cupy.asarray(["text"])


class TestWaiting:
    @pytest.mark.parametrize(
        ("action", "waits"),
        [
            (lambda x: x.get(), 1),
            (lambda x: cupy.asnumpy(x), 1),
            (lambda x: x[0, 0].item(), 1),
            (lambda x: float(x.sum()), 1),
            (lambda x: bool(x.any()), 1),
            (lambda x: str(x), 1),
            (lambda x: x[x > 3], 1),
            (lambda x: x.__setitem__(x > 3, 0), 1),
            (lambda x: cupy.nonzero(x), 1),
            (lambda x: x.nonzero(), 1),
            (lambda x: cupy.where(x), 1),
            (lambda x: cupy.unique(x), 1),
            (lambda x: cupy.cuda.Device().synchronize(), 1),
            (lambda x: cupy.cuda.get_current_stream().synchronize(), 1),
            (lambda x: cupy.cuda.runtime.deviceSynchronize(), 1),
            (lambda x: x.sum() + x.max() * 2, 0),
            (lambda x: x[cupy.asarray([0, 2])], 0),
            (lambda x: cupy.where(x > 0, x, -x).cumsum(1), 0),
            (lambda x: x.shape + x[0].strides, 0),
        ],
    )
    def test_synchronisations(self, x, action, waits):
        action(x)
        assert fake_cupy.synchronisations == waits

    def test_asnumpy_of_a_host_array_is_free(self):
        assert cupy.asnumpy(host) is host
        assert fake_cupy.synchronisations == 0

    def test_events(self):
        start, end = cupy.cuda.Event(), cupy.cuda.Event()
        start.record()
        with cupy.cuda.Stream(non_blocking=True) as stream:
            assert cupy.cuda.get_current_stream() is stream
            end.record(stream)
        assert cupy.cuda.get_current_stream() is cupy.cuda.Stream.null
        assert cupy.cuda.get_elapsed_time(start, end) >= 0
        with pytest.raises(ValueError, match="not been recorded"):
            cupy.cuda.get_elapsed_time(start, cupy.cuda.Event())


class TestDevices:
    def test_arrays_of_two_devices_do_not_mix(self, x):
        with cupy.cuda.Device(1):
            other = cupy.ones((3, 4), np.float32)
        assert (x.device, other.device) == (cupy.cuda.Device(0), cupy.cuda.Device(1))
        for action in (lambda: x + other, lambda: other.sum(), lambda: other.fill(0), lambda: x[other > 0]):
            with pytest.raises(ValueError, match="array device = 1 while current = 0"):
                action()
        with pytest.raises(ValueError, match="array device = 1 while current = 0"):
            x[0] = other[0]
        assert other.get().sum() == 12  # a copy, and views, work from anywhere
        assert other.reshape(-1)[:3].shape == (3,)
        assert other.copy().device == cupy.cuda.Device(0)

    def test_unknown_ones(self):
        assert cupy.cuda.runtime.getDeviceCount() == 2
        with pytest.raises(cupy.cuda.runtime.CUDARuntimeError, match="invalid device ordinal"):
            cupy.cuda.Device(2).use()

    def test_none(self):
        fake_cupy.reset(devices=0)
        assert not cupy.cuda.is_available()
        with pytest.raises(cupy.cuda.runtime.CUDARuntimeError, match="cudaErrorNoDevice"):
            cupy.cuda.runtime.getDeviceCount()

    def test_memory(self):
        fake_cupy.reset(memory=10_000)
        pool = cupy.get_default_memory_pool()
        x = cupy.zeros(2000, np.float32)
        assert (pool.used_bytes(), pool.total_bytes()) == (8192, 8192)  # in pieces of 512
        assert cupy.cuda.Device().mem_info == (10_000 - 8192, 10_000)
        with pytest.raises(
            cupy.cuda.memory.OutOfMemoryError, match=r"allocating 4,096 bytes \(allocated so far: 8,192 bytes\)"
        ):
            cupy.empty(1000, np.float32)
        with cupy.cuda.Device(1):
            assert pool.used_bytes() == 0
        view = x[3:]
        del x
        assert pool.used_bytes() == 8192  # the view keeps it
        del view
        assert (pool.used_bytes(), pool.total_bytes()) == (0, 8192)
        pool.free_all_blocks()
        assert pool.total_bytes() == 0
        pool.set_limit(size=1000)
        with pytest.raises(MemoryError, match="limit set to: 1,000 bytes"):
            cupy.zeros(300, np.float32)

    def test_pinned_memory_is_larger_than_asked_for(self):
        memory = cupy.cuda.alloc_pinned_memory(1000)
        assert np.frombuffer(memory, np.float32, 250).shape == (250,)
        assert len(memory) == 1024


def test_compile_errors_and_unknown_kernels():
    with pytest.raises(cupy.cuda.compiler.CompileException, match="y"):
        cupy.RawModule(code='extern "C" __global__ void k(float* x) { x[0] = y; }').compile()
    module = cupy.RawModule(code='extern "C" __global__ void k() {}')
    with pytest.raises(cupy.cuda.driver.CUDADriverError, match=r"other: named symbol not found; .*: k"):
        module.get_function("other")
    with pytest.raises(TypeError, match="Expected tuple"):
        cupy.RawModule(code="", options=["-std=c++17"])


def test_install(monkeypatch):
    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "cupy"}
    for name in before:
        monkeypatch.delitem(sys.modules, name)
    installed = fake_cupy.install()
    try:
        import cupy as imported
        from cupy.cuda import runtime

        assert imported is installed is fake_cupy.install()
        assert runtime is imported.cuda.runtime
    finally:
        fake_cupy.uninstall()
        sys.modules.update(before)
