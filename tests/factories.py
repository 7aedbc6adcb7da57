"""Networks, data, definitions and files that several test files share."""

import struct
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import strategies as st

from cupynn import InputError, Sequential, layers
from cupynn.encoders import Poisson
from cupynn.layers import SpikingDense
from cupynn.layers.base import Run
from cupynn.losses import SpikeCount
from cupynn.optimizers import Adam
from cupynn.optimizers.regularizers import ExponentialRegularizer
from cupynn.spikes import SpikeTrains

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"  # real data, if they lie beside the checkout


def needs(path, command):
    """Skip a test without the real data at `path`, and say how to get them."""
    return pytest.mark.skipif(not path.exists(), reason=f"{path} is missing: {command}")


def needs_dataset(name, options=""):
    command = f"CUPYNN_DATA={SHARED / 'data'} cupynn datasets --download {name}{options}"
    return needs(SHARED / "data" / name, command)


def slow(*values, **options):
    """Values of a case that a run without `-m` leaves out: a further one of a test whose other cases are tried there."""
    return pytest.param(*values, marks=pytest.mark.slow, **options)


# A small network of dense layers, its data and its training

CLASSES, STEPS = 3, 50
LOSS = SpikeCount(desired=12, undesired=2, margin=2)
STILL = 1e-30  # a learning rate too small to move a weight


def dense_network(seed=0, hidden=10, encoder=True):
    layers = [SpikingDense(hidden, v_th=2.0, initial_weight=1.0), SpikingDense(CLASSES, v_th=2.0, initial_weight=1.0)]
    return Sequential(layers, (9,), STEPS, Poisson(max_rate=0.5) if encoder else None, seed)


def draw_data(samples=30, seed=0):
    """Samples whose class is the third of the inputs that is bright."""
    rng = np.random.default_rng(seed)
    y = np.arange(samples) % CLASSES
    bright = np.arange(9) // 3 == y[:, None]
    return (rng.integers(0, 60, (samples, 9)) + 190 * bright).astype(np.uint8), y


def draw_trains(samples=6, seed=0):
    """Trains whose first sample has the fewest input spikes, the last the most: their counts tell them apart."""
    fires = np.zeros((samples, STEPS, 9), bool)
    for b in range(samples):
        fires[b].flat[: 20 * (b + 1)] = True
    return SpikeTrains.from_dense(np.random.default_rng(seed).permuted(fires, axis=(1))), np.arange(samples) % CLASSES


def weights(net):
    return np.concatenate([layer.params["weight"].ravel() for layer in net.layers])


def figures(history):
    """All figures of the epochs but times."""
    names = ("number", "loss", "accuracy", "validation_loss", "validation_accuracy", "spikes", "silent", "rate")
    return {name: history[name] for name in names}


def fit(net, data, **options):
    return net.fit(
        data, **{"loss": LOSS, "optimizer": Adam(0.02), "epochs": 2, "batch_size": 4, "progress": False} | options
    )


def refuses(read, path, message=None, **options):
    """Check that reading a file raises one error, which says what is wrong and names the file."""
    with pytest.raises(InputError, match=message) as caught:
        read(path, **options)
    assert str(path) in str(caught.value)


class Stop(Exception):
    """What ends a training in these tests, as a kill would: nothing is saved on the way out."""


# A network of every kind of layer, and data for it


def mixed_network(device, **last):
    quick = {"tau_m": 8.0, "tau_s": 1.5, "t_ref": 0}
    parts = [
        layers.SpikingConv2D(3, 2, 0.4, padding=1, initial_weight=1.0, **quick),
        layers.SpikingPool2D(2, 0.3, stride=1, **quick),
        layers.SpikingRecurrent(6, 0.4, lateral=np.eye(6) - 0.2, **quick),
        layers.SpikingDense(3, 0.3, lateral_inhibition=0.1, **quick | last),
    ]
    return Sequential(parts, (3, 4), 30, Poisson(0.8), device=device)


SAMPLES = 27


