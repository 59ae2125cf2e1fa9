"""Lines that LogMonitor loses, under Wine: the list in docs/logmonitor.md."""

from collections.abc import Callable

import pytest

from .logmonitor import FILE, LOGS, PROCESS, Workload
from .wine import Windows

Start = Callable[..., Workload]

pytestmark = pytest.mark.slow


def test_lines_before_the_start(start: Start, windows: Windows) -> None:
    """Lines that a file has when LogMonitor starts are lost; those that are appended later are not."""
    windows.path(LOGS).mkdir(parents=True)
    windows.path(f"{LOGS}\\app.log").write_text("before\n")
    workload = start(FILE)
    workload.ready()
    workload.write("app.log", "after\n")
    workload.until("after")
    workload.end()
    assert workload.lines() == ["after"]


def test_first_lines_of_a_program_beside_many_files(start: Start, windows: Windows) -> None:
    """LogMonitor starts the program before it has listed a directory; what the program writes until then is lost.

    StartLogFileMonitor (LogFileMonitor.cpp) reports that it has started, and then opens each file.
    """
    windows.path(LOGS).mkdir(parents=True)
    for number in range(4000):
        windows.path(f"{LOGS}\\{number}.log").touch()
    workload = start(FILE, PROCESS, command=["cmd.exe", "/c", f"echo lost>> {LOGS}\\app.log& more"])
    workload.wait(lambda: windows.path(f"{LOGS}\\app.log").exists())
    workload.ready()
    workload.write("app.log", "read\n")
    workload.until("read")
    workload.end()
    assert workload.lines() == ["read"]


def test_rest_of_a_program_s_write_after_a_nul_byte(start: Start) -> None:
    """What a program writes after a NUL byte is lost up to the end of the read.

    `cmd /u` writes UTF-16, where a NUL byte follows each letter of `one`. The inner one writes ASCII.
    """
    workload = start(PROCESS, command=["cmd.exe", "/u", "/c", "echo one& cmd.exe /c more"])
    workload.send("two")
    workload.wait(lambda: "two" in workload.output())
    workload.end()
    assert "".join(workload.lines()) == "otwo"


def test_rest_of_a_file_s_line_after_a_nul_byte(start: Start) -> None:
    """What follows a NUL byte in a line of a file is lost; the next line is not."""
    workload = start(FILE)
    workload.ready()
    workload.write("app.log", "first\n")
    workload.until("first")
    workload.write("app.log", b"one\0rest\nlast\n")
    workload.until("last")
    workload.end()
    assert workload.lines() == ["first", "one", "last"]


def test_last_line_of_a_program_without_a_line_break(start: Start, windows: Windows) -> None:
    """A last line without a line break is lost when the program exits."""
    windows.path("C:\\app").mkdir()
    windows.path("C:\\app\\text").write_bytes(b"one\r\ntwo")
    workload = start(PROCESS, command=["cmd.exe", "/c", "type C:\\app\\text& more"])
    workload.until("one")
    workload.end()
    assert workload.lines() == ["one"]


def test_last_lines_of_a_program_that_exits_at_once(start: Start, windows: Windows) -> None:
    """LogMonitor exits with the program, and may lose its last lines; none in between, and none if the program waits.

    CreateChildProcess (ProcessMonitor.cpp) waits for the process, but not for the thread that reads its output.
    """
    count = 2000
    expected = [f"{number} {'x' * 40}" for number in range(count)]
    windows.path("C:\\app").mkdir()
    windows.path("C:\\app\\text").write_text("".join(f"{line}\r\n" for line in expected), newline="")
    at_once = start(PROCESS, command=["cmd.exe", "/c", "type C:\\app\\text"])
    at_once.end()
    printed = _not_empty(at_once)
    assert printed == expected[: len(printed)]
    waiting = start(PROCESS, command=["cmd.exe", "/c", "type C:\\app\\text& more"])
    waiting.until(expected[-1])
    waiting.end()
    assert _not_empty(waiting) == expected


def _not_empty(workload: Workload) -> list[str]:
    # LogMonitor prints an empty line if a read ends within a line break.
    return [line for line in workload.lines() if line]


def test_copied_and_truncated_file(start: Start) -> None:
    """After a file was truncated, LogMonitor waits until it is longer than before, and prints what exceeds that."""
    workload = start({**FILE, "filter": "*.log"})
    workload.ready()
    log = workload.write("app.log", "0123456789\n")
    workload.until("0123456789")
    log.write_text("")
    workload.write("app.log", "lost\n")
    workload.write("probe.log", "marker\n")
    workload.until("marker")
    workload.write("app.log", "lost until here, read\n")
    workload.wait(lambda: len(workload.lines()) == 3)
    workload.end()
    assert workload.lines() == ["0123456789", "marker", "ntil here, read"]


ROTATIONS = {"other-name": ("*.log", "app.log.1"), "filter-without-asterisk": ("app*.log", "app.1.log")}


@pytest.mark.parametrize(("pattern", "rotated"), ROTATIONS.values(), ids=ROTATIONS)
def test_file_renamed_to_a_name_that_is_not_read(start: Start, pattern: str, rotated: str) -> None:
    """Lines of a renamed file are lost if `filter` does not match the new name, or does not begin with an asterisk.

    LogFileRenameNewEventHandler (LogFileMonitor.cpp) compares `filter` with the whole path, and forgets the file.
    """
    workload = start({**FILE, "filter": pattern})
    workload.ready(name="app-probe.log")
    log = workload.write("app.log", "before\n")
    workload.until("before")
    log.rename(log.with_name(rotated))
    workload.write("app.log", "after\n")
    workload.until("after")
    workload.write(rotated, "to the old file\n")
    workload.write("app.log", "last\n")
    workload.until("last")
    workload.end()
    assert workload.lines() == ["before", "after", "last"]


def test_line_that_is_written_in_parts(start: Start) -> None:
    """A line of a file that is written in parts becomes a line for each part."""
    workload = start(FILE)
    workload.ready()
    workload.write("app.log", "one")
    workload.until("one")
    workload.write("app.log", " line\n")
    workload.until(" line")
    workload.end()
    assert workload.lines() == ["one", " line"]


@pytest.mark.parametrize("directory", ["C:\\absent\\logs", "C:\\logs"], ids=["no-parent", "below-the-drive"])
def test_directory_that_logmonitor_cannot_wait_for(start: Start, windows: Windows, directory: str) -> None:
    """A missing directory is not read later if its parent directory does not exist either, or is the drive itself.

    _RetryOpenDirectoryWithInterval (FileMonitorUtilities.cpp) watches the parent directory, for a drive by a path of
    the volume.
    """
    windows.path(LOGS).mkdir(parents=True)
    workload = start({"type": "File", "directory": directory}, FILE)
    workload.wait(lambda: any("will not be monitored" in message for message in workload.messages()))
    workload.write("app.log", "lost\n", directory=directory)
    workload.ready()
    workload.write("app.log", "read\n")
    workload.until("read")
    workload.end()
    assert workload.lines() == ["read"]
