"""What every registered class promises, checked on all of them: a new one needs a line in `EXAMPLES` and nothing else."""

import inspect
import json
import re

import numpy as np
import pytest
from eventful import recording, toy
from factories import EXAMPLES, FIRING, IMAGES, INPUT_SHAPES, slow
from factories import trains_of as draw_trains

from cupynn import Sequential
from cupynn.augment import AUGMENTS
from cupynn.checks import InputError
from cupynn.config import Configured, make
from cupynn.encoders import ENCODERS, Encoder
from cupynn.layers import LAYERS, Layer
from cupynn.layers.base import Run
from cupynn.losses import LOSSES, TERMS, CountError
from cupynn.optimizers import OPTIMIZERS, Optimizer
from cupynn.optimizers.regularizers import REGULARIZERS
from cupynn.ragged import Ragged
from cupynn.spikes import SpikeTrains

REGISTRIES = {
    "layer": LAYERS,
    "encoder": ENCODERS,
    "augment": AUGMENTS,
    "loss": LOSSES,
    "term": TERMS,
    "optimizer": OPTIMIZERS,
    "regularizer": REGULARIZERS,
}

SAMPLES = {  # four of them, as each encoder takes them
    **dict.fromkeys(("Current", "Latency", "Poisson", "Regular"), IMAGES),
    "BSA": Ragged(5e-4 * np.random.default_rng(0).random((20, 5)), [0, 2, 7, 7], [2, 7, 7, 20], (5,)),
    "Events": toy(*(recording(*((900 * n, n % 2, n % 3, 0) for n in range(count))) for count in (9, 0, 14, 1))).x,
}
ARRAYS = {"SpikingRecurrent": {"lateral", "mask"}}  # arguments that are arrays: kept as buffers, and not in the config
EXCLUDED = {"SpikingConv2D": {"stride", "dilation", "groups", "bias"}}  # by trained constants: test_strided.py has them

CLASSES = [
    pytest.param(registry, kind, id=f"{family} {kind}") for family, registry in REGISTRIES.items() for kind in registry
]
every_class = pytest.mark.parametrize(("registry", "kind"), CLASSES)


def test_every_class_has_an_example():
    assert {kind for registry in REGISTRIES.values() for kind in registry} == set(EXAMPLES)
    assert set(INPUT_SHAPES) == set(LAYERS)
    assert set(SAMPLES) == set(ENCODERS)


@every_class
class TestConfigured:
    def test_is_registered_under_its_name(self, registry, kind):
        assert registry[kind].__name__ == kind
        assert issubclass(registry[kind], Configured)

    def test_the_example_has_every_argument_and_no_default(self, registry, kind):
        parameters = inspect.signature(registry[kind]).parameters
        assert set(EXAMPLES[kind]) | ARRAYS.get(kind, set()) | EXCLUDED.get(kind, set()) == set(parameters)
        assert all(value != parameters[name].default for name, value in EXAMPLES[kind].items())

    def test_the_constructor_keeps_each_argument_under_its_name(self, registry, kind):
        made = registry[kind](**EXAMPLES[kind])
        for name, value in EXAMPLES[kind].items():
            assert getattr(made, name) == value
            assert type(getattr(made, name)) is type(value)

    def test_config_makes_the_same_again(self, registry, kind):
        made = registry[kind](**EXAMPLES[kind])
        table = json.loads(json.dumps(made.config()))
        assert table["kind"] == kind
        assert set(table) == {"kind", *EXAMPLES[kind]}
        if "regularizer" in table:
            table["regularizer"] = make(REGULARIZERS, table["regularizer"], "here")
        again = make(registry, table, "here")
        assert type(again) is registry[kind]
        assert again.config() == made.config()

    def test_config_of_the_defaults(self, registry, kind):
        """None, which TOML cannot say, is left out."""
        required = {
            name: EXAMPLES[kind][name]
            for name, parameter in inspect.signature(registry[kind]).parameters.items()
            if parameter.default is inspect.Parameter.empty
        }
        required |= {"high": 4.5} if kind == "RateBand" else {}  # one of its two bounds must be given
        made = registry[kind](**required)
        assert None not in made.config().values()
        assert make(registry, made.config(), "here").config() == made.config()

    def test_repr_is_the_call_that_makes_it(self, registry, kind):
        made = registry[kind](**EXAMPLES[kind])
        again = eval(repr(made), {**registry, **REGULARIZERS})
        assert again.config() == made.config()

    def test_the_docstring_explains_every_argument(self, registry, kind):
        parameters = re.search(r"\nParameters\n-+\n(.*?)(\n\n[A-Z]\w+\n-+\n|\Z)", inspect.getdoc(registry[kind]), re.DOTALL)
        explained = re.findall(r"^(\w[\w, ]*?)(?: : .+)?$", parameters[1], re.MULTILINE)
        assert ", ".join(explained).split(", ") == list(inspect.signature(registry[kind]).parameters)