def draw_images(shape=(3, 4), samples=SAMPLES):
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (samples, *shape), np.uint8), rng.integers(0, 3, samples)


# Every registered class

# Arguments of each class, every one other than its default, so that one forgotten on the way shows.
EXAMPLES = {
    "AveragePool2D": {"kernel_size": (2, 3), "stride": (2, 1), "name": "middle"},
    "SumPool2D": {"kernel_size": (2, 3), "stride": (2, 1), "name": "middle"},
    "SpikingConv2D": {
        "maps": 2,
        "kernel_size": (3, 2),
        "v_th": 1.5,
        "padding": (1, 0),
        "tau_m": 30.0,
        "tau_s": 6.0,
        "t_ref": 1,
        "psp_kernel": "srm",
        "effect_ratio": False,
        "silent_slope": 0.5,
        "overshoot": True,
        "initial_weight": 1.25,
        "trained": False,
        "trainable": ("tau_m", "v_th"),
        "per": "neuron",
        "name": "middle",
        "delays": 2,
    },
    "SpikingDense": {
        "units": 5,
        "v_th": 1.5,
        "tau_m": 30.0,
        "tau_s": 6.0,
        "t_ref": 1,
        "lateral_inhibition": 0.25,
        "bias": True,
        "psp_kernel": "srm",
        "effect_ratio": False,
        "silent_slope": 0.5,
        "overshoot": True,
        "initial_weight": 1.25,
        "trained": False,
        "trainable": ("tau_m", "v_th"),
        "per": "neuron",
        "name": "middle",
        "delays": 2,
        "train_delays": True,
        "max_delay": 5,
    },
    "SpikingPool2D": {
        "kernel_size": (2, 3),
        "v_th": 1.5,
        "stride": (2, 1),
        "tau_m": 30.0,
        "tau_s": 6.0,
        "t_ref": 1,
        "psp_kernel": "srm",
        "effect_ratio": False,
        "silent_slope": 0.5,
        "trained": False,
        "trainable": ("tau_s", "tau_m"),
        "per": "neuron",
        "name": "middle",
    },
    "SpikingRecurrent": {
        "units": 6,
        "v_th": 1.5,
        "reservoir": (1, 2, 3),
        "bias": True,
        "trained": False,
        "tau_m": 30.0,
        "tau_s": 6.0,
        "t_ref": 1,
        "psp_kernel": "srm",
        "effect_ratio": False,
        "silent_slope": 0.5,
        "initial_weight": 1.25,
        "trainable": ("tau_m", "v_th"),
        "per": "neuron",
        "name": "middle",
        "train_lateral": True,
        "self_loops": True,
        "recurrent_error": "none",
        "delays": ((0, 5), (1, 2), (3, 0)),
        "train_delays": True,
        "max_delay": 5,
    },
    "Current": {"gain": 0.5, "v_th": 1.5, "tau_m": 30.0, "t_ref": 1},
    "Latency": {"scale": "logarithmic"},
    "Poisson": {"max_rate": 0.5, "fresh": False},
    "BSA": {"gain": 0.5, "hold": 3, "length": 7, "width": 4.0, "threshold": 0.25},
    "Events": {"step": 250.0, "stabilise": True},
    "Regular": {"max_rate": 0.5, "random_phase": True},
    "Augment": {"scale": 0.2, "rotation": 5.0, "distortion": 1.5, "shift": 2, "flip": True},
    "SpikeCount": {"desired": 12, "undesired": 3, "margin": 2, "multilabel": True},
    "SoftmaxCount": {"desired": 12},
    "CountRegression": {"margin": 0.5},
    "RateBand": {"low": 1.0, "high": 4.5, "weight": 0.25},
    "SGD": {
        "lr": 0.3,
        "momentum": 0.5,
        "schedule": "cosine",
        "regularizer": ExponentialRegularizer(strength=2.0, beta=0.5, w_max=3.0),
        "average": 0.9,
        "centralize": True,
        "clip_norm": 2.5,
        "weight_decay": 0.25,
        "warmup": 7,
        "rates": {"hidden": 0.5},
    },
    "Adam": {
        "lr": 0.3,
        "beta1": 0.8,
        "beta2": 0.9,
        "epsilon": 1e-6,
        "schedule": "inverse-sqrt",
        "regularizer": ExponentialRegularizer(strength=2.0, beta=0.5, w_max=3.0),
        "average": 0.9,
        "centralize": True,
        "clip_norm": 2.5,
        "weight_decay": 0.25,
        "warmup": 7,
        "rates": {"hidden": 0.5},
    },
    "ExponentialRegularizer": {"strength": 2.0, "beta": 0.5, "w_max": 3.0},
}
FIRING = [kind for kind, each in layers.LAYERS.items() if each.has_neurons]
INPUT_SHAPES = {  # of one sample, as each layer takes it
    "AveragePool2D": (2, 5, 4),
    "SumPool2D": (2, 5, 4),
    "SpikingConv2D": (2, 5, 4),
    "SpikingDense": (3, 2),
    "SpikingPool2D": (2, 5, 4),
    "SpikingRecurrent": (3, 2),
}
IMAGES = (np.random.default_rng(0).random((4, 3, 2)) ** 4 * 255).astype(np.uint8)  # mostly dark, as figures on a ground are


