"""Datasets, recordings and evaluations in notebooks: what their HTML shows, its size, and that names are text."""

import io
import re
import time
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from pictures import recorded, trains
from PIL import Image

from cupynn import datasets, thumbnails
from cupynn.datasets import Dataset, looks
from cupynn.results import Evaluation
from cupynn.spikes import SpikeTrains

EVIL = '<img src="x" onerror="alert(1)"><script>alert(2)</script>'
KINDS = {"div", "br", "img", "table", "tr", "td", "th"}
RNG = np.random.default_rng(0)


class Page(HTMLParser):
    """Text, pictures and tables of a page; every tag is known and closed, and its attributes are harmless."""

    def __init__(self, html):
        super().__init__()
        self.words, self.open, self.pictures, self.captions, self.cells = "", [], [], [], []
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        assert tag in KINDS
        assert {name for name, _ in attributes} <= {"style", "src", "alt", "title"}
        if tag == "img":
            source = dict(attributes)["src"]
            assert source.startswith("data:image/png;base64,")
            with Image.open(io.BytesIO(b64decode(source.split(",")[1]))) as image:
                self.pictures.append(np.asarray(image))
        elif tag != "br":
            self.open.append(tag)
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data + "\n"
        if self.open[-1] in ("td", "th"):
            self.cells[-1][-1] += data


def events(sensor, samples=3):
    kind = [("t", np.uint32), ("x", np.uint16), ("y", np.uint16), ("p", bool)]
    recordings = []
    for _ in range(samples):
        array = np.zeros(500, kind)
        array["t"] = np.sort(RNG.integers(0, 10_000, 500))
        for name, size in zip(("p", "y", "x"), sensor, strict=True):
            array[name] = RNG.integers(0, size, 500)
        recordings.append(array)
    return datasets.events(recordings, [0, 1, 1], sensor=sensor, classes=("a", "b"))


class TestDataset:
    def test_a_picture_of_each_class_in_turn_with_the_size_of_the_class(self):
        x = np.zeros((5, 4, 6), np.uint8)
        x[:, 1, 2] = [50, 100, 150, 200, 250]
        page = Page(Dataset(x, [1, 0, 1, 0, 1], ("cat", "dog"), "pets")._repr_html_())
        assert [int(picture[1, 2]) for picture in page.pictures] == [100, 50, 200, 150, 250]
        assert page.words.split("\n")[1:6] == ["cat · 2", "dog · 3", "cat · 2", "dog · 3", "dog · 3"]
        assert "Dataset pets: 5 samples of shape (4, 6) uint8" in page.words

    def test_names_are_text(self):
        data = Dataset(np.zeros((2, 3, 3), np.uint8), [0, 1], (EVIL, "</div>"), "<b>pets</b>")
        page = Page(data._repr_html_())
        assert f"{EVIL} · 1" in page.words
        assert "Dataset <b>pets</b>" in page.words
        assert "<script" not in data._repr_html_()

    @pytest.mark.parametrize(
        "make",
        [
            lambda: Dataset(RNG.integers(0, 256, (60, 3, 96, 96), np.uint8), np.arange(60), tuple(map(str, range(60))), "n"),
            lambda: Dataset(RNG.random((60, 200, 3)), np.arange(60), tuple(map(str, range(60))), "noise"),
            lambda: Dataset(RNG.random((3, 50)), [0, 1, 1], ("a", "b"), "vectors"),
            lambda: Dataset(RNG.random((2, 1)), [0, 1], ("a", "b"), "numbers"),
            lambda: Dataset(RNG.random((2, 2, 9, 9)), [0, 1], ("a", "b"), "two channels"),
            lambda: events((2, 20, 30)),
            lambda: events((1, 260, 346)),
            lambda: events((1, 1, 700)),
            lambda: datasets.signals([RNG.random((length, 3)) for length in (50, 90)], [0, 1]),
            lambda: datasets.signals([RNG.random((length, 40)) for length in (50, 90)], [0, 1]),
        ],
    )
    def test_all_kinds_are_small_and_quick(self, make):
        data = make()
        begun = time.process_time()
        html = data._repr_html_()
        assert time.process_time() - begun < 1
        assert len(html) < 200_000
        page = Page(html)
        assert len(page.pictures) == min(20, len(data))
        assert max(side for picture in page.pictures for side in picture.shape[:2]) <= 80
        assert len(repr(data)) < 150

    def test_more_classes_than_pictures(self):
        data = Dataset(np.zeros((30, 2, 2), np.uint8), np.arange(30), tuple(map(str, range(30))), "many")
        assert "and 10 more classes" in Page(data._repr_html_()).words

    def test_several_labels_and_numbers(self):
        x = np.zeros((2, 3, 3), np.uint8)
        page = Page(Dataset(x, [[1, 1], [0, 0]], (EVIL, "b"), "labels")._repr_html_())
        assert page.words.split("\n")[1:3] == [f"{EVIL}, b", "none"]
        page = Page(Dataset(x, [[0.25, 1000.0], [3.0, 4.0]], ("a", "b"), "numbers")._repr_html_())
        assert page.words.split("\n")[1:3] == ["0.25, 1e+03", "3, 4"]

    def test_a_recording_without_events(self):
        one = np.zeros(0, [("t", np.uint32), ("x", np.uint8), ("y", np.uint8), ("p", bool)])
        for sensor in ((2, 4, 4), (1, 1, 4)):
            page = Page(datasets.events([one, one], [0, 1], sensor=sensor, classes=("a", "b"))._repr_html_())
            assert not page.pictures[0].any(axis=None, where=[False, False, False, True])


