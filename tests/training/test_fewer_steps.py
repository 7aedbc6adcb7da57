"""Training with samples of fewer steps than the network has."""

import numpy as np
import pytest
from factories import LOSS, STEPS, STILL, draw_data, draw_trains, fit, weights
from factories import dense_network as make

from cupynn import presets
from cupynn.checks import InputError
from cupynn.device.memory import Free
from cupynn.evaluation.parts import Parts
from cupynn.optimizers import Adam


def test_trains_as_a_shorter_network_does(device):
    """To the same bits and figures of training; what is held out is looked at for all of the network's steps."""
    data, held_out = draw_data(), draw_data(31, seed=1)
    net, short = make().to(device), make().to(device)
    short.steps = 40
    history = fit(net, data, validation=held_out, steps=40)
    expected = fit(short, data, validation=held_out)
    for layer, twin in zip(net.layers, short.layers, strict=True):
        np.testing.assert_array_equal(net.device.get(layer.params["weight"]), net.device.get(twin.params["weight"]))
    for figure in ("loss", "accuracy", "spikes"):
        assert history[figure] == expected[figure]
    assert net.steps == STEPS
    assert history["validation_loss"][-1] == net.evaluate(held_out, LOSS).loss != expected["validation_loss"][-1]


def test_all_steps_are_what_is_done_without():
    nets = make(), make()
    for net, options in zip(nets, ({}, {"steps": STEPS}), strict=True):
        fit(net, draw_data(), **options)
    np.testing.assert_array_equal(*map(weights, nets))


def test_saturation_is_that_of_the_shorter_samples():
    net = make()
    net.layers[0].params["weight"][:] = 100
    history = fit(net, draw_data(), steps=40, optimizer=Adam(STILL))
    assert any("dense_1 is saturated" in line for line in history.notices)


def test_the_target_must_fit_into_them():
    with pytest.raises(InputError, match="desired=12 spikes do not fit into 10 steps"):
        fit(make(), draw_data(), steps=10)


def test_trains_have_the_steps_that_they_have():
    with pytest.raises(InputError, match=f"steps=40 for SpikeTrains of {STEPS} steps: omit it"):
        fit(make(encoder=False), draw_trains(), steps=40)
    fit(make(encoder=False), draw_trains(), steps=STEPS, epochs=1)


def test_a_definition_may_set_them():
    digits = presets.read("digits")
    assert digits.replace(**{"training.steps": 200}).options().steps == 200
    for steps in (0, digits.network["steps"] + 1, "many"):
        with pytest.raises(InputError, match=f"digits: training: steps={steps!r}: pass a whole number"):
            digits.replace(**{"training.steps": steps})


@pytest.mark.parametrize("reserved", [True, False], ids=["whole trains", "what fires"])
def test_they_take_the_memory_of_a_shorter_network(monkeypatch, reserved):
    x, _ = draw_data()
    net, short = make().to("cpu"), make().to("cpu")
    short.steps = 40
    seen = []
    monkeypatch.setattr(
        "cupynn.training.loop.Parts", lambda *args, **options: seen.append(Parts(*args, **options)) or seen[-1]
    )
    fit(net, draw_data(), steps=40, epochs=1)
    fit(short, draw_data(), epochs=1)
    needs = [parts.bytes(4, Free(0, reserved)) for parts in (*seen, Parts(net, x, 4))]
    assert needs[0] == needs[1] < needs[2]
