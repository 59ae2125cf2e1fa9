"""Log files in other encodings than UTF-8: every line arrives once, as it was written."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Sidecar

pytestmark = pytest.mark.slow
TEXTS = {
    "windows-1252": "größer als 5 €, naïve, Ñandú ‰",
    "windows-1251": "Ошибка: файл не найден",
    "windows-1256": "خطأ: الملف غير موجود",
    "iso-8859-1": "größer als 5 £, naïve, Ñandú",
    "iso-8859-15": "größer als 5 €, naïve",
    # Second bytes that are a backslash, and letters of one byte before those of two.
    "shift_jis": "エラー: 表示ソフト能力 ｱｲｳ漢字ｶﾞA, C:\\ログ",
}


@pytest.mark.parametrize("encoding", TEXTS)
def test_lines_arrive_once_as_written(sidecar: Callable[..., Sidecar], encoding: str) -> None:
    """Lines in several rotated files arrive once, although the application writes parts of them."""
    file = {"name": "app", "path": "/var/log/app/app.log", "encoding": encoding}
    started = sidecar({"logs": {"files": [file]}})
    written = [f"{number} {TEXTS[encoding]} {'x' * 60}" for number in range(20_000)]
    for rotation in range(4):
        part = written[rotation * 5000 :][:5000]
        data = "".join(f"{line}\r\n" if rotation % 2 else f"{line}\n" for line in part).encode(encoding)
        with started.file.open("wb", buffering=0) as log:
            for at in range(0, len(data), 997):
                log.write(data[at : at + 997])
        if rotation < 3:
            started.file.rename(started.file.with_name(f"app.log.{rotation}"))
    started.wait_for(lambda: len(started) >= len(written))
    assert sorted(started.lines()) == sorted(line.encode() for line in written)


def test_option_for_utf_16_discards_parts_of_lines(tmp_path: Path, fluent_bit: Path) -> None:
    """With `unicode.encoding`, Fluent Bit discards what it has read of an unfinished line: the chart rejects UTF-16."""
    log = tmp_path / "app.log"
    log.write_bytes("first\nsec".encode("utf-16-le"))
    source = ["-i", "tail", "-p", f"path={log}", "-p", "read_from_head=true", "-p", "unicode.encoding=UTF-16LE"]
    command = [str(fluent_bit), "-q", "-f", "0.2", *source, "-o", "stdout", "-p", "format=json_lines"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        assert running.stdout is not None
        try:
            assert json.loads(running.stdout.readline())["log"] == "first"
            with log.open("ab") as file:
                file.write("ond\n".encode("utf-16-le"))
            assert json.loads(running.stdout.readline())["log"] == "ond"
        finally:
            running.kill()


def test_broken_characters_of_two_bytes_are_visible(sidecar: Callable[..., Sidecar]) -> None:
    """A first byte without its second one becomes U+FFFD, and what follows is read as written."""
    file = {"name": "app", "path": "/var/log/app/app.log", "encoding": "shift_jis"}
    started = sidecar({"logs": {"files": [file]}})
    started.file.write_bytes("表".encode("shift_jis")[:1] + b"\n" + b"\x81 x\n\xff\xb1\n")
    started.wait_for(lambda: len(started) >= 3)
    assert [line.decode() for line in started.lines()] == ["\ufffd", "\ufffd x", "\ufffdｱ"]


def test_trace_in_another_encoding(sidecar: Callable[..., Sidecar]) -> None:
    """Lines are joined and redacted as they read in UTF-8, and bytes that are no character are visible."""
    file = {"name": "app", "path": "/var/log/app/app.log", "encoding": "windows-1252", "multiline": "java"}
    patterns = {"name": {"regex": "Jörg"}}
    started = sidecar({"logs": {"files": [file]}, "redaction": {"patterns": patterns}})
    started.file.write_bytes("x.Exception: Jörg waré \n\tat x.y(Z.java:1)\nplain\n".encode("cp1252") + b"\x81\n")
    started.wait_for(lambda: len(started) >= 3)
    assert [line.decode() for line in started.lines()] == [
        r"x.Exception: [REDACTED:name] waré \n	at x.y(Z.java:1)",
        "plain",
        "\ufffd",
    ]
