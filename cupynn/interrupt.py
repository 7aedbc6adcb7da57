"""Signals during training, which end it after its state is saved, and signals deferred while an interrupt would do harm."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


class Interrupted(KeyboardInterrupt):
    """A signal ended a training, and its state is saved.

    Attributes
    ----------
    exit_code : int
        130 for SIGINT, 143 for SIGTERM, as in shells.

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
    """While entered, record signals in `asked`, so that a training can end after its state is saved.

    After the first signal, no other raises: users often press Ctrl-C twice, and the second must not interrupt the save that
    the first requested. Custom signal handlers are kept. Outside the main thread, nothing changes.

    Parameters
    ----------
    terminate : bool
        If True, record SIGTERM too, as there is a state to save; otherwise it ends the process as usual.

    Attributes
    ----------
    asked : int
        The recorded signal, or 0.
    broke_in : bool
        True if the signal interrupted validation or a callback.
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
                outer = isinstance(getattr(handler, "__self__", None), Signals)  # a callback of a training trains
                if (handler is usual or outer) and (self.terminate or number == signal.SIGINT):
                    self._before[number] = handler
                    signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number in reversed(self._before):  # SIGINT last: once restored it may raise
            signal.signal(number, self._before[number])

    @contextmanager
    def breaking_in(self) -> Iterator[None]:
        """Let the first signal raise KeyboardInterrupt immediately, in work that may stop at any point."""
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
    """While entered, defer the calls of Python's signal handlers until the exit.

    Protects work that must not be left half done in this process, such as Numba's compilation.
    """

    def __init__(self) -> None:
        self._handlers: dict[int, Callable] = {}
        self._came: list[tuple[int, FrameType | None]] = []

    def __enter__(self) -> "Deferred":
        if threading.current_thread() is threading.main_thread():  # only this thread runs handlers
            try:
                for number in signal.valid_signals():
                    if callable(handler := signal.getsignal(number)):
                        self._handlers[number] = handler
                        signal.signal(number, self._note)
            except BaseException:  # raised by a handler that is not replaced yet
                self.__exit__()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        # `signal.signal` runs pending handlers before it sets one, so `_note` misses no signal.
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._call_handlers()

    def _call_handlers(self) -> None:
        if self._came:
            number, frame = self._came.pop(0)
            try:
                self._handlers[number](number, frame)
            finally:  # the remaining handlers run even if this one raises
                self._call_handlers()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._came.append((number, frame))
