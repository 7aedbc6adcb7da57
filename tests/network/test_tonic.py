"""Datasets of the real tonic, made here, given to a network as they are."""

import numpy as np
import pytest
from eventful import SENSOR, recording

import cupynn
from cupynn import InputError, Sequential, SpikeTrains, datasets, encoders, layers, tonic_events
from cupynn.losses import SpikeCount
from cupynn.optimizers import Adam

STEPS, SIZE = 16, SENSOR[::-1]
ORDERS = ["xytp", "xypt", "txyp"]  # of N-MNIST, DVSGesture and a camera's file


@pytest.fixture(scope="module")
def tonic():
    return pytest.importorskip("tonic", reason='tonic is not installed: pip install -e ".[tonic]"')


@pytest.fixture(scope="module")
def transforms(tonic):
    from tonic import transforms

    return transforms


@pytest.fixture(scope="module")
def toy(tonic):
    """A function that makes a dataset of tonic's whose class is the half of the sensor that is active."""

    class Toy(tonic.Dataset):
        sensor_size = SIZE

        def __init__(self, samples, order="xytp", polarity=bool, **options):
            super().__init__("nowhere", **options)
            rng = np.random.default_rng(0)
            fields = {"x": np.int16, "y": np.int16, "t": np.int64, "p": polarity}
            for label in np.arange(samples) % 2:
                events = np.zeros(rng.integers(60, 120), [(name, fields[name]) for name in order])
                events["t"] = np.sort(rng.integers(1, 9000, len(events)))
                events["x"], events["y"] = rng.integers(0, 2, len(events)) + 2 * label, rng.integers(0, 3, len(events))
                events["p"] = rng.integers(0, 2, len(events))
                if polarity is not bool:
                    events["p"] = 2 * events["p"] - 1
                self.data.append(events)
                self.targets.append(int(label))

        def __getitem__(self, index):
            events, target = self.data[index], self.targets[index]
            return (events if self.transform is None else self.transform(events)), target

        def __len__(self):
            return len(self.data)

    return Toy


@pytest.fixture
def net():
    stack = [layers.SpikingDense(20, v_th=3.0), layers.SpikingDense(2, v_th=3.0)]
    return Sequential(stack, SENSOR, STEPS, encoders.Events())


class Map:
    """A map dataset that tells no sensor."""

    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return self.items[index]


def learn(net, data):
    loss = SpikeCount(desired=5, undesired=1, margin=1)
    net.fit(data, loss=loss, optimizer=Adam(0.05), epochs=5, batch_size=4, progress=False)
    return net.evaluate(data).accuracy


class TestEvents:
    @pytest.mark.parametrize("polarity", [bool, np.int8])
    @pytest.mark.parametrize("order", ORDERS)
    def test_any_order_of_fields_and_polarity(self, toy, net, order, polarity):
        data = toy(6, order, polarity)
        x, y = net.labelled(data)
        assert y.tolist() == data.targets
        for index in range(6):
            expected = data.data[index]
            np.testing.assert_array_equal(x[index]["p"], expected["p"] > 0)
            for name in "txy":
                np.testing.assert_array_equal(x[index][name], expected[name])

    def test_a_network_learns_them(self, toy, net):
        assert learn(net, toy(40)) == 1

    def test_caches_and_parts(self, tonic, toy, net, tmp_path):
        data = toy(6)
        expected = net.encode(net.labelled(data)[0])
        cached = tonic.DiskCachedDataset(tonic.MemoryCachedDataset(data), cache_path=str(tmp_path / "cache"))
        for _ in range(2):  # written, and read
            x, y = net.labelled(cached)
            assert net.encode(x) == expected
            assert y.tolist() == data.targets
        part = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch").utils.data.Subset(
            cached, [4, 1]
        )
        x, y = net.labelled(part)
        assert net.encode(x) == expected[[4, 1]]

    def test_no_sensor(self, tonic, toy, net, tmp_path):
        tonic.DiskCachedDataset(toy(1), cache_path=str(tmp_path))[0]
        with pytest.raises(InputError, match=r"data has no sensor_size=.*: pass datasets\.events\(recordings"):
            net.labelled(tonic.DiskCachedDataset(None, cache_path=str(tmp_path)))


