"""Losses against cases computed by hand: value, error, what a silent label's train becomes, what is refused."""

from math import exp, log

import numpy as np
import pytest

from cupynn.checks import InputError
from cupynn.losses import SoftmaxCount, SpikeCount
from cupynn.spikes import SpikeTrains

LOSS = SpikeCount(desired=10, undesired=4, margin=3)


def trains(counts, steps=50, start=1):
    """Trains with these firing counts (B, N), one spike a step from `start` on."""
    counts = np.asarray(counts)
    time = np.arange(steps)[None, :, None]
    return SpikeTrains.from_dense((time >= start) & (time < start + counts[:, None, :]))


@pytest.mark.parametrize(
    ("counts", "label", "delta"),
    [
        ([10, 4, 4], 0, [0, 0, 0]),
        ([13, 7, 1], 0, [0, 0, 0]),  # at the margin, above and below
        ([7, 1, 7], 0, [0, 0, 0]),
        ([14, 8, 0], 0, [4, 4, -4]),  # one beyond: the whole distance counts, not what exceeds the margin
        ([6, 0, 8], 0, [-4, -4, 4]),
        ([10, 4, 4], 1, [6, -6, 0]),
        ([20, 1, 12], 2, [16, 0, 0]),
        ([0, 0, 0], 2, [-4, -4, -10]),
    ],
)
def test_value_and_error_of_one_sample(counts, label, delta):
    error = LOSS(trains([counts]), [label])
    assert error.delta.tolist() == [delta]
    assert error.value == np.square(delta).sum() / 2


def test_a_margin_of_zero_forgives_nothing():
    assert SpikeCount(desired=10, undesired=4, margin=0)(trains([[11, 3]]), [0]).delta.tolist() == [[1, -1]]


def test_value_is_the_mean_of_the_samples_losses():
    counts, labels = [[14, 4], [4, 2], [10, 12]], [0, 1, 0]
    alone = [LOSS(trains([row]), [label]).value for row, label in zip(counts, labels, strict=True)]
    assert alone == [8, 32, 32]
    assert LOSS(trains(counts), labels).losses.tolist() == alone
    assert LOSS(trains(counts), labels).value == 24


def test_sample_weights_scale_loss_and_error():
    counts, labels = [[14, 4], [4, 2], [10, 12]], [0, 1, 0]
    plain = LOSS(trains(counts), labels)
    weighted = LOSS(trains(counts), labels, [0, 0.5, 2])
    np.testing.assert_array_equal(weighted.delta, plain.delta * [[0], [0.5], [2]])
    assert weighted.losses.tolist() == [0 * 8, 0.5 * 32, 2 * 32]
    assert weighted.value == (0 * 8 + 0.5 * 32 + 2 * 32) / 3


@pytest.mark.parametrize("weight", [1.0, 0.25])
def test_error_is_the_derivative_of_the_value_by_the_counts(weight):
    """The loss is quadratic beyond the margin, so central differences over the counts themselves are exact."""
    rng = np.random.default_rng(0)
    checked = 0
    for label in rng.integers(0, 4, 8):
        counts = rng.integers(1, 30, 4)
        delta = LOSS(trains([counts]), [label], [weight]).delta[0]
        for i in range(4):
            if abs(counts[i] - (10 if i == label else 4)) <= 4:
                continue  # a neighbour lies within the margin
            above, below = (LOSS(trains([counts + s * np.eye(4, dtype=int)[i]]), [label], [weight]).value for s in (1, -1))
            assert (above - below) / 2 == delta[i]
            checked += 1
    assert checked > 10


@pytest.mark.parametrize("loss", [LOSS, SoftmaxCount(desired=10)], ids=str)
def test_error_has_the_documented_dtype_and_shape(loss):
    error = loss(trains([[1, 2, 3], [4, 5, 6]]), [0, 1])
    assert error.delta.shape == (2, 3)
    assert error.delta.dtype == np.float32
    assert error.losses.shape == (2,)
    assert isinstance(error.value, float)


