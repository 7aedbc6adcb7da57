"""`Sequential`: shapes and names, the passes, what predict, evaluate and record agree on, what is refused."""

from dataclasses import replace

import numpy as np
import oracle
import pytest

from cupynn import Sequential
from cupynn.checks import InputError
from cupynn.encoders import Poisson
from cupynn.layers import SpikingConv2D, SpikingDense
from cupynn.losses import SoftmaxCount, SpikeCount
from cupynn.spikes import SpikeTrains

INPUT, STEPS, CLASSES = (3, 2), 40, 4
LOSS = SpikeCount(desired=8, undesired=2, margin=1)


def make(seed=1, encoder=True, hidden=12, **options):
    layers = [SpikingDense(hidden, v_th=1.5, initial_weight=2.0), SpikingDense(CLASSES, 1.0, initial_weight=2.0, **options)]
    return Sequential(layers, INPUT, STEPS, Poisson(max_rate=0.5) if encoder is True else encoder, seed)


def draw_data(samples, seed=0):
    rng = np.random.default_rng([seed, samples])
    return rng.random((samples, *INPUT)).astype(np.float32), rng.integers(0, CLASSES, samples)


def draw_trains(samples, seed=0, steps=STEPS, shape=INPUT):
    return SpikeTrains.from_dense(np.random.default_rng(seed).random((samples, steps, *shape)) < 0.3)


def weights(net):
    return [layer.params["weight"] for layer in net.layers]


class TestConstruction:
    def test_shapes_run_through(self):
        net = make()
        assert net.input_shape == (3, 2)
        assert net.output_shape == (CLASSES,)
        assert [layer.input_shape for layer in net.layers] == [(3, 2), (12,)]
        assert [layer.output_shape for layer in net.layers] == [(12,), (CLASSES,)]
        assert [weight.shape for weight in weights(net)] == [(12, 6), (CLASSES, 12)]

    @pytest.mark.parametrize(
        ("given", "names"),
        [
            ((None, None, None), ["dense_1", "dense_2", "dense_3"]),
            (("first", None, "last"), ["first", "dense_2", "last"]),
            (("dense_3", None, "dense_1"), ["dense_3", "dense_2", "dense_1"]),
        ],
    )
    def test_names(self, given, names):
        net = Sequential([SpikingDense(2, 1.0, name=name) for name in given], 3, 10)
        assert [layer.name for layer in net.layers] == names

    @pytest.mark.parametrize("given", [("same", "same"), ("dense_2", None)])
    def test_a_name_stands_for_one_layer(self, given):
        with pytest.raises(InputError, match=rf"2 layers have name='{given[0]}'"):
            Sequential([SpikingDense(2, 1.0, name=name) for name in given], 3, 10)

    def test_the_time_grows_with_the_number_of_layers_alone(self):
        compared = []

        class Name(str):
            __slots__ = ()
            __hash__ = str.__hash__

            def __eq__(self, other):
                compared.append(other)
                return str.__eq__(self, other)

        Sequential([SpikingDense(1, v_th=1.0, name=Name(f"n{number}")) for number in range(100)], INPUT, STEPS)
        assert len(compared) < 1000

    def test_the_seed_alone_makes_the_initial_weights(self):
        for one, other in zip(weights(make(7)), weights(make(7)), strict=True):
            np.testing.assert_array_equal(one, other)
        for one, other in zip(weights(make(7)), weights(make(8)), strict=True):
            assert (one != other).all()

    def test_like_layers_start_with_weights_of_their_own(self):
        first, second = weights(Sequential([SpikingDense(5, 1.0), SpikingDense(5, 1.0)], 5, 10))
        assert (first != second).all()

    def test_a_layer_belongs_to_one_network(self):
        layer = SpikingDense(3, 1.0)
        Sequential([layer], 3, 10)
        with pytest.raises(InputError, match=r"layer 1.*belongs to another network"):
            Sequential([layer], 3, 10)

    def test_a_layer_is_at_one_position(self):
        layer = SpikingDense(3, 1.0)
        with pytest.raises(InputError, match="appears twice"):
            Sequential([layer, layer], 3, 10)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"layers": []}, "layers is empty"),
            (
                {"layers": [SpikingDense(2, 1.0), "dense"]},
                r"layers\[1\]='dense': pass one of AveragePool2D\(\.\.\.\), SpikingConv2D\(\.\.\.\), ",
            ),
            ({"layers": [SpikingDense]}, r"layers\[0\] is the class SpikingDense itself: make one, SpikingDense\(\.\.\.\)"),
            ({"input_shape": ()}, r"input_shape=\(\)"),
            ({"input_shape": (3, 0)}, r"input_shape\[1\]=0"),
            ({"input_shape": (3, 2.0)}, r"input_shape\[1\]=2\.0"),
            ({"input_shape": "3"}, "input_shape='3'"),
            ({"steps": 0}, "steps=0"),
            ({"steps": 10.0}, r"steps=10\.0"),
            ({"steps": 2**31}, "steps=2147483648: pass a whole number from 1 to 16777216"),
            ({"input_shape": (10**400,)}, r"input_shape has shape \(10+,\): pass at most 2,147,483,647 neurons"),
            (
                {"layers": [SpikingDense(2**46, 1.0)]},
                r"^dense_1: the weights of .*units=70368744177664.* input of \(3,\) do not",
            ),
            (
                {"layers": [SpikingDense(10**20, 1.0)]},
                r"units=1[0]{20},.* do not fit into memory \(.*\): make the layer or its",
            ),
            (
                {"layers": [SpikingConv2D(32768, 1, 1.0)], "input_shape": (256, 256)},
                r"^conv_1: the output of .* has shape \(32768, 256, 256\): pass at most",
            ),
            ({"encoder": "Poisson"}, "encoder='Poisson': pass one of BSA"),
            ({"encoder": Poisson}, "encoder is the class Poisson itself"),
            ({"seed": -1}, "seed=-1"),
            ({"seed": 2**64}, f"seed={2**64}"),
            ({"device": "tpu"}, "device='tpu': pass 'auto', 'cpu', 'cuda'"),
            ({"device": "cuda:"}, "device='cuda:': pass"),
            ({"device": None}, "device=None"),
        ],
        ids=str,
    )
    def test_arguments_that_cannot_be_used(self, arguments, message):
        with pytest.raises(InputError, match=message):
            Sequential(**{"layers": [SpikingDense(2, 1.0)], "input_shape": (3,), "steps": 10} | arguments)

    def test_a_layer_without_brackets(self):
        with pytest.raises(InputError, match="layers"):
            Sequential(SpikingDense(2, 1.0), 3, 10)

    @pytest.mark.parametrize("device", ["auto", "cpu"])
    def test_devices(self, device, monkeypatch):
        monkeypatch.setattr("cupynn.device.diagnosis.usable_gpus", lambda: 0)
        assert str(Sequential([SpikingDense(2, 1.0)], 3, 10, device=device).device) == "cpu"

    def test_largest_seed_and_a_single_step(self):
        net = Sequential([SpikingDense(2, 1.0)], 3, 1, Poisson(), seed=2**64 - 1)
        assert net.predict(np.ones((2, 3))).tolist() == [0, 0]  # nothing ever fires at step 0


