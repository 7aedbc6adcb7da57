"""Copies and states of optimizers: training continues with them to the same bits."""

import copy
import pickle

import joblib
import numpy as np
import pytest
from factories import LOSS, dense_network, draw_data, fit

from cupynn import Sequential, optimizers, training
from cupynn.checks import InputError

X, Y = draw_data()
OPTIONS = [
    pytest.param(lambda: optimizers.Adam(0.02), id="Adam"),
    pytest.param(lambda: optimizers.Adam(0.02, average=0.9, schedule="inverse-sqrt"), id="Adam, averaged"),
    pytest.param(lambda: optimizers.SGD(0.02, momentum=0.9), id="SGD"),
]


def train(net, optimizer, updates, first=0):
    for update in range(first, first + updates):
        optimizer.epoch = update
        training.step(net, LOSS, optimizer, net.encode(X, np.arange(len(X)), update), Y)


def by_pickle(net, optimizer, folder):
    return pickle.loads(pickle.dumps((net, optimizer)))


def by_deepcopy(net, optimizer, folder):
    return copy.deepcopy((net, optimizer))


def by_separate_pickles(net, optimizer, folder):
    return pickle.loads(pickle.dumps(net)), pickle.loads(pickle.dumps(optimizer))


def by_joblib(net, optimizer, folder):
    joblib.dump((net, optimizer), folder / "both")
    return joblib.load(folder / "both")


def by_memory_map(net, optimizer, folder):
    joblib.dump((net, optimizer), folder / "both")
    return joblib.load(folder / "both", mmap_mode="r")


def by_copy(net, optimizer, folder):
    return copy.deepcopy(net), copy.copy(optimizer)


def by_files(net, optimizer, folder):
    net.save(folder / "net.npz")
    np.savez(folder / "optimizer.npz", **optimizer.state_dict())
    again = type(optimizer)(**{name: value for name, value in optimizer.config().items() if name != "kind"})
    with np.load(folder / "optimizer.npz") as state:
        again.load_state_dict(state)
    return Sequential.load(folder / "net.npz", net.device), again


WAYS = [by_pickle, by_deepcopy, by_separate_pickles, by_joblib, by_memory_map, by_copy, by_files]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("make", OPTIONS)
def test_training_continues_to_the_same_bits(way, make, tmp_path):
    net, optimizer = dense_network(), make()
    train(net, optimizer, 3)
    twin, other = way(net, optimizer, tmp_path)
    assert (other.updates, other.epoch, repr(other)) == (3, 2, repr(optimizer))
    train(net, optimizer, 3, first=3)
    train(twin, other, 3, first=3)
    optimizer.apply_averages(net)
    other.apply_averages(twin)
    np.testing.assert_equal(twin.arrays(), net.arrays())
    np.testing.assert_equal(other.moments, optimizer.moments)


@pytest.mark.parametrize("way", [by_pickle, by_deepcopy, by_files])
def test_on_a_gpu_and_from_one_to_the_cpu(way, device, tmp_path):
    if device.on_cuda and way is by_pickle and hasattr(device.xp, "_is_the_stand_in"):
        pytest.skip("arrays of the stand-in for CuPy cannot be pickled")
    net, optimizer = dense_network().to(device), optimizers.Adam(0.02, average=0.9)
    train(net, optimizer, 3)
    twin, other = way(net, optimizer, tmp_path)
    assert all(isinstance(moment, np.ndarray) for held in other.moments.values() for moment in held)
    other.apply_averages(twin)
    optimizer.apply_averages(net)
    for name, array in twin.arrays().items():
        np.testing.assert_array_equal(device.get(array), device.get(net.arrays()[name]))
    train(net, optimizer, 2, first=3)
    train(twin, other, 2, first=3)
    for name, array in twin.arrays().items():
        np.testing.assert_array_equal(device.get(array), device.get(net.arrays()[name]))
    twin.to("cpu")
    train(twin, copy.copy(other), 1, first=5)


def test_copies_share_nothing():
    net, optimizer = dense_network(), optimizers.Adam(0.02)
    train(net, optimizer, 2)
    twin, state = copy.copy(optimizer), optimizer.state_dict()
    before = copy.deepcopy(state)
    train(net, optimizer, 2)
    np.testing.assert_equal(twin.state_dict(), before)
    np.testing.assert_equal(state, before)
    loaded = optimizers.Adam(0.02)
    loaded.load_state_dict(state)
    train(net, loaded, 1)
    np.testing.assert_equal(state, before)


