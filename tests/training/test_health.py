"""What cannot fire, does not fire, fires always or is no longer finite: told, with the place and a remedy."""

from types import SimpleNamespace

import numpy as np
import pytest
from factories import LOSS, STILL, draw_data, draw_trains, weights
from factories import dense_network as make

from cupynn import Ragged, Sequential, cli, encoders, layers, presets
from cupynn.augment import Augment
from cupynn.checks import InputError
from cupynn.datasets import Dataset
from cupynn.kernels.lif import lif
from cupynn.losses import CountRegression, SoftmaxCount, SpikeCount
from cupynn.optimizers import SGD, Adam
from cupynn.results.history import Epoch, History
from cupynn.spikes import SpikeTrains
from cupynn.training import health
from cupynn.training.health import Diverged
from cupynn.training.loop import Training

DATA = draw_data(12)


def fit(net, data=DATA, **options):
    usual = {"loss": LOSS, "optimizer": SGD(STILL), "epochs": 1, "batch_size": 4, "progress": False}
    return net.fit(data, **usual | options)


def spoil(monkeypatch, batch, change):
    """Change a network's arrays in the update of this batch."""
    plain, seen = Training._update, []

    def step(training, *arguments):
        result = plain(training, *arguments)
        seen.append(1)
        if len(seen) == batch:
            change(training.network)
        return result

    monkeypatch.setattr(Training, "_update", step)