class TestEncode:
    def test_every_call_draws_anew_and_a_fresh_network_draws_the_same(self):
        x, _ = draw_data(5)
        one, other = make(), make()
        first, second = one.encode(x), one.encode(x)
        assert first != second
        assert other.encode(x) == first
        assert other.encode(x) == second
        assert make(seed=2).encode(x) != first

    def test_trains_depend_on_draw_and_sample_alone(self):
        x, _ = draw_data(6)
        net, numbers = make(), np.arange(6)
        whole = net.encode(x, numbers, 3)
        net.encode(x)
        assert net.encode(x, numbers, 3) == whole
        assert net.encode(x[[4, 1]], numbers[[4, 1]], 3) == whole[[4, 1]]
        assert net.encode(x, numbers, 4) != whole
        assert net.encode(x, numbers + 1, 3) != whole

    def test_without_fresh_draws_a_sample_has_one_train_for_good(self):
        x, _ = draw_data(6)
        net = make(encoder=Poisson(max_rate=0.5, fresh=False))
        assert net.encode(x, np.arange(6), 1) == net.encode(x, np.arange(6), 2)

    def test_trains_pass_through(self):
        spikes = draw_trains(3)
        assert make(encoder=None).encode(spikes) is spikes

    @pytest.mark.parametrize("samples", [np.arange(3), np.arange(2.0), [-1, 0], [0, 2**32], [[0, 1]]], ids=str)
    def test_sample_numbers_that_cannot_be_used(self, samples):
        with pytest.raises(InputError, match=r"samples.*pass 2 "):
            make().encode(draw_data(2)[0], samples, 0)

    @pytest.mark.parametrize("draw", [-1, 2**32, 0.5])
    def test_draws_that_cannot_be_used(self, draw):
        with pytest.raises(InputError, match=f"draw={draw}"):
            make().encode(draw_data(2)[0], np.arange(2), draw)


