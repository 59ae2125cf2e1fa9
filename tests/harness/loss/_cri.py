"""The log format of the container runtime interface.

One record is ``<RFC 3339 time> <stdout|stderr> <F|P> <text>``: P is a partial line, joined with
the following records up to an F. The runtime cuts lines at 16 KiB.
Source: kubernetes/kubernetes, pkg/kubelet/kuberuntime/logs, function parseCRILog.
"""


class Joiner:
    """Converts the records of one container instance to lines; keeps partial ones."""

    def __init__(self, streams: frozenset[bytes]) -> None:
        self._streams = streams
        self._parts: dict[bytes, list[bytes]] = {}

    def feed(self, records: list[bytes]) -> list[bytes]:
        """Return the lines that these records complete."""
        lines: list[bytes] = []
        for record in records:
            fields = record.split(b" ", 3)
            if len(fields) < 3:
                lines.append(record)  # not CRI: returned unchanged, and counted as mangled
                continue
            _, stream, tags = fields[:3]
            text = fields[3] if len(fields) == 4 else b""
            if stream not in self._streams:
                continue
            if tags.startswith(b"P"):
                self._parts.setdefault(stream, []).append(text)
            elif stream in self._parts:
                lines.append(b"".join(self._parts.pop(stream)) + text)
            else:
                lines.append(text)
        return lines

    def rest(self) -> list[bytes]:
        """Return partial lines whose end never arrived."""
        return [b"".join(parts) for parts in self._parts.values()]
