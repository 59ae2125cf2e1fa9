"""Follows a container's log files on the node's disk, as a node agent does."""

import gzip
import os
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness.loss._cri import Joiner
from harness.loss._follower import POLL_SECONDS, Follower

CHUNK = 1 << 20
FINGERPRINT = 128  # bytes; every record begins with its time in nanoseconds, so these differ between files
KEEP_DELETED_SECONDS = 5.0
# <restart>.log, its rotated files, and their compressed form.
_NAME = re.compile(r"(?P<instance>\d+)\.log(?:\.(?P<rotated>\d{8}-\d{6}))?(?P<gz>\.gz)?")


def container_directory(pod_logs: Path, *, namespace: str, pod: str, container: str, uid: str = "*") -> Path:
    """Return the kubelet's directory for the logs of a container; `pod` and `uid` may be patterns.

    A pattern also matches pods that do not exist yet, for example the next pod of a StatefulSet.
    """
    return pod_logs / f"{namespace}_{pod}_{uid}" / container


@dataclass
class _File:
    """One inode of a container's log, read through a descriptor that survives renames."""

    order: tuple[str, int, str]
    descriptor: int
    rest: bytes = b""
    deleted_since: float = 0.0

    def fingerprint(self) -> bytes:
        """The first bytes. Read each time, because a file is often opened while it is empty."""
        return os.pread(self.descriptor, FINGERPRINT, 0)

    def records(self) -> Iterator[list[bytes]]:
        """Return the complete records since the last call."""
        while chunk := os.read(self.descriptor, CHUNK):
            *records, self.rest = (self.rest + chunk).split(b"\n")
            yield records


@dataclass
class _Container:
    """The state of one container directory."""

    files: dict[tuple[int, int], _File] = field(default_factory=dict)
    joiners: dict[int, Joiner] = field(default_factory=dict)
    finished: set[bytes] = field(default_factory=set)
    compressed: set[str] = field(default_factory=set)


class DirectoryFollower(Follower):
    """Reads ``<pod_logs>/<ns>_<pod>_<uid>/<container>/{0,1,2}.log`` from their first byte.

    It can start before the pod exists, and continues across restarts of the container (``1.log``, ...) and the
    kubelet's rotation (``0.log.<time>``, later ``0.log.<time>.gz``, later deleted). It follows each file by
    descriptor, not by name, and reads a compressed file only if its content is new. `kubectl logs` does none of this,
    see `ApiFollower`.
    """

    def __init__(self, directory: Path, *, streams: Iterable[str] = ("stdout",)) -> None:
        """`directory` may contain patterns, see `container_directory`."""
        super().__init__()
        self._directory = directory
        self._streams = frozenset(stream.encode() for stream in streams)
        self._containers: dict[Path, _Container] = {}

    def _collect(self) -> Iterator[list[bytes]]:
        while not self._stopping.is_set():
            yield from self._pass()
            self._stopping.wait(POLL_SECONDS)
        yield from self._pass()
        for container in self._containers.values():
            for file in container.files.values():
                os.close(file.descriptor)
                if file.rest:
                    yield self._joiner(container, file.order[1]).feed([file.rest])
            for joiner in container.joiners.values():
                yield joiner.rest()

    def _pass(self) -> Iterator[list[bytes]]:
        """Return all new lines since the last pass, oldest file first."""
        for directory in self._directories():
            container = self._containers.setdefault(directory, _Container())
            # Open files are older than a compressed file that is new.
            yield from self._read_open(container)
            compressed = self._open_new(directory, container)
            yield from self._read_compressed(directory, container, compressed)
            yield from self._read_open(container)
            self._forget_deleted(container)

    def _read_open(self, container: _Container) -> Iterator[list[bytes]]:
        for file in sorted(container.files.values(), key=lambda file: file.order):
            joiner = self._joiner(container, file.order[1])
            for records in file.records():
                yield joiner.feed(records)

    def _directories(self) -> list[Path]:
        fixed = Path(self._directory.anchor)
        pattern = str(self._directory.relative_to(fixed)) if self._directory.anchor else str(self._directory)
        present = {path for path in fixed.glob(pattern) if path.is_dir()}
        # Open descriptors of a deleted directory may still have unread data.
        return sorted(present | self._containers.keys())

    def _open_new(self, directory: Path, container: _Container) -> list[str]:
        """Open new files; return the names of compressed ones."""
        seen: set[str] = set()
        while (names := _names(directory)) != seen:
            # Repeat after a rename: a listed name may now be a newer file, and an older one was missed.
            seen = names
            for name in names:
                match = _NAME.fullmatch(name)
                if match and not match["gz"]:  # other files are, for example, the kubelet's partial .tmp
                    self._open(directory / name, match, container)
        return [name for name in seen if (match := _NAME.fullmatch(name)) and match["gz"]]

    def _open(self, path: Path, match: re.Match[str], container: _Container) -> None:
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return  # renamed since the listing
        status = os.fstat(descriptor)
        known = container.files.get((status.st_dev, status.st_ino))
        # The current file sorts after the rotated ones of its instance: "~" is above all digits.
        order = (str(path.parent), int(match["instance"]), match["rotated"] or "~")
        if known is None:
            container.files[status.st_dev, status.st_ino] = _File(order, descriptor)
        else:
            os.close(descriptor)
            known.order = order

    def _read_compressed(self, directory: Path, container: _Container, names: list[str]) -> Iterator[list[bytes]]:
        """Read files that were compressed before they were opened."""
        for name in sorted(set(names) - container.compressed):
            container.compressed.add(name)
            with gzip.open(directory / name) as file:
                content = file.read()
            known = {file.fingerprint() for file in container.files.values()} | container.finished
            if not any(content.startswith(fingerprint) for fingerprint in known if fingerprint):
                instance = int(name.partition(".")[0])
                yield self._joiner(container, instance).feed(content.splitlines())

    def _joiner(self, container: _Container, instance: int) -> Joiner:
        return container.joiners.setdefault(instance, Joiner(self._streams))

    def _forget_deleted(self, container: _Container) -> None:
        """Close deleted files that are fully read. Until then, the open descriptor prevents the reuse of its inode
        number, so no new file is mistaken for an old one."""
        now = time.monotonic()
        for key, file in list(container.files.items()):
            if os.fstat(file.descriptor).st_nlink:
                continue
            file.deleted_since = file.deleted_since or now
            if now - file.deleted_since > KEEP_DELETED_SECONDS and not file.rest:
                container.finished.add(file.fingerprint())
                os.close(file.descriptor)
                del container.files[key]


def _names(directory: Path) -> set[str]:
    try:
        return set(os.listdir(directory))
    except FileNotFoundError:
        return set()
