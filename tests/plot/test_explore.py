"""The page of `explore`, as Python writes it: contents, sizes, escaping, errors. `test_explore_page.py` opens it."""

import re
from base64 import b64encode
from hashlib import sha256
from html import unescape
from types import SimpleNamespace

import numpy as np
import pytest
from pages import table_of

from cupynn import Sequential, cli, encoders, layers, plot
from cupynn.checks import InputError
from cupynn.datasets import Dataset
from cupynn.plot.page.document import SCRIPTS, _asset
from cupynn.spikes import SpikeTrains


def network(*kinds, shape=(4, 4), steps=60, encoder=True):
    kinds = kinds or (layers.SpikingDense(5, v_th=1.0, lateral_inhibition=0.5, name="output"),)
    return Sequential(kinds, shape, steps=steps, encoder=encoders.Poisson() if encoder else None, device="cpu")


def images(samples=3, shape=(4, 4)):
    return np.random.default_rng(0).random((samples, *shape)).astype(np.float32)


def spoiled(weight):
    net = network()
    if isinstance(weight, list):
        net.layers[0].params["weight"] = weight
    else:
        net.layers[0].weight[0, 0] = weight
    return net


class TestContents:
    def test_every_spike_is_in_the_page(self):
        net = network(layers.SpikingConv2D(2, 3, v_th=0.5), layers.SpikingDense(5, v_th=0.5), shape=(6, 5))
        x = images(shape=(6, 5))
        table, array = table_of(plot.explore(net, (x, [0, 1, 2])))
        recording = net.record(x)
        for index, sample in enumerate(table["samples"]):
            for places, trains in zip(sample["trains"], recording.spikes.values(), strict=True):
                _, steps, neurons = trains[index].events()
                np.testing.assert_array_equal(array(places["neurons"]), neurons)
                np.testing.assert_array_equal(np.repeat(np.arange(60), np.diff(array(places["offsets"]))), steps)
        assert [sample["label"] for sample in table["samples"]] == [0, 1, 2]
        assert [sample["prediction"] for sample in table["samples"]] == net.predict(x).tolist()
        np.testing.assert_array_equal(array(table["layers"][1]["weight"]), net.layers[0].params["weight"].ravel())
        np.testing.assert_array_equal(array(table["samples"][1]["image"]).reshape(6, 5), (x[1] * 255).astype(np.uint8))

    def test_data_without_labels(self):
        table, _ = table_of(plot.explore(network(), images()))
        assert [sample["label"] for sample in table["samples"]] == [None] * 3

    def test_trains_for_a_network_without_an_encoder(self):
        spikes = SpikeTrains.from_dense(np.random.default_rng(0).random((2, 60, 4, 4)) < 0.3)
        table, _ = table_of(plot.explore(network(encoder=False), (spikes, [0, 1])))
        assert len(table["samples"]) == 2
        assert table["samples"][0]["image"] is None
        with pytest.raises(InputError, match="no encoder"):
            plot.explore(network(encoder=False), images())

    def test_a_dataset_brings_names(self):
        data = Dataset(images(), [0, 1, 2], tuple("abcde"), "letters")
        table, _ = table_of(plot.explore(network(), data))
        assert (table["classes"], table["title"]) == (list("abcde"), "letters")

    def test_recurrent_and_pooling_layers_are_replayed(self):
        net = network(layers.SpikingPool2D(2, v_th=0.5), layers.SpikingRecurrent(6, v_th=1.0, lateral=np.ones((6, 6))))
        table, array = table_of(plot.explore(net, images()))
        assert [layer.get("replayed") for layer in table["layers"]] == [None, True, True]
        assert array(table["layers"][2]["lateral"]).sum() == 36

    def test_a_layer_of_ones_own_is_shown_without_causes(self):
        class Own(layers.SpikingDense):
            pass

        table, _ = table_of(plot.explore(network(Own(5, v_th=1.0)), images()))
        assert (table["layers"][1]["kind"], table["layers"][1]["replayed"]) == ("other", False)

    def test_silent_networks_and_a_single_step(self):
        page = plot.explore(network(steps=1), images())
        assert table_of(page)[0]["samples"][0]["silent"]
        empty = np.zeros((1, 4, 4), np.float32)
        assert table_of(plot.explore(network(), empty))[0]["samples"][0]["silent"]


