"""Certificates: what runs of a file are compared with, what they say, and the spikes that go along."""

import hashlib
import json

import numpy as np
import pytest

from cupynn import InputError, Sequential, SpikeTrains, cli, encoders, layers
from cupynn import nir as ours
from cupynn.nir import expected_spikes, fidelity, frameworks

nir = pytest.importorskip("nir", reason='nir is not installed: pip install -e ".[test]"')

from nir_euler import spikes  # noqa: E402


def network(t_ref=(0, 0), steps=80, **options):
    those = [layers.SpikingDense(12, v_th=1.0, t_ref=t_ref[0]), layers.SpikingDense(5, v_th=0.5, t_ref=t_ref[1])]
    return Sequential(those, (10,), steps, encoders.Poisson(), device="cpu", **options)


@pytest.fixture
def run_by(monkeypatch):
    """Have a framework that is not there do what a function makes of the oracle's spikes, (samples, steps, neurons) each."""

    def install(change=lambda found: None, name="norse"):
        def run(framework, path, inputs, nodes):
            assert framework == name
            each = [spikes(nir.read(path), sample) for sample in inputs]
            found = [np.stack([fired[node] for fired in each]) != 0 for node in nodes]
            change(found)
            return found

        monkeypatch.setattr(
            frameworks, "missing", lambda each: None if each == name else f"not installed: pip install {each}"
        )
        monkeypatch.setattr(frameworks, "simulate", run)

    return install


@pytest.mark.usefixtures("read_here")
class TestVerdicts:
    def test_faithful(self, run_by, tmp_path):
        run_by()
        net = network()
        certificate = ours.export(net, tmp_path / "net.nir")
        assert certificate.faithful
        assert [layer.layer for layer in certificate.layers] == ["dense_1", "dense_2"]
        trains = fidelity.trial(net, None, None).trains
        for layer, each in zip(certificate.layers, net.run(trains)[1:], strict=True):
            verdict = layer.frameworks["norse"]
            assert layer.spikes == each.total > 0
            assert (layer.file.status, layer.file.mismatched) == (verdict.status, verdict.mismatched) == ("faithful", 0)
        assert (certificate.batch, certificate.steps, certificate.input_spikes) == (4, 80, trains.total)
        assert certificate.not_run.keys() == {"snntorch", "spikingjelly"}
        assert certificate.versions.keys() >= {"cupynn", "nir"}
        assert certificate.sha256 == hashlib.sha256((tmp_path / "net.nir").read_bytes()).hexdigest()

    def test_one_spike_too_few_in_one_layer(self, run_by, tmp_path):
        def change(found):
            sample, step, neuron = np.argwhere(found[1])[0]
            found[1][sample, step, neuron] = False

        run_by(change)
        certificate = ours.export(network(), tmp_path / "net.nir")
        first, second = (layer.frameworks["norse"] for layer in certificate.layers)
        assert first.status == "faithful"
        assert (second.status, second.mismatched, second.count_difference) == ("lossy", 1, 1)
        assert not certificate.faithful
        assert second.why == f"{second.spikes + 1:,} spikes become {second.spikes:,}; 1 have no match"

    def test_spikes_at_other_steps_have_the_same_counts(self, run_by, tmp_path):
        def change(found):
            found[0][...] = np.roll(found[0], 1, axis=1)

        run_by(change)
        verdict = ours.export(network(), tmp_path / "net.nir").layers[0].frameworks["norse"]
        assert verdict.mismatched > 0
        assert verdict.count_difference == 0

    def test_a_framework_that_refuses(self, run_by, tmp_path):
        def change(found):
            raise NotImplementedError("no CubaLIF\nat all")

        run_by(change)
        for layer in ours.export(network(), tmp_path / "net.nir").layers:
            assert (layer.frameworks["norse"].status, layer.frameworks["norse"].spikes) == ("unsupported", None)
            assert layer.frameworks["norse"].why == "NotImplementedError: no CubaLIF"

    def test_what_the_format_drops_is_told_from_what_the_framework_does(self, run_by, tmp_path):
        run_by()
        net = network(t_ref=(3, 0))
        certificate = ours.export(net, tmp_path / "net.nir", allow_lossy=True)
        first, second = certificate.layers
        described = ours.load(tmp_path / "net.nir", device="cpu")
        trains = fidelity.trial(net, None, None).trains
        for layer, one, other in zip(certificate.layers, net.run(trains)[1:], described.run(trains)[1:], strict=True):
            assert layer.spikes == one.total
            assert layer.file.spikes == other.total
            assert layer.file.mismatched == (one.to_dense() != other.to_dense()).sum() > 0
            assert layer.file.count_difference == np.abs(one.counts - other.counts).sum()
            assert layer.frameworks["norse"].status == "faithful"  # to the file
        assert first.file.status == second.file.status == "lossy"
        assert first.file.why.startswith("t_ref=3 is left out: ")
        assert second.file.why.startswith("its input differs: ")

    def test_rest_that_never_mattered_is_lossy_still(self, tmp_path):
        net = network(t_ref=(1, 0))
        trains = SpikeTrains.from_events([0], [3], [2], shape=(1, 80, 10))
        net.layers[0].params["weight"][...] = 0
        net.layers[0].params["weight"][:, 2] = 20
        certificate = ours.export(net, tmp_path / "net.nir", allow_lossy=True, samples=trains, frameworks=[])
        assert certificate.layers[0].file.status == "lossy"
        net.layers[0].params["weight"][:, 2] = 0
        certificate = ours.export(net, tmp_path / "net.nir", allow_lossy=True, samples=trains, frameworks=[])
        assert certificate.layers[0].file.why == "t_ref=1 is left out: no difference on these samples"
        assert (certificate.layers[1].file.status, certificate.layers[1].file.why) == ("untested", "silent on these samples")

    def test_many_samples_run_in_parts(self, run_by, tmp_path, monkeypatch):
        run_by()
        monkeypatch.setattr(fidelity, "PLACES", 80 * (10 + 12 + 5) * 3)
        x = np.random.default_rng(0).integers(0, 256, (8, 10), np.uint8)
        certificate = ours.export(network(), tmp_path / "net.nir", samples=x)
        assert certificate.batch == 8
        assert certificate.faithful