def argument_names(function):
    return list(inspect.signature(function).parameters)


@pytest.mark.parametrize("kind", FIRING)
class TestLayer:
    @pytest.fixture(params=[slow(True, id="flags on"), pytest.param(False, id="flags off")])
    def layer(self, kind, request):
        flags = {name: request.param for name, value in EXAMPLES[kind].items() if isinstance(value, bool)}
        layer = LAYERS[kind](**EXAMPLES[kind] | flags)
        layer.build(INPUT_SHAPES[kind], np.random.default_rng(0))
        return layer

    @pytest.fixture
    def passed(self, kind, layer):
        """Inputs, outputs and an error with values of both signs, and with none for one neuron."""
        inputs = draw_trains(INPUT_SHAPES[kind])
        outputs = layer.forward(inputs).spikes
        assert outputs.neurons.size > 0
        delta = np.random.default_rng(1).standard_normal((3, *layer.output_shape)).astype(np.float32)
        delta.reshape(3, -1)[:, 0] = 0
        return inputs, outputs, delta

    @staticmethod
    def gradients(layer):
        return {name: gradient.copy() for name, gradient in layer.grads.items()}

    def test_the_twins_agree_on_their_arguments(self, kind):
        assert issubclass(LAYERS[kind], Layer)
        for name in ("build", "forward", "backward"):
            assert argument_names(getattr(LAYERS[kind], name)) == argument_names(getattr(Layer, name))
        assert argument_names(Layer.forward)[1] == argument_names(Layer.backward)[1] == "inputs"
        assert argument_names(Layer.backward)[2] == "outputs"

    def test_the_kernels_have_one_signature(self, kind):
        """On the CPU and on a GPU, whatever the layer."""
        for twin in LAYERS[kind].twins:
            assert argument_names(twin.simulate) == ["inputs", "synapses", "neuron", "membranes", "currents"]
            learning = ["errors", "synapses", "rule", "gradient", "below", "batch_sum"]
            assert argument_names(twin.backward) == ["inputs", "outputs", *learning]

    def test_build(self, kind, layer):
        assert layer.input_shape == INPUT_SHAPES[kind]
        assert layer.params.keys() == layer.grads.keys()
        assert not layer.params.keys() & layer.buffers.keys()
        for name, parameter in layer.params.items():
            assert parameter.dtype == layer.grads[name].dtype == np.float32
            assert parameter.shape == layer.grads[name].shape
            assert np.isfinite(parameter).all()
        assert layer.parameter_count == sum(parameter.size for parameter in layer.params.values())

    def test_the_generator_alone_makes_the_arrays(self, kind, layer):
        same, other = (make(LAYERS, layer.config(), "here") for _ in range(2))
        same.build(INPUT_SHAPES[kind], np.random.default_rng(0))
        other.build(INPUT_SHAPES[kind], np.random.default_rng(1))
        arrays = layer.params | layer.buffers
        for name, array in arrays.items():
            np.testing.assert_array_equal((same.params | same.buffers)[name], array)
        drawn = {name: array for name, array in arrays.items() if name not in layer.trainable}
        assert not drawn or any((array != (other.params | other.buffers)[name]).any() for name, array in drawn.items())

    def test_forward(self, layer, passed):
        inputs, outputs, _ = passed
        run = layer.forward(inputs)
        assert isinstance(run, Run)
        assert run.spikes.shape == (3, 40, *layer.output_shape)
        assert run.spikes == outputs
        assert run.membrane is run.current is None
        assert not run.spikes.to_dense()[:, 0].any()  # nothing fires at step 0

    def test_forward_records_on_demand(self, layer, passed):
        inputs, outputs, _ = passed
        run = layer.forward(inputs, record=True)
        assert run.spikes == outputs
        for trace in (run.membrane, run.current):
            assert trace.shape == outputs.shape
            assert trace.dtype == np.float32
        fired = outputs.to_dense(bool)
        assert run.membrane[fired].min() > np.max(layer.v_th) - 1e-5
        assert run.membrane[~fired].max() <= np.max(layer.v_th)

    def test_backward(self, kind, layer, passed):
        inputs, outputs, delta = passed
        kept = [spikes.to_dense() for spikes in (inputs, outputs)], delta.copy()
        below = layer.backward(inputs, outputs, delta)
        assert below.shape == (3, *INPUT_SHAPES[kind])
        assert below.dtype == np.float32
        assert np.isfinite(below).all()
        for name, gradient in layer.grads.items():
            assert gradient.dtype == np.float32
            assert gradient.shape == layer.params[name].shape
            assert np.isfinite(gradient).all()
            assert gradient.any()
        np.testing.assert_array_equal(inputs.to_dense(), kept[0][0])
        np.testing.assert_array_equal(outputs.to_dense(), kept[0][1])
        np.testing.assert_array_equal(delta, kept[1])

    def test_backward_overwrites_gradients(self, layer, passed):
        below = layer.backward(*passed)
        gradients = self.gradients(layer)
        np.testing.assert_array_equal(layer.backward(*passed), below)
        for name, gradient in gradients.items():
            np.testing.assert_array_equal(layer.grads[name], gradient)

    def test_backward_without_input_error(self, layer, passed):
        layer.backward(*passed)
        gradients = self.gradients(layer)
        assert layer.backward(*passed, input_error=False) is None
        for name, gradient in gradients.items():
            np.testing.assert_array_equal(layer.grads[name], gradient)

    def test_backward_is_linear_in_the_error(self, layer, passed):
        inputs, outputs, delta = passed
        below = layer.backward(inputs, outputs, delta)
        gradients = self.gradients(layer)
        np.testing.assert_array_equal(layer.backward(inputs, outputs, -2 * delta), -2 * below)
        for name, gradient in gradients.items():
            np.testing.assert_array_equal(layer.grads[name], -2 * gradient)
        assert not layer.backward(inputs, outputs, 0 * delta).any()
        assert not any(gradient.any() for gradient in layer.grads.values())

    def test_samples_know_nothing_of_each_other(self, layer, passed):
        """Trains and errors are those of a sample alone, bit for bit; gradients are means over the batch."""
        inputs, outputs, delta = passed
        below = layer.backward(inputs, outputs, delta)
        gradients, sums = self.gradients(layer), {name: 0.0 for name in layer.grads}
        for b in range(3):
            assert layer.forward(inputs[b]).spikes == outputs[b]
            np.testing.assert_array_equal(layer.backward(inputs[b], outputs[b], delta[b : b + 1]), below[b : b + 1])
            for name, gradient in layer.grads.items():
                sums[name] = sums[name] + gradient
        for name, gradient in gradients.items():
            np.testing.assert_allclose(gradient, sums[name] / 3, rtol=1e-5, atol=1e-6 * np.abs(gradient).max())

    def test_silence_passes_through(self, layer, kind):
        inputs = SpikeTrains.from_dense(np.zeros((2, 40, *INPUT_SHAPES[kind])))
        outputs = layer.forward(inputs).spikes
        assert not outputs.neurons.size
        below = layer.backward(inputs, outputs, np.ones((2, *layer.output_shape), np.float32))
        assert np.isfinite(below).all()
        assert all(np.isfinite(gradient).all() for gradient in layer.grads.values())

    @pytest.mark.parametrize("name", ["", "a/b", "input", 3])
    def test_names_that_cannot_be_used(self, kind, name):
        with pytest.raises(InputError, match=f"name={name!r}"):
            LAYERS[kind](**{**EXAMPLES[kind], "name": name})

    def test_belongs_to_one_network(self, kind):
        layer = LAYERS[kind](**EXAMPLES[kind])
        Sequential([layer], INPUT_SHAPES[kind], 10)
        with pytest.raises(InputError, match="belongs to another network"):
            Sequential([layer], INPUT_SHAPES[kind], 10)

    def test_automatic_names(self, kind):
        net = Sequential([LAYERS[kind](**{**EXAMPLES[kind], "name": None})], INPUT_SHAPES[kind], 10)
        assert net.layers[0].name == f"{LAYERS[kind].kind_name}_1"


