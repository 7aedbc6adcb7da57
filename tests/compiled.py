"""Functions that kernels call, compiled for tests: as they stand, Python's numbers would not wrap around."""

import numba

from cupynn.kernels import poisson

philox = numba.njit(poisson.philox)
