"""The profile `aws-legacy` with Fluent Bit 1.9.10, the version in AWS's image for Windows, on Linux.

`test_routing.py` delivers records with it; the tests here start it with every configuration that the chart renders.
"""

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest

from harness import fluentbit, images
from harness.backends.aws import CREDENTIALS, HOST
from harness.backends.pki import Authority
from harness.backends.ports import free_port
from harness.render.manifests import Manifests

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="needs Linux, for which Fluent Bit 1.9.10 can be built"),
]
Install = Callable[..., Manifests]
ROOT = Path(__file__).parents[3]
CHART = "charts/fluent-bit-windows"
PATIENCE_SECONDS = 30.0
ENVIRONMENT = {
    **CREDENTIALS,
    "CLUSTER_NAME": "shop",
    "CONTAINER_SANDBOX_MOUNT_POINT": "C:\\hpc",
    "HOST_NAME": "node-1",
    "HTTP_SERVER": "On",
    "KUBERNETES_SERVICE_HOST": HOST,
    "LOGS_REGION": "us-east-1",
    **dict.fromkeys(
        (
            "OUTPUT_X__HTTP_PASSWD",
            "OUTPUT_X__PASSWORD",
            "OUTPUT_X__LICENSE_KEY",
            "OUTPUT_X__APIKEY",
            "OUTPUT_X__SPLUNK_TOKEN",
            "OUTPUT_SECURITY__HTTP_PASSWD",
        ),
        "secret",
    ),
    "OUTPUT_EVENTS__HEADER_AUTHORIZATION": "secret",
    "OUTPUT_X__SHARED_KEY": "shared",
    "READ_FROM_HEAD": "On",
}
LEGACY = {"profile": "aws-legacy", "windows": {"builds": [{"name": "2022"}]}}
SECRET = {"name": "backend", "key": "password"}
LOGIN = {"httpUser": "agent", "httpPasswd": SECRET}
# Values of ci/all-values.yaml that 1.9.10 does not support.
WITHOUT_NEWER = {
    "logs": {"extraFilters": [], "extraProcessors": {}, "host": {"eventQuery": "*"}},
    "outputs": {"cloudwatch": {"logGroupClass": "STANDARD", "roleArn": "", "externalId": ""}},
}


CA_FILES = ("kube_ca_file", "tls.ca_file")


def only(**output: Any) -> dict[str, Any]:
    """Return values with one output, named x."""
    return {"outputs": {"cloudwatch": {"enabled": False}, "x": output}}


CASES: dict[str, tuple[list[str], dict[str, Any]]] = {
    "least": ([], {}),
    "values file": ([f"{CHART}/ci/legacy-values.yaml"], {}),
    "all inputs of a host process": ([f"{CHART}/ci/all-values.yaml"], WITHOUT_NEWER),
    "the article": (["values/examples/windows-article.yaml"], {"fullnameOverride": ""}),
    "static group": ([], {"outputs": {"cloudwatch": {"logGroupTemplate": ""}}}),
    "filesystem": ([], {"storage": {"type": "filesystem"}}),
    "stdout": ([], only(type="stdout")),
    "opensearch": ([], only(type="opensearch", host=HOST, awsAuth=True)),
    "opensearch with a password": ([], only(type="opensearch", host=HOST, **LOGIN)),
    "elasticsearch": ([], only(type="elasticsearch", host=HOST, logstashFormat=True, traceError=True, path="/a")),
    "firehose": ([], only(type="firehose", deliveryStream="windows")),
    "kinesis": ([], only(type="kinesis", stream="windows")),
    "s3": ([], only(type="s3", bucket="logs", retryLimit="no_limits", storage={"totalLimitSize": "1M"})),
    "http": ([], only(type="http", host=HOST, headers={"X-A": "b", "X-C": "d"}, compress="gzip", **LOGIN)),
    "loki": ([], only(type="loki", host=HOST, labelKeys=["$stream"], **LOGIN)),
    "splunk": ([], only(type="splunk", host=HOST, splunkToken=SECRET, eventField={"of": "$log"}, compress="gzip")),
    "datadog": ([], only(type="datadog", apikey=SECRET)),
    "newrelic": ([], only(type="newrelic", licenseKey=SECRET, compress="")),
    "forward": (
        [],
        only(type="forward", host=HOST, tag="a", username="agent", password=SECRET, sharedKey=SECRET),
    ),
}


