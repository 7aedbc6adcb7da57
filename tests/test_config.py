"""Tables: what a definition and its parts are made from, and what a message says of one that cannot be used."""

import json

import numpy as np
import pytest

from cupynn import Sequential
from cupynn.checks import InputError
from cupynn.config import Configured, make
from cupynn.encoders import ENCODERS, Poisson
from cupynn.layers import LAYERS, SpikingDense
from cupynn.losses import LOSSES
from cupynn.network import definition
from cupynn.optimizers import OPTIMIZERS, SGD, ExponentialRegularizer


def network(encoder=True, seed=5):
    layers = [SpikingDense(6, v_th=2.0, initial_weight=0.5), SpikingDense(3, v_th=1.0, t_ref=0, name="last")]
    return Sequential(layers, (4, 2), 20, Poisson(max_rate=0.3) if encoder else None, seed)


class TestConfig:
    def test_an_object_within_an_object(self):
        table = SGD(lr=0.5, regularizer=ExponentialRegularizer(beta=0.5)).config()
        regularizer = {"kind": "ExponentialRegularizer", "strength": 10.0, "beta": 0.5, "w_max": 8.0}
        plain = {"kind": "SGD", "lr": 0.5, "momentum": 0.0, "schedule": "constant"}
        plain |= {"average": 0.0, "centralize": False}
        assert table == plain | {"regularizer": regularizer}

    def test_numbers_are_plain(self):
        """What NumPy hands in, JSON and TOML take."""
        layer = SpikingDense(np.int64(3), np.float32(1.5), t_ref=np.int8(1))
        assert json.loads(json.dumps(layer.config())) == layer.config()
        assert type(layer.units) is type(layer.t_ref) is int
        assert type(layer.v_th) is float

    def test_a_constructor_that_does_not_keep_its_argument_is_found_out(self):
        class Forgetful(Configured):
            def __init__(self, value):
                self.other = value

        with pytest.raises(AttributeError, match="value"):
            Forgetful(3).config()

    @pytest.mark.parametrize(
        ("thing", "text"),
        [
            (SpikingDense(5, 1.0), "SpikingDense(units=5, v_th=1.0)"),
            (SpikingDense(5, 1.0, name="a", t_ref=3), "SpikingDense(units=5, v_th=1.0, t_ref=3, name='a')"),
            (Poisson(), "Poisson()"),
            (
                SGD(regularizer=ExponentialRegularizer(w_max=2.0)),
                "SGD(regularizer=ExponentialRegularizer(w_max=2.0))",
            ),
        ],
    )
    def test_repr_names_what_differs_from_the_default(self, thing, text):
        assert repr(thing) == text


class TestMake:
    def test_makes_what_the_table_says(self):
        encoder = make(ENCODERS, {"kind": "Poisson", "max_rate": 0.25}, "here")
        assert encoder.max_rate == 0.25
        assert encoder.fresh is True

    def test_the_table_is_left_alone(self):
        table = {"kind": "Poisson", "max_rate": 0.25}
        make(ENCODERS, table, "here")
        assert table == {"kind": "Poisson", "max_rate": 0.25}

    @pytest.mark.parametrize(
        ("registry", "table", "message"),
        [
            (ENCODERS, "Poisson", "^here: expected a table .*, such as { kind = \"BSA\" }, found 'Poisson'$"),
            (ENCODERS, None, "^here: expected a table"),
            (ENCODERS, ["kind", "Poisson"], "^here: expected a table"),
            (ENCODERS, {"kind": "poisson"}, r"^here: kind='poisson': pass one of .*'Poisson'"),
            (ENCODERS, {"max_rate": 0.5}, r"^here: kind=None: pass one of .*'Poisson'"),
            (ENCODERS, {"kind": "Poisson", "pace": 0.5}, "unknown key 'pace': known are max_rate, fresh$"),
            (ENCODERS, {"kind": "Poisson", "max_rate": 2}, r"^here \(Poisson\): max_rate=2: pass"),
            (ENCODERS, {"kind": "Poisson", "fresh": "no"}, r"^here \(Poisson\): fresh='no'"),
            (LAYERS, {"kind": "SpikingDense", "units": 3}, r"^here \(SpikingDense\): key 'v_th' is missing$"),
            (LAYERS, {"kind": "SpikingDense", "units": 3, "v_th": "high"}, r"^here \(SpikingDense\): v_th='high'"),
            (LOSSES, {"kind": "SpikeCount", "desired": 3}, r"^here \(SpikeCount\): desired=3 with undesired=5"),
            (OPTIMIZERS, {"kind": "Adam", "schedule": "slow"}, r"^here \(Adam\): schedule='slow': pass one of 'constant'"),
        ],
        ids=str,
    )
    def test_a_message_says_where_and_what(self, registry, table, message):
        with pytest.raises(InputError, match=message):
            make(registry, table, "here")

    def test_a_kind_of_an_odd_type(self):
        with pytest.raises(InputError, match=r"^here: kind="):
            make(ENCODERS, {"kind": ["Poisson"]}, "here")