def trains_of(shape, samples=3, steps=40, seed=0):
    return SpikeTrains.from_dense(np.random.default_rng(seed).random((samples, steps, *shape)) < 0.4)


# Layers


def close(actual, expected):
    """Equal to what float32 sums can promise."""
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=2e-6 * np.abs(expected).max(initial=1e-3))


class OnDevice:
    """A layer that computes on a device, used as if all its arrays lay on the host."""

    def __init__(self, layer, device):
        self.layer, self.device = layer, device

    def __getattr__(self, name):
        return getattr(self.layer, name)

    def _run(self, function, *arguments, **options):
        layer, held = self.layer, {}
        for home in ("params", "grads", "buffers"):
            held[home] = getattr(layer, home)
            setattr(layer, home, {name: self.device.put(array) for name, array in held[home].items()})
        with self.device:
            result = function(*arguments, **options)
        for home, arrays in held.items():
            for name, array in getattr(layer, home).items():
                arrays[name][...] = self.device.get(array)
            setattr(layer, home, arrays)
        return result

    def forward(self, inputs, record=False):
        spikes, *states = self._run(self.layer.forward, self.device.trains(inputs), record=record)
        return Run(spikes.to_host(), *(state if state is None else self.device.get(state) for state in states))

    def backward(self, inputs, outputs, delta, input_error=True, batch_sum=None):
        trains = self.device.trains(inputs), self.device.trains(outputs)
        below = self._run(self.layer.backward, *trains, self.device.put(delta), input_error, batch_sum)
        return below if below is None else self.device.get(below)


TAUS = st.one_of(st.sampled_from([1.0, 2.0, 8.0, 64.0]), st.floats(1, 100))


@st.composite
def problems(draw, inhibitions=(0.0,), largest_batch=1):
    """Arguments of `dense`, trains (B, T, N) for it, and a generator for what else a test needs."""
    shape = draw(st.integers(1, largest_batch)), draw(st.integers(1, 40)), draw(st.integers(1, 8))
    mean, scale, rate = (draw(st.sampled_from(values)) for values in ([0.0, 1.0], [0.3, 1.0, 5.0], [0.0, 0.05, 0.3, 0.9]))
    units, rng = draw(st.integers(1, 6)), np.random.default_rng(draw(st.integers(0, 2**32)))
    options = {
        "weight": scale * (mean + rng.standard_normal((units, shape[2]))).astype(np.float32),
        "v_th": draw(st.floats(0.5, 5)),
        "tau_m": draw(TAUS),
        "tau_s": draw(TAUS),
        "t_ref": draw(st.integers(0, 5)),
        "lateral_inhibition": draw(st.sampled_from(inhibitions)),
    }
    return options, (rng.random(shape) < rate).astype(np.uint8), rng


# Files


