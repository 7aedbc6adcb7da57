"""AEDAT 2.0 and 3.1, and the .dat files of Prophesee, written here byte by byte."""

import struct
import tracemalloc

import numpy as np
import pytest
from eventful import HEADER, JAER, SENSOR, aedat2, packet, recording
from factories import refuses
from hypothesis import given
from hypothesis import strategies as st

from cupynn import datasets
from cupynn.checks import InputError
from cupynn.datasets import event_formats

EVENTS = [(1000, 3, 2, 1), (1600, 0, 0, 0), (2201, 1, 2, 1)]
FROM_FIRST = [(0, 3, 2, True), (600, 0, 0, False), (1201, 1, 2, True)]
DAT = b"% Data file containing TD events.\n% Version 2\n% Date 2018-03-01 10:00:00\n"


def dat(events, header=DAT, kind=0, size=8):
    body = b"".join(struct.pack("<II", t, p << 28 | y << 14 | x) for t, x, y, p in events)
    return header + bytes([kind, size]) + body


def read(path, content):
    path.write_bytes(content)
    return datasets.read_events(path, SENSOR)[0].tolist()


def refused(path, content, message):
    path.write_bytes(content)
    refuses(datasets.read_events, path, message, sensor=SENSOR)


class TestAedat2:
    def test_places_from_the_upper_left_corner(self):
        found = event_formats.aedat2(aedat2((7, 0, 0, 0), (9, 127, 126, 1)), "f")
        assert found.tolist() == [(7, 127, 127, 1), (9, 0, 1, 0)]

    def test_external_events_are_left_out(self):
        external = struct.pack(">II", 1 << 15, 8)
        assert event_formats.aedat2(aedat2((7, 0, 0, 0)) + external, "f").tolist() == [(7, 127, 127, 1)]

    def test_without_events(self):
        assert event_formats.aedat2(JAER, "f").tolist() == []

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "f has no AEDAT header, expected AEDAT 2.0"),
            (JAER.replace(b"2.0", b"3.1"), "f is AEDAT 3.1, expected AEDAT 2.0"),
            (JAER[:-1], "f ends in its header"),
            (aedat2((7, 0, 0, 0))[:-1], "f ends within an event"),
        ],
    )
    def test_other_content(self, content, message):
        with pytest.raises(InputError, match=message):
            event_formats.aedat2(content, "f")


class TestAedat3:
    @pytest.mark.parametrize("name", ["1.aedat", "1.AEDAT", "1.aedat4"])
    def test_packets_of_pixels(self, tmp_path, name):
        """Among packets of triggers and frames, with an event that was marked invalid and room for more events."""
        other = packet([(5, 1, 1, 1)], kind=0) + packet([], kind=2, capacity=1, size=72) + bytes(64)
        content = HEADER + packet(EVENTS[:1]) + other + packet([(3, 3, 3, 1)], valid=False) + packet(EVENTS[1:], capacity=5)
        assert read(tmp_path / name, content) == FROM_FIRST

    def test_the_clock_overflows(self):
        found = event_formats.aedat3(HEADER + packet([(7, 127, 126, 0)], overflow=3), "f")
        assert found.tolist() == [((3 << 31) + 7, 127, 126, 0)]

    def test_without_events(self, tmp_path):
        assert read(tmp_path / "1.aedat", HEADER) == []

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (
                b"#!AER-DAT2.0\r\n#\r\n\0\0\0\1\0\0\0\1",
                r"is AEDAT 2\.0, only AEDAT 3\.1 and 4\.0 are read: convert .* with DV",
            ),
            (b"\0\0\0\1", "has no AEDAT header, only AEDAT 3.1"),
            (b"", "has no AEDAT header, only AEDAT 3.1"),
            (b"#!AER-DAT3.1\r\n#Format: RAW", "ends in its header"),
            (HEADER.replace(b"RAW", b"Serial-TS"), "with the coding 'Serial-TS', only RAW is read: convert it to .aedat4"),
            (HEADER + packet(EVENTS)[:-1], "ends within a packet"),
            (HEADER + packet(EVENTS)[:27], "ends within the header of a packet"),
            (HEADER + packet(EVENTS, size=12), "has a damaged packet before byte"),
            (HEADER + packet(EVENTS, size=0), "has a damaged packet"),
            (HEADER + packet(EVENTS, capacity=2), "has a damaged packet"),
            (HEADER + packet(EVENTS, overflow=-1), "has a damaged packet"),
        ],
    )
    @pytest.mark.parametrize("suffix", [".aedat", ".aedat4"])
    def test_refuses(self, tmp_path, content, message, suffix):
        refused(tmp_path / f"1{suffix}", content, message)