@pytest.mark.parametrize(
    ("steps", "desired", "times"),
    [
        (50, 7, [7, 14, 21, 28, 35, 42, 49]),
        (49, 7, [7, 14, 21, 28, 35, 42]),  # T itself lies outside
        (20, 6, [3, 6, 9, 12, 15, 18]),
        (21, 4, [5, 10, 15, 20]),
        (29, 10, list(range(2, 29, 2))),  # floor(2.9) = 2: more spikes than desired
        (9, 8, list(range(1, 9))),
    ],
)
def test_a_silent_labels_train_is_filled(steps, desired, times):
    spikes = trains([[0, 2, 0], [3, 1, 0], [1, 0, 1]], steps)
    error = SpikeCount(desired=desired, undesired=1, margin=0)(spikes, [0, 1, 1])
    expected = spikes.to_dense()
    expected[0, times, 0] = 1
    expected[2, times, 1] = 1
    np.testing.assert_array_equal(error.trains.to_dense(), expected)  # and no other neuron, no other sample
    np.testing.assert_array_equal(error.delta[:, :2], [[-desired, 1], [2, 1 - desired], [0, -desired]])  # of the real counts
    assert spikes == trains([[0, 2, 0], [3, 1, 0], [1, 0, 1]], steps)  # its argument is left alone


@pytest.mark.parametrize("loss", [LOSS, SoftmaxCount(desired=10)], ids=str)
def test_a_label_that_fires_once_is_not_filled(loss):
    spikes = trains([[1, 0], [0, 1]])
    assert loss(spikes, [0, 1]).trains == spikes


class TestSoftmaxCount:
    LOSS = SoftmaxCount(desired=10)

    @pytest.mark.parametrize(
        ("counts", "label", "value", "delta"),
        [
            ([7, 7], 0, log(2), [-1 / 2, 1 / 2]),
            ([5, 5, 5, 5], 2, log(4), [1 / 4, 1 / 4, -3 / 4, 1 / 4]),
            ([3, 1], 0, log(1 + exp(-2)), [-1 / (1 + exp(2)), 1 / (1 + exp(2))]),
            ([3, 1], 1, log(1 + exp(2)), [1 / (1 + exp(-2)), -1 / (1 + exp(-2))]),
            ([0, 2000], 0, 2000, [-1, 1]),  # far beyond what exp can say
        ],
    )
    def test_value_and_error_of_one_sample(self, counts, label, value, delta):
        error = self.LOSS(trains([counts], steps=2048), [label])
        assert error.value == pytest.approx(value, rel=1e-9)
        np.testing.assert_allclose(error.delta, [delta], rtol=1e-6)

    def test_value_is_the_mean_of_the_samples_weighted_losses(self):
        counts, labels = [[14, 12], [4, 2], [10, 10]], [0, 1, 0]
        alone = [self.LOSS(trains([row]), [label]) for row, label in zip(counts, labels, strict=True)]
        error = self.LOSS(trains(counts), labels, [1, 0.5, 2])
        assert error.value == pytest.approx((alone[0].value + 0.5 * alone[1].value + 2 * alone[2].value) / 3)
        expected = [w * one.delta[0] for w, one in zip((1, 0.5, 2), alone, strict=True)]
        np.testing.assert_allclose(error.delta, expected, rtol=1e-6)

    def test_a_silent_labels_train_is_filled(self):
        spikes = trains([[0, 2], [3, 0]])
        error = self.LOSS(spikes, [0, 0])
        expected = spikes.to_dense()
        expected[0, 5::5, 0] = 1
        np.testing.assert_array_equal(error.trains.to_dense(), expected)
        np.testing.assert_allclose(error.delta[0, 0], 1 / (1 + exp(2)) - 1, rtol=1e-6)  # of the real counts

    @pytest.mark.parametrize("desired", [0, 2.5, True])
    def test_arguments_that_cannot_be_used(self, desired):
        with pytest.raises(InputError, match=f"desired={desired}"):
            SoftmaxCount(desired)


def test_an_output_must_be_able_to_come_within_the_margin():
    loss = SpikeCount(desired=35, undesired=5, margin=5)
    loss.check((3,), steps=100, most=30)
    with pytest.raises(InputError, match=r"desired=35: .* at most 29 times"):
        loss.check((3,), steps=100, most=29)


