"""`restore_best`: the network ends with the weights of its best epoch, also after a kill and a resume, and `fit` says so."""

from functools import cache

import numpy as np
import pytest
from factories import SMALL, Stop, dense_network, draw_data, slow, weights
from factories import fit as train

from cupynn import InputError, Sequential, checkpoint, cli, presets
from cupynn.interrupt import Interrupted
from cupynn.optimizers import Adam
from cupynn.training import best
from cupynn.training.loop import Training

BEST, EPOCHS, UPDATES = 2, 4, 8


def fit(net, held_out, average=0.0, **options):
    usual = {"optimizer": Adam(0.1, average=average), "epochs": EPOCHS, "validation": held_out, "checkpoint_seconds": 0}
    return train(net, draw_data(), **usual | options)


@pytest.fixture(params=[0.0, 0.9], ids=["plain", "averaged"])
def average(request):
    return request.param


@cache
def after_the_best(average):
    """Return a network after two epochs."""
    net = dense_network()
    train(net, draw_data(), optimizer=Adam(0.1, average=average), epochs=BEST)
    return net


@pytest.fixture
def held_out(average):
    """Samples with the labels that the network predicts after two epochs, which are the best of any number of epochs."""
    x = draw_data(9, seed=1)[0]
    return x, after_the_best(average).predict(x)


@pytest.fixture
def expected(average):
    return weights(after_the_best(average))


class TestTheWeights:
    def test_are_those_of_the_best_epoch(self, held_out, expected, average):
        last, net = dense_network(), dense_network()
        usual, history = fit(last, held_out, average), fit(net, held_out, average, restore_best=True)
        assert (history.best.number, history.kept, usual.kept) == (BEST, BEST, EPOCHS)
        assert history["loss"] == usual["loss"]
        np.testing.assert_array_equal(weights(net), expected)
        assert not np.array_equal(weights(last), expected)
        assert net.evaluate(held_out).accuracy == history.best.validation_accuracy

    def test_on_each_device(self, device, held_out, average):
        nets = [dense_network().to(device) for _ in range(2)]
        epochs = fit(nets[0], held_out, average, restore_best=True, epochs=3).kept
        fit(nets[1], held_out, average, epochs=epochs)
        for layer, twin in zip(nets[0].layers, nets[1].layers, strict=True):
            np.testing.assert_array_equal(device.get(layer.params["weight"]), device.get(twin.params["weight"]))

    def test_if_a_callback_ends_training(self, held_out, expected, average):
        net = dense_network()
        history = fit(net, held_out, average, restore_best=True, callbacks=[lambda network, history: len(history) > BEST])
        assert (len(history), history.kept) == (BEST + 1, BEST)
        np.testing.assert_array_equal(weights(net), expected)

    def test_later_updates_average_from_there_on(self, held_out, expected, average):
        """They would continue from the average of the last epoch otherwise."""
        net, optimizer = dense_network(), Adam(0.1, average=average)
        fit(net, held_out, restore_best=True, optimizer=optimizer)
        means = weights(optimizer.averaged(net))
        np.testing.assert_array_equal(means, expected)


class TestResumed:
    @pytest.mark.parametrize("batch", [slow(2), 8, slow(9), 16, 17, slow(18), 25, slow(32)])
    def test_after_a_kill(self, monkeypatch, tmp_path, held_out, expected, average, batch):
        plain, seen = Training._update, []

        def step(*arguments):
            seen.append(1)
            if len(seen) == batch:
                raise Stop
            return plain(*arguments)

        options = {"restore_best": True, "checkpoint": tmp_path / "training.npz"}
        with monkeypatch.context() as patch:
            patch.setattr(Training, "_update", step)
            with pytest.raises(Stop):
                fit(dense_network(), held_out, average, **options)
        net = dense_network()
        history = fit(net, held_out, average, resume=True, **options)
        assert (len(history), history.kept) == (EPOCHS, BEST)
        np.testing.assert_array_equal(weights(net), expected)

    def test_after_the_end(self, tmp_path, held_out, expected, average):
        options = {"restore_best": True, "checkpoint": tmp_path / "training.npz"}
        fit(dense_network(), held_out, average, **options)
        again, longer, alone = dense_network(), dense_network(), dense_network()
        assert fit(again, held_out, average, resume=True, **options).kept == BEST
        np.testing.assert_array_equal(weights(again), expected)
        history = fit(longer, held_out, average, resume=True, epochs=6, **options)
        assert history["loss"] == fit(alone, held_out, average, epochs=6)["loss"]
        np.testing.assert_array_equal(weights(longer), expected)

    def test_an_epoch_that_was_interrupted_leaves_no_weights(self, tmp_path, held_out, average):
        """It is repeated, and may be worse then, with another number of processes."""
        states = []

        def interrupt(network, history):
            states.append(len(history))
            if len(history) == BEST:
                raise KeyboardInterrupt

        path = tmp_path / "training.npz"
        with pytest.raises((KeyboardInterrupt, Interrupted)):
            fit(dense_network(), held_out, average, restore_best=True, checkpoint=path, callbacks=[interrupt])
        first = dense_network()
        fit(first, held_out, average, epochs=1)
        with np.load(path) as arrays:
            kept = [arrays[f"best/{layer.name}/weight"].ravel() for layer in first.layers]
        np.testing.assert_array_equal(np.concatenate(kept), weights(first))

    def test_with_another_value(self, tmp_path, held_out, average):
        path = tmp_path / "training.npz"
        fit(dense_network(), held_out, average, checkpoint=path, epochs=2)
        with pytest.raises(InputError, match="restore_best differs; pass the same"):
            fit(dense_network(), held_out, average, checkpoint=path, resume=True, restore_best=True)
        fit(dense_network(), held_out, average, checkpoint=tmp_path / "other.npz", epochs=2, restore_best=True)
        with pytest.raises(InputError, match="restore_best differs; pass the same"):
            fit(dense_network(), held_out, average, checkpoint=tmp_path / "other.npz", resume=True)


