"""Recordings that a table of label, start and stop cuts into samples, as those of DVS128 Gesture."""

import numpy as np
import pytest
from eventful import HEADER, SENSOR, packet, recording

from cupynn import cli, datasets, open_run
from cupynn.checks import InputError

TIMES = 10_000, 10_400, 10_900, 11_000, 11_500  # of events at x = 0, 1, 2, 3, 0, in two packets
EVENTS = [(t, index % 4, 1, index % 2) for index, t in enumerate(TIMES)]
TABLE = "class,startTime_usec,endTime_usec\n2,10400,11000\n1,11000,12000\n"
MAPPING = "action,label\nhand_clapping,1\nright_hand_wave,2\nother_gestures,3\n"


@pytest.fixture
def gestures(tmp_path):
    """The layout of DVS128 Gesture: two recordings, their tables, two lists, and names."""
    folder = tmp_path / "DvsGesture"
    folder.mkdir()
    for user in ("user01_led", "user02_lab"):
        (folder / f"{user}.aedat").write_bytes(HEADER + packet(EVENTS[:2]) + packet(EVENTS[2:]))
        (folder / f"{user}_labels.csv").write_text(TABLE)
    (folder / "trials_to_train.txt").write_text("user01_led.aedat\n\n")
    (folder / "trials_to_test.txt").write_text("user02_lab.aedat\r\n")
    (folder / "gesture_mapping.csv").write_text(MAPPING)
    (folder / "LICENSE.txt").touch()
    return folder


def refused(path, message):
    with pytest.raises(InputError, match=message) as caught:
        datasets.from_event_tables(path, SENSOR)
    assert str(path.parent) in str(caught.value)


def test_a_list_of_recordings(gestures):
    data = datasets.from_event_tables(gestures / "trials_to_train.txt", SENSOR)
    assert (data.name, data.input_shape) == ("trials_to_train", SENSOR)
    assert data.classes == ("hand_clapping", "right_hand_wave", "other_gestures")
    assert data.y.tolist() == [1, 0]
    assert [data.x[index].tolist() for index in range(2)] == [
        [(0, 1, 1, True), (500, 2, 1, False)],
        [(0, 3, 1, True), (500, 0, 1, False)],
    ]


def test_a_folder_without_names_of_classes(gestures):
    (gestures / "gesture_mapping.csv").unlink()
    (gestures / "user02_lab_labels.csv").rename(gestures / "user02_lab.csv")
    (gestures / "user03.aedat").touch()  # without a table
    data = datasets.from_event_tables(gestures, SENSOR)
    assert (data.name, data.classes) == ("DvsGesture", ("1", "2"))
    assert data.y.tolist() == [1, 0, 1, 0]


def test_other_formats_and_events_out_of_order(tmp_path):
    events = recording(*EVENTS)
    np.save(tmp_path / "a.npy", events[[3, 0, 4, 2, 1]])
    (tmp_path / "a.csv").write_text("\ufeff7, 0, 10500\n7,10000,20000,wave\n")
    data = datasets.from_event_tables(tmp_path, (1, 3, 4), name="own")
    assert [data.x[index]["t"].tolist() for index in range(2)] == [[10_000, 10_400], [0, 400, 900, 1000, 1500]]
    assert (data.name, data.classes, data.x.sample_shape) == ("own", ("7",), (1, 3, 4))


def test_a_clock_that_counts_from_1970(tmp_path):
    events = recording(*EVENTS)
    events["t"] += 1_700_000_000_000_000
    np.save(tmp_path / "a.npy", events)
    (tmp_path / "a.csv").write_text("0,1700000000010300,1700000000011000\n")
    assert datasets.from_event_tables(tmp_path, SENSOR).x[0]["t"].tolist() == [100, 600]
    (tmp_path / "a.csv").write_text("0,0,1800000000000000\n")
    refused(tmp_path / "", r"an event comes after 1700000000011500: pass less than 2\^32 microseconds")


@pytest.mark.usefixtures("no_figures")
def test_a_definition_trains_on_them(gestures, tmp_path):
    (tmp_path / "mine.toml").write_text(
        """
        optimizer = { kind = "Adam", lr = 0.02 }
        training = { epochs = 1, batch_size = 2 }
        loss = { kind = "SpikeCount" }
        [data]
        kind = "event-tables"
        path = "DvsGesture/trials_to_train.txt"
        test = "DvsGesture/trials_to_test.txt"
        sensor = [2, 3, 4]
        validation = 0
        [network]
        input_shape = [2, 3, 4]
        steps = 100
        encoder = { kind = "Events", step = 20.0 }
        layers = [ { kind = "SpikingDense", name = "output", units = 3, v_th = 1.0 } ]
        """
    )
    assert cli.main(["train", str(tmp_path / "mine.toml"), "--out", str(tmp_path / "run"), "--quiet"]) == 0
    train, _, test = open_run(tmp_path / "run").data()
    assert (len(train), len(test)) == (2, 2)


