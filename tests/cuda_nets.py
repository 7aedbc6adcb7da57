"""Networks of each kind of layer, for the tests of GPUs, and data for them."""

import numpy as np
import pytest

from cupynn import Sequential, encoders, layers


def mlp(device, **options):
    parts = [
        layers.SpikingDense(70, 8.0, **options),
        layers.SpikingDense(5, 2.0, lateral_inhibition=0.5, initial_weight=2.0, **options),
    ]
    return Sequential(parts, (6, 5), 50, encoders.Poisson(0.4), seed=3, device=device)


def cnn(device, **options):
    parts = [
        layers.SpikingConv2D(6, 3, 1.5, padding=1, **options),
        layers.SpikingPool2D(2, 1.0, **options),
        layers.SpikingConv2D(5, (2, 3), 1.0, **options),
        layers.SpikingDense(12, 0.5, initial_weight=2.0, **options),
        layers.SpikingDense(5, 0.5, lateral_inhibition=0.2, initial_weight=3.0, **options),
    ]
    return Sequential(parts, (9, 8), 40, encoders.Poisson(0.5), seed=1, device=device)


def reservoir(device, **options):
    parts = [
        layers.SpikingRecurrent(60, 6.0, reservoir=(3, 4, 5), trained=False, **options),
        layers.SpikingRecurrent(9, 3.0, lateral=np.eye(9) - 0.3, **options),
        layers.SpikingDense(5, 1.0, initial_weight=2.0, **options),
    ]
    return Sequential(parts, (30,), 50, encoders.Poisson(0.4), seed=3, device=device)


def recurrence(device, **options):
    parts = [
        layers.SpikingRecurrent(70, 6.0, train_lateral=True, train_delays=True, max_delay=12, **options),
        layers.SpikingDense(5, 1.0, initial_weight=2.0, delays=2, **options),
    ]
    return Sequential(parts, (30,), 50, encoders.Poisson(0.4), seed=3, device=device)


NETWORKS = pytest.mark.parametrize("make", [mlp, cnn, reservoir, recurrence])


def data(network, samples=19):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (samples, *network.input_shape), np.uint8)
    return x * (x > 100), rng.integers(0, 5, samples)


def parameters(network):
    return {
        (layer.name, name): network.device.get(array) for layer in network.layers for name, array in layer.params.items()
    }
