"""Going on: a training that was interrupted, killed or out of disk ends with the bits of one that was left alone."""

import contextlib
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from functools import cache
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from factories import CLASSES, LOSS, ROOT, Stop, draw_data, draw_trains, figures, slow, weights
from factories import dense_network as make
from reliability.kills import survive

from cupynn import Sequential, cli
from cupynn.augment import Augment
from cupynn.checks import InputError
from cupynn.encoders import Poisson
from cupynn.interrupt import Interrupted
from cupynn.layers import SpikingDense
from cupynn.losses import SoftmaxCount
from cupynn.optimizers import SGD, Adam
from cupynn.parallel import Ranks
from cupynn.training import EarlyStopping, tally
from cupynn.training.loop import Training
from cupynn.training.state import previous

HELD_OUT = draw_data(9, seed=1)


def fit(net, data=None, **options):
    usual = {"loss": LOSS, "optimizer": Adam(0.02, schedule="inverse-sqrt"), "epochs": 3, "batch_size": 4, "boost": True}
    usual |= {"validation": HELD_OUT, "checkpoint_seconds": 0, "progress": False}
    return net.fit(draw_data() if data is None else data, **usual | options)


def stop_at(monkeypatch, batch, how=None):
    """Have the step of this number fail, or do something instead."""
    plain, numbers = Training._update, count(1)

    def step(*arguments):
        if next(numbers) == batch:
            if how is None:
                raise Stop
            how()
        return plain(*arguments)

    monkeypatch.setattr(Training, "_update", step)


# Options of trainings, of which an optimizer is made for each: it belongs to one network.
KINDS = {
    "adam": {},
    "momentum": {"optimizer": lambda: SGD(0.01, momentum=0.9)},
    "cosine": {"optimizer": lambda: Adam(0.02, schedule="cosine")},
    "averaged": {"optimizer": lambda: Adam(0.02, average=0.95)},
    "weights": {"loss": SoftmaxCount(12), "boost": False, "sample_weight": np.linspace(0, 2, 30)},
    "steps": {"steps": 40},
}


def options_of(kind):
    return {name: value() if name == "optimizer" else value for name, value in KINDS[kind].items()}


@cache
def undisturbed(kind="adam"):
    """Weights and figures of a training that was left alone, with which the tests compare theirs."""
    alone = make()
    history = fit(alone, **options_of(kind))
    return weights(alone), figures(history)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "training.npz"


