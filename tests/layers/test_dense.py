"""`SpikingDense` against the oracle, at odd shapes and constants; its rules for silent neurons, by hand; its arguments."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import oracle
import pytest
from factories import close

from cupynn.checks import InputError
from cupynn.kernels import psp
from cupynn.layers import SpikingDense
from cupynn.losses import SpikeCount
from cupynn.spikes import SpikeTrains


@dataclass(frozen=True)
class Case:
    """A layer with random weights and trains, its constants, and what the oracle makes of it."""

    batch: int = 2
    steps: int = 31
    inputs: int = 5
    units: int = 4
    rate: float = 0.3
    mean: float = 0.2  # of the weights, whose standard deviation is 1
    first: int | None = 0  # input spikes fall on the steps first..last - 1
    last: int | None = None
    v_th: float = 2.0
    tau_m: float = 64.0
    tau_s: float = 8.0
    t_ref: int = 2
    inhibition: float = 0.0
    silent: int | None = None  # a unit whose weights are all negative
    silent_input: int | None = None  # an input that does not fire
    fires: str = "some"  # of the units: "some", "none", or "all", at every step that their refractory period leaves them
    seed: int = 0

    @property
    def constants(self):
        return {"tau_m": self.tau_m, "tau_s": self.tau_s, "t_ref": self.t_ref}

    @cached_property
    def weight(self):
        rng = np.random.default_rng([self.seed, 1])
        weight = (self.mean + rng.standard_normal((self.units, self.inputs))).astype(np.float32)
        if self.silent is not None:
            weight[self.silent] = -1
        return weight

    @cached_property
    def trains(self):
        rng = np.random.default_rng([self.seed, 2])
        trains = (rng.random((self.batch, self.steps, self.inputs)) < self.rate).astype(np.uint8)
        outside = np.ones(self.steps, bool)
        outside[self.first : self.last] = False
        trains[:, outside] = 0
        if self.silent_input is not None:
            trains[:, :, self.silent_input] = 0
        return trains

    @cached_property
    def delta(self):
        """Errors of either sign, some of them zero."""
        rng = np.random.default_rng([self.seed, 3])
        delta = rng.standard_normal((self.batch, self.units)).astype(np.float32)
        delta.flat[1::5] = 0
        return delta

    @cached_property
    def expected(self):
        """The oracle's trains, membranes and currents, none of which hangs on rounding."""
        weight = self.weight.astype(float)
        runs = [oracle.simulate(x, weight, self.v_th, **self.constants, inhibition=self.inhibition) for x in self.trains]
        spikes, membrane, current = map(np.array, zip(*runs, strict=True))
        assert np.abs(membrane - (self.v_th - oracle.MARGIN)).min() > 1e-4, "too close to the threshold: take another seed"
        possible = np.zeros(self.steps)
        possible[1 :: self.t_ref + 1] = 1
        assert {"none": not spikes.any(), "some": spikes.any(), "all": (spikes == possible[:, None]).all()}[self.fires]
        return spikes, membrane, current

    def layer(self, dense, **options):
        return dense(self.weight, self.v_th, **self.constants, lateral_inhibition=self.inhibition, **options)

    def backward(self, spikes, delta, psp_kernel="exact", **rule):
        """The oracle's mean gradient and errors of the inputs."""
        arguments = (self.weight.astype(float), self.v_th, psp_kernel, *self.constants.values(), self.inhibition)
        samples = zip(self.trains, spikes, delta, strict=True)
        gradients, below = zip(*(oracle.backward(*sample, *arguments, **rule) for sample in samples), strict=True)
        return np.mean(gradients, 0), np.array(below)


