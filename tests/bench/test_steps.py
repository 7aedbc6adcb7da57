"""Benchmarks: what they count, what they time, what they write."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from steps import clock, command, contest, counts, nets, pictures, report, startup, suite
from steps.bandwidth import read_bandwidth

from cupynn import Sequential, SpikeTrains, cli, layers, losses
from cupynn.checks import InputError


def network():
    """Every kind of layer, on few neurons."""
    parts = [
        layers.SpikingConv2D(3, (2, 3), v_th=0.5, padding=(1, 0)),
        layers.SpikingPool2D((2, 2), v_th=0.5, stride=(2, 1)),
        layers.SpikingDense(4, v_th=0.5),
    ]
    return Sequential(parts, (2, 4, 5), 12)


def windows(layer, y, x):
    """Places of the input that an output place sees."""
    (kh, kw), (sy, sx), (py, px) = (
        (layer.kernel_size, (1, 1), layer.padding)
        if layer.kind_name == "conv"
        else (layer.kernel_size, layer.stride, (0, 0))
    )
    rows, columns = layer.input_shape[-2:]
    return [
        (y * sy - py + i, x * sx - px + j)
        for i in range(kh)
        for j in range(kw)
        if 0 <= y * sy - py + i < rows and 0 <= x * sx - px + j < columns
    ]


def counted_one_by_one(net, deltas):
    """Multiply-adds of `counts.Counts`, pair by pair and spike by spike."""
    forward = potentials = gradient = error = 0
    for index, (layer, delta) in enumerate(zip(net.layers, deltas, strict=True)):
        inputs, outputs = net.trains[index], net.trains[index + 1]
        for b in range(inputs.batch):
            for place in np.ndindex(*layer.output_shape):
                if layer.kind_name == "dense":
                    seen = list(np.ndindex(*layer.input_shape))
                else:
                    channels = range(layer.input_shape[0]) if layer.kind_name == "conv" else [place[0]]
                    seen = [(c, *at) for c in channels for at in windows(layer, *place[1:])]
                fired = [inputs.counts[(b, *at)] for at in seen]
                forward += sum(fired)
                alive = sum(count > 0 for count in fired)
                if delta[(b, *place)]:
                    potentials += 2 * outputs.counts[(b, *place)] * alive
                    gradient += 2 * alive if layer.params else 0
                    error += alive if index else 0
    return np.array([forward, potentials, gradient, error]) / net.trains[0].batch


def test_operations_are_counted_as_they_are_done():
    net, rng = network(), np.random.default_rng(0)
    net.forward(SpikeTrains.from_dense(rng.random((3, 12, 2, 4, 5)) < 0.3))
    deltas = [rng.integers(-1, 2, (3, *layer.output_shape)).astype(np.float32) for layer in net.layers]
    found = counts.count(net, deltas)
    np.testing.assert_allclose(found[:4], counted_one_by_one(net, deltas))
    assert min(found) > 0
    assert found.step == sum(found[:4])
    assert found.updates == 12 * sum(np.prod(layer.output_shape) for layer in net.layers)


@pytest.mark.parametrize("name", nets.NETS)
def test_networks_and_their_pictures_fit_each_other(name):
    of = nets.NETS[name]
    net, loss, _ = of.build("cpu")
    x, y = pictures.digits(of.preset)
    trains = net.encode(x[:20])
    expected = {"mlp": (7431, 150), "cnn": (7431, 150), "n-mnist": (4077, 794)}
    if name in expected:  # what the data sets have
        spikes, inputs = expected[name]
        assert trains.total / 20 == pytest.approx(spikes, rel=0.1)
        assert np.count_nonzero(trains.counts) / 20 == pytest.approx(inputs, rel=0.1)
    assert net.steps == (25 if name.endswith("-25") else 540 if name == "n-mnist" else 400)
    assert isinstance(loss, losses.SpikeCount)
    assert len(x) == len(y) >= 10 * of.batch
    assert nets.title(net).startswith("15C5-P2-40C5-P2-300-10" if "cnn" in name else str(trains.size))


def test_bandwidth_is_one_that_a_machine_can_have():
    assert 1e9 < read_bandwidth() < 1e14


def test_the_clock_leaves_out_the_first_call():
    calls = []
    assert len(clock.seconds(calls.append, 3)) == 3
    assert calls == [0, 0, 1, 2]
    assert clock.peak_memory() > 1e7


@pytest.mark.slow
def test_a_failing_contestant_is_told(tmp_path):
    with pytest.raises(InputError, match=r"^cupynn: KeyError: 'no-net'$"):
        contest.ask(tmp_path, "ours", net="no-net", device="cpu", repeats=1)


def test_the_others_go_on_without_it(tmp_path, monkeypatch, capsys):
    def ask(folder, module, *_, contestant="cupynn", **job):
        if contestant == "norse":
            raise InputError("norse: MemoryError")
        return {"contestant": contestant, "label": contestant, "step_seconds": [1.0], "forward_seconds": [1.0]}

    monkeypatch.setattr(contest, "ask", ask)
    found = list(contest.contest("mlp", "cpu", 1, ["norse", "snntorch"]))
    assert [result.get("error") for result in found] == [None, "norse: MemoryError", None]


class TestCommand:
    def test_it_runs_from_any_folder_by_its_path(self, tmp_path):
        folder = Path(contest.__file__).parent
        done = subprocess.run([sys.executable, folder, "cnm"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1
        assert done.stderr.startswith("error: WHAT='cnm' (did you mean 'cnn'?): pass one of ")

    def test_it_is_no_command_of_the_package(self, capsys):
        with pytest.raises(SystemExit, match="2"):
            cli.main(["bench"])
        assert "no command 'bench': commands are " in capsys.readouterr().err

    @pytest.mark.process
    def test_a_network_alone(self, tmp_path, capsys):
        out = tmp_path / "results" / "bench.jsonl"
        assert command.main(["mlp-25", "--alone", "--repeats", "1", "--device", "cpu", "--out", str(out)]) == 0
        printed = capsys.readouterr().out
        assert "784-800-10, T = 25, batch 50" in printed
        assert "x the floor" in printed
        (line,) = out.read_text(encoding="utf-8").splitlines()
        (ours,) = json.loads(line)["results"]
        assert ours["floor"]["step"] == pytest.approx(ours["bytes"] / ours["bandwidth"])
        assert ours["machine"]["threads"] >= 1
        assert len(ours["step_seconds"]) == len(ours["forward_seconds"]) == 1

    @pytest.mark.process
    @pytest.mark.parametrize("preset", startup.PRESETS)
    def test_the_first_step_of_a_process(self, preset, tmp_path):
        found = contest.ask(tmp_path, "startup", preset=preset)
        assert found["import"] > 0
        assert found["first_step"] > 0

    def test_as_json(self, monkeypatch, capsys):
        monkeypatch.setattr(startup, "PRESETS", ("digits",))
        monkeypatch.setattr(startup, "start", lambda preset: {"cold": {"import": 1.0, "first_step": 2.0}})
        assert command.main(["start", "--device", "cpu", "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["cold"] == {"import": 1.0, "first_step": 2.0}

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["cnm"], r"WHAT='cnm' \(did you mean 'cnn'\?\): pass one of .*'mlp'.*'protocol', 'start'"),
            (["mlp", "--repeats", "0"], r"--repeats=0"),
            (["mlp", "--out", "{folder}"], r"--out .*: Is a directory: pass a writable file"),
        ],
    )
    def test_mistakes_are_told_before_anything_runs(self, arguments, message, tmp_path, capsys, monkeypatch):
        monkeypatch.setattr(contest, "ask", None)
        given = [argument.format(folder=tmp_path) for argument in arguments]
        assert command.main(given) == 1
        assert re.search(message, capsys.readouterr().err)


def test_the_table_reads_well():
    ours = {
        "label": "cupynn",
        "step_seconds": [0.05],
        "forward_seconds": [0.02],
        "batch": 50,
        "memory": 2.5e8,
        "floor": {"step": 5e-4},
    }
    other = {"label": "other", "step_seconds": [1.0, 3.0, 2.0], "forward_seconds": [0.4], "memory": None}
    lines = [report.heading(), report.row(ours, ours), report.row(other, ours)]
    assert lines[1].split() == ["cupynn", "0.400", "1.000", "250", "MB", "step", "2.0", "x", "the", "floor"]
    assert lines[2].split() == ["other", "8.000", "20.0", "x", "40.000", "40.0", "x", "unknown"]
    assert report.row({"label": "third", "error": "third: no"}, ours).split() == ["third", "third:", "no"]
    assert set(suite.NETS) == set(nets.NETS)


@pytest.mark.parametrize("peer", contest.PEERS)
def test_spikes_of_other_frameworks_agree(peer, tmp_path):
    """The protocol's neuron, weights and trains give the same spikes where the framework is installed."""
    if peer not in contest.installed(contest.PEERS):
        pytest.skip(f"{peer} is not installed: pip install {peer}")
    contest.ask(tmp_path, "protocol", contest.threads(1), contestant="cupynn", size=96, repeats=1)
    found = contest.ask(tmp_path, "protocol", contest.threads(1), contestant=peer, size=96, repeats=1)
    assert found["output_spikes"] > 10_000
    assert found["differing"] <= found["output_spikes"] * 1e-3  # thresholds met to within rounding


@pytest.mark.parametrize("peer", contest.PEERS)
def test_other_frameworks_take_what_ours_leaves(peer, tmp_path):
    if peer not in contest.installed(contest.PEERS):
        pytest.skip(f"{peer} is not installed: pip install {peer}")
    job = {"device": "cpu", "repeats": 1}
    contest.ask(tmp_path, "pictures", net="cnn-25")
    contest.ask(tmp_path, "ours", contest.threads(1), net="cnn-25", **job)
    found = contest.ask(tmp_path, "peers", contest.threads(1), contestant=peer, **job)
    assert found["step_seconds"][0] > found["forward_seconds"][0] > 0
