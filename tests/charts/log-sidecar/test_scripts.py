"""The shell scripts that start the agents, each with a stand-in for its agent."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[3] / "charts" / "log-sidecar" / "files" / "sidecar"
# The command that starts the agent in each script, or the process that GNU tail watches.
START = {
    "fluent-bit": "\nstart\n",
    "fluentd": '\n"$AGENT" --no-supervisor --config "$CONFIG" &\n',
    "sumologic-collector": '\n/bin/bash "$AGENT" &\n',
    "tail": "\nsleep infinity &\n",
}
AGENT = """\
#!/bin/sh
trap 'echo ended; kill "$!"; exit 0' TERM
echo started
sleep 60 &
wait
"""


# Called by the scripts before they start the agent.
MKDIR = """\
#!/bin/sh
kill -TERM "$PPID"
exec /bin/mkdir "$@"
"""


def run(script: str, folder: Path, agent_text: str = AGENT) -> "subprocess.CompletedProcess[str]":
    """Run a script as in the container, with signals.sh before it."""
    agent = folder / "agent"
    agent.write_text(agent_text, encoding="utf-8")
    agent.chmod(0o755)
    follow = 'follow() { echo started; { until ! kill -0 "$life" 2>/dev/null; do sleep 0.1; done; echo ended; } & }\n'
    text = (SCRIPTS / "signals.sh").read_text(encoding="utf-8") + follow + script
    environment = {**os.environ, "NATIVE": "true", "DRAIN_SECONDS": "1", "MESSAGES": "true", "AGENT": str(agent)}
    environment |= {"STATE_DIR": str(folder / "state"), "CONFIG": str(folder / "config")}
    environment["PATH"] = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(["sh", "-c", text], env=environment, capture_output=True, text=True, timeout=20)


@pytest.mark.slow
@pytest.mark.parametrize("engine", START)
def test_signal_before_the_agent_starts_still_drains(engine: str, tmp_path: Path) -> None:
    """After a SIGTERM just before it has a process ID, the agent starts, drains and exits, and no process remains."""
    script = (SCRIPTS / f"{engine}.sh").read_text(encoding="utf-8")
    assert script.count(START[engine]) == 1
    ended = run(script.replace(START[engine], f"\nkill -TERM $${START[engine]}"), tmp_path)
    assert (ended.returncode, ended.stdout.split(), ended.stderr) == (0, ["started", "ended"], "")


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["fluent-bit", "fluentd"])
def test_signal_while_the_configuration_is_prepared_still_drains(engine: str, tmp_path: Path) -> None:
    """After a SIGTERM while the script creates its folder, the agent starts, drains and exits."""
    mkdir = tmp_path / "bin" / "mkdir"
    mkdir.parent.mkdir()
    mkdir.write_text(MKDIR, encoding="utf-8")
    mkdir.chmod(0o755)
    ended = run((SCRIPTS / f"{engine}.sh").read_text(encoding="utf-8"), tmp_path)
    assert (ended.returncode, ended.stdout.split(), ended.stderr) == (0, ["started", "ended"], "")


def test_lost_file_is_reported(tmp_path: Path) -> None:
    """A file that Fluent Bit opened instead of another one, which was renamed at the same time, is named once."""
    script = (SCRIPTS / "fluent-bit.sh").read_text(encoding="utf-8").replace("\nstart\n", "\nstart\nkill -TERM $$\n")
    for name in ("app.log", "app.log.1"):
        (tmp_path / name).write_text("line\n", encoding="utf-8")
    opened = "exec 3<app.log 4<app.log.1 5<app.log.1 6>>app.log\ncat <&3 >&2; cat <&4 >&2; cat <&5 >&2\n"
    opening = f"#!/bin/sh\ncd {tmp_path}\n{opened}"
    ended = run(script, tmp_path, AGENT.replace("#!/bin/sh\n", opening))
    lost = f"{tmp_path}/app.log.1 was read twice, and a file that was renamed at the same time is lost\n"
    assert (ended.returncode, ended.stderr) == (0, "line\n" * 3 + lost)
