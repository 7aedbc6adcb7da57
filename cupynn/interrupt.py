"""Signals: noted during a training, so that it ends after a saved step; deferred where an interrupt would do harm."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """A signal ended a training, whose state is saved.

    Attributes
    ----------
    exit_code : int
        130 for SIGINT, 143 for SIGTERM, as shells count.

    Examples
    --------
    >>> try:                                                             # doctest: +SKIP
    ...     net.fit(train, checkpoint="training.npz")
    ... except Interrupted as stop:
    ...     sys.exit(stop.exit_code)
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
    terminate : bool
        Whether SIGTERM is noted too, as there is a state to save; else it ends the process, as it always does.

    Attributes
    ----------
    asked : int
        The signal that came, 0 for none.
    broke_in : bool
        Whether it interrupted validation or a callback.
    """

    def __init__(self, terminate: bool) -> None:
        self.terminate = terminate
        self.asked = 0
        self.broke_in = self._at_once = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> "Signals":
        if threading.current_thread() is threading.main_thread():
            for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, signal.SIG_DFL)):
                handler = signal.getsignal(number)
                outer = isinstance(getattr(handler, "__self__", None), Signals)  # of a training whose callback trains
                if (handler is usual or outer) and (self.terminate or number == signal.SIGINT):
                    self._before[number] = handler
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

    def _break_in(self) -> None:
        self.broke_in = True
        raise KeyboardInterrupt


class Deferred:
    """While entered, Python's signal handlers wait; they are called at the end.

    For what an interrupt would leave half done for the rest of the process, such as Numba while it compiles.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Callable] = {}
        self._came: list[tuple[int, FrameType | None]] = []

    def __enter__(self) -> "Deferred":
        if threading.current_thread() is threading.main_thread():  # no other runs handlers
            try:
                for number in signal.valid_signals():
                    if callable(handler := signal.getsignal(number)):
                        self._handlers[number] = handler
                        signal.signal(number, self._note)
            except BaseException:  # raised by the handler of a signal that was still to come
                self.__exit__()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        # `signal.signal` runs handlers before it sets one, so that `_note` collects to the last.
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._call_handlers()

    def _call_handlers(self) -> None:
        if self._came:
            number, frame = self._came.pop(0)
            try:
                self._handlers[number](number, frame)
            finally:  # the others are called even if this one raises
                self._call_handlers()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._came.append((number, frame))
