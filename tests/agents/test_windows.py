"""The outputs of Windows agents in the real Fluent Bit: certificates of the credential chain."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.backends.aws import REGION, Aws
from harness.backends.ports import own_address
from harness.render.helm import Helm
from harness.render.manifests import load_yaml

CHART = Path(__file__).parents[2] / "charts" / "fluent-bit-windows"
# Fluent Bit requests credentials from port 443 only.
HOST, PORT = own_address(), 443
PATIENCE_SECONDS = 60.0
pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.geteuid() != 0, reason="requires port 443")]


def wait_for(condition: Callable[[], bool], log: Path) -> None:
    """Wait until a condition is true; show the log if it never is."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.2)


@pytest.mark.parametrize("trusted", [True, False], ids=["in-ca-file", "not-in-ca-file"])
def test_credential_chain_verifies_with_the_ca_file(tmp_path: Path, trusted: bool, fluent_bit: Path) -> None:
    """The CA file of a CloudWatch output alone decides whether its requests for credentials (IRSA) reach STS."""
    output = {"endpoint": HOST, "stsEndpoint": HOST, "logGroupName": "/windows", "logGroupTemplate": ""}
    made = Helm().render(CHART, values={"outputs": {"cloudwatch": output}})
    data = made.one("ConfigMap", "test-fluent-bit-windows")["data"]
    config: dict[str, Any] = load_yaml(data["fluent-bit.yaml"])
    [sent] = config["pipeline"]["outputs"]
    with Aws(tmp_path / "pki", host=HOST, port=PORT) as api:
        shipped = tmp_path / "amazon-root-certificates.pem"
        shipped.write_text(data["amazon-root-certificates.pem"])
        sent["tls.ca_file"] = str(api.ca if trusted else shipped)
        record = {"name": "dummy", "tag": "application.x", "dummy": '{"log": "hello"}', "samples": 1}
        pipeline = {"inputs": [record], "outputs": [sent]}
        (tmp_path / "fluent-bit.yaml").write_text(yaml.safe_dump({"service": {"flush": 1}, "pipeline": pipeline}))
        (tmp_path / "token").write_text("token")
        environment = {
            "HOST_NAME": "node-1",
            "AWS_REGION": REGION,
            "AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/logs",
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "token"),
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        log = tmp_path / "log"
        with log.open("w") as stream:
            command = [str(fluent_bit), "--config", str(tmp_path / "fluent-bit.yaml")]
            agent = subprocess.Popen(command, env=environment, stdout=stream, stderr=stream)
        try:
            # The stand-in's answer has no credentials, as the request has no signature, but the connection is verified.
            expected = "node in sts response" if trusted else "certificate verify failed"
            wait_for(lambda: expected in log.read_text(), log)
            assert ("certificate verify failed" in log.read_text()) is not trusted
        finally:
            agent.kill()
            agent.wait()
