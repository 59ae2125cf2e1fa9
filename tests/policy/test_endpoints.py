"""What the charts know of AWS partitions and endpoints, compared with botocore's data."""

import json
from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointProviderError

from harness.render.helm import Helm
from harness.render.manifests import Manifests, load_yaml

# Helm renders one document for each region, all in one go.
TEMPLATE = """
{{- range $region := .Values.regions }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ . }}
data:
  partition: {{ include "CHART.partitionOf" . | quote }}
{{- range $name, $aws := $.Values.choices }}
{{- range $.Values.services }}
  {{ . }}-{{ $name }}: {{ include "CHART.awsHost" (dict "aws" $aws "service" . "region" $region) }}
{{- end }}
{{- end }}
{{- end }}
"""
SERVICES = {"logs", "firehose", "kinesis", "s3", "sts", "xray"}
CHOICES = {
    f"{fips}-{dual}": {"useFipsEndpoints": fips == "fips", "useDualStackEndpoints": dual == "dual"}
    for fips, dual in product(("usual", "fips"), ("ipv4", "dual"))
}
FIPS = {"useFipsEndpoints": True}
DUAL_STACK = {"useDualStackEndpoints": True}
PARAMETERS_OF_S3 = {"Bucket": "b", "ForcePathStyle": True, "UseGlobalEndpoint": False}


@pytest.fixture(scope="module")
def known() -> dict[str, list[str]]:
    """ID, DNS suffix and DNS suffix of dual-stack endpoints, by region."""
    session = botocore.session.get_session()
    outputs = {entry["id"]: entry["outputs"] for entry in session.get_data("partitions")["partitions"]}
    regions = {
        region: partition["partition"]
        for partition in session.get_data("endpoints")["partitions"]
        for region in partition["regions"]
    }
    return {
        region: [name, outputs[name]["dnsSuffix"], outputs[name]["dualStackDnsSuffix"]]
        for region, name in regions.items()
    }


@pytest.fixture
def made(helm: Helm, tmp_path: Path, known: dict[str, list[str]], chart: Path) -> dict[str, dict[str, str]]:
    """What the chart's helpers return for each region."""
    templates = tmp_path / "templates"
    templates.mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: regions\nversion: 0.1.0\n", encoding="utf-8")
    source = chart / "templates" / "shared" / "_endpoints.tpl"
    (templates / "_endpoints.tpl").write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    (templates / "regions.yaml").write_text(TEMPLATE.replace("CHART", chart.name), encoding="utf-8")
    values = {"regions": sorted(known), "services": sorted(SERVICES), "choices": CHOICES}
    return {entry["metadata"]["name"]: entry["data"] for entry in helm.render(tmp_path, values=values)}


@pytest.mark.environment("partitions")
def test_partition_of_every_region(made: dict[str, dict[str, str]], known: dict[str, list[str]]) -> None:
    """Each region of botocore is in the partition, with the DNS suffixes, that botocore knows."""
    assert {region: json.loads(data["partition"]) for region, data in made.items()} == known
    assert len(known) > 40
    assert {entry[0] for entry in known.values()} >= {"aws", "aws-cn", "aws-us-gov", "aws-eusc", "aws-iso"}


def endpoints_of(service: str) -> EndpointProvider:
    """Return botocore's rules for the hosts of a service."""
    session = botocore.session.get_session()
    rules = session.get_component("data_loader").load_service_model(service, "endpoint-rule-set-1")
    return EndpointProvider(rules, session.get_data("partitions"))


@pytest.mark.environment("partitions")
@pytest.mark.parametrize("service", sorted(SERVICES))
def test_hosts_in_every_region(service: str, made: dict[str, dict[str, str]], known: dict[str, list[str]]) -> None:
    """Each region has the hosts of botocore's rules: the usual one, FIPS, dual-stack, and both."""
    provider = endpoints_of(service)
    for (region, (partition, *_)), (choice, aws) in product(known.items(), CHOICES.items()):
        if (service, partition, aws["useFipsEndpoints"]) == ("s3", "aws-cn", True):
            continue  # see test_s3_has_no_fips_endpoints_in_china
        parameters = {"s3": PARAMETERS_OF_S3, "sts": {"UseGlobalEndpoint": False}}.get(service, {})
        found = provider.resolve_endpoint(
            Region=region,
            UseFIPS=aws["useFipsEndpoints"],
            UseDualStack=aws["useDualStackEndpoints"],
            **parameters,
        )
        assert made[region][f"{service}-{choice}"] == found.url.split("/")[2]


def test_s3_has_no_fips_endpoints_in_china() -> None:
    """Botocore rejects what the charts reject."""
    provider = endpoints_of("s3")
    with pytest.raises(EndpointProviderError, match="Partition does not support FIPS"):
        provider.resolve_endpoint(Region="cn-north-1", UseFIPS=True, UseDualStack=False, **PARAMETERS_OF_S3)