def idx_bytes(values):
    return struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape) + values.tobytes()


VALUES = np.array([-32768, -1, 0, 1, 16384, 32767], np.int16)
BODY = VALUES.tobytes()
GUID = bytes.fromhex("000000001000800000aa00389b71")


def chunk(name, body):
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def wav(body=BODY, tag=1, channels=1, rate=8000, bits=16, block=None, between=b""):
    block = channels * bits // 8 if block is None else block
    fmt = struct.pack("<HHIIHH", tag & 0xFFFF, channels, rate, rate * block, block, bits)
    if tag > 0xFFFF:  # extensible
        fmt = struct.pack("<H", 0xFFFE) + fmt[2:] + struct.pack("<HHIH", 22, bits, 4, tag >> 16) + GUID
    chunks = b"WAVE" + chunk(b"fmt ", fmt) + between + chunk(b"data", body)
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def sphere(body=BODY, padding=b"", **fields):
    fields = {
        "database_id": "-s4 TI46",
        "channel_count": "-i 1",
        "sample_count": f"-i {len(body) // 2}",
        "sample_rate": "-i 12500",
        "sample_n_bytes": "-i 2",
        "sample_byte_format": "-s2 01",
        "sample_sig_bits": "-i 12",
    } | fields
    lines = [f"{key} {value}" for key, value in fields.items() if value is not None]
    return "\n".join(["NIST_1A", "   1024", *lines, "end_head", ""]).encode().ljust(1024) + body + padding


FILES = {"definition.toml", "metrics.csv", "last.npz", "best.npz", "result.json", "raster.png", "curves.png", "origin.json"}
SMALL = """
[data]
name = "digits"
validation = 200
[network]
input_shape = [8, 8]
steps = 60
encoder = { kind = "Poisson", max_rate = 0.5 }
layers = [
    { kind = "SpikingDense", name = "hidden", units = 30, v_th = 10.0 },
    { kind = "SpikingDense", name = "output", units = 10, v_th = 4.0, lateral_inhibition = 1.0 },
]
[loss]
kind = "SpikeCount"
desired = 10
undesired = 1
margin = 1
[optimizer]
kind = "Adam"
lr = 0.02
regularizer = { kind = "ExponentialRegularizer", strength = 0.1 }
[training]
epochs = 2
batch_size = 50
"""


def leave_figures_out(patch):
    """Let a run write files in place of its figures; drawing takes most of the time of a short one."""
    figure = SimpleNamespace(savefig=lambda path, **_: Path(path).write_bytes(b"a figure"))
    for name in ("raster", "curves"):
        patch.setattr(f"cupynn.plot.{name}", lambda *_, **__: figure)


# Signals over time


def eeg(samples, time=512, channels=8, rate=256, seed=0):
    """Return (samples, time, channels) in volts and labels: 10 Hz in channels 0 to 3, 20 Hz in 4 to 7, or neither.

    Rhythms have any phase, about the strength of the noise, which falls with frequency as that of EEG does, and an offset.
    """
    rng, y = np.random.default_rng(seed), np.arange(samples) % 3
    frequencies, t = np.fft.rfftfreq(time, 1 / rate), np.arange(time) / rate
    fall = np.where(frequencies > 0.5, np.maximum(frequencies, 0.5) ** -0.5, 0)
    draws = rng.standard_normal((2, samples, channels, frequencies.size)) * fall
    x = np.fft.irfft(draws[0] + 1j * draws[1], time).swapaxes(1, 2)
    x /= x.std(axis=(0, 1))
    for signal, label in zip(x, y, strict=True):
        if label < 2:
            phase, hz = rng.uniform(0, 2 * np.pi), (10, 20)[label] + rng.normal(0, 0.5)
            own = slice(4 * label, 4 * label + 4)
            signal[:, own] += rng.uniform(0.6, 1.4, channels // 2) * np.sin(2 * np.pi * hz * t + phase)[:, None]
    return 20e-6 * (x + rng.normal(0, 0.2, (samples, 1, channels))), y
