"""What a training notes of its epochs, and what it prints."""

import re

import numpy as np
import pytest
from factories import LOSS, STILL, draw_data, draw_trains, fit, weights
from factories import dense_network as make

from cupynn.checks import InputError
from cupynn.optimizers import SGD, Adam
from cupynn.results import history as history_module
from cupynn.results.history import Epoch


class TestHistory:
    def test_figures_of_training_are_those_of_the_data(self):
        """With weights that stand still, training sees what evaluation sees."""
        net, data = make(encoder=False), draw_trains(10)
        before = weights(net)
        history = fit(net, data, optimizer=SGD(STILL), validation=(data[0][:7], data[1][:7]), epochs=2)
        np.testing.assert_array_equal(weights(net), before)
        evaluation, held_out = net.evaluate(data, LOSS), net.evaluate((data[0][:7], data[1][:7]), LOSS)
        assert 0 < evaluation.accuracy < 1
        for epoch in history.epochs:
            assert epoch.accuracy == pytest.approx(evaluation.accuracy)
            assert epoch.loss == pytest.approx(evaluation.loss)
            assert epoch.silent == evaluation.silent
            assert epoch.spikes == pytest.approx(evaluation.spikes)
            assert epoch.spikes == pytest.approx(
                {"input": data[0].counts.mean(), **{name: evaluation.spikes[name] for name in ("dense_1", "dense_2")}}
            )
            assert (epoch.validation_accuracy, epoch.validation_loss) == (held_out.accuracy, held_out.loss)

    def test_silent_samples_are_counted(self):
        net, data = make(encoder=False), draw_trains(6)
        net.layers[1].params["weight"][:] = -1
        assert fit(net, data, optimizer=SGD(STILL), epochs=1)["silent"] == [6]

    def test_validation_comes_after_the_epoch(self):
        net, held_out = make(), draw_data(12, seed=1)
        history = fit(net, draw_data(), validation=held_out, epochs=3)
        after = net.evaluate(held_out, LOSS)
        assert history["validation_accuracy"][-1] == after.accuracy
        assert history["validation_loss"][-1] == after.loss
        assert history["validation_loss"][0] != after.loss

    def test_bookkeeping(self):
        history = fit(make(), draw_data(30), optimizer=Adam(0.02, schedule="inverse-sqrt"), epochs=3)
        assert len(history) == 3
        assert history["number"] == [1, 2, 3]
        assert history["rate"] == pytest.approx([0.02, 0.02 / np.sqrt(2), 0.02 / np.sqrt(3)])
        assert history["validation_loss"] == history["validation_accuracy"] == [None] * 3
        assert min(history["seconds"]) > 0
        for epoch in history.epochs:
            assert epoch.samples_per_second == pytest.approx(30 / epoch.seconds)
        with pytest.raises(InputError, match=r"figure='acuracy' \(did you mean 'accuracy'\?\): pass one of.*'loss'"):
            history["acuracy"]

    def test_epochs_by_index(self):
        history = fit(make(), draw_data(30), epochs=3)
        assert history[-1] is history.epochs[-1]
        assert history[np.int64(0)] is history.epochs[0]
        assert history[1:] == history.epochs[1:]
        assert [epoch.number for epoch in history] == [1, 2, 3]
        assert history[2] in history
        assert "accuracy" in history
        assert "acuracy" not in history
        for index in (3, -4):
            with pytest.raises(InputError, match=rf"history\[{index}\]: the history has 3 epochs"):
                history[index]
        for wrong in (True, None, 0.5):
            with pytest.raises(InputError, match=r"figure=.*: pass one of"):
                history[wrong]

    @pytest.mark.parametrize(("theirs", "ours"), history_module.ELSEWHERE.items())
    def test_names_of_other_libraries(self, theirs, ours):
        history = fit(make(), draw_data(6), epochs=1)
        with pytest.raises(InputError, match=f"history has no figure '{theirs}': pass '{ours}'"):
            history[theirs]
        assert len(history[ours]) == 1

    def test_an_epoch_reads_as_a_line(self):
        epoch = Epoch(1, 12.345, 0.5, None, None, {"input": 9.0, "a": 2.5, "b": 0.25}, 3, 1e-3, 2.0, 1234.5)
        assert str(epoch) == "loss   12.35  accuracy  50.00%  spikes/neuron 2.5 0.2  2.0 s"

    def test_the_line_of_a_deep_network_has_100_characters(self):
        spikes = {"input": 9.0} | {f"conv{number}": 10.0 + number for number in range(6)}
        line = str(Epoch(100, 1234.56, 0.9923, 1.0, 0.9812, spikes, 0, 1e-3, 1234.5, 1234.5))
        assert line.endswith("spikes/neuron 10.0 … 15.0  1234 s")
        assert len(f"epoch 100/100  {line}") <= 100


class TestProgress:
    def test_a_line_for_each_epoch(self, capsys):
        history = fit(make(), draw_data(), progress=True, epochs=10, validation=draw_data(9))
        out, err = capsys.readouterr()
        lines = out.splitlines()
        assert lines.pop().startswith("the network has the weights of epoch")
        lines = [line for line in lines if not line.startswith("the accuracy after 5 epochs")]
        assert [line[:12] for line in lines] == [f"epoch {n:2}/10 " for n in range(1, 11)]
        for line, epoch in zip(lines, history.epochs, strict=True):
            assert re.search(rf"accuracy +{100 * epoch.accuracy:.2f}%", line)
            assert re.search(rf"validation +{100 * epoch.validation_accuracy:.2f}%", line)
        assert not err.strip()  # no bar where nobody watches

    def test_silence(self, capsys):
        fit(make(), draw_data(), progress=False)
        assert capsys.readouterr() == ("", "")
