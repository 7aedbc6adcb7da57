"""Seeds of the fuzzer: small valid files of every kind, and words for mutations of text."""

import gzip
import json
import re
import struct
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from cupynn import Sequential, nir, presets
from cupynn.datasets.cifar10 import FILES, FOLDER, RECORD
from cupynn.datasets.recordings import event_type
from cupynn.network import definition
from cupynn.nir.library import nir_library
from cupynn.parallel import Ranks
from cupynn.results.history import Epoch
from cupynn.training import state
from fuzz.targets import training_state

EVENTS = np.array(
    [(1000, 3, 2, 1), (1600, 0, 0, 0), (2201, 33, 33, 1)], [("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "?")]
)
RECORDS = b"".join(bytes([x, y, p << 7, t >> 8, t & 255]) for t, x, y, p in EVENTS.tolist()) + bytes([0, 240, 0, 0, 1])
LAYERS = [
    {"kind": "SpikingConv2D", "maps": 2, "kernel_size": [3, 3], "v_th": 1.5, "padding": [1, 1], "name": "conv"},
    {"kind": "SpikingPool2D", "kernel_size": [2, 2], "v_th": 1.0, "name": "pool"},
    {"kind": "SpikingRecurrent", "units": 4, "v_th": 2.0, "reservoir": [2, 2, 1], "trained": False, "name": "liquid"},
    {"kind": "SpikingDense", "units": 3, "v_th": 1.0, "lateral_inhibition": 0.5, "psp_kernel": "srm", "name": "out"},
]
SHAPES = {"conv/weight": (2, 1, 3, 3), "liquid/lateral": (4, 4), "liquid/weight": (4, 8), "out/weight": (3, 4)}
NETWORK = {"input_shape": [1, 4, 4], "steps": 9, "seed": 1, "encoder": {"kind": "Latency"}, "layers": LAYERS}

CONFIG = """EFFECT_RATIO = true; OPTIMIZER = adam; # a comment
BATCH_SIZE = 2; END_TIME = 30; LAMBDA_REG = 10; BETA_REG = 0.4; WEIGHT_LIMIT = 8.0;
[ LAYER = DATASPIKING; NAME = data; NUM_NEURONS = 4; ]
[ LAYER = SPIKING; NAME = hidden; INPUT = data; NUM_NEURONS = 2; VTH = 2; T_REFRAC = 2; TAU_M = 64; TAU_S = 8; %s ]
[ LAYER = SPIKING; NAME = output; INPUT = hidden; NUM_NEURONS = 3; VTH = 1; T_REFRAC = 3; TAU_M = 32; TAU_S = 4;
initType = External; weightPath = some/w.txt; laterialType = LOCAL_INHIBITION; localInbStrength = 1.5;
DESIRED_LEVEL = 10; UNDESIRED_LEVEL = 2; MARGIN = 1; refOutputTrainPath = a.dat; refOutputTrainPath = b.dat; ]
"""
HIDDEN = (
    "initType = Bernoulli; initW = 0.5;",
    "initType = Gaussian; initW = 0.5;",
    "initType = Fixed; initW = 8; weightConnect = 2; laterialType = RESERVOIR; reservoirDim = 2 x 1 x 1;",
)
IMAGES = """OPTIMIZER = sgd; CHANNELS = 1; BATCH_SIZE = 1; BOOST_METHOD = true; END_TIME = 20;
[ LAYER = DATASPIKING; NAME = data; NUM_NEURONS = 36; ]
[ LAYER = CONVSPIKING; NAME = conv; INPUT = data; KERNEL_SIZE = 3; KERNEL_AMOUNT = 2; PADDING = 1;
VTH = 5; T_REFRAC = 2; TAU_M = 64; TAU_S = 8; initType = Gaussian; initW = 0.3; ]
[ LAYER = POOLINGSPIKING; NAME = pool; INPUT = conv; SIZE = 3; SKIP = 2; VTH = 2; T_REFRAC = 2; TAU_M = 64; TAU_S = 8; ]
[ LAYER = SOFTMAXSPIKING; NAME = output; INPUT = pool; NUM_NEURONS = 2; DESIRED_LEVEL = 12;
VTH = 5; T_REFRAC = 2; TAU_M = 64; TAU_S = 8; initType = Fixed; initW = 0.3; ]
"""

NUMBERS = ("0", "-1", "1e308", "1e-308", "nan", "inf", "0x7fffffffffffffff", "9" * 20, "9" * 400, "9" * 5000, "0.5", "1_0")
WORDS = {
    "sound": ("RIFF", "WAVE", "fmt ", "data", "LIST", "NIST_1A\n", "   1024\n", "end_head\n", "sample_count -i ", "pcm"),
    "events": (
        "\x93NUMPY\x01",
        "'descr'",
        "'fortran_order'",
        "True",
        "'shape'",
        "<i8",
        "|O",
        "PK\x03\x04",
        "t.npy",
        "p.npy",
    ),
    "cameras": ("#!AER-DAT3.1", "#!AER-DAT4.0", "#Format: RAW", "#!END-HEADER", "\r\n", "% Version 2", "\xff\xff\xff\x7f"),
    "tar": ("ustar", f"{FOLDER}/", *FILES, "pax_global_header", "17 path=a", "GNU.sparse.map"),
    "zip": ("PK\x01\x02", "PK\x03\x04", "PK\x05\x06", "Train/3/00007.bin", "Test/0/00003.bin"),
    "config": ("[", "]", "=", ";", "#", "NULL", "x", "RESERVOIR", "Gaussian", "External", "lweightPath", *NUMBERS),
    "weights": ("pre_0", "post_1", *NUMBERS),
    "samples": ("#", *NUMBERS),
    "spikes": ("-1 -1", "1", *NUMBERS),
    "definition": ("[", "]", "{", "}", "=", ",", "true", '""', "'''", "1979-05-27", "augment", "regularizer", *NUMBERS),
    "nir": ("GCOL", "SNOD", "TREE", "HEAP", "OHDR", "FRHP", "BTHD", "CubaLIF", "NIRGraph", *NUMBERS),
    "training": ("[", "]", "{", "}", ":", ",", "true", "null", '""', *NUMBERS),
    "network": ("[", "]", "{", "}", ":", ",", "true", "null", '""', *NUMBERS),
}
TEXT = ("config", "weights", "samples", "spikes", "definition")


def words(target: str) -> list[bytes]:
    """Return words for the mutations of a target: its own, and those in its seeds."""
    found = [word for content in seeds(target) for word in re.findall(rb"[A-Za-z_][A-Za-z_0-9]{3,30}", content)]
    given = (word.encode("latin-1") for word in WORDS.get(target, ("\x00\x00\x00\x00", "\xff\xff\xff\xff")))
    return sorted({*given, *found})[:400]


def seeds(target: str) -> list[bytes]:
    """Return valid files of a target."""
    return [content if isinstance(content, bytes) else content.encode() for content in _MAKERS[target]()]


def _idx() -> list[bytes]:
    plain = struct.pack(">4B3I", 0, 0, 8, 3, 2, 2, 3) + bytes(range(12)), struct.pack(">4BI", 0, 0, 8, 1, 5) + bytes(5)
    return [*plain, *map(_gzipped, plain)]


def _events() -> list[bytes]:
    npy, whole, columns = BytesIO(), BytesIO(), BytesIO()
    np.save(npy, EVENTS)
    np.savez_compressed(whole, events=EVENTS)
    np.savez(columns, **{name: EVENTS[name] for name in "txyp"})
    return [npy.getvalue(), whole.getvalue(), columns.getvalue()]


def _cameras() -> list[bytes]:
    header = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#!END-HEADER\r\n"
    size = len(EVENTS)
    pixels = b"".join(struct.pack("<II", x << 17 | y << 2 | p << 1 | 1, t) for t, x, y, p in EVENTS.tolist())
    packets = [struct.pack("<hhiiiiii", kind, 0, 8, 4, 0, size, size, size) + pixels for kind in (0, 1, 1)]
    dat = b"".join(struct.pack("<II", t, p << 28 | y << 14 | x) for t, x, y, p in EVENTS.tolist())
    return [header + b"".join(packets), b"% Version 2\n% Height 34\n\0\x08" + dat]


def _sound() -> list[bytes]:
    fields = "channel_count -i 1", "sample_count -i 3", "sample_rate -i 12500", "sample_n_bytes -i 2"
    sphere = "\n".join(["NIST_1A", "   1024", *fields, "sample_byte_format -s2 01", "end_head", ""]).encode().ljust(1024)
    extensible = struct.pack("<HHIH", 22, 16, 4, 1) + bytes.fromhex("000000001000800000aa00389b71")
    return [
        *(_wav(tag, bits, np.zeros(4, kind).tobytes()) for tag, bits, kind in ((1, 8, "u1"), (1, 16, "i2"), (3, 32, "f4"))),
        _wav(1, 24, bytes(6)),
        _wav(0xFFFE, 16, bytes(6), extensible),
        sphere + bytes(6),
    ]


def _wav(tag: int, bits: int, body: bytes, more: bytes = b"") -> bytes:
    fmt = struct.pack("<HHIIHH", tag, 1, 8000, 8000 * bits // 8, bits // 8, bits) + more
    chunks = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def _packed() -> list[bytes]:
    values, index = BytesIO(), BytesIO()
    np.save(values, np.zeros(3, event_type((2, 34, 34))))
    np.savez(index, lengths=np.array([2, 1]), labels=np.array([3, 5]), train=np.array(1))
    return [struct.pack("<H", values.tell()) + values.getvalue() + index.getvalue()]


def _cifar10() -> list[bytes]:
    return [bytes(RECORD), bytes(2 * RECORD), _gzipped(bytes(2 * RECORD))]


def _tar() -> list[bytes]:
    stream = BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for file in FILES:
            info = tarfile.TarInfo(f"{FOLDER}/{file}")
            info.size, info.pax_headers = 2 * RECORD, {"comment": "é"} if file == FILES[0] else {}
            archive.addfile(info, BytesIO(bytes(info.size)))
    return [stream.getvalue()]


def _zip() -> list[bytes]:
    archives = []
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        stream = BytesIO()
        with zipfile.ZipFile(stream, "w", compression) as archive:
            for name in ("Train/3/00007.bin", "Test/0/00003.bin", "notes.txt"):
                archive.writestr(zipfile.ZipInfo(name), RECORDS, compression)
        archives.append(stream.getvalue())
    return archives


def _network() -> list[bytes]:
    stream, header = BytesIO(), json.dumps({"format": 1, "version": "0", "network": NETWORK}).encode()
    np.savez(stream, definition=np.frombuffer(header, np.uint8), **{name: np.ones(SHAPES[name], "<f4") for name in SHAPES})
    return [stream.getvalue()]


def _nir() -> list[bytes]:
    """Return a file written by `cupynn.nir.export`, and the same graph written by nir."""
    library = nir_library()
    network = definition.build(Sequential, NETWORK | {"layers": [layer | {"t_ref": 0} for layer in LAYERS]}, "seeds", "cpu")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "net.nir"
        nir.export(network, path, certificate=False)
        library.write(Path(folder) / "again.nir", library.read(path))
        return [path.read_bytes(), (Path(folder) / "again.nir").read_bytes()]


def _training() -> list[bytes]:
    """Return the state of a training before its start, and in its second epoch."""
    contents = []
    for begun in (False, True):
        training = training_state()
        if begun:
            weight = training.network.layers[0].params["weight"]
            training.optimizer.updates, training.optimizer.moments = 3, {("dense_1", "weight"): (weight, weight**2)}
            training.history.epochs.append(Epoch(1, 1.5, 0.5, None, None, {"input": 0.0, "dense_1": 2.5}, 0, 0.1, 2.0, 2.0))
            training.history.notices.append("layer dense_1 is dead")
            training.epoch, training.done, training.batch = 2, 2, 1
        with TemporaryDirectory() as folder:
            state.save(training, {}, {}, Path(folder) / "training.npz", Ranks())
            contents.append((Path(folder) / "training.npz").read_bytes())
    return contents


def _gzipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


_MAKERS = {
    "idx": _idx,
    "nmnist": lambda: [RECORDS, b""],
    "events": _events,
    "cameras": _cameras,
    "sound": _sound,
    "packed": _packed,
    "cifar10": _cifar10,
    "tar": _tar,
    "zip": _zip,
    "network": _network,
    "nir": _nir,
    "training": _training,
    "definition": lambda: [presets.read(name).to_toml() for name in ("digits", "n-mnist", "fsdd", "mnist-cnn")],
    "config": lambda: [*(CONFIG % hidden for hidden in HIDDEN), IMAGES],
    "weights": lambda: [
        "".join(f"{2 * i + j} pre_{j} post_{i} 0.5\n" for i in range(3) for j in range(2)),
        "1 2 3 4",
        "1 " * 9,
    ],
    "samples": lambda: ["1 0 3 5\n6 2\n#\n2 4\n#\n", "0.5 1\n2 3e-1\n"],
    "spikes": lambda: ["-1 -1\n0 1\n3 4\n-1 -1\n", "1 0 0 1 0 0 0 0 0 1\n0 0 0 0 0 1 0 0 1 1\n"],
}