class TestLooks:
    def test_polarities_have_opposite_signs(self):
        array = np.zeros(3, [("t", np.uint32), ("x", np.uint8), ("y", np.uint8), ("p", bool)])
        array["x"], array["p"] = [0, 1, 1], [False, True, True]
        data = datasets.events([array, array], [0, 1], sensor=(2, 2, 2), classes=("a", "b"))
        picture = looks.picture(data.x, 0)
        assert picture.kind == "signed"
        assert np.sign(picture.values).tolist() == [[-1, 1], [0, 0]]
        blue, orange = Page(data._repr_html_()).pictures[0][0]
        assert blue[:3].tolist() == list(thumbnails.INK)
        assert orange[:3].tolist() == list(thumbnails.OTHER)

    def test_a_row_of_channels_is_drawn_over_time(self):
        array = np.zeros(2, [("t", np.uint32), ("x", np.uint8), ("y", np.uint8), ("p", bool)])
        array["t"], array["x"] = [0, 999], [0, 3]
        data = datasets.events([array, array], [0, 1], sensor=(1, 1, 4), classes=("a", "b"))
        picture = looks.picture(data.x, 0)
        assert picture.over_time
        assert picture.values.shape == (4, looks.COLUMNS)
        assert np.argwhere(picture.values).tolist() == [[0, 199], [3, 0]]

    def test_dim_images_are_as_bright_as_they_can_be(self):
        x = np.full((1, 4, 4), 16, np.uint8)
        assert looks.picture(x, 0).values.max() == 1
        bright = np.full((2, 4, 4), [[[10]], [[255]]], np.uint8)
        assert looks.picture(bright, 0).values.max() == pytest.approx(10 / 255)

    def test_vectors_keep_their_values(self):
        picture = looks.picture(np.array([[0.2, 0.4, -3.0]]), 0)
        assert picture.kind == "lines"
        assert picture.values.ravel().tolist() == pytest.approx([0.2, 0.4, -3.0])

    def test_images_keep_theirs_within_their_range(self):
        assert looks.picture(np.full((1, 2, 2), 0.25), 0).values.max() == 0.25
        assert looks.picture(np.full((1, 2, 2), 4.0), 0).values.max() == 1


