"""A small process that outlives a training of several, and says how to go on if it was killed.

Launchers kill all processes at once when one has died, so that none of them could say it.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def watched(last_words: str) -> Iterator[None]:
    """Have `last_words` printed if this process dies before the context ends, in whatever way it does."""
    command = [sys.executable, "-I", "-S", __file__, last_words]
    guard = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # no signal to a group reaches it
    try:
        yield
    finally:
        guard.communicate(b"alive")


def main() -> None:
    """Wait for the other end of the pipe: it is closed by its process, or by the death of that."""
    if not sys.stdin.buffer.read():
        print(sys.argv[1], file=sys.stderr)


if __name__ == "__main__":
    main()
