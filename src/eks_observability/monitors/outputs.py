"""Writes compiled monitors as values of the chart, or as the configuration of AMP's agentless scraper."""

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from eks_observability.errors import CommandError
from eks_observability.monitors import rules
from eks_observability.monitors.clients import FOLDER
from eks_observability.monitors.fields import Invalid, milliseconds
from eks_observability.monitors.jobs import Compiled, Context, Job, of_pod_monitor, of_probe, of_service_monitor
from eks_observability.monitors.objects import Object, Objects
from eks_observability.monitors.scrape_classes import applied
from eks_observability.monitors.scrape_configs import of_scrape_config

# Scrape interval of the chart and of the scraper.
INTERVAL = "60s"
# By kind of monitor.
COMPILERS = {
    "ServiceMonitor": of_service_monitor,
    "PodMonitor": of_pod_monitor,
    "Probe": of_probe,
    "ScrapeConfig": of_scrape_config,
}
_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount/"
# The shortest interval that the scraper accepts, in milliseconds.
_SHORTEST = 30_000
_VOLUME = "monitors"


@dataclass
class Result:
    """All monitors that could be compiled.

    Attributes:
        jobs: scrape configurations.
        files: kind, namespace, name and key of each file of a Secret or ConfigMap that they read.
        groups: rule groups by PrometheusRule.
        broken: a sentence about each object that is left out.
        notes: sentences about what differs from the object.
    """

    jobs: list[Job] = field(default_factory=list)
    files: set[tuple[str, str, str, str]] = field(default_factory=set)
    groups: dict[Object, list[rules.Group]] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def compile_all(objects: Objects, *, scraper: bool) -> Result:
    """Compile each monitor and rule on its own, so that a broken one does not affect the others.

    Args:
        objects: the input.
        scraper: for AMP's agentless scraper, instead of the chart's Prometheus.
    """
    result = Result()
    context = Context("endpoints" if scraper else "endpointslice", INTERVAL, objects.data)
    for one in objects.monitors:
        try:
            if one.kind == "PrometheusRule":
                result.groups[one] = rules.groups(one)
                continue
            compiled = compiled_with_class(one, context, objects.classes)
            if scraper:
                result.notes += [f"{one}: {note}" for note in _limit(compiled)]
        except Invalid as error:
            result.broken.append(f"{one}: {error}")
        else:
            result.jobs += compiled.jobs
            result.files |= compiled.files
    return result


def compiled_with_class(one: Object, context: Context, classes: Mapping[str, Mapping[str, Any]]) -> Compiled:
    """Compile a monitor with its scrape class.

    Args:
        one: the monitor.
        context: see `Context`.
        classes: scrape classes, see `Objects`.

    Raises:
        Invalid: the monitor is broken, with or without its class.
    """
    compiled = COMPILERS[one.kind](one, context)
    if not classes and "scrapeClass" not in one.content["spec"]:
        return compiled
    content = applied(one.kind, one.content, classes)
    try:
        return COMPILERS[one.kind](Object(one.kind, one.namespace, one.name, content), context)
    except Invalid as error:
        raise Invalid(f"with its scrape class, {error}") from error


