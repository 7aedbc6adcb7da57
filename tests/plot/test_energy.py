"""`plot.energy`: the points are where the evaluations say, and what cannot be drawn is refused."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from factories import dense_network, draw_data
from matplotlib.colors import to_hex

from cupynn import plot
from cupynn.checks import InputError
from cupynn.losses import CountRegression
from cupynn.plot.style import PALETTE
from cupynn.results import Evaluation

X, Y = draw_data(9)


def evaluated(hidden):
    return dense_network(hidden=hidden).evaluate((X, Y))


def test_points(small_run):
    several = [evaluated(5), evaluated(6), evaluated(7)]
    (axes,) = plot.energy({"one": evaluated(10), "epochs": several, "run": small_run}).axes
    lines = axes.get_lines()
    assert [len(line.get_xdata()) for line in lines] == [1, 3, 1]
    np.testing.assert_array_equal(lines[1].get_xdata(), [each.operations.accumulates for each in several])
    np.testing.assert_array_equal(lines[1].get_ydata(), [each.accuracy for each in several])
    assert [to_hex(line.get_color()).upper() for line in lines] == list(PALETTE[:3])
    assert [text.get_text() for text in axes.texts] == ["one", "epochs", "1", "3", "run"]
    assert axes.get_xlabel() == "accumulates per sample"
    assert axes.get_xscale() == ("log" if lines[2].get_xdata()[0] > 10 * lines[1].get_xdata().min() else "linear")


def test_the_energy_axis():
    evaluation = evaluated(10)
    (axes,) = plot.energy({"one": evaluation}).axes
    (above,) = axes.child_axes
    assert "estimated energy per sample (nJ), 0.9 pJ" in above.get_xlabel()
    own = {"accumulate": 2.0, "multiply_accumulate": 1.0, "neuron_update": 1.0}
    assert not plot.energy({"one": evaluation}, own).axes[0].child_axes  # its updates are not on this axis


def test_a_regression():
    evaluation = dense_network().evaluate((X, np.ones((9, 3)) * Y[:, None]), CountRegression())
    assert plot.energy({"one": evaluation}).axes[0].get_ylabel() == "R²"
    with pytest.raises(InputError, match="regressions and classifications"):
        plot.energy({"one": evaluation, "two": evaluated(3)})


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ({}, r"results has the names \[\]: pass named results"),
        ([1], "results is a list: pass named results"),
        ({"a": 3}, r"results\['a'\] is an int"),
        ({"a": []}, r"results\['a'\] is a list"),
        ({"a": "missing"}, "cannot read .*missing.*: pass the folder of a finished run"),
        ({"a": Evaluation(0.5, None, {}, 0, {}, np.zeros((2, 2), int))}, r"results\['a'\] has no operations"),
    ],
)
def test_what_cannot_be_drawn(results, message):
    with pytest.raises(InputError, match=message):
        plot.energy(results)


def test_another_table():
    with pytest.raises(InputError, match="pass picojoules of"):
        plot.energy({"one": evaluated(3)}, {"accumulate": 1.0})


def test_fonts_of_the_users_axes():
    own, axes = plt.subplots(layout="constrained")
    plot.energy({"one": evaluated(3)}, ax=axes)
    above = axes.child_axes[0]
    assert above.xaxis.label.get_size() == axes.xaxis.label.get_size()
    assert above.get_xticklabels()[0].get_size() == axes.get_xticklabels()[0].get_size()
    plt.close(own)
