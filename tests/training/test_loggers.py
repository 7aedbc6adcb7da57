"""Loggers, with the real packages where they are installed: what they wrote is read again with their own readers."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from factories import dense_network, draw_data, fit

from cupynn import cli
from cupynn.checks import InputError
from cupynn.losses import RateBand
from cupynn.results import metrics
from cupynn.run.outputs import check_loggers
from cupynn.training import CSVLogger, EarlyStopping, TensorBoardLogger, WandbLogger
from cupynn.training.loggers import pixels, scalars

DATA = draw_data()


def trained(callbacks, **options):
    return fit(dense_network(), DATA, validation=DATA, callbacks=callbacks, epochs=3, **options)


def test_scalars_have_all_figures():
    found = scalars(trained([], terms={"dense_1": RateBand(high=1)})[-1])
    names = {"loss", "accuracy", "validation_loss", "validation_accuracy", "silent", "rate", "seconds", "samples_per_second"}
    assert found.keys() == names | {"spikes/input", "spikes/dense_1", "spikes/dense_2", "terms/dense_1"}


def test_a_raster_is_an_image():
    image = pixels(dense_network(), DATA[0])
    assert image.dtype == np.uint8
    assert image.shape[2] == 3
    assert 0 < (image < 128).mean() < 0.5


def test_a_table(tmp_path):
    history = trained([CSVLogger(tmp_path / "table.csv"), EarlyStopping(5)])
    assert metrics.read(tmp_path / "table.csv").epochs == history.epochs
    with open(tmp_path / "table.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["number"] for row in rows] == ["1", "2", "3"]


def test_what_is_missing(monkeypatch):
    for name in ("tensorboardX", "wandb"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=r'TensorBoardLogger needs tensorboardX: pip install "cupynn\[tensorboard\]"'):
        TensorBoardLogger("events")
    with pytest.raises(InputError, match=r'WandbLogger needs wandb: pip install "cupynn\[wandb\]"'):
        WandbLogger()
    with pytest.raises(InputError, match=r"log='tensorbord' \(did you mean 'tensorboard'\?\)"):
        check_loggers(["tensorbord"])
    with pytest.raises(InputError, match="mode='off'"):
        WandbLogger(mode="off")
    with pytest.raises(InputError, match="pip install"):
        check_loggers(["wandb"])


def read_events(folder):
    """Scalars by name and epoch, and the names of all else, of the event files in a folder."""
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.record_writer import RecordWriter  # noqa: F401  its format: length, crc, bytes, crc

    found, others = {}, set()
    for path in folder.glob("events.*"):
        content, place = path.read_bytes(), 0
        while place < len(content):
            size = int.from_bytes(content[place : place + 8], "little")
            event = Event.FromString(content[place + 12 : place + 12 + size])
            place += 16 + size
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    found[value.tag, event.step] = value.simple_value
                else:
                    others.add((value.tag, event.step))
    return found, others


class TestTensorBoard:
    @pytest.fixture(autouse=True)
    def _installed(self):
        pytest.importorskip("tensorboardX", reason='pip install "cupynn[tensorboard]"')

    def test_events(self, tmp_path):
        logger = TensorBoardLogger(tmp_path, samples=DATA[0], hyperparameters={"note": "first"})
        history = trained([logger])
        logger.close()
        found, others = read_events(tmp_path)
        for epoch in history:
            for name, value in scalars(epoch).items():
                assert found[name, epoch.number] == pytest.approx(value, rel=1e-6)
        assert {("raster", number) for number in (1, 2, 3)} <= others
        assert ("hyperparameters/text_summary", 0) in others

    @pytest.mark.slow
    def test_the_command(self, definition, tmp_path):
        out = tmp_path / "run"
        assert cli.main(["train", str(definition), "--out", str(out), "--quiet", "--log", "tensorboard"]) == 0
        found, others = read_events(out / "tensorboard")
        assert found["validation_accuracy", 2] == pytest.approx(metrics.read(out)[-1].validation_accuracy)
        assert ("raster", 2) in others


@pytest.mark.process
class TestWandb:
    def test_an_offline_run(self, tmp_path):
        """In a process, as wandb starts threads and another program."""
        pytest.importorskip("wandb", reason='pip install "cupynn[wandb]"')
        code = f"""
import json, sys
sys.path[:0] = {[*sys.path[:1], "tests"]!r}
from factories import dense_network, draw_data, fit
from cupynn.training import WandbLogger
data = draw_data()
logger = WandbLogger("toy", {str(tmp_path)!r}, samples=data[0], hyperparameters={{"note": "first"}}, name="one")
history = fit(dense_network(), data, callbacks=[logger], epochs=2)
logger.close()
print(json.dumps([history["loss"]]))
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        (losses,) = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("[")))
        (run,) = (tmp_path / "wandb").glob("offline-run-*")
        (path,) = run.glob("*.wandb")
        content = path.read_bytes()  # records with values in JSON
        assert all(json.dumps(loss).encode() in content for loss in losses)
        assert b'"first"' in content
        assert len(list(run.rglob("*.png"))) == 2
