"""Log files and formats of LogMonitor with the rendered configuration, under Wine."""

from collections.abc import Callable
from typing import Any

import pytest

from .logmonitor import FILE, LOGS, PROCESS, Workload, written
from .wine import Windows

Start = Callable[..., Workload]

pytestmark = pytest.mark.slow

MORE = f"{LOGS}\\more"


@pytest.mark.parametrize("directory", ["C:\\app\\logs", "C:/app/logs/", "c:\\APP\\Logs\\", "C:\\app\\grüße €"])
def test_directory(start: Start, windows: Windows, directory: str) -> None:
    """A directory can have slashes, another case, and characters outside ASCII."""
    real = directory if "ß" in directory else LOGS
    windows.path(real).mkdir(parents=True)
    workload = start({"type": "File", "directory": directory})
    workload.ready(directory=real)
    workload.write("app.log", "a line\n", directory=real)
    workload.until("a line")
    workload.end()
    assert workload.lines() == ["a line"]


FILTERS = {
    "default": ({}, {"app", "app.log", "app.log.1", "app.txt"}),
    "extension": ({"filter": "*.log"}, {"app.log"}),
    "one-character": ({"filter": "app.?????"}, {"app.log.1"}),
    "another-case": ({"filter": "APP.LOG"}, {"app.log"}),
    "rotated-too": ({"filter": "*.log*"}, {"app.log", "app.log.1"}),
}


@pytest.mark.parametrize(("fields", "read"), FILTERS.values(), ids=FILTERS)
def test_filter(start: Start, windows: Windows, fields: dict[str, Any], read: set[str]) -> None:
    """`filter` selects files by their name, with wildcards and in any case."""
    windows.path(LOGS).mkdir(parents=True)
    workload = start({**FILE, **fields})
    workload.ready(name=min(read))
    for name in ("app", "app.log", "app.log.1", "app.txt"):
        workload.write(name, f"{name}\n")
    workload.until(*read)
    workload.end()
    assert set(workload.lines()) == read


@pytest.mark.parametrize("included", [True, False])
def test_subdirectories(start: Start, windows: Windows, included: bool) -> None:
    """`includeSubdirectories` reads the files of subdirectories as well; %FileName% escapes their backslashes."""
    windows.path(MORE).mkdir(parents=True)
    workload = start({**FILE, "includeSubdirectories": included, "customLogFormat": "%FileName%: %Message%"})
    workload.ready()
    workload.write("app.log", "a line\n", directory=MORE)
    workload.write("app.log", "a line\n")
    expected = ["more\\\\app.log: a line", "app.log: a line"] if included else ["app.log: a line"]
    workload.until(*expected)
    workload.end()
    assert sorted(workload.lines()) == sorted(expected)


def test_directory_that_is_created_in_time(start: Start, windows: Windows) -> None:
    """LogMonitor waits for a directory for `waitInSeconds`, and then reads its files."""
    windows.path("C:\\app").mkdir()
    workload = start({**FILE, "waitInSeconds": 60})
    told = "does not exist. LogMonitor will wait for 60 seconds for the directory to be created."
    workload.wait(lambda: any(message.endswith(told) for message in workload.messages()))
    workload.ready()
    workload.write("app.log", "a line\n")
    workload.until("a line")
    workload.end()
    assert workload.lines() == ["a line"]


def test_directory_that_is_created_too_late(start: Start, windows: Windows) -> None:
    """After `waitInSeconds`, the source is not read, while the program and other sources go on."""
    windows.path("C:\\app").mkdir()
    windows.path("C:\\other").mkdir()
    workload = start({**FILE, "waitInSeconds": 1}, {"type": "File", "directory": "C:\\other"})
    workload.wait(lambda: any("will not be monitored" in message for message in workload.messages()))
    workload.write("app.log", "too late\n")
    workload.ready(directory="C:\\other")
    workload.write("app.log", "still read\n", directory="C:\\other")
    workload.until("still read")
    workload.end()
    assert workload.lines() == ["still read"]


LINE = 'say "yes" <b> & C:\\t 100% of %Source% | grüße €'
MANGLED = 'say "yes" <b> & C:\\t 100% of %Source% | gr????e ???'
FORMATS = {
    "Custom": (LINE, LINE),
    "JSON": (
        '{"Source": "File","LogEntry": {"Logline": "say \\"yes\\" <b> & C:\\\\t 100% of %Source% | grüße €",'
        '"FileName": "app.log"},"SchemaVersion":"1.0.0"}',
        f'{{"Source":"Process","LogEntry":{{"Logline":"{MANGLED}"}},"SchemaVersion":"1.0.0"}}',
    ),
    "XML": (
        f"<Log><Source>File</Source><LogEntry><Logline>{LINE}</Logline><FileName>app.log</FileName></LogEntry></Log>",
        f"<Log><Source>Process</Source><LogEntry><Logline>{MANGLED}</Logline></LogEntry></Log>",
    ),
}


@pytest.mark.parametrize(("log_format", "expected"), FORMATS.items(), ids=FORMATS)
def test_formats(start: Start, log_format: str, expected: tuple[str, str]) -> None:
    """Lines of files and programs pass unchanged with Custom only.

    JSON escapes the lines of files, but neither JSON nor XML escapes anything else, and the bytes of programs outside
    ASCII become question marks.
    """
    workload = start(FILE, PROCESS, logMonitor={"logFormat": log_format})
    workload.ready()
    workload.write("app.log", f"{LINE}\n")
    workload.send(LINE)
    workload.until(*expected)
    workload.end()
    assert sorted(workload.lines()) == sorted(expected)