class TestCertify:
    def test_a_file_that_is_there(self, tmp_path):
        net = network()
        written = ours.export(net, tmp_path / "net.nir", frameworks=[])
        assert ours.certify(net, tmp_path / "net.nir", frameworks=[]) == written

    @pytest.mark.usefixtures("read_here")
    def test_a_file_that_was_changed(self, tmp_path):
        net = network()
        ours.export(net, tmp_path / "net.nir", certificate=False)
        net.layers[0].params["weight"][...] *= 1.5
        assert ours.certify(net, tmp_path / "net.nir", frameworks=[]).layers[0].file.status == "lossy"

    def test_a_file_of_another_network(self, tmp_path):
        other = Sequential([layers.SpikingDense(12, v_th=1.0, t_ref=0)], (10,), 80, device="cpu")
        ours.export(other, tmp_path / "net.nir", certificate=False)
        with pytest.raises(InputError, match=r"net.nir describes .*: pass the network that was exported"):
            ours.certify(network(), tmp_path / "net.nir")

    def test_samples(self, tmp_path):
        for samples, message in (
            (np.zeros((2, 9), np.uint8), "shape"),
            (np.zeros((0, 10), np.uint8), "data has no samples"),
        ):
            with pytest.raises(InputError, match=message):
                ours.export(network(), tmp_path / "net.nir", samples=samples)


@pytest.mark.usefixtures("read_here")
class TestExpectedSpikes:
    def test_they_are_what_the_graph_does_without_delay(self, tmp_path):
        net = network()
        ours.export(net, tmp_path / "net.nir", frameworks=[])
        found = nir.read_data(tmp_path / "net.nir.spikes.h5").nodes
        graph = nir.read(tmp_path / "net.nir")
        assert list(found) == ["dense_1_lif", "dense_2_lif", "input"]
        inputs = found["input"].observables["spikes"].to_time_gridded(1e-4).data
        assert inputs.shape == (4, 80, 10)
        np.testing.assert_array_equal(inputs, fidelity.trial(net, None, None).trains.to_dense())
        for sample in range(4):
            for node, each in spikes(graph, inputs[sample]).items():
                gridded = found[node].observables["spikes"].to_time_gridded(1e-4)
                np.testing.assert_array_equal(gridded.data[sample], each)

    def test_they_fit_the_graph(self, tmp_path):
        ours.export(network(), tmp_path / "net.nir", frameworks=[])
        nir.read_data(tmp_path / "net.nir.spikes.h5").check_nodes(nir.read(tmp_path / "net.nir"))

    @pytest.mark.parametrize("steps", [1, 2, 3, 29, 57, 400, 540, 999, 1000, 4001])
    def test_whole_steps_are_found_again(self, tmp_path, steps):
        """Dividing multiples of 1e-4 by 1e-4 gives less than the whole number for one in ten of these."""
        dense = np.zeros((2, steps, 3), np.uint8)
        dense[0] = 1
        expected_spikes.write(tmp_path / "spikes.h5", {"a": SpikeTrains.from_dense(dense)})
        data = nir.read_data(tmp_path / "spikes.h5").nodes["a"].observables["spikes"]
        np.testing.assert_array_equal(data.to_time_gridded(1e-4).data, dense)
        assert (data.idx[1] == -1).all()
        assert np.isinf(data.time[1]).all()


