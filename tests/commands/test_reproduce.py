"""`cupynn reproduce`: rows of the accuracy tables, trained again."""

import pytest

from cupynn import cli
from cupynn.commands import reproduce
from cupynn.run import rows


@pytest.fixture
def quick(monkeypatch, no_figures):
    """A row of two short trainings in place of the real ones."""
    row = rows.Row(
        "digits", "digits --epochs 1 --set network.steps=110 --set network.layers.hidden.units=8", (0, 4), (0.5, 0.6), 1
    )
    monkeypatch.setattr(rows, "rows", lambda: {"quick": row})
    return row


def test_the_list(capsys):
    assert cli.main(["reproduce"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(rows.rows())
    assert rows.summary(rows.rows()["digits"].accuracies) in lines[0]


def test_seeds_are_trained_and_compared(quick, tmp_path, capsys):
    assert cli.main(["reproduce", "quick", "--quiet", "--out", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    found = [line.split() for line in lines if line[:1].isdigit()]
    assert [words[:2] for words in found] == [["0", "50.00%"], ["4", "60.00%"]]
    assert lines[-1].startswith("mean   55.00 ± 7.07 %, here ")
    assert {path.name for path in tmp_path.iterdir()} == {"quick-0", "quick-4"}


def test_finished_seeds_are_not_trained_again(quick, tmp_path, capsys):
    for _ in range(2):
        assert cli.main(["reproduce", "quick", "--seeds", "4", "--quiet", "--out", str(tmp_path)]) == 0
        once = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "quick-4").iterdir()}
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "quick-4").iterdir()} == once
    assert "mean" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["digit"], "did you mean 'digits'"), (["digits", "--seeds", "9"], "has the seeds 0, 1, 2"), (["--seeds", "1"], "ROW")],
)
def test_bad_arguments(arguments, message, capsys):
    assert cli.main(["reproduce", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_a_resumed_run_keeps_the_device_of_its_row():
    assert reproduce._device(rows.rows()["mnist-augmented-h200"]) == ["--device", "cuda"]
    assert reproduce._device(rows.rows()["digits"]) == []
