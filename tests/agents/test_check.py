"""The check before a rollout in the real Fluent Bit: it passes a valid configuration, and fails with the reason."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.backends.pki import Authority
from harness.backends.ports import free_port
from harness.render.helm import Helm

from .node import CHART
from .test_windows import CHART as WINDOWS

pytestmark = pytest.mark.slow
STACK = {"metrics": {"enabled": False}, "cluster": {"region": "eu-west-1"}}
OWN = {"extraProcessors": {"application": [{"name": "content_modifier", "action": "delete", "key": "stream"}]}}
WRONG = ("action: delete", "action: forget", "initialization of processor unit 'content_modifier' failed")
NATS = {"type": "custom", "plugin": "nats", "options": {"host": "127.0.0.1", "port": 4222}}
EVENTS = {"events": {"enabled": True}, "outputs": {"cloudwatch": {"enabled": False}, "x": NATS}}
# agent: (chart, values, text of the configuration, what makes it wrong, reason in the log)
AGENTS: dict[str, tuple[Path, dict[str, Any], str, str, str]] = {
    "logs": (CHART, {**STACK, "logs": {"enabled": True, **OWN}}, *WRONG),
    "events": (CHART, {**STACK, **EVENTS}, "port: 4222", "prot: 4222", "unknown configuration"),
    "windows": (WINDOWS, {"logs": {"checkConfig": True, **OWN}}, *WRONG),
}


@pytest.mark.parametrize("valid", [True, False], ids=["valid", "wrong"])
@pytest.mark.parametrize(("chart", "values", "text", "wrong", "reason"), AGENTS.values(), ids=AGENTS)
def test_check_starts_the_agent(
    tmp_path: Path,
    chart: Path,
    values: dict[str, Any],
    text: str,
    wrong: str,
    reason: str,
    valid: bool,
    fluent_bit: Path,
) -> None:
    """The Job's command ends by itself with the rendered configuration, without logs, token or API server."""
    made = Helm().render(chart, values=values)
    [container] = made.one("Job")["spec"]["template"]["spec"]["containers"]
    [config] = [item for item in made.select("ConfigMap") if item["metadata"]["name"].endswith("-check")]
    places = {mount["mountPath"]: tmp_path / mount["name"] for mount in container["volumeMounts"]}
    for place in places.values():
        place.mkdir()
    assert text in "".join(config["data"].values())
    # The certificate of the API server, which the pod mounts where Fluent Bit expects it.
    assert (chart == WINDOWS) is ("/var/run/secrets/kubernetes.io/serviceaccount" not in places)
    Authority(tmp_path / "authority")
    events = "name: kubernetes_events"
    for name, data in config["data"].items():
        moved = data if valid else data.replace(text, wrong)
        # A pod has its own port; here, tests run in parallel.
        moved = moved.replace("http_port: 2020", f"http_port: {free_port()}")
        moved = moved.replace(events, f"{events}\n    kube_ca_file: {tmp_path}/authority/ca.crt")
        for inside, outside in sorted(places.items(), reverse=True):
            moved = moved.replace(f"{inside}\\", f"{outside}/").replace(inside, str(outside))
        (tmp_path / "config" / name).write_text(moved)
    environment = {**os.environ, "HOST_NAME": "node-1", "NODE_IP": "127.0.0.1", "POD_IP": "127.0.0.1"}
    command = [str(fluent_bit), f"--config={tmp_path}/config/check.yaml"]
    ended = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode == 0) is valid, ended.stderr
    assert (reason in ended.stderr) is not valid, ended.stderr
