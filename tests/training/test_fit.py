"""Training: it learns, it repeats itself bit for bit, it calls back, it refuses before it changes."""

from types import SimpleNamespace

import numpy as np
import pytest
from factories import CLASSES, LOSS, STEPS, STILL, draw_data, draw_trains, fit, weights
from factories import dense_network as make

from cupynn import Sequential, datasets, training
from cupynn.checks import InputError
from cupynn.encoders import Poisson
from cupynn.layers import SpikingDense
from cupynn.losses import SpikeCount
from cupynn.optimizers import SGD, Adam
from cupynn.results.history import History
from cupynn.training import EarlyStopping


def gradients(net):
    return np.concatenate([layer.grads["weight"].ravel() for layer in net.layers])


class Spy(SpikeCount):
    """A loss that notes of every batch of `draw_trains` which samples it saw, their weights, and whether they went wrong."""

    def __init__(self, net):
        super().__init__(desired=12, undesired=2, margin=2)
        self.net, self.batches = net, []

    def __call__(self, spikes, labels, sample_weight=None):
        samples = self.net.trains[0].counts.sum(1) // 20 - 1
        wrong = spikes.counts.argmax(1) != labels
        self.batches.append({b: (float(w), bool(x)) for b, w, x in zip(samples, sample_weight, wrong, strict=True)})
        return super().__call__(spikes, labels, sample_weight)


class TestLearning:
    def test_overfits_a_tiny_task(self):
        net, data = make(), draw_data()
        before = net.evaluate(data, LOSS)
        history = fit(net, data, epochs=15)
        after = net.evaluate(data, LOSS)
        assert before.accuracy < 0.8
        assert after.accuracy == history["accuracy"][-1] == 1
        assert after.loss < before.loss / 5

    @pytest.mark.parametrize("optimizer", [SGD(0.02), SGD(0.005, momentum=0.8)], ids=str)
    def test_learns_with_gradient_descent(self, optimizer):
        net, data = make(), draw_data()
        fit(net, data, epochs=15, optimizer=optimizer)
        assert net.evaluate(data).accuracy == 1

    def test_a_silent_output_learns_to_fire(self):
        net, data = make(), draw_data()
        net.layers[1].params["weight"][:] = -0.1
        assert net.evaluate(data).silent == 30
        history = fit(net, data, epochs=15)
        assert history["silent"][0] > 0
        assert net.evaluate(data).accuracy > 0.9

    def test_the_averages_are_validated_shown_and_left_in_the_network(self):
        """A rate far too high: the weights jump about, and the averages do not."""
        data, seen = draw_data(), []
        held = draw_data(60, seed=1)
        plain, averaged = make(), make()
        options = {"epochs": 6, "validation": held, "loss": LOSS}
        fit(plain, data, optimizer=Adam(0.2), **options)
        callback = lambda net, history: seen.append(net.evaluate(held, LOSS))  # noqa: E731
        history = fit(averaged, data, optimizer=Adam(0.2, average=0.95), callbacks=[callback], **options)
        assert history["validation_loss"] == [found.loss for found in seen]
        assert averaged.evaluate(held, LOSS).loss == history["validation_loss"][-1]
        assert not np.array_equal(weights(plain), weights(averaged))
        assert history["loss"] == fit(make(), data, optimizer=Adam(0.2), **options)["loss"]  # trained all the same

    @pytest.mark.slow
    def test_learns_the_digits(self):
        """Measured over seeds 0 to 4: 96.1 % to 97.5 %."""
        train, test = datasets.load("digits")
        layers = [SpikingDense(100, v_th=3.0), SpikingDense(10, v_th=3.0)]
        net = Sequential(layers, (8, 8), 100, Poisson(max_rate=0.5))
        loss = SpikeCount(desired=15, undesired=2, margin=2)
        history = fit(net, train, loss=loss, optimizer=Adam(5e-3), epochs=8, batch_size=16, validation=test)
        assert history["validation_accuracy"][-1] > 0.95
        assert history["loss"] == sorted(history["loss"], reverse=True)