@pytest.mark.parametrize(
    ("loss", "fitting"),
    [(SpikeCount(), {"desired": 2, "undesired": 0, "margin": 0}), (SoftmaxCount(), {"desired": 2})],
)
def test_the_error_names_counts_that_fit_few_steps(loss, fitting):
    text = ", ".join(f"{name}={value}" for name, value in fitting.items())
    with pytest.raises(InputError, match=f"desired=35 spikes do not fit into 10 steps: pass {text}, or more steps"):
        loss.check((3,), steps=10, most=3)
    type(loss)(**fitting).check((3,), steps=10, most=3)


@pytest.mark.parametrize("steps", [2, 3, 10, 36, 50, 100])
@pytest.mark.parametrize("size", [1, 3])
def test_suggested_counts_can_be_reached(steps, size):
    for most in {1, steps // 2, steps - 1}:
        loss = SpikeCount(desired=(steps + 1) * size, undesired=0, margin=0)
        with pytest.raises(InputError) as raised:
            loss.check((3 * size,), steps, most, neurons_per_class=size)
        text = str(raised.value).split("pass ")[1].split(", or")[0]
        fitting = {name: int(value) for name, value in (each.split("=") for each in text.split(", "))}
        SpikeCount(**fitting).check((3 * size,), steps, most, neurons_per_class=size)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 3], r"labels\[1\]=3.*0\.\.2"),
        ([-1, 0], r"labels\[0\]=-1.*0\.\.2"),
        ([0.0, 1.0], "labels has dtype float64"),
        ([True, False], "labels has dtype bool"),
        ([0], r"labels has shape \(1,\).*\(2,\)"),
        ([[0, 1]], r"labels has shape \(1, 2\)"),
    ],
)
def test_labels_that_cannot_be_used(labels, message):
    with pytest.raises(InputError, match=message):
        LOSS(trains([[1, 2, 3], [4, 5, 6]]), labels)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, -0.5], "sample_weight holds a negative"),
        ([1, np.nan], "sample_weight holds.*non-finite"),
        ([np.inf, 1], "sample_weight holds.*non-finite"),
        ([1, 1, 1], r"sample_weight has shape \(3,\).*\(2,\)"),
        ([[1, 1]], r"sample_weight has shape \(1, 2\)"),
        (1.0, r"sample_weight has shape \(\)"),
    ],
)
def test_sample_weights_that_cannot_be_used(weights, message):
    with pytest.raises(InputError, match=message):
        LOSS(trains([[1, 2, 3], [4, 5, 6]]), [0, 1], weights)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"desired": 5, "undesired": 5}, "desired=5 with undesired=5"),
        ({"desired": 4}, "desired=4 with undesired=5"),
        ({"desired": 0, "undesired": 0}, "desired=0"),
        ({"desired": 35.5}, r"desired=35\.5"),
        ({"desired": True}, "desired=True"),
        ({"undesired": -1}, "undesired=-1"),
        ({"margin": -1}, "margin=-1"),
        ({"margin": None}, "margin=None"),
    ],
)
def test_arguments_that_cannot_be_used(arguments, message):
    with pytest.raises(InputError, match=message):
        SpikeCount(**arguments)


@pytest.mark.parametrize(("steps", "fits"), [(10, False), (11, True)])
def test_the_desired_count_must_fit_into_the_steps(steps, fits):
    spikes = trains([[0, 0]], steps)  # at most T - 1 spikes: nothing fires at step 0
    if fits:
        assert LOSS(spikes, [0]).trains.counts.tolist() == [[10, 0]]
    else:
        with pytest.raises(InputError, match="desired=10 spikes do not fit into 10 steps"):
            LOSS(spikes, [0])


@pytest.mark.parametrize("loss", [LOSS, SoftmaxCount(desired=10)], ids=str)
def test_an_output_of_two_axes_is_refused(loss):
    with pytest.raises(InputError, match=r"output has shape \(2, 3\)"):
        loss(trains([[1] * 6]).reshape((2, 3)), [0])
