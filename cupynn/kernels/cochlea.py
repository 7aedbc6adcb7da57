"""Lyon's passive ear: a cascade of filters, rectification, gain control, differences, smoothing.

Sources: R. F. Lyon, "A computational model of filtering, detection, and compression in the cochlea", ICASSP 1982;
M. Slaney, "Lyon's cochlear model", Apple Technical Report 13, 1988. One time step of the signal x is

    filters    y_0 = x, y_c = (a0, a1, a2; b1, b2)_c applied to y_(c-1): each channel filters the output of the one before;
    hair cells r_c = max(y_c, 0);
    gain       in each of four stages r_c <- r_c (1 - g_c), then
               g_c <- min(r_c epsilon / target + (1 - epsilon) (g_(c-1) + g_c + g_(c+1)) / 3, LIMIT);
    sharpening d_c = max(r_(c-1) - r_c, 0), the loss between adjacent channels;
    smoothing  a low-pass with two equal poles; every `hop`-th value is a frame.
"""

import numpy as np

from cupynn.kernels import kernel
from cupynn.kernels.threads import each, parallel

LIMIT = 0.9  # of the gain control's state: a stage attenuates at most tenfold


@kernel
def _passive_ear(turns, signal, starts, frame_starts, hop, filters, gains, smoothing, frames):
    channels, stages = filters.shape[0], gains.shape[0]
    for b in each(turns):
        first, second = np.zeros(channels), np.zeros(channels)  # states of the filters
        gain = np.zeros((stages, channels))
        low = np.zeros((2, channels))
        heard = np.empty(channels)
        for frame in range(frame_starts[b], frame_starts[b + 1]):
            at = starts[b] + (frame - frame_starts[b]) * hop
            for t in range(at, at + hop):
                y = np.float64(signal[t])
                for c in range(channels):
                    x = y
                    y = filters[c, 0] * x + first[c]
                    first[c] = filters[c, 1] * x - filters[c, 3] * y + second[c]
                    second[c] = filters[c, 2] * x - filters[c, 4] * y
                    heard[c] = max(y, 0.0)
                for stage in range(stages):
                    state = gain[stage]
                    rise, spread = gains[stage, 0], gains[stage, 1]
                    before = state[0]
                    for c in range(channels):
                        own = state[c]
                        after = state[min(c + 1, channels - 1)]
                        heard[c] *= 1.0 - own
                        state[c] = min(heard[c] * rise + spread * (before + own + after), LIMIT)
                        before = own
                for c in range(channels):
                    lost = max(heard[c - 1] - heard[c], 0.0) if c > 0 else heard[0]
                    low[1, c] = smoothing * low[1, c] + (1.0 - smoothing) * low[0, c]
                    low[0, c] = smoothing * low[0, c] + (1.0 - smoothing) * lost
            for c in range(channels):
                frames[frame, c] = low[1, c]


def passive_ear(
    signal: np.ndarray,
    starts: np.ndarray,
    frame_starts: np.ndarray,
    hop: int,
    filters: np.ndarray,
    gains: np.ndarray,
    smoothing: float,
    frames: np.ndarray,
) -> None:
    """Compute cochleagrams, in parallel over signals.

    signal (total,) float32, signal b is `signal[starts[b] : starts[b + 1]]`; filters (channels, 5) float64: a0, a1, a2,
    b1, b2; gains (stages, 2) float64: epsilon / target, (1 - epsilon) / 3; smoothing: the pole of the low-pass
    -> frames (total frames, channels) float32, those of signal b at `frames[frame_starts[b] : frame_starts[b + 1]]`
    """
    parallel(_passive_ear, len(starts) - 1, signal, starts, frame_starts, hop, filters, gains, smoothing, frames)
