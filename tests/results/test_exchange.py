"""Recordings for Neo and Elephant, and for pandas, with the real packages where they are installed."""

import sys

import numpy as np
import pytest

from cupynn import InputError, Sequential, SpikeTrains, layers


@pytest.fixture(scope="module")
def recording():
    spikes = SpikeTrains.from_dense(np.random.default_rng(0).random((3, 40, 2, 4)) < 0.4)
    hidden = layers.SpikingDense(6, v_th=1.0, initial_weight=2.0, name="hidden")
    silent = layers.SpikingDense(2, v_th=1e6, initial_weight=1e-3, name="silent")
    net = Sequential([hidden, silent], (2, 4), steps=40, device="cpu")
    hidden.params["weight"][...] = np.abs(hidden.params["weight"])  # so that every neuron fires
    return net.record(spikes)


@pytest.fixture(scope="module")
def block(recording):
    pytest.importorskip("neo", reason='Neo is not installed: pip install "cupynn[neo]"')
    return recording.to_neo(dt=0.5)


class TestNeo:
    def test_every_train_in_milliseconds(self, recording, block):
        assert [segment.index for segment in block.segments] == [0, 1, 2]
        for sample, segment in enumerate(block.segments):
            for name, trains in recording.spikes.items():
                found = segment.filter(layer=name, objects="SpikeTrain")
                assert [train.annotations["neuron"] for train in found] == list(range(trains.size))
                dense = trains[sample].to_dense().reshape(40, -1)
                for train in found:
                    times = train.rescale("ms").magnitude
                    np.testing.assert_array_equal(times, np.nonzero(dense[:, train.annotations["neuron"]])[0] * 0.5)
                    assert (float(train.t_start), float(train.t_stop)) == (0, 20)

    def test_membranes_are_signals(self, recording, block):
        for sample, segment in enumerate(block.segments):
            assert [signal.name for signal in segment.analogsignals] == ["hidden membrane", "silent membrane"]
            signal = segment.analogsignals[0]
            np.testing.assert_array_equal(signal.magnitude, recording.membranes["hidden"][sample])
            assert float(signal.sampling_rate.rescale("kHz")) == 2
            assert float(signal.t_stop.rescale("ms")) == 20

    def test_groups_are_layers(self, recording, block):
        assert [group.name for group in block.groups] == ["input", "hidden", "silent"]
        assert [len(group.spiketrains) for group in block.groups] == [24, 18, 6]
        only = recording.to_neo(layers=["hidden"])
        assert [len(segment.spiketrains) for segment in only.segments] == [6, 6, 6]
        assert float(only.segments[0].t_stop.rescale("ms")) == 40

    @pytest.mark.filterwarnings("ignore:The 'copy' argument in Quantity")  # Elephant's own calls
    def test_elephant_computes_rates_and_correlations(self, recording, block):
        reason = "Elephant is not installed: pip install elephant"
        statistics = pytest.importorskip("elephant.statistics", reason=reason)
        conversion = pytest.importorskip("elephant.conversion", reason=reason)
        correlation = pytest.importorskip("elephant.spike_train_correlation", reason=reason)
        import quantities as pq

        trains = block.segments[1].filter(layer="hidden", objects="SpikeTrain")
        counts = recording.spikes["hidden"].counts[1]
        rates = [float(statistics.mean_firing_rate(train).rescale("Hz")) for train in trains]
        np.testing.assert_allclose(rates, counts / 0.02)
        binned = conversion.BinnedSpikeTrain(trains, bin_size=0.5 * pq.ms)
        dense = recording.spikes["hidden"][1].to_dense().reshape(40, 6).T
        np.testing.assert_array_equal(binned.to_bool_array(), dense)
        np.testing.assert_allclose(correlation.correlation_coefficient(binned), np.corrcoef(dense))


class TestPandas:
    def test_a_row_for_each_spike(self, recording):
        pandas = pytest.importorskip("pandas", reason='pandas is not installed: pip install "cupynn[pandas]"')
        table = recording.to_pandas()
        assert list(table.columns) == ["sample", "layer", "neuron", "step"]
        assert len(table) == sum(trains.total for trains in recording.spikes.values())
        assert isinstance(table["layer"].dtype, pandas.CategoricalDtype)
        assert list(table["layer"].cat.categories) == ["input", "hidden", "silent"]
        counts = table.groupby(["layer", "sample"], observed=False).size()
        assert counts["hidden", 1] == recording.spikes["hidden"].counts[1].sum()
        assert counts["silent", 2] == 0
        hidden = recording.to_pandas(["hidden"])
        rows = np.stack([hidden[name] for name in ("sample", "step", "neuron")])
        np.testing.assert_array_equal(rows, recording.spikes["hidden"].events())


@pytest.mark.parametrize(("method", "library", "extra"), [("to_neo", "neo", "neo"), ("to_pandas", "pandas", "pandas")])
def test_a_missing_library_is_named_with_its_command(recording, monkeypatch, method, library, extra):
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(InputError, match=rf'{method} needs the library {library}: pip install "cupynn\[{extra}\]"'):
        getattr(recording, method)()


@pytest.mark.parametrize(
    ("method", "arguments", "message"),
    [
        ("to_neo", {"dt": 0}, "dt=0: pass a finite number greater than 0"),
        ("to_neo", {"layers": "hidden"}, r'layers=\'hidden\': pass a list of names, such as \["input"\]'),
        ("to_pandas", {"layers": []}, r"layers=\[\]: pass a list"),
        ("to_pandas", {"layers": ["hiden"]}, "hidden"),
    ],
)
def test_one_error_names_the_argument(recording, method, arguments, message):
    with pytest.raises(InputError, match=message):
        getattr(recording, method)(**arguments)
