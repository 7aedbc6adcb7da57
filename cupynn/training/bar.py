"""Output during training: a progress bar and a line per epoch."""

import sys
from io import StringIO
from time import perf_counter
from typing import Any

from tqdm import tqdm

from cupynn.console import Lenient
from cupynn.results.history import Epoch, History
from cupynn.training.tally import Tally

WIDTH = 100  # characters of the bar in a notebook, whose cells have no width to ask for
LAYOUT = "{desc}{percentage:3.0f}%|{bar:12}| {elapsed}<{remaining}{postfix}"
SHOW_EVERY = 0.1  # seconds between two updates of the bar's running figures


def in_notebook() -> bool:
    """Return whether this process runs a notebook."""
    ipython = sys.modules.get("IPython")  # notebooks load it
    return hasattr(ipython and ipython.get_ipython(), "kernel")


class NotebookBar(tqdm):
    """A progress bar below the cell that leaves no output when it is closed.

    tqdm's bar for notebooks needs ipywidgets and stays in the saved file as a widget that cannot be shown; its bar for
    terminals fills the file with all its states.
    """

    def __init__(self, **options: Any) -> None:
        self._handle: Any = None
        super().__init__(file=StringIO(), ncols=WIDTH, bar_format=LAYOUT, **options)

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Update the bar, or show a text in its place."""
        from IPython.display import display

        words = {"text/plain": str(self) if msg is None else msg}
        if self._handle is None:
            self._handle = display(words, raw=True, display_id=True)
        else:
            self._handle.update(words, raw=True)


class Bar:
    """The live progress bar and a line per epoch."""

    def __init__(self, epochs: int, samples: int, progress: bool) -> None:
        self.epochs = epochs
        self.progress = progress
        self.shown = 0.0
        options = {"total": epochs * samples, "unit": " samples", "leave": False, "mininterval": 0, "miniters": 1}
        if in_notebook():
            self.bar = NotebookBar(disable=not progress, **options)
        else:
            stream = Lenient(sys.stderr)
            self.bar = tqdm(file=stream, disable=not (progress and stream.isatty()), dynamic_ncols=True, **options)

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def update(self, number: int, tally: Tally, done: int) -> None:
        """Show the running figures of this process for its share of the `done` samples."""
        last = done * self.epochs == self.bar.total
        if self.bar.disable or (perf_counter() - self.shown < SHOW_EVERY and not last):
            return
        self.shown = perf_counter()
        activity = sum(map(int, tally.spikes[1:])) / tally.neurons / tally.samples
        self.bar.set_description(f"epoch {number}/{self.epochs}", refresh=False)
        self.bar.set_postfix_str(
            f"loss {float(tally.loss) / tally.samples:.1f}, {self._accuracy(tally)}spikes/neuron {activity:.1f}",
            refresh=False,
        )
        self.bar.update((number - 1) * self.bar.total // self.epochs + done - self.bar.n)

    def _accuracy(self, tally: Tally) -> str:
        if tally.objective.predicts == "counts":
            return ""
        return f"accuracy {int(tally.correct) / (tally.samples * tally.per_sample):.1%}, "

    def tell(self, notice: str) -> None:
        """Print a notice above the bar."""
        if self.progress:
            tqdm.write(notice, file=Lenient(sys.stdout))

    def tell_once(self, notices: list[str], history: History) -> None:
        """Print and record new notices."""
        for notice in notices:
            if notice not in history.notices:
                history.notices.append(notice)
                self.tell(notice)

    def line(self, epoch: Epoch) -> None:
        """Print the figures of a finished epoch above the bar."""
        if self.progress:
            self.bar.set_description(f"epoch {min(epoch.number + 1, self.epochs)}/{self.epochs}", refresh=False)
            self.bar.set_postfix_str("", refresh=False)  # clears the figures of the finished epoch
            width = len(str(self.epochs))
            tqdm.write(f"epoch {epoch.number:{width}}/{self.epochs}  {epoch}", file=Lenient(sys.stdout))
            Lenient(sys.stdout).flush()  # logs show it immediately
