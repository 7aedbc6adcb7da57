"""Files of one's own in the [data] table of a definition, and arrays in an .npz file."""

import numpy as np
import pytest
from PIL import Image

from cupynn import InputError, cli, datasets, open_run, presets
from cupynn.commands import samples

DEFINITION = """
[data]
{data}
[network]
input_shape = [6, 5]
steps = 30
encoder = {{ kind = "Poisson", max_rate = 0.5 }}
layers = [ {{ kind = "SpikingDense", name = "output", units = 2, v_th = 1.0 }} ]
[loss]
kind = "SpikeCount"
desired = 10
undesired = 1
margin = 1
[optimizer]
kind = "Adam"
lr = 0.02
[training]
epochs = 1
batch_size = 5
"""
IMAGES = 'kind = "image-folder"\npath = "shapes"\nsize = [6, 5]\ntest = 0.2\nvalidation = 2'


@pytest.fixture
def shapes(tmp_path):
    """A folder with ten pictures of each of two classes, of another size than the network takes."""
    rng = np.random.default_rng(0)
    for name in ("bar", "dot"):
        (tmp_path / "shapes" / name).mkdir(parents=True)
        for index in range(10):
            Image.fromarray(rng.integers(0, 256, (12, 10), np.uint8)).save(tmp_path / "shapes" / name / f"{index}.png")
    return tmp_path / "shapes"


def define(tmp_path, data):
    path = tmp_path / "mine.toml"
    path.write_text(DEFINITION.format(data=data), encoding="utf-8")
    return path


class TestDataTable:
    @pytest.mark.usefixtures("no_figures")
    def test_an_image_folder_is_trained_evaluated_and_predicted(self, shapes, tmp_path, monkeypatch, capsys):
        definition = define(tmp_path, IMAGES)
        monkeypatch.chdir(tmp_path / "shapes")  # a path in a file is seen from the file
        assert cli.main(["train", str(definition), "--out", str(tmp_path / "run"), "--quiet"]) == 0
        run = open_run(tmp_path / "run")
        assert [len(part) for part in run.data()] == [14, 2, 4]
        assert run.classes == ("bar", "dot")
        monkeypatch.chdir("/")  # and the run remembers it from anywhere
        assert cli.main(["evaluate", str(tmp_path / "run")]) == 0
        capsys.readouterr()
        assert cli.main(["predict", str(tmp_path / "run"), str(shapes / "bar" / "0.png")]) == 0
        assert capsys.readouterr().out.split()[1] in ("bar", "dot")

    def test_a_key_that_the_file_lacks_may_be_given(self, shapes, tmp_path, monkeypatch):
        definition = define(tmp_path, IMAGES.replace("\ntest = 0.2", "").replace('path = "shapes"\n', ""))
        with pytest.raises(InputError, match=r"data \(image-folder\): keys 'path', 'test' are missing"):
            presets.read(definition)
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")  # paths of the command line are seen from here, those of the file from it
        given = presets.read(definition, {"data.path": "../shapes", "data.test": 0.2})
        assert [len(part) for part in given.load_data()] == [14, 2, 4]
        assert [len(part) for part in presets.read(define(tmp_path, IMAGES), {"data.test": 0.5}).load_data()] == [8, 2, 10]

    @pytest.mark.usefixtures("no_figures")
    def test_images_of_an_inverted_run_are_predicted_inverted(self, shapes, tmp_path):
        definition = define(tmp_path, IMAGES + "\ninvert = true")
        assert cli.main(["train", str(definition), "--out", str(tmp_path / "run"), "--quiet"]) == 0
        run = open_run(tmp_path / "run")
        plain = datasets.from_image_folder(shapes, size=(6, 5))
        found = samples.read(str(shapes / "bar" / "0.png"), run.network(), run)
        np.testing.assert_array_equal(found[0], 255 - plain.x[0])
        np.testing.assert_array_equal(samples.read(str(shapes / "bar" / "0.png"), run.network(), None)[0], plain.x[0])

    def test_pictures_for_a_network_in_a_file(self, shapes, tmp_path, capsys):
        """It does not know what it was trained on: a bright picture is told of, and can be inverted."""
        network, _, _ = presets.read(define(tmp_path, IMAGES)).build("cpu")
        network.save(tmp_path / "net.npz")
        Image.new("L", (5, 6), 250).save(tmp_path / "bright.png")
        predict = ["predict", str(tmp_path / "net.npz"), str(tmp_path / "bright.png")]
        assert cli.main([*predict, "--json"]) == 0
        bright = capsys.readouterr()
        assert "bright.png: half of the data is at 98% of the largest value" in bright.err
        assert "invert them" in bright.err
        assert cli.main([*predict, "--json", "--invert"]) == 0
        inverted = capsys.readouterr()
        assert "bright" not in inverted.err.replace("bright.png", "")
        assert inverted.out != bright.out
        np.save(tmp_path / "array.npy", np.zeros((1, 6, 5), np.uint8))
        assert cli.main(["predict", str(tmp_path / "net.npz"), str(tmp_path / "array.npy"), "--invert"]) == 1
        assert "array.npy: --invert is for images: leave it out" in capsys.readouterr().err

    def test_the_test_data_do_not_depend_on_the_seed(self, shapes, tmp_path):
        experiment = presets.read(define(tmp_path, IMAGES))
        one, other = (experiment.replace(**{"network.seed": seed}).load_data() for seed in (0, 1))
        np.testing.assert_array_equal(one[2].x, other[2].x)
        assert not np.array_equal(one[1].x, other[1].x)

    def test_a_folder_of_its_own_to_test_on(self, shapes, tmp_path):
        data = IMAGES.replace("test = 0.2", 'test = "shapes"')
        train, validation, test = presets.read(define(tmp_path, data)).load_data()
        assert [len(train), len(validation), len(test)] == [18, 2, 20]
        (tmp_path / "others" / "bar").mkdir(parents=True)
        (shapes / "bar" / "0.png").rename(tmp_path / "others" / "bar" / "0.png")
        data = IMAGES.replace("test = 0.2", 'test = "others"')
        with pytest.raises(
            InputError, match=r"others' has the classes \('bar',\), .*shapes has \('bar', 'dot'\): use the same names"
        ):
            presets.read(define(tmp_path, data)).load_data()

    def test_arrays(self, tmp_path):
        np.savez(tmp_path / "mine.npz", x=np.zeros((10, 6, 5), np.uint8), y=[0, 1] * 5, classes=["no", "yes"])
        data = 'kind = "npz"\npath = "mine.npz"\ntest = 4\nvalidation = 0'
        train, validation, test = presets.read(define(tmp_path, data)).load_data()
        assert (len(train), validation, len(test)) == (6, None, 4)
        assert train.classes == ("no", "yes")

    def test_events(self, tmp_path):
        for name in ("left", "right"):
            (tmp_path / "gestures" / name).mkdir(parents=True)
            events = np.array([(10, 1, 2, 0)], [("t", int), ("x", int), ("y", int), ("p", int)])
            for index in range(3):
                np.save(tmp_path / "gestures" / name / f"{index}.npy", events)
        data = 'kind = "event-folder"\npath = "gestures"\nsensor = [2, 6, 5]\ntest = 2\nvalidation = 0'
        train, _, test = presets.read(define(tmp_path, data)).load_data()
        assert (len(train), len(test), train.input_shape) == (4, 2, (2, 6, 5))

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ('kind = "image-folder"', "", r"mine\.toml: data: key 'name' is missing: .*or kind = one of image-folder"),
            ("image-folder", "pictures", r"mine\.toml: data: kind='pictures': pass one of 'image-folder', 'event-folder'"),
            ('path = "shapes"', "", r"mine\.toml: data \(image-folder\): key 'path' is missing"),
            ('path = "shapes"', "path = 3", r"data: path=3: pass a str"),
            ("test = 0.2", "", "key 'test' is missing"),
            ("test = 0.2", "test = 0", "data: test=0: pass the number or fraction"),
            ("test = 0.2", "test = 1.5", r"data: test=1\.5: pass a whole number of samples, or a fraction"),
            ("test = 0.2", "test = true", "data: test=True"),
            ("validation = 2", "validation = 1.5", r"data: validation=1\.5: pass a whole number of samples, or a fraction"),
            ("size = ", "sise = ", r"unknown key 'sise' \(did you mean 'size'\?\)"),
        ],
    )
    def test_mistakes_in_the_table(self, tmp_path, old, new, message):
        assert old in IMAGES
        with pytest.raises(InputError, match=message):
            presets.read(define(tmp_path, IMAGES.replace(old, new)))

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ('"shapes"', '"forms"', "forms is not a folder"),
            ("test = 0.2", "test = 20", "test=20 leaves one part of 20 samples empty"),
            ("validation = 2", "validation = 16", "validation=16 leaves one part of 16 samples empty"),
            ("size = [6, 5]", "size = 0", "size"),
        ],
    )
    def test_mistakes_in_the_files(self, shapes, tmp_path, old, new, message):
        with pytest.raises(InputError, match=message):
            presets.read(define(tmp_path, IMAGES.replace(old, new))).load_data()


