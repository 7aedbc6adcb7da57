"""DVS128 Gesture of IBM: 11 gestures by 29 people, recorded by an event camera of 128 x 128 pixels.

A. Amir et al., A low power, fully event-based gesture recognition system, CVPR 2017. cupynn reads your own copy.
"""

from pathlib import Path

from cupynn.checks import InputError

from . import event_tables
from .dataset import Dataset
from .packed import Recordings, naming, packed
from .source import VARIABLE, FolderSource, data_folder

SENSOR = (2, 128, 128)
LISTS = "trials_to_train.txt", "trials_to_test.txt"
CLASSES = (  # of the labels 1 to 11
    "hand_clapping",
    "right_hand_wave",
    "left_hand_wave",
    "right_arm_clockwise",
    "right_arm_counter_clockwise",
    "left_arm_clockwise",
    "left_arm_counter_clockwise",
    "arm_roll",
    "air_drums",
    "air_guitar",
    "other_gestures",
)
ADDRESS = "https://ibm.ent.box.com/s/3hiq58ww1pbbjrinh367ykfdf60xsfm8"
SOURCE = FolderSource("dvs-gesture", None, lambda folder: _files(folder) or [*folder.glob("dvs-gesture.*.np[yz]")])


def load() -> tuple[Dataset, Dataset]:
    """Return the gestures with the official split: 23 people to train, six others to test.

    The folder ``dvs-gesture`` in the data folder holds the unpacked archive: ``DvsGesture/user01_fluorescent.aedat`` and so
    on, their tables ``user01_fluorescent_labels.csv``, and the lists of recordings, ``trials_to_train.txt`` and
    ``trials_to_test.txt``. Each row of a table is a sample, whose times count from its start.

    The first call packs the gestures into one array in this folder, 7 bytes per event (less than the recordings take), or in
    the user's cache if the folder is not writable. The array is opened as a memory map, so that training only needs memory
    for one batch. You may remove ``DvsGesture`` afterwards.

    Returns
    -------
    train, test : Dataset
        x is a `Ragged` of events with the fields t (microseconds), x, y, p, sensor (2, 128, 128); 11 classes.

    Raises
    ------
    InputError
        If a list, a table or a recording is missing or damaged, or a table has another label than 1 to 11.
    """
    folder = data_folder() / "dvs-gesture"
    if content := packed("dvs-gesture", folder, _find(folder), SENSOR):
        return content
    raise InputError(
        f"dvs-gesture: no DvsGesture/{LISTS[0]} in {folder}: unpack DvsGesture.tar.gz from {ADDRESS} there, or set "
        f"{VARIABLE} to the folder that contains it as dvs-gesture"
    )


def _find(folder: Path) -> Recordings | None:
    """Return the gestures in a folder, or None for an empty one; raise InputError if files are missing."""
    place = folder / "DvsGesture"
    present = [(place / name).is_file() for name in LISTS]
    if not any(present):
        return None
    if not all(present):
        missing = LISTS[present.index(False)]
        raise InputError(f"dvs-gesture: {place} has no {missing}: unpack all of DvsGesture.tar.gz from {ADDRESS}")
    with naming("dvs-gesture", ADDRESS):
        train, test = (event_tables.tables(place / name) for name in LISTS)
        labels = [_labels(part) for part in (train, test)]
    return Recordings(
        _files(folder),
        [*labels[0], *labels[1]],
        len(labels[0]),
        CLASSES,
        lambda: event_tables.cut(train + test, SENSOR),
        ADDRESS,
    )


def _labels(found: list[tuple[Path, list[event_tables.Row]]]) -> list[int]:
    for recording, table in found:
        for row in table:
            if not 1 <= row.label <= len(CLASSES):
                raise InputError(f"the table of {recording} has the label {row.label}, expected 1 to {len(CLASSES)}")
    return [row.label - 1 for _, table in found for row in table]


def _files(folder: Path) -> list[Path]:
    place = folder / "DvsGesture"
    return sorted(path for pattern in ("*.aedat", "*.csv", "trials_to_*.txt") for path in place.glob(pattern))