class TestChoice:
    def test_the_number_of_samples(self):
        table, _ = table_of(plot.explore(network(), images(40), 18))
        assert [sample["number"] for sample in table["samples"]] == list(range(18))

    def test_only_wrong_ones(self):
        net, x = network(), images(40)
        labels = np.array(net.predict(x))
        labels[[3, 20, 33]] = (labels[[3, 20, 33]] + 1) % 5
        table, array = table_of(plot.explore(net, (x, labels), 2, wrong_only=True))
        assert [sample["number"] for sample in table["samples"]] == [3, 20]
        _, _, neurons = net.record(x[:21]).spikes["output"][20].events()  # the trains of an evaluation
        np.testing.assert_array_equal(array(table["samples"][1]["trains"][1]["neurons"]), neurons)
        with pytest.raises(InputError, match="all 40 samples are classified correctly"):
            plot.explore(net, (x, net.predict(x)), wrong_only=True)
        with pytest.raises(InputError, match="wrong_only=True without labels"):
            plot.explore(net, x, wrong_only=True)


class TestSize:
    def test_samples_that_do_not_fit_are_left_out(self):
        net = network(layers.SpikingDense(400, v_th=0.2), steps=400)
        page = plot.explore(net, images(20), max_megabytes=0.4)
        table, _ = table_of(page)
        assert 0 < len(table["samples"]) < 20
        assert len(page.html.encode()) <= 0.4e6
        assert table["notes"] == [f"only {len(table['samples'])} samples fit: the limit is max_megabytes=0.4"]

    def test_weights_become_smaller_then_vanish(self):
        x = images(1, (40, 40))
        net = network(layers.SpikingDense(60, v_th=50.0, name="wide"), layers.SpikingDense(5, v_th=5.0), shape=(40, 40))
        exact, halved, without = (table_of(plot.explore(net, x, max_megabytes=size))[0] for size in (2, 0.6, 0.4))
        assert exact["exact"]
        assert not halved["exact"]
        assert halved["layers"][1]["weight"]["type"] == "f2"
        assert "16 bits" in halved["notes"][0]
        assert [layer.get("replayed") for layer in without["layers"]] == [None, False, True]
        assert "the weights of wide are left out" in without["notes"][1]

    def test_one_sample_that_does_not_fit_is_refused(self):
        net = network(layers.SpikingDense(4000, v_th=0.01, initial_weight=10.0), steps=400)
        with pytest.raises(InputError, match=r"max_megabytes=0\.5 does not fit one sample of .* spikes: pass at least"):
            plot.explore(net, images(1), max_megabytes=0.5)
        needed = float(re.search(r"at least ([\d.]+)", str(_error(net))).group(1))
        assert plot.explore(net, images(1), max_megabytes=needed)


def _error(net):
    with pytest.raises(InputError) as caught:
        plot.explore(net, images(1), max_megabytes=0.5)
    return caught.value


