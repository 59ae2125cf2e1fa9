"""Progress: a counting line on a terminal, few plain lines elsewhere."""

import io
import re
import time

import pytest

from harness.tools import progress
from harness.tools.progress import Progress, elapsed


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (4.24, "4.2 s"), (59.94, "59.9 s"), (60, "1 min 00 s"), (125.4, "2 min 05 s")],
)
def test_duration_reads_like_speech(seconds: float, text: str) -> None:
    """Seconds have one decimal; from a minute on they are whole."""
    assert elapsed(seconds) == text


def test_short_step_says_nothing_in_a_log() -> None:
    """A step of a moment leaves no line in a plain log."""
    log = io.StringIO()
    with Progress(stream=log).step("short"):
        pass
    assert log.getvalue() == ""


def test_long_step_is_announced_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A longer step has one line while it runs and one when it has ended, with its number and its time."""
    monkeypatch.setattr(progress, "_QUIET_SECONDS", 0.05)
    log = io.StringIO()
    work = Progress(total=2, stream=log)
    with work.step("short"):
        pass
    with work.step("long"):
        time.sleep(0.2)
    assert log.getvalue() == "[2/2] long ...\n[2/2] long: done in 0.2 s\n"


def test_failed_step_is_always_named() -> None:
    """A step that raises is named however short it was."""
    log = io.StringIO()
    with pytest.raises(ValueError, match="broken"), Progress(stream=log).step("breaking"):
        raise ValueError("broken")
    assert re.fullmatch(r"breaking: failed after \d+\.\d s\n", log.getvalue())


def test_terminal_line_counts_and_is_cleared() -> None:
    """On a terminal the step's one line shows the time and is gone afterwards."""
    screen = Terminal()
    with Progress(stream=screen).step("working"):
        time.sleep(0.5)
    assert "working ... 0." in screen.getvalue()
    assert screen.getvalue().endswith("\r\x1b[K")
