"""A run opened again is the run that was; a damaged one says which file, and how to mend it."""

import json

import numpy as np
import pytest

import cupynn
from cupynn import InputError, cli, plot, presets, run


class TestOpenRun:
    def test_all_is_there_again(self, folder):
        opened = cupynn.open_run(folder)
        result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        assert opened.result == result
        assert opened.definition.tables() == result["definition"]
        assert [epoch.figures() for epoch in opened.history.epochs] == result["epochs"]  # every figure to the last bit
        assert opened.classes == tuple("0123456789")
        plot.curves(opened.history)
        train, validation, test = opened.data()
        assert (len(train), len(validation), len(test)) == (1238, 200, 359)
        evaluation = opened.network().evaluate(test)
        assert evaluation.accuracy == result["test"]["accuracy"]
        assert opened.network().evaluate(validation).accuracy == max(opened.history["validation_accuracy"])
        last = opened.network(best=False)
        assert last.evaluate(validation).accuracy == opened.history["validation_accuracy"][-1]

    def test_repr(self, folder):
        opened = cupynn.open_run(str(folder))
        accuracy = opened.result["test"]["accuracy"]
        assert (
            repr(opened) == f"SavedRun {folder}: 2 epochs, best {opened.result['best_epoch']}, test accuracy {accuracy:.2%}"
        )

    @pytest.mark.usefixtures("no_figures")
    def test_nothing_held_out(self, tmp_path):
        values = {"network.steps": 60, "network.layers.hidden.units": 5, "loss.desired": 20, "training.epochs": 1}
        experiment = presets.read("digits").replace(**values, **{"data.validation": 0})
        opened = cupynn.open_run(run.train(experiment, tmp_path / "run", progress=False))
        assert opened.history["validation_accuracy"] == [None]
        assert opened.data()[1] is None
        assert "1 epoch, best 1" in repr(opened)

    def test_an_interrupted_run(self, folder):
        (folder / "result.json").unlink()
        opened = cupynn.open_run(folder)
        assert repr(opened) == f"SavedRun {folder}: not finished, 2 of 2 epochs"
        assert len(opened.history) == 2
        assert opened.classes == tuple("0123456789")
        with pytest.raises(InputError, match=r"result\.json is missing, as the run is not finished: train it again with"):
            opened.result  # noqa: B018


class TestMistakes:
    def test_no_folder(self, tmp_path):
        with pytest.raises(InputError, match="none is not a folder"):
            cupynn.open_run(tmp_path / "none")
        with pytest.raises(InputError, match=r"has no definition\.toml, so it is not a run"):
            cupynn.open_run(tmp_path)

    @pytest.mark.parametrize(
        ("file", "part"),
        [
            ("best.npz", lambda opened: opened.network()),
            ("last.npz", lambda opened: opened.network(best=False)),
            ("metrics.csv", lambda opened: opened.history),
            ("result.json", lambda opened: opened.result),
            ("definition.toml", lambda opened: opened.definition),
        ],
    )
    def test_files_that_are_missing_or_damaged(self, folder, file, part):
        opened = cupynn.open_run(folder)
        content = (folder / file).read_bytes()
        (folder / file).write_bytes(content[: len(content) // 3])
        with pytest.raises(InputError, match=file):
            part(opened)
        (folder / file).unlink()
        with pytest.raises(InputError, match=file):
            part(opened)

    def test_a_history_cut_anywhere_is_never_a_wrong_one(self, folder):
        path = folder / "metrics.csv"
        content = path.read_bytes()
        whole = cupynn.open_run(folder).history
        for length in range(len(content)):
            path.write_bytes(content[:length])
            if content[:length].endswith(b"\n"):
                assert cupynn.open_run(folder).history.epochs == whole.epochs[: max(0, content[:length].count(b"\n") - 1)]
            else:
                with pytest.raises(InputError, match=r"metrics\.csv is not the metrics of a run, or is damaged"):
                    cupynn.open_run(folder).history  # noqa: B018

    def test_others_values(self, folder):
        path = folder / "metrics.csv"
        path.write_text(path.read_text(encoding="utf-8").replace(",", ";"), encoding="utf-8")
        with pytest.raises(InputError, match=r"metrics\.csv is not the metrics of a run, or is damaged"):
            cupynn.open_run(folder).history  # noqa: B018
        (folder / "result.json").write_text("[]", encoding="utf-8")
        with pytest.raises(InputError, match=r"result\.json is damaged"):
            cupynn.open_run(folder).result  # noqa: B018

    @pytest.mark.parametrize(
        ("where", "value"),
        [
            (("test", "accuracy"), "0.5"),
            (("test", "accuracy"), 10**400),
            (("test", "accuracy"), 7),
            (("best_epoch",), 1e400),
            (("best_epoch",), "1"),
            (("classes",), 5),
            (("classes",), "ten"),
            (("classes",), [0, 1]),
        ],
    )
    def test_results_of_another_type(self, folder, where, value, capsys):
        path = folder / "result.json"
        result = json.loads(path.read_text(encoding="utf-8"))
        *outer, last = where
        (result[outer[0]] if outer else result)[last] = value
        path.write_text(json.dumps(result), encoding="utf-8")
        with pytest.raises(InputError, match=r"result\.json is damaged"):
            cupynn.open_run(folder).classes  # noqa: B018
        assert cli.main(["runs", str(folder.parent)]) == 0
        assert "result.json is damaged" in capsys.readouterr().out

    def test_a_result_that_is_nested_too_deeply(self, folder):
        (folder / "result.json").write_text("[" * 100_000, encoding="utf-8")
        with pytest.raises(InputError, match=r"result\.json is damaged"):
            cupynn.open_run(folder).result  # noqa: B018


def test_silent_is_a_whole_number_again(small_run):
    assert all(isinstance(epoch.silent, int | np.integer) for epoch in cupynn.open_run(small_run).history.epochs)