class TestFromNpz:
    @pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
    def test_reads_what_numpy_wrote(self, tmp_path, save):
        x = np.random.default_rng(0).random((4, 3), np.float32)
        save(tmp_path / "mine.npz", x=x, y=[0, 2, 1, 0])
        data = datasets.from_npz(tmp_path / "mine.npz")
        np.testing.assert_array_equal(data.x, x)
        assert (data.y.tolist(), data.classes, data.name) == ([0, 2, 1, 0], ("0", "1", "2"), "mine")

    @pytest.mark.parametrize(
        ("arrays", "message"),
        [
            ({"x": np.zeros((2, 3), np.uint8)}, r"holds the arrays x: write it with np\.savez\(path, x=samples, y=labels\)"),
            ({"x": np.zeros((2, 3), np.uint8), "y": [0]}, r"y has shape \(1,\): pass one label per sample"),
            ({"x": np.zeros((2, 3), np.uint8), "y": [0, -1]}, r"y\[1\]=-1"),
            ({"x": np.zeros((2, 3), np.int64), "y": [0, 1]}, "x has dtype int64"),
            ({"x": np.zeros((2, 3), np.uint8), "y": [0, 1], "classes": ["one"]}, "y"),
            ({"x": np.zeros((2, 3), np.uint8), "y": np.array([0, 1], object)}, "cannot be read"),
            ({"x": np.uint8(3), "y": [0]}, "x has shape"),
        ],
    )
    def test_arrays_that_cannot_be_used(self, tmp_path, arrays, message):
        np.savez(tmp_path / "mine.npz", **arrays)
        with pytest.raises(InputError, match=message) as error:
            datasets.from_npz(tmp_path / "mine.npz")
        assert "mine.npz" in str(error.value)

    def test_a_damaged_file_cut_at_every_byte(self, tmp_path):
        path = tmp_path / "mine.npz"
        np.savez(path, x=np.zeros((2, 3), np.uint8), y=[0, 1])
        content = path.read_bytes()
        for length in range(len(content)):
            path.write_bytes(content[:length])
            with pytest.raises(InputError, match=r"mine\.npz"):
                datasets.from_npz(path)
        path.unlink()
        with pytest.raises(InputError, match="no such file"):
            datasets.from_npz(path)
