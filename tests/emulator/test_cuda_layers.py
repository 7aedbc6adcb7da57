"""The CUDA code that layer classes hold: to be read, launched, and replaced; and a layer of your own that brings its own."""

import builtins
import copy
import pickle

import numpy as np
import pytest
from factories import FIRING

from cupynn import InputError, Sequential, SpikeTrains, encoders, layers, losses, optimizers
from cupynn.kernels import cuda
from cupynn.kernels.cuda import CudaSource, blocks
from cupynn.kernels.events_cuda import silent
from cupynn.layers import LAYERS
from cupynn.spikes.cuda_trains import CudaTrains

DELAY = """
// A thread is a neuron of a sample: its train, `delay` steps later.
extern "C" __global__ void __launch_bounds__(128, 8)
shift(const uint32* below, int neurons, int steps, int words, int delay, uint32* bits, int* counts) {
    int i = blockIdx.x * blockDim.x + threadIdx.x, b = blockIdx.y;
    if (i >= neurons) return;
    int count = 0;
    for (int t = delay; t < steps; ++t) {
        if (!fires_at(below, b, t - delay, steps, words, i)) continue;
        set_bit(bits, b, t, steps, words, i);
        ++count;
    }
    counts[b * neurons + i] = count;
}
"""


class Delay(layers.SpikingLayer):
    """Hands trains on `delay` steps later."""

    kind_name = "delay"
    cuda = CudaSource(DELAY)

    def __init__(self, delay, name=None):
        super().__init__(1.0, 64.0, 8.0, 0, psp_kernel="exact", effect_ratio=True, name=name)
        self.delay = delay

    def build(self, input_shape, rng):
        self.input_shape = self.output_shape = input_shape

    def drive(self):
        return 1.0

    def forward(self, inputs, record=False):
        states = self.recorders(inputs, record)
        if inputs.on_cuda:
            words, steps = inputs.bits.words, inputs.steps
            outputs = CudaTrains(silent(inputs.batch, steps, inputs.size, inputs.bits.most), steps, inputs.neuron_shape)
            sizes, bits = (inputs.size, steps, words.shape[2], self.delay), outputs.bits
            self.cuda.launch("shift", (blocks(inputs.size, 128), inputs.batch), 128, words, *sizes, bits.words, bits.counts)
        else:
            dense = np.zeros_like(inputs.to_dense())
            dense[:, self.delay :] = inputs.to_dense()[:, : inputs.steps - self.delay]
            outputs = SpikeTrains.from_dense(dense)
        return self.run(outputs, *states)

    def backward(self, inputs, outputs, delta, input_error=True):
        return self.checked(inputs, outputs, delta)


@pytest.mark.parametrize("kind", FIRING)
class TestHeld:
    def test_the_code_can_be_read_without_cupy(self, kind, monkeypatch):
        real = builtins.__import__
        monkeypatch.setattr(builtins, "__import__", lambda name, *rest: real("no_" * (name == "cupy") + name, *rest))
        code = LAYERS[kind].cuda
        assert code.text in code.source
        assert "float spsp(" in code.source.removesuffix(code.text)
        name = next(iter(code.kernels))
        with pytest.raises(InputError, match=f"compiling kernel '{name}' needs CuPy and a GPU .*cupynn devices"):
            code[name]

    def test_every_kernel_is_listed_with_its_parameters(self, kind):
        code = LAYERS[kind].cuda
        assert len(code.kernels) == code.text.count("__global__")
        assert code.kernels["forward"].name == "forward"
        assert code.kernels["forward"].parameters[-1] == "float* currents"
        assert repr(code.kernels).startswith("forward(const ")
        assert len(repr(code.kernels).splitlines()) == len(code.kernels)
        assert all(name in repr(code) for name in code.kernels)

    def test_an_unknown_kernel(self, kind):
        with pytest.raises(InputError, match=r"no kernel 'backwards' in this CUDA code: it has forward, "):
            LAYERS[kind].cuda["backwards"]


def test_comments_and_order_of_words():
    text = """
    // __global__ void none(int x)
    extern "C" {
    __global__ __launch_bounds__(64) void one(const float*   x,
                                              int n) { /* __global__ void other(int x) */ }
    __global__ void two() {} }
    """
    assert repr(CudaSource(text).kernels) == "one(const float* x, int n)\ntwo()"
    with pytest.raises(InputError, match="the text declares no kernel"):
        CudaSource("// __global__ void none(int x)")