class TestGoingOn:
    @pytest.mark.parametrize("batch", [slow(2), 8, slow(9), 13, 24])  # an epoch has eight
    @pytest.mark.parametrize("kind", KINDS)
    def test_the_same_bits(self, monkeypatch, path, kind, batch):
        expected, figures_expected = undisturbed(kind)
        parts, again = make(), make()
        with monkeypatch.context() as patch:
            stop_at(patch, batch)
            with pytest.raises(Stop):
                fit(parts, checkpoint=path, **options_of(kind))
        history = fit(again, checkpoint=path, resume=True, **options_of(kind))
        np.testing.assert_array_equal(weights(again), expected)
        assert figures(history) == figures_expected
        assert not np.array_equal(weights(parts), expected)

    @pytest.mark.parametrize("kind", ["trains", "images"])
    def test_other_data(self, monkeypatch, tmp_path, kind):
        layers = lambda: [SpikingDense(CLASSES, v_th=2.0, initial_weight=1.0)]  # noqa: E731
        if kind == "trains":
            data, options = draw_trains(6), {"validation": None}
            build = lambda: make(encoder=False)  # noqa: E731
        else:
            x, y = draw_data(12)
            data, options = (x.reshape(-1, 3, 3), y), {"augment": Augment(scale=0.5), "validation": None}
            build = lambda: Sequential(layers(), (3, 3), 50, Poisson(0.5))  # noqa: E731
        alone, parts, again = build(), build(), build()
        fit(alone, data, **options)
        with monkeypatch.context() as patch:
            stop_at(patch, 4)
            with pytest.raises(Stop):
                fit(parts, data, checkpoint=tmp_path / "x", **options)
        fit(again, data, checkpoint=tmp_path / "x", resume=True, **options)
        np.testing.assert_array_equal(weights(again), weights(alone))

    def test_on_each_device(self, monkeypatch, path, device):
        nets = [make().to(device) for _ in range(3)]
        fit(nets[0], epochs=1)
        with monkeypatch.context() as patch:
            stop_at(patch, 4)
            with pytest.raises(Stop):
                fit(nets[1], epochs=1, checkpoint=path)
        fit(nets[2], epochs=1, checkpoint=path, resume=True)
        for layer, twin in zip(nets[0].layers, nets[2].layers, strict=True):
            np.testing.assert_array_equal(device.get(layer.params["weight"]), device.get(twin.params["weight"]))

    def test_more_epochs(self, path):
        alone, net = make(), make()
        fit(alone, epochs=4)
        fit(net, epochs=2, checkpoint=path)
        again = make()
        history = fit(again, epochs=4, checkpoint=path, resume=True)
        np.testing.assert_array_equal(weights(again), weights(alone))
        assert history["number"] == [1, 2, 3, 4]

    def test_one_that_has_ended_goes_no_further(self, path):
        options = {"optimizer": Adam(1e-30), "callbacks": [EarlyStopping(1)], "epochs": 9}
        ended = fit(make(), checkpoint=path, **options)
        assert len(ended) < 9
        options["optimizer"] = Adam(1e-30)
        assert figures(fit(make(), checkpoint=path, resume=True, **options)) == figures(ended)

    def test_saving_changes_nothing(self, path):
        net = make()
        fit(net, checkpoint=path)
        np.testing.assert_array_equal(weights(net), undisturbed()[0])
        assert sorted(os.listdir(path.parent)) == [path.name, previous(path).name]

    def test_free_draws_go_on(self, path):
        net, again = make(), make()
        net.encode(HELD_OUT[0])
        fit(net, checkpoint=path)
        fit(again, checkpoint=path, resume=True)
        assert net.encode(HELD_OUT[0]) == again.encode(HELD_OUT[0])

    def test_time_is_added_up(self, path):
        first = fit(make(), checkpoint=path)
        again = fit(make(), epochs=4, checkpoint=path, resume=True)
        assert again.seconds > first.seconds - 1e-3 > 0
        assert again["seconds"][:3] == first["seconds"]

    @pytest.mark.parametrize("seconds", [0, 1e9])
    def test_between_epochs_saves_come_by_time(self, monkeypatch, path, seconds):
        with monkeypatch.context() as patch:
            stop_at(patch, 8 + 6)
            with pytest.raises(Stop):
                fit(make(), checkpoint=path, checkpoint_seconds=seconds)
        with np.load(path) as archive:
            place = json.loads(archive["training"].tobytes())["place"]
        assert place == {"epoch": 2, "ended": False} | (
            {"done": 20, "batch": 5} if seconds == 0 else {"done": 0, "batch": 0}
        )


