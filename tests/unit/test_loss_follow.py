"""The follower reads a container's log like a node agent, whatever the kubelet does to the files."""

import gzip
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Self

import pytest

from harness.errors import HarnessError
from harness.loss import ApiFollower, DirectoryFollower, _directory, container_directory
from harness.loss._api import State
from harness.loss.writer import encode

# These tests wait for files to be read rather than compute.
pytestmark = pytest.mark.slow


class Runtime:
    """Writes and rotates log files as containerd and the kubelet do."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.instance = 0
        self.number = 0
        self.rotated = 0
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._open()

    def write(self, lines: int, *, stream: str = "stdout", cut: int = 0) -> None:
        """Whole lines; with `cut`, each in parts of so many bytes."""
        for _ in range(lines):
            text = encode("w", self.number, 101)[:-1]
            self.number += 1
            parts = [text[i : i + cut] for i in range(0, len(text), cut)] if cut else [text]
            for part in parts[:-1]:
                self.record(part, tag="P", stream=stream)
            self.record(parts[-1], stream=stream)

    def record(self, text: bytes, *, tag: str = "F", stream: str = "stdout") -> None:
        stamp = f"2026-11-21T06:00:00.{time.time_ns() % 10**9:09d}Z {stream} {tag} "
        assert self._file is not None
        self._file.write(stamp.encode() + text + b"\n")
        self._file.flush()

    def rotate(self, *, late: int = 0, compress: bool = True) -> Path:
        """The kubelet renames, then asks the runtime to reopen: `late` lines still go to the old file.
        The one before is compressed."""
        current = self.directory / f"{self.instance}.log"
        before = sorted(self.directory.glob(f"{self.instance}.log.*[0-9]"))
        self.rotated += 1
        aged = current.with_name(f"{current.name}.20261121-06{self.rotated:04d}")
        current.rename(aged)
        self.write(late)
        self._open()
        for path in before if compress else []:
            self.compress(path)
        return aged

    def compress(self, path: Path) -> None:
        temporary = path.with_name(path.name + ".tmp")
        temporary.write_bytes(gzip.compress(path.read_bytes()))
        temporary.rename(path.with_name(path.name + ".gz"))
        path.unlink()

    def restart(self) -> None:
        """The next instance of the container has a file of its own."""
        self.instance += 1
        self._open()

    def _open(self) -> None:
        self.__exit__()
        self._file = (self.directory / f"{self.instance}.log").open("ab")


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    with Runtime(tmp_path / "prd_web-0_1234" / "sidecar") as runtime:
        yield runtime


def test_lines_of_a_running_container_arrive(runtime: Runtime) -> None:
    """Those written before the follower started, and those after."""
    runtime.start()
    runtime.write(10)
    with DirectoryFollower(runtime.directory) as follower:
        runtime.write(10)
        assert follower.count(20).exact


def test_it_may_be_started_before_the_pod_exists(runtime: Runtime, tmp_path: Path) -> None:
    """Neither the directory nor the pod's UID need be known: that is how the first line is not missed."""
    where = container_directory(tmp_path, namespace="prd", pod="web-0", container="sidecar")
    with DirectoryFollower(where) as follower:
        time.sleep(0.1)
        runtime.start()
        runtime.write(10)
        assert follower.count(10).exact


def test_a_missing_line_is_not_waited_for_without_end(runtime: Runtime) -> None:
    """`quiet` gives up early; the report says what is missing."""
    runtime.start()
    runtime.write(10)
    with DirectoryFollower(runtime.directory) as follower:
        begin = time.monotonic()
        assert follower.count(11, timeout=60, quiet=0.3).missing == ("w:10",)
        assert time.monotonic() - begin < 5


def test_rotation_and_compression_lose_nothing(runtime: Runtime) -> None:
    """Ten rotations, lines written to the renamed file until the runtime reopens, older files compressed."""
    runtime.start()
    with DirectoryFollower(runtime.directory) as follower:
        for _ in range(10):
            runtime.write(500)
            runtime.rotate(late=50)
            time.sleep(0.1)  # the kubelet looks every ten seconds
        assert follower.count(5500).exact