CASES = {
    "plain": Case(),
    "one step": Case(steps=1, fires="none"),
    "two steps": Case(steps=2, rate=0.8, tau_s=2.0, v_th=0.5),
    "three steps": Case(steps=3, rate=0.8, tau_s=2.0, v_th=0.5, t_ref=0),
    "one input": Case(inputs=1, mean=1.0),
    "one unit": Case(units=1, seed=1),
    "one of all": Case(batch=1, inputs=1, units=1, mean=1.0),
    "primes": Case(batch=3, steps=37, inputs=13, units=11, seed=1),
    "one sample": Case(batch=1),
    "many samples": Case(batch=7, steps=17),
    "no input spikes": Case(rate=0.0, fires="none"),
    "all input spikes": Case(rate=1.0),
    "silent": Case(v_th=1000.0, fires="none"),
    "firing": Case(mean=20.0, rate=1.0, tau_s=1.0, fires="all"),
    "firing without rest": Case(mean=20.0, rate=1.0, tau_s=1.0, t_ref=0, fires="all"),
    "only step 0": Case(last=1, rate=0.8, mean=0.5, v_th=0.2),
    "not on step 0": Case(first=1),
    "only the last step": Case(first=-1, fires="none", rate=1.0),
    "t_ref 0": Case(t_ref=0),
    "t_ref 1": Case(t_ref=1),
    "t_ref 5": Case(t_ref=5),
    "t_ref beyond the end": Case(t_ref=100),
    "tau equal": Case(tau_m=10.0, tau_s=10.0),
    "tau_s 1": Case(tau_s=1.0),
    "tau_m 1": Case(tau_m=1.0, v_th=0.4),
    "both tau 1": Case(tau_m=1.0, tau_s=1.0, v_th=0.7),
    "tau_s greater": Case(tau_m=5.0, tau_s=12.0),
    "tau odd": Case(tau_m=1.7, tau_s=23.3, v_th=0.3),
    "inhibited": Case(inhibition=0.7, mean=0.5),
    "inhibited, t_ref 0": Case(inhibition=0.7, mean=0.5, t_ref=0),
    "inhibited, one unit": Case(inhibition=0.7, units=1, seed=1),
    "inhibited, silent": Case(inhibition=0.7, v_th=1000.0, fires="none"),
    "inhibited, firing": Case(inhibition=0.1, mean=20.0, rate=1.0, tau_s=1.0, fires="all"),
    "64 units": Case(batch=1, steps=11, units=64, inputs=3, mean=1.0),  # kernels take neurons in blocks
    "65 units": Case(batch=2, steps=11, units=65, inputs=3, mean=1.0),
    "201 units": Case(batch=2, steps=11, units=201, inputs=3, mean=1.0, seed=1),
    "403 units": Case(batch=1, steps=11, units=403, inputs=3, mean=1.0),
    "inhibited, 129 units": Case(batch=2, steps=9, units=129, inputs=3, mean=1.0, inhibition=0.01),
}
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@cases
def test_forward_is_the_oracles(case, dense):
    spikes, membrane, current = case.expected
    run = case.layer(dense).forward(SpikeTrains.from_dense(case.trains), record=True)
    np.testing.assert_array_equal(run.spikes.to_dense(), spikes)
    close(run.membrane, membrane)
    close(run.current, current)


@pytest.mark.parametrize("v_th", [0.7, 1.0, 12.0, 20.0, 33.0, 1000.0])
def test_a_neuron_fires_above_a_margin_below_its_threshold(dense, v_th):
    membranes = np.float32(v_th) + np.spacing(np.float32(v_th)) * np.arange(-40, 41, dtype=np.float32)
    inputs = SpikeTrains.from_dense(np.array([[[1], [0]]]))
    outputs = dense(membranes[:, None], v_th, tau_m=1, tau_s=1).forward(inputs).spikes
    np.testing.assert_array_equal(outputs.counts[0], membranes.astype(float) > v_th - 1e-6)


@cases
@pytest.mark.parametrize("psp_kernel", ["exact", "srm"])
def test_backward_is_the_oracles(case, dense, psp_kernel):
    spikes = case.expected[0]
    gradient, below = case.backward(spikes, case.delta, psp_kernel)
    layer = case.layer(dense, psp_kernel=psp_kernel)
    inputs, outputs = SpikeTrains.from_dense(case.trains), SpikeTrains.from_dense(spikes)
    close(layer.backward(inputs, outputs, case.delta), below)
    close(layer.grads["weight"], gradient)


