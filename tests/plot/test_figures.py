"""Figures and who shows them: scripts, windows, notebooks; and that nobody keeps them."""

import gc
import sys
import types
import weakref

import gui_backend
import matplotlib
import matplotlib.pyplot as plt
import pytest
from pictures import history, png, recorded, trains

from cupynn import plot
from cupynn.plot import figures
from cupynn.plot.figures import NotebookFigure, _opens_windows, new_figure, without_windows


@pytest.fixture
def windows(monkeypatch):
    """A backend with windows, and pyplot as it was afterwards."""
    monkeypatch.setattr(matplotlib.cbook, "_get_running_interactive_framework", lambda: None)  # else: headless
    before = matplotlib.get_backend()
    plt.switch_backend("module://gui_backend")
    gui_backend.shown.clear()
    gui_backend.waits.clear()
    yield gui_backend
    plt.close("all")
    plt.switch_backend(before)


def spikes():
    return trains(1, 10, 3)


class TestWithoutWindows:
    def test_pyplot_does_not_know_a_figure(self):
        plot.raster(spikes())
        assert plt.get_fignums() == []

    @pytest.mark.slow
    def test_a_thousand_figures_are_not_kept(self):
        made = [weakref.ref(new_figure(1)) for _ in range(1000)]
        gc.collect()
        assert not [figure for figure in made if figure() is not None]

    @pytest.mark.slow
    @pytest.mark.parametrize("make", [lambda: plot.raster(spikes()), lambda: plot.curves(history(3))])
    def test_nor_is_one_that_was_drawn_and_written(self, make):
        made = []
        for _ in range(3):
            figure = make()
            png(figure)
            figure._repr_png_()
            made.append(weakref.ref(figure))
        del figure
        gc.collect()
        assert [figure() for figure in made] == [None] * 3

    def test_show_says_what_to_do_instead(self):
        figure = plot.raster(spikes())
        with pytest.warns(UserWarning, match=r"the backend agg opens no windows: use figure.savefig\(path\)"):
            figure.show()
        figure.show(warn=False)
        assert plt.get_fignums() == []


class TestWindows:
    def test_figures_are_shown_in_order_beside_those_of_pyplot(self, windows):
        own = plt.figure()
        two = [plot.raster(spikes()), plot.curves(history(2))]
        two[0].show(block=False)
        two[1].show()
        assert windows.shown == [own, two[0], own, *two]
        assert windows.waits == [3]

    def test_a_figure_shows_itself(self, windows):
        figure = plot.raster(spikes())
        figure.show()
        figure.show(block=False)
        assert windows.shown == [figure] * 2
        assert windows.waits == [1]

    def test_so_does_one_from_before_there_were_windows(self, windows):
        figure = NotebookFigure()
        assert plt.get_fignums() == []
        figure.show()
        assert windows.shown == [figure]
        assert plt.gcf() is figure

    def test_a_closed_one_is_as_good_as_new(self, windows):
        figure = plot.raster(spikes())
        plt.close(figure)
        assert png(figure)
        assert figure._repr_png_()[0]
        figure.show()
        assert windows.shown == [figure]

    def test_nor_does_another_that_has_its_number_stand_for_it(self, windows):
        figure = plot.raster(spikes())
        figure.show()
        plt.close(figure)
        other = plt.figure()
        figure.show()
        assert windows.shown == [figure, other, figure]

    @pytest.mark.slow
    def test_a_thousand_figures_are_not_kept(self, windows):
        own = plt.figure()
        made = [weakref.ref(new_figure(1)) for _ in range(1000)]
        gc.collect()
        assert not [figure for figure in made if figure() is not None]
        assert plt.get_fignums() == [own.number]

    def test_axes_of_one_s_own_open_no_further_window(self, windows):
        own, ax = plt.subplots()
        assert plot.raster(spikes(), ax=ax) is ax
        assert plt.get_fignums() == [own.number]

    def test_in_interactive_mode_a_figure_has_its_window_at_once(self, windows):
        with plt.ion():
            figure = plot.raster(spikes())
            assert windows.shown == [figure]
            assert figure._repr_png_() is None  # a notebook would show it a second time
            with without_windows():
                other = plot.raster(spikes())
                assert other._repr_png_()
        assert windows.shown == [figure]
        assert plt.fignum_exists(figure.canvas.manager.num)


class TestWidgets:
    @pytest.fixture(autouse=True)
    def widgets(self, windows, monkeypatch):
        """A backend whose canvases show themselves in notebooks, as that of ``%matplotlib widget``."""
        monkeypatch.setattr(figures, "WIDGETS", ("gui_backend",))
        monkeypatch.setattr(figures, "WITHOUT_WINDOWS", ("module://gui_backend",))
        monkeypatch.setattr(gui_backend.FigureCanvas, "_repr_mimebundle_", _bundle, raising=False)

    def test_a_notebook_gets_the_canvas_with_its_tools(self):
        with plt.ion():
            figure = plot.raster(spikes())
            assert plt.get_fignums() == []
            assert figure._repr_mimebundle_() == {"tools": figure}
            assert figure._repr_mimebundle_() == {"tools": figure}
        assert plt.get_fignums() == [figure.canvas.manager.num]
        assert gui_backend.shown == []

    def test_a_picture_that_is_replaced_stays_a_picture(self):
        figure = plot.raster(spikes())
        figure.fixed = True
        assert figure._repr_mimebundle_() is None
        assert figure._repr_png_()


def _bundle(canvas, include=None, exclude=None):
    return {"tools": canvas.figure}


def test_without_widgets_the_picture_is_shown():
    assert plot.raster(spikes())._repr_mimebundle_() is None


def test_show_in_a_notebook_displays_below_the_cell(monkeypatch):
    displayed = []
    ipython, display = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    ipython.get_ipython, display.display = lambda: "a shell", displayed.append
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    figure = plot.membranes(recorded({"input": spikes(), "output": spikes()}), "output")
    figure.show()
    assert displayed == [figure]


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        ("agg", False),
        ("SVG", False),
        ("nbAgg", False),
        ("module://matplotlib_inline.backend_inline", False),
        ("inline", False),
        ("module://ipympl.backend_nbagg", False),
        ("TkAgg", True),
        ("qtagg", True),
        ("macosx", True),
        ("module://gui_backend", True),
    ],
)
def test_backends_with_windows(monkeypatch, backend, expected):
    monkeypatch.setattr("cupynn.plot.figures.get_backend", lambda: backend)
    assert _opens_windows() == expected