def test_files_deleted_after_rotation_were_read(runtime: Runtime) -> None:
    """The kubelet keeps five files; an open descriptor outlives the deletion."""
    runtime.start()
    with DirectoryFollower(runtime.directory) as follower:
        for _ in range(3):
            runtime.write(200)
            follower.wait(runtime.number - 100, timeout=5)
            aged = runtime.rotate(late=20, compress=False)
            time.sleep(0.1)
            aged.unlink()
        assert follower.count(660).exact


def test_a_late_follower_reads_the_compressed_files_first(runtime: Runtime) -> None:
    """Started after three rotations it still gets all lines, in order, none twice."""
    runtime.start()
    for _ in range(3):
        runtime.write(100)
        runtime.rotate()
    assert len(list(runtime.directory.glob("*.gz"))) == 2
    with DirectoryFollower(runtime.directory) as follower:
        runtime.write(100)
        assert follower.count(400).exact


def test_what_was_read_is_not_read_again_when_compressed(runtime: Runtime) -> None:
    """The compressed copy has another inode, but its content is known."""
    runtime.start()
    runtime.write(100)
    with DirectoryFollower(runtime.directory) as follower:
        follower.wait(100, timeout=5)
        runtime.compress(runtime.rotate())
        runtime.write(1)
        assert follower.count(101).exact
        time.sleep(0.2)
        assert len(follower) == 101


def test_restarts_are_followed(runtime: Runtime) -> None:
    """0.log, 1.log, 2.log; the kubelet deletes the oldest."""
    runtime.start()
    with DirectoryFollower(runtime.directory) as follower:
        for _ in range(3):
            runtime.write(100)
            follower.wait(runtime.number, timeout=5)
            old = runtime.directory / f"{runtime.instance}.log"
            runtime.restart()
            old.unlink()
        runtime.write(100)
        assert follower.count(400).exact


def test_long_lines_are_joined(runtime: Runtime) -> None:
    """The runtime cuts at 16 KiB and tags the parts P; a rotation may fall between two parts."""
    runtime.start()
    with DirectoryFollower(runtime.directory) as follower:
        runtime.write(10, cut=40)
        text = encode("w", 10, 101)[:-1]
        runtime.record(text[:30], tag="P")
        runtime.rotate()
        runtime.record(text[30:])
        assert follower.count(11).exact


