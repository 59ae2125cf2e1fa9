"""What all followers share: a thread that collects lines, and ways to wait for them."""

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

    Lines are kept in memory: 200,000 lines of 100 bytes take about 30 MB.
    """

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._failure: BaseException | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__, daemon=True)

    def start(self) -> Self:
        """Begin to collect; returns the follower itself."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """Collect what is there at this moment, then end."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._raise_failure()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __len__(self) -> int:
        """How many lines have arrived so far."""
        return len(self._lines)

    def lines(self) -> list[bytes]:
        """The lines that have arrived so far, without their newlines, in the order of arrival."""
        self._raise_failure()
        return self._lines[:]

    def wait(self, lines: int, *, timeout: float, quiet: float = 0) -> bool:
        """Wait until that many lines have arrived; False if they did not within `timeout` seconds.

        `quiet` gives up early, when nothing at all has arrived for so many seconds.
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
        """Wait until nothing has arrived for `quiet` seconds, at most `timeout` seconds."""
        self.wait(1 << 62, timeout=timeout, quiet=quiet)

    def count(
        self, written: int | Mapping[str, int], *, timeout: float = 30, quiet: float = 5, label: str = ""
    ) -> Report:
        """Wait for the written lines as `wait` does, then count what came.

        A line that is missing is asked for until `timeout` or `quiet` runs out, before it is called lost.
        """
        total = written if isinstance(written, int) else sum(written.values())
        self.wait(total, timeout=timeout, quiet=quiet)
        return count(self.lines(), written, label=label)

    @abstractmethod
    def _collect(self) -> Iterator[list[bytes]]:
        """Yield lines as they come, often (empty lists too); after `_stopping` is set, the rest."""

    def _run(self) -> None:
        try:
            for lines in self._collect():
                self._lines += lines
        except BaseException as error:  # handed to the thread that asks for the lines
            self._failure = error

    def _raise_failure(self) -> None:
        if isinstance(self._failure, HarnessError):
            raise self._failure
        if self._failure is not None:
            raise HarnessError(f"{type(self).__name__} stopped: {self._failure!r}.") from self._failure
