"""DVS128 Gesture as users unpack it: recordings, tables, and the lists of the two parts."""

import pytest
from eventful import HEADER, packet

from cupynn import datasets
from cupynn.checks import InputError
from cupynn.datasets import dvs_gesture

TIMES = 80_000, 80_400, 80_900, 81_000, 81_500
EVENTS = [(t, 127 - index, 2 * index, index % 2) for index, t in enumerate(TIMES)]
TABLE = "class,startTime_usec,endTime_usec\n2,80400,81000\n11,81000,82000\n"
NAMED = "the dataset is at https://ibm"


@pytest.fixture
def gestures(own_data):
    """A small copy: one recording to train on and one to test on, of two gestures each."""
    return write(own_data / "dvs-gesture" / "DvsGesture")


def write(folder, events=EVENTS, table=TABLE):
    folder.mkdir(parents=True)
    for user in ("user01_fluorescent", "user24_led"):
        (folder / f"{user}.aedat").write_bytes(HEADER + packet(events[:2]) + packet(events[2:]))
        (folder / f"{user}_labels.csv").write_text(table)
    (folder / "trials_to_train.txt").write_text("user01_fluorescent.aedat\n")
    (folder / "trials_to_test.txt").write_text("user24_led.aedat\n\n")
    return folder


def refused(message):
    with pytest.raises(InputError, match=message):
        datasets.load("dvs-gesture")


def test_gestures_are_cut_by_their_tables(gestures):
    train, test = datasets.load("dvs-gesture")
    assert train.classes == test.classes == dvs_gesture.CLASSES
    assert (train.name, train.input_shape, len(train.classes)) == ("dvs-gesture", (2, 128, 128), 11)
    for part in (train, test):
        assert part.y.tolist() == [1, 10]
        assert [part.x[index].tolist() for index in range(2)] == [
            [(0, 126, 2, True), (500, 125, 4, False)],
            [(0, 124, 6, True), (500, 123, 8, False)],
        ]


def test_the_originals_may_be_removed(gestures):
    before = datasets.load("dvs-gesture")[0]
    for path in gestures.iterdir():
        path.unlink()
    after = datasets.load("dvs-gesture")[0]
    assert after.x.values.tolist() == before.x.values.tolist()
    assert after.classes == before.classes


def test_without_a_copy(own_data):
    refused(rf"no DvsGesture/trials_to_train.txt in {own_data / 'dvs-gesture'}: unpack DvsGesture.tar.gz from https://ibm")


@pytest.mark.parametrize("missing", dvs_gesture.LISTS)
def test_without_a_list(gestures, missing):
    (gestures / missing).unlink()
    refused(f"{gestures} has no {missing}: unpack all of DvsGesture.tar.gz from https://ibm")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("user24_led.aedat", None, "names user24_led.aedat, which is not beside it"),
        ("user24_led_labels.csv", None, "has no table user24_led_labels.csv"),
        ("user24_led_labels.csv", TABLE.replace("11,", "12,").encode(), "has the label 12, expected 1 to 11"),
        ("user24_led_labels.csv", b"one\tgesture\n", "pass label, start and stop|has no rows"),
        ("user24_led.aedat", HEADER + packet(EVENTS)[:-3], "ends within a packet"),
        ("user24_led.aedat", b"#!AER-DAT2.0\r\n", "is AEDAT 2.0"),
        ("user24_led.aedat", HEADER + packet([(80_400, 128, 0, 1)]), "128"),
    ],
)
def test_damaged_and_missing_files(gestures, file, content, message):
    path = gestures / file
    path.unlink() if content is None else path.write_bytes(content)
    refused(f"dvs-gesture: .*(?:{message}).*; {NAMED}")
    assert not list(gestures.parent.glob("*.np?"))