class TestFinite:
    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize("layer", [0, 1])
    @pytest.mark.parametrize("kind", ["params", "grads"])
    def test_training_stops_with_layer_and_place(self, monkeypatch, device, value, layer, kind):
        def change(network):
            getattr(network.layers[layer], kind)["weight"][1, 2] = value

        monkeypatch.setattr(health, "LOOK_EVERY", 1)
        spoil(monkeypatch, 5, change)  # three in an epoch
        what = "the array" if kind == "params" else "the gradient of"
        place = rf"{what} dense_{layer + 1}/weight is not finite after batch 2 of epoch 2; lower the .*: loss jumps"
        with pytest.raises(Diverged, match=place if not device.on_cuda or kind == "params" else "not finite after"):
            fit(make().to(device), epochs=3)

    def test_a_gpu_looks_now_and_then(self, monkeypatch, device):
        """And before anything is saved, so that no state is ever bad."""
        seen = []
        plain = health.Watch._look
        monkeypatch.setattr(health.Watch, "_look", lambda watch, state: seen.append(watch.updates) or plain(watch, state))
        fit(make().to(device), draw_data(40))
        assert seen == ([8, 10] if device.on_cuda else list(range(1, 11)))

    @pytest.mark.parametrize("every", [1, 8])
    def test_the_last_good_state_stays(self, monkeypatch, tmp_path, every, device):
        monkeypatch.setattr(health, "LOOK_EVERY", every)
        path, alone, again = tmp_path / "training.npz", make().to(device), make().to(device)
        options = {"optimizer": Adam(0.02), "epochs": 2, "checkpoint_seconds": 0}
        fit(alone, **options)

        def change(network):
            network.layers[0].params["weight"][0, 0] = np.nan

        with monkeypatch.context() as patch:
            spoil(patch, 5, change)
            with pytest.raises(Diverged):
                fit(make().to(device), checkpoint=path, **options | {"optimizer": Adam(0.02)})
        fit(again, checkpoint=path, resume=True, **options | {"optimizer": Adam(0.02)})
        for layer, twin in zip(again.layers, alone.layers, strict=True):
            np.testing.assert_array_equal(device.get(layer.params["weight"]), device.get(twin.params["weight"]))

    @pytest.mark.parametrize("value", [1e20, -3.4e38])
    @pytest.mark.parametrize("kind", ["params", "grads"])
    def test_large_values_are_finite(self, monkeypatch, device, value, kind):
        """Though their squares are not."""

        def change(network):
            getattr(network.layers[0], kind)["weight"][1, 2] = value

        monkeypatch.setattr(health, "LOOK_EVERY", 1)
        spoil(monkeypatch, 5, change)
        assert len(fit(make().to(device), epochs=3)) == 3

    def test_a_gradient_whose_square_overflows(self, monkeypatch, device):
        """Adam would keep it as infinite, and no state could be resumed."""
        net = make().to(device)
        watch, adam = health.Watch(net), Adam(0.01)
        net.layers[1].grads["weight"][0, 0] = 1e25
        with adam.unchecked():
            adam.step(net)
        watch.updates = 1
        with pytest.raises(Diverged, match="a moment of the optimizer for dense_2/weight is not finite after batch 1"):
            watch.check(SimpleNamespace(optimizer=adam, batch=1, epoch=1))

    def test_the_drive_of_large_weights(self):
        """Their sum is larger than any float32."""
        net = make()
        net.layers[0].params["weight"][...] = 3e38
        assert np.isfinite(net.layers[0].drive())
        assert not health._cannot_fire(net.layers[0], 50)

    def test_a_layer_without_an_array_of_that_name(self):
        """Nothing is known of its currents, so there is no warning."""

        class Renamed(layers.SpikingDense):
            def held(self, name):
                return super().held("kernel" if name == "weight" else name)

            def build(self, input_shape, rng):
                super().build(input_shape, rng)
                for arrays in (self.params, self.grads):
                    arrays["kernel"] = arrays.pop("weight")

            def shapes(self):
                return {"kernel": (self.units, *self.input_shape)}

        net = make()
        renamed = Sequential([Renamed(3, v_th=20.0)], net.input_shape, net.steps, net.encoder)
        assert renamed.layers[0].drive() == np.inf
        assert health._cannot_fire(renamed.layers[0], 50) is None
        assert len(fit(renamed)) == 1

    def test_a_rate_that_overflows(self):
        with pytest.raises(Diverged, match=r"dense_\d/weight is not finite after batch \d of epoch 1"):
            fit(make(), optimizer=SGD(1e30), epochs=3)

    def test_weights_are_looked_at_before(self):
        net = make()
        net.layers[1].params["weight"][0, 0] = np.nan
        with pytest.raises(InputError, match="dense_2/weight holds a value that is not finite"):
            fit(net)

    def test_nothing_to_watch(self):
        net = Sequential([layers.SpikingPool2D(2, v_th=0.1)], (1, 2, 2), 50, encoders.Poisson(0.5))
        net.layers[0].output_shape = net.output_shape = (1,)
        watch = health.Watch(net)
        watch.after_update(None)
        watch.check(None)


