"""The epochs of a training in the page of `explore`: trains, weights and figures of each, and what does not fit."""

import numpy as np
import pytest
from browser import chromium
from pages import table_of

from cupynn import InputError, Sequential, cli, encoders, layers, plot
from cupynn.network import epochs
from cupynn.plot.page.epochs import _spread
from cupynn.results.history import Epoch

REPLAYED = """layer => Array.from({ length: explore.layers[layer].size }, (_, neuron) =>
    Array.from(explore.replay(explore.layers[layer], neuron).membrane))"""


def network(hidden=30, steps=60):
    kinds = [layers.SpikingDense(hidden, v_th=0.5, name="hidden"), layers.SpikingDense(4, v_th=0.5, name="output")]
    return Sequential(kinds, (4, 4), steps=steps, encoder=encoders.Poisson(max_rate=0.5), device="cpu")


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).random((3, 4, 4)).astype(np.float32)


@pytest.fixture
def keep(tmp_path):
    """Keep epochs of a network with weights that grow; return the folder and the networks."""

    def keep(count, **options):
        networks = []
        for number in range(1, count + 1):
            net = network(**options)
            for layer in net.layers:
                layer.params["weight"] *= 0.6 + 0.25 * number
            rates = {"hidden": 3.0 * number, "output": 1.0}
            epoch = Epoch(number, 1.0, number / 10, None, number / 20, rates, 0, 0.1, 1.0, 1.0)
            epochs.save(net, tmp_path / "epochs", epoch)
            networks.append(net)
        return tmp_path / "epochs", networks

    (tmp_path / "epochs").mkdir()
    return keep


def test_the_trains_and_weights_of_each_epoch(keep, x):
    folder, networks = keep(3)
    table, array = table_of(plot.explore(networks[1], (x, [0, 1, 2]), epochs=folder))
    assert [(stage["number"], stage["base"]) for stage in table["epochs"]] == [(1, False), (2, True), (3, False)]
    assert [stage["validation_accuracy"] for stage in table["epochs"]] == [0.05, 0.1, 0.15]
    for stage, net in zip(table["epochs"], networks, strict=True):
        if stage["base"]:
            assert "samples" not in stage
            continue
        recording = net.record(x)
        for index, sample in enumerate(stage["samples"]):
            assert sample["prediction"] == net.predict(x)[index]
            assert sample["trains"][0] is None
            for places, trains in zip(sample["trains"][1:], list(recording.spikes.values())[1:], strict=True):
                np.testing.assert_array_equal(array(places["neurons"]), trains[index].events().neurons)
        for weights, layer in zip(stage["weights"][1:], net.layers, strict=True):
            values = array(weights["weight"]).astype(np.float32) * weights["weight"]["scale"]
            np.testing.assert_allclose(values, layer.params["weight"].ravel(), atol=1e-3 * weights["weight"]["scale"])


def test_trained_recurrent_weights_are_those_of_the_epoch(x, tmp_path):
    kinds = [layers.SpikingRecurrent(5, v_th=0.5, train_lateral=True), layers.SpikingRecurrent(4, v_th=0.5)]
    net = Sequential(kinds, (4, 4), steps=60, encoder=encoders.Poisson(max_rate=0.5), device="cpu")
    epochs.save(net, tmp_path, Epoch(1, 1.0, 0.5, None, None, {}, 0, 0.1, 1.0, 1.0))
    net.layers[0].params["lateral"][...] = 0
    table, array = table_of(plot.explore(net, x, epochs=tmp_path))
    assert [layer.get("trained") for layer in table["layers"]] == [None, ["weight", "lateral"], ["weight"]]
    _, first, second = table["epochs"][0]["weights"]
    assert (sorted(first), sorted(second)) == (["lateral", "weight"], ["weight"])
    assert array(first["lateral"]).any()


def test_a_network_that_is_none_of_them_comes_last(keep, x):
    folder, _ = keep(2)
    table, _ = table_of(plot.explore(network(), x, epochs=folder))
    assert [stage["number"] for stage in table["epochs"]] == [1, 2, None]
    assert table["epochs"][2]["base"]


@pytest.mark.parametrize("per", ["layer", "neuron"])
def test_the_trained_constants_of_each_epoch(per, x, tmp_path):
    (tmp_path / "epochs").mkdir()
    net = Sequential(
        [layers.SpikingDense(4, v_th=0.5, trainable=("tau_m",), per=per), layers.SpikingDense(3, v_th=0.5)],
        (4, 4),
        steps=60,
        encoder=encoders.Poisson(max_rate=0.5),
        device="cpu",
    )
    decays = []
    for number in (1, 2):
        net.layers[0].params["tau_m"][...] = -0.3 * number
        epochs.save(net, tmp_path / "epochs", Epoch(number, 1.0, 0.5, None, None, {}, 0, 0.1, 1.0, 1.0))
        decays.append(net.layers[0].neuron.decay_m)
    table, _ = table_of(plot.explore(net, x, epochs=tmp_path / "epochs"))
    for decay, stage in zip(decays, table["epochs"], strict=True):
        first, second = stage["constants"][1:]
        assert second is None
        assert first["decay_m"] == np.max(decay)
        assert first.get("each", {}).get("decay_m", decay) == pytest.approx(decay)
        assert ("each" in first) == (per == "neuron")
    net.layers[1].v_th = 0.6
    with pytest.raises(InputError, match="has other layers than this network"):
        plot.explore(net, x, epochs=tmp_path / "epochs")