class TestDocument:
    def test_names_cannot_become_code(self):
        evil = "</script><script>alert(1)</script>"
        net = network(layers.SpikingDense(2, v_th=1.0, name="a\"<b>'&"))
        page = plot.explore(net, images(), classes=[evil, "<!--put bytes-->"], title=f"{evil} & co")
        table, _ = table_of(page)
        assert table["classes"] == [evil, "<!--put bytes-->"]
        assert table["layers"][1]["name"] == "a\"<b>'&"
        assert "<script>alert" not in page.html
        assert page.html.count("<script") == 3

    def test_names_that_are_not_unicode(self, tmp_path):
        """Such as those of folders with undecodable bytes."""
        page = plot.explore(network(), images(), classes=["caf\udce9"] * 5, title="caf\udce9")
        page.save(tmp_path / "page.html")
        table, _ = table_of(page)
        assert (table["title"], table["classes"][0]) == ("caf?", "caf?")

    def test_a_title_of_any_type(self):
        assert table_of(plot.explore(network(), images(), title=np.zeros(2)))[0]["title"] == "[0. 0.]"

    @pytest.mark.parametrize("classes", [5, iter("abcde"), {"a": 1}])
    def test_data_whose_classes_are_not_names(self, classes):
        data = SimpleNamespace(x=images(), y=[0, 1, 2], classes=classes)
        assert table_of(plot.explore(network(), data))[0]["classes"] == list("01234")

    def test_the_policy_allows_the_script_and_the_style_alone(self):
        html = plot.explore(network(), images()).html
        policy = re.search(r'Content-Security-Policy" content="(.*?)"', html)[1]
        assert policy.startswith("default-src 'none'; ")
        for kind in ("script", "style"):
            text = re.findall(rf"<{kind}>(.*?)</{kind}>", html, re.DOTALL)[-1]
            assert f"{kind}-src 'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" in policy
        assert not re.search(r"unsafe|https?://(?!www\.w3\.org/2000/svg)", html)

    def test_every_script_is_short_and_in_the_page(self):
        html = plot.explore(network(), images()).html
        for name in SCRIPTS:
            text = _asset(name)
            assert text in html
            assert len(text.splitlines()) < 300
            assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)

    def test_a_notebook_shows_it_in_a_frame(self, tmp_path):
        page = plot.explore(network(), images())
        frame = page._repr_html_()
        assert unescape(re.search(r'srcdoc="(.*?)"', frame, re.DOTALL)[1]) == page.html
        page.save(tmp_path / "page.html")
        assert (tmp_path / "page.html").read_text(encoding="utf-8") == page.html
        assert repr(page) == f"Page(3 samples, 1 layer, {len(page.html) / 1e6:.1f} MB)"

    def test_show_opens_the_browser(self, monkeypatch):
        opened = []
        monkeypatch.setattr("webbrowser.open", opened.append)
        plot.explore(network(), images()).show()
        assert re.fullmatch(r"file:///.*/explore\.html", opened[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"samples": 0}, "samples=0"),
        ({"max_megabytes": 0.1}, r"max_megabytes=0\.1"),
        ({"classes": ["a"]}, r"classes=.*pass 5 names"),
        ({"wrong_only": "yes"}, "wrong_only='yes'"),
        ({"data": images(0)}, "no samples"),
        ({"data": images(shape=(3, 3))}, "this network takes"),
        ({"data": (images(), [0, 1])}, "pass one label per sample"),
        ({"network": "net"}, "pass a network"),
        ({"network": spoiled(np.nan)}, "output/weight holds a value that is not finite"),
        ({"network": spoiled([1])}, "output/weight is a list, not an array"),
    ],
)
def test_one_error_names_the_argument(arguments, message):
    with pytest.raises(InputError, match=message):
        plot.explore(**{"network": network(), "data": images()} | arguments)


def test_the_command(tmp_path, capsys):
    network(layers.SpikingDense(10, v_th=0.5), shape=(8, 8)).save(tmp_path / "net.npz")
    words, out = ["explore", str(tmp_path / "net.npz"), "digits"], tmp_path / "page.html"
    assert cli.main([*words, "--samples", "2", "--wrong-only", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert f"{tmp_path}/net.npz, digits" in out.read_text(encoding="utf-8")
    assert cli.main([*words, "--samples", "0", "--out", str(out)]) == 1
    assert "--samples=0" in capsys.readouterr().err


def test_the_maps_of_the_input_are_polarities_or_channels():
    net = network(layers.SpikingDense(3, v_th=0.5), shape=(2, 4, 4))
    spikes = SpikeTrains.from_dense(np.random.default_rng(0).random((1, net.steps, 2, 4, 4)) < 0.3)
    images = np.ones((1, 2, 4, 4), np.float32)
    assert [table_of(plot.explore(net, x))[0]["layers"][0]["noun"] for x in (spikes, images)] == ["polarity", "channel"]