class TestNoticed:
    def test_a_dead_layer_is_told_once(self, capsys):
        net = make()
        net.layers[0].params["weight"][:] = -1
        history = fit(net, epochs=3, progress=True)
        notice = (
            "layer dense_1 is dead, no neuron fires: lower v_th=2, raise initial_weight, or raise the encoder's "
            'max_rate=0.5 (guide "It does not learn": layer dead)'
        )
        assert [notice in line for line in history.notices].count(True) == 1
        assert capsys.readouterr().out.count(notice) == 1

    def test_a_saturated_layer(self):
        net = make()
        net.layers[0].params["weight"][:] = 100
        history = fit(net, epochs=3)
        assert [line for line in history.notices if "dense_1" in line] == [
            "layer dense_1 is saturated, its neurons fire at nearly every possible step: raise v_th=2, "
            'lower initial_weight, or lower the encoder\'s max_rate=0.5 (guide "It does not learn": layer saturated)'
        ]

    @pytest.mark.parametrize(("number", "accuracy", "told"), [(5, 0.4, 1), (4, 0.4, 0), (6, 0.4, 0), (5, 0.5, 0)])
    def test_a_network_that_does_not_learn(self, number, accuracy, told):
        """Three classes, after five epochs."""
        spikes = {"input": 1.0, "dense_1": 1.0, "dense_2": 1.0}
        epoch = Epoch(number, 1.0, accuracy, None, None, spikes, 0, 1e-3, 1.0, 1.0)
        notices = health.after_epoch(make(), epoch, steps=50)
        assert len(notices) == told
        assert all("accuracy after 5 epochs is 40%" in line and "optimizers.Adam(0.01)" in line for line in notices)
        assert all(line.endswith('(guide "It does not learn": accuracy at chance)') for line in notices)

    @pytest.mark.parametrize(
        ("dead", "samples", "told"), [(3, 300, True), (2, 300, False), (3, 299, False), (4, 300, False)]
    )
    def test_dead_neurons(self, dead, samples, told):
        """Of four; a layer that is dead as a whole is told as such."""
        net = Sequential([layers.SpikingDense(4, 2.0), layers.SpikingDense(3, 2.0)], (6,), 40, encoders.Poisson(0.5))
        net.layers[0].params["weight"][:] = 1
        net.layers[0].params["weight"][:dead] = -1
        data = np.ones((samples, 6), np.float32), np.zeros(samples, int)
        held_out = net.evaluate(data)
        assert held_out.dead["dense_1"] == dead / 4
        assert f"dense_1 {dead / 4:.0%}" in repr(held_out)
        spikes = {"input": 1.0, "dense_1": 1.0, "dense_2": 1.0}
        epoch = Epoch(1, 1.0, 0.4, None, None, spikes, 0, 1e-3, 1.0, 1.0)
        found = health.after_epoch(net, epoch, 40, held_out)
        assert [line for line in found if "dense_1" in line] == told * [
            "most neurons of layer dense_1 never fire on the validation data: lower the optimizer's lr, "
            'or pass silent_slope=0.2 instead of 1 (guide "It does not learn": layer dead)'
        ]
        net.layers[0].silent_slope = 0.2
        assert told == any(
            "lower the optimizer's lr (guide" in line for line in health.after_epoch(net, epoch, 40, held_out)
        )
        net.layers[0].params.clear()  # as a reservoir has none, which is what it is
        assert not [line for line in health.dead_neurons(net, held_out) if "dense_1" in line]

    @pytest.mark.parametrize(("samples", "told"), [(50, True), (49, False), (300, True)])
    @pytest.mark.parametrize("where", ["validation", "training"])
    def test_dead_neurons_at_the_end(self, samples, told, where):
        """A training without validation data, or with few, gets the notice after the last epoch; once."""
        net = Sequential([layers.SpikingDense(10, 2.0), layers.SpikingDense(3, 2.0)], (6,), 40, encoders.Poisson(0.5))
        net.layers[0].params["weight"][:] = 1
        net.layers[0].params["weight"][:6] = -1
        data = np.ones((samples, 6), np.float32), np.arange(samples) % 3
        few = data[0][:9], data[1][:9]
        history = fit(net, data, batch_size=50) if where == "training" else fit(net, few, validation=data)
        assert [line for line in history.notices if "never fire" in line] == told * [
            f"most neurons of layer dense_1 never fire on the {where} data: lower the optimizer's lr, "
            'or pass silent_slope=0.2 instead of 1 (guide "It does not learn": layer dead)'
        ]

    @pytest.mark.parametrize(
        ("accuracy", "validation", "count", "told"),
        [
            (0.95, 0.8, 100, True),
            (0.89, 0.8, 1000, False),
            (0.95, 0.8, 20, False),
            (0.8, 0.95, 100, False),
            (0.45, 0.2, 100, False),
        ],
    )
    def test_overfitting(self, accuracy, validation, count, told):
        spikes = {"input": 1.0, "dense_1": 1.0, "dense_2": 1.0}
        history = History([Epoch(1, 1.0, accuracy, 1.0, validation, spikes, 0, 1e-3, 1.0, 1.0)])
        images = np.zeros((200, 3, 3), np.uint8)
        cases = [
            (images, None, "pass augment=Augment(shift=3), "),
            (images, Augment(), "pass augment=Augment(shift=3), "),
            (images, Augment(shift=3), "pass a regularizer to the optimizer, "),
            (images.reshape(200, 9), None, "pass a regularizer to the optimizer, "),
            (images / 255, None, "pass a regularizer to the optimizer, "),
        ]
        for x, augment, remedy in cases:
            assert health.after_training(history, count, x, augment) == told * [
                f"overfitting: accuracy {accuracy:.0%} on the training data, {validation:.0%} on the validation data: "
                f"{remedy}"
                'train on more samples, or use a smaller network (guide "It does not learn": overfitting)'
            ]

    def test_overfitting_is_told_by_fit(self, tmp_path):
        """Labels of the validation data are random; a resumed training says it again."""
        options = {"optimizer": Adam(0.1), "epochs": 6, "checkpoint": tmp_path / "x"}
        options["validation"] = draw_data(60)[0], np.random.default_rng(0).integers(0, 3, 60)
        history = fit(make(), draw_data(30), **options)
        assert [line[:11] for line in history.notices] == ["overfitting", "most neuron"]
        assert fit(make(), draw_data(30), **options | {"optimizer": Adam(0.1)}, resume=True).notices == history.notices

    @pytest.mark.parametrize("classes", [2, 3])
    def test_outputs_that_no_class_has(self, classes):
        x, y = draw_data()
        data = Dataset(x[y < classes], y[y < classes], ("a", "b", "c")[:classes], "few")
        told = [line for line in fit(make(), data).notices if "the network has 3 outputs for 2 classes" in line]
        assert len(told) == (classes == 2)

    def test_a_layer_that_is_well(self):
        assert fit(make(), epochs=2).notices == []

    def test_they_go_on_with_the_training(self, tmp_path):
        nets = [make(), make()]
        nets[0].layers[0].params["weight"][:] = -1
        before = fit(nets[0], checkpoint=tmp_path / "x").notices
        assert fit(nets[1], checkpoint=tmp_path / "x", resume=True, epochs=2).notices == before


