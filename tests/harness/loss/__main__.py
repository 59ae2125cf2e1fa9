"""``python -m harness.loss``: measure a log reader, or count collected lines."""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from harness.errors import HarnessError
from harness.loss.count import count, written_by
from harness.loss.measure import PLACEHOLDER, measure_process

_DESCRIPTION = """\
How many log lines does a reader lose? Write numbered lines to a file, run the reader, count its output.

  .venv/bin/python -m harness.loss process --lines 200000 --rate 20000 --rotate rename -- tail -n +1 -F {file}
  .venv/bin/python -m harness.loss process --kills 2 --rotate rename -- my-agent --path {file}
  kubectl logs POD -c sidecar | .venv/bin/python -m harness.loss count --written 200000

Exit status: 0 if every line arrived exactly once, 1 if not, 2 if the measurement failed.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise HarnessError(f"{message[:1].upper()}{message[1:]} (see `.venv/bin/python -m harness.loss --help`).")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    try:
        options = _parser().parse_args(arguments)
        return int(options.run(options))
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=".venv/bin/python -m harness.loss",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    process = commands.add_parser("process", help="measure a reader as a plain process")
    process.set_defaults(run=_process)
    add = process.add_argument
    add("--lines", default="200000", metavar="N", help="lines to write (default 200000)")
    add("--rate", default="20000", metavar="R", help="lines per second (default 20000)")
    add("--size", default="101", metavar="B", help="bytes per line (default 101)")
    add("--burst", default="0", metavar="N", help="write N lines at a time, at the same average rate")
    add("--rotate", default="none", choices=["rename", "copytruncate", "symlink", "none"])
    add("--rotations", default="10", metavar="K", help="number of rotations (default 10)")
    add("--kills", type=int, default=0, metavar="K", help="SIGKILL and restart the reader K times")
    add("--drain", action="store_true", help="send SIGTERM immediately after the last line")
    add("--directory", type=Path, help="directory of the log file (default: a temporary directory)")
    add("command", nargs="+", help=f"the reader; {PLACEHOLDER} stands for the log file")

    counting = commands.add_parser("count", help="count collected lines")
    counting.set_defaults(run=_count)
    counting.add_argument("--written", type=int, metavar="N", help="number of lines that the writer wrote")
    counting.add_argument("--report", type=Path, metavar="FILE", help="alternatively, the output of the writers")
    counting.add_argument("--label", default="", help="prefix that the collector adds to each line")
    counting.add_argument("file", type=Path, nargs="?", help="file with the lines (default: stdin)")
    return parser


def _process(options: argparse.Namespace) -> int:
    names = ("lines", "rate", "size", "burst", "rotate")
    arguments = [part for name in names for part in (f"--{name}", getattr(options, name))]
    if options.rotate != "none":
        arguments += ["--rotations", options.rotations]
    directory = options.directory or Path(tempfile.mkdtemp(prefix="loss-"))
    print(f"reader: {' '.join(options.command)}\nwriter: {' '.join(arguments)}", flush=True)
    try:
        measurement = measure_process(
            options.command, directory / "app.log", arguments, kills=options.kills, drain=options.drain
        )
    finally:
        if not options.directory:
            shutil.rmtree(directory, ignore_errors=True)
    print(measurement)
    return 0 if measurement.report.exact else 1


def _count(options: argparse.Namespace) -> int:
    if (options.written is None) == (options.report is None):
        raise HarnessError("Give either --written N or --report FILE, the output of the writers.")
    try:
        written = options.written
        if options.report:
            written = written_by(options.report.read_bytes().splitlines())
        with options.file.open("rb") if options.file else sys.stdin.buffer as lines:
            report = count(lines, written, label=options.label)
    except OSError as error:
        raise HarnessError(f"Cannot read {error.filename}: {error.strerror}.") from error
    print(report)
    return 0 if report.exact else 1


if __name__ == "__main__":
    sys.exit(main())
