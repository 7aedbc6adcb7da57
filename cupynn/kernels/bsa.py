"""Ben's Spiker Algorithm: spikes whose sum of kernels comes close to a signal.

B. Schrauwen, J. van Campenhout, "BSA, a fast and accurate spike train encoding scheme", IJCNN 2003. With s the signal of a
channel and h the kernel, 0 <= k < K, at each step n in turn: if

    sum_k |s(n + k) - h(k)| < sum_k |s(n + k)| - threshold,

then the channel fires, at step n + 1 so that nothing fires at step 0, and h is subtracted from s at n. All of it is in
double precision, and each sum in the order of k, as in the original program.
"""

import numpy as np

from cupynn.kernels import inline, kernel
from cupynn.kernels.events import event_rows, pack
from cupynn.kernels.threads import each, parallel


@inline
def _spread(frames, gain, hold, signal):
    """Hold each frame (F, channels) for `hold` steps of `signal` (steps + K, channels), which is silent after the last."""
    length, channels = signal.shape
    for n in range(length):
        frame = n // hold
        for c in range(channels):
            signal[n, c] = gain * frames[frame, c] if frame < frames.shape[0] else 0.0


@kernel
def _bsa(turns, values, starts, stops, gain, hold, response, threshold, steps, rows, row_offsets):
    channels, taps = values.shape[1], response.size
    with_spike, without = np.empty(channels), np.empty(channels)
    for b in each(turns):
        frames, row, offsets = values[starts[b] : stops[b]], rows[b], row_offsets[b]
        length = min(frames.shape[0] * hold, steps - 1)
        signal = np.empty((length + taps, channels))
        _spread(frames, gain, hold, signal)
        count = 0
        offsets[0] = 0
        for n in range(length):
            offsets[n + 1] = count
            with_spike[:] = 0.0
            without[:] = 0.0
            for k in range(taps):  # channels innermost: they fill vector registers, which the ordered sum over k cannot
                own, h = signal[n + k], response[k]
                for c in range(channels):
                    with_spike[c] += abs(own[c] - h)
                    without[c] += abs(own[c])
            for c in range(channels):
                if with_spike[c] < without[c] - threshold:
                    row[count] = c
                    count += 1
                    for k in range(taps):
                        signal[n + k, c] -= response[k]
        offsets[length + 1 :] = count


def bsa(
    values: np.ndarray,
    starts: np.ndarray,
    stops: np.ndarray,
    gain: float,
    hold: int,
    response: np.ndarray,
    threshold: float,
    steps: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Encode the channels of a batch of signals.

    values (total, channels) float32, sample b has the frames `values[starts[b] : stops[b]]`, each times `gain` and held for
    `hold` steps; response (K,) float64 -> events as `cupynn.kernels.events` has them
    """
    batch, channels = len(starts), values.shape[1]
    rows = event_rows(batch, (steps - 1) * channels, steps)
    parallel(_bsa, batch, values, starts, stops, gain, hold, response, threshold, steps, *rows)
    return pack(*rows)