@pytest.mark.usefixtures("read_here")
class TestText:
    def test_table(self, run_by, tmp_path):
        run_by()
        certificate = ours.export(network(t_ref=(2, 0)), tmp_path / "net.nir", allow_lossy=True)
        lines = str(certificate).splitlines()
        assert lines[0].startswith("net.nir, 4 samples of 80 steps: random trains of 2%, 5%, 10%, 30% per step, ")
        assert lines[1].split() == ["layer", "spikes", "file", "norse", *certificate.versions.get("norse", "").split()]
        assert lines[2].split() == ["dense_1", f"{certificate.layers[0].spikes:,}", "lossy", "faithful"]
        assert lines[4].startswith("dense_1, file: t_ref=2 is left out: ")
        assert lines[-1] == "spikingjelly: not installed: pip install spikingjelly"

    def test_json(self, run_by, tmp_path):
        run_by()
        certificate = ours.export(network(), tmp_path / "net.nir")
        table = json.loads((tmp_path / "net.nir.certificate.json").read_text(encoding="utf-8"))
        assert table == json.loads(json.dumps(certificate.table()))
        assert (table["format"], table["faithful"]) == (1, True)
        assert table["layers"][1]["frameworks"]["norse"]["status"] == "faithful"


class TestCommand:
    @pytest.fixture
    def path(self, tmp_path):
        network(steps=40).save(tmp_path / "net.npz")
        return tmp_path / "net.npz"

    def run(self, *arguments):
        return cli.main(["export", *map(str, arguments)])

    def test_a_certificate_is_printed(self, path, run_by, tmp_path, capsys):
        run_by()
        assert self.run(path, tmp_path / "net.nir") == 0
        shown = capsys.readouterr().out
        assert "dense_2" in shown
        assert "faithful" in shown
        assert shown.endswith(f"with {tmp_path / 'net.nir'}.certificate.json and {tmp_path / 'net.nir'}.spikes.h5\n")

    @pytest.mark.usefixtures("read_here")
    def test_json_and_a_file_of_samples(self, path, run_by, tmp_path, capsys):
        run_by()
        np.save(tmp_path / "x.npy", np.full((7, 10), 200, np.uint8))
        options = ["--json", "--file", tmp_path / "x.npy", "--samples", "3", "--framework", "norse"]
        assert self.run(path, tmp_path / "net.nir", *options) == 0
        table = json.loads(capsys.readouterr().out)
        assert (table["batch"], table["samples"], table["not_run"]) == (3, "samples given", {})

    def test_the_file_alone(self, path, tmp_path, capsys):
        assert self.run(path, tmp_path / "net.nir", "--no-certificate") == 0
        assert capsys.readouterr().out == f"saved as {tmp_path / 'net.nir'}\n"
        assert sorted(each.name for each in tmp_path.iterdir()) == ["net.nir", "net.npz"]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["digits", "--random"], "DATA and --random are both given"),
            (["--file", "x.npy", "--random"], "--file and --random are both given"),
            (["--no-certificate", "--random"], "--no-certificate with --random"),
            (["--no-certificate", "--framework", "norse"], "--no-certificate with --framework"),
            (["--framework", "brian"], "frameworks[0]='brian'"),
            (["--file", "none.npy"], "none.npy: no such file"),
            (["--samples", "0"], "--samples=0"),
            (["digits"], "shape"),
        ],
    )
    def test_errors(self, path, tmp_path, capsys, options, message):
        assert self.run(path, tmp_path / "net.nir", *options) == 1
        assert message in capsys.readouterr().err
        assert not (tmp_path / "net.nir").exists()

    def test_rest(self, tmp_path, capsys):
        network(t_ref=(2, 0), steps=40).save(tmp_path / "net.npz")
        assert self.run(tmp_path / "net.npz", tmp_path / "net.nir") == 1
        assert "unlike dense_1 (t_ref=2): train with t_ref=0, or pass allow_lossy=True" in capsys.readouterr().err
        assert self.run(tmp_path / "net.npz", tmp_path / "net.nir", "--allow-lossy", "--no-certificate") == 0
