"""Kinds of work that `signals.py` interrupts, and the conditions that must hold afterwards."""

import json
import signal
import time
from pathlib import Path

import numpy as np

from cupynn import Sequential, encoders, layers, losses, optimizers
from cupynn.interrupt import Interrupted


class Fault(Exception):
    """A condition does not hold after an interrupt."""


class Raised:
    """Description of an exception. The exception itself would keep alive the memory of its frames.

    Attributes
    ----------
    kind : type
    text : str
    frames : list of (str, str)
        Functions and lines of its traceback, and of those of its causes.
    """

    def __init__(self, error: BaseException) -> None:
        self.kind, self.text, self.frames = type(error), str(error), []
        while error is not None:
            trace = error.__traceback__
            while trace is not None:
                code = trace.tb_frame.f_code
                self.frames.append((code.co_name, f"{code.co_filename}:{trace.tb_lineno}"))
                trace = trace.tb_next
            error = error.__cause__ or error.__context__

    @property
    def where(self) -> str:
        """Return the traceback as text, one line per frame."""
        return "\n".join(f"  {place} {name}" for name, place in self.frames)


class Work:
    """A call that is interrupted.

    Attributes
    ----------
    numbers : list of int
        Signals to choose from.
    seconds : float
        Duration of an undisturbed call.
    kernel_seconds : float
        Upper bound for the duration of its longest kernel.
    """

    kernel_seconds = 0.01

    numbers = (signal.SIGINT, signal.SIGALRM)

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.build()
        for _ in range(2):  # the first call compiles kernels
            self.prepare()
            start = time.perf_counter()
            self.expected = self.run()
            self.seconds = time.perf_counter() - start

    def build(self) -> None:
        """Make the network and the data."""

    def prepare(self) -> None:
        """Prepare a call; this part is not interrupted."""

    def run(self):
        """Do the work; return arrays for comparison."""

    def held(self) -> list[np.ndarray]:
        """Return copies of the user's arrays that kernels write to."""
        return []

    def check(self, raised: list[Raised], times: int) -> None:
        """Raise Fault if the same call gives another result after an interrupt."""
        if _differ(self.run(), self.expected):
            raise Fault("the call after the interrupt gives a different result")


def _differ(given, expected) -> bool:
    return any(one.tobytes() != other.tobytes() for one, other in zip(given, expected, strict=True))


class Forward(Work):
    """Forward and backward pass. One of two samples is silent, so its thread waits for the other."""

    def build(self) -> None:
        hidden, output = layers.SpikingDense(1000, v_th=5.0), layers.SpikingDense(5, v_th=5.0)
        self.net = Sequential([hidden, output], (300,), 200, encoders.Poisson(0.9), device="cpu")
        x = np.zeros((2, 300), np.float32)
        x[1] = 1
        self.kernel_seconds = 0.05
        self.spikes = self.net.encode(x, [0, 1], 0)
        self.before = self.spikes.to_dense()

    def run(self):
        output = self.net.forward(self.spikes)
        below = self.net.backward(losses.SpikeCount()(output, [0, 1]))
        trains = [array for each in self.net.trains for array in (each.neurons, each.offsets)]
        return [*trains, *self.held(), below]

    def held(self):
        return [layer.grads["weight"].copy() for layer in self.net.layers]

    def check(self, raised, times) -> None:
        if not np.array_equal(self.spikes.to_dense(), self.before):
            raise Fault("the trains that were passed in have changed")
        super().check(raised, times)


class Use(Work):
    """Base class for the use of trained networks."""

    def build(self) -> None:
        chain = [layers.SpikingDense(200, v_th=3.0), layers.SpikingDense(10, v_th=2.0, lateral_inhibition=0.5)]
        self.net = Sequential(chain, (64,), 100, encoders.Poisson(0.5), device="cpu")
        self.x = np.random.default_rng(0).integers(0, 256, (40, 64), dtype=np.uint8)
        self.y = np.arange(40) % 10


class Evaluate(Use):
    def run(self):
        found = self.net.evaluate((self.x, self.y), losses.SpikeCount(), batch_size=10)
        return [found.confusion, np.array([found.accuracy, found.loss, *found.spikes.values(), *found.dead.values()])]


class Predict(Use):
    def run(self):
        return [self.net.predict(self.x, batch_size=10)]


