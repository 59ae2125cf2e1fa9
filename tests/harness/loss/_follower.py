"""The base of all followers: a thread that collects lines, and methods to wait for them."""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Self

from harness.errors import HarnessError
from harness.loss.count import Report, count

POLL_SECONDS = 0.05


class Follower(ABC):
    """Collects lines in the background from `start` to `stop`; also a context manager.

    Lines are kept in memory: 200,000 lines of 100 bytes use about 30 MB.
    """

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._failure: BaseException | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)

    def start(self) -> Self:
        """Start collecting; return the follower."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Collect the available lines, then stop."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._raise_failure()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __len__(self) -> int:
        """Return the number of lines so far."""
        return len(self._lines)

    def lines(self) -> list[bytes]:
        """Return the lines so far, without newlines, in order of arrival."""
        self._raise_failure()
        return self._lines[:]

    def wait(self, lines: int, *, timeout: float, quiet: float = 0) -> bool:
        """Wait until a number of lines has arrived; return False after `timeout` seconds.

        `quiet` gives up early, after so many seconds without a line.
        """
        until = time.monotonic() + timeout
        arrived, since = len(self), time.monotonic()
        while len(self) < lines:
            self._raise_failure()
            now = time.monotonic()
            if len(self) != arrived:
                arrived, since = len(self), now
            if now >= until or (quiet and now - since >= quiet):
                return False
            time.sleep(POLL_SECONDS)
        return True

    def settle(self, quiet: float, *, timeout: float) -> None:
        """Wait until no line has arrived for `quiet` seconds, at most `timeout` seconds."""
        self.wait(1 << 62, timeout=timeout, quiet=quiet)

    def count(
        self, written: int | Mapping[str, int], *, timeout: float = 30, quiet: float = 5, label: str = ""
    ) -> Report:
        """Wait for the written lines like `wait`, then count.

        A missing line counts as lost only after `timeout` or `quiet`.
        """
        total = written if isinstance(written, int) else sum(written.values())
        self.wait(total, timeout=timeout, quiet=quiet)
        return count(self.lines(), written, label=label)

    @abstractmethod
    def _collect(self) -> Iterator[list[bytes]]:
        """Yield lists of new lines frequently, even empty ones; after `_stopping` is set, yield the rest."""

    def _run(self) -> None:
        try:
            for lines in self._collect():
                self._lines += lines
        except BaseException as error:  # re-raised in the thread that reads the lines
            self._failure = error

    def _raise_failure(self) -> None:
        if isinstance(self._failure, HarnessError):
            raise self._failure
        if self._failure is not None:
            raise HarnessError(f"{type(self).__name__} stopped: {self._failure!r}.") from self._failure
