"""The trained networks that come with cupynn, and their cards."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

import cupynn
from cupynn import InputError, Sequential, cli, datasets, open_run, plot, pretrained
from cupynn.pretrained import CARD

FOLDER = Path(pretrained.__file__).parent
DATA = Path(__file__).parents[2] / "shared" / "data"
MOST = 5_000_000  # bytes of all networks together


def test_all_networks_are_small():
    assert pretrained.names() == ["digits", "fsdd", "mnist", "n-mnist"]
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file() and path.suffix != ".pyc") < MOST


@pytest.mark.parametrize("name", pretrained.names())
def test_cards_agree_with_their_networks(name):
    card, run, network = pretrained.card(name), open_run(pretrained.folder(name)), Sequential.pretrained(name, "cpu")
    assert card.accuracy == card.confusion.trace() / card.samples == run.result["test"]["accuracy"]
    assert abs(card.accuracy - card.trained_accuracy) < 0.005
    assert len(card.classes) == network.output_shape[0] == len(card.confusion)
    assert card.network.endswith(f"T = {run.definition.training.get('steps', network.steps)}")
    assert f"--seed {network.seed}" in card.command
    assert cli.main([*card.command.split()[1:], "--show"]) == 0
    for part in network.layers:
        for array in part.params.values():
            assert array.dtype == np.float32
            np.testing.assert_array_equal(array, array.astype(np.float16))


def test_the_command_trains_the_same_definition(capsys):
    for name in pretrained.names():
        cli.main([*pretrained.card(name).command.split()[1:], "--show"])
        shown = capsys.readouterr().out
        stored = (pretrained.folder(name) / "definition.toml").read_text(encoding="utf-8")
        assert tomllib.loads(shown) == tomllib.loads(stored)


def test_digits_do_what_their_card_says(capsys):
    card = pretrained.card("digits")
    evaluation = Sequential.pretrained("digits", "cpu").evaluate(datasets.load("digits")[1])
    assert evaluation.accuracy == card.accuracy > 0.98
    np.testing.assert_array_equal(evaluation.confusion, card.confusion)
    assert cli.main(["pretrained", "digits"]) == 0
    assert f"{card.accuracy:.2%} of {card.samples} samples" in capsys.readouterr().out
    assert sum(number for _, _, number in card.confused) == card.samples - card.confusion.trace()


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="no real data beside the project: `cupynn datasets --download NAME`")
@pytest.mark.parametrize("name", [name for name in pretrained.names() if name != "digits"])
def test_others_do_what_their_cards_say(name, monkeypatch):
    monkeypatch.setenv("CUPYNN_DATA", str(DATA))
    run = open_run(pretrained.folder(name))
    test = run.data()[2]
    evaluation = run.network(device="cpu").evaluate(test)
    assert evaluation.accuracy == pretrained.card(name).accuracy
    np.testing.assert_array_equal(evaluation.confusion, pretrained.card(name).confusion)


class TestCommands:
    def test_the_list(self, capsys):
        assert cli.main(["pretrained"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[0] for line in lines] == pretrained.names()
        assert cli.main(["pretrained", "--json"]) == 0
        listed = json.loads(capsys.readouterr().out)
        assert [card["name"] for card in listed] == pretrained.names()

    def test_evaluate_by_name(self, capsys):
        assert cli.main(["evaluate", "digits", "--pretrained", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["accuracy"] == pretrained.card("digits").accuracy

    def test_explore_by_name(self, tmp_path):
        out = tmp_path / "page.html"
        assert cli.main(["explore", "digits", "--pretrained", "--samples", "1", "--out", str(out)]) == 0
        assert "digits" in out.read_text(encoding="utf-8")

    @pytest.mark.parametrize("command", ["evaluate", "explore", "export", "predict", "raster"])
    def test_a_name_without_the_option_is_explained(self, command, capsys, tmp_path):
        more = [str(tmp_path / "file")] if command in ("export", "predict") else []
        assert cli.main([command, "digits", *more]) == 1
        assert "add --pretrained" in capsys.readouterr().err

    def test_unknown_names(self, capsys):
        assert cli.main(["pretrained", "digit"]) == 1
        assert "did you mean 'digits'" in capsys.readouterr().err
        for call in (Sequential.pretrained, pretrained.card, pretrained.folder):
            with pytest.raises(InputError, match="pass one of 'digits'"):
                call("nothing")


def test_a_raster_without_training():
    network = Sequential.pretrained("digits", "cpu")
    figure = plot.raster(network.record(datasets.load("digits")[1].x[:1]))
    assert figure.axes


def test_the_folder_is_whole():
    for name in pretrained.names():
        files = {path.name for path in pretrained.folder(name).iterdir()}
        assert files == {"best.npz", "definition.toml", "metrics.csv", "result.json", CARD}
    assert cupynn.pretrained is pretrained