class TestRepetition:
    def test_the_same_seed_gives_the_same_bits(self):
        nets = [make(5), make(5), make(6)]
        histories = [fit(net, draw_data(), validation=draw_data(9, seed=1)) for net in nets]
        np.testing.assert_array_equal(weights(nets[0]), weights(nets[1]))
        assert (weights(nets[0]) != weights(nets[2])).any()
        for figure in ("loss", "accuracy", "validation_loss", "spikes", "silent"):
            assert histories[0][figure] == histories[1][figure]
        assert histories[0]["loss"] != histories[2]["loss"]

    def test_evaluation_in_between_changes_nothing(self):
        one, other = make(), make()
        fit(one, draw_data())
        fit(
            other, draw_data(), validation=draw_data(9), callbacks=[lambda net, history: net.evaluate(draw_data(9)) and None]
        )
        np.testing.assert_array_equal(weights(one), weights(other))

    def test_a_dataset_is_a_pair(self):
        x, y = draw_data()
        one, other = make(), make()
        fit(one, (x, y))
        fit(other, datasets.Dataset(x, y, ("a", "b", "c"), "thirds"))
        np.testing.assert_array_equal(weights(one), weights(other))

    def test_defaults_are_the_papers(self):
        """Within Adam's first steps every weight moves by about the rate: both schedule and rate tell."""
        one, other = make(), make()
        data = draw_data(40)
        for net in (one, other):
            net.layers[1].t_ref = 0  # so that 50 steps have room for the paper's 35 spikes
        one.fit(data, epochs=2, progress=False)
        paper = {"loss": SpikeCount(35, 5, 5), "optimizer": Adam(1e-3, schedule="inverse-sqrt")}
        other.fit(data, **paper, epochs=2, batch_size=32, boost=False, progress=False)
        np.testing.assert_array_equal(weights(one), weights(other))