def test_what_does_not_fit_is_named(keep, x):
    """First the weights of some epochs are left out, then some epochs."""
    folder, networks = keep(6, hidden=900)
    page = plot.explore(networks[5], x, epochs=folder, max_megabytes=0.42)
    table, _ = table_of(page)
    assert len(page.html.encode()) <= 0.42e6
    weighted = [stage["number"] for stage in table["epochs"] if "weights" in stage]
    left = 6 - len(table["epochs"])
    assert 0 < len(weighted) + 1 < len(table["epochs"])
    notes = [f"{left} of 6 epochs are left out"] if left else []
    notes.append(f"the weights of {5 - left - len(weighted)} of 6 epochs are left out, so their spikes have no causes")
    notes[-1] += ": the limit is max_megabytes=0.42"
    assert table["notes"][-len(notes) :] == notes


@pytest.mark.slow
def test_the_size_of_a_file_with_epochs(keep, x):
    for count, limit in ((12, 0.3), (12, 0.5), (12, 1.0)):
        folder, networks = keep(count, hidden=400, steps=200)
        assert len(plot.explore(networks[0], x, epochs=folder, max_megabytes=limit).html.encode()) <= limit * 1e6


def test_evenly_spaced_epochs():
    assert _spread([1, 2, 3, 4, 5], 3) == [1, 3, 5]
    assert _spread([1, 2, 3], 9) == [1, 2, 3]
    assert _spread([1, 2, 3], 1.9) == [3]
    assert _spread([1, 2, 3], 0) == []


def test_mistakes(keep, x, tmp_path):
    folder, _ = keep(1)
    with pytest.raises(InputError, match=r"epochs=.*none' holds no epochs, such as epoch-001\.npz: pass a folder of"):
        plot.explore(network(), x, epochs=tmp_path / "none")
    with pytest.raises(InputError, match=r"epoch-001\.npz has other layers than this network"):
        plot.explore(network(hidden=31), x, epochs=folder)
    (folder / "epoch-001.npz").write_bytes(b"")
    with pytest.raises(InputError, match="damaged"):
        plot.explore(network(), x, epochs=folder)


@pytest.mark.slow
def test_the_command_shows_the_epochs_of_a_run(definition, tmp_path):
    run, out = tmp_path / "run", tmp_path / "page.html"
    assert cli.main(["train", str(definition), "--epochs", "2", "--keep-epochs", "--quiet", "--out", str(run)]) == 0
    assert cli.main(["explore", str(run), "--samples", "2", "--out", str(out)]) == 0
    assert '"epochs":[{"number":1,"base":' in out.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.process
def test_the_slider(keep, x, tmp_path):
    """Trains, counts, membranes and figures are those of the epoch; without its weights, the panel says so."""
    folder, networks = keep(3)
    plot.explore(networks[1], (x, networks[1].predict(x)), epochs=folder).save(tmp_path / "page.html")
    errors = []
    for browser in chromium():
        tab = browser.new_page()
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto((tmp_path / "page.html").as_uri())
        assert tab.inner_text("#epoch-name") == "epoch 2"
        tab.set_viewport_size({"width": 420, "height": 800})
        assert tab.evaluate("document.documentElement.scrollWidth") == 420
        assert "accuracy 20.0 % \u00b7 validation 10.0 % \u00b7 spikes per neuron: hid" in tab.inner_text("#epoch-words")
        assert tab.is_disabled("#show-wrong")
        for key, number in ((".", 3), (",", 2), (",", 1)):
            tab.keyboard.press(key)
            tab.wait_for_timeout(100)
            net = networks[number - 1]
            assert tab.inner_text("#epoch-name") == f"epoch {number}"
            membranes = net.record(x).membranes["hidden"][0]
            np.testing.assert_allclose(np.array(tab.evaluate(REPLAYED, 1)).T, membranes, atol=2e-3 * np.abs(membranes).max())
            total = net.record(x).spikes["hidden"][0].total
            assert f"30 neurons, {total:,} spike" in tab.locator(".layer").nth(1).inner_text()
            wrong = int((net.predict(x) != networks[1].predict(x)).sum())
            assert tab.inner_text("#show-wrong") == f"wrong {wrong}"
        tab.locator("#epoch").focus()
        tab.keyboard.press("End")  # the slider's own key
        assert tab.inner_text("#epoch-name") == "epoch 3"
        tab.keyboard.press(",")
        assert tab.inner_text("#epoch-name") == "epoch 2"
    assert errors == []
