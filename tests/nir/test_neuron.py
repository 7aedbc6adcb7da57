"""Constants and weights between steps and seconds: to NIR and back, bit by bit."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from cupynn import InputError
from cupynn.kernels.lif import MARGIN, lif
from cupynn.layers import SpikingConv2D, SpikingDense, SpikingPool2D
from cupynn.nir.neuron import DT, decode, encode, in_steps, v_th_above
from cupynn.nir.weights import divided, multiplied

pytest.importorskip("nir", reason='nir is not installed: pip install -e ".[test]"')

TAUS = st.floats(1, 1e6)
WEIGHTS = arrays.arrays(np.float32, st.integers(1, 30), elements=st.floats(-(2.0**60), 2.0**60, width=32))


class TestWeights:
    @given(WEIGHTS, TAUS)
    def test_divided_and_multiplied_are_the_same_bits(self, weight, tau):
        assume((np.abs(weight[weight != 0]) > 1e-30).all())
        quotient, rest = divided("layer", weight, tau)
        assert quotient.dtype == np.float32
        assert (np.abs(rest) <= 2).all()
        np.testing.assert_array_equal(multiplied(quotient, tau, rest).view(np.int32), weight.view(np.int32))
        np.testing.assert_allclose(quotient, weight.astype(float) / tau, rtol=1e-7)

    def test_some_weights_are_no_product(self):
        """What the difference is kept for: without it, one in fifteen of these would come back otherwise."""
        weight = np.random.default_rng(0).normal(size=1000).astype(np.float32)
        quotient, rest = divided("layer", weight, 7.0)
        np.testing.assert_array_equal(multiplied(quotient, 7.0) != weight, rest != 0)
        assert (rest != 0).mean() > 0.05

    @given(WEIGHTS, st.integers(0, 20))
    def test_powers_of_two_leave_no_rest(self, weight, power):
        assume((np.abs(weight[weight != 0]) > 1e-30).all())
        assert not divided("layer", weight, 2.0**power)[1].any()

    def test_what_is_too_small_is_refused(self):
        with pytest.raises(InputError, match=r"^dense_1: a weight of 1.00053e-42 .*tau_s=1e\+06: set such weights to 0$"):
            divided("dense_1", np.array([0, 1, 1e-42], np.float32), 1e6)


class TestConstants:
    @given(st.floats(2.0**-10, 2.0**20, width=32), st.sampled_from([0.0, MARGIN]))
    def test_a_layer_fires_above_exactly_the_threshold(self, threshold, margin):
        threshold = np.float32(threshold)
        v_th = v_th_above(threshold, margin)
        assert lif(v_th, 1, 1, 0, margin).threshold == threshold
        assert v_th == pytest.approx(threshold + margin, rel=1e-12)

    @given(st.integers(10, 9999), st.sampled_from([np.float32, np.float64]))
    def test_a_decimal_number_of_steps_is_found_again(self, tenths, kind):
        assert in_steps(kind(tenths / 10 * DT), DT) == tenths / 10

    @given(st.floats(1, 1e5), st.floats(1e-6, 1), st.sampled_from([np.float32, np.float64]))
    def test_steps_are_so_many_seconds(self, tau, dt, kind):
        seconds = kind(tau * dt)
        steps = in_steps(seconds, dt)
        assert kind(steps * dt) == seconds or steps == float(seconds) / dt
        assert steps == pytest.approx(tau, rel=1e-6)

    @given(st.floats(1, 1e4), st.floats(1, 1e4), st.floats(0.1, 1e4))
    def test_encoded_and_decoded(self, tau_m, tau_s, v_th):
        for layer in (SpikingDense(2, v_th, tau_m, tau_s), SpikingConv2D(1, 1, v_th, 0, tau_m, tau_s)):
            layer.build((1, 1, 1), np.random.default_rng(0))
            found = decode("node", encode(layer), DT)
            assert found.threshold == layer.neuron.threshold
            assert (found.tau_m, found.tau_s, found.gain) == pytest.approx((tau_m, tau_s, tau_s), rel=1e-6)

    def test_pooling_has_a_membrane_tau_s_times_as_high(self):
        layer = SpikingPool2D(2, v_th=3.0, tau_s=5.0)
        layer.build((1, 4, 4), np.random.default_rng(0))
        node = encode(layer)
        assert node.v_threshold.shape == (1, 2, 2)
        assert np.unique(node.v_threshold) == np.float32(float(layer.neuron.threshold) * 5)

    def test_arrays_are_float32_of_the_shape_of_the_layer(self):
        layer = SpikingDense(3, v_th=2.0, tau_m=50.0, tau_s=5.0, t_ref=1, psp_kernel="srm")
        layer.build((4,), np.random.default_rng(0))
        layer.name = "hidden"
        node = encode(layer)
        expected = {"tau_syn": 5e-4, "tau_mem": 5e-3, "r": 50, "v_leak": 0, "v_reset": 0, "w_in": 5}
        for name, value in expected.items():
            np.testing.assert_array_equal(getattr(node, name), np.full(3, value, np.float32), strict=True)
        noted = {"kind": "SpikingDense", "name": "hidden", "v_th": 2.0, "tau_m": 50.0, "tau_s": 5.0, "t_ref": 1}
        assert node.metadata == noted | {"psp_kernel": "srm", "effect_ratio": True, "silent_slope": 1.0, "overshoot": False}