class TestFrames:
    @pytest.fixture
    def framed(self, toy, transforms):
        """A dataset of 40 samples of up to 15 frames each."""
        to_frame = transforms.ToFrame(sensor_size=SIZE, time_window=600)
        return toy(40, transform=transforms.Compose([transforms.Denoise(filter_time=100_000), to_frame]))

    def test_what_a_frame_holds_falls_on_its_step(self, net, framed):
        x, y = net.labelled(framed)
        assert isinstance(x, SpikeTrains)
        assert y.tolist() == framed.targets
        dense = x.to_dense()
        for index in range(len(framed)):
            frames = framed[index][0]
            assert frames.dtype == np.int16
            assert frames.max() > 1
            np.testing.assert_array_equal(dense[index, : len(frames)], frames > 0)
            assert not dense[index, len(frames) :].any()

    def test_a_network_learns_them(self, net, framed):
        assert learn(net, framed) == 1

    def test_sliced_and_cached(self, tonic, toy, net, transforms, tmp_path):
        slicer = tonic.slicers.SliceByTime(time_window=4000)
        to_frame = transforms.ToFrame(sensor_size=SIZE, n_time_bins=STEPS)
        slices = tonic.SlicedDataset(toy(4), slicer, transform=to_frame)
        cached = tonic.DiskCachedDataset(slices, cache_path=str(tmp_path / "cache"))
        x, y = net.labelled(cached)
        assert x.shape == (len(slices), STEPS, *SENSOR)
        assert y.tolist() == [slices[index][1] for index in range(len(slices))]
        alone, _ = net.labelled(tonic.DiskCachedDataset(None, cache_path=str(tmp_path / "cache")))  # no sensor, but frames
        assert alone == x

    def test_images_of_the_shape_of_the_network_are_none(self, toy, transforms):
        counting = toy(3, transform=transforms.Compose([transforms.ToImage(SIZE), lambda image: image.astype(np.uint8)]))
        net = Sequential([layers.SpikingDense(2, 1.0)], SENSOR, STEPS, encoders.Poisson())
        x, _ = net.labelled(counting)
        np.testing.assert_array_equal(x, [counting[index][0] for index in range(3)])

    @pytest.mark.parametrize(
        ("shape", "message"),
        [
            ((1, *SENSOR), "data is a ndarray: pass recordings of events"),
            ((STEPS - 1, *SENSOR), r"data has shape .*this network takes \(samples, \*\(2, 3, 4\)\)"),
        ],
    )
    def test_without_a_sensor_they_might_be_pictures(self, net, shape, message):
        with pytest.raises(InputError, match=message):
            net.labelled(Map([(np.ones(shape, np.uint8), 0)]))

    def test_sparse_tensors(self, toy, net, transforms):
        pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")
        sparse = toy(3, transform=transforms.ToSparseTensor(sensor_size=SIZE, n_time_bins=9))
        dense = toy(3, transform=transforms.ToFrame(sensor_size=SIZE, n_time_bins=9))
        assert net.labelled(sparse)[0] == net.labelled(dense)[0]

    def test_sound_with_its_axis_too_many(self, tonic, transforms):
        events = tonic.io.make_structured_array([3, 6, 0], [0] * 3, [5, 1500, 2000], [1] * 3)

        class Sound(list):
            sensor_size = (7, 1, 1)

        data = Sound([(transforms.ToFrame(Sound.sensor_size, n_time_bins=4)(events), 1)])
        assert data[0][0].shape == (4, 1, 1, 7)
        for shape in ((7,), (1, 1, 7)):
            x, _ = Sequential([layers.SpikingDense(2, 1.0)], shape, 5).labelled(data)
            assert x.shape == (1, 5, *shape)
            assert x.counts.ravel().tolist() == [0, 0, 0, 1, 0, 0, 1]

    def test_a_loader_that_pads(self, tonic, net, framed):
        data = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch").utils.data
        expected = net.labelled(framed)[0]
        for batch_first in (True, False):
            collate = tonic.collation.PadTensors(batch_first=batch_first)
            loader = data.DataLoader(framed, batch_size=20, collate_fn=collate)
            parts = [SpikeTrains.from_dense(x > 0, time_first=not batch_first).pad(STEPS) for x, _ in loader]
            assert SpikeTrains.concatenate(parts) == expected

    @pytest.mark.parametrize(
        ("sample", "message"),
        [
            (np.zeros((17, *SENSOR)), r"data\[1\] has 17 frames, the network 16 steps: create it with steps=17"),
            (np.full((3, *SENSOR), 0.5), r"data\[1\] is float64 and holds values that are not counts"),
            (np.full((3, *SENSOR), -1), r"data\[1\] is int64 and holds values that are not counts"),
            (np.zeros((0, *SENSOR)), r"data\[1\] has shape \(0, 2, 3, 4\): pass frames"),
            (np.zeros((3, 2, 4, 3)), r"data\[1\] has shape \(3, 2, 4, 3\): pass frames"),
            (recording(), r"data\[1\] has shape \(0,\): pass frames"),
        ],
    )
    def test_frames_that_it_refuses(self, net, sample, message):
        class Data(list):
            sensor_size = SIZE

        with pytest.raises(InputError, match=message):
            net.labelled(Data([(np.zeros((3, *SENSOR)), 0), (sample, 0)]))


