"""Losses with targets per output, and with several neurons per class, against plain formulas in float64."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from factories import dense_network, draw_data, fit, weights

import cupynn
from cupynn import InputError, Sequential, cli, datasets, layers, losses, presets, training
from cupynn.datasets import Dataset
from cupynn.encoders import Poisson, Regular
from cupynn.losses import CountRegression, SoftmaxCount, SpikeCount
from cupynn.optimizers import Adam
from cupynn.spikes import SpikeTrains

STEPS = 40
MULTI = SpikeCount(desired=12, undesired=2, margin=3, multilabel=True)


def trains(counts, steps=STEPS):
    """Trains (B, T, N) with these counts, one spike per step from step 1 on."""
    time = np.arange(steps)[None, :, None]
    return SpikeTrains.from_dense((time >= 1) & (time <= np.asarray(counts)[:, None, :]))


def on(device, spikes):
    return device.trains(spikes)


def filled(spikes, silent, wanted):
    """Dense trains with evenly spaced spikes in silent neurons, as the formula says it: at multiples of floor(T / n)."""
    dense = spikes.to_dense().copy()
    for b, i in np.argwhere(silent & (wanted > 0)):
        spacing = dense.shape[1] // wanted[b, i]
        dense[b, spacing::spacing, i] = 1
    return dense


def draw(batch=7, outputs=5, seed=0):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 20, (batch, outputs)) * (rng.random((batch, outputs)) < 0.6)
    return counts, rng.random(batch).astype(np.float32), rng


@pytest.mark.parametrize("margin", [0.0, 1.25])
def test_regression(device, margin):
    counts, weight, rng = draw()
    y = (rng.random(counts.shape) * 15 * (rng.random(counts.shape) < 0.8)).astype(np.float32)
    error = CountRegression(margin)(on(device, trains(counts)), y, weight)
    z = counts - y.astype(np.float64)
    z[np.abs(z) <= margin] = 0
    assert device.get(error.delta).dtype == np.float32
    np.testing.assert_array_equal(device.get(error.delta), (weight.astype(np.float64)[:, None] * z).astype(np.float32))
    np.testing.assert_allclose(device.get(error.losses), weight * (z**2).sum(1) / 2, rtol=1e-12)
    wanted = np.floor(y.astype(np.float64) + 0.5).astype(int)
    np.testing.assert_array_equal(error.trains.to_dense(), filled(trains(counts), counts == 0, wanted))


def test_several_labels(device):
    counts, weight, rng = draw(seed=1)
    y = rng.integers(0, 2, counts.shape)
    error = MULTI(on(device, trains(counts)), y, weight)
    z = counts - np.where(y, 12.0, 2.0)
    z[np.abs(z) <= 3] = 0
    np.testing.assert_array_equal(device.get(error.delta), (weight[:, None] * z).astype(np.float32))
    np.testing.assert_allclose(device.get(error.losses), weight * (z**2).sum(1) / 2, rtol=1e-12)
    np.testing.assert_array_equal(error.trains.to_dense(), filled(trains(counts), counts == 0, 12 * y))


@pytest.mark.parametrize("loss", [SpikeCount(12, 2, 1), SoftmaxCount(12), MULTI, CountRegression()], ids=str)
def test_a_population(device, loss):
    """The error of a class, by its summed counts, is that of each of its neurons."""
    population, (counts, weight, rng) = 3, draw(outputs=12, seed=2)
    counts[0] = 0
    sums = counts.reshape(7, 4, 3).sum(2)
    labels = {
        "class": rng.integers(0, 4, 7),
        "labels": rng.integers(0, 2, (7, 4)),
        "counts": rng.random((7, 4)).astype(np.float32) * 20,
    }[loss.predicts]
    error = loss(on(device, trains(counts)), labels, weight, population)
    alone = loss(trains(sums, steps=80), labels, weight)
    np.testing.assert_array_equal(device.get(error.delta), np.repeat(alone.delta, 3, axis=1))
    np.testing.assert_allclose(device.get(error.losses), alone.losses, rtol=1e-12)
    assert error.neurons_per_class == 3
    wanted = {
        "class": 12 * np.eye(4, dtype=int)[labels] if loss.predicts == "class" else None,
        "labels": 12 * np.asarray(labels),
        "counts": np.floor(np.asarray(labels, np.float64) + 0.5).astype(int),
    }[loss.predicts]
    each = -(-wanted // 3)  # a third of the spikes, rounded up
    silent = np.repeat(sums == 0, 3, axis=1)
    np.testing.assert_array_equal(error.trains.to_dense(), filled(trains(counts), silent, np.repeat(each, 3, axis=1)))


@pytest.mark.parametrize(
    ("loss", "y", "message"),
    [
        (CountRegression(), [[1.0, 2.0]] * 3, r"labels is float64 of shape \(3, 2\): pass a target count .*shape \(2, 2\)"),
        (CountRegression(), [[1.0, -1.0]] * 2, "labels: a value is negative, too large or not finite"),
        (CountRegression(), [[1.0, np.nan]] * 2, "not finite"),
        (CountRegression(), [0.5, 0.5], r"float64 of shape \(2,\)"),
        (MULTI, [[0, 2]] * 2, "labels has a value other than 0 and 1"),
        (MULTI, [0, 1], r"\(labels of one class per sample\? pass multilabel=False\)"),
        (MULTI, [["a", "b"]] * 2, "pass zeros and ones"),
        (SpikeCount(12, 2), [[0, 1]] * 2, r"one-hot\? pass labels\.argmax\(1\)"),
    ],
)
def test_targets_that_cannot_be_used(loss, y, message):
    with pytest.raises(InputError, match=message):
        loss(trains([[1, 2], [3, 4]]), y)


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [(CountRegression, {"margin": -1}, "margin=-1"), (SpikeCount, {"multilabel": 1}, "multilabel=1: pass True or False")],
)
def test_arguments_that_cannot_be_used(kind, arguments, message):
    with pytest.raises(InputError, match=message):
        kind(**arguments)


class TestRegressionOfANetwork:
    LOSS = CountRegression()

    def network(self, outputs=2, population=1, device="cpu"):
        parts = [layers.SpikingDense(20, v_th=2.0), layers.SpikingDense(outputs * population, v_th=2.0)]
        return Sequential(parts, (9,), 50, Poisson(max_rate=0.5), device=device, neurons_per_class=population)

    def data(self, samples=30):
        x, _ = draw_data(samples)
        return x, np.stack([x[:, :3].mean(1), x[:, 3:].mean(1)], axis=1).astype(np.float32) / 20

    def test_it_learns_and_reports_r2(self):
        net, (x, y) = self.network(), self.data()
        options = {"loss": self.LOSS, "validation": (x, y), "epochs": 40, "optimizer": Adam(0.01)}
        history = fit(net, (x, y), **options)
        counts = net.counts(x).astype(np.float64)
        squares, spread = ((counts - y) ** 2).sum(), ((y - y.mean(0, dtype=np.float64)) ** 2).sum()
        evaluation = net.evaluate((x, y), self.LOSS)
        assert evaluation.r2 == pytest.approx(1 - squares / spread, rel=1e-9)
        assert evaluation.loss == pytest.approx(squares / 2 / len(x), rel=1e-9)
        assert (evaluation.accuracy, evaluation.confusion) == (None, None)
        assert history[-1].validation_r2 == evaluation.r2 > 0.8
        assert history[0].r2 < history[-1].r2
        assert history.best.validation_r2 == max(history["validation_r2"])
        assert "R2" in str(history[-1])
        assert "R2" in repr(history)
        assert "r2=" in repr(evaluation)

    def test_one_output_takes_one_axis(self):
        net, (x, y) = self.network(outputs=1), self.data()
        assert net.evaluate((x, y[:, 0]), self.LOSS).r2 == net.evaluate((x, y[:, :1]), self.LOSS).r2

    def test_targets_out_of_reach(self):
        x, y = self.data()
        with pytest.raises(InputError, match=r"the targets go up to \d+.*: an output fires at most 17 times in 50 steps"):
            fit(self.network(), (x, y * 10), loss=self.LOSS)
        with pytest.raises(InputError, match=r"the targets go up to"):
            fit(self.network(), (x, y), loss=self.LOSS, validation=(x, y * 10))

    def test_without_its_loss(self):
        x, y = self.data()
        with pytest.raises(InputError, match=r"labels has shape \(30, 2\)"):
            self.network().evaluate((x, y))
        with pytest.raises(InputError, match="boost=True with CountRegression"):
            fit(self.network(), (x, y), loss=self.LOSS, boost=True)

    def test_parts_and_devices(self, device):
        """Bits do not depend on parts, and a network with a population learns sums."""
        x, y = self.data(18)
        y = y * 2
        nets = []
        for part in (None, 2, 3):
            net = self.network(population=2, device=device)
            fit(net, (x, y), loss=self.LOSS, part_size=part, batch_size=6)
            nets.append(net.to("cpu"))
        for net in nets[1:]:
            np.testing.assert_array_equal(weights(net), weights(nets[0]))
        assert nets[0].counts(x).shape == (18, 2)

    @pytest.mark.parametrize("batch", [1, 4, 9])
    def test_resumed_with_the_same_bits(self, tmp_path, monkeypatch, batch):
        x, y = self.data(18)
        options = {"loss": self.LOSS, "validation": (x, y), "terms": {"dense_1": losses.RateBand(high=2)}, "epochs": 3}
        whole = self.network()
        expected = fit(whole, (x, y), **options)
        stopped, calls = self.network(), []
        ordinary = training.loop.Training._batch

        def stop(self, first, part):
            calls.append(first)
            if len(calls) > batch:
                raise KeyboardInterrupt
            ordinary(self, first, part)

        monkeypatch.setattr(training.loop.Training, "_batch", stop)
        path = tmp_path / "state.npz"
        with pytest.raises(KeyboardInterrupt):
            fit(stopped, (x, y), checkpoint=path, checkpoint_seconds=0, **options)
        monkeypatch.undo()
        again = self.network()
        history = fit(again, (x, y), checkpoint=path, resume=True, **options)
        np.testing.assert_array_equal(weights(again), weights(whole))
        for name in ("loss", "r2", "validation_r2", "terms", "spikes"):
            assert history[name] == expected[name]


class TestSeveralLabelsOfANetwork:
    def test_accuracy_and_confusion(self):
        x, y = draw_data()
        y = np.stack([y == 0, y < 2, np.ones(len(y), bool)], axis=1)
        net = dense_network(hidden=20)
        history = fit(net, (x, y), loss=MULTI, validation=(x, y), epochs=20)
        predicted = net.counts(x) > 7
        evaluation = net.evaluate((x, y), MULTI)
        assert evaluation.accuracy == (predicted == y).mean() == history[-1].validation_accuracy
        assert evaluation.accuracy > 0.9
        assert history[0].accuracy < history[-1].accuracy <= 1
        for label in range(3):
            for truth in (0, 1):
                for shown in (0, 1):
                    both = (y[:, label] == truth) & (predicted[:, label] == shown)
                    assert evaluation.confusion[label, truth, shown] == both.sum()

    def test_one_hot_targets_train_as_labels(self):
        x, y = draw_data()
        nets = [dense_network(), dense_network()]
        fit(nets[0], (x, y), loss=SpikeCount(12, 2, 2))
        fit(nets[1], (x, np.eye(3, dtype=np.uint8)[y]), loss=SpikeCount(12, 2, 2, multilabel=True))
        np.testing.assert_array_equal(weights(nets[0]), weights(nets[1]))


class TestPopulationOfANetwork:
    def make(self, population=4, outputs=12, **options):
        parts = [layers.SpikingDense(10, v_th=2.0, initial_weight=1.0), layers.SpikingDense(outputs, v_th=2.0)]
        return Sequential(parts, (9,), 50, Poisson(max_rate=0.5), neurons_per_class=population, **options)

    def test_predictions_are_of_sums(self):
        net, (x, y) = self.make(), draw_data()
        history = fit(net, (x, y), loss=SpikeCount(40, 8, 5), validation=(x, y), epochs=10)
        fired = net.forward(net.encode(x, np.arange(len(x)), 0)).counts.reshape(-1, 3, 4).sum(2)
        np.testing.assert_array_equal(net.counts(x), fired)
        np.testing.assert_array_equal(net.predict(x), fired.argmax(1))
        evaluation = net.evaluate((x, y))
        assert evaluation.accuracy == (fired.argmax(1) == y).mean() == history[-1].validation_accuracy > 0.8
        assert evaluation.confusion.shape == (3, 3)
        assert net.classes == 3

    def test_the_file_knows_it(self, tmp_path):
        net = self.make()
        net.save(tmp_path / "net.npz")
        assert Sequential.load(tmp_path / "net.npz").neurons_per_class == 4

    def test_a_step_by_hand(self):
        net, (x, y) = self.make(), draw_data(6)
        loss, spikes = SpikeCount(40, 8, 5), net.encode(x, np.arange(6), 1)
        error = training.step(net, loss, Adam(0.01), spikes, y)
        assert error.neurons_per_class == 4
        with pytest.raises(
            InputError, match="the error is for neurons_per_class=1, the network has 4: pass neurons_per_class"
        ):
            net.backward(loss(net.forward(spikes), y))

    @pytest.mark.parametrize(
        ("population", "message"),
        [
            (5, "neurons_per_class=5 for an output of shape .12,.: give the last layer a multiple of 5 neurons"),
            (0, "neurons_per_class=0: pass a whole number of at least 1"),
            (2.0, "neurons_per_class=2.0"),
        ],
    )
    def test_sizes_that_cannot_be_used(self, population, message):
        with pytest.raises(InputError, match=message):
            self.make(population)

    def test_labels_and_targets_out_of_reach(self):
        x, y = draw_data()
        with pytest.raises(InputError, match="the last layer has 12 neurons, 4 per class: give it 20"):
            fit(self.make(), (x, y * 2))
        with pytest.raises(InputError, match="4 output neurons fire at most 68 times in 50 steps"):
            fit(self.make(), (x, y), loss=SpikeCount(desired=90))


def test_a_definition(tmp_path):
    x, _ = draw_data(60)
    x = x / np.float32(255)
    np.savez(tmp_path / "data.npz", x=x, y=np.stack([x[:, :3].sum(1), x[:, 3:].sum(1)], axis=1) * 4, classes=["low", "high"])
    text = """
