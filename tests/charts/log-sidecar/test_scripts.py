"""The shell scripts that stand before the agents, each run with a stand-in for its agent."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[3] / "charts" / "log-sidecar" / "files" / "sidecar"
# The command by which each script starts its agent, or the process whose end is that of GNU tail.
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


@pytest.mark.parametrize("engine", START)
def test_signal_before_the_agent_starts_still_drains(engine: str, tmp_path: Path) -> None:
    """SIGTERM in the moment before the agent has a process ID: it starts, drains and ends, and nothing outlives it."""
    agent = tmp_path / "agent"
    agent.write_text(AGENT, encoding="utf-8")
    agent.chmod(0o755)
    script = (SCRIPTS / f"{engine}.sh").read_text(encoding="utf-8")
    assert script.count(START[engine]) == 1
    script = script.replace(START[engine], f"\nkill -TERM $${START[engine]}")
    follow = 'follow() { echo started; { until ! kill -0 "$life" 2>/dev/null; do sleep 0.1; done; echo ended; } & }\n'
    text = (SCRIPTS / "quiet.sh").read_text(encoding="utf-8") + follow + script
    environment = {**os.environ, "NATIVE": "true", "DRAIN_SECONDS": "2", "MESSAGES": "true", "AGENT": str(agent)}
    environment |= {"STATE_DIR": str(tmp_path / "state"), "CONFIG": str(tmp_path / "config")}
    ended = subprocess.run(["sh", "-c", text], env=environment, capture_output=True, text=True, timeout=20)
    assert (ended.returncode, ended.stdout.split(), ended.stderr) == (0, ["started", "ended"], "")