class TestPasses:
    def test_forward_runs_layer_after_layer(self):
        net, spikes = make(), draw_trains(5)
        output = net.forward(spikes)
        first = net.layers[0].forward(spikes).spikes
        assert output == net.layers[1].forward(first).spikes
        assert net.trains == [spikes, first, output]
        assert output.shape == (5, STEPS, CLASSES)
        assert 0 < output.neurons.size < output.to_dense().size

    @pytest.mark.parametrize("inhibition", [0.0, 0.3])
    @pytest.mark.parametrize("silent", [False, True])
    def test_backward_agrees_with_the_oracle_through_both_layers(self, inhibition, silent):
        net = make(lateral_inhibition=inhibition)
        labels = np.array([2, 0, 2])
        if silent:
            net.layers[1].params["weight"][2] = -0.1  # the label's neuron of two samples never fires: its train is filled in
        error = LOSS(net.forward(draw_trains(3)), labels, [1, 0.5, 2])
        assert (net.trains[-1].counts[[0, 2], 2] == 0).all() == silent
        below = net.backward(error)

        gradients, errors = [np.zeros(weight.shape) for weight in weights(net)], []
        for b in range(3):
            trains = [spikes.to_dense(float)[b].reshape(STEPS, -1) for spikes in (*net.trains[:-1], error.trains)]
            delta = error.delta[b].astype(float)
            for k in (1, 0):
                layer = net.layers[k]
                constants = (layer.v_th, layer.psp_kernel, layer.tau_m, layer.tau_s, layer.t_ref, layer.lateral_inhibition)
                weight = layer.params["weight"].astype(float)
                gradient, delta = oracle.backward(trains[k], trains[k + 1], delta, weight, *constants)
                gradients[k] += gradient / 3
            errors.append(delta.reshape(INPUT))
        for layer, gradient in zip(net.layers, gradients, strict=True):
            np.testing.assert_allclose(layer.grads["weight"], gradient, rtol=1e-4, atol=1e-5 * np.abs(gradient).max())
        np.testing.assert_allclose(below, errors, rtol=1e-4, atol=1e-5 * np.abs(errors).max())

    def test_backward_without_input_error_writes_the_same_gradients(self):
        net = make()
        error = LOSS(net.forward(draw_trains(5)), [0, 1, 2, 3, 0])
        below = net.backward(error)
        assert below.shape == (5, *INPUT)
        assert below.dtype == np.float32
        expected = [layer.grads["weight"].copy() for layer in net.layers]
        assert net.backward(error, input_error=False) is None
        for layer, gradient in zip(net.layers, expected, strict=True):
            np.testing.assert_array_equal(layer.grads["weight"], gradient)

    def test_evaluation_does_not_come_between_forward_and_backward(self):
        x, y = draw_data(3)
        net = make()
        error = LOSS(net.forward(draw_trains(5)), [0, 1, 2, 3, 0])
        expected = net.backward(error)
        net.evaluate((x, y), LOSS)
        net.predict(x)
        net.record(x)
        np.testing.assert_array_equal(net.backward(error), expected)

    def test_backward_before_forward(self):
        error = LOSS(make().forward(draw_trains(2)), [0, 1])
        with pytest.raises(InputError, match="backward before forward"):
            make().backward(error)

    def test_an_error_of_another_batch(self):
        net = make()
        error = LOSS(net.forward(draw_trains(3)), [0, 1, 2])
        net.forward(draw_trains(2))
        with pytest.raises(InputError, match=r"trains \(3, 40, 4\).*returned \(2, 40, 4\)"):
            net.backward(error)
        with pytest.raises(InputError, match="the error has trains"):
            net.backward(replace(LOSS(net.trains[-1], [0, 1]), delta=np.zeros((2, 3), np.float32)))
        with pytest.raises(InputError, match=r"error is an array of shape \(3, 4\): pass a CountError"):
            net.backward(error.delta)


