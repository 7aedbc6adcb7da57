"""A batch that does not fit into memory is split by itself: the same bits, an honest estimate, one clear error."""

import gc
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from factories import SAMPLES
from factories import draw_images as data
from factories import mixed_network as make

from cupynn import layers, losses, optimizers, presets
from cupynn.augment import Augment
from cupynn.checks import InputError
from cupynn.evaluation.parts import Parts
from cupynn.kernels import cuda

REGULARIZER = optimizers.ExponentialRegularizer(strength=0.1, beta=0.5, w_max=3.0)
OPTIONS = {
    "adam, boosted": {
        "loss": losses.SpikeCount(9, 2, 1),
        "optimizer": partial(optimizers.Adam, 0.02, regularizer=REGULARIZER),
        "boost": True,
        "sample_weight": np.random.default_rng(3).random(SAMPLES),
        "augment": Augment(),
    },
    "sgd, softmax": {
        "loss": losses.SoftmaxCount(9),
        "optimizer": partial(optimizers.SGD, 1e-3, momentum=0.5, regularizer=REGULARIZER),
    },
}


def train(device, options, net=None, **more):
    """Outcome of a training of three batches an epoch, the last of them smaller."""
    net, options = net or make(device), OPTIONS[options]
    optimizer = options["optimizer"]()
    usual = options | {"optimizer": optimizer, "batch_size": 11, "epochs": 2, "progress": False, "validation": data()}
    history = net.fit(data(), **usual | more)
    return outcome(net, optimizer) | {
        name: history[name]
        for name in ("loss", "accuracy", "validation_loss", "validation_accuracy", "spikes", "silent", "rate")
    }


def outcome(net, optimizer):
    """Copies of all that an update changes."""
    arrays = {f"{layer}/{name}/{k}": a for (layer, name), pair in optimizer.moments.items() for k, a in enumerate(pair)}
    arrays |= net.arrays()
    figures = {"updates": optimizer.updates, "encoded": net.encoded}
    return {name: net.device.get(array).copy() for name, array in arrays.items()} | figures


