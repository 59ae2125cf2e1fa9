"""Amazon's root certificates: the file itself, and the outputs that verify AWS endpoints with it.

Fluent Bit on Windows reads only the certificate store Root (windows_load_system_certificates in src/tls/openssl.c,
v5.1.1 and v1.9.10). Windows images have no certificate of Amazon in it (fluent-bit#6498, #11070). `tls.ca_file`
replaces the store. The outputs pass it to all three TLS contexts: client, credential chain and STS
(cloudwatch_logs.c in v5.1.1, lines 246 to 306, and v1.9.10, lines 230 to 278).
"""

import hashlib
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import certifi
import pytest

from harness import fluentbit
from harness.render.manifests import Manifests

Install = Callable[..., Manifests]
NAME = "amazon-root-certificates.pem"
# SHA-256, as https://www.amazontrust.com/repository/ publishes them.
FINGERPRINTS = {
    "Amazon Root CA 1": "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
    "Amazon Root CA 2": "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
    "Amazon Root CA 3": "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
    "Amazon Root CA 4": "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
    "Starfield Services Root Certificate Authority - G2": (
        "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5"
    ),
}
YEAR_SECONDS = 365 * 24 * 3600
CONTAINER, HOST_PROCESS = "C:", "C:\\hpc"
AWS = {
    "cloudwatch": {},
    "files": {"type": "s3", "bucket": "b"},
    "stream": {"type": "firehose", "deliveryStream": "s"},
    "records": {"type": "kinesis", "stream": "s"},
    "signed": {"type": "opensearch", "host": "signed.example.com", "awsAuth": True},
    "plain": {"type": "opensearch", "host": "plain.example.com"},
    "elastic": {"type": "elasticsearch", "host": "elastic.example.com"},
    "web": {"type": "http", "host": "web.example.com"},
}


def ca_files(made: Manifests) -> dict[str, str]:
    """Return the CA file of each output that has one."""
    [text] = [text for name, text in data_of(made).items() if name.startswith("fluent-bit.")]
    config = fluentbit.parse(text, environment={"CONTAINER_SANDBOX_MOUNT_POINT": HOST_PROCESS})
    found = {output.get("alias").removesuffix(".s3"): output.get("tls.ca_file") for output in config.outputs}
    return {name: path for name, path in found.items() if path}


def data_of(made: Manifests) -> dict[str, str]:
    data: dict[str, str] = made.one("ConfigMap", "x-fluent-bit-windows")["data"]
    return data


@pytest.fixture
def certificates(chart: Path) -> ssl.SSLContext:
    """Return the certificates that the chart contains, as OpenSSL loads them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(chart / "files" / NAME)
    return context


def test_certificates_are_those_of_amazon(certificates: ssl.SSLContext) -> None:
    """The file has exactly the roots of Amazon Trust Services, and certifi contains them, too."""
    trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusted.load_verify_locations(certifi.where())
    found = certificates.get_ca_certs(binary_form=True)
    assert {hashlib.sha256(one).hexdigest() for one in found} == set(FINGERPRINTS.values())
    assert set(found) <= set(trusted.get_ca_certs(binary_form=True))
    names = [dict(part[0] for part in one["subject"])["commonName"] for one in certificates.get_ca_certs()]  # type: ignore[misc]
    assert sorted(names) == sorted(FINGERPRINTS)


def test_certificates_are_valid_for_a_year(certificates: ssl.SSLContext) -> None:
    """The chart gets new certificates a year before the first of them expires."""
    now = time.time()
    for one in certificates.get_ca_certs():
        start, end = (ssl.cert_time_to_seconds(str(one[field])) for field in ("notBefore", "notAfter"))
        assert start < now < end - YEAR_SECONDS


@pytest.mark.parametrize("profile", ["upstream", "aws-legacy"])
@pytest.mark.parametrize("mode", ["container", "hostProcess"])
def test_aws_outputs_use_the_certificates(install: Install, chart: Path, mode: str, profile: str) -> None:
    """In both modes and profiles, every output to AWS, and no other, reads the file in the ConfigMap of the agent."""
    builds = {"windows": {"builds": [{"name": "2022"}]}}
    made = install({"mode": mode, "profile": profile, "outputs": AWS, **builds})
    path = f"{HOST_PROCESS if mode == 'hostProcess' else CONTAINER}\\fluent-bit-config\\{NAME}"
    assert ca_files(made) == dict.fromkeys(("cloudwatch", "files", "stream", "records", "signed"), path)
    assert data_of(made)[NAME].strip() == (chart / "files" / NAME).read_text(encoding="utf-8").strip()
    [container] = made.containers("fluent-bit")
    [mount] = [mount for mount in container["volumeMounts"] if mount["name"] == "config"]
    assert mount["mountPath"] == "C:\\fluent-bit-config"


@pytest.mark.parametrize(
    ("tls", "expected"),
    [
        ({"caFile": "C:\\own\\ca.pem"}, "C:\\own\\ca.pem"),
        ({"caSecret": {"name": "ca", "key": "root"}}, "C:\\fluent-bit-ca\\cloudwatch\\ca.crt"),
        ({"caConfigMap": {"name": "ca", "key": "root"}}, "C:\\fluent-bit-ca\\cloudwatch\\ca.crt"),
    ],
    ids=["file", "secret", "config-map"],
)
def test_own_certificate_replaces_them(install: Install, tls: dict[str, Any], expected: str) -> None:
    """An output with its own CA keeps it, and without another output to AWS the ConfigMap has no certificates."""
    made = install({"outputs": {"cloudwatch": {"tls": tls}}})
    assert ca_files(made) == {"cloudwatch": expected}
    assert NAME not in data_of(made)


@pytest.mark.parametrize("region", ["us-east-1", "us-gov-west-1"])
def test_partitions_with_certificates_of_amazon(install: Install, region: str) -> None:
    """In the partitions aws and aws-us-gov, AWS endpoints have certificates of Amazon."""
    assert ca_files(install({"cluster": {"region": region}})).keys() == {"cloudwatch"}


@pytest.mark.parametrize(
    "values",
    [
        {"amazonRootCertificates": False},
        {"cluster": {"region": "cn-north-1"}},
        {"cluster": {"region": "eusc-de-east-1"}},
        {"outputs": {"cloudwatch": {"region": "us-iso-east-1"}}},
        {"outputs": {"cloudwatch": {"enabled": False}, "web": AWS["web"]}},
    ],
    ids=["off", "china", "sovereign", "region-of-the-output", "no-aws"],
)
def test_store_of_windows(install: Install, values: dict[str, Any]) -> None:
    """Without the certificates, outputs verify with the store of Windows, and the ConfigMap does not contain them."""
    made = install(values)
    assert ca_files(made) == {}
    assert NAME not in data_of(made)
