"""Random networks against a second simulation of the same equations; `tests/reliability/differential.py` draws more."""

import pytest
from reliability.differential import Found, compare


@pytest.mark.parametrize("first", [0, 5, 10, 15])
def test_random_networks(first):
    found = Found()
    for seed in range(first, first + 5):
        compare(seed, found)
    assert not found.faults
    assert found.spikes > 300
    assert found.ties <= 2


def test_a_fault_is_found(monkeypatch):
    """The comparison would be worth nothing if it did not see a wrong spike and a wrong weight gradient."""
    from cupynn import Sequential

    plain = Sequential.backward

    def backward(net, error):
        below = plain(net, error)
        net.layers[0].grads["weight"] *= 1.001
        net.layers[-1].v_th += 0.5  # now the simulation has another threshold than the spikes had
        return below

    monkeypatch.setattr(Sequential, "backward", backward)
    found = Found()
    compare(1, found)
    assert any("gradient differs" in fault for fault in found.faults)
    assert any("fire" in fault for fault in found.faults)
