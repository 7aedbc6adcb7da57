"""Lists and other things in place of the arrays of a layer: one error with the name, wherever the network is used."""

import numpy as np
import pytest
from factories import LOSS, dense_network, draw_data

from cupynn import layers, plot
from cupynn.checks import InputError
from cupynn.optimizers import Adam

X, Y = draw_data()
LIST = [[1.0] * 9] * 10
USES = {
    "fit": lambda net: net.fit((X, Y), loss=LOSS, progress=False),
    "predict": lambda net: net.predict(X),
    "evaluate": lambda net: net.evaluate((X, Y)),
    "record": lambda net: net.record(X),
    "forward": lambda net: net.forward(net.encode(X)),
    "step": lambda net: Adam().step(net),
    "save": lambda net: net.save("never"),
    "summary": lambda net: net.summary(),
    "to": lambda net: net.to("cpu"),
    "weights": plot.weights,
    "fields": plot.receptive_fields,
}


def replaced(value, kind):
    net = dense_network()
    getattr(net.layers[0], kind)["weight"] = value
    return net


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    ("value", "named"), [([[1.0] * 9] * 10, "a list"), (np.float32(1), "a float32"), (None, "a NoneType")]
)
def test_weights(use, value, named):
    with pytest.raises(InputError, match=rf"^dense_1/weight is {named}, not an array: assign values .* array\[\.\.\.\]"):
        USES[use](replaced(value, "params"))


@pytest.mark.parametrize("use", ["fit", "predict", "forward", "step", "to"])
def test_gradients(use):
    with pytest.raises(InputError, match=r"^the gradient of dense_1/weight is a list, not an array: assign"):
        USES[use](replaced(LIST, "grads"))


@pytest.mark.parametrize("kind", ["params", "grads"])
@pytest.mark.parametrize("value", [np.zeros((10, 9)), np.zeros((9, 10), np.float32)], ids=["dtype", "shape"])
@pytest.mark.parametrize("use", ["fit", "predict", "forward", "step", "weights", "fields"])
def test_arrays_of_another_type_or_shape(use, value, kind):
    with pytest.raises(InputError, match=r"dense_1/weight is float(32|64) \((9, 10|10, 9)\)"):
        USES[use](replaced(value, kind))


@pytest.mark.parametrize("kind", ["params", "grads", "buffers"])
@pytest.mark.parametrize(("value", "named"), [([1], "a list"), (None, "a NoneType")])
def test_a_list_in_place_of_all_arrays(kind, value, named):
    net = dense_network()
    with pytest.raises(InputError, match=rf"^SpikingDense\.{kind} is {named}: set it to a dict of arrays by name"):
        setattr(net.layers[0], kind, value)
    net.predict(X)


@pytest.mark.parametrize("use", ["fit", "step"])
@pytest.mark.parametrize("name", ["extra", 5])
def test_an_array_without_a_gradient(use, name):
    net = dense_network()
    net.layers[0].params[name] = np.ones((2, 2), np.float32)
    with pytest.raises(InputError, match=f"^the arrays {name!r} in params of dense_1 have no gradients: put an array"):
        USES[use](net)


@pytest.mark.parametrize("use", ["fit", "predict", "evaluate", "record", "forward"])
def test_weights_that_were_removed(use):
    net = dense_network()
    net.layers[0].params = {}
    with pytest.raises(InputError, match=r"^dense_1 has no array 'weight': params and buffers hold nothing; create a new"):
        USES[use](net)


def test_weights_of_a_layer_without_a_network():
    for layer in (layers.SpikingDense(2, v_th=1.0), layers.SpikingConv2D(2, 3, v_th=1.0)):
        with pytest.raises(InputError, match=r"^Spiking\w+ has no array 'weight' yet: create a network with it first$"):
            _ = layer.weight


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("encoder", 5, r"^encoder=5: pass one of BSA\(\.\.\.\)"),
        ("layers", [1], r"^layers\[0\]=1: pass one of AveragePool2D"),
        ("layers", None, r"^layers is a NoneType: pass a list, \[layer\]$"),
        ("layers", [], "^layers is empty"),
        ("layers", np.array(5), r"^layers is a ndarray: pass a list, \[layer\]$"),
    ],
)
def test_parts_of_a_network(name, value, message):
    net = dense_network()
    with pytest.raises(InputError, match=message):
        setattr(net, name, value)
    net.predict(X)
