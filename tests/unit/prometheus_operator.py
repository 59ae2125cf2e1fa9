"""What prometheus-operator generates from monitors, in the form of ours."""

import base64
import functools
import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import trustme

from eks_observability.monitors.clients import FOLDER
from eks_observability.monitors.jobs import Job
from harness import tools
from harness.errors import HarnessError
from harness.render.manifests import load_yaml

# The version of the chart's Prometheus.
VERSION = "3.14.0"
# Relabelings at the end of each job by which the operator distributes targets to shards; the chart has its own.
_SHARDING = 3
_NUMBERS = {"secrets": 0, "configmaps": 1}


def generate(
    objects: Iterable[Mapping[str, Any]], role: str = "EndpointSlice", classes: Sequence[Mapping[str, Any]] = ()
) -> dict[str, list[Job] | str]:
    """Return the jobs, or the error, that the operator's own code makes of each object.

    Args:
        objects: monitors and rules; the Secrets and ConfigMaps that they refer to exist.
        role: how it discovers endpoints: EndpointSlice or Endpoints.
        classes: scrape classes of its Prometheus object.

    Returns:
        By kind, namespace and name, for example `Probe shop/api`: jobs, or groups of a PrometheusRule, or the error.
    """
    listed = list(objects)
    request = {"role": role, "version": VERSION, "classes": list(classes), "objects": [*listed, *_referenced(listed)]}
    done = subprocess.run([_program()], input=json.dumps(request), capture_output=True, text=True, check=True)
    return {one["name"]: one.get("error") or _parts(one["config"]) for one in json.loads(done.stdout)}


def as_operator(job: Job) -> Job:
    """Return a compiled job with what the operator writes differently.

    The operator writes the values of Secrets where ours has a file, and mounts the files of TLS in one folder.
    """
    found: Job = _translated(job)
    return found


@functools.cache
def _program() -> Path:
    try:
        return tools.path("prometheus-operator")
    except HarnessError as error:
        pytest.skip(f"needs prometheus-operator: {error}")


def _parts(text: str) -> list[dict[str, Any]]:
    config = load_yaml(text)
    if "scrape_configs" not in config:
        # Groups without rules do nothing.
        groups: list[dict[str, Any]] = [group for group in config.get("groups") or [] if group.get("rules")]
        for rule in (rule for group in groups for rule in group["rules"]):
            rule["expr"] = str(rule["expr"])  # Prometheus reads a number as text
        return groups
    for job in config["scrape_configs"]:
        if not job["job_name"].startswith("scrapeConfig/"):
            del job["relabel_configs"][-_SHARDING:]
    jobs: list[Job] = config["scrape_configs"]
    return jobs


def _translated(value: Any) -> Any:
    if isinstance(value, list):
        return [_translated(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for name, one in value.items():
        if isinstance(one, str) and one.startswith(f"{FOLDER}/"):
            kind, rest = one.removeprefix(f"{FOLDER}/").split("/", 1)
            if name in ("ca_file", "cert_file", "key_file"):
                one = f"/etc/prometheus/certs/{_NUMBERS[kind]}_{rest.replace('/', '_')}"
            else:
                name = name.removesuffix("_file")
        found[name] = _translated(one)
    return found


def data_of(objects: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str, str, str], str]:
    """Return the Secrets and ConfigMaps that objects refer to, by kind, namespace, name and key.

    The operator checks that the files of TLS are certificates and keys. Each other value is the path of our file.
    """
    found: dict[tuple[str, str, str, str], str] = {}
    for one in objects:
        namespace = one["metadata"].get("namespace", "default")
        for kind, name, key, field in _references(one["spec"]):
            folder = "secrets" if kind == "Secret" else "configmaps"
            value = f"{FOLDER}/{folder}/{namespace}/{name}/{key}"
            found[kind, namespace, name, key] = _pems().get(field, value)
    return found


def _referenced(objects: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    grouped: dict[tuple[str, str, str], dict[str, str]] = {}
    for (kind, namespace, name, key), value in data_of(objects).items():
        encoded = base64.b64encode(value.encode()).decode() if kind == "Secret" else value
        grouped.setdefault((kind, namespace, name), {})[key] = encoded
    for (kind, namespace, name), data in grouped.items():
        meta = {"name": name, "namespace": namespace}
        yield {"apiVersion": "v1", "kind": kind, "metadata": meta, "data": data}


def _references(value: Any, kind: str = "Secret", field: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Yield kind, name and key of each reference, and the field of a client that has it."""
    if isinstance(value, list):
        for one in value:
            yield from _references(one, kind, field)
    elif isinstance(value, dict):
        if value.keys() <= {"name", "key", "optional"} and value.get("name") and "key" in value:
            yield kind, value["name"], value["key"], field
        for name, one in value.items():
            if name in ("secret", "configMap"):
                yield from _references(one, "Secret" if name == "secret" else "ConfigMap", field)
            else:
                yield from _references(one, kind, name)


@functools.cache
def _pems() -> dict[str, str]:
    authority = trustme.CA()
    issued = authority.issue_cert("api")
    texts = {"ca": authority.cert_pem, "cert": issued.cert_chain_pems[0], "keySecret": issued.private_key_pem}
    return {field: blob.bytes().decode() for field, blob in texts.items()}
