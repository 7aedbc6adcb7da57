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
    """While entered, the first signal is noted in `asked`; one more raises KeyboardInterrupt at once.

    Handlers that somebody else has set, and threads other than the main one, which cannot have any, are left alone.

    Attributes
    ----------
    asked : int
        The signal that came, 0 for none.
    left_at_once : bool
        Whether it broke into work that may be left at any point.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.left_at_once = self._at_once = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> "Signals":
        if threading.current_thread() is threading.main_thread():
            for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
                if signal.getsignal(number) is usual:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    @contextmanager
    def breaking_in(self) -> Iterator[None]:
        """Let the first signal raise KeyboardInterrupt as well: for work that may be left at any point."""
        self._at_once = True
        try:
            if self.asked:
                self._break_in()
            yield
        finally:
            self._at_once = False

    def _note(self, number: int, _: FrameType | None) -> None:
        again, self.asked = bool(self.asked), number
        if self._at_once:
            self._break_in()
        if again:
            raise KeyboardInterrupt

    def _break_in(self) -> None:
        self.left_at_once = True
        raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt for what Numba makes of it when it comes while a kernel runs, a SystemError."""
    try:
        yield
    except SystemError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, KeyboardInterrupt):
            cause = cause.__cause__ or cause.__context__
        if cause is not None:
            raise KeyboardInterrupt from None
        raise