ONE = 'extern "C" __global__ void one(float* x) {}'


class TestSource:
    @pytest.mark.parametrize("source", [CudaSource(ONE), layers.SpikingDense.cuda], ids=["text", "of a file"])
    @pytest.mark.parametrize("copied", [copy.deepcopy, lambda source: pickle.loads(pickle.dumps(source))])
    def test_a_copy_is_equal(self, source, copied):
        found = copied(source)
        assert found is not source
        assert (found, hash(found), found.stem, found.source) == (source, hash(source), source.stem, source.source)
        assert {source: "compiled"}[found] == "compiled"

    def test_others_are_not_equal(self):
        assert len({CudaSource(ONE), CudaSource(ONE + " "), layers.SpikingDense.cuda, layers.SpikingPool2D.cuda}) == 4
        assert CudaSource(ONE) != ONE

    def test_refuses_what_is_no_text(self):
        with pytest.raises(InputError, match="text=5: pass CUDA"):
            CudaSource(5)

    @pytest.mark.parametrize("inside", ["", " ", "void", "\n void "])
    def test_a_kernel_without_parameters(self, inside):
        assert CudaSource(f'extern "C" __global__ void f({inside}) {{}}').kernels["f"].parameters == ()

    def test_launch_of_an_unknown_kernel(self):
        for use in (lambda source: source["two"], lambda source: source.launch("two", (1,), 1)):
            with pytest.raises(InputError, match="no kernel 'two' in this CUDA code: it has one"):
                use(CudaSource(ONE))

    def test_zero_keeps_its_sign(self):
        as_c = cuda._AS_C[float]
        assert [bool(np.signbit(as_c(zero))) for zero in (0.0, -0.0, 0.0)] == [False, True, False]
        assert {type(as_c(value)) for value in (0.0, -0.0, 0.5)} == {np.float32}


@pytest.mark.gpu
@pytest.mark.parametrize("device", ["cuda"], indirect=True)
class TestOnDevice:
    def test_a_kernel_is_a_raw_kernel(self, device):
        kernel = layers.SpikingDense.cuda["input_error"]
        assert isinstance(kernel, device.xp.RawKernel)
        assert kernel.max_threads_per_block == 128
        counts, active, number = (device.put(np.array(array, np.int32)) for array in ([[0, 2, 1]], [[0, 0, 0]], [0]))
        code = CudaSource('extern "C" __global__ void twice(int* x) { x[threadIdx.x] *= 2; }')
        code["twice"]((1,), (3,), (counts,))
        assert device.get(counts).tolist() == [[0, 4, 2]]
        assert device.get(active).any() == device.get(number).any() == 0

    def test_a_layer_s_code_is_what_is_launched(self, device):
        """A class with other code computes by it."""

        class Twice(layers.SpikingDense):
            cuda = CudaSource(layers.SpikingDense.cuda.text.replace("++count;", "count += 2;"))

        assert Twice.cuda.text != layers.SpikingDense.cuda.text
        found = []
        for kind in (layers.SpikingDense, Twice):
            net = Sequential([kind(5, v_th=1.0)], (4,), 30, encoders.Poisson(0.8), device=device)
            found.append(device.get(net.forward(net.encode(np.full((3, 4), 255, np.uint8))).counts))
        assert found[0].any()
        np.testing.assert_array_equal(found[1], 2 * found[0])

    def test_a_layer_of_your_own(self, device):
        x, y = np.random.default_rng(0).integers(0, 256, (9, 5), np.uint8), np.arange(9) % 3
        results = []
        for where in (device, "cpu"):
            net = Sequential(
                [Delay(3), layers.SpikingDense(3, v_th=1.0)], (5,), 30, encoders.Poisson(0.8), seed=1, device=where
            )
            options = {"optimizer": optimizers.Adam(0.05), "epochs": 2, "batch_size": 4, "progress": False}
            net.fit((x, y), loss=losses.SpikeCount(6, 1, 1), **options)
            net.forward(net.encode(x, samples=np.arange(9), draw=1))
            first = net.trains[1].to_host()
            assert first.counts.any()
            np.testing.assert_array_equal(first.to_dense()[:, 3:], net.trains[0].to_host().to_dense()[:, :-3])
            results.append((first, net.device.get(net.arrays()["dense_2/weight"])))
        assert results[0][0] == results[1][0]
        np.testing.assert_allclose(results[0][1], results[1][1], rtol=1e-4, atol=1e-4)