@pytest.mark.parametrize("inhibition", [0.0, 0.7])
def test_backward_takes_the_train_that_a_silent_label_is_given(dense, inhibition):
    case = Case(units=3, steps=41, inhibition=inhibition, silent=1)
    layer, inputs = case.layer(dense), SpikeTrains.from_dense(case.trains)
    error = SpikeCount(desired=8, undesired=1, margin=0)(layer.forward(inputs).spikes, np.array([1, 0]))
    np.testing.assert_array_equal(
        error.trains.counts[:, 1] > 0, [True, False]
    )  # silent, and filled in where it is the label
    gradient, below = case.backward(error.trains.to_dense(), error.delta)
    close(layer.backward(inputs, error.trains, error.delta), below)
    close(layer.grads["weight"], gradient)


def test_backward_bears_trains_without_a_refractory_period(dense):
    """A silent label's spikes may stand closer than t_ref: then the membrane is still at rest, and only the first counts."""
    rng = np.random.default_rng(0)
    trains, weight = (rng.random((2, 20, 3)) < 0.3).astype(np.uint8), np.full((1, 3), -1.0)
    layer, dense_train = dense(weight, 2.0, t_ref=5), np.zeros((2, 20, 1), np.uint8)
    dense_train[0, 3::4] = 1
    dense_train[1, 19] = 1
    delta = np.ones((2, 1), np.float32)
    layer.backward(SpikeTrains.from_dense(trains), SpikeTrains.from_dense(dense_train), delta)
    firsts = np.zeros_like(dense_train)
    firsts[[0, 1], [3, 19]] = 1
    expected = 0
    for pre, post, count in zip(trains, firsts, dense_train.sum((1, 2)), strict=True):
        e = oracle.spsp_matrix(pre, post, "exact", 64, 8, 5)
        expected += (1 + (weight * e).sum() / count / 2.0) * e / 2.0 / 2
    close(layer.grads["weight"], expected)


def test_rules_for_silent_neurons_by_hand(dense):
    """Input 0 fires, input 1 does not; unit 0 has no error, unit 1 is silent and has D = 3 / 10 and h = 0.5 (1 - 4) / 10."""
    layer = dense(np.array([[9.0, 9.0], [1.0, -4.0]]), v_th=10.0)
    inputs = np.zeros((1, 20, 2), np.uint8)
    inputs[0, [2, 9], 0] = 1
    inputs = SpikeTrains.from_dense(inputs)
    outputs = layer.forward(inputs).spikes
    assert outputs.counts[0, 1] == 0
    below = layer.backward(inputs, outputs, np.array([[0.0, 3.0]], np.float32))
    np.testing.assert_allclose(layer.grads["weight"], [[0, 0], [0.3 * (1 - 0.15) * 0.1, 0]], rtol=1e-6)
    np.testing.assert_allclose(below, [[0.3 * 1, 0.3 * -4]], rtol=1e-6)


def test_slope_is_one_for_a_silent_input_of_a_firing_neuron(dense):
    layer = dense(np.array([[50.0, -4.0]]), v_th=10.0)
    inputs = np.zeros((1, 20, 2), np.uint8)
    inputs[0, [2, 9], 0] = 1
    inputs = SpikeTrains.from_dense(inputs)
    outputs = layer.forward(inputs).spikes
    assert outputs.counts[0, 0] > 0
    below = layer.backward(inputs, outputs, np.array([[3.0]], np.float32))
    np.testing.assert_allclose(below[0, 1], 0.3 * -4, rtol=1e-6)
    assert layer.grads["weight"][0, 1] == 0


def test_without_the_effect_ratio_every_slope_is_one(dense):
    case = Case(batch=3)
    without = case.layer(dense, effect_ratio=False)
    inputs, outputs = SpikeTrains.from_dense(case.trains), SpikeTrains.from_dense(case.expected[0])
    close(without.backward(inputs, outputs, case.delta), case.delta / case.v_th @ case.weight)


