"""Small files in the layout of SHD and SSC that several test files share."""

import h5py
import numpy as np

WORDS = [([0.0, 0.0999755859375, 1.0], [0, 699, 3]), ([0.5], [2]), ([], [])]
KEYS = np.array([b"zero", b"one", b"two"])


def write(path, words=WORDS, labels=(1, 0, 2), keys=KEYS, times=np.float16, units=np.uint16):
    with h5py.File(path, "w") as file:
        for index, (column, kind) in enumerate((("times", times), ("units", units))):
            rows = file.create_dataset(f"spikes/{column}", len(words), h5py.vlen_dtype(kind), chunks=(2,), maxshape=(None,))
            for row, word in enumerate(words):
                rows[row] = np.array(word[index], kind)
        file.create_dataset("labels", data=np.array(labels, np.uint16), compression="gzip")
        file.create_dataset("extra/speaker", data=np.zeros(len(words), np.uint16))
        file["extra/meta_info/gender"] = np.array([b"male"])
        if keys is not None:
            file["extra/keys"] = keys
    return path