def check_same(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        np.testing.assert_array_equal(ours[name], value, err_msg=name)


@pytest.fixture(scope="module")
def whole(device):
    """The same trainings with every batch in one pass."""
    return {options: train(device, options) for options in OPTIONS}


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("size", [1, 3, 7, 10, 100])
def test_the_size_of_parts_changes_not_a_bit(device, whole, options, size):
    check_same(train(device, options, part_size=size), whole[options])


class Shortage:
    """Passes of one layer that find no memory for more than so many samples; notes what was there when they did."""

    def __init__(self, monkeypatch, kind, name, limit, look=None):
        self.times, self.seen = 0, []
        real = getattr(kind, name)

        def short(layer, inputs, *arguments, **options):
            if inputs.batch > limit:
                self.times += 1
                self.seen.append(look and look())
                raise MemoryError("none left")
            return real(layer, inputs, *arguments, **options)

        monkeypatch.setattr(kind, name, short)


@pytest.mark.parametrize("name", ["forward", "backward"])
@pytest.mark.parametrize("limit", [1, 4, 6])
def test_a_shortage_splits_the_batch_and_changes_not_a_bit(device, whole, monkeypatch, name, limit):
    """In the convolution: after the forward pass, and the backward passes of all layers above."""
    shortage = Shortage(monkeypatch, layers.SpikingConv2D, name, limit)
    check_same(train(device, "adam, boosted"), whole["adam, boosted"])
    assert shortage.times >= 1


def test_a_shortage_leaves_the_state_as_it_was(device, monkeypatch):
    """A second update that fails, in its second part, is begun anew from what the first has left."""
    net, optimizer = make(device), optimizers.Adam(0.02, regularizer=REGULARIZER)
    x, y = data()
    options = {"loss": losses.SpikeCount(9, 2, 1), "optimizer": optimizer, "progress": False}
    net.fit((x, y), epochs=1, batch_size=SAMPLES, **options)
    before, passes, real = outcome(net, optimizer), [], layers.SpikingConv2D.backward

    def short(layer, *arguments, **options):
        passes.append(arguments[0].batch)
        if len(passes) == 2:
            check_same(outcome(net, optimizer), before)
            raise MemoryError
        return real(layer, *arguments, **options)

    monkeypatch.setattr(layers.SpikingConv2D, "backward", short)
    net.fit((x, y), epochs=1, batch_size=SAMPLES, part_size=16, **options)
    assert passes == [14, 13, 7, 7, 7, 6]
    assert optimizer.updates == 2
    again, plain = make(device), optimizers.Adam(0.02, regularizer=REGULARIZER)
    monkeypatch.setattr(layers.SpikingConv2D, "backward", real)
    for _ in range(2):
        again.fit((x, y), epochs=1, batch_size=SAMPLES, **options | {"optimizer": plain})
    check_same(outcome(net, optimizer), outcome(again, plain))


def test_an_update_that_finds_no_memory_changes_nothing(device, monkeypatch):
    net, optimizer = make(device), optimizers.Adam(0.02, regularizer=REGULARIZER)
    x, y = data()
    net.backward(losses.SpikeCount(9, 2, 1)(net.forward(net.encode(x)), y))
    before, calls, real = outcome(net, optimizer), [], optimizers.ExponentialRegularizer.decay

    def short(regularizer, weight):
        calls.append(1)
        if len(calls) == 2:
            raise MemoryError
        return real(regularizer, weight)

    monkeypatch.setattr(optimizers.ExponentialRegularizer, "decay", short)
    with pytest.raises(MemoryError):
        optimizer.step(net)
    check_same(outcome(net, optimizer), before)
    optimizer.step(net)
    assert optimizer.updates == 1


def test_evaluation_is_split(device, monkeypatch):
    net, loss = make(device), losses.SoftmaxCount(9)
    x, y = data()
    expected, counts = net.evaluate((x, y), loss), net.counts(x)
    shortage = Shortage(monkeypatch, layers.SpikingPool2D, "forward", 4)
    again = net.evaluate((x, y), loss)
    assert again.loss == expected.loss
    assert (again.accuracy, again.spikes, again.silent) == (expected.accuracy, expected.spikes, expected.silent)
    np.testing.assert_array_equal(again.confusion, expected.confusion)
    np.testing.assert_array_equal(net.counts(x), counts)
    np.testing.assert_array_equal(net.predict(x), counts.argmax(1))
    assert shortage.times == 9  # 27, 13 and 6 samples, three times


def test_a_single_sample_that_does_not_fit(device, monkeypatch):
    net = make(device)
    x, y = data()
    message = (
        r"memory ran out with a single sample: layer (recurrent_3|pool_2) needs up to \d\S* MB, and \d\S* MB are free; "
        r'pass fewer steps, make the layer smaller, or use another device \(guide "It does not learn": out of memory\)'
    )  # which of the two takes more, the number of threads decides
    before = net.arrays()["conv_1/weight"].copy()
    Shortage(monkeypatch, layers.SpikingRecurrent, "forward", 0)
    for call in (lambda: net.fit((x, y), loss=losses.SpikeCount(9, 2, 1), progress=False), lambda: net.predict(x)):
        with pytest.raises(InputError, match=message):
            call()
    np.testing.assert_array_equal(net.device.get(net.arrays()["conv_1/weight"]), net.device.get(before))


@pytest.mark.parametrize("look", [True, False])
def test_memory_of_a_gpu_that_a_batch_exceeds(device, emulated, whole, monkeypatch, look):
    """By the estimate at first, and by the device's own error where the estimate is forbidden to look."""
    net, halved, real = make(device), [], Parts._halve
    gc.collect()
    emulated.reset(memory=70_000 + emulated.machine.machine.card(0).used)
    monkeypatch.setattr(cuda, "_limits", lambda number: (1 << 12, 1 << 16))
    monkeypatch.setattr(Parts, "_halve", lambda parts: halved.append(parts.part_size) or real(parts))
    if not look:
        monkeypatch.setattr(Parts, "fit_to_memory", lambda parts: setattr(parts, "part_size", parts.max_size))
    check_same(train(device, "sgd, softmax", net), whole["sgd, softmax"])
    assert (not halved) == look


LIMITED = """
import sys
import numpy as np
from cupynn import Sequential, encoders, layers, losses, optimizers, set_num_threads
from cupynn.evaluation.parts import Parts

set_num_threads(2)
rng = np.random.default_rng(0)
x, y = rng.integers(0, 256, (200, 40, 40), np.uint8), np.arange(200) % 3

def train(**options):
    hidden = layers.SpikingConv2D(16, 3, 1.0)
    net = Sequential([hidden, layers.SpikingDense(3, 1.0)], (40, 40), 60, encoders.Poisson(0.3), device="cpu")
    options = {"loss": losses.SpikeCount(9, 2, 1), "optimizer": optimizers.Adam(0.01), "epochs": 1} | options
    net.fit((x, y), batch_size=200, **options)
    return net.arrays()

train(epochs=1, progress=False, part_size=50)  # compiles, and makes the threads
whole = train()
if sys.argv[1] != "free":
    import resource
    import psutil

    used = psutil.Process().memory_info().vms
    resource.setrlimit(resource.RLIMIT_AS, (used + 250_000_000, used + 250_000_000))
    if sys.argv[1] == "blind":
        Parts.fit_to_memory = lambda parts: setattr(parts, "part_size", parts.max_size)
limited = train()
print(all((limited[name] == array).all() for name, array in whole.items()))
"""


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="the address space of a process is limited on Linux")
@pytest.mark.parametrize("how", ["free", "limited", "blind"])
def test_a_process_with_little_memory_trains_the_same(how):
    """By the estimate, and by the operating system's refusal where the estimate is forbidden to look."""
    run = subprocess.run([sys.executable, "-c", LIMITED, how], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.endswith("True\n")
    told = run.stdout.count("batches of 200 are computed in")
    assert told == (how != "free")


class TestNotice:
    def test_is_told_once(self, capsys, monkeypatch):
        Shortage(monkeypatch, layers.SpikingConv2D, "forward", 4)
        train("cpu", "sgd, softmax", progress=True)
        assert capsys.readouterr().out.count("batches of 11 are computed in 3 parts, since they do not fit") == 1

    def test_of_a_size_by_hand(self, capsys):
        train("cpu", "sgd, softmax", progress=True, part_size=4)
        assert capsys.readouterr().out.count("batches of 11 are computed in 3 parts\n") == 1

    def test_of_nothing(self, capsys):
        train("cpu", "sgd, softmax", progress=True)
        assert "parts" not in capsys.readouterr().out


@pytest.mark.parametrize("size", [0, -1, 2.5, "4"])
def test_sizes_that_cannot_be_used(size):
    with pytest.raises(InputError, match=f"part_size={size!r}: pass a whole number of at least 1"):
        make("cpu").fit(data(), part_size=size)
    with pytest.raises(InputError, match=f"part_size={size!r}: pass a whole number of at least 1"):
        presets.read("digits").replace(**{"training.part_size": size})


def test_a_definition_may_set_the_size():
    assert presets.read("digits").replace(**{"training.part_size": 5}).options().part_size == 5
