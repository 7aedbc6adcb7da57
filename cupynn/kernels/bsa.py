"""Ben's Spiker Algorithm: spikes whose sum of kernels approximates a signal.

B. Schrauwen, J. van Campenhout, "BSA, a fast and accurate spike train encoding scheme", IJCNN 2003. At each step n in turn,
with the signal s of a channel and the kernel h, 0 <= k < K, the channel fires and h is subtracted from s at n if

    sum_k |s(n + k) - h(k)| < sum_k |s(n + k)| - threshold.

The spike is at step n + 1, so that step 0 stays silent. Arithmetic is in double precision, with sums in the order of k, as
in the original program.
"""

import numpy as np

from cupynn.kernels import inline, kernel
from cupynn.kernels.events import event_rows, pack
from cupynn.kernels.threads import each, parallel


@inline
def _spread(frames, gain, hold, signal):
    """Repeat each frame (F, channels) for `hold` steps of `signal` (steps + K, channels), with zeros after the last."""
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
            for k in range(taps):  # channels innermost, as the ordered sum over k cannot be vectorised
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

    values (total, channels) float32: sample b has the frames `values[starts[b] : stops[b]]`, each times `gain` and held for
    `hold` steps; response (K,) float64 -> events, see `cupynn.kernels.events`
    """
    batch, channels = len(starts), values.shape[1]
    rows = event_rows(batch, (steps - 1) * channels, steps)
    parallel(_bsa, batch, values, starts, stops, gain, hold, response, threshold, steps, *rows)
    return pack(*rows)
