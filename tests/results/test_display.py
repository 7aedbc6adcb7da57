"""How things show themselves, as text and in notebooks; the progress bar; live curves."""

import io
import re
import sys
from base64 import b64decode
from html.parser import HTMLParser
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from cupynn import InputError, Sequential, encoders, kernels, layers, losses
from cupynn.optimizers import Adam
from cupynn.results.history import History
from cupynn.spikes import SpikeTrains
from cupynn.spikes import picture as display
from cupynn.training import bar
from cupynn.training.bar import Bar
from cupynn.training.fit import compiles

RNG = np.random.default_rng(0)
X, Y = RNG.integers(0, 256, (6, 9), np.uint8), np.arange(6) % 3
LOSS = losses.SpikeCount(desired=10)


def make(name="<hidden>"):
    first, last = layers.SpikingDense(4, v_th=2.0, name=name), layers.SpikingDense(3, v_th=2.0, tau_m=32.0)
    return Sequential([first, last], (9,), 40, encoders.Poisson(max_rate=0.5), device="cpu")


def fit(net, **options):
    return net.fit((X, Y), **{"loss": LOSS, "optimizer": Adam(1e-3), "epochs": 2, "batch_size": 3} | options)


class Cells(HTMLParser):
    """Rows of the cells of a table."""

    def __init__(self, html):
        super().__init__()
        self.rows, self.open = [], []
        self.feed(html)
        self.close()
        assert not self.open  # every tag is closed

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


class TestNetwork:
    def test_html_is_the_summary(self, capsys):
        net = make()
        net.summary()
        *lines, total = capsys.readouterr().out.splitlines()
        rows = Cells(net._repr_html_()).rows
        assert [line.split() for line in lines] == [" ".join(row).split() for row in rows]
        assert rows[0] == ["layer", "kind", "shape", "v_th", "tau_m", "tau_s", "t_ref", "parameters"]
        assert rows[2] == ["<hidden>", "SpikingDense", "(4,)", "2", "64", "8", "2", "36"]
        assert "<hidden>" not in net._repr_html_()
        assert total in net._repr_html_()

    def test_spikes_of_the_last_pass(self):
        net = make()
        spikes = net.encode(X)
        net.forward(spikes)
        header, *rows = Cells(net._repr_html_()).rows
        assert header[-1] == "spikes per sample"
        assert [row[-1] for row in rows] == [f"{trains.neurons.size / 6:.1f}" for trains in net.trains]
        assert float(rows[0][-1]) > 0
        assert "spikes per sample" not in net.to("cpu")._repr_html_()


def pixels(html):
    """Opacity of the picture in a text of HTML."""
    with Image.open(io.BytesIO(b64decode(re.search(r"base64,([^\"]+)\"", html)[1]))) as image:
        return np.asarray(image)[..., 3]