def values(result: Result, namespace: str, own: Iterable[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Return the values of the chart.

    Args:
        result: the compiled monitors.
        namespace: namespace of the release, from which Prometheus can mount Secrets.
        own: the user's values, whose lists are kept. Helm would replace them.

    Raises:
        CommandError: two Secrets would have the same name in the namespace of the release.
    """
    named = [
        {**group, "name": f"{one.namespace}/{one.name}/{group['name']}"}
        for one, found in result.groups.items()
        for group in found
    ]
    lists: dict[tuple[str, str], list[Any]] = {
        ("scrape", "extraConfigs"): result.jobs,
        ("server", "extraVolumes"): _volumes(result, namespace),
        ("server", "extraVolumeMounts"): [{"name": _VOLUME, "mountPath": FOLDER, "readOnly": True}],
        ("rules", "groups"): named,
    }
    if not result.files:
        lists[("server", "extraVolumeMounts")] = []
    found: dict[str, Any] = {}
    for (part, name), items in lists.items():
        kept: list[Any] = []
        for one in own:
            kept = (one.get(part) or {}).get(name, kept)
        if items:
            found.setdefault(part, {})[name] = [*kept, *items]
    return found


def copies(result: Result, namespace: str) -> list[tuple[str, str, str]]:
    """List the Secrets and ConfigMaps of other namespaces, which Prometheus cannot mount.

    Args:
        result: the compiled monitors.
        namespace: namespace of the release.

    Returns:
        Kind, namespace and name of each; its copy is called `<namespace>-<name>`.
    """
    return sorted({(kind, place, name) for kind, place, name, _ in result.files if place != namespace})


def scraper_configuration(result: Result, cluster: str) -> dict[str, Any]:
    """Return the configuration of AMP's agentless scraper.

    Args:
        result: the compiled monitors.
        cluster: value of the label `cluster` of all series; empty: no label.
    """
    labels = {"external_labels": {"cluster": cluster}} if cluster else {}
    return {"global": {"scrape_interval": INTERVAL, **labels}, "scrape_configs": result.jobs}


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def text(document: Mapping[str, Any]) -> str:
    """Return a document as YAML without anchors, in the order of its keys."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=120)


def _volumes(result: Result, namespace: str) -> list[dict[str, Any]]:
    sources: dict[tuple[str, str], dict[str, Any]] = {}
    origins: dict[tuple[str, str], str] = {}
    for kind, place, name, key in sorted(result.files):
        here = name if place == namespace else f"{place}-{name}"
        if origins.setdefault((kind, here), place) != place:
            raise CommandError(
                f"{kind}s of the namespaces {origins[kind, here]} and {place} would both be called {here} in "
                f"{namespace}: rename one of them"
            )
        # Without `optional`, a missing Secret would keep Prometheus from starting.
        source = sources.setdefault((kind, here), {"name": here, "optional": True, "items": []})
        folder = "secrets" if kind == "Secret" else "configmaps"
        source["items"].append({"key": key, "path": f"{folder}/{place}/{name}/{key}"})
    fields = {"Secret": "secret", "ConfigMap": "configMap"}
    listed = [{fields[kind]: source} for (kind, _), source in sources.items()]
    return [{"name": _VOLUME, "projected": {"sources": listed}}] if listed else []


def _limit(compiled: Compiled) -> Iterable[str]:
    """Adapt the jobs of one monitor to what AMP's agentless scraper accepts; yield what changes.

    Raises:
        Invalid: it does not accept them.
    """
    for kind, _, name, _ in sorted(compiled.files):
        raise Invalid(f"it uses the {kind} {name}, but the scraper reads no {kind}s: use the chart for this monitor")
    for job in compiled.jobs:
        discoveries = [name for name in job if name.endswith("_sd_configs") and name != "kubernetes_sd_configs"]
        unsupported = [*discoveries, *(name for name in ("basic_auth", "oauth2", "proxy_url") if name in job)]
        if job.get("proxy_from_environment"):
            unsupported.append("proxy_from_environment")
        for one in job.get("kubernetes_sd_configs", ()):
            unsupported += [name for name in ("api_server", *_CLIENT) if name in one]
        if any(one["role"] == "endpointslice" for one in job.get("kubernetes_sd_configs", ())):
            raise Invalid("the scraper's ClusterRole permits no endpoint slices: write `role: Endpoints`")
        if unsupported:
            raise Invalid(f"the scraper does not support {unsupported[0]}: use the chart for this monitor")
        _check_login(job)
        _check_addresses(job)
        interval = job.get("scrape_interval")
        if interval and (milliseconds(interval) or 0) < _SHORTEST:
            job["scrape_interval"] = "30s"
            yield f"the scraper's shortest interval is 30s, instead of {interval}"


_CLIENT = ("basic_auth", "authorization", "oauth2", "tls_config", "bearer_token_file", "proxy_url")


def _check_login(job: Job) -> None:
    login = job.get("authorization") or {}
    files = [job.get("bearer_token_file"), login.get("credentials_file")]
    if login and (login["type"] != "Bearer" or "credentials_file" not in login):
        raise Invalid("the scraper supports no login but the token of its service account: use the chart")
    if any(path and path != f"{_ACCOUNT}token" for path in files):
        raise Invalid("the scraper reads no token but that of its service account: use the chart for this monitor")
    tls = job.get("tls_config") or {}
    for name in ("ca_file", "cert_file", "key_file"):
        if not tls.get(name, _ACCOUNT).startswith(_ACCOUNT):
            raise Invalid(f"the scraper does not have the file {tls[name]}: use the chart for this monitor")


def _check_addresses(job: Job) -> None:
    addresses = [target for one in job.get("static_configs", ()) for target in one["targets"]]
    written = [one for one in job["relabel_configs"] if one.get("target_label") == "__address__"]
    replaced = [one["replacement"] for one in written if "source_labels" not in one]
    for address in replaced or addresses:
        host = address.rpartition(":")[0] or address
        try:
            ipaddress.ip_address(host.strip("[]"))
        except ValueError as error:
            raise Invalid(
                f"the scraper resolves no names, and {address} has one: use an IP address, or the chart"
            ) from error