@pytest.mark.parametrize("silent_slope", [0.0, 0.25, 2.0])
@pytest.mark.parametrize("effect_ratio", [True, False])
def test_slope_of_silent_neurons(dense, effect_ratio, silent_slope):
    case = Case(batch=3, units=5, silent=3, silent_input=2)
    rule = {"effect_ratio": effect_ratio, "silent_slope": silent_slope}
    layer, as_in_the_paper = case.layer(dense, **rule), case.layer(dense)
    inputs, outputs = SpikeTrains.from_dense(case.trains), SpikeTrains.from_dense(case.expected[0])
    below = layer.backward(inputs, outputs, case.delta)
    close(below, case.backward(case.expected[0], case.delta, **rule)[1])
    assert (below[:, 2] == 0).all() == (silent_slope == 0)
    as_in_the_paper.backward(inputs, outputs, case.delta)
    np.testing.assert_array_equal(layer.grads["weight"], as_in_the_paper.grads["weight"])


@pytest.mark.parametrize("inhibition", [0.0, 0.6])
@pytest.mark.parametrize("rule", [{}, {"effect_ratio": False}, {"silent_slope": 0.0}], ids=str)
def test_errors_of_saturated_neurons_are_lessened(dense, rule, inhibition):
    case = Case(batch=4, units=6, mean=2.0, rate=0.5, tau_s=2.0, t_ref=0, silent=3, inhibition=inhibition)
    rule = {"overshoot": True} | rule
    layer, as_in_the_paper = case.layer(dense, **rule), case.layer(dense)
    inputs, outputs = SpikeTrains.from_dense(case.trains), SpikeTrains.from_dense(case.expected[0])
    delta = case.delta.copy()
    below = layer.backward(inputs, outputs, delta)
    gradient, expected = case.backward(case.expected[0], case.delta, **rule)
    close(below, expected)
    close(layer.grads["weight"], gradient)
    np.testing.assert_array_equal(delta, case.delta)  # the caller's own
    as_in_the_paper.backward(inputs, outputs, case.delta)
    lessened = np.abs(layer.grads["weight"]) / np.abs(as_in_the_paper.grads["weight"])
    assert np.nanmin(lessened[np.arange(6) != 3]) < 0.5  # as they are driven far above the threshold
    np.testing.assert_array_equal(layer.grads["weight"][3], as_in_the_paper.grads["weight"][3])


@pytest.fixture
def passes(dense):
    """A layer, the trains below and above it, and errors."""
    case = Case(batch=5)
    layer, inputs = case.layer(dense), SpikeTrains.from_dense(case.trains)
    return layer, inputs, layer.forward(inputs).spikes, case.delta


def test_forward_records_only_when_asked(passes):
    layer, inputs, outputs, _ = passes
    run, recorded = layer.forward(inputs), layer.forward(inputs, record=True)
    assert run.membrane is None
    assert run.current is None
    assert run.spikes == recorded.spikes == outputs
    assert recorded.membrane.shape == recorded.current.shape == outputs.shape


def test_backward_writes_the_gradient_anew_and_leaves_the_rest(passes):
    layer, inputs, outputs, delta = passes
    weight, given = layer.params["weight"].copy(), delta.copy()
    below = layer.backward(inputs, outputs, delta)
    gradient = layer.grads["weight"].copy()
    assert gradient.any()
    assert layer.backward(inputs, outputs, delta, input_error=False) is None
    np.testing.assert_array_equal(layer.grads["weight"], gradient)
    np.testing.assert_array_equal(layer.backward(inputs, outputs, delta), below)
    np.testing.assert_array_equal(layer.params["weight"], weight)
    np.testing.assert_array_equal(delta, given)


