"""Rendered scripts and configurations run as processes with local files."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import images
from harness.backends.ports import free_port
from harness.render.manifests import Manifests

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, as the sidecar does"),
]
both_engines = pytest.mark.parametrize("engine", ["tail", "fluent-bit"])
# The shells of the engines' images.
both_shells = pytest.mark.parametrize(
    "shell",
    [
        pytest.param(name, marks=pytest.mark.skipif(shutil.which(name) is None, reason=f"needs {name} on PATH"))
        for name in ("dash", "bash")
    ],
)
TWO_FILES = [{"name": "app", "path": "/var/log/app/app.log"}, {"name": "audit", "path": "/var/log/app/audit.log"}]
# Long enough for a busy machine; every wait ends as soon as its condition holds.
PATIENCE_SECONDS = 15.0


class Sidecar:
    """A rendered sidecar as a local process, with folders of the test as its volumes."""

    def __init__(self, made: Manifests, folder: Path, *, shell: str) -> None:
        self._folder = folder
        [container] = made.containers("sidecar")
        for name in ("logs", "state", "config"):
            folder.joinpath(name).mkdir(exist_ok=True)
        for item in made.select("ConfigMap", component="sidecar"):
            for name, text in item["data"].items():
                folder.joinpath("config", name).write_text(self._moved(text), encoding="utf-8")
        self._environment = {entry["name"]: self._moved(entry.get("value", "127.0.0.1")) for entry in container["env"]}
        self._engine = "fluent-bit" if "AGENT" in self._environment else "tail"
        if self._engine == "fluent-bit":
            self._environment["AGENT"] = str(images.fluent_bit())
        _, *options = container["command"]
        self._command = [shell, *options, self._moved(container["args"][0])]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with open(self._folder / "stdout", "ab") as stdout, open(self._folder / "stderr", "ab") as stderr:
            self.process = subprocess.Popen(
                self._command,
                env={**os.environ, **self._environment},
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )

    def end(self, number: int = signal.SIGTERM) -> float:
        """Send a signal to the shell, and return the seconds until it and all its children have exited."""
        assert self.process is not None
        started = time.monotonic()
        self.process.send_signal(number)
        code = self.process.wait(timeout=PATIENCE_SECONDS)
        assert code == (0 if number == signal.SIGTERM else -number)
        return time.monotonic() - started

    def bring_configuration(self) -> None:
        """Pass the configuration in the environment instead of a file."""
        file = Path(self._environment.pop("CONFIG"))
        self._environment["CONFIG_DATA"] = file.read_text(encoding="utf-8")
        file.unlink()

    def spoil_configuration(self) -> None:
        Path(self._environment["CONFIG"]).write_text("pipeline: {inputs: [{name: nonsense}]}", encoding="utf-8")

    def kill_engine(self) -> None:
        """Kill the processes that the shell has started, as the kernel does when memory runs out."""
        assert self.process is not None
        name = {"fluent-bit": Path(str(images.fluent_bit())).name, "tail": "tail"}[self._engine]
        subprocess.run(["pkill", "-KILL", "-s", str(self.process.pid), "-x", name], check=True)

    def kill(self) -> None:
        """Kill all processes, as at the end of a container."""
        if self.process is not None:
            subprocess.run(["pkill", "-KILL", "-s", str(self.process.pid)], check=False)
            self.process.wait(timeout=PATIENCE_SECONDS)

    def write(self, name: str, *lines: str) -> None:
        with open(self._folder / "logs" / name, "a", encoding="utf-8") as file:
            file.writelines(f"{line}\n" for line in lines)

    def rotate(self, name: str) -> None:
        self._folder.joinpath("logs", name).rename(self._folder / "logs" / f"{name}.1")

    def lines(self) -> list[str]:
        return self._folder.joinpath("stdout").read_text(encoding="utf-8").splitlines()

    def wait_for(self, *lines: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not set(lines) <= set(self.lines()):
            errors = self._folder.joinpath("stderr").read_text(encoding="utf-8")
            assert time.monotonic() < deadline, f"{lines} did not all arrive: {self.lines()}\n{errors}"
            time.sleep(0.02)

    def _moved(self, text: str) -> str:
        for inside, outside in (
            ("/var/log/app", "logs"),
            ("/var/lib/log-sidecar", "state"),
            ("/etc/log-sidecar", "config"),
        ):
            text = text.replace(inside, str(self._folder / outside))
        return text


@pytest.fixture
def sidecar(install: Callable[..., Manifests], tmp_path: Path) -> Iterator[Callable[..., Sidecar]]:
    """Start the sidecar of an installation as a local process."""
    started: list[Sidecar] = []

    def start(
        engine: str,
        *,
        files: list[dict[str, Any]] | None = None,
        prepare: Callable[[Sidecar], None] = lambda _: None,
        shell: str = "/bin/sh",
        **settings: Any,
    ) -> Sidecar:
        if engine == "fluent-bit":
            if images.fluent_bit() is None:
                pytest.skip("needs fluent-bit on PATH (or in $FLUENT_BIT)")
            settings["fluentBit"] = {"httpServer": {"listen": "127.0.0.1", "port": free_port()}}
        values: dict[str, Any] = {"sidecar": {"engine": engine, **settings}}
        values["app"] = {"demo": {"enabled": False}, "command": ["serve"]}
        if files is not None:
            values["logs"] = {"files": files}
        started.append(Sidecar(install(values), tmp_path, shell=shell))
        prepare(started[-1])
        started[-1].start()
        return started[-1]

    yield start
    for running in started:
        running.kill()


@both_engines
def test_lines_arrive_in_order_and_once(sidecar: Callable[..., Sidecar], engine: str) -> None:
    """Each line arrives unchanged, in order and once, across a rotation."""
    running = sidecar(engine)
    running.write("app.log", "one", "  two\t{log} $HOME 'quoted' \\n ñ", "three")
    running.wait_for("three")
    running.rotate("app.log")
    running.write("app.log", "four")
    running.wait_for("four")
    running.end()
    assert running.lines() == ["one", "  two\t{log} $HOME 'quoted' \\n ñ", "three", "four"]


@both_engines
def test_last_lines_arrive_and_the_end_comes_soon(sidecar: Callable[..., Sidecar], engine: str) -> None:
    """Lines of a file that is created just before SIGTERM arrive, and the sidecar exits within 5 s."""
    running = sidecar(engine)
    time.sleep(1)  # the sidecar waits for the file, as with an application that has not logged yet
    running.write("app.log", *(f"line {number}" for number in range(500)))
    assert running.end() < 5
    assert running.lines() == [f"line {number}" for number in range(500)]


@both_engines
def test_lines_say_their_file(sidecar: Callable[..., Sidecar], engine: str) -> None:
    """With `fileLabel`, each line begins with the name of its file."""
    running = sidecar(engine, files=TWO_FILES, fileLabel=True)
    running.write("app.log", "hello")
    running.write("audit.log", "login", "")
    running.wait_for("app: hello", "audit: login", "audit: ")
    running.end()
    assert sorted(running.lines()) == ["app: hello", "audit: ", "audit: login"]


@both_engines
def test_second_file_may_come_later(sidecar: Callable[..., Sidecar], engine: str) -> None:
    """A file that is created long after the first one is delivered, too."""
    running = sidecar(engine, files=TWO_FILES)
    running.write("app.log", "hello")
    running.wait_for("hello")
    running.write("audit.log", "login")
    running.wait_for("login")
    running.end()
    assert sorted(running.lines()) == ["hello", "login"]


@both_engines
def test_plain_container_waits_until_the_files_are_quiet(sidecar: Callable[..., Sidecar], engine: str) -> None:
    """With `native: false`, lines that the application writes after SIGTERM arrive until it pauses."""
    running = sidecar(engine, native=False, quietSeconds=2)
    running.write("app.log", "before")
    running.wait_for("before")
    assert running.process is not None
    running.process.send_signal(signal.SIGTERM)
    for number in range(3):
        time.sleep(1)
        running.write("app.log", f"after {number}")
    assert running.process.wait(timeout=PATIENCE_SECONDS) == 0
    assert running.lines() == ["before", "after 0", "after 1", "after 2"]


def test_tail_that_dies_ends_the_container(sidecar: Callable[..., Sidecar]) -> None:
    """If tail exits, the shell exits with an error, so that the kubelet restarts the container."""
    running = sidecar("tail")
    running.write("app.log", "one")
    running.wait_for("one")
    assert running.process is not None
    running.kill_engine()
    assert running.process.wait(timeout=PATIENCE_SECONDS) != 0


@both_shells
def test_fluent_bit_that_dies_is_started_in_place(sidecar: Callable[..., Sidecar], shell: str, tmp_path: Path) -> None:
    """After a crash, Fluent Bit restarts inside its container without losing lines, and logs it on stderr.

    It prints a newline first, to end a partial line.
    """
    running = sidecar("fluent-bit", shell=shell)
    running.write("app.log", "one")
    running.wait_for("one")
    time.sleep(0.5)  # the position is stored after the line is written
    running.kill_engine()
    running.write("app.log", "two")
    running.wait_for("two")
    running.end()
    assert running.lines() == ["one", "", "two"]
    assert "fluent-bit ended with status 137 and is started again" in tmp_path.joinpath("stderr").read_text()


@both_shells
@pytest.mark.parametrize("killed_after", [False, True], ids=["before SIGTERM", "while it drains"])
def test_fluent_bit_killed_at_the_end_delivers_the_last_lines(
    sidecar: Callable[..., Sidecar], shell: str, killed_after: bool
) -> None:
    """Fluent Bit restarts to deliver the last lines if it is killed just before SIGTERM or while it drains."""
    running = sidecar("fluent-bit", shell=shell)
    running.write("app.log", "one")
    running.wait_for("one")
    time.sleep(0.5)
    assert running.process is not None
    if killed_after:
        running.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
    running.kill_engine()
    running.write("app.log", "two")
    if not killed_after:
        running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(timeout=PATIENCE_SECONDS) == 0
    assert running.lines() == ["one", "", "two"]


@both_shells
def test_fluent_bit_that_cannot_start_ends_the_container(
    sidecar: Callable[..., Sidecar], shell: str, tmp_path: Path
) -> None:
    """If Fluent Bit crashes repeatedly, the container exits with its status and its messages."""
    running = sidecar("fluent-bit", shell=shell, prepare=Sidecar.spoil_configuration)
    assert running.process is not None
    assert running.process.wait(timeout=PATIENCE_SECONDS) == 1
    assert tmp_path.joinpath("stderr").read_text().count("is started again") == 2


def test_fluent_bit_goes_on_where_it_was(sidecar: Callable[..., Sidecar]) -> None:
    """After a SIGKILL and a restart, Fluent Bit resumes at its position without losing or duplicating lines."""
    running = sidecar("fluent-bit")
    running.write("app.log", "one", "two")
    running.wait_for("two")
    time.sleep(0.5)  # the position is stored after the line is written
    running.kill()
    running.write("app.log", "three")
    running.rotate("app.log")
    running.write("app.log", "four")
    running.start()
    running.wait_for("four")
    running.end()
    assert running.lines() == ["one", "two", "three", "four"]


def test_configuration_may_come_in_the_environment(sidecar: Callable[..., Sidecar], tmp_path: Path) -> None:
    """With CONFIG_DATA, the file CONFIG is not required, and quotes and backslashes reach Fluent Bit unchanged."""
    file = {"name": "app", "path": "/var/log/app/app.log", "multiline": "python"}
    running = sidecar("fluent-bit", files=[file], prepare=Sidecar.bring_configuration)
    trace = ("Traceback (most recent call last):", '  File "x.py"', "KeyError: 'missing'")
    running.write("app.log", *trace, "after")
    running.wait_for("after")
    running.end()
    assert running.lines() == ["\\n".join(trace), "after"]
    assert not [*tmp_path.joinpath("config").iterdir()]


def test_fluent_bit_reads_globs(sidecar: Callable[..., Sidecar]) -> None:
    """Every file that matches the glob is delivered, except compressed copies."""
    running = sidecar("fluent-bit", files=[{"name": "all", "path": "/var/log/app/*.log"}])
    running.write("a.log", "from a")
    running.write("b.log", "from b")
    running.write("c.log.gz", "compressed")
    running.wait_for("from a", "from b")
    running.end()
    assert sorted(running.lines()) == ["from a", "from b"]


def test_fluent_bit_does_not_read_copies(sidecar: Callable[..., Sidecar]) -> None:
    """With `copytruncate`, the lines of the copy are not duplicated."""
    file = {"name": "app", "path": "/var/log/app/app.log", "rotation": "copytruncate"}
    running = sidecar("fluent-bit", files=[file])
    running.write("app.log", "one")
    running.wait_for("one")
    running.write("app.log.1", "one")
    running.write("app.log", "two")
    running.wait_for("two")
    running.end()
    assert running.lines() == ["one", "two"]


def test_multiline_records_come_out_as_one_line(sidecar: Callable[..., Sidecar]) -> None:
    """A stack trace is one line with its line breaks as \\n, also at the end of the file."""
    running = sidecar("fluent-bit", files=[{"name": "app", "path": "/var/log/app/app.log", "multiline": "python"}])
    trace = ("Traceback (most recent call last):", '  File "x.py", line 1, in <module>', "KeyError: 'missing'")
    running.write("app.log", "before", *trace, "after")
    joined = "\\n".join(trace)
    running.wait_for("before", joined, "after")
    running.write("app.log", *trace)
    time.sleep(0.5)
    running.end()
    assert running.lines() == ["before", joined, "after", joined]


@both_engines
def test_scripts_are_plain_shell(install: Callable[..., Manifests], engine: str) -> None:
    """The scripts are POSIX shell, as the images have different shells."""
    for native in (True, False):
        kind = "initContainers" if native else "containers"
        spec = install({"sidecar": {"engine": engine, "native": native}}).one("Deployment")["spec"]["template"]["spec"]
        [script] = [box["args"][0] for box in spec[kind] if box["name"] == "sidecar"]
        done = subprocess.run(["sh", "-n", "-c", script], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert not re.search(r"\[\[|\blocal\b|\bfunction\b|<\(|\bread -t\b", script)