def test_fields_of_a_custom_format(start: Start) -> None:
    """A custom format has the fields of its type of source; the time is UTC, in whole seconds."""
    workload = start(
        {**FILE, "customLogFormat": "%TimeStamp% [%Source%] (%FileName%) %Message%"},
        {**PROCESS, "customLogFormat": "%TimeStamp% [%Source%] %Message%"},
    )
    workload.ready()
    workload.write("app.log", "a line\n")
    workload.send("from the program")
    workload.wait(lambda: len(workload.lines()) == 2)
    workload.end()
    time = "2026-01-01T00:00:00.000Z"
    assert all(line[len(time) - 5 : len(time)] == ".000Z" for line in workload.lines())
    assert {line[len(time) :] for line in workload.lines()} == {
        " [File] (app.log) a line",
        " [Process] from the program",
    }


REJECTED = {
    "vertical-bar": ("%FileName%|%Message%", "app.log"),
    "json": ("{'m':'%Message%'}|json", '{~\\"m~\\":~\\"a line~\\"}'),
    "unknown-field": ("%File%: %Message%", ": a line"),
}


@pytest.mark.parametrize(("custom", "line"), REJECTED.values(), ids=REJECTED)
def test_formats_that_the_chart_rejects(start: Start, custom: str, line: str) -> None:
    """LogMonitor drops what follows a vertical bar, even `|json`, whose JSON is invalid, and skips unknown fields."""
    workload = start(config=written({**FILE, "customLogFormat": custom}, {**FILE, "customLogFormat": "%Message%"}))
    workload.ready()
    workload.write("app.log", "a line\n")
    workload.until(line, "a line")
    workload.end()
    assert set(workload.lines()) - {"probe.log"} == {line, "a line"}


def test_percent_sign_that_the_chart_rejects(start: Start) -> None:
    """A percent sign outside a field stops a source at its first line.

    FormatEventLineLog (Utility.cpp) searches the end of the field forever.
    """
    other = {"type": "File", "directory": "C:\\app\\other", "customLogFormat": "%Message%"}
    workload = start(config=written({**FILE, "customLogFormat": "100% %Message%"}, other))
    workload.ready(directory="C:\\app\\other")
    workload.write("app.log", "lost\n")
    workload.write("app.log", "read\n", directory="C:\\app\\other")
    workload.until("read")
    workload.end()
    assert workload.lines() == ["read"]


def test_filter_for_subdirectories_that_the_chart_rejects(start: Start, windows: Windows) -> None:
    """With a filter that does not begin with an asterisk, new files in subdirectories are not read.

    EnqueueDirChangeEvents (LogFileMonitor.cpp) compares it with the path below the directory.
    """
    windows.path(MORE).mkdir(parents=True)
    windows.path(f"{MORE}\\app-old.log").touch()
    workload = start(
        config=written({**FILE, "filter": "app*", "includeSubdirectories": True, "customLogFormat": "%Message%"})
    )
    workload.ready(name="app-probe.log")
    workload.write("app-new.log", "of a new file\n", directory=MORE)
    workload.write("app-old.log", "of an old file\n", directory=MORE)
    workload.until("of an old file")
    workload.end()
    assert workload.lines() == ["of an old file"]


ENCODED = {
    "utf-8": ("utf-8", b"", "grüße €"),
    "utf-8-with-bom": ("utf-8", b"\xef\xbb\xbf", "grüße €"),
    "utf-16-with-bom": ("utf-16-le", b"\xff\xfe", "grüße €"),
    "utf-16": ("utf-16-le", b"", "grüße €"),
    "utf-16-big-endian-with-bom": ("utf-16-be", b"\xfe\xff", "grüße €"),
}


@pytest.mark.parametrize(("encoding", "mark", "line"), ENCODED.values(), ids=ENCODED)
def test_encodings_of_files(start: Start, encoding: str, mark: bytes, line: str) -> None:
    """Lines of UTF-8 and UTF-16 are printed as UTF-8, also those that are appended later."""
    workload = start(FILE)
    workload.ready()
    workload.write("app.log", mark + f"{line}\r\n".encode(encoding))
    workload.until(line)
    workload.write("app.log", f"later: {line}\r\n".encode(encoding))
    workload.until(f"later: {line}")
    workload.end()
    assert workload.lines() == [line, f"later: {line}"]


@pytest.mark.parametrize("by", ["bytes", "chunk"])
def test_characters_that_are_mangled(start: Start, by: str) -> None:
    """Characters outside ASCII of other encodings are wrong, and those at a multiple of 4,096 bytes of one read."""
    workload = start(FILE)
    workload.ready()
    long = "x" * 4094 + "€"
    workload.write("app.log", "grüße\n".encode("cp1252") if by == "bytes" else f"{long}\n")
    workload.wait(lambda: workload.lines())
    workload.end()
    [line] = workload.lines()
    assert line != ("grüße" if by == "bytes" else long)
    assert line.isascii() is False


@pytest.mark.parametrize("rotated", ["app.1.log", "app.log.1"])
def test_rotation_by_renaming(start: Start, rotated: str) -> None:
    """If `filter` also matches the rotated name, each line is printed once, whenever the file is renamed."""
    workload = start({**FILE, "filter": "*.log*"})
    workload.ready()
    workload.write("app.log", "before\n")
    workload.until("before")
    workload.write("app.log", "just before\n").rename(workload.folder(LOGS) / rotated)
    workload.write("app.log", "after\n")
    workload.until("just before", "after")
    workload.write(rotated, "to the old file\n")
    workload.until("to the old file")
    workload.end()
    assert sorted(workload.lines()) == ["after", "before", "just before", "to the old file"]