class TestUse:
    def test_predict_names_the_neuron_that_fires_most(self):
        x, _ = draw_data(30)
        net = make()
        counts = net.forward(net.encode(x, np.arange(30), 0)).counts
        predicted = net.predict(x)
        np.testing.assert_array_equal(predicted, counts.argmax(1))
        assert predicted.dtype == np.int64
        assert len(set(predicted)) > 1

    def test_the_lowest_index_wins_a_tie(self):
        net = make()
        net.layers[1].params["weight"][:] = [[0.0], [0.3], [0.3], [0.1]]
        assert set(net.predict(draw_trains(5))) == {1}

    def test_record_sees_the_trains_of_predict_and_evaluate(self):
        x, y = draw_data(7)
        net = make()
        recording = net.record(x)
        assert list(recording.spikes) == ["input", "dense_1", "dense_2"]
        assert list(recording.membranes) == list(recording.currents) == list(recording.thresholds) == ["dense_1", "dense_2"]
        assert recording.thresholds == {"dense_1": 1.5, "dense_2": 1.0}
        np.testing.assert_array_equal(recording.spikes["dense_2"].counts.argmax(1), net.predict(x, batch_size=2))
        assert net.forward(recording.spikes["input"]) == recording.spikes["dense_2"]
        activity = {name: spikes.counts.mean() for name, spikes in recording.spikes.items()}
        assert net.evaluate((x, y)).spikes == pytest.approx(activity, rel=1e-12)
        for name, size in (("dense_1", 12), ("dense_2", CLASSES)):
            membrane, current = recording.membranes[name], recording.currents[name]
            assert membrane.shape == current.shape == (7, STEPS, size)
            assert membrane.dtype == current.dtype == np.float32
            fired = recording.spikes[name].to_dense(bool)
            assert membrane[fired].min() > recording.thresholds[name] - 1e-5 > membrane[~fired].max() - 2e-5

    def test_record_takes_trains(self):
        spikes = draw_trains(2)
        assert make(encoder=None).record(spikes).spikes["input"] is spikes

    def test_evaluate(self):
        x, y = draw_data(50)
        net = make()
        net.layers[1].params["weight"] -= 0.7  # some samples stay silent
        evaluation = net.evaluate((x, y), LOSS)
        output = net.forward(net.encode(x, np.arange(50), 0))
        predicted, silent = output.counts.argmax(1), output.counts.sum(1) == 0
        confusion = [[np.sum((y == i) & (predicted == j)) for j in range(CLASSES)] for i in range(CLASSES)]
        assert evaluation.confusion.tolist() == confusion
        assert evaluation.confusion.sum() == 50
        assert evaluation.accuracy == np.mean(predicted == y)
        assert evaluation.silent == silent.sum() > 0
        assert evaluation.loss == pytest.approx(LOSS(output, y).value, rel=1e-6)
        for name, trains in zip(("input", "dense_1", "dense_2"), net.trains, strict=True):
            assert evaluation.spikes[name] == pytest.approx(trains.counts.mean())
            assert evaluation.dead.get(name, 0) == (0 if name == "input" else np.mean(~trains.counts.any(0)))
        assert net.evaluate((x, y)).loss is None
        assert f"silent={evaluation.silent}" in repr(evaluation)

    def test_evaluate_gives_the_same_every_time(self):
        data, net = draw_data(20), make()
        first = net.evaluate(data, LOSS)
        net.encode(data[0])
        second = net.evaluate(data, LOSS)
        assert (first.accuracy, first.loss, first.spikes) == (second.accuracy, second.loss, second.spikes)

    @pytest.mark.parametrize("loss", [LOSS, SoftmaxCount(desired=8)], ids=str)
    @pytest.mark.parametrize("batch_size", [1, 3, 7, 49, 50, 1000])
    def test_the_batch_size_changes_not_a_bit(self, batch_size, loss):
        data, net = draw_data(50), make(hidden=11)
        whole, parts = net.evaluate(data, loss), net.evaluate(data, loss, batch_size=batch_size)
        np.testing.assert_array_equal(parts.confusion, whole.confusion)
        assert (parts.accuracy, parts.silent) == (whole.accuracy, whole.silent)
        assert (parts.loss, parts.spikes) == (whole.loss, whole.spikes)
        np.testing.assert_array_equal(net.predict(data[0], batch_size), net.predict(data[0]))

    def test_datasets_and_trains_are_data(self):
        x, y = draw_data(5)
        net = make()

        class Samples:
            pass

        data = Samples()
        data.x, data.y = x, y
        trains = net.encode(x, np.arange(5), 0)
        for same in (data, [x, list(y)], (trains, y), (x.tolist(), y)):
            np.testing.assert_array_equal(net.evaluate(same).confusion, net.evaluate((x, y)).confusion)


