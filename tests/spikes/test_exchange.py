"""Trains and weights to and from PyTorch and JAX: by DLPack, in shared memory, with either axis first."""

import numpy as np
import pytest

from cupynn import InputError, Sequential, SpikeTrains, layers
from cupynn.kernels.aligned import LINE, aligned, zeros
from cupynn.spikes.exchange import host_array

LIBRARIES = ["torch", "jax"]


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")


@pytest.fixture(scope="module")
def jax():
    return pytest.importorskip("jax", reason="JAX is not installed: pip install jax")


@pytest.fixture(params=LIBRARIES)
def library(request):
    """Three functions of a library: from_dlpack, the address of an array, and what it makes of an array of NumPy's."""
    module = request.getfixturevalue(request.param)
    if request.param == "torch":
        return module.from_dlpack, module.Tensor.data_ptr, module.tensor
    return module.dlpack.from_dlpack, lambda array: array.unsafe_buffer_pointer(), module.numpy.array


@pytest.fixture(scope="module")
def dense():
    return (np.random.default_rng(0).random((5, 7, 2, 3)) < 0.4).astype(np.uint8)


@pytest.fixture
def net():
    return Sequential([layers.SpikingDense(9, 5.0), layers.SpikingDense(3, 5.0)], (2, 3), steps=7)


class DLPackOnly:
    """An array that is given away by DLPack alone."""

    def __init__(self, array, device=None):
        self.array, self.device = array, device

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.device or self.array.__dlpack_device__()


class TestTimeFirst:
    def test_there_and_back(self, dense):
        trains = SpikeTrains.from_dense(dense.swapaxes(0, 1), time_first=True)
        assert trains == SpikeTrains.from_dense(dense)
        np.testing.assert_array_equal(trains.to_dense(time_first=True), dense.swapaxes(0, 1))
        np.testing.assert_array_equal(trains.to_dense(np.float32), dense)

    def test_no_samples(self):
        none = SpikeTrains.from_dense(np.zeros((4, 0, 3)), time_first=True)
        assert none.shape == (0, 4, 3)
        assert none.to_dense(time_first=True).shape == (4, 0, 3)

    @pytest.mark.parametrize("shape", [(3, 4), (0, 2, 3), (3, 2, 0)])
    def test_shapes_that_it_refuses(self, shape):
        with pytest.raises(InputError, match=r"pass \(steps, samples, \*neurons\), no axis empty"):
            SpikeTrains.from_dense(np.zeros(shape), time_first=True)

    def test_a_network_tells_how_to_pass_them(self, net, dense):
        with pytest.raises(InputError, match=r"pass SpikeTrains\.from_dense\(x, time_first=True\)"):
            net.predict(dense.swapaxes(0, 1))
        assert len(net.predict(SpikeTrains.from_dense(dense.swapaxes(0, 1), time_first=True))) == 5


class TestOut:
    """Arrays of ours lie in other libraries without a copy."""

    def test_dense_trains(self, library, dense):
        from_dlpack, address, _ = library
        for options in ({}, {"dtype": np.float32}, {"dtype": np.float32, "time_first": True}):
            array = SpikeTrains.from_dense(dense).to_dense(**options)
            there = from_dlpack(array)
            assert address(there) == array.ctypes.data
            np.testing.assert_array_equal(np.asarray(there), array)

    def test_trains_themselves(self, library, dense):
        there = library[0](SpikeTrains.from_dense(dense))
        np.testing.assert_array_equal(np.asarray(there), dense)

    def test_weights_and_gradients(self, library, net):
        from_dlpack, address, _ = library
        for layer in net.layers:
            for array in (*layer.params.values(), *layer.grads.values()):
                assert address(from_dlpack(array)) == array.ctypes.data

    def test_what_training_writes_is_seen(self, torch, net):
        there = torch.from_dlpack(net.layers[0].weight)
        net.layers[0].weight[:] += 1
        np.testing.assert_array_equal(there.numpy(), net.layers[0].weight)
        there[:] = 0  # and the other way round
        assert not net.layers[0].weight.any()

    def test_events(self, torch, dense):
        trains = SpikeTrains.from_dense(dense)
        for array in (trains.neurons, trains.offsets, trains.counts):
            assert torch.from_dlpack(array).data_ptr() == array.ctypes.data

    def test_weights_of_a_loaded_network(self, library, net, tmp_path):
        from_dlpack, address, _ = library
        net.save(tmp_path / "net.npz")
        weight = Sequential.load(tmp_path / "net.npz").layers[0].weight
        assert address(from_dlpack(weight)) == weight.ctypes.data