class TestDefinition:
    @pytest.mark.parametrize("encoder", [True, False])
    def test_round_trip(self, encoder):
        net = network(encoder)
        table = json.loads(json.dumps(definition.describe(net)))
        assert table == definition.describe(net)
        assert set(table) == {"input_shape", "steps", "seed", "layers"} | ({"encoder"} if encoder else set())
        again = definition.build(Sequential, table, "here")
        assert definition.describe(again) == table
        assert repr(again) == repr(net)
        assert repr(again.encoder) == repr(net.encoder)
        for one, other in zip(net.layers, again.layers, strict=True):  # initial weights, names and all
            assert repr(one) == repr(other)
            np.testing.assert_array_equal(one.params["weight"], other.params["weight"])

    def test_what_may_be_left_out(self):
        table = {"input_shape": [3], "steps": 10, "layers": [{"kind": "SpikingDense", "units": 2, "v_th": 1.0}]}
        net = definition.build(Sequential, table, "here")
        assert (net.input_shape, net.steps, net.seed, net.encoder) == ((3,), 10, 0, None)

    def test_the_table_is_left_alone(self):
        table = definition.describe(network())
        copy = json.loads(json.dumps(table))
        definition.build(Sequential, table, "here")
        assert table == copy

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda table: [], r"^here: network: expected a table of keys and values, found \[\]$"),
            (
                lambda table: table | {"depth": 3},
                "^here: network: unknown key 'depth': known are layers, input_shape, steps",
            ),
            (lambda table: table | {"device": "cpu"}, "^here: network: unknown key 'device'"),
            (lambda table: {key: table[key] for key in table if key != "steps"}, "^here: network: key 'steps' is missing$"),
            (
                lambda table: {key: table[key] for key in table if key != "layers"},
                "^here: network: key 'layers' is missing$",
            ),
            (lambda table: table | {"steps": 0}, "^here: network: steps=0: pass a whole number"),
            (lambda table: table | {"input_shape": "8x8"}, "^here: network: input_shape='8x8'"),
            (lambda table: table | {"layers": {}}, r"^here: network\.layers: expected a list of tables, found \{\}$"),
            (lambda table: table | {"layers": []}, "^here: network: layers is empty"),
            (lambda table: table | {"layers": [7]}, r"^here: network\.layers\[0\]: expected a table"),
            (
                lambda table: table | {"layers": [table["layers"][0], {"kind": "Dense"}]},
                r"^here: network\.layers\[1\]: kind='Dense': pass one of",
            ),
            (
                lambda table: table | {"layers": [table["layers"][0] | {"vth": 3}]},
                r"^here: network\.layers\[0\] \(SpikingDense\): unknown key 'vth'",
            ),
            (
                lambda table: table | {"layers": [table["layers"][0]] * 2},
                "^here: network: 2 layers have name='dense_1'",
            ),
            (lambda table: table | {"encoder": "Poisson"}, r"^here: network\.encoder: expected a table"),
            (lambda table: table | {"encoder": {"kind": "Rate"}}, r"^here: network\.encoder: kind='Rate'"),
        ],
    )
    def test_a_message_says_where_and_what(self, change, message):
        with pytest.raises(InputError, match=message):
            definition.build(Sequential, change(definition.describe(network())), "here")

    def test_the_device_is_passed_on(self):
        with pytest.raises(InputError, match=r"^device='tpu'"):
            definition.build(Sequential, definition.describe(network()), "here", device="tpu")