class TestBefore:
    @pytest.mark.parametrize(("steps", "t_ref"), [(2, 0), (9, 2), (50, 2), (400, 7)])
    def test_reach_is_what_the_simulation_gives(self, steps, t_ref):
        layer = layers.SpikingDense(1, v_th=1e9, t_ref=t_ref)
        layer.build((1,), np.random.default_rng(0))
        layer.params["weight"][:] = 1
        run = layer.forward(SpikeTrains.from_dense(np.ones((1, steps, 1))), record=True)
        assert run.membrane.max() == pytest.approx(lif(1.0, 64, 8, t_ref).reach(steps), rel=1e-5)

    @pytest.mark.parametrize(
        ("layer", "shape"),
        [
            (layers.SpikingDense(5, v_th=2.0), (7,)),
            (layers.SpikingConv2D(3, 2, v_th=2.0), (2, 4, 4)),
            (layers.SpikingPool2D((2, 3), v_th=2.0), (2, 4, 4)),
            (layers.SpikingPool2D((2, 9), v_th=2.0), (2, 4, 4)),
            (layers.SpikingRecurrent(6, v_th=2.0, reservoir=(1, 2, 3), trained=False), (9,)),
        ],
        ids=repr,
    )
    def test_a_threshold_at_the_edge(self, layer, shape):
        """Just below what all inputs together give a neuron fires, above it none does, and this is what is told."""
        layer.build(shape, np.random.default_rng(0))
        layer.name = "edge"
        for array in (layer.params | layer.buffers).values():
            np.abs(array, out=array)  # so that all inputs drive a neuron
        spikes = SpikeTrains.from_dense(np.ones((1, 60, *shape)))
        edge = layer.drive() * layer.neuron.reach(60)
        layer.v_th = edge * 0.999
        assert layer.forward(spikes).spikes.total
        assert health._cannot_fire(layer, 60) is None
        layer.v_th = edge * 1.001
        assert not layer.forward(spikes).spikes.total
        if layer.params:
            assert "no neuron of layer edge can reach v_th=" in health._cannot_fire(layer, 60)
        else:
            with pytest.raises(InputError, match="no neuron of layer edge can reach v_th="):
                health._cannot_fire(layer, 60)

    def test_unreachable_thresholds(self):
        trained = Sequential([layers.SpikingDense(3, v_th=2.0, initial_weight=1e-3)], (9,), 50, encoders.Poisson(0.5))
        assert "dense_1 can reach v_th=2" in fit(trained).notices[0]
        assert fit(trained).notices[0].endswith('(guide "It does not learn": layer dead)')
        pools = [layers.SpikingPool2D(2, v_th=1e6), layers.SpikingDense(3, v_th=2.0)]
        fixed = Sequential(pools, (1, 3, 3), 50, encoders.Poisson(0.5))
        with pytest.raises(InputError, match=r"layer pool_1 can reach v_th=1e\+06: all .* give .*lower v_th"):
            fit(fixed, (DATA[0].reshape(-1, 1, 3, 3), DATA[1]))

    def test_counts_that_no_neuron_reaches(self):
        """With t_ref=2, 50 steps have room for 17 spikes."""
        fit(make(), loss=SpikeCount(desired=19, undesired=2, margin=2))
        fit(make(), loss=SoftmaxCount(desired=30))
        with pytest.raises(InputError, match=r"desired=20: with its t_ref, .* at most 17 times in 50 steps"):
            fit(make(), loss=SpikeCount(desired=20, undesired=2, margin=2))

    def test_data_without_a_spike(self):
        with pytest.raises(InputError, match="all values of the data are zero"):
            fit(make(), (np.zeros_like(DATA[0]), DATA[1]))
        trains, y = draw_trains(3)
        silent = SpikeTrains.from_dense(np.zeros(trains.shape))
        with pytest.raises(InputError, match="the data has no spikes"):
            fit(make(encoder=False), (silent, y))
        faint = make()
        faint.encoder = encoders.Regular(max_rate=0.001)
        assert "encoder Regular(max_rate=0.001) makes no spikes from 12 samples, " in fit(faint).notices[0]
        events = np.zeros(1, [("t", "i8"), ("x", "i2"), ("y", "i2"), ("p", "i1")])
        net = Sequential([layers.SpikingDense(3, v_th=2.0)], (2, 3, 3), 50, encoders.Events())
        with pytest.raises(InputError, match="the data has no events"):
            fit(net, (Ragged(events, [0, 0], [0, 0], (2, 3, 3)), [0, 1]))

    def test_nothing_is_changed(self):
        net = make()
        before = weights(net)
        with pytest.raises(InputError):
            fit(net, loss=SpikeCount(desired=30, undesired=2, margin=2))
        np.testing.assert_array_equal(weights(net), before)

    @pytest.mark.parametrize("steps", ["network.steps", "training.steps"])
    def test_a_run_says_so_before_it_makes_a_folder(self, tmp_path, capsys, steps):
        path = tmp_path / "bad.toml"
        path.write_text(presets.read("digits").replace(**{"loss.desired": 99, steps: 100}).to_toml())
        assert cli.main(["train", str(path), "--out", str(tmp_path / "run")]) == 1
        assert "desired=99" in capsys.readouterr().err
        assert not (tmp_path / "run").exists()


def test_targets_of_a_regression_are_counts():
    for highest, told in ((1.0, True), (0.3, True), (20.0, False), (0.0, False)):
        targets = np.array([[0.0], [highest]], np.float32)
        assert bool(health.targets_below_one(CountRegression(), targets)) == told
    assert health.targets_below_one(SpikeCount(), np.array([0, 1])) == []