@pytest.fixture
def start(tmp_path: Path) -> Callable[[Manifests], str]:
    """Start the agent, wait until its HTTP server responds, and return its log."""
    program = images.fluent_bit_legacy()
    if program is None:
        pytest.skip("needs Fluent Bit 1.9.10 in $FLUENT_BIT_LEGACY (or on PATH)")

    def said(made: Manifests) -> str:
        [(name, text)] = [
            item
            for item in made.one("ConfigMap", "x-fluent-bit-windows")["data"].items()
            if item[0].startswith("fluent-bit.")
        ]
        assert name == "fluent-bit.conf"
        config = fluentbit.read(text)
        port = free_port(HOST)
        config["service"] = {**config["service"], "http_listen": HOST, "http_port": port}
        config["pipeline"]["inputs"] = [on_linux(plugin) for plugin in config["pipeline"]["inputs"]]
        authority = (Authority(tmp_path / "pki").folder / "ca.crt").read_bytes()
        plugins = [*config["pipeline"]["filters"], *config["pipeline"]["outputs"]]
        for path in (plugin[option] for plugin in plugins for option in CA_FILES if option in plugin):
            # On Linux, a file name can contain a Windows path.
            mount_point = ENVIRONMENT["CONTAINER_SANDBOX_MOUNT_POINT"]
            (tmp_path / path.replace("${CONTAINER_SANDBOX_MOUNT_POINT}", mount_point)).write_bytes(authority)
        (tmp_path / name).write_text(fluentbit.write(config, classic=True), encoding="utf-8")
        log = tmp_path / "agent.log"
        with log.open("wb") as output:
            agent = subprocess.Popen(
                [str(program), "-c", name],
                cwd=tmp_path,
                env={**os.environ, **ENVIRONMENT},
                stdout=output,
                stderr=output,
            )
        try:
            deadline = time.monotonic() + PATIENCE_SECONDS
            while (version := version_of(port)) is None:
                assert agent.poll() is None and time.monotonic() < deadline, log.read_text(encoding="utf-8")
                time.sleep(0.05)
            assert version == "1.9.10"
            return log.read_text(encoding="utf-8")
        finally:
            agent.kill()
            agent.wait()

    return said


def on_linux(plugin: dict[str, Any]) -> dict[str, Any]:
    """Return an input, replaced if it reads the event log, which Linux does not have."""
    return {"name": "dummy", "tag": plugin["tag"]} if plugin["name"] == "winevtlog" else plugin


def version_of(port: int) -> str | None:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/", timeout=5) as answer:
            version: str = json.load(answer)["fluent-bit"]["version"]
            return version
    except (URLError, ConnectionError):
        return None


def test_configuration_without_filters(install: Install) -> None:
    """Without application logs, the classic configuration has no filter."""
    logs = {"application": {"enabled": False}, "dataplane": {"enabled": True, "channels": []}}
    made = install({**LEGACY, "logs": logs})
    text = made.one("ConfigMap", "x-fluent-bit-windows")["data"]["fluent-bit.conf"]
    assert [line for line in text.splitlines() if line.startswith("[")] == ["[SERVICE]", "[INPUT]", "[OUTPUT]"]


@pytest.mark.parametrize("case", CASES)
def test_legacy_program_starts(case: str, install: Install, start: Callable[[Manifests], str]) -> None:
    """Fluent Bit 1.9.10 starts with every configuration that the chart renders for it, and logs no error."""
    files, values = CASES[case]
    made = install({**values, **LEGACY}, files=[ROOT / name for name in files])
    assert [line for line in start(made).splitlines() if "[error]" in line] == []


def test_legacy_program_rejects_unknown_options(install: Install, start: Callable[[Manifests], str]) -> None:
    """Fluent Bit 1.9.10 does not start with an option of a later version, which proves that the test above can fail."""
    made = install(LEGACY)
    [map_] = made.select("ConfigMap")
    map_["data"]["fluent-bit.conf"] += "    log_group_class STANDARD\n"
    # It can exit before it logs the reason.
    with pytest.raises(AssertionError, match=r"log_group_class|\[lib\] backend failed"):
        start(made)
