"""What if a neuron were silent? The page simulates the layers above again, with the bits of the simulation."""

import numpy as np
import pytest
from browser import chromium

from cupynn import Sequential, encoders, layers, plot
from cupynn.spikes import SpikeTrains

pytestmark = [pytest.mark.slow, pytest.mark.process]

TRAINS = """(index) => {
    const { neurons, offsets } = explore.shownTrains(explore.layers[index]);
    return [[...neurons], [...offsets]];
}"""


@pytest.fixture(scope="module")
def browser():
    yield from chromium()


@pytest.fixture
def show(browser, tmp_path):
    errors, tabs = [], []

    def start(net, data, **options):
        plot.explore(net, data, **options).save(tmp_path / "page.html")
        tab = browser.new_page(viewport={"width": 1400, "height": 900})
        tabs.append(tab)
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto((tmp_path / "page.html").as_uri())
        return tab

    yield start
    for tab in tabs:
        tab.close()
    assert errors == []


def network(*kinds, shape=(4, 5)):
    return Sequential(kinds, shape, steps=120, encoder=encoders.Poisson(max_rate=0.5), device="cpu")


def dense():
    hidden = layers.SpikingDense(40, v_th=0.8, name="hidden")
    return network(hidden, layers.SpikingDense(5, v_th=0.4, lateral_inhibition=0.3, t_ref=0, name="output"))


def recurrent():
    rng = np.random.default_rng(1)
    return network(
        layers.SpikingRecurrent(30, v_th=0.8, lateral=rng.normal(0, 0.2, (30, 30))),
        layers.SpikingDense(5, v_th=0.4, tau_m=7.0, tau_s=3.0),
    )


def own_constants():
    kinds = [layers.SpikingDense(n, v_th=0.6, trainable=("tau_m", "v_th"), per="neuron") for n in (30, 5)]
    net = network(*kinds)
    for layer in net.layers:
        for array in layer.trained_constants.values():
            array[...] = np.random.default_rng(2).normal(0, 0.3, array.shape)
    return net


@pytest.fixture
def x():
    return np.random.default_rng(0).random((2, 4, 5)).astype(np.float32)


def check(tab, index, trains):
    """The page shows these trains of one sample."""
    neurons, offsets = tab.evaluate(TRAINS, index)
    np.testing.assert_array_equal(neurons, trains.neurons)
    np.testing.assert_array_equal(offsets, trains.offsets)


@pytest.mark.parametrize("make", [dense, recurrent, own_constants])
def test_a_silent_input(make, x, show):
    net, silent = make(), 7
    tab = show(net, x)
    tab.evaluate(f"explore.silence(explore.layers[0], {silent})")
    _, steps, neurons = net.record(x).spikes["input"][0].events()
    kept = neurons != silent
    assert kept.sum() < kept.size
    spikes = SpikeTrains.from_events(np.zeros(kept.sum(), int), steps[kept], neurons[kept], shape=(1, 120, 4, 5))
    changed = False
    for index, (trains, before) in enumerate(zip(net.run(spikes), net.record(x).spikes.values(), strict=True)):
        check(tab, index, trains)
        changed |= index > 0 and trains != before[0]
    assert changed


def test_a_silent_hidden_neuron_and_back(x, show):
    net = dense()
    tab = show(net, x)
    neuron = int(net.record(x).spikes["hidden"].counts[0].argmax())
    tab.evaluate(f"explore.select(explore.layers[1], {neuron}, 50)")
    tab.keyboard.press("x")
    assert f"hidden {neuron} \u00d7" in tab.inner_text("#what-if")
    tab.wait_for_timeout(100)
    assert "It is silenced: its membrane would be" in tab.inner_text("#why")
    plain = net.layers[1].params["weight"].copy()
    net.layers[1].params["weight"][:, neuron] = 0
    counts = net.record(x).spikes["output"].counts[0]
    check(tab, 2, net.record(x).spikes["output"][0])
    most = int(counts.argmax())
    assert f"{most}, with {counts[most]:,} spike" in tab.inner_text("#what-if")
    net.layers[1].params["weight"][...] = plain
    tab.get_by_role("button", name="restore all").click()
    check(tab, 2, net.record(x).spikes["output"][0])
    assert tab.locator("#what-if").is_hidden()


def test_a_neuron_of_a_layer_whose_neurons_inhibit_each_other(x, show):
    """The others fire as if it had never reached its threshold; the sample before is restored when another is shown."""
    net = dense()
    tab = show(net, x)
    neuron = int(net.predict(x)[0])
    tab.evaluate(f"explore.silence(explore.layers[2], {neuron})")
    plain = net.layers[1].params["weight"].copy()
    net.layers[1].params["weight"][neuron] = -1
    check(tab, 2, net.record(x).spikes["output"][0])
    net.layers[1].params["weight"][...] = plain
    assert "no longer" in tab.inner_text("#what-if")
    tab.keyboard.press("ArrowDown")
    tab.wait_for_timeout(100)
    assert tab.locator("#what-if").is_hidden()
    check(tab, 2, net.record(x).spikes["output"][1])


def test_where_it_cannot_be_known(show):
    """Below a convolution, and with rounded weights."""
    conv = network(layers.SpikingConv2D(2, 2, v_th=0.5), layers.SpikingDense(4, v_th=0.3), shape=(1, 6, 5))
    tab = show(conv, np.random.default_rng(0).random((1, 1, 6, 5)).astype(np.float32))
    titles = []
    for index in (0, 1):
        tab.evaluate(f"explore.select(explore.layers[{index}], 3, 50)")
        tab.wait_for_timeout(100)
        titles.append((tab.is_disabled("#silence"), tab.get_attribute("#silence", "title")))
    assert titles[0] == (True, "Only dense layers can be simulated here, and a layer above is not dense")
    assert not titles[1][0]
    wide = network(layers.SpikingDense(60, v_th=50.0), layers.SpikingDense(5, v_th=5.0), shape=(40, 40))
    tab = show(wide, np.random.default_rng(0).random((1, 40, 40)).astype(np.float32), max_megabytes=0.6)
    assert tab.is_disabled("#silence")
    assert "rounded weights" in tab.get_attribute("#silence", "title")
    tab.keyboard.press("x")
    assert tab.locator("#what-if").is_hidden()
