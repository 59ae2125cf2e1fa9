"""Compiles ServiceMonitors, PodMonitors and Probes to scrape configurations of Prometheus."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from eks_observability.monitors import clients, options
from eks_observability.monitors.fields import Fields, Invalid, given
from eks_observability.monitors.objects import Object
from eks_observability.monitors.relabeling import Step, is_label, is_regex, label_name, steps
from eks_observability.monitors.selectors import Selector, namespaces

Job = dict[str, Any]
# Keeps the name of the scrape configuration for relabelings of monitors.
_START: Step = {"source_labels": ["job"], "target_label": "__tmp_prometheus_job_name"}
_RUNNING: Step = {"action": "drop", "source_labels": ["__meta_kubernetes_pod_phase"], "regex": "(Failed|Succeeded)"}
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([-A-Za-z0-9._]*[A-Za-z0-9])?)(:(?P<port>[0-9]+))?")


@dataclass(frozen=True)
class Context:
    """What the compilation of a monitor depends on besides its object.

    Attributes:
        role: discovery of endpoints: `endpointslice` or `endpoints`.
        interval: scrape interval of targets without one, as a duration of Prometheus.
        data: values of Secrets and ConfigMaps in the input, see `Objects`.
    """

    role: str
    interval: str
    data: Mapping[tuple[str, str, str, str], str] = field(default_factory=dict)


@dataclass(frozen=True)
class Compiled:
    """The result for one monitor.

    Attributes:
        jobs: scrape configurations.
        files: kind, namespace, name and key of each file of a Secret or ConfigMap that they read.
    """

    jobs: list[Job]
    files: set[tuple[str, str, str, str]]


def start(monitor: Object) -> Fields:
    """Return the spec of an object.

    Raises:
        Invalid: it has none.
    """
    if "spec" not in monitor.content:
        raise Invalid("spec is missing: set it")
    return Fields(monitor.content["spec"], "spec")


def of_service_monitor(monitor: Object, context: Context) -> Compiled:
    """Compile a ServiceMonitor.

    Args:
        monitor: the object.
        context: see `Context`.

    Raises:
        Invalid: Prometheus would not start with it, or it has unknown fields.
    """

    meta = f"__meta_kubernetes_{'endpointslice' if context.role == 'endpointslice' else 'endpoint'}"
    address = [f"{meta}_address_target_kind", f"{meta}_address_target_name"]
    found = {"separator": ";", "replacement": "${1}"}

    def port(fields: Fields) -> tuple[list[Step], str]:
        name, target = _port_name(fields, "port"), _port(fields, "targetPort")
        return ([_keep(f"{meta}_port_name", name)], name) if name else _target_port(target)

    def labels(spec: Fields, endpoint: Fields) -> list[Step]:
        running = endpoint.flag("filterRunning")
        return [
            {"source_labels": address, **found, "regex": "Node;(.*)", "target_label": "node"},
            {"source_labels": address, **found, "regex": "Pod;(.*)", "target_label": "pod"},
            _copy("__meta_kubernetes_namespace", "namespace"),
            _copy("__meta_kubernetes_service_name", "service"),
            _copy("__meta_kubernetes_pod_name", "pod"),
            _copy("__meta_kubernetes_pod_container_name", "container"),
            *([] if running is False else [_RUNNING]),
            *_labels_of(spec, "targetLabels", "service"),
            *_labels_of(spec, "podTargetLabels", "pod"),
            {"source_labels": ["__meta_kubernetes_service_name"], "target_label": "job", "replacement": "${1}"},
            *_job_label(spec, "service"),
        ]

    return _monitor(monitor, context, "service", "endpoints", [context.role, "service"], port, labels)


def of_pod_monitor(monitor: Object, context: Context) -> Compiled:
    """Compile a PodMonitor; see `of_service_monitor`."""

    def port(fields: Fields) -> tuple[list[Step], str]:
        name, number, target = _port_name(fields, "port"), fields.number("portNumber"), _port(fields, "targetPort")
        if name:
            return [_keep("__meta_kubernetes_pod_container_port_name", name)], name
        kept, shown = _target_port(target)
        return ([_keep("__meta_kubernetes_pod_container_port_number", number)] if number else kept), shown

    def labels(spec: Fields, _: Fields) -> list[Step]:
        return [
            _copy("__meta_kubernetes_namespace", "namespace"),
            _copy("__meta_kubernetes_pod_container_name", "container"),
            _copy("__meta_kubernetes_pod_name", "pod"),
            *_labels_of(spec, "podTargetLabels", "pod"),
            {"target_label": "job", "replacement": f"{monitor.namespace}/{monitor.name}"},
            *_job_label(spec, "pod"),
        ]

    return _monitor(monitor, context, "pod", "podMetricsEndpoints", ["pod"], port, labels)


def _monitor(
    monitor: Object,
    context: Context,
    role: str,
    endpoints: str,
    roles: list[str],
    port: Callable[[Fields], tuple[list[Step], str]],
    labels: Callable[[Fields, Fields], list[Step]],
) -> Compiled:
    """Compile a ServiceMonitor or a PodMonitor.

    Args:
        monitor: the object.
        context: see `Context`.
        role: the objects that it selects: service or pod.
        endpoints: name of its list of endpoints.
        roles: the discovery, then all objects whose labels it can select by.
        port: returns the relabelings that select the port of an endpoint, and the port's label.
        labels: returns the relabelings that label the targets of an endpoint.
    """
    spec, files = start(monitor), clients.Files(monitor.namespace, context.data)
    selector = Selector(spec.fields("selector"))
    by_role = spec.text("selectorMechanism", "RelabelConfig", "RoleSelector") == "RoleSelector"
    spec.text("serviceDiscoveryRole", "Endpoints", "EndpointSlice")
    discovery = {"role": roles[0], **_namespaces(spec.fields("namespaceSelector"), monitor), **_attached(spec)}
    if by_role:
        discovery["selectors"] = [{"role": one, "label": str(selector)} for one in roles]
    spec.ignore("scrapeClass")
    shared, jobs = options.limits(spec), []
    prefix = f"{role}Monitor/{monitor.namespace}/{monitor.name}"
    for index, fields in enumerate(spec.each(endpoints)):
        if role == "pod":
            running = fields.flag("filterRunning")
            head = [] if running is False else [_RUNNING]
        else:
            head = []
        ports, shown = port(fields)
        relabelings = [_START, *head, *([] if by_role else selector.steps(role)), *ports, *labels(spec, fields)]
        if shown:
            relabelings.append({"target_label": "endpoint", "replacement": shown})
        job = {
            "job_name": f"{prefix}/{index}",
            **options.endpoint(fields, context.interval),
            "kubernetes_sd_configs": [discovery],
            **clients.connection(fields, files),
            "relabel_configs": [*relabelings, *steps(fields.each("relabelings"))],
            **shared,
            **options.metric_relabelings(fields),
        }
        fields.done()
        jobs.append(job)
    for name in ("targetLabels", "podTargetLabels", "jobLabel"):
        spec.ignore(name)
    spec.done()
    if not jobs:
        raise Invalid(f"spec.{endpoints} is empty, so nothing would be scraped: add the port of the metrics")
    return Compiled(jobs, files.used)


def of_probe(monitor: Object, context: Context) -> Compiled:
    """Compile a Probe; see `of_service_monitor`."""
    spec, files = start(monitor), clients.Files(monitor.namespace, context.data)
    prober, targets = spec.fields("prober"), spec.fields("targets")
    if prober is None:
        raise Invalid("spec.prober is missing: set `prober: {url: <address of the prober>}`")
    if targets is None:
        raise Invalid("spec.targets is missing: set `targets: {staticConfig: {static: [...]}}`")
    name, module, url = spec.text("jobName"), spec.text("module") or None, prober.required("url")
    found = _HOST.fullmatch(url)
    if not found or int(found["port"] or 1) not in range(1, 65536):
        raise prober.invalid("url", "but must be a host, or a host and a port, without a scheme")
    spec.ignore("scrapeClass")
    static, ingress = targets.fields("staticConfig"), targets.fields("ingress")
    if static:
        discovery, relabelings = _static(static, monitor)
    elif ingress:
        discovery, relabelings = _ingress(ingress, monitor)
    else:
        raise Invalid("spec.targets is empty: set staticConfig or ingress")
    to_prober: list[Step] = [
        _copy("__param_target", "instance"),
        {"target_label": "__address__", "replacement": url},
    ]
    named: list[Step] = [{"target_label": "job", "replacement": name}] if name else []
    configured = steps((static or ingress or targets).each("relabelingConfigs"))
    job = {
        "job_name": f"probe/{monitor.namespace}/{monitor.name}",
        "honor_timestamps": True,
        "metrics_path": prober.text("path") or "/probe",
        **options.times(spec, "interval", "scrapeTimeout", context.interval),
        **given({"scheme": options.scheme(prober), "params": _probe_parameters(spec, module)}),
        **options.limits(spec),
        **given({"follow_redirects": spec.flag("followRedirects"), "enable_http2": spec.flag("enableHttp2")}),
        **clients.proxy(prober),
        **discovery,
        "relabel_configs": [_START, *named, *relabelings, *to_prober, *configured],
        **given({"tls_config": clients.tls(spec.fields("tlsConfig"), files)}),
        **clients.login(spec, files),
        **options.metric_relabelings(spec),
    }
    for fields in (static, None if static else ingress, prober, targets, spec):
        if fields is not None:
            fields.done()
    return Compiled([job], files.used)


def _static(fields: Fields, monitor: Object) -> tuple[dict[str, Any], list[Step]]:
    labels, targets = fields.labels("labels"), fields.texts("static")
    for name in labels:
        if not is_label(name):
            raise Invalid(f'{fields.place("labels")} has "{name}", which is no label name: use letters, digits and "_"')
    if not targets:
        raise Invalid(f"{fields.place('static')} is empty: list the addresses to probe")
    config = {"targets": targets, "labels": {"namespace": monitor.namespace, **labels}}
    return {"static_configs": [config]}, [_copy("__address__", "__param_target")]


def _ingress(fields: Fields, monitor: Object) -> tuple[dict[str, Any], list[Step]]:
    discovery = {"role": "ingress", **_namespaces(fields.fields("namespaceSelector"), monitor)}
    parts = ["__meta_kubernetes_ingress_scheme", "__address__", "__meta_kubernetes_ingress_path"]
    joined = {"separator": ";", "regex": "(.+);(.+);(.+)", "replacement": "${1}://${2}${3}", "action": "replace"}
    address = {"separator": ";", "regex": "(.*)", "replacement": "$1", "action": "replace"}
    return {"kubernetes_sd_configs": [discovery]}, [
        *Selector(fields.fields("selector")).steps("ingress"),
        {"source_labels": parts, **joined, "target_label": "__param_target"},
        _copy("__meta_kubernetes_namespace", "namespace"),
        _copy("__meta_kubernetes_ingress_name", "ingress"),
        {"source_labels": ["__address__"], **address, "target_label": "__tmp_ingress_address"},
    ]


def _probe_parameters(spec: Fields, module: str | None) -> dict[str, list[str]] | None:
    found = {"module": [module]} if module else {}
    for fields in spec.each("params"):
        found.setdefault(fields.required("name"), fields.texts("values"))
        fields.done()
    return found or None


def _namespaces(fields: Fields | None, monitor: Object) -> dict[str, Any]:
    names = namespaces(fields, monitor.namespace)
    return {"namespaces": {"names": names}} if names else {}


def _attached(spec: Fields) -> dict[str, Any]:
    fields = spec.fields("attachMetadata")
    if fields is None:
        return {}
    node = bool(fields.flag("node"))
    fields.done()
    return {"attach_metadata": {"node": node}}


def _labels_of(spec: Fields, name: str, role: str) -> Iterable[Step]:
    for index, label in enumerate(spec.texts(name)):
        if not label:
            raise Invalid(f"{spec.place(name)}[{index}] is empty: name a label, or remove it")
        yield _present(f"__meta_kubernetes_{role}_label_{label_name(label)}", label_name(label))


def _job_label(spec: Fields, role: str) -> Iterable[Step]:
    label = spec.text("jobLabel")
    if label:
        yield _present(f"__meta_kubernetes_{role}_label_{label_name(label)}", "job")


def _port_name(fields: Fields, name: str) -> str:
    found = fields.text(name) or ""
    if not is_regex(found):  # Prometheus reads it as one
        raise fields.invalid(name, "which is no name of a port: use lowercase letters, digits and `-`")
    return found


def _port(fields: Fields, name: str) -> str | int:
    found = fields.value(name)
    if isinstance(found, str):
        return _port_name(fields, name)
    if found is None or (isinstance(found, int) and not isinstance(found, bool)):
        return found or ""
    raise fields.invalid(name, "but must be the name or the number of a port")


def _target_port(port: str | int) -> tuple[list[Step], str]:
    if not port:
        return [], ""
    kind = "name" if isinstance(port, str) else "number"
    return [_keep(f"__meta_kubernetes_pod_container_port_{kind}", port)], str(port)


def _keep(source: str, value: str | int) -> Step:
    return {"action": "keep", "source_labels": [source], "regex": value}


def _copy(source: str, target: str) -> Step:
    return {"source_labels": [source], "target_label": target}


def _present(source: str, target: str) -> Step:
    return {**_copy(source, target), "regex": "(.+)", "replacement": "${1}"}
