"""Axonal delays of a layer's inputs, given or trained."""

from typing import Any

import numpy as np

from cupynn import checks
from cupynn.checks import InputError
from cupynn.kernels import delay, delay_cuda
from cupynn.kernels.sums import BatchSum
from cupynn.layers.passes import WeightedLayer
from cupynn.spikes.cuda_trains import CudaTrains
from cupynn.spikes.trains import SpikeTrains

LONGEST = 1 << 24  # as many steps as a train has


def whole(name: str, value: Any) -> int | tuple | None:
    """Return delays, a whole number or an array of them, as an int or as nested tuples.

    Raises
    ------
    InputError
        If a delay is not a whole number of at least 0.
    """
    if value is None or isinstance(value, int | np.integer | str | float | bool):
        return None if value is None else checks.integer(name, value, maximum=LONGEST)
    array = np.array(checks.host(name, value))
    if array.dtype.kind not in "iu" or not array.size:
        raise InputError(f"{name} has dtype {array.dtype}, shape {array.shape}: pass whole numbers of steps, one per input")
    if array.min() < 0 or array.max() > LONGEST:
        worst = array.min() if array.min() < 0 else array.max()
        raise InputError(f"{name} holds {worst}: pass whole numbers of steps from 0 to {LONGEST}")
    return _tuples(array.tolist())


def _tuples(values: Any) -> Any:
    return tuple(map(_tuples, values)) if isinstance(values, list) else values


class DelayedLayer(WeightedLayer):
    """A layer whose inputs may act later than they fire: `set_delays` in the constructor, `draw_delays` in `build`."""

    added = WeightedLayer.added | {"train_delays": False}
    delays: int | tuple | None = None
    train_delays = False
    max_delay: int | None = None
    _whole: np.ndarray | None = None  # int32 (inputs,), given and not all 0

    def set_delays(self, delays: Any, train_delays: bool = False, max_delay: int | None = None) -> None:
        """Check and store the arguments of the constructor.

        Raises
        ------
        InputError
            If a delay is not a whole number from 0 to `max_delay`, or trained delays have no bound.
        """
        self.delays = whole("delays", delays)
        self.train_delays = checks.flag("train_delays", train_delays)
        self.max_delay = None if max_delay is None else checks.integer("max_delay", max_delay, minimum=1, maximum=LONGEST)
        if self.train_delays and self.max_delay is None:
            raise InputError("train_delays=True needs a bound: pass max_delay, in steps")
        if self.max_delay is not None and not self.train_delays and delays is None:
            raise InputError(f"max_delay={max_delay!r} without delays: pass delays or train_delays=True")
        if delays is not None and self.max_delay is not None and (most := int(np.max(self.delays))) > self.max_delay:
            raise InputError(f"delays holds {most}: pass at most max_delay={self.max_delay}")

    def per_input(self) -> np.ndarray:
        """Return the given delays of all inputs, int32 (inputs,), after the layer knows its input shape.

        Raises
        ------
        InputError
            If their shape is another.
        """
        given, size = np.asarray(self.delays, np.int32), int(np.prod(self.input_shape))
        if given.ndim and given.shape not in (self.input_shape, (size,)):
            raise InputError(
                f"{self.name}: delays has shape {given.shape}: pass one whole number, or one per input, {self.input_shape}"
            )
        return np.ascontiguousarray(np.broadcast_to(given.reshape(-1), size))

    def delay_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of the array of trained delays, if there are any."""
        return {"delay": (int(np.prod(self.input_shape)),)} if self.train_delays else {}

    def draw_delays(self, rng: np.random.Generator) -> None:
        """Fix the delays of a layer whose other arrays are there, or set their initial values in `params`."""
        given = None if self.delays is None else self.per_input()
        self._whole = given if given is not None and given.any() and not self.train_delays else None
        if self.train_delays:
            size = int(np.prod(self.input_shape))
            share = rng.uniform(0, 1, size) if given is None else given / self.max_delay
            self.params["delay"], self.grads["delay"] = share.astype(np.float32), np.zeros(size, np.float32)
            self.arrange()

    def project(self) -> None:
        """Keep trained delays between 0 and `max_delay`."""
        super().project()
        if "delay" in self.params:
            share = self.params["delay"]
            share.clip(0, 1, out=share)

    @property
    def delay_steps(self) -> np.ndarray | None:
        """Delay of each input in whole steps, int32 (inputs,), on the layer's device; None without delays.

        Trained delays are the nearest whole number to ``params["delay"] * max_delay``.
        """
        if not self.train_delays:
            return self._whole
        share = (self.params | self.buffers)["delay"]
        with np.errstate(invalid="ignore"):  # training reports values that are not finite
            return (share * np.float32(self.max_delay)).round().astype(np.int32).clip(0, self.max_delay)

    def acting(self, inputs: SpikeTrains) -> SpikeTrains:
        """Return the inputs as they act: each train later by its delay, without the events beyond the last step.

        Raises
        ------
        InputError
            If the longest possible delay exceeds the steps.
        """
        steps = self.delay_steps
        if steps is None:
            return inputs
        longest = self.max_delay if self.train_delays else int(self._whole.max())
        if longest >= inputs.steps:
            remedy = "pass a smaller max_delay" if self.train_delays else "pass smaller delays"
            raise InputError(f"{self.name}: delays of up to {longest} in trains of {inputs.steps} steps: {remedy}")
        if inputs.on_cuda:
            later = CudaTrains(delay_cuda.delay(inputs.bits, inputs.xp.asarray(steps)), inputs.steps, inputs.neuron_shape)
        else:
            later = SpikeTrains(*delay.delay(inputs, steps), inputs.steps, inputs.neuron_shape)
        later.undelayed_counts = inputs.counts
        return later

    def slopes_of(self, inputs: SpikeTrains) -> np.ndarray | None:
        """Return an array (B, inputs) for the derivatives of each sample's loss in trained delays, or None without them."""
        return inputs.xp.empty((inputs.batch, inputs.size), np.float32) if "delay" in self.grads else None

    def learn_delays(self, slopes: np.ndarray | None, batch_sum: BatchSum) -> None:
        """Add the samples' derivatives to the gradient in order, so that the split of a batch does not change its bits."""
        if slopes is None:
            return
        gradient = self.grads["delay"]
        if batch_sum.done == 0:
            gradient.fill(0)
        slopes = slopes[:, : gradient.size] * np.float32(self.max_delay / max(1, batch_sum.batch))  # without a bias's train
        if not isinstance(slopes, np.ndarray):
            delay_cuda.add_samples(slopes, gradient)
            return
        for sample in slopes:
            gradient += sample
