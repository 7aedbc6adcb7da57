"""Data of other ranges and types: refused by encoders and datasets alike, with a remedy that works."""

import numpy as np
import pytest

from cupynn import Sequential, datasets, encoders, intensities, layers
from cupynn.checks import InputError

DIGITS = np.arange(17.0).repeat(4).reshape(17, 4)  # 0..16, as scikit-learn has them
Y = np.arange(17) % 2


def taken(x):
    intensities.check("x", x)
    return x


@pytest.mark.parametrize(
    ("x", "remedy", "scaled"),
    [
        (DIGITS, "divide them by 16, the largest value of the training data", DIGITS / 16),
        (DIGITS.astype(int), "divide them by 16, the largest value of the training data", DIGITS.astype(int) / 16),
        (DIGITS / 2.1, "divide them by 7.619047619047619, the largest", DIGITS / 2.1 / 7.619047619047619),
        (DIGITS * 15.5, "divide them by 255", DIGITS * 15.5 / 255),
        ((DIGITS * 15.5).astype(int), "(pass np.asarray(x, np.uint8))", np.asarray((DIGITS * 15.5).astype(int), np.uint8)),
        (DIGITS * 4095, "divide them by 65520, the largest value", DIGITS * 4095 / 65520),
        ((DIGITS * 4095).astype(np.uint16), "divide them by 65520, the largest value", (DIGITS * 4095) / 65520),
        (DIGITS > 3, "(pass np.asarray(x, np.float32))", np.asarray(DIGITS > 3, np.float32)),
        (np.eye(3, dtype=int), "(pass np.asarray(x, np.float32))", np.asarray(np.eye(3, dtype=int), np.float32)),
        (DIGITS - 8, "pass np.clip((x - low) / (high - low), 0, 1), with low and", np.clip(DIGITS / 16, 0, 1)),
        (DIGITS.astype(int) - 8, "pass np.clip((x - low) / (high - low), 0, 1)", np.clip(DIGITS / 16, 0, 1)),
        (DIGITS / [1, 1, 1, np.inf] * np.array([1, 1, 1, np.nan]), "replace values that are not finite", DIGITS / 16),
    ],
)
def test_the_remedy_works(x, remedy, scaled):
    net = Sequential([layers.SpikingDense(2, v_th=1.0)], x.shape[1:], 20, encoders.Poisson(), device="cpu")
    for use in (lambda: net.predict(x), lambda: datasets.Dataset(x, np.zeros(len(x), int), ("a",), "toy")):
        with pytest.raises(InputError) as error:
            use()
        assert remedy in str(error.value)
    np.testing.assert_array_equal(taken(scaled), scaled)


def test_a_list_of_whole_numbers():
    net = Sequential([layers.SpikingDense(2, v_th=1.0)], (3,), 20, encoders.Poisson(), device="cpu")
    x = [[0, 128, 255]]
    with pytest.raises(InputError, match=r"pass np\.asarray\(x, np\.uint8\)\)$"):
        net.predict(x)
    assert net.predict(np.asarray(x, np.uint8)).shape == (1,)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_of_any_width_are_taken_from_a_file_too(tmp_path, dtype):
    """A dataset, a file and a pair train the same network."""
    x, weights = (DIGITS / 16).astype(dtype), []
    np.savez(tmp_path / "digits.npz", x=x, y=Y)
    data = datasets.from_npz(tmp_path / "digits.npz")
    assert data.x.dtype == dtype
    for train in (data, (x, Y), datasets.Dataset(x, Y, ("even", "odd"), "digits")):
        net = Sequential([layers.SpikingDense(2, v_th=1.0)], (4,), 200, encoders.Poisson(), device="cpu")
        net.fit(train, epochs=2, progress=False)
        weights.append(net.layers[0].params["weight"].copy())
    np.testing.assert_array_equal(weights[0], weights[1])
    np.testing.assert_array_equal(weights[0], weights[2])
