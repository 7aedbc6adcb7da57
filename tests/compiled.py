"""Functions that kernels call, compiled for tests: as they stand, Python's numbers would not wrap around."""

import numba

from cupynn.kernels import philox

philox = numba.njit(philox.philox)
