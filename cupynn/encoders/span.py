"""How much of the time steps recordings and signals fill, for notices before training."""

import numpy as np

FEW = 0.1  # share of the steps: recordings that end earlier leave a network almost no time


def typical(last: np.ndarray, steps: int) -> int | None:
    """Return the median of the last steps that samples reach, if it leaves most steps empty, or None.

    last (samples,) -> None, or a step below a tenth of the steps; networks do not fire at step 0
    """
    middle = int(np.median(last)) if last.size else steps
    return middle if middle <= max(1.0, FEW * (steps - 1)) and middle < steps - 1 else None