@pytest.mark.parametrize("method", ["predict", "record", "encode"])
@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((5, 2, 3)), r"data has shape \(5, 2, 3\): this network takes \(samples, \*\(3, 2\)\)$"),
        (np.zeros((3, 2)), r"a single sample\? pass x\[None\]"),
        (np.zeros((5, 6)), r"data has shape \(5, 6\)"),
        (np.float32(1), r"data has shape \(\)"),
        (np.zeros((0, 3, 2)), "data has no samples"),
        (np.zeros((5, 3, 2), int), "data has dtype int64"),
        (np.full((5, 3, 2), 2.0), r"data ranges over 2\.\.2"),
        (np.full((5, 3, 2), np.nan), "pass finite floats"),
        (draw_trains(2, steps=30), r"spikes have shape \(2, 30, 3, 2\): this network takes \(samples, 40, \*\(3, 2\)\)"),
        (draw_trains(2, shape=(6,)), r"spikes have shape \(2, 40, 6\)"),
    ],
    ids=lambda value: None if isinstance(value, str) else "x",
)
def test_data_that_cannot_be_used(method, x, message):
    with pytest.raises(InputError, match=message):
        getattr(make(), method)(x)


@pytest.mark.parametrize("method", ["predict", "record", "encode"])
def test_trains_without_samples(method):
    with pytest.raises(InputError, match="no samples"):
        getattr(make(), method)(draw_trains(2)[:0])


@pytest.mark.parametrize("method", ["predict", "record", "encode"])
def test_data_without_an_encoder(method):
    with pytest.raises(InputError, match="no encoder"):
        getattr(make(encoder=None), method)(draw_data(2)[0])


def test_forward_takes_trains_only():
    with pytest.raises(InputError, match=r"spikes is an array of shape \(2, 40, 3, 2\): pass SpikeTrains"):
        make().forward(np.zeros((2, STEPS, *INPUT)))
    with pytest.raises(InputError, match=r"spikes have shape \(2, 30, 3, 2\)"):
        make().forward(draw_trains(2, steps=30))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (draw_data(3)[0], "data is a ndarray: pass a Dataset, a pair"),
        ((*draw_data(3), 1), "data is a tuple"),
        ((draw_data(3)[0], [0, 1]), r"labels has shape \(2,\)"),
        ((draw_data(3)[0], [0, 1, CLASSES]), r"labels\[2\]=4"),
        ((draw_data(3)[0][0], [0, 1, 2]), r"pass x\[None\]"),
    ],
    ids=["no pair", "triple", "too few labels", "label beyond the classes", "single sample"],
)
def test_labelled_data_that_cannot_be_used(data, message):
    with pytest.raises(InputError, match=message):
        make().evaluate(data)


@pytest.mark.parametrize("batch_size", [0, -1, 2.5])
def test_batch_sizes_that_cannot_be_used(batch_size):
    x, y = draw_data(3)
    for call in (lambda: make().predict(x, batch_size), lambda: make().evaluate((x, y), batch_size=batch_size)):
        with pytest.raises(InputError, match=f"batch_size={batch_size}"):
            call()


def test_summary(capsys):
    make().summary()
    header, *rows, total = capsys.readouterr().out.splitlines()
    assert header.split() == ["layer", "kind", "shape", "v_th", "tau_m", "tau_s", "t_ref", "parameters"]
    assert [row.split() for row in rows] == [
        ["input", "Poisson(max_rate=0.5)", "(3,", "2)"],
        ["dense_1", "SpikingDense", "(12,)", "1.5", "64", "8", "2", "72"],
        ["dense_2", "SpikingDense", "(4,)", "1", "64", "8", "2", "48"],
    ]
    assert len({len(row) for row in (header, *rows[1:])}) == 1  # a column's right edges stand below one another
    assert total.startswith("120 parameters, 40 steps, cpu, ")


def test_summary_without_an_encoder(capsys):
    make(encoder=None).summary()
    assert "spike trains" in capsys.readouterr().out


def test_repr():
    assert repr(make()) == "Sequential(input (3, 2), dense_1 (12,), dense_2 (4,); 40 steps, cpu)"