def test_a_file_may_be_renamed_before_it_is_opened(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was listed is another file by then; the older one is read first all the same."""
    runtime.start()
    text = encode("w", 0, 101)[:-1]
    runtime.record(text[:30], tag="P")
    listing = _directory._names

    def rename_once(directory: Path) -> set[str]:
        names = listing(directory)
        if not runtime.rotated:
            runtime.rotate()
            runtime.record(text[30:])
        return names

    monkeypatch.setattr(_directory, "_names", rename_once)
    with DirectoryFollower(runtime.directory) as follower:
        assert follower.count(1).exact


def test_a_line_whose_end_never_came_is_mangled(runtime: Runtime) -> None:
    """A container that died in the middle of a line leaves a part: it is shown, not swallowed."""
    runtime.start()
    with DirectoryFollower(runtime.directory) as follower:
        runtime.write(5)
        runtime.record(encode("w", 5, 101)[:50], tag="P")
        follower.wait(5, timeout=5)
    report = follower.count(6, timeout=0)
    assert (report.lost, report.mangled) == (1, 1)


def test_stderr_is_left_out_unless_asked_for(runtime: Runtime) -> None:
    """The collector's own messages are not log lines."""
    runtime.start()
    runtime.write(3)
    runtime.record(b"[warn] something", stream="stderr")
    with (
        DirectoryFollower(runtime.directory) as out,
        DirectoryFollower(runtime.directory, streams=["stderr"]) as errors,
    ):
        assert errors.wait(1, timeout=5)
        assert out.count(3).exact
    assert errors.lines() == [b"[warn] something"]


def test_doubles_and_gaps_are_not_smoothed_over(runtime: Runtime) -> None:
    """The follower reports what is in the files: a collector's double stays a double."""
    runtime.start()
    with DirectoryFollower(runtime.directory) as follower:
        runtime.write(5)
        runtime.number -= 2
        runtime.write(2)
        runtime.number += 1
        runtime.write(1)
        report = follower.count(7, timeout=1)
        follower.settle(0.2, timeout=2)
        report = follower.count(7, timeout=0)
    assert (report.duplicated, report.lost) == (2, 1)


def test_several_pods_match_a_pattern(tmp_path: Path) -> None:
    """Pods of a Deployment, or a StatefulSet's successor under the same name: each in its own directory."""
    where = container_directory(tmp_path, namespace="prd", pod="web-*", container="sidecar")
    with (
        Runtime(tmp_path / "prd_web-0_aaaa" / "sidecar") as first,
        Runtime(tmp_path / "prd_web-1_bbbb" / "sidecar") as second,
        Runtime(tmp_path / "prd_other_cccc" / "sidecar") as stranger,
        DirectoryFollower(where) as follower,
    ):
        for runtime in (first, second, stranger):
            runtime.start()
        first.write(10)
        second.number = 10
        second.write(10)
        stranger.number = 20
        stranger.write(10)
        report = follower.count(20)
    # Between two pods there is no order.
    assert (report.delivered, report.duplicated, report.mangled, report.unknown) == (20, 0, 0, 0)


class Api:
    """An API server whose pod does as the script says."""

    def __init__(self) -> None:
        self.instances: list[list[bytes]] = []
        self.final = False
        self.reads: list[tuple[bool, int | None]] = []
        self.chunk = 3

    def log(self, numbers: range) -> list[bytes]:
        return [f"2026-11-21T06:00:00.{n:09d}Z ".encode() + encode("w", n, 101) for n in numbers]

    def state(self) -> State | None:
        if not self.instances:
            return State(0, started=False, running=False, final=False)
        return State(len(self.instances) - 1, started=True, running=not self.final, final=self.final)

    def read(self, *, previous: bool, since: int | None) -> Iterator[bytes]:
        self.reads.append((previous, since))
        records = self.instances[-2 if previous else -1][:]
        # Bounds of chunks fall anywhere, and the connection breaks whenever it likes.
        data = b"".join(records)
        yield from (data[i : i + 500] for i in range(0, len(data) - (0 if self.final else 37), 500))


def test_the_api_is_asked_again_after_a_break_without_doubles() -> None:
    """Each new connection repeats lines; their times tell which are known."""
    api = Api()
    with ApiFollower(None, "prd", "web-0", "sidecar", source=api) as follower:
        api.instances = [api.log(range(100))]
        follower.wait(90, timeout=5)
        api.instances[0] += api.log(range(100, 150))
        follower.wait(140, timeout=5)
        api.final = True
        assert follower.count(150).exact
    assert len(api.reads) > 2


def test_the_api_follower_crosses_a_restart() -> None:
    """The rest of the instance that ended is fetched as the previous one."""
    api = Api()
    with ApiFollower(None, "prd", "web-0", "sidecar", source=api) as follower:
        api.instances = [api.log(range(100))]
        follower.wait(50, timeout=5)
        api.instances = [api.log(range(150)), api.log(range(150, 200))]
        follower.wait(190, timeout=5)
        api.final = True
        assert follower.count(200).exact
    assert True in {previous for previous, _ in api.reads}


def test_equal_times_are_told_apart() -> None:
    """A coarse clock gives many lines one time: only as many are passed over as were taken."""
    api = Api()
    same = [b"2026-11-21T06:00:00.000000001Z " + encode("w", n, 101) for n in range(50)]
    with ApiFollower(None, "prd", "web-0", "sidecar", source=api) as follower:
        api.instances = [same[:20]]
        follower.wait(19, timeout=5)
        api.instances = [same]
        follower.wait(49, timeout=5)
        api.final = True
        assert follower.count(50).exact


def test_a_failure_in_the_background_reaches_the_caller() -> None:
    """A follower that died must not look like a collector that lost lines."""

    class Broken(Api):
        def state(self) -> State | None:
            raise RuntimeError("no route to host")

    with (
        pytest.raises(HarnessError, match="no route to host"),
        ApiFollower(None, "prd", "web-0", "sidecar", source=Broken()) as follower,
    ):
        follower.count(1)
