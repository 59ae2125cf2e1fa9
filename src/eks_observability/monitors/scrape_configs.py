"""Compiles ScrapeConfigs to scrape configurations of Prometheus."""

import re
from collections.abc import Callable
from typing import Any

from eks_observability.monitors import clients, options
from eks_observability.monitors.fields import Fields, Invalid, durations, given
from eks_observability.monitors.jobs import Compiled, Context, start
from eks_observability.monitors.objects import Object
from eks_observability.monitors.relabeling import Step, is_label, steps
from eks_observability.monitors.selectors import LABEL_SELECTOR

_ESCAPING = {"AllowUTF8": "allow-utf-8", "Underscores": "underscores", "Dots": "dots", "Values": "values"}
# Selectors that discovery of each role accepts.
_SELECTORS = {
    "pod": ("pod", "node"),
    "service": ("service",),
    "endpoints": ("pod", "service", "endpoints"),
    "endpointslice": ("pod", "service", "endpointslice"),
    "node": ("node",),
    "ingress": ("ingress",),
}
_FIELD_SELECTOR = re.compile(r"(?:[A-Za-z][A-Za-z0-9.]*(?:==?|!=)[^,=!\\\s]*(?:,(?!$)|$))*")
_EXAMPLES = {"label": "app=api", "field": "spec.nodeName=node-1"}
_ROLES = ("Pod", "Service", "Endpoints", "EndpointSlice", "Node", "Ingress")
_OTHERS = (
    *("azure", "digitalOcean", "docker", "dockerSwarm", "eureka", "gce", "hetzner", "ionos", "kuma", "lightSail"),
    *("linode", "nomad", "openstack", "ovhcloud", "puppetDB", "scaleway"),
)


def of_scrape_config(monitor: Object, context: Context) -> Compiled:
    """Compile a ScrapeConfig.

    Args:
        monitor: the object.
        context: see `Context`.

    Raises:
        Invalid: Prometheus would not start with it, it has unknown fields, or it discovers targets by a service that
            is not supported.
    """
    spec, files = start(monitor), clients.Files(monitor.namespace, context.data)
    spec.ignore("scrapeClass")
    relabelings: list[Step] = [{"source_labels": ["job"], "target_label": "__tmp_prometheus_job_name"}]
    name = spec.text("jobName")
    if name is not None:
        relabelings.append({"target_label": "job", "action": "replace", "replacement": name})
    job = {
        "job_name": f"scrapeConfig/{monitor.namespace}/{monitor.name}",
        **given(
            {
                "honor_labels": spec.flag("honorLabels"),
                "honor_timestamps": spec.flag("honorTimestamps"),
                "track_timestamps_staleness": spec.flag("trackTimestampsStaleness"),
                "metrics_path": spec.text("metricsPath"),
                "params": options.parameters(spec),
                "scheme": options.scheme(spec),
                "enable_compression": spec.flag("enableCompression"),
                "enable_http2": spec.flag("enableHTTP2"),
                "metric_name_validation_scheme": _lower(spec.text("nameValidationScheme", "UTF8", "Legacy")),
                "metric_name_escaping_scheme": _ESCAPING.get(spec.text("nameEscapingScheme", *_ESCAPING) or ""),
            }
        ),
        **options.times(spec, "scrapeInterval", "scrapeTimeout", context.interval),
        **options.limits(spec),
        **clients.connection(spec, files),
        **_discoveries(spec, files),
        "relabel_configs": [*relabelings, *steps(spec.each("relabelings"))],
        **options.metric_relabelings(spec),
    }
    if job.get("metric_name_validation_scheme") == "legacy" and job.get("metric_name_escaping_scheme") == "allow-utf-8":
        raise spec.invalid("nameEscapingScheme", "but nameValidationScheme is Legacy: write Underscores")
    spec.done()
    return Compiled([job], files.used)


def _discoveries(spec: Fields, files: clients.Files) -> dict[str, list[dict[str, Any]]]:
    for other in _OTHERS:
        if spec.has(f"{other}SDConfigs"):
            raise Invalid(
                f"{spec.place(f'{other}SDConfigs')} is not supported, and Prometheus may know no file for its "
                "credentials: write a scrape configuration in `scrape.extraConfigs` of the chart"
            )
    found = {}
    for name, (option, compile_one) in _KINDS.items():
        configs = [compile_one(fields, files) for fields in spec.each(name)]
        if configs:
            found[option] = configs
    return found


def _static(fields: Fields, _: clients.Files) -> dict[str, Any]:
    targets, labels = fields.texts("targets"), fields.labels("labels")
    fields.done()
    for index, target in enumerate(targets):
        if "/" in target or not target:
            place = f"{fields.place('targets')}[{index}]"
            raise Invalid(f'{place} is "{target}", but must be a host and a port, without scheme and path')
    for name in labels:
        if not is_label(name):
            raise Invalid(f'{fields.place("labels")} has "{name}", which is no label name: use letters, digits and "_"')
    return {"targets": targets, "labels": labels}


def _file(fields: Fields, _: clients.Files) -> dict[str, Any]:
    names, found = fields.texts("files"), {"files": fields.texts("files"), **_refresh(fields)}
    fields.done()
    if not names:
        raise Invalid(f"{fields.place('files')} is empty: list the files with targets")
    for index, name in enumerate(names):
        if not name.endswith((".json", ".yml", ".yaml")):
            raise Invalid(f'{fields.place("files")}[{index}] is "{name}", but must end in .json, .yml or .yaml')
    return found