OUTPUTS = {
    "cloudwatch": {"type": "cloudwatch", "region": "us-west-2"},
    "firehose": {"type": "firehose", "region": "us-west-2", "deliveryStream": "logs"},
    "kinesis": {"type": "kinesis", "region": "us-gov-west-1", "stream": "logs"},
    "s3": {"type": "s3", "region": "us-gov-west-1", "bucket": "logs"},
    "search": {
        "type": "opensearch", "region": "us-gov-west-1", "host": "search.example.com", "awsAuth": True
    },
}  # fmt: skip
EXPECTED = {
    "usual": ({}, dict.fromkeys(OUTPUTS, (None, None, None))),
    "FIPS": (
        FIPS,
        {
            "cloudwatch": ("logs-fips.us-west-2.amazonaws.com", "sts-fips.us-west-2.amazonaws.com", None),
            "firehose": ("firehose-fips.us-west-2.amazonaws.com", "sts-fips.us-west-2.amazonaws.com", None),
            "kinesis": ("kinesis.us-gov-west-1.amazonaws.com", "sts.us-gov-west-1.amazonaws.com", None),
            "s3": ("s3-fips.us-gov-west-1.amazonaws.com", "sts.us-gov-west-1.amazonaws.com", None),
            "search": (None, "sts.us-gov-west-1.amazonaws.com", None),
        },
    ),
    "dual-stack": (
        DUAL_STACK,
        {
            "cloudwatch": ("logs.us-west-2.api.aws", "sts.us-west-2.api.aws", True),
            "firehose": ("firehose.us-west-2.api.aws", "sts.us-west-2.api.aws", True),
            "kinesis": ("kinesis.us-gov-west-1.api.aws", "sts.us-gov-west-1.api.aws", True),
            "s3": ("s3.dualstack.us-gov-west-1.amazonaws.com", "sts.us-gov-west-1.api.aws", True),
            "search": (None, "sts.us-gov-west-1.api.aws", True),
        },
    ),
}


def values_with(chart: Path, outputs: Mapping[str, Any], aws: Mapping[str, bool]) -> dict[str, Any]:
    """Return values that enable these outputs of a chart, and no others."""
    own = load_yaml((chart / "values.yaml").read_text(encoding="utf-8"))["outputs"]
    on = {"logs": {"enabled": True}, "metrics": {"enabled": False}} if chart.name == "observability-stack" else {}
    return {"aws": aws, "outputs": {**{name: {"enabled": False} for name in own}, **outputs}, **on}


def hosts(made: Manifests) -> set[tuple[Any, Any, Any]]:
    """Return endpoint, endpoint of STS, and preference for IPv6 of each output in the agents' configuration."""
    texts = [text for item in made.select("ConfigMap") for text in item["data"].values()]
    texts += [entry.get("value", "") for box in made.containers() for entry in box.get("env", [])]
    agents = [load_yaml(text) for text in texts if "pipeline:" in text]
    sections = [section for agent in agents for section in agent["pipeline"]["outputs"]]
    return {
        (
            section.get("endpoint"),
            section.get("sts_endpoint") or section.get("aws_sts_endpoint"),
            section.get("net.dns.prefer_ipv6"),
        )
        for section in sections
    }


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize(("aws", "expected"), EXPECTED.values(), ids=EXPECTED)
def test_outputs_use_the_chosen_endpoints(
    chart: Path, name: str, aws: dict[str, bool], expected: dict[str, tuple[Any, Any, Any]], helm: Helm
) -> None:
    """Fluent Bit reads no variable for it, so each output gets the hosts of its service and of STS."""
    made = helm.render(chart, values=values_with(chart, {name: OUTPUTS[name]}, aws))
    assert hosts(made) == {expected[name]}


@pytest.mark.environment("private", "sidecar", "node-logs", "windows")
@pytest.mark.parametrize(
    ("names", "services"),
    [
        pytest.param({"cloudwatch"}, "ecr.api, ecr.dkr, logs, s3, sts", id="cloudwatch"),
        pytest.param({"firehose"}, "ecr.api, ecr.dkr, kinesis-firehose, s3, sts", id="firehose"),
        pytest.param({"kinesis"}, "ecr.api, ecr.dkr, kinesis-streams, s3, sts", id="kinesis"),
        pytest.param({"search"}, "ecr.api, ecr.dkr, s3, sts", id="opensearch"),
    ],
)
def test_notes_name_the_vpc_endpoints_of_the_values(chart: Path, names: set[str], services: str) -> None:
    """The notes list the services that a cluster without internet access reaches through VPC endpoints."""
    outputs = {name: {**OUTPUTS[name], "region": "us-west-2"} for name in names}
    accounts = {"log-sidecar": {"serviceAccount": {"roleArn": "arn:aws:iam::111122223333:role/logs"}}}
    text = Helm().notes(chart, values={**values_with(chart, outputs, {}), **accounts.get(chart.name, {})})
    assert f"need VPC endpoints of {services} (ecr" in text


def test_own_endpoint_wins(chart: Path, helm: Helm) -> None:
    """The endpoints of an output's own values stay, for example those of a VPC endpoint."""
    own = {"endpoint": "vpce-1.logs.us-west-2.vpce.amazonaws.com", "stsEndpoint": "vpce-2.sts.example.com"}
    made = helm.render(chart, values=values_with(chart, {"own": {**OUTPUTS["cloudwatch"], **own}}, FIPS))
    assert hosts(made) == {(*own.values(), None)}


def test_fips_endpoint_that_does_not_exist_is_rejected(chart: Path, helm: Helm) -> None:
    """S3 has no FIPS endpoints in China."""
    output = {"type": "s3", "bucket": "logs", "region": "cn-north-1"}
    rejection = helm.template(chart, values=values_with(chart, {"archive": output}, FIPS))
    assert "`aws.useFipsEndpoints` is on, but S3 has no FIPS endpoints in cn-north-1" in rejection.stderr