class TestIn:
    def test_without_a_copy(self, library, dense):
        _, address, make = library
        theirs = make(dense)
        assert host_array("x", theirs).ctypes.data == address(theirs)
        assert SpikeTrains.from_dense(theirs) == SpikeTrains.from_dense(dense)

    def test_floats_and_bools_time_first(self, library, dense):
        for dtype in (np.float32, bool):
            theirs = library[2](dense.swapaxes(0, 1).astype(dtype))
            assert SpikeTrains.from_dense(theirs, time_first=True) == SpikeTrains.from_dense(dense)

    def test_dlpack_alone(self, dense):
        assert host_array("x", DLPackOnly(dense)).ctypes.data == dense.ctypes.data
        assert SpikeTrains.from_dense(DLPackOnly(dense)) == SpikeTrains.from_dense(dense)

    def test_weights(self, library, net):
        net.layers[0].weight[...] = library[2](np.full((9, 6), 0.5, np.float32))
        assert (net.layers[0].weight == 0.5).all()


class TestRefused:
    def test_counts(self, dense):
        with pytest.raises(InputError, match=r"spikes are counts of up to 3: .* pass \(x > 0\)"):
            SpikeTrains.from_dense(3 * dense)

    def test_a_graph_of_gradients(self, torch, dense):
        with pytest.raises(InputError, match=r"spikes is a Tensor that NumPy cannot read: call \.detach\(\)"):
            SpikeTrains.from_dense(torch.tensor(dense, dtype=torch.float32, requires_grad=True))

    def test_types_that_numpy_lacks(self, torch, jax, dense):
        with pytest.raises(InputError, match=r"spikes is a Tensor that NumPy cannot read: call \.float\(\)"):
            SpikeTrains.from_dense(torch.tensor(dense, dtype=torch.bfloat16))
        with pytest.raises(InputError, match="spikes have dtype bfloat16: pass zeros and ones"):
            SpikeTrains.from_dense(jax.numpy.array(dense, jax.numpy.bfloat16))

    def test_other_devices(self, torch, dense):
        with pytest.raises(InputError, match="spikes is a Tensor that cannot become a NumPy array"):
            SpikeTrains.from_dense(torch.zeros(2, 3, 4, device="meta"))
        with pytest.raises(InputError, match=r"spikes is on device \(8, 0\): copy it to host memory"):
            SpikeTrains.from_dense(DLPackOnly(dense, (8, 0)))

    def test_a_gpu(self, device, dense):
        if not device.on_cuda:
            assert SpikeTrains.from_dense(device.put(dense)).shape == dense.shape
            return
        with pytest.raises(InputError, match=r"spikes is on a GPU: .* x\.get\(\)"):
            SpikeTrains.from_dense(device.put(dense))

    def test_a_switch_that_is_none(self, dense):
        with pytest.raises(InputError, match="time_first='yes'"):
            SpikeTrains.from_dense(dense, time_first="yes")


class TestAligned:
    @pytest.mark.parametrize("shape", [(), (1,), (3, 5, 7)])
    @pytest.mark.parametrize("dtype", [np.uint8, np.float64])
    def test_zeros(self, shape, dtype):
        array = zeros(shape, dtype)
        assert array.ctypes.data % LINE == 0
        np.testing.assert_array_equal(array, np.zeros(shape, dtype), strict=True)

    def test_copies_only_what_must_be(self):
        array = zeros((4, 32), np.float32)
        assert aligned(array) is array
        for other in (array[:, 1:], array.T, array[1:].reshape(-1)[1:]):
            copy = aligned(other)
            assert (copy.ctypes.data % LINE, copy.flags.c_contiguous) == (0, True)
            np.testing.assert_array_equal(copy, other, strict=True)


def test_trains_of_a_gpu(device, dense):
    trains = device.trains(SpikeTrains.from_dense(dense))
    np.testing.assert_array_equal(trains.to_dense(time_first=True), dense.swapaxes(0, 1))
    np.testing.assert_array_equal(np.from_dlpack(trains), dense)
