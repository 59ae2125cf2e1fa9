"""Shows the progress of long steps.

On a terminal, the current step is one line with a running timer. Elsewhere (CI, a pipe), a long step prints one plain
line when it becomes long and one when it ends, so that logs stay short.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

# Shorter steps print no line in a plain log.
_QUIET_SECONDS = 2.0
# Interval of progress lines for a long step in a plain log.
_REMIND_SECONDS = 30.0


def elapsed(seconds: float) -> str:
    """Format a duration in seconds: ``4.2 s``, ``1 min 05 s``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


class Progress:
    """Reports the steps of a task, with their number.

    Args:
        total: expected number of steps; 0: unknown.
        stream: output stream; default: standard error, so that standard output has only data.
    """

    def __init__(self, total: int = 0, stream: TextIO | None = None) -> None:
        self._total = total
        self._done = 0
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()

    @contextmanager
    def step(self, label: str) -> Iterator[None]:
        """Show ``label`` while the body runs, then its duration."""
        self._done += 1
        count = f"[{self._done}/{self._total}] " if self._total else ""
        started = time.monotonic()
        ended = threading.Event()
        ticker = threading.Thread(target=self._tick, args=(f"{count}{label}", started, ended), daemon=True)
        ticker.start()
        outcome = "failed after"
        try:
            yield
            outcome = "done in"
        except KeyboardInterrupt:
            outcome = ""  # the user caused it
            raise
        finally:
            ended.set()
            ticker.join()
            took = time.monotonic() - started
            if self._live:
                self._stream.write("\r\x1b[K")
            if outcome == "failed after" or (outcome and took >= _QUIET_SECONDS):
                self.line(f"{count}{label}: {outcome} {elapsed(took)}")

    def line(self, text: str) -> None:
        """Write a complete line."""
        self._stream.write(text + "\n")
        self._stream.flush()

    def _tick(self, label: str, started: float, ended: threading.Event) -> None:
        pause = 0.2 if self._live else _QUIET_SECONDS
        while not ended.wait(pause):
            took = time.monotonic() - started
            if self._live:
                self._stream.write(f"\r\x1b[K{label} ... {elapsed(took)}")
                self._stream.flush()
            else:
                self.line(f"{label} ..." if pause == _QUIET_SECONDS else f"{label} ... {elapsed(took)}")
                pause = _REMIND_SECONDS