class TestStep:
    def test_is_forward_loss_backward_update(self):
        one, other = make(), make()
        (spikes, y), weight = draw_trains(), [1, 2, 1, 0.5, 1, 1]
        returned = training.step(one, LOSS, Adam(0.02), spikes, y, weight)
        error = LOSS(other.forward(spikes), y, weight)
        other.backward(error)
        np.testing.assert_array_equal(gradients(one), gradients(other))
        Adam(0.02).step(other)
        np.testing.assert_array_equal(weights(one), weights(other))
        assert returned.value == error.value
        assert (weights(one) != weights(make())).any()

    def test_a_sample_of_weight_zero_adds_nothing(self):
        """Gradients are means over the batch, that sample counted."""
        net, (spikes, y) = make(), draw_trains(6)
        net.backward(LOSS(net.forward(spikes), y, [1, 1, 0, 1, 1, 1]))
        weighted = gradients(net)
        others = [0, 1, 3, 4, 5]
        net.backward(LOSS(net.forward(spikes[others]), y[others]))
        without = gradients(net)
        assert np.abs(without).max() > 0
        np.testing.assert_allclose(6 * weighted, 5 * without, rtol=1e-5, atol=1e-6 * np.abs(without).max())

    def test_weights_scale_the_gradient_of_their_sample(self):
        net, (spikes, y) = make(), draw_trains(2)
        parts = []
        for b in range(2):
            net.backward(LOSS(net.forward(spikes[b]), y[b : b + 1]))
            parts.append(gradients(net))
        net.backward(LOSS(net.forward(spikes), y, [0.5, 3]))
        expected = (0.5 * parts[0] + 3 * parts[1]) / 2
        np.testing.assert_allclose(gradients(net), expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


class TestLoop:
    def test_every_epoch_sees_every_sample_once_in_another_order(self):
        orders = []
        for seed in (0, 1):
            net = make(seed, encoder=False)
            spy = Spy(net)
            fit(net, draw_trains(6), loss=spy, epochs=3)
            assert [len(batch) for batch in spy.batches] == [4, 2] * 3
            orders += [(*spy.batches[2 * k], *spy.batches[2 * k + 1]) for k in range(3)]
        assert [sorted(order) for order in orders] == [list(range(6))] * 6
        assert len(set(orders)) == 6

    def test_epochs_draw_fresh_trains_unless_told_otherwise(self):
        for fresh in (True, False):
            net, inputs = make(), []
            net.encoder = Poisson(max_rate=0.5, fresh=fresh)
            fit(net, draw_data(1), epochs=2, callbacks=[lambda net, _, inputs=inputs: inputs.append(net.trains[0])])
            assert (inputs[0] != inputs[1]) == fresh

    def test_sample_weights_follow_their_samples(self):
        net = make(encoder=False)
        spy, weight = Spy(net), [1, 2, 3, 0.5, 0, 7]
        fit(net, draw_trains(6), loss=spy, sample_weight=weight)
        for batch in spy.batches:
            assert all(weight[sample] == value for sample, (value, _) in batch.items())

    def test_boosting(self):
        """After each epoch misclassified samples gain exp(weighted error rate of their class / 20)."""
        net, (spikes, y) = make(6, encoder=False), draw_trains(9)
        spy, expected = Spy(net), np.array([1, 2, 1, 1, 0.5, 1, 1, 1, 3.0])
        fit(net, (spikes, y), loss=spy, sample_weight=expected, epochs=4, boost=True, batch_size=9)
        rates = []
        for batch in spy.batches:
            weight, wrong = np.array([batch[sample] for sample in range(9)]).T
            np.testing.assert_allclose(weight, expected, rtol=1e-6)
            for c in range(CLASSES):
                rates.append(np.average(wrong[y == c], weights=expected[y == c]))
                expected[(y == c) & (wrong == 1)] *= np.exp(rates[-1] / 20)
        assert any(0 < rate < 1 for rate in rates)  # so that the weights of a class tell

    def test_boosting_leaves_the_weights_handed_in_alone(self):
        net, weight = make(6, encoder=False), np.ones(9, np.float32)
        fit(net, draw_trains(9), loss=Spy(net), sample_weight=weight, boost=True)
        np.testing.assert_array_equal(weight, 1)

    def test_without_boosting_weights_stay(self):
        net = make(encoder=False)
        spy = Spy(net)
        fit(net, draw_trains(9), loss=spy, epochs=3)
        assert {value for batch in spy.batches for value, _ in batch.values()} == {1}

    def test_the_schedule_follows_the_epochs(self):
        net, optimizer = make(), Adam(0.4, schedule="cosine")
        seen = []
        optimizer.step = lambda net: seen.append(optimizer.epoch)
        history = fit(net, draw_data(10), optimizer=optimizer, epochs=2)
        assert seen == pytest.approx([0, 0.4, 0.8, 1, 1.4, 1.8])
        assert optimizer.epochs == 2
        assert history["rate"] == pytest.approx([0.4 * (1 + np.cos(np.pi * at / 2)) / 2 for at in (0.8, 1.8)])


class TestCallbacks:
    def test_are_called_after_each_epoch(self):
        net, calls = make(), []
        history = fit(
            net, draw_data(), epochs=3, callbacks=[lambda *arguments: calls.append((*arguments, len(arguments[1])))]
        )
        assert [call[2] for call in calls] == [1, 2, 3]
        assert all(call[0] is net and call[1] is history for call in calls)

    def test_one_that_returns_true_ends_the_training(self):
        counts = [0, 0]

        def stop(_, history):
            counts[0] += 1
            return len(history) == 2

        def count(*_):
            counts[1] += 1

        assert len(fit(make(), draw_data(), epochs=5, callbacks=[stop, count])) == 2
        assert counts == [2, 2]  # the others hear of the last epoch as well

    @pytest.mark.parametrize(
        ("accuracies", "patience", "stops"),
        [
            ([0.5], 1, False),
            ([0.5, 0.6], 1, False),
            ([0.5, 0.5], 1, True),  # no rise
            ([0.5, 0.4, 0.45], 2, True),  # a rise, but not above the best
            ([0.5, 0.4, 0.6], 2, False),
            ([0.5, 0.4, 0.6, 0.6, 0.5], 3, False),
            ([0.5, 0.4, 0.6, 0.6, 0.5, 0.5], 3, True),
        ],
    )
    def test_early_stopping(self, accuracies, patience, stops):
        history = History([SimpleNamespace(validation_score=accuracy) for accuracy in accuracies])
        assert EarlyStopping(patience)(None, history) == stops

    def test_early_stopping_within_fit(self):
        options = {"optimizer": Adam(STILL), "validation": draw_data(9), "epochs": 10}
        assert len(fit(make(), draw_data(), callbacks=[EarlyStopping(2)], **options)) == 3

    def test_early_stopping_needs_validation_data(self):
        with pytest.raises(InputError, match="validation"):
            fit(make(), draw_data(), callbacks=[EarlyStopping()])
        with pytest.raises(InputError, match="patience=0"):
            EarlyStopping(0)


X, Y = draw_data(12)
NONE = draw_trains(3)[0][:0], Y[:0]
LATE = np.arange(12) == 5  # a sample that training comes to in a later batch than its first


class TestRefusal:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"data": X}, "data is a ndarray"),
            ({"data": (X, Y[:-1])}, "labels has shape"),
            ({"data": (X, Y + 2)}, r"^labels\[1\]=3: the last layer has 3 neurons, one per class: give it 5"),
            ({"data": (X, Y + 1)}, "labels go from 1 to 3, but classes start at 0: pass y - 1"),
            ({"data": (X[:, :8], Y)}, r"data has shape \(12, 8\)"),
            ({"data": (X.astype(int), Y)}, "data has dtype int64"),
            ({"data": (X[:0], Y[:0])}, "data has no samples"),
            ({"data": draw_trains(3)[0]}, "data is a SpikeTrains"),
            (
                {"loss": "SpikeCount"},
                r"loss='SpikeCount': pass one of CountR.*, Soft.*, SpikeCount\(\.\.\.\)$",
            ),
            ({"loss": SpikeCount(desired=50)}, "desired=50 spikes do not fit into 50 steps"),
            ({"optimizer": "Adam"}, r"optimizer='Adam': pass one of Adam\(\.\.\.\), SGD\(\.\.\.\)$"),
            ({"optimizer": Adam}, "optimizer is the class Adam itself"),
            ({"epochs": 0}, "epochs=0"),
            ({"epochs": 1.5}, r"epochs=1\.5"),
            ({"batch_size": 0}, "batch_size=0"),
            ({"steps": 0}, f"steps=0: pass a whole number from 1 to {STEPS}"),
            ({"steps": STEPS + 1}, f"steps={STEPS + 1}: pass a whole number from 1 to {STEPS}"),
            ({"steps": 20.0}, "steps=20.0"),
            ({"validation": X}, "^validation: data is a ndarray"),
            ({"validation": (X, Y + 2)}, r"^validation: labels\[1\]=3"),
            ({"validation": (X[:, :8], Y)}, r"data has shape \(12, 8\)"),
            ({"sample_weight": np.ones(11)}, r"sample_weight has shape \(11,\).*\(12,\)"),
            ({"sample_weight": 1.0}, r"sample_weight has shape \(\)"),
            ({"progress": "yes"}, "progress='yes'"),
            ({"sample_weight": np.where(LATE, -1, 1)}, "sample_weight"),
            ({"sample_weight": np.where(LATE, np.nan, 1)}, "sample_weight"),
            ({"data": (np.where(LATE[:, None], 2, X / 255), Y)}, "data ranges over"),
            ({"validation": (X / 25, Y)}, "data ranges over"),
            ({"validation": (X.astype(int), Y)}, "data has dtype int64"),
            ({"callbacks": [EarlyStopping()]}, "validation"),
            ({"callbacks": ["stop"]}, r"callbacks"),
            ({"callbacks": EarlyStopping()}, r"callbacks"),
            ({"boost": "no"}, "boost='no'"),
            ({"data": NONE}, "data has no samples"),
            ({"validation": NONE}, "data has no samples"),
        ],
        ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
    )
    def test_nothing_is_changed(self, options, message):
        net = make()
        before = weights(net)
        try:
            with pytest.raises(InputError, match=message):
                fit(net, **{"data": (X, Y)} | options)
        finally:
            np.testing.assert_array_equal(weights(net), before)

    def test_a_misspelt_option(self):
        with pytest.raises(InputError, match=r"fit has no option 'epoch' \(did you mean 'epochs'\?\); it has data, loss"):
            make().fit((X, Y), epoch=3)


def test_the_default_optimizer_is_told_to_be_slow(capsys):
    for options, told in (({}, True), ({"optimizer": Adam(0.01)}, False), ({"progress": False}, False)):
        make().fit(draw_data(), loss=LOSS, **{"epochs": 1, "progress": True, **options})
        assert ("the default optimizer, Adam(0.001) of the paper, learns slowly" in capsys.readouterr().out) == told