class TestOut:
    def test_recordings_in_the_type_of_tonic(self, tonic, toy, net):
        data = toy(3)
        for array, expected in zip(tonic_events(net.labelled(data)[0]), data.data, strict=True):
            assert array.dtype == tonic.io.events_struct
            assert array.tolist() == expected.tolist()

    def test_trains_there_and_back(self, tonic):
        rng = np.random.default_rng(0)
        dense = rng.random((4, STEPS, *SENSOR)) < 0.2
        dense[:, 0] = False
        dense[2] = False  # a sample without spikes
        trains = SpikeTrains.from_dense(dense)
        for step in (1, 600, 33.4):
            arrays = tonic_events(trains, step)
            assert [array.dtype for array in arrays] == [tonic.io.events_struct] * 4
            x = datasets.events(arrays, [0] * 4, SENSOR).x
            assert encoders.Events(step).encode(x, STEPS, 0, 0, np.arange(4)) == trains

    def test_transforms_of_tonic_take_them(self, transforms):
        trains = SpikeTrains.from_dense(np.random.default_rng(0).random((2, STEPS, *SENSOR)) < 0.2)
        to_frame = transforms.ToFrame(sensor_size=SIZE, time_window=10, start_time=0, end_time=160)
        for array, dense in zip(tonic_events(trains, 10), trains.to_dense(), strict=True):
            np.testing.assert_array_equal(to_frame(array), dense)

    def test_lines_and_channels(self):
        flat = SpikeTrains.from_events([0, 0], [1, 2], [5, 3], shape=(1, 4, 6))
        assert tonic_events(flat, 10)[0].tolist() == [(5, 0, 10, False), (3, 0, 20, False)]
        assert tonic_events(flat.reshape((2, 3)), 10)[0].tolist() == [(2, 1, 10, False), (0, 1, 20, False)]

    @pytest.mark.parametrize(
        ("x", "step", "message"),
        [
            (np.zeros((2, 3)), None, r"x is an array of shape \(2, 3\): pass SpikeTrains, or recordings"),
            (SpikeTrains.from_dense(np.zeros((1, 2, 3))), None, "step=None"),
            (SpikeTrains.from_dense(np.zeros((1, 2, 3))), 0.5, r"step=0\.5"),
            (SpikeTrains.from_dense(np.zeros((1, 2, 3, 2, 2))), 1, r"x has neurons \(3, 2, 2\)"),
            (datasets.events([recording()], [0], (1, 1, 40_000)).x, None, r"x has sensor \(1, 1, 40000\)"),
            (datasets.events([recording()], [0], SENSOR).x, 600, "step=600: recordings have times"),
        ],
    )
    def test_what_it_refuses(self, x, step, message):
        with pytest.raises(InputError, match=message):
            cupynn.tonic_events(x, step)


def test_silence_after_trains():
    dense = np.random.default_rng(0).random((3, 4, 5)) < 0.5
    padded = SpikeTrains.from_dense(dense).pad(6).verify()
    np.testing.assert_array_equal(padded.to_dense(), np.pad(dense, [(0, 0), (0, 2), (0, 0)]))
    assert SpikeTrains.from_dense(dense[:0]).pad(6).shape == (0, 6, 5)
    with pytest.raises(InputError, match="steps=3: pass a whole number from 4"):
        SpikeTrains.from_dense(dense).pad(3)