class TestRecording:
    def test_a_row_and_a_picture_for_each_layer(self):
        recording = recorded({"input": trains(2, 30, 6, 5), EVIL: trains(2, 30, 40, rate=0), "output": trains(2, 30, 4)})
        page = Page(recording._repr_html_())
        assert [row[:2] for row in page.cells[1:]] == [["input", "6 × 5"], [EVIL, "40"], ["output", "4"]]
        counts = recording.spikes["output"].total
        assert page.cells[3][2:4] == [f"{counts / 2:,.1f}", f"{counts / 240:.2%}"]
        dense = recording.spikes["output"].to_dense()[0].T[::-1]
        np.testing.assert_array_equal(page.pictures[2][..., 3] > 0, dense)
        assert not page.pictures[1][..., 3].any()
        assert "Recording of 2 samples, 30 steps" in page.words

    def test_many_large_layers_are_small_and_quick(self):
        count = 100_000
        where = RNG.integers(0, 400, count), RNG.integers(0, 346 * 260, count)
        large = SpikeTrains.from_events(np.zeros(count, int), *where, shape=(1, 400, 260, 346))
        small = recorded({"input": trains(1, 5, 2)})
        recording = type(small)({f"layer {index}": large for index in range(14)})
        begun = time.process_time()
        html = recording._repr_html_()
        assert time.process_time() - begun < 1
        assert len(html) < 200_000
        assert len(Page(html).pictures) == 10

    def test_one_step_and_no_samples(self):
        assert len(Page(recorded({"input": trains(1, 1, 1)})._repr_html_()).pictures) == 1
        assert not Page(recorded({"input": trains(0, 4, 3)})._repr_html_()).pictures


def evaluation(matrix, **other):
    values = {"accuracy": 0.9, "loss": 1.5, "spikes": {"input": 2.0, EVIL: 0.5}, "silent": 3, "dead": {EVIL: 0.25}} | other
    return Evaluation(**values, confusion=np.array(matrix))


class TestEvaluation:
    def test_numbers_layers_matrix_and_errors(self):
        page = Page(evaluation([[8, 2], [0, 10]])._repr_html_())
        assert "Evaluation: accuracy 90.00%, loss 1.50, 3 silent samples" in page.words
        assert page.cells[1:3] == [["input", "2.00", ""], [EVIL, "0.50", "25%"]]
        assert page.cells[-1] == ["0", "1", "2"]
        assert page.pictures[0][..., 3].tolist() == [[204, 51], [0, 255]]

    def test_without_loss_samples_or_errors(self):
        page = Page(evaluation(np.zeros((3, 3), int), loss=None)._repr_html_())
        assert "no errors" in page.words
        assert "loss" not in page.words

    def test_regressions_and_several_labels_have_no_matrix(self):
        numbers = evaluation([[1]])
        for other in (dict(accuracy=None, confusion=None, r2=0.5), dict(confusion=np.ones((3, 2, 2), int))):
            page = Page(replace(numbers, **other)._repr_html_())
            assert not page.pictures
            assert ("R2 0.500" if "r2" in other else "accuracy 90.00%") in page.words

    def test_many_classes_are_small(self):
        html = evaluation(RNG.integers(0, 9, (1000, 1000)))._repr_html_()
        assert len(html) < 200_000
        assert len(repr(evaluation([[1]]))) < 250


def test_cells_are_text_unless_they_are_html():
    html = thumbnails.table(("a",), [("<img src=x>",), (thumbnails.Html("<br>"),)], 1)
    assert re.findall(r"<td[^>]*>(.*?)</td>", html) == ["&lt;img src=x&gt;", "<br>"]


@pytest.mark.parametrize(("size", "most"), [(10, 4), (4, 10), (9, 9), (1, 3)])
def test_pictures_shrink_to_the_means_of_blocks(size, most):
    values = np.arange(size * size, dtype=np.float32).reshape(size, size)
    small = thumbnails.shrunk(values, (most, most))
    assert small.shape == (min(size, most),) * 2
    if size <= most:
        assert np.array_equal(small, values)
    else:
        edges = np.linspace(0, size, most + 1).round().astype(int)
        assert small[1, 2] == pytest.approx(values[edges[1] : edges[2], edges[2] : edges[3]].mean())
