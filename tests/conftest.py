"""What several test files share."""

import numpy as np
import pytest
from hypothesis import settings

from cupynn.layers import SpikingDense

settings.register_profile("cupynn", deadline=None)  # the first example may have to compile a kernel
settings.load_profile("cupynn")


@pytest.fixture(scope="session")
def dense():
    """A function that makes a built `SpikingDense` with weights of one's own: dense(weight, v_th, **options)."""

    def make(weight, v_th, **options):
        layer = SpikingDense(len(weight), v_th, **options)
        layer.build(weight.shape[1:], np.random.default_rng(0))
        layer.params["weight"][:] = weight
        return layer

    return make