class TestTrains:
    def test_the_first_sample_is_drawn_spike_for_spike(self):
        dense = RNG.random((2, 50, 20)) < 0.1
        html = SpikeTrains.from_dense(dense)._repr_html_()
        np.testing.assert_array_equal(pixels(html) > 0, dense[0].T[::-1])
        assert f"spikes={dense.sum()}" in html

    def test_many_spikes_make_a_small_picture(self):
        rng = np.random.default_rng(0)
        steps, neurons = rng.integers(0, 1000, 300_000), rng.integers(0, 5000, 300_000)
        trains = SpikeTrains.from_events(np.zeros(300_000, int), steps, neurons, shape=(1, 1000, 5000))
        html = trains._repr_html_()
        assert len(html) < 100_000
        assert pixels(html).shape == display.RASTER
        expected = np.zeros(display.RASTER, bool)
        expected[display.RASTER[0] - 1 - neurons * display.RASTER[0] // 5000, steps * display.RASTER[1] // 1000] = True
        np.testing.assert_array_equal(pixels(html) > 0, expected)

    @pytest.mark.parametrize("shape", [(1, 5, 3), (3, 1, 1), (2, 4, 2, 3)])
    def test_silence_and_few(self, shape):
        assert not pixels(SpikeTrains.from_dense(np.zeros(shape))._repr_html_()).any()
        assert (pixels(SpikeTrains.from_dense(np.ones(shape))._repr_html_()) == 255).all()

    def test_no_samples(self):
        assert "shape=(0, 4, 3)" in SpikeTrains.from_dense(np.zeros((0, 4, 3)))._repr_html_()


class TestText:
    def test_no_arrays_are_dumped(self):
        net = make()
        spikes = net.forward(net.encode(X))
        recording = net.record(X)
        counts = ", ".join(f"{name} {trains.neurons.size / 6:,.0f}" for name, trains in recording.spikes.items())
        assert repr(recording) == f"Recording(6 samples, 40 steps, spikes per sample: {counts})"
        error = LOSS(spikes, Y)
        assert repr(error) == f"CountError(value={error.value:.2f}, samples=6)"

    def test_history(self):
        assert repr(History()) == "History: no epochs"
        assert History()._repr_png_() is None
        history = fit(make(), progress=False)
        last = history.epochs[-1]
        assert repr(history) == f"History: 2 epochs, loss {last.loss:.2f}, accuracy {last.accuracy:.2%}"
        history = fit(make(), progress=False, validation=(X, Y), epochs=1)
        best = f"{history.epochs[0].validation_accuracy:.2%}"
        assert repr(history).startswith("History: 1 epoch, ")
        assert repr(history).endswith(f"validation {best} (best {best}, epoch 1)")
        content, size = history._repr_png_()
        assert content.startswith(b"\x89PNG")
        assert set(size) == {"width", "height"}


@pytest.fixture
def notebook(monkeypatch):
    """IPython as a notebook has it; what each place below the cell has shown, in turn."""
    places = []

    def show(content, display_id, raw=False):
        assert display_id is True
        shown = [content]
        places.append(shown)
        return SimpleNamespace(update=lambda content, raw=False: shown.append(content))

    module, part = ModuleType("IPython"), ModuleType("IPython.display")
    module.get_ipython = lambda: SimpleNamespace(kernel=object())
    module.display, part.display = part, show
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.setitem(sys.modules, "IPython.display", part)
    return places


class TestBar:
    """The bar on a terminal that is none."""

    def test_no_figures_of_an_epoch_after_its_line(self, monkeypatch):
        shown = io.StringIO()
        shown.isatty = lambda: True
        monkeypatch.setattr(sys, "stderr", shown)
        monkeypatch.setattr(bar, "SHOW_EVERY", 0)
        lines = []
        monkeypatch.setattr(bar.tqdm, "write", lambda text, file: lines.append((text, shown.tell())))
        bars = []
        real = Bar.line

        def line(bar, epoch):
            assert "accuracy" in bar.bar.postfix
            real(bar, epoch)
            bars.append((bar.bar.desc, bar.bar.postfix, bar.bar.n))

        monkeypatch.setattr(Bar, "line", line)
        monkeypatch.setattr(encoders.Poisson, "notice", lambda *data: None)  # its images are all ground
        fit(make())
        assert [text.split("  ")[0] for text, _ in lines] == ["epoch 1/2", "epoch 2/2"]
        assert bars == [("epoch 2/2: ", "", 6), ("epoch 2/2: ", "", 12)]

    def test_a_file_gets_lines_only(self, capsys):
        fit(make())
        captured = capsys.readouterr()
        assert captured.err == ""
        lines = captured.out.splitlines()
        assert [line[:9] for line in lines[-2:]] == ["epoch 1/2", "epoch 2/2"]
        assert "\r" not in captured.out

    def test_in_a_notebook_it_has_a_place_that_is_empty_in_the_end(self, notebook, monkeypatch, capsys):
        monkeypatch.setattr(bar, "SHOW_EVERY", 0)
        fit(make())
        [states] = notebook
        assert re.match(r"  0%\|[ #]{12}\| 00:00<", states[0]["text/plain"])
        assert any(re.match(r"epoch 2/2: .*loss \d", state["text/plain"]) for state in states)
        assert states[-1] == {"text/plain": ""}
        captured = capsys.readouterr()
        assert captured.err == ""
        assert [line[:9] for line in captured.out.splitlines()[-2:]] == ["epoch 1/2", "epoch 2/2"]
        fit(make(), progress=False)
        assert len(notebook) == 1

    def test_an_interrupted_training_leaves_nothing(self, notebook):
        def stop(network, history):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            fit(make(), callbacks=[stop])
        assert notebook[0][-1] == {"text/plain": ""}


class TestCompiling:
    def test_what_is_shared_with_encoders_does_not_count(self):
        """An encoder has compiled it by then, and yet the layer would let its user wait without a word."""
        kernels_of_events = sys.modules["cupynn.kernels.events"]
        net = make()
        net.forward(net.encode(X)).by_neuron()
        borrower = ModuleType("borrower")
        borrower._by_neuron = kernels_of_events._by_neuron
        assert kernels.is_compiled(kernels_of_events)
        assert not kernels.is_compiled(borrower)

    def test_is_told_where_nothing_is_compiled(self, monkeypatch, capsys):
        net = make()
        net.forward(net.encode(X))
        assert not compiles(net)
        fit(net)
        assert "compiling" not in capsys.readouterr().out
        monkeypatch.setattr(kernels, "_sources", lambda: "as after an update")
        assert compiles(make())
        fit(make(), epochs=1)
        assert capsys.readouterr().out.startswith("compiling the kernels for this processor, once")
        fit(make(), epochs=1, progress=False)
        assert capsys.readouterr().out == ""


class TestLive:
    def test_curves_are_drawn_anew_in_one_place(self, notebook):
        fit(make(), epochs=3, live=True, progress=False)
        [[empty, *figures]] = notebook
        assert empty == {"text/plain": ""}
        assert [len(figure.axes[0].lines[0].get_xdata()) for figure in figures] == [1, 2, 3]

    @pytest.mark.parametrize("shell", [None, SimpleNamespace()])
    def test_elsewhere_it_is_refused_before_anything_changes(self, monkeypatch, shell):
        module = ModuleType("IPython")
        module.get_ipython = lambda: shell
        monkeypatch.setitem(sys.modules, "IPython", module)
        self.refused()
        monkeypatch.delitem(sys.modules, "IPython")
        self.refused()

    def refused(self):
        net = make()
        before = net.layers[0].params["weight"].copy()
        with pytest.raises(InputError, match="live=True works in notebooks only"):
            fit(net, live=True)
        np.testing.assert_array_equal(net.layers[0].params["weight"], before)
        with pytest.raises(InputError, match="live='yes'"):
            fit(net, live="yes")