class TestWriting:
    @pytest.mark.parametrize("where", ["numpy.savez", "os.fsync", "pathlib.Path.replace"])
    @pytest.mark.parametrize("call", [3, 4])  # of the saves; a file is replaced twice in each
    def test_a_full_disk_leaves_the_last_state(self, monkeypatch, path, where, call):
        module, _, name = where.rpartition(".")
        owner = {"numpy": np, "os": os, "pathlib.Path": Path}[module]
        plain, calls = getattr(owner, name), count(1)

        def fail(*arguments, **options):
            if next(calls) == call:
                raise OSError(errno.ENOSPC, "No space left on device")
            return plain(*arguments, **options)

        again = make()
        with monkeypatch.context() as patch:
            patch.setattr(where, fail)
            with pytest.raises(InputError, match=r"cannot write .*training\.npz: No space left on device"):
                fit(make(), checkpoint=path)
        fit(again, checkpoint=path, resume=True)
        np.testing.assert_array_equal(weights(again), undisturbed()[0])

    @pytest.mark.slow
    @pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are POSIX's")
    def test_a_disk_that_takes_no_more_bytes(self, tmp_path):
        """The limit on the size of a file stands for the end of the disk: a real write fails half-way."""
        code = """
import resource, signal, sys
sys.path[:0] = ["tests", "tests/training"]
from test_resume import fit, make
from cupynn import InputError
from cupynn.files import np
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def limit(net, history):
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, 1500))
try:
    fit(make(), checkpoint=sys.argv[1], callbacks=[limit])
except InputError as error:
    print(error)
"""
        path = tmp_path / "training.npz"
        done = subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, capture_output=True, text=True, timeout=120)
        assert "cannot write" in done.stdout, done.stderr
        assert "File too large" in done.stdout
        assert not list(tmp_path.glob("*.tmp"))
        again = make()
        fit(again, checkpoint=path, resume=True)
        np.testing.assert_array_equal(weights(again), undisturbed()[0])

    @pytest.mark.parametrize("state", ["cut", "missing", "both cut"])
    def test_a_damaged_state(self, monkeypatch, path, state, capsys):
        with monkeypatch.context() as patch:
            stop_at(patch, 13)
            with pytest.raises(Stop):
                fit(make(), checkpoint=path)
        path.write_bytes(path.read_bytes()[:-50])
        if state == "missing":
            path.unlink()
        if state == "both cut":
            previous(path).write_bytes(b"")
            with pytest.raises(InputError, match=r"training\.npz.* is damaged or not the state of a training run"):
                fit(make(), checkpoint=path, resume=True)
            return
        again = make()
        fit(again, checkpoint=path, resume=True, progress=True)
        np.testing.assert_array_equal(weights(again), undisturbed()[0])
        assert "continuing from the previous state" in capsys.readouterr().out


@pytest.fixture(scope="module")
def ended(tmp_path_factory):
    """The state after a training; tests copy what they change."""
    path = tmp_path_factory.mktemp("ended") / "training.npz"
    fit(make(), checkpoint=path)
    return path


