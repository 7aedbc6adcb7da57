"""Warnings about images that are unlike those a network was trained on."""

import numpy as np
import pytest

from cupynn import cli
from cupynn.run.pictures import describe, unlike

DIGITS = {"background": 0.0, "largest": 255.0}


def image(ground=0, figure=255, shape=(1, 28, 28)):
    x = np.full(shape, ground, np.uint8)
    x[..., 8:20, 8:20] = figure
    return x


def test_training_images_in_two_numbers():
    assert describe(image(ground=10, figure=200, shape=(5, 3, 28, 28))) == {"background": 10, "largest": 200}
    assert describe(np.zeros((5, 78))) is None
    assert describe(np.zeros((5, 2, 28, 28))) is None


@pytest.mark.parametrize(
    ("x", "shape", "colour", "expected"),
    [
        (image(), (28, 28), False, []),
        (image(), (280, 260), False, []),
        (image(ground=230, figure=0), (28, 28), False, ["its background is bright, that of the training images is dark"]),
        (image(figure=60), (28, 28), False, ["its largest value is 60, that of the training images 255"]),
        (image(), (480, 1280), False, ["it is stretched from 480 x 1280 to 28 x 28 pixels"]),
        (image(), (28, 28), True, ["it is in colour, and the network takes grey images"]),
        (image(shape=(1, 3, 28, 28)), (28, 28), True, []),
    ],
)
def test_what_is_said(x, shape, colour, expected):
    notices = unlike(x, DIGITS, shape, colour)
    assert len(notices) == len(expected)
    assert all(notice.startswith(begin) for notice, begin in zip(notices, expected, strict=True))


@pytest.mark.usefixtures("no_figures")
def test_predict_warns_on_standard_error(tmp_path, capsys):
    pil = pytest.importorskip("PIL.Image", reason='Pillow is not installed: pip install -e ".[test]"')
    run = tmp_path / "run"
    short = ["--epochs", "1", "--set", "network.steps=50", "--set", "loss.desired=10", "--quiet"]
    assert cli.main(["train", "digits", "--out", str(run), *short]) == 0
    pil.fromarray(image(ground=230, figure=0)[0]).save(tmp_path / "dark.png")
    pil.fromarray(image()[0]).save(tmp_path / "bright.png")
    assert cli.main(["predict", str(run), str(tmp_path / "dark.png"), str(tmp_path / "bright.png")]) == 0
    warnings = capsys.readouterr().err.splitlines()
    assert len(warnings) == 1
    assert warnings[0].startswith(f"{tmp_path / 'dark.png'}: its background is bright")
    assert cli.main(["predict", str(run), str(tmp_path / "dark.png"), "--invert"]) == 0
    assert not capsys.readouterr().err