@pytest.mark.parametrize("kind", ENCODERS)
class TestEncoder:
    def test_trains_depend_on_seed_draw_and_sample_alone(self, kind):
        encoder = ENCODERS[kind]()
        assert isinstance(encoder, Encoder)
        assert argument_names(type(encoder).encode) == argument_names(Encoder.encode)
        x = SAMPLES[kind]
        numbers = np.array([7, 0, 2**32 - 1, 3])
        spikes = encoder.encode(x, 30, 1, 2, numbers)
        assert spikes.shape == (4, 30, *x.shape[1:])
        assert spikes.neurons.size
        assert encoder.encode(x, 30, 1, 2, numbers) == spikes
        assert encoder.encode(x[::-1], 30, 1, 2, numbers[::-1]) == spikes[::-1]
        assert encoder.encode(x[2:3], 30, 1, 2, numbers[2:3]) == spikes[2]

    def test_takes_its_own_data_and_no_other(self, kind):
        encoder = ENCODERS[kind]()
        encoder.check(SAMPLES[kind])
        assert encoder.notice(SAMPLES[kind], {"BSA": 130, "Events": 21}.get(kind, 1000)) is None
        others = [x for x in SAMPLES.values() if x is not SAMPLES[kind]]
        for other in (*others, np.zeros((4, 3), "datetime64[s]")):
            with pytest.raises(InputError, match=r"pass|takes"):
                encoder.check(other)