class TestRefusal:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"batch_size": 5}, "belongs to another training run: it has batch_size=4, not 5"),
            ({"steps": 40}, "belongs to another training run: steps differs"),
            ({"boost": False}, "it has boost=True, not False"),
            ({"loss": SoftmaxCount(12)}, "loss differs"),
            ({"optimizer": Adam(0.03, schedule="inverse-sqrt")}, "optimizer differs"),
            ({"sample_weight": np.full(30, 2.0)}, "sample_weight differs"),
            ({"data": draw_data(seed=7)}, "data differs"),
            ({"data": draw_data(33)}, "data differs"),
            ({"validation": None}, "validation differs"),
            ({"net": make(seed=1)}, "network differs"),
            ({"net": make(hidden=11)}, "network differs"),
            ({"resume": False}, "already holds a training run: pass resume=True"),
            ({"checkpoint": None}, "resume=True without a checkpoint"),
            ({"checkpoint": 3}, "checkpoint=3: pass the path"),
            ({"checkpoint": ""}, "checkpoint='': pass the path"),
            ({"checkpoint": False}, "checkpoint=False: pass the path"),
            ({"resume": 1}, "resume=1: pass True or False"),
            ({"checkpoint_seconds": -1}, "checkpoint_seconds=-1"),
        ],
        ids=str,
    )
    def test_what_would_not_be_the_same_training(self, ended, path, options, message):
        shutil.copyfile(ended, path)
        net = options.pop("net", None) or make()
        before, held = weights(net), path.read_bytes()
        with pytest.raises(InputError, match=message):
            fit(net, **{"checkpoint": path, "resume": True} | options)
        np.testing.assert_array_equal(weights(net), before)
        assert path.read_bytes() == held

    def test_a_folder_that_is_not_there(self, path):
        net = make()
        before = weights(net)
        with pytest.raises(InputError, match=r"cannot write .*none.training\.npz: No such file"):
            fit(net, checkpoint=path.parent / "none" / "training.npz")
        np.testing.assert_array_equal(weights(net), before)

    def test_an_optimizer_of_another_network(self, path):
        optimizer = Adam(0.02, schedule="cosine")
        fit(make(), optimizer=optimizer)
        with pytest.raises(InputError, match="moments of another network"):
            fit(make(), optimizer=optimizer, epochs=7)
        assert optimizer.epochs == 3

    def test_one_that_a_callback_has_ended_says_so(self, path, capsys):
        fit(make(), checkpoint=path, callbacks=[lambda net, history: len(history) == 2])
        assert len(fit(make(), checkpoint=path, resume=True, epochs=9, progress=True)) == 2
        assert "a callback ended this training run after epoch 2: it does not continue" in capsys.readouterr().out

    def test_files_of_another_kind(self, path):
        with pytest.raises(InputError, match="no such file"):
            fit(make(), checkpoint=path, resume=True)
        make().save(path)
        with pytest.raises(InputError, match="is damaged or not the state of a training run"):
            fit(make(), checkpoint=path, resume=True)
        fit(make(), checkpoint=path.with_name("other"))
        with pytest.raises(InputError, match="is damaged or not a cupynn network"):
            Sequential.load(path.with_name("other"))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda header: header.update(format=2), "has format 2, this version reads 1"),
            (lambda header: header.pop("tally"), "is damaged or not the state of a training run"),
            (lambda header: header.update(epochs=[{"number": 1}]), "is damaged or not the state of a training run"),
            (lambda header: header.update(updates=0), "holds the arrays"),
        ],
    )
    def test_another_content(self, ended, path, change, message):
        with np.load(ended) as archive:
            arrays = dict(archive)
        header = json.loads(arrays["training"].tobytes())
        change(header)
        with path.open("wb") as file:
            np.savez(file, **arrays | {"training": np.frombuffer(json.dumps(header).encode(), np.uint8)})
        with pytest.raises(InputError, match=message):
            fit(make(), checkpoint=path, resume=True)

    def test_negative_means_of_squares(self, path):
        fit(make(), checkpoint=path)
        previous(path).unlink()
        with np.load(path) as archive:
            arrays = dict(archive)
        name = next(name for name in arrays if name.startswith("moments/") and name.endswith("/1"))
        with path.open("wb") as file:
            np.savez(file, **arrays | {name: arrays[name] - 1})
        with pytest.raises(InputError, match=f"is damaged: {name} is a mean of squares, but holds a negative value"):
            fit(make(), checkpoint=path, resume=True)

    def test_other_versions_are_told(self, path, capsys, monkeypatch):
        fit(make(), checkpoint=path, epochs=1)
        monkeypatch.setattr(np, "__version__", "9.9")
        fit(make(), checkpoint=path, resume=True, epochs=2, progress=True)
        assert "was written with NumPy" in capsys.readouterr().out