class Save(Use):
    """Overwriting the file of another network."""

    def build(self) -> None:
        super().build()
        self.path = self.folder / "network.npz"
        self.old = Sequential([layers.SpikingDense(20000, v_th=3.0)], (64,), 100, seed=1, device="cpu")
        self.new = Sequential([layers.SpikingDense(20000, v_th=3.0)], (64,), 100, seed=2, device="cpu")

    def prepare(self) -> None:
        self.old.save(self.path)

    def run(self):
        self.new.save(self.path)
        return [weights(Sequential.load(self.path, "cpu"))]

    def check(self, raised, times) -> None:
        found = weights(Sequential.load(self.path, "cpu"))
        if not any(np.array_equal(found, weights(net)) for net in (self.old, self.new)):
            raise Fault("the file holds neither the old network nor the new one")
        super().check(raised, times)


class Noting(optimizers.Adam):
    """Adam that stores the weights after each update."""

    def step(self, network) -> None:
        super().step(network)
        self.__dict__.setdefault("taken", []).append(weights(network))


def weights(network) -> np.ndarray:
    return np.concatenate([layer.params["weight"].ravel() for layer in network.layers])


class Fit(Work):
    """Training without a checkpoint."""

    checkpoint = None

    def build(self) -> None:
        self.data, self.validation = self._draw(30, 0), self._draw(60, 1)

    @staticmethod
    def _draw(samples: int, seed: int):
        y = np.arange(samples) % 3
        x = np.random.default_rng(seed).integers(0, 60, (samples, 30)) + 190 * (np.arange(30) // 10 == y[:, None])
        return x.astype(np.uint8), y

    def prepare(self) -> None:
        chain = [layers.SpikingDense(60, v_th=2.0), layers.SpikingDense(3, v_th=2.0)]
        self.net = Sequential(chain, (30,), 50, encoders.Poisson(0.5), device="cpu")
        self.optimizer = Noting(0.02, average=0.99)

    def run(self, **options):
        options = {"validation": self.validation, "epochs": 3, "batch_size": 6, "boost": True, "progress": False} | options
        loss = losses.SpikeCount(desired=12, undesired=2, margin=2)
        self.net.fit(self.data, loss=loss, optimizer=self.optimizer, checkpoint=self.checkpoint, **options)
        self.taken = getattr(self.optimizer, "taken", [])
        return [weights(self.net)]

    def held(self):
        return [weights(self.net)]

    def check(self, raised, times) -> None:
        """Outside of an update, the weights must be those after the last update, or the final ones."""
        now, done = weights(self.net), getattr(self.optimizer, "taken", [])
        if not np.isfinite(now).all():
            raise Fault("weights are not finite after the interrupt")
        if done and not _within(raised, "step", "apply_averages"):
            kept = [self.undisturbed[len(done) - 1]] + self.expected * (len(done) == len(self.undisturbed))
            if not any(np.array_equal(now, each) for each in kept):
                where = "validation" if _within(raised, "evaluate") else "training"
                raise Fault(f"after {len(done)} updates the weights are not those of update {len(done)} ({where})")
        self.prepare()
        super().check(raised, times)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.undisturbed = self.taken


def _within(raised: list[Raised], *names: str) -> bool:
    """Return whether an exception was raised inside a function with one of these names."""
    return any(name in names for each in raised for name, _ in each.frames)


class FitWithCheckpoint(Fit):
    """Training that saves its state before a signal ends it."""

    numbers = (signal.SIGINT, signal.SIGINT, signal.SIGTERM)

    def prepare(self) -> None:
        super().prepare()
        self.checkpoint = self.folder / "training.npz"
        for path in self.folder.glob("training.npz*"):
            path.unlink()

    def check(self, raised, times) -> None:
        interrupted = [error for error in raised if issubclass(error.kind, Interrupted)]
        if interrupted and not self.checkpoint.exists():
            raise Fault("Interrupted was raised, but no state is saved")
        if times == 1 and not interrupted and _within(raised, "step", "forward", "evaluate"):
            raise Fault(f"one signal in fit raised KeyboardInterrupt, not Interrupted\n{raised[0].where}")
        if not self.checkpoint.exists():
            return
        with np.load(self.checkpoint) as archive:
            names = [f"network/{layer.name}/weight" for layer in self.net.layers]
            saved = np.concatenate([archive[name].ravel() for name in names])
            updates = json.loads(archive["training"].tobytes())["updates"]
        if updates and not np.array_equal(saved, self.undisturbed[updates - 1]):
            raise Fault(f"the saved weights are not those of update {updates}")
        Fit.prepare(self)  # a new network; the file stays
        if _differ(self.run(resume=True), self.expected):
            raise Fault("the resumed training ends with a different result")


KINDS = {
    "fit": Fit,
    "fit-with-checkpoint": FitWithCheckpoint,
    "evaluate": Evaluate,
    "predict": Predict,
    "passes": Forward,
    "save": Save,
}