@pytest.mark.parametrize("kind", LOSSES)
def test_loss(kind):
    loss, spikes = LOSSES[kind](**EXAMPLES[kind]), draw_trains((4,))
    targets = {"class": [0, 1, 3], "labels": np.eye(4)[[0, 1, 3]], "counts": 9 * np.eye(4)[[0, 1, 3]]}[loss.predicts]
    error = loss(spikes, targets, [1, 2, 0])
    assert isinstance(error, CountError)
    assert error.value > 0
    assert error.delta.shape == (3, 4)
    assert error.trains.shape == spikes.shape
    assert not error.delta[2].any()  # weight 0
    heavier = loss(spikes, targets, [2, 4, 0])
    assert heavier.value == pytest.approx(2 * error.value)
    np.testing.assert_allclose(heavier.delta, 2 * error.delta, rtol=1e-6)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_optimizer(kind):
    """It goes downhill, and without a gradient nowhere."""
    net, optimizer = Sequential([LAYERS["SpikingDense"](3, 1.0)], 4, 10), OPTIMIZERS[kind](lr=0.1)
    assert isinstance(optimizer, Optimizer)
    weight, gradient = net.layers[0].params["weight"], net.layers[0].grads["weight"]
    start = weight.copy()
    optimizer.step(net)
    np.testing.assert_array_equal(weight, start)
    gradient[0] = 1
    gradient[1] = -1
    optimizer.step(net)
    assert (weight[0] < start[0]).all()
    assert (weight[1] > start[1]).all()
    np.testing.assert_array_equal(weight[2], start[2])
    assert net.layers[0].params["weight"] is weight