def _http(fields: Fields, files: clients.Files) -> dict[str, Any]:
    found = {"url": fields.url("url") or fields.required("url"), **_refresh(fields), **_client(fields, files)}
    fields.done()
    return found


def _kubernetes(fields: Fields, files: clients.Files) -> dict[str, Any]:
    role = _role(fields)
    server, scope, attached = fields.url("apiServer"), fields.fields("namespaces"), fields.fields("attachMetadata")
    client = _client(fields, files)
    if client and not server:
        raise Invalid(f"{fields.place('apiServer')} is missing: {', '.join(client)} require it")
    found = {"role": role, **given({"api_server": server}), **client}
    if scope:
        found["namespaces"] = {"names": scope.texts("names"), **given({"own_namespace": scope.flag("ownNamespace")})}
        scope.done()
        if server and found["namespaces"].get("own_namespace"):
            raise scope.invalid("ownNamespace", "which another API server does not have: remove it")
    selectors: list[dict[str, str]] = []
    for selector in fields.each("selectors"):
        one = {"role": _role(selector), **given({name: selector.text(name) for name in ("label", "field")})}
        for name, pattern in (("label", LABEL_SELECTOR), ("field", _FIELD_SELECTOR)):
            if not pattern.fullmatch(one.get(name, "")):
                raise selector.invalid(
                    name, f"which is no {name} selector: write, for example, `{name}: {_EXAMPLES[name]}`"
                )
        selector.done()
        if one["role"] not in _SELECTORS[role] or one["role"] in [other["role"] for other in selectors]:
            permitted = ", ".join(_SELECTORS[role])
            raise selector.invalid("role", f"but the role {role} accepts one selector for each of {permitted}")
        selectors.append(one)
    if attached:
        if role in ("pod", "endpoints", "endpointslice"):
            found["attach_metadata"] = given({"node": attached.flag("node")})
        attached.ignore("node")
        attached.done()
    fields.done()
    return {**found, **({"selectors": selectors} if selectors else {})}


def _consul(fields: Fields, files: clients.Files) -> dict[str, Any]:
    if fields.value("tokenRef"):
        raise Invalid(f"{fields.place('tokenRef')} cannot be read from a file: use authorization with this Secret")
    texts = {"pathPrefix": "path_prefix", "datacenter": "datacenter", "namespace": "namespace"}
    texts |= {"partition": "partition", "tagSeparator": "tag_separator", "filter": "filter"}
    found = {
        "server": fields.required("server"),
        **given({option: fields.text(name) for name, option in texts.items()}),
        **given({"scheme": options.scheme(fields), "allow_stale": fields.flag("allowStale")}),
        **given({name: fields.texts(name) or None for name in ("services", "tags")}),
        **given({"node_meta": fields.labels("nodeMeta") or None}),
        **_refresh(fields),
        **_client(fields, files),
    }
    fields.done()
    return found


def _dns(fields: Fields, _: clients.Files) -> dict[str, Any]:
    kind = fields.text("type", "A", "AAAA", "SRV", "MX", "NS")
    found = {"names": fields.texts("names"), **given({"type": kind, "port": fields.number("port")}), **_refresh(fields)}
    fields.done()
    if kind not in (None, "SRV") and "port" not in found:
        raise Invalid(f"{fields.place('port')} is missing: records of type {kind} have no port")
    return found


def _ec2(fields: Fields, files: clients.Files) -> dict[str, Any]:
    for name in ("accessKey", "secretKey"):
        if fields.value(name):
            raise Invalid(f"{fields.place(name)} cannot be read from a file: give Prometheus' role the permission")
    filters = [{"name": one.required("name"), "values": one.texts("values")} for one in fields.each("filters")]
    found = {
        **given({"region": fields.text("region"), "role_arn": fields.text("roleARN"), "port": fields.number("port")}),
        **({"filters": sorted(filters, key=lambda one: str(one["name"]))} if filters else {}),
        **_refresh(fields),
        **_client(fields, files),
    }
    fields.done()
    return found


_Discovery = Callable[[Fields, clients.Files], dict[str, Any]]
_KINDS: dict[str, tuple[str, _Discovery]] = {
    "staticConfigs": ("static_configs", _static),
    "fileSDConfigs": ("file_sd_configs", _file),
    "httpSDConfigs": ("http_sd_configs", _http),
    "kubernetesSDConfigs": ("kubernetes_sd_configs", _kubernetes),
    "consulSDConfigs": ("consul_sd_configs", _consul),
    "dnsSDConfigs": ("dns_sd_configs", _dns),
    "ec2SDConfigs": ("ec2_sd_configs", _ec2),
}


def _client(fields: Fields, files: clients.Files) -> dict[str, Any]:
    flags = {"follow_redirects": fields.flag("followRedirects"), "enable_http2": fields.flag("enableHTTP2")}
    return {**clients.connection(fields, files), **given(flags)}


def _refresh(fields: Fields) -> dict[str, str]:
    return given({"refresh_interval": dict(durations(fields, "refreshInterval")).get("refreshInterval")})


def _role(fields: Fields) -> str:
    # Version 0.7 of the operator wrote roles in lower case.
    role = fields.text("role", *_ROLES, *(one.lower() for one in _ROLES))
    if role is None:
        raise Invalid(f"{fields.place('role')} is missing: use one of {', '.join(_ROLES)}")
    return role.lower()


def _lower(text: str | None) -> str | None:
    return text.lower() if text else None
