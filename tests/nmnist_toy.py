"""A tiny data set in the form of N-MNIST that several test files share."""

import zipfile

from cupynn import datasets


def pack(t, x, y, p):
    return bytes([x, y, p << 7 | t >> 16, t >> 8 & 255, t & 255])


def oracle(content):
    """Events of a recording, byte by byte; a marker at y = 240 adds 2^13 from then on, as in the official reader."""
    events, late = [], 0
    for begin in range(0, len(content) // 5 * 5, 5):
        x, y, high, middle, low = content[begin : begin + 5]
        if y == 240:
            late += 8192
        else:
            events.append(((high % 128) * 65536 + middle * 256 + low + late, x, y, high >= 128))
    return events


FILES = {
    "Train/3/00007.bin": pack(1, 0, 0, 0),
    "Train/5/00001.bin": pack(2, 1, 0, 0) + pack(3, 1, 0, 1),
    "Train/5/00020.bin": b"",
    "Test/0/00003.bin": pack(4, 2, 0, 0),
    "Test/9/00002.bin": pack(5, 3, 33, 0),
}


def write_folder(folder, files=FILES):
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def write_archive(path, files=FILES, compression=zipfile.ZIP_DEFLATED):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def contents(dataset):
    return [dataset.x[index].tolist() for index in range(len(dataset))]


def check_loaded():
    train, test = datasets.load("n-mnist")
    assert train.y.tolist() == [5, 3, 5]
    assert test.y.tolist() == [9, 0]
    names = "Train/5/00001.bin", "Train/3/00007.bin", "Train/5/00020.bin"
    assert contents(train) == [oracle(FILES[name]) for name in names]
    assert contents(test) == [oracle(FILES[name]) for name in ("Test/9/00002.bin", "Test/0/00003.bin")]
    assert train.input_shape == (2, 34, 34)
    assert (train.name, test.name) == ("n-mnist, 3 of 60000", "n-mnist, 2 of 10000")
    return train
