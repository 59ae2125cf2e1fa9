"""The writer's word is what a measurement starts from, so it must be true."""

import errno
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.loss import WRITER_SOURCE, count, writer


def command(*options: object) -> list[str]:
    """Isolated (-I, -S): nothing but the standard library is on the path, as in a pod."""
    return [sys.executable, "-I", "-S", str(WRITER_SOURCE), *map(str, options)]


def write(*options: object) -> dict:
    run = subprocess.run(command(*options), capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def lines_of(*files: Path) -> list[bytes]:
    return [line for file in files for line in file.read_bytes().splitlines()]


def test_every_line_has_the_size_asked_for(tmp_path: Path) -> None:
    """Bytes per line include the newline."""
    file = tmp_path / "app.log"
    assert write("--file", file, "--lines", 50, "--size", 300)["written"] == 50
    assert file.stat().st_size == 50 * 300
    assert count(lines_of(file), 50).exact


def test_the_directory_is_made(tmp_path: Path) -> None:
    """An application makes its log directory too."""
    assert write("--file", tmp_path / "a" / "b" / "app.log", "--lines", 1)["written"] == 1


@pytest.mark.parametrize("naming", ["shift", "serial"])
@pytest.mark.parametrize("rotate", ["rename", "copytruncate"])
def test_rotation_keeps_every_line(tmp_path: Path, rotate: str, naming: str) -> None:
    """Ten rotations make eleven files that together hold each line once."""
    file = tmp_path / "app.log"
    options = ["--rotate", rotate, "--rotations", 10, "--naming", naming]
    assert write("--file", file, "--lines", 1005, *options)["rotations"] == 10
    aged = sorted(tmp_path.glob("app.log.*"), key=lambda path: int(path.suffix[1:]))
    assert len(aged) == 10
    files = [*(aged[::-1] if naming == "shift" else aged), file]
    assert count(lines_of(*files), 1005).exact
    assert all(path.stat().st_size for path in files)


def test_rename_makes_a_new_file_and_copytruncate_does_not(tmp_path: Path) -> None:
    """This difference is what trips log readers."""
    for rotate, same in (("rename", False), ("copytruncate", True)):
        file = tmp_path / rotate / "app.log"
        file.parent.mkdir()
        file.touch()
        inode = file.stat().st_ino
        write("--file", file, "--lines", 10, "--rotate", rotate, "--rotations", 1)
        assert (file.stat().st_ino == inode) is same


def test_a_symlink_is_swapped(tmp_path: Path) -> None:
    """The name is a link to the newest of the numbered files."""
    file = tmp_path / "app.log"
    write("--file", file, "--lines", 40, "--rotate", "symlink", "--rotations", 3)
    assert os.readlink(file) == "app.log-0004"
    assert count(lines_of(*sorted(tmp_path.glob("app.log-*"))), 40).exact


def test_late_lines_go_to_the_renamed_file(tmp_path: Path) -> None:
    """A program keeps writing to its descriptor until logrotate signals it; no line is lost or duplicated."""
    file = tmp_path / "app.log"
    write("--file", file, "--lines", 100, "--rotate", "rename", "--rotations", 1, "--late", 7)
    assert len(lines_of(tmp_path / "app.log.1")) == 57
    assert count(lines_of(tmp_path / "app.log.1", file), 100).exact


def test_a_pause_before_each_rotation(tmp_path: Path) -> None:
    """It delays the rotation and changes nothing else."""
    options = ["--rotate", "copytruncate", "--rotations", 3, "--pause", 0.1]
    report = write("--file", tmp_path / "app.log", "--lines", 40, *options)
    assert report["seconds"] >= 0.3
    assert report["written"] == 40


def test_old_files_are_deleted(tmp_path: Path) -> None:
    """--keep N is the backupCount of Python's RotatingFileHandler."""
    options = ["--rotate", "rename", "--rotate-bytes", 1010, "--keep", 2]
    write("--file", tmp_path / "app.log", "--lines", 100, *options)
    assert {path.name for path in tmp_path.iterdir()} == {"app.log", "app.log.1", "app.log.2"}


def test_the_rate_is_held_smoothly(tmp_path: Path) -> None:
    """Lines come in small batches all the time, not once a second."""
    file = tmp_path / "app.log"
    with subprocess.Popen(command("--file", file, "--lines", 2000, "--rate", 2000), stdout=-1) as process:
        while not file.exists():
            time.sleep(0.001)
        sizes = []
        while process.poll() is None:
            sizes.append(file.stat().st_size)
            time.sleep(0.02)
    steps = [after - before for before, after in itertools.pairwise(sizes)]
    assert max(steps) < 0.4 * 2000 * 101
    assert len([step for step in steps if step]) > 10


def test_a_burst_comes_at_once(tmp_path: Path) -> None:
    """--burst keeps the mean rate and writes in bunches; the odd rest is not forgotten."""
    report = write("--file", tmp_path / "app.log", "--lines", 1050, "--rate", 2000, "--burst", 500)
    assert report["written"] == 1050
    assert 0.4 < report["seconds"] < 3


def test_each_line_can_be_a_write_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --per-write 1, the kernel gets one line at a time."""
    writes: list[int] = []
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: writes.append(len(data)) or real(descriptor, data))
    writer.main(["--file", str(tmp_path / "app.log"), "--lines", "20", "--per-write", "1"])
    assert [size for size in writes if size == 101] == [101] * 20
    assert count(lines_of(tmp_path / "app.log"), 20).exact


def test_the_last_millisecond(tmp_path: Path) -> None:
    """The report comes first: after the lines there is nothing but the end of the process."""
    file = tmp_path / "app.log"
    report = write("--file", file, "--lines", 10, "--last-millisecond", 500)
    assert report["written"] == 510
    assert count(lines_of(file), 510).exact
    assert time.time() - file.stat().st_mtime < 5


@pytest.mark.parametrize("more", [0, 300])
def test_sigterm_ends_the_writer_and_the_count_is_true(tmp_path: Path, more: int) -> None:
    """In the middle of writing: it may say goodbye with some lines, and reports what it wrote."""
    file = tmp_path / "app.log"
    options = ["--file", file, "--forever", "--rate", 20000, "--on-term", more]
    process = subprocess.Popen(command(*options), stdout=subprocess.PIPE)
    while not file.exists() or file.stat().st_size < 50_000:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    written = json.loads(output)["written"]
    assert written > more
    assert count(lines_of(file), written).exact


def test_staying_reports_before_and_after(tmp_path: Path) -> None:
    """A Deployment's writer must not exit, or it would be started again and count from 0."""
    file = tmp_path / "app.log"
    options = ["--file", file, "--lines", 20, "--stay", "--on-term", 5]
    process = subprocess.Popen(command(*options), stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["written"] == 20
    process.terminate()
    assert json.loads(process.communicate(timeout=10)[0])["written"] == 25


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ([], "set --lines N, --forever or --last-millisecond N"),
        (["--lines", "5", "--size", "20"], "--size 20 is too small: a line requires 38 bytes"),
        (["--lines", "5", "--rate", "-1"], "--rate cannot be negative"),
        (["--lines", "many"], "invalid int value: 'many'"),
        (["--lines", "5", "--forever"], "mutually exclusive"),
        (["--lines", "5", "--rotate", "sideways"], "invalid choice: 'sideways'"),
        (["--lines", "5", "--rotate", "rename"], "requires --rotations K"),
        (["--lines", "5", "--rotations", "3"], "require --rotate rename"),
        (["--lines", "5", "--late", "2"], "--late requires --rotate rename"),
        (["--lines", "5", "--stream", "a b"], "--stream must be a name without spaces"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_senseless_options_are_rejected_in_a_sentence(tmp_path: Path, options: list[str], complaint: str) -> None:
    """One line on stderr, status 2, no file."""
    file = tmp_path / "app.log"
    run = subprocess.run(command("--file", file, *options), capture_output=True, text=True)
    assert run.returncode == 2
    assert complaint in run.stderr
    assert run.stderr.count("\n") == 1
    assert not file.exists()


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The path and the reason, no traceback."""
    run = subprocess.run(command("--file", tmp_path, "--lines", 1), capture_output=True, text=True)
    assert run.returncode == 2
    assert run.stderr == f"writer: cannot write {tmp_path}: Is a directory.\n"


def test_a_full_disk_drops_lines_and_counts_them() -> None:
    """With --drop-when-full the writer goes on, and says what it could not write."""
    summary = write("--file", "/dev/full", "--lines", 100, "--drop-when-full")
    assert (summary["written"], summary["failed"]) == (0, 100)


def test_a_disk_that_is_full_for_a_while_tears_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written before and after is whole and numbered without a gap; the torn line is none of it."""
    room = [250, 0, 10_000]
    write_all = os.write

    def small_disk(descriptor: int, data: memoryview) -> int:
        if not room[0]:
            room.pop(0)
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = write_all(descriptor, data[: room[0]])
        room[0] -= taken
        return taken

    monkeypatch.setattr(writer.os, "write", small_disk)
    log = writer.LogFile(tmp_path / "app.log")
    log.drop_when_full = True
    made = writer.Writer(log, stream="w", size=100)
    for _ in range(3):
        made.write(5)
    assert (made.written, made.failed) == (2 + 0 + 5, 3 + 5)
    report = count(lines_of(tmp_path / "app.log"), made.written)
    assert (report.lost, report.duplicated, report.reordered, report.mangled) == (0, 0, 0, 1)


def test_the_help_teaches() -> None:
    """--help explains the line format and the kinds of rotation."""
    text = subprocess.run(command("--help"), capture_output=True, text=True).stdout
    assert "CRC-32" in text and "copytruncate" in text
