"""What the charts know of AWS partitions, compared with botocore's endpoint data."""

import json
from pathlib import Path

import botocore.session
import pytest

from harness.render.helm import Helm

# Helm renders one document for each region, all in one go.
TEMPLATE = """
{{- range .Values.regions }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ . }}
data:
  partition: {{ include "CHART.partitionOf" . | quote }}
{{- end }}
"""


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


def test_partition_of_every_region(helm: Helm, tmp_path: Path, known: dict[str, list[str]], chart: Path) -> None:
    """Each region of botocore is in the partition, with the DNS suffixes, that botocore knows."""
    templates = tmp_path / "templates"
    templates.mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: regions\nversion: 0.1.0\n", encoding="utf-8")
    source = chart / "templates" / "shared" / "_iam.tpl"
    (templates / "_iam.tpl").write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    (templates / "regions.yaml").write_text(TEMPLATE.replace("CHART", chart.name), encoding="utf-8")
    made = helm.render(tmp_path, values={"regions": sorted(known)})
    assert {entry["metadata"]["name"]: json.loads(entry["data"]["partition"]) for entry in made} == known
    assert len(known) > 40
    assert {entry[0] for entry in known.values()} >= {"aws", "aws-cn", "aws-us-gov", "aws-eusc", "aws-iso"}
