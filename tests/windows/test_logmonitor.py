"""LogMonitor with the rendered configuration and command, under Wine, which has neither an event log nor ETW."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from .logmonitor import CHART, FILE, LOGS, PROCESS, Workload, rendered, written
from .wine import Windows

Start = Callable[..., Workload]

pytestmark = pytest.mark.slow

COPY = "C:\\logmonitor-files\\LogMonitor"
# Messages about settings; others are about sources that do not start.
ABOUT_SETTINGS = re.compile(
    r".*(pars|Invalid (level|source|configuration|File)|Skipping|not found|Failed to (process|open J)).*"
)
LEVELS = ("Critical", "Error", "Warning", "Information", "Verbose")
EVENTS = {"type": "EventLog", "channels": [{"name": "System"}]}
ETW = {"type": "ETW", "providers": [{"providerName": "Microsoft-Windows-IIS-Logging"}]}


def test_init_container_copies_the_program_and_its_configuration(
    start: Start, windows: Windows, logmonitor_exe: Path
) -> None:
    """The command of the init container, as it is, in Wine's cmd.exe, copies both files, again when it is restarted."""
    workload = start(FILE)
    pod, data = rendered(FILE)
    [copier] = pod["initContainers"]
    windows.path(COPY).joinpath("LogMonitorConfig.json").write_text("{}")
    assert workload.end() == 0
    assert (workload.copied.returncode, windows.run(*copier["command"]).returncode) == (0, 0)
    copies = {file.name: file.read_bytes() for file in windows.path(COPY).iterdir()}
    assert copies == {
        "LogMonitor.exe": logmonitor_exe.read_bytes(),
        "LogMonitorConfig.json": data["LogMonitorConfig.json"].encode(),
    }


def test_init_container_fails_without_the_configuration(start: Start, windows: Windows) -> None:
    """If the ConfigMap has no LogMonitorConfig.json, the init container fails, so the pod does not start without it."""
    start(FILE).end()
    windows.path("C:\\logmonitor-config\\LogMonitorConfig.json").unlink()
    [copier] = rendered(FILE)[0]["initContainers"]
    assert windows.run(*copier["command"]).returncode != 0


def test_copied_logmonitor_reads_the_rendered_configuration(start: Start) -> None:
    """The rendered command starts the copy of LogMonitor, which reads the rendered sources and starts the program."""
    workload = start(FILE, PROCESS)
    workload.ready()
    workload.send("from the program")
    workload.write("app.log", "from a file\n")
    workload.until("from the program", "from a file")
    assert workload.end() == 0
    assert sorted(workload.lines()) == ["from a file", "from the program"]
    assert workload.messages() == ["INFO: Entrypoint processs exit code: 0"]


@pytest.mark.parametrize("folder", ["C:\\LogMonitor", "C:\\Tools\\LogMonitor"], ids=["default", "other"])
def test_baked_logmonitor_reads_the_configuration_next_to_it(start: Start, folder: str) -> None:
    """The rendered command starts LogMonitor in the image, which reads the configuration in its directory."""
    config = written({**FILE, "customLogFormat": "file: %Message%"})
    workload = start(config=config, folder=folder, logMonitor={"folder": folder})
    workload.ready()
    workload.write("app.log", "a line\n")
    workload.until("file: a line")
    assert workload.end() == 0


def test_configuration_of_the_iis_image_is_valid(start: Start) -> None:
    """LogMonitor accepts the configuration of the image `iis`, and prints the output of the program."""
    config = (CHART / "files" / "logmonitor" / "LogMonitorConfig.json").read_bytes()
    workload = start(config=config)
    workload.send("from the program")
    workload.until("from the program")
    workload.end()
    assert [message for message in workload.messages() if ABOUT_SETTINGS.fullmatch(message)] == []


def test_option_for_the_configuration_is_required(start: Start, windows: Windows) -> None:
    """Without /Config, LogMonitor does not read the configuration next to it; with a path, it exits with status 0."""
    start(FILE).end()
    program = f"{COPY}\\LogMonitor.exe"
    without = windows.run(program, "cmd.exe", "/c", "exit 3")
    assert "Failed to open JSON file" in without.stdout and without.returncode == 3
    path = windows.run(program, "/Config", f"{COPY}\\LogMonitorConfig.json", "cmd.exe", "/c", "exit 3")
    assert "Invalid configuration file name" in path.stdout and path.returncode == 0