@pytest.mark.parametrize("average", [0.0], indirect=True)
class TestToldAtTheEnd:
    def test_that_another_epoch_was_better(self, held_out, capsys):
        accuracy = fit(dense_network(), held_out, progress=True)["validation_accuracy"][-1]
        assert capsys.readouterr().out.splitlines()[-1] == (
            "the network has the weights of epoch 4, the last; epoch 2 was better on the validation data "
            f"(100.00%, now {accuracy:.2%}): restore_best=True keeps its weights"
        )

    def test_that_the_best_is_back(self, held_out, capsys):
        accuracy = fit(dense_network(), held_out, progress=True, restore_best=True)["validation_accuracy"][-1]
        assert capsys.readouterr().out.splitlines()[-1] == (
            "the network has the weights of epoch 2, the best on the validation data: "
            f"100.00% instead of {accuracy:.2%} in epoch 4"
        )

    def test_that_the_last_is_the_best(self, held_out, capsys):
        fit(dense_network(), held_out, progress=True, epochs=BEST)
        line = "the network has the weights of epoch 2, the last and the best on the validation data (100.00%)"
        assert capsys.readouterr().out.splitlines()[-1] == line

    def test_nothing_without_validation(self, held_out, capsys):
        fit(dense_network(), None, progress=True)
        assert "the network has the weights" not in capsys.readouterr().out


class TestMistakes:
    def test_without_validation(self):
        with pytest.raises(InputError, match=r"^restore_best=True needs validation data: pass validation"):
            fit(dense_network(), None, restore_best=True)

    def test_not_a_flag(self):
        with pytest.raises(InputError, match="restore_best=1: pass True or False"):
            fit(dense_network(), draw_data(9), restore_best=1)

    def test_arrays_that_cannot_be_written(self):
        net = dense_network()
        net.layers[0].buffers["fixed"] = np.zeros(3, np.float32)
        net.layers[0].buffers["fixed"].flags.writeable = False
        with pytest.raises(InputError, match="dense_1/fixed is read-only"):
            fit(net, draw_data(9), restore_best=True)

    def test_the_name_in_keras(self):
        with pytest.raises(InputError, match="no option 'restore_best_weights': pass restore_best=True"):
            fit(dense_network(), None, restore_best_weights=True)


class TestDefinitions:
    def read(self, tmp_path, **values):
        path = tmp_path / "mine.toml"
        path.write_text(SMALL, encoding="utf-8")
        return presets.read(path, {"training.restore_best": True} | values)

    def test_fit_leaves_the_best(self, tmp_path):
        network, history = self.read(tmp_path).fit("cpu", progress=False)
        assert isinstance(network, Sequential)
        assert history.kept == history.best.number

    def test_without_validation(self, tmp_path):
        with pytest.raises(InputError, match=r"mine\.toml: training: restore_best=true needs .*: set data\.validation"):
            self.read(tmp_path, **{"data.validation": 0})

    @pytest.mark.usefixtures("no_figures")
    def test_a_run_keeps_both_networks_and_no_third(self, monkeypatch, tmp_path, capsys):
        monkeypatch.setattr(best, "copied", None)  # not called
        folder = tmp_path / "run"
        self.read(tmp_path)
        options = ["--set", "training.restore_best=true", "--out", str(folder)]
        assert cli.main(["train", str(tmp_path / "mine.toml"), *options]) == 0
        assert "restore_best" not in capsys.readouterr().out
        assert {path.name for path in folder.glob("*.npz")} == {"best.npz", "last.npz"}
        assert checkpoint.load(folder / "best.npz", "cpu").steps == 60