class TestProphesee:
    @pytest.mark.parametrize("kind", [0, 12])
    def test_events(self, tmp_path, kind):
        assert read(tmp_path / "1.dat", dat(EVENTS, kind=kind)) == FROM_FIRST
        assert read(tmp_path / "2.dat", dat([], kind=kind)) == []

    def test_widest_coordinates(self):
        found = event_formats.prophesee(
            dat([(2**32 - 1, 1279, 719, 1)], b"% Version 2\n% Height 720\n% Width 1280\n%end\n"), "f"
        )
        assert found.tolist() == [(2**32 - 1, 1279, 719, 1)]

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "does not begin with '%'"),
            (dat(EVENTS, b""), "does not begin with '%'"),
            (dat(EVENTS, b"% Version 1\n"), "is version 1 of the .dat format, only version 2 is read"),
            (dat(EVENTS, kind=14), "has events of type 14 with 8 bytes"),
            (dat(EVENTS, size=16), "has events of type 0 with 16 bytes"),
            (DAT, "has events of type 0 with 0 bytes"),
            (DAT[:-1], "has events of type 0 with 0 bytes"),
            (dat(EVENTS)[:-3], "ends within an event"),
        ],
    )
    def test_refuses(self, tmp_path, content, message):
        refused(tmp_path / "1.dat", content, message)


def test_folders_of_n_cars(tmp_path):
    for label in ("background", "cars"):
        (tmp_path / label).mkdir()
        (tmp_path / label / "obj_004396_td.dat").write_bytes(dat(EVENTS))
    data = datasets.from_event_folder(tmp_path, SENSOR)
    assert data.classes == ("background", "cars")
    assert data.x[1].tolist() == FROM_FIRST


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("1.dat", HEADER + packet(EVENTS), r"is AEDAT, not what its name says: rename it to \.aedat"),
        ("1.bin", b"\x89HDF\r\n\x1a\n" + bytes(12), r"is HDF5, not what its name says: rename it to \.h5"),
        ("1.aedat4", b"\x93NUMPY\1\0" + bytes(12), r"is an array of NumPy, not what its name says: rename it to \.npy"),
    ],
)
def test_names_the_format_of_a_file_with_the_name_of_another(tmp_path, name, content, message):
    refused(tmp_path / name, content, message)


@pytest.mark.slow
def test_memory_grows_with_the_file_not_with_what_it_claims():
    content = HEADER + packet([], capacity=1 << 27)[:28] + bytes(8)
    tracemalloc.start()
    with pytest.raises(InputError, match="ends within a packet"):
        event_formats.aedat3(content, "f")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e5


@given(st.data())
def test_damaged_files_are_refused_or_hold_events(data):
    read, whole = data.draw(
        st.sampled_from(
            [
                (event_formats.aedat2, aedat2(*EVENTS)),
                (event_formats.aedat3, HEADER + packet(EVENTS)),
                (event_formats.prophesee, dat(EVENTS)),
            ]
        )
    )
    content = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 3)) if content else 0):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        events = read(bytes(content), "file")
    except InputError as error:
        assert str(error).startswith("file ")  # noqa: PT017
    else:
        assert isinstance(events, np.ndarray)
        assert len(events) <= len(EVENTS)


def test_the_same_events_as_in_npy(tmp_path):
    np.save(tmp_path / "1.npy", recording(*EVENTS))
    assert datasets.read_events(tmp_path / "1.npy", SENSOR)[0].tolist() == FROM_FIRST