[data]
kind = "npz"
path = "data.npz"
test = 0.2
validation = 0.2
[network]
input_shape = [9]
steps = 50
neurons_per_class = 2
encoder = { kind = "Regular" }
layers = [
    { kind = "SpikingDense", name = "hidden", units = 10, v_th = 2.0 },
    { kind = "SpikingDense", units = 4, v_th = 2.0 },
]
[loss]
kind = "CountRegression"
[training]
epochs = 2
terms = { hidden = { kind = "RateBand", high = 5 } }
"""
    (tmp_path / "regression.toml").write_text(text)
    experiment = presets.read(tmp_path / "regression.toml")
    assert presets.read(tmp_path / "regression.toml").tables() == experiment.tables()
    network, history = experiment.fit("cpu", progress=False)
    assert network.classes == 2
    assert isinstance(network.encoder, Regular)
    assert history[-1].validation_r2 is not None
    assert set(history[-1].terms) == {"hidden"}
    for key, value, message in (
        (
            "training.terms",
            {"output": {"kind": "RateBand", "high": 1}},
            "training: terms: layer='output'.*pass one of 'hidden'",
        ),
        ("training.terms", {"hidden": {"kind": "RateBand", "high": -1}}, "training.terms.hidden .RateBand.: high=-1"),
        ("network.neurons_per_class", 3, "network: neurons_per_class=3"),
    ):
        with pytest.raises(InputError, match=message):
            experiment.replace(**{key: value})


class TestDataset:
    def test_targets(self):
        x = np.zeros((10, 2, 2), np.uint8)
        data = Dataset(x, np.arange(20.0).reshape(10, 2), ("a", "b"), "pairs")
        assert data.y.dtype == np.float32
        assert "targets of 2 outputs" in repr(data)
        rest, held = data.split(0.3)
        assert held.y.shape == (3, 2)
        assert sorted([*rest.y[:, 0], *held.y[:, 0]]) == list(data.y[:, 0])
        assert Dataset(x, np.ones((10, 2), bool), ("a", "b"), "labels")[:3].y.tolist() == [[1, 1]] * 3

    @pytest.mark.parametrize(
        ("y", "message"),
        [
            (np.ones((10, 3)), r"y is float64 of shape \(10, 3\): pass labels, shape \(10,\), or targets, shape \(10, 2\)"),
            (np.full((10, 2), np.inf), "y has a value that is not finite"),
        ],
    )
    def test_targets_that_cannot_be_used(self, y, message):
        with pytest.raises(InputError, match=message):
            Dataset(np.zeros((10, 2, 2), np.uint8), y, ("a", "b"), "pairs")

    def test_from_a_file(self, tmp_path):
        np.savez(tmp_path / "d.npz", x=np.zeros((4, 3, 3), np.uint8), y=np.ones((4, 2)))
        assert datasets.from_npz(tmp_path / "d.npz").classes == ("0", "1")


@pytest.mark.slow
def test_the_example_of_the_documentation(capsys):
    page = (Path(__file__).parents[2] / "docs" / "your-own-data.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"<!-- regression -->\n```python\n(.*?)```", page, re.DOTALL)
    names = {}
    exec(block, names)
    assert names["net"].evaluate(names["test"], names["loss"]).r2 > 0.9
    assert "R2" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["labels", "counts"])
def test_the_commands(tmp_path, capsys, kind):
    """Training, evaluation, prediction and the list of runs, from a definition."""
    x, y = draw_data(60)
    targets = {"labels": np.stack([y == 0, y < 2], axis=1), "counts": np.stack([x[:, :3].mean(1), x[:, 3:].mean(1)], 1) / 25}
    several = 'kind = "SpikeCount", desired = 10, undesired = 2, multilabel = true'
    loss = {"labels": several, "counts": 'kind = "CountRegression"'}
    np.savez(tmp_path / "data.npz", x=x / np.float32(255), y=targets[kind], classes=["low", "high"])
    np.save(tmp_path / "new.npy", x[:2] / np.float32(255))
    text = f"""