ACCEPTED = {
    "EventLog": [
        {
            "type": "EventLog",
            "channels": [{"name": f"Channel {level}", "level": level} for level in LEVELS],
            "startAtOldestRecord": True,
            "eventFormatMultiLine": False,
            "customLogFormat": "%TimeStamp% %Severity% %Source% %EventSource% %EventID% %Message%",
        }
    ],
    "File": [
        {
            **FILE,
            "filter": "*.log",
            "includeSubdirectories": True,
            "waitInSeconds": 30.5,
            "customLogFormat": "%TimeStamp% %Source% %FileName% %Message%",
        }
    ],
    "ETW": [
        {
            "type": "ETW",
            "providers": [
                *({"providerName": f"Provider {level}", "level": level} for level in LEVELS),
                {"providerGuid": "{7E8AD27F-B271-4EA2-A783-A47BDE29143B}", "keywords": "0x8000000000000000"},
            ],
            "eventFormatMultiLine": True,
            "customLogFormat": "%TimeStamp% %Severity% %Source% %ProviderId% %ProviderName% %EventId% %EventData%",
        }
    ],
    "Process": [{"type": "Process", "customLogFormat": "%TimeStamp% %Source% %Message%"}],
}


@pytest.mark.parametrize("sources", ACCEPTED.values(), ids=ACCEPTED)
def test_every_key_is_accepted(start: Start, sources: list[dict[str, Any]]) -> None:
    """LogMonitor accepts every key of each type that the chart renders, without a message."""
    workload = start(*sources, PROCESS) if sources[0]["type"] != "Process" else start(*sources)
    workload.send("started")
    workload.wait(lambda: "started" in workload.output())
    workload.end()
    assert [message for message in workload.messages() if ABOUT_SETTINGS.fullmatch(message)] == []


NAMED = {
    "level-of-events": ({**EVENTS, "channels": [{"name": "System", "level": "Fatal"}]}, "Invalid level string: Fatal"),
    "level-of-etw": ({"type": "ETW", "providers": [{"providerName": "a", "level": "Fatal"}]}, "'Fatal' isn't a valid"),
    "no-provider": ({"type": "ETW", "providers": [{"level": "Error"}]}, "Discarded invalid provider"),
    "no-channels": ({"type": "EventLog"}, "Invalid EventLog source"),
    "no-providers": ({"type": "ETW"}, "missing or invalid 'providers' array"),
    "whole-drive": ({"type": "File", "directory": "C:\\", "includeSubdirectories": True}, "Invalid File source"),
    "unknown-type": ({"type": "Files"}, "Invalid source type"),
}


@pytest.mark.parametrize(("source", "message"), NAMED.values(), ids=NAMED)
def test_mistakes_that_logmonitor_names(start: Start, source: dict[str, Any], message: str) -> None:
    """LogMonitor names some settings that the chart rejects, and starts the program without their sources."""
    workload = start(config=written(source, {**PROCESS, "customLogFormat": "%Message%"}))
    workload.send("started")
    workload.until("started")
    workload.end()
    [told, *_] = [told for told in workload.messages() if ABOUT_SETTINGS.fullmatch(told)]
    assert message in told


IGNORED = {
    "seconds-as-text": {"waitInSeconds": "30", "directory": "C:\\app\\absent"},
    "boolean-as-text": {"includeSubdirectories": "true"},
    "key-in-another-case": {"IncludeSubdirectories": True},
}


@pytest.mark.parametrize("fields", IGNORED.values(), ids=IGNORED)
def test_mistakes_that_logmonitor_ignores(start: Start, windows: Windows, fields: dict[str, Any]) -> None:
    """Settings of another type or case, which the chart rejects, have no effect and no message."""
    windows.path(f"{LOGS}\\more").mkdir(parents=True)
    logs = {**FILE, "customLogFormat": "%Message%"}
    workload = start(config=written(logs | fields, logs))
    workload.ready()
    workload.write("app.log", "in a subdirectory\n", directory=f"{LOGS}\\more")
    workload.write("app.log", "in the directory\n")
    workload.until("in the directory")
    workload.end()
    assert [message for message in workload.messages() if ABOUT_SETTINGS.fullmatch(message)] == []
    if "waitInSeconds" in fields:
        assert any("will wait for 300 seconds" in message for message in workload.messages())
    assert set(workload.lines()) == {"in the directory"}