@pytest.mark.parametrize(
    "first", ["", "class,startTime_usec,endTime_usec\n", "# Information, start (us), stop\n", "label,,\n"]
)
def test_the_first_row_is_a_sample_unless_it_is_words(gestures, first):
    (gestures / "user01_led_labels.csv").write_text(f'{first}"2", "10400", "11000"\n1,11000,12000\n')
    assert len(datasets.from_event_tables(gestures)) == 2 + 2  # of the other recording


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("1,10400,10400\n", r"line 1: '1,10400,10400': pass label, start and stop, whole numbers with start < stop"),
        ("1.0,10400.5,11000.5\n", r"line 1: '1\.0,10400\.5,11000\.5': pass label"),
        ("-1,-5,-3\n2,10400,11000\n", "line 1: '-1,-5,-3': pass label"),
        ("1;10400;11000\n", "line 1: '1;10400;11000': pass label"),
        ("nan,nan,inf\n", "line 1: 'nan,nan,inf': pass label"),
        ("class,start,end\n\n1,11000\n", r"line 3: '1,11000': pass label"),
        ("1,-5,11000\n", "line 1: '1,-5,11000': pass label"),
        ("1,1e4,11000\n", "line 1: '1,1e4,11000': pass label"),
        ("1," + "9" * 5000 + ",11000\n", "line 1: '1,999"),
        ("1,10000,11000\nwave,1,2\n", "line 2: 'wave,1,2': pass label"),
        ("1,0,12000\n" * 101, r"user01_led_labels\.csv repeats the events over 100 times: remove rows that overlap"),
        ("class,start,end\n", "has no rows: write label, start and stop of each sample"),
        ("", "has no rows"),
        ("3,0,500\n", r"has no events from 0 to 500 \(label 3\): remove this row of user01_led_labels\.csv"),
    ],
)
def test_refuses_tables(gestures, table, message):
    (gestures / "user01_led_labels.csv").write_text(table)
    refused(gestures / "trials_to_train.txt", message)


def test_refuses_tables_that_are_no_text(gestures, monkeypatch):
    (gestures / "user01_led_labels.csv").write_bytes(b"\xff\xfe\x00")
    refused(gestures / "trials_to_train.txt", r"user01_led_labels\.csv cannot be read \(")
    monkeypatch.setattr("cupynn.datasets.event_tables.LONGEST", 2)
    refused(gestures / "trials_to_train.txt", r"trials_to_train\.txt cannot be read \(it has more than 2 bytes\)")


def test_refuses_places_without_recordings(gestures, tmp_path):
    (gestures / "gesture_mapping.csv").write_text("wave,1\nwave,2\n")
    refused(gestures / "trials_to_train.txt", "gives two labels the same name")
    (gestures / "user01_led_labels.csv").unlink()
    refused(
        gestures / "trials_to_train.txt", r"user01_led\.aedat has no table user01_led_labels\.csv beside it: write one with"
    )
    (gestures / "trials_to_train.txt").write_text("user09.aedat")
    refused(gestures / "trials_to_train.txt", r"names user09\.aedat, which is not beside it")
    (gestures / "trials_to_train.txt").write_text("\n")
    refused(gestures / "trials_to_train.txt", "names no recordings")
    refused(tmp_path / "none", "none does not exist: pass a folder of recordings, or a text file")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", r"has no recording with a table NAME_labels\.csv beside it")


def test_refuses_damaged_recordings_and_events_outside_the_sensor(gestures):
    (gestures / "user01_led.aedat").write_bytes((HEADER + packet(EVENTS))[:-1])
    refused(gestures / "trials_to_train.txt", r"user01_led\.aedat ends within a packet")
    (gestures / "user01_led.aedat").write_bytes(HEADER + packet([(10_500, 4, 0, 0)]))
    refused(gestures / "trials_to_train.txt", r"user01_led\.aedat, event 0: x=4: pass 0 to 3")
    (gestures / "user01_led.aedat").write_bytes(HEADER)
    refused(gestures / "trials_to_train.txt", "has no events from 10400 to 11000")
