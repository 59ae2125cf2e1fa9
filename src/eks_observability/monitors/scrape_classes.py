"""Applies scrape classes, the settings for monitors in a Prometheus object, to the monitors that use them."""

from collections.abc import Mapping
from typing import Any

from eks_observability.monitors.fields import Fields, Invalid

Content = dict[str, Any]
_LISTS = {"ServiceMonitor": "endpoints", "PodMonitor": "podMetricsEndpoints"}
_TLS = {"caFile": "ca", "certFile": "cert", "keyFile": "keySecret"}


def applied(kind: str, content: Mapping[str, Any], classes: Mapping[str, Mapping[str, Any]]) -> Content:
    """Return an object with the settings of its scrape class, as prometheus-operator merges them.

    Args:
        kind: kind of the object.
        content: the object, which can be compiled without a class.
        classes: scrape classes by name; the one of monitors that name none is also at an empty name.

    Raises:
        Invalid: the class does not exist, or has unknown fields.
    """
    spec = dict(content["spec"])
    name = spec.pop("scrapeClass", None) or ""
    if name and name not in classes:
        known = ", ".join(sorted(one for one in classes if one))
        advice = f"use one of {known}" if known else "add the Prometheus object that defines it to the input"
        raise Invalid(f'spec.scrapeClass is "{name}", which no Prometheus object in the input defines: {advice}')
    found = classes.get(name)
    if found is None:
        return {**content, "spec": spec}
    _check(found)
    # Discovery of the other kinds attaches no metadata, or says so itself.
    for field in ("fallbackScrapeProtocol", *(["attachMetadata"] if kind in _LISTS else [])):
        if spec.get(field) is None:
            spec[field] = found.get(field)
    if kind in _LISTS:
        endpoints = [_secured(one, found, "relabelings") for one in spec.get(_LISTS[kind]) or []]
        spec[_LISTS[kind]] = [_prepended(one, found, "metricRelabelings", "metricRelabelings") for one in endpoints]
        return {**content, "spec": spec}
    spec = _prepended(_secured(spec, found, ""), found, "metricRelabelings", "metricRelabelings")
    if kind == "Probe":
        targets = dict(spec["targets"])
        for field in ("staticConfig", "ingress"):
            if targets.get(field):
                targets[field] = _prepended(targets[field], found, "relabelings", "relabelingConfigs")
        return {**content, "spec": {**spec, "targets": targets}}
    job = spec.pop("jobName", None)
    named = [] if job is None else [{"targetLabel": "job", "action": "replace", "replacement": job}]
    spec["relabelings"] = [*(found.get("relabelings") or []), *named, *(spec.get("relabelings") or [])]
    return {**content, "spec": spec}


def _check(found: Mapping[str, Any]) -> None:
    fields = Fields(found, f"scrape class {found['name']}")
    fields.ignore("name", "default", "attachMetadata", "authorization", "fallbackScrapeProtocol")
    fields.ignore("metricRelabelings", "relabelings", "tlsConfig")
    fields.done()


def _secured(fields: Mapping[str, Any], found: Mapping[str, Any], relabelings: str) -> Content:
    """Return a client with the TLS, the authorization and, if it has a list of them, the relabelings of a class."""
    own, tls = fields.get("tlsConfig"), found.get("tlsConfig")
    result = {**fields}
    if tls and not own:
        result["tlsConfig"] = tls
    elif tls and own:
        files = {file: tls.get(file) for file, field in _TLS.items() if not own.get(file) and not own.get(field)}
        result["tlsConfig"] = {**own, **files}
    own, login = fields.get("authorization"), found.get("authorization")
    if login and not own:
        result["authorization"] = login
    elif login and own and not own.get("credentials"):
        taken = {name: login.get(name) for name in ("credentials", "credentialsFile")}
        result["authorization"] = {**own, **(taken if not own.get("credentialsFile") else {})}
    return _prepended(result, found, "relabelings", relabelings) if relabelings else result


def _prepended(fields: Mapping[str, Any], found: Mapping[str, Any], name: str, own: str) -> Content:
    return {**fields, own: [*(found.get(name) or []), *(fields.get(own) or [])]}