# A program that prints its arguments, and waits until the test has read them.
PRINT_ARGUMENTS = """
for (var i = 0; i < WScript.Arguments.length; i++) WScript.Echo("<" + WScript.Arguments(i) + ">");
var files = new ActiveXObject("Scripting.FileSystemObject");
while (!files.FileExists("C:\\\\app\\\\read")) WScript.Sleep(100);
"""
WORDS = {
    "plain": "plain",
    "path": "--path=C:\\logs\\",
    "space": "two words",
    "path-with-space": "C:\\Program Files\\",
    "quotes": 'say "yes"',
    "quote-in-a-word": 'a"b',
    "backslash-and-quote": 'a\\"b',
    "backslashes-and-quote": 'two words\\\\"',
    "empty": "",
    "percent": "%PATH% 100%",
    "shell": "a & b | c > d ^ e",
}


@pytest.mark.parametrize("by", ["command", "args"])
def test_arguments_reach_the_program_unchanged(start: Start, windows: Windows, by: str) -> None:
    """Spaces, quotes and backslashes in `command` and `args` survive LogMonitor, which joins words with spaces."""
    script = "C:\\app\\print arguments.js"
    windows.path("C:\\app").mkdir()
    windows.path(script).write_text(PRINT_ARGUMENTS)
    command, words = ["cscript.exe", "//nologo", script], list(WORDS.values())
    fields = {"command": [*command, *words]} if by == "command" else {"command": command, "args": words}
    workload = start(PROCESS, **fields)
    workload.wait(lambda: len(workload.lines()) == len(words))
    assert workload.lines() == [f"<{word}>" for word in words]
    windows.path("C:\\app\\read").touch()
    assert workload.end() == 0


def test_program_in_a_directory_with_a_space(start: Start, windows: Windows, logmonitor_exe: Path) -> None:
    """The program may be in a directory with a space. Here it is LogMonitor itself, which prints its usage."""
    other = "C:\\my tools\\LogMonitor.exe"
    windows.path(other).parent.mkdir()
    windows.path(other).symlink_to(logmonitor_exe)
    workload = start(PROCESS, command=[other, "/?"])
    workload.wait(lambda: workload.messages())
    assert workload.end() == 0
    assert workload.messages() == ["INFO: Entrypoint processs exit code: 0"]


@pytest.mark.parametrize("status", [0, 7, 255])
def test_exit_code_of_the_program_is_passed_on(start: Start, status: int) -> None:
    """LogMonitor exits with the exit code of the program, so the kubelet restarts a failed one."""
    workload = start(PROCESS, command=["cmd.exe", "/c", f"more& exit {status}"])
    assert workload.end() == status


def test_missing_program_fails(start: Start) -> None:
    """LogMonitor fails if it cannot start the program."""
    workload = start(PROCESS, command=["C:\\absent.exe"])
    workload.wait(lambda: workload.messages())
    assert workload.end() == 2
    assert workload.messages() == ["ERROR: Failed to start entrypoint process. Error: 2"]


ENCODED = {
    "utf-8": (lambda text: text.encode(), True),
    "utf-8-with-bom": (lambda text: text.encode("utf-8-sig"), True),
    "utf-16-with-bom": (lambda text: b"\xff\xfe" + text.encode("utf-16-le"), False),
    "utf-16": (lambda text: text.encode("utf-16-le"), False),
}


@pytest.mark.parametrize(("encode", "is_read"), ENCODED.values(), ids=ENCODED)
def test_encoding_of_the_configuration(start: Start, encode: Callable[[str], bytes], is_read: bool) -> None:
    """The configuration must be UTF-8. LogMonitor reads no other, and then prints the program's lines as JSON."""
    config = json.dumps(
        {"LogConfig": {"logFormat": "Custom", "sources": [{**PROCESS, "customLogFormat": "grüße: %Message%"}]}},
        ensure_ascii=False,
    )
    workload = start(config=encode(config))
    workload.send("a line")
    expected = (
        "grüße: a line" if is_read else '{"Source":"Process","LogEntry":{"Logline":"a line"},"SchemaVersion":"1.0.0"}'
    )
    workload.until(expected)
    workload.end()
    assert workload.lines() == [expected]
    assert ("ERROR: Invalid configuration file." in workload.messages()) is not is_read
