"""SIGINT and SIGTERM during a training: noted, so that the step that goes on is finished and its outcome saved."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """A signal ended a training, whose state is saved.

    Attributes
    ----------
    exit_code : int
        130 for SIGINT, 143 for SIGTERM, as shells count.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Signals:
    """While entered, signals are noted in `asked`, for the training to end when its state can be saved.

    Once one is noted, no other raises: habit presses Ctrl-C twice, and the second must not break off the save that the first
    has asked for. Handlers set by others are left alone, and threads other than the main one cannot have any.

    Parameters
    ----------
    saves : bool
        Whether there is a state to save; without one, a second signal raises KeyboardInterrupt at once.

    Attributes
    ----------
    asked : int
        The signal that came, 0 for none.
    broke_in : bool
        Whether it has ended work that can be left at any point.
    """

    def __init__(self, saves: bool) -> None:
        self.saves = saves
        self.asked = 0
        self.broke_in = self._at_once = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> "Signals":
        if threading.current_thread() is threading.main_thread():
            for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
                if signal.getsignal(number) is usual and (self.saves or number == signal.SIGINT):
                    self._before[number] = usual
                    signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number in reversed(self._before):  # SIGINT last: from then on it may raise
            signal.signal(number, self._before[number])

    @contextmanager
    def breaking_in(self) -> Iterator[None]:
        """Let the first signal raise KeyboardInterrupt at once: for work that can be left at any point."""
        self._at_once = True
        try:
            if self.asked:
                self._break_in()
            yield
            self.broke_in = False
        finally:
            self._at_once = False

    def _note(self, number: int, _: FrameType | None) -> None:
        again, self.asked = self.asked, number
        if self._at_once and not again:
            self._break_in()
        if again and not self.saves:
            raise KeyboardInterrupt

    def _break_in(self) -> None:
        self.broke_in = True
        raise KeyboardInterrupt


def handler_error(error: SystemError) -> BaseException:
    """What a signal handler raised while a kernel was called, of which Python makes a SystemError; else the error itself."""
    return error.__cause__ or error