class TestSignals:
    @pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_save_and_end(self, monkeypatch, path, number, code):
        net, again = make(), make()
        before = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
        with monkeypatch.context() as patch:
            stop_at(patch, 11, lambda: signal.raise_signal(number))
            with pytest.raises(
                Interrupted, match=r"interrupted at epoch 2 after 12 samples; saved in .*resume=True"
            ) as stop:
                fit(net, checkpoint=path, checkpoint_seconds=1e9)
        assert stop.value.exit_code == code
        assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == before
        fit(again, checkpoint=path, resume=True)
        np.testing.assert_array_equal(weights(again), undisturbed()[0])

    @pytest.mark.parametrize("average", [0.0, 0.9])
    def test_validation_is_not_waited_for(self, monkeypatch, path, average):
        """With averages the network holds these meanwhile; what is saved are its weights."""
        alone, net, again = make(), make(), make()
        made = lambda: {"optimizer": Adam(0.02, average=average)}  # noqa: E731
        expected = fit(alone, **made())
        plain, calls = tally.evaluate, count(1)

        def evaluate(*arguments, **options):
            if next(calls) == 2:
                signal.raise_signal(signal.SIGTERM)
                raise Stop("waited")
            return plain(*arguments, **options)

        with monkeypatch.context() as patch:
            patch.setattr(tally, "evaluate", evaluate)
            with pytest.raises(Interrupted, match="epoch 2 after 30 samples"):
                fit(net, checkpoint=path, checkpoint_seconds=1e9, **made())
        assert figures(fit(again, checkpoint=path, resume=True, **made())) == figures(expected)
        np.testing.assert_array_equal(weights(again), weights(alone))

    def test_a_second_one_does_not_break_off_the_save(self, monkeypatch, path):
        """The habit of pressing Ctrl-C twice: the state is that of the batch in which the first came."""
        again = make()
        plain = np.savez

        def save(*arguments, **options):
            signal.raise_signal(signal.SIGINT)
            plain(*arguments, **options)

        def twice():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            monkeypatch.setattr(np, "savez", save)

        with monkeypatch.context() as patch:
            stop_at(patch, 11, twice)
            with pytest.raises(Interrupted, match="epoch 2 after 12 samples"):
                fit(make(), checkpoint=path, checkpoint_seconds=1e9)
        monkeypatch.setattr(np, "savez", plain)
        fit(again, checkpoint=path, resume=True)
        np.testing.assert_array_equal(weights(again), undisturbed()[0])

    @pytest.mark.parametrize("place", ["validation", "averages"])
    def test_two_in_validation_leave_the_weights_in_training(self, monkeypatch, path, place):
        alone, net, again = make(), make(), make()
        made = lambda: {"optimizer": Adam(0.02, average=0.9)}  # noqa: E731
        fit(alone, **made())
        owner, name = {"validation": (tally, "evaluate"), "averages": (Adam, "averaged")}[place]
        plain, calls = getattr(owner, name), count(1)

        def twice(*arguments, **options):
            if next(calls) == 2:
                with contextlib.suppress(KeyboardInterrupt):
                    signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGINT)  # raises nothing any more
            return plain(*arguments, **options)

        with monkeypatch.context() as patch:
            patch.setattr(owner, name, twice)
            with pytest.raises(Interrupted):
                fit(net, checkpoint=path, checkpoint_seconds=1e9, **made())
        fit(again, checkpoint=path, resume=True, **made())
        np.testing.assert_array_equal(weights(again), weights(alone))

    def test_one_during_the_last_save_is_acted_on(self, monkeypatch, path):
        plain, calls = np.savez, count(1)

        def save(*arguments, **options):
            if next(calls) == 2:
                signal.raise_signal(signal.SIGTERM)
            plain(*arguments, **options)

        monkeypatch.setattr(np, "savez", save)
        with pytest.raises(Interrupted, match="the start of epoch 3") as stop:
            fit(make(), checkpoint=path, checkpoint_seconds=1e9, epochs=2)
        assert stop.value.exit_code == 143

    def test_one_after_the_last_save_is_acted_on(self, monkeypatch, path):
        plain = Adam.apply_averages
        monkeypatch.setattr(Adam, "apply_averages", lambda *given: (signal.raise_signal(signal.SIGINT), plain(*given)))
        net, again = make(), make()
        with pytest.raises(Interrupted, match="the start of epoch 4"):
            fit(net, checkpoint=path)
        monkeypatch.setattr(Adam, "apply_averages", plain)
        fit(again, checkpoint=path, resume=True)
        np.testing.assert_array_equal(weights(again), undisturbed()[0])

    def test_one_between_two_questions_is_not_lost(self, path):
        """It comes after the processes have told each other of none, before the answer is there."""
        asked = []

        class Asked(Ranks):
            def greatest(self, *numbers):
                asked.append(numbers)
                if len(asked) == 5:
                    signal.raise_signal(signal.SIGINT)
                return numbers

        with pytest.raises(Interrupted):
            fit(make(), checkpoint=path, checkpoint_seconds=1e9, ranks=Asked())
        assert [numbers[0] for numbers in asked[4:]] == [0, signal.SIGINT]

    def test_without_a_checkpoint_the_batch_is_finished(self, monkeypatch):
        net, alone = make(), make()
        with monkeypatch.context() as patch:
            stop_at(patch, 2, lambda: signal.raise_signal(signal.SIGINT))
            with pytest.raises(KeyboardInterrupt, match="interrupted at epoch 1 after 8 samples") as stop:
                fit(net)
        assert stop.type is KeyboardInterrupt
        stop_at(monkeypatch, 3)
        with pytest.raises(Stop):
            fit(alone)
        np.testing.assert_array_equal(weights(net), weights(alone))

    def test_without_a_checkpoint_a_second_one_changes_nothing(self, monkeypatch):
        def twice():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

        before = signal.getsignal(signal.SIGINT)
        stop_at(monkeypatch, 2, twice)
        with pytest.raises(KeyboardInterrupt, match="interrupted at epoch 1 after 8 samples"):
            fit(make())
        assert signal.getsignal(signal.SIGINT) is before

    def test_a_callback_is_not_waited_for(self, path):
        again = make()
        expected, figures_expected = undisturbed()

        def hang(net, history):
            if len(history) == 2:
                signal.raise_signal(signal.SIGINT)
                raise Stop("waited")

        with pytest.raises(Interrupted, match="epoch 2 after 30 samples"):
            fit(make(), checkpoint=path, callbacks=[hang])
        assert figures(fit(again, checkpoint=path, resume=True)) == figures_expected
        np.testing.assert_array_equal(weights(again), expected)

    def test_a_save_that_is_broken_off_says_what_broke_it_off(self, monkeypatch, path):
        """`zipfile` makes a ValueError of it: it cannot close a file that is being written."""
        from numpy.lib import format as npy

        plain, calls = npy.write_array, count(1)

        def write(*arguments, **options):
            plain(*arguments, **options)
            if next(calls) == 2:
                raise KeyboardInterrupt("pressed")

        monkeypatch.setattr(npy, "write_array", write)
        with pytest.raises(KeyboardInterrupt, match="pressed"):
            make().save(path)
        assert not list(path.parent.iterdir())

    def test_an_error_while_the_state_is_saved_is_what_is_told(self, monkeypatch, path):
        def full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        def ask():
            signal.raise_signal(signal.SIGTERM)
            monkeypatch.setattr(os, "fsync", full)

        stop_at(monkeypatch, 11, ask)
        with pytest.raises(InputError, match="No space left on device"):
            fit(make(), checkpoint=path, checkpoint_seconds=1e9)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL

    def test_a_training_within_a_callback_saves_too(self, path):
        inner = path.with_name("inner.npz")

        def train(net, history):
            fit(make(), checkpoint=inner, callbacks=[lambda *_: signal.raise_signal(signal.SIGINT)])

        with pytest.raises(Interrupted, match=r"saved in .*inner\.npz"):
            fit(make(), callbacks=[train])
        assert inner.exists()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler

    def test_in_a_thread_there_are_none(self, path):
        thread = threading.Thread(target=fit, args=(make(),), kwargs={"checkpoint": path})
        thread.start()
        thread.join(60)
        assert path.exists()

    def test_handlers_of_the_user_stay(self, path):
        seen, before = [], signal.signal(signal.SIGTERM, lambda *_: seen.append(1))
        try:
            fit(make(), checkpoint=path, callbacks=[lambda *_: signal.raise_signal(signal.SIGTERM)])
        finally:
            signal.signal(signal.SIGTERM, before)
        assert len(seen) == 3


class TestRuns:
    @pytest.mark.process
    @pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=str)
    def test_killed_ones_end_with_the_same_bits(self, tmp_path, number):
        """A few kills; `tests/reliability/kills.py` does many."""
        seen = survive(tmp_path, kills=3, epochs=2, wait=0.1, number=number)
        assert seen["kills"] >= 2

    def test_what_cannot_be_gone_on_with(self, tmp_path, capsys):
        for arguments, message in (
            (["--resume", str(tmp_path)], "contains no run, as there is no definition.toml"),
            (["--resume", str(tmp_path), "--epochs", "3"], "--resume continues a run unchanged"),
            (["digits", "--resume", str(tmp_path)], "--resume continues a run unchanged"),
            ([], "nothing to train: pass a preset"),
        ):
            assert cli.main(["train", *arguments]) == 1
            assert message in capsys.readouterr().err