def test_fit_continues_with_a_copy():
    net, twin, optimizer = dense_network(), dense_network(), optimizers.Adam(0.02)
    fit(net, (X, Y), optimizer=optimizer)
    fit(twin, (X, Y), optimizer=optimizers.Adam(0.02))
    other = copy.deepcopy(optimizer)
    fit(net, (X, Y), optimizer=optimizer)
    fit(twin, (X, Y), optimizer=other)
    np.testing.assert_equal(twin.arrays(), net.arrays())
    with pytest.raises(InputError, match="moments of another network"):
        other.step(net)


def test_phases_of_frozen_layers_take_an_optimizer_each():
    net, optimizer = dense_network(), optimizers.Adam(0.02)
    net.layers[0].trained = False
    fit(net, (X, Y), optimizer=optimizer)
    net.layers[0].trained = True
    message = r"has updated other arrays than the network trains now \(dense_1/weight\): create a new optimizer"
    with pytest.raises(InputError, match=message):
        fit(net, (X, Y), optimizer=optimizer)
    with pytest.raises(InputError, match=message):
        copy.copy(optimizer).step(net)
    before = net.layers[0].weight.copy()
    fit(net, (X, Y), optimizer=optimizers.Adam(0.02))
    assert (net.layers[0].weight != before).any()


def test_a_copy_takes_no_network_with_other_layers():
    net, optimizer = dense_network(), optimizers.Adam(0.02)
    train(net, optimizer, 1)
    wider = dense_network(hidden=11)
    before = copy.deepcopy(wider.arrays())
    with pytest.raises(InputError, match=r"updated other arrays .* \(dense_1/weight, dense_2/weight\): create a new"):
        copy.copy(optimizer).step(wider)
    np.testing.assert_equal(wider.arrays(), before)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: None, "state is a NoneType: pass the result of state_dict"),
        (lambda state: {}, "state has no epoch, kind, updates"),
        (lambda state: state | {"kind": np.array("SGD")}, "state is that of SGD, this optimizer is Adam"),
        (lambda state: state | {"updates": np.array(-1)}, r"state\['updates'\]=-1"),
        (lambda state: state | {"epoch": np.array(np.nan)}, r"state\['epoch'\]=nan"),
        (lambda state: state | {"updates": np.zeros(3)}, r"state\['updates'\] has shape \(3,\)"),
        (lambda state: state | {"updates": np.array(0)}, "state has moments, but updates = 0"),
        (lambda state: state | {5: np.zeros(3)}, "state has an unknown entry 5"),
        (lambda state: state | {"param_groups": np.zeros(3)}, "state has an unknown entry 'param_groups'"),
        (lambda state: state | {"moments/dense_1/weight/0": np.full((10, 9), np.nan, "f4")}, "or not finite"),
        (lambda state: state | {"moments/dense_1/weight/0": [[1, 2], [3]]}, r"weight/0'\] is a list that cannot become"),
        (lambda state: state | {"updates": [[1, 2], [3]]}, r"state\['updates'\] is a list that cannot become an array"),
        (
            lambda state: state | {"moments/dense_1/weight/1": np.full((10, 9), -1e-9, "f4")},
            "weight/1'\\] is a mean of squares, but holds a negative value",
        ),
        (lambda state: state | {"moments/dense_1/weight/0": np.zeros((10, 9))}, r"is float64 \(10, 9\)"),
        (lambda state: state | {"moments/dense_1/weight/0": np.zeros((9, 9), "f4")}, "of dense_1/weight"),
        (lambda state: state | {"moments/dense_1/weight/2": np.zeros((10, 9), "f4")}, "has 3 moments of dense_1/weight"),
    ],
)
def test_other_states_are_refused(change, message):
    net, optimizer, other = dense_network(), optimizers.Adam(0.02), optimizers.Adam(0.02)
    train(net, optimizer, 1)
    with pytest.raises(InputError, match=message):
        other.load_state_dict(change(optimizer.state_dict()))
    assert (other.updates, other.moments) == (0, {})
    with pytest.raises(InputError, match="has 2 moments of dense_1/weight, this optimizer keeps 3"):
        optimizers.Adam(0.02, average=0.9).load_state_dict(optimizer.state_dict())
