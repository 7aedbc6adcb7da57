"""A matplotlib backend that behaves as if it had windows: it notes which are shown, and how often somebody waits."""

from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

shown = []  # figures, in order
waits = []  # for each wait, how many windows were open


class FigureManager(FigureManagerBase):
    def show(self):
        shown.append(self.canvas.figure)

    @classmethod
    def start_main_loop(cls):
        from matplotlib.pyplot import get_fignums

        waits.append(len(get_fignums()))


class FigureCanvas(FigureCanvasAgg):
    required_interactive_framework = "made-up"
    manager_class = FigureManager