loss = {{ {loss[kind]} }}
[data]
kind = "npz"
path = "data.npz"
test = 0.2
validation = 0.2
[network]
input_shape = [9]
steps = 50
encoder = {{ kind = "Poisson", max_rate = 0.5 }}
layers = [
    {{ kind = "SpikingDense", name = "hidden", units = 10, v_th = 2.0, initial_weight = 1.0 }},
    {{ kind = "SpikingDense", units = 2, v_th = 2.0, initial_weight = 1.0 }},
]
[training]
epochs = 2
"""
    (tmp_path / "two.toml").write_text(text)
    run = str(tmp_path / "runs" / "two")
    assert cli.main(["train", str(tmp_path / "two.toml"), "--out", run, "--device", "cpu"]) == 0
    measure = {"labels": "accuracy", "counts": "R2"}[kind]
    assert f"test {measure} " in capsys.readouterr().out
    assert cli.main(["evaluate", run, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found[{"labels": "accuracy", "counts": "r2"}[kind]] is not None
    assert found == json.loads((tmp_path / "runs" / "two" / "result.json").read_text())["test"]
    counts = cupynn.open_run(run).network(device="cpu").counts(np.load(tmp_path / "new.npy"))
    assert cli.main(["predict", run, str(tmp_path / "new.npy"), "--json"]) == 0
    for line, fired in zip(capsys.readouterr().out.splitlines(), counts, strict=True):
        labels = [name for name, count in zip(("low", "high"), fired, strict=True) if count > 6]
        assert json.loads(line)["counts"] == fired.tolist()
        assert json.loads(line).get("labels") == (labels if kind == "labels" else None)
    assert cli.main(["predict", run, str(tmp_path / "new.npy")]) == 0
    assert f"low: {counts[0, 0]}, high: {counts[0, 1]}" in capsys.readouterr().out
    assert cli.main(["runs", str(tmp_path / "runs")]) == 0
    assert ("R2" in capsys.readouterr().out) == (kind == "counts")