def test_backward_in_parts_is_the_same(passes, monkeypatch):
    layer, inputs, outputs, delta = passes
    whole = layer.backward(inputs, outputs, delta), layer.grads["weight"].copy()
    sizes = [found.values.size for _, found in psp.spsp(inputs, outputs, delta, layer.potential, layer.t_ref)]
    assert len(sizes) == 1
    for values in (1, sizes[0] // 2):
        monkeypatch.setattr(psp, "SPSP_VALUES", values)
        assert len(list(psp.spsp(inputs, outputs, delta, layer.potential, layer.t_ref))) > 1
        np.testing.assert_array_equal(layer.backward(inputs, outputs, delta), whole[0])
        np.testing.assert_array_equal(layer.grads["weight"], whole[1])


def test_no_samples(passes):
    layer, inputs, outputs, delta = passes
    none = layer.forward(inputs[:0], record=True)
    assert none.spikes == outputs[:0]
    assert none.membrane.shape == outputs[:0].shape
    assert layer.backward(inputs[:0], none.spikes, delta[:0]).shape == (0, 5)
    assert not layer.grads["weight"].any()


def test_neurons_of_several_axes():
    rng = np.random.default_rng(0)
    layer, flat = SpikingDense(4, 1.0), SpikingDense(4, 1.0)
    layer.build((3, 2), np.random.default_rng(1))
    flat.build((6,), np.random.default_rng(1))
    inputs = SpikeTrains.from_dense(rng.random((2, 20, 3, 2)) < 0.4)
    outputs = layer.forward(inputs).spikes
    delta = rng.standard_normal((2, 4)).astype("f")
    assert outputs.shape == (2, 20, 4)
    assert outputs == flat.forward(inputs.reshape((6,))).spikes
    below = layer.backward(inputs, outputs, delta)
    np.testing.assert_array_equal(below, flat.backward(inputs.reshape((6,)), outputs, delta).reshape(2, 3, 2))


@pytest.mark.parametrize(
    ("given", "bound"), [(None, 5.0 * 0.8 * np.sqrt(3 / 300)), (0.25, 0.25)], ids=["by default", "as asked"]
)
def test_initial_weights_are_uniform(given, bound):
    layer = SpikingDense(200, 5.0, initial_weight=given)
    layer.build((30, 10), np.random.default_rng(0))
    weight = layer.params["weight"]
    assert weight.shape == layer.grads["weight"].shape == (200, 300)
    assert weight.dtype == np.float32
    assert layer.parameter_count == 60_000
    assert np.abs(weight).max() == pytest.approx(bound, rel=1e-3)
    in_tenths = np.histogram(weight, bins=10, range=(-bound, bound))[0]
    assert np.abs(in_tenths - 6000).max() < 5 * np.sqrt(6000)


BAD = {
    "units": [0, -1, 2.0, "3", True, None],
    "v_th": [0, -1.0, 1e-5, np.nan, np.inf, "1", True],
    "tau_m": [0.99, 0, -3.0, np.nan, np.inf, None],
    "tau_s": [0.99, 0, -3.0, np.nan, np.inf, None],
    "t_ref": [-1, 1.5, "2", False],
    "lateral_inhibition": [-0.1, np.nan, np.inf, "1"],
    "psp_kernel": ["", "Exact", None, 0],
    "effect_ratio": [1, "yes", None],
    "silent_slope": [-0.1, np.nan, np.inf, "1"],
    "overshoot": [1, "yes", None],
    "initial_weight": [0, -1.0, np.nan, np.inf, "x"],
    "name": ["", "a/b", "input", 3],
}


@pytest.mark.parametrize(("argument", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_bad_arguments_are_named(argument, value):
    with pytest.raises(InputError, match=rf"^{argument}=.*: pass"):
        SpikingDense(**{"units": 3, "v_th": 1.0} | {argument: value})


@pytest.mark.parametrize(
    "options",
    [
        {"units": np.int64(3), "v_th": 1},
        {"units": 1, "v_th": np.float32(0.001), "tau_m": 1, "tau_s": 1, "t_ref": 0, "lateral_inhibition": 0},
        {
            "units": 3,
            "v_th": 1.0,
            "psp_kernel": "srm",
            "effect_ratio": False,
            "silent_slope": 0,
            "overshoot": True,
            "initial_weight": 1e-9,
            "name": "hidden",
        },
    ],
)
def test_arguments_at_the_edge_are_taken(options):
    layer = SpikingDense(**options)
    assert {name: getattr(layer, name) for name in options} == options
    assert layer.config().keys() >= options.keys()
