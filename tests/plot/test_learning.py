"""Figures of runs: from histories and from the folders that runs leave."""

import json
from dataclasses import replace

import numpy as np
import pytest
from factories import leave_figures_out
from pictures import history, line, png

from cupynn import plot, presets, run
from cupynn.checks import InputError
from cupynn.plot.style import PALETTE
from cupynn.results import metrics
from cupynn.results.history import History


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a short run."""
    experiment = presets.read("digits").replace(
        **{
            "training.epochs": 3,
            "network.steps": 40,
            "loss.desired": 9,
            "loss.undesired": 1,
            "loss.margin": 1,
            "data.validation": 100,
            "training.batch_size": 300,
        }
    )
    with pytest.MonkeyPatch.context() as patch:
        leave_figures_out(patch)
        return run.train(experiment, tmp_path_factory.mktemp("runs") / "short", progress=False, device="cpu")


class TestMetrics:
    def test_a_folder_gives_the_history_of_its_run(self, folder):
        epochs = json.loads((folder / "result.json").read_text())["epochs"]
        told = metrics.read(folder)
        assert len(told) == 3
        for epoch, expected in zip(told.epochs, epochs, strict=True):
            assert epoch == type(epoch)(**expected)

    def test_the_file_itself_will_do(self, folder):
        assert metrics.read(folder / "metrics.csv") == metrics.read(str(folder))

    def test_a_run_without_validation(self, folder, tmp_path):
        lines = (folder / "metrics.csv").read_text().splitlines()
        names = lines[0].split(",")
        row = [
            "" if name.startswith("validation_") else value for name, value in zip(names, lines[1].split(","), strict=True)
        ]
        (tmp_path / "metrics.csv").write_text("\n".join([lines[0], ",".join(row)]) + "\n")
        assert metrics.read(tmp_path)["validation_accuracy"] == [None]
        png(plot.curves(tmp_path))

    def test_a_file_cut_at_any_byte_is_an_input_error_unless_at_the_end_of_a_line(self, folder, tmp_path):
        whole = (folder / "metrics.csv").read_bytes()
        for cut in range(len(whole)):
            (tmp_path / "metrics.csv").write_bytes(whole[:cut])
            if cut and whole[cut - 1 : cut] == b"\n":
                assert len(metrics.read(tmp_path)) == whole[:cut].count(b"\n") - 1
            else:
                with pytest.raises(InputError, match=r"metrics.csv is not the metrics of a run, or is damaged \(.*\)"):
                    metrics.read(tmp_path)

    @pytest.mark.parametrize("content", ["a,b\n1,2\n", "number\n1\n", "\xff\xfe", '"'])
    def test_another_file_is_an_input_error(self, tmp_path, content):
        (tmp_path / "metrics.csv").write_text(content, encoding="latin-1")
        with pytest.raises(InputError, match="is not the metrics of a run, or is damaged"):
            metrics.read(tmp_path)


class TestCompare:
    def test_each_run_has_its_colour_and_its_figures(self):
        short, long = history(2), history(5)
        figure = plot.compare({"short": short, "long": long})
        png(figure)
        loss, accuracy, timed = figure.axes
        for told, label, colour in (
            (short, "short: 80.00%, epoch 2", PALETTE[0]),
            (long, "long: 80.00%, epoch 4", PALETTE[1]),
        ):
            assert list(line(loss, label).get_xdata()) == told["number"]
            assert list(line(loss, label).get_ydata()) == told["validation_loss"]
            assert list(line(accuracy, label).get_ydata()) == told["validation_accuracy"]
            assert list(line(timed, label).get_ydata()) == told["validation_accuracy"]
            assert line(timed, label).get_xdata().tolist() == np.cumsum(told["seconds"]).tolist()
            assert {line(axes, label).get_color() for axes in figure.axes} == {colour}
        assert loss.get_xlim() == (0.5, 5.5)
        assert timed.get_xlim()[0] == 0
        assert timed.get_xlim()[1] >= 5
        assert [text.get_text() for text in figure.legends[0].get_texts()] == [drawn.get_label() for drawn in loss.lines]

    def test_training_stands_in_where_a_run_has_no_validation(self):
        told = history(3, validation=False)
        figure = plot.compare({"with": history(3), "without": told})
        assert [axes.get_title("left") for axes in figure.axes] == [
            "training loss",
            "training accuracy",
            "training accuracy by time",
        ]
        drawn = [list(line.get_ydata()) for line in figure.axes[0].lines]
        assert drawn == [told["loss"], told["loss"]]

    def test_folders_name_themselves(self, folder):
        figure = plot.compare([folder])
        assert figure.axes[0].lines[0].get_label().startswith("short: ")
        assert figure.get_suptitle() == "1 run, each with its best validation accuracy"

    def test_more_runs_than_colours_differ_by_their_dashes(self):
        figure = plot.compare({str(index): history(2) for index in range(14)})
        looks = {(drawn.get_color(), drawn.get_linestyle()) for drawn in figure.axes[0].lines}
        assert len(looks) == 14


FOLDER = "the folder that cupynn train wrote"
HISTORY = f"the result of net.fit(...), or {FOLDER}"
RUNS = "named runs, such as {'small': history, 'large': 'runs/large'}"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plot.curves(history(1).epochs), f"history is a list: pass {HISTORY}"),
        (lambda: plot.curves(History), f"history is the class History itself: pass {HISTORY}"),
        (lambda: plot.curves(History()), f"history has no epochs: pass {HISTORY}"),
        (lambda: plot.curves("no/such"), f"cannot read no/such (No such file or directory): pass {FOLDER}"),
        (lambda: plot.compare({"a": History()}), f"runs['a'] has no epochs: pass {HISTORY}"),
        (lambda: plot.compare({"a": 3}), f"runs['a'] is an int: pass {HISTORY}"),
        (lambda: plot.compare(history(2)), f"runs is a History: pass {RUNS}"),
        (lambda: plot.compare([history(2)]), f"runs is a list: pass {RUNS}"),
        (lambda: plot.compare({}), f"runs has the names []: pass {RUNS}"),
        (
            lambda: plot.compare(["a/x", "b/x"]),
            "runs=['a/x', 'b/x']: two folders have the same name: pass a dict, {'name': folder, ...}",
        ),
    ],
)
def test_bad_input_is_named_with_its_remedy(call, message):
    with pytest.raises(InputError) as raised:
        call()
    assert str(raised.value) == message


def test_a_run_of_many_epochs_is_a_plain_line():
    told = History([replace(history(1).epochs[0], number=number) for number in range(1, 101)])
    assert plot.compare({"long": told}).axes[0].lines[0].get_marker() == "None"


def test_small_curves_have_one_legend_and_one_axis_of_epochs():
    figure = plot.curves(history(4), figsize=(3.5, 2.5))
    assert not any(axes.get_legend() for axes in figure.axes)
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "", "epoch"]
    assert "training" in [text.get_text() for text in figure.legends[0].get_texts()]
