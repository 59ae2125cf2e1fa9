"""Compiles the options that all kinds of monitors share: intervals, protocols and limits."""

import re
from typing import Any

from eks_observability.monitors.fields import Fields, Invalid, durations, given, milliseconds
from eks_observability.monitors.relabeling import Step, steps

_LIMITS = {
    "sampleLimit": "sample_limit",
    "targetLimit": "target_limit",
    "labelLimit": "label_limit",
    "labelNameLengthLimit": "label_name_length_limit",
    "labelValueLengthLimit": "label_value_length_limit",
    "keepDroppedTargets": "keep_dropped_targets",
    "nativeHistogramBucketLimit": "native_histogram_bucket_limit",
}
_FLAGS = {
    "scrapeClassicHistograms": "always_scrape_classic_histograms",
    "scrapeNativeHistograms": "scrape_native_histograms",
    "convertClassicHistogramsToNHCB": "convert_classic_histograms_to_nhcb",
    "extraScrapeMetrics": "extra_scrape_metrics",
}
_PROTOCOLS = (
    *("PrometheusProto", "OpenMetricsText0.0.1", "OpenMetricsText1.0.0"),
    *("PrometheusText0.0.4", "PrometheusText1.0.0"),
)
_SIZE = re.compile(r"0|([0-9]*\.)?[0-9]+((K|M|G|T|E|P)i?)?B")
_MULTIPLES = {"": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "u": 1e-6, "n": 1e-9}


def times(fields: Fields, interval: str, timeout: str, default: str) -> dict[str, Any]:
    """Compile an interval and a timeout.

    Args:
        fields: the map with both.
        interval: name of the interval.
        timeout: name of the timeout.
        default: the interval of targets without one.

    Raises:
        Invalid: one is no duration, or the timeout is longer.
    """
    found = dict(durations(fields, interval, timeout))
    of_interval, of_timeout = found.get(interval), found.get(timeout)
    longest = milliseconds(of_interval or default) or milliseconds(default) or 0
    if of_timeout and (milliseconds(of_timeout) or 0) > longest:
        raise fields.invalid(timeout, f"but must not be longer than {interval} ({of_interval or default})")
    return given({"scrape_interval": of_interval, "scrape_timeout": of_timeout})


def endpoint(fields: Fields, default: str) -> dict[str, Any]:
    """Compile the options of an endpoint other than its client and labels.

    Args:
        fields: an item of `endpoints` or `podMetricsEndpoints`.
        default: the interval of endpoints without one.
    """
    return given(
        {
            "honor_labels": bool(fields.flag("honorLabels")),
            "honor_timestamps": fields.flag("honorTimestamps"),
            "track_timestamps_staleness": fields.flag("trackTimestampsStaleness"),
            **times(fields, "interval", "scrapeTimeout", default),
            "metrics_path": fields.text("path") or None,
            "params": parameters(fields),
            "scheme": scheme(fields),
            "follow_redirects": fields.flag("followRedirects"),
            "enable_http2": fields.flag("enableHttp2"),
        }
    )


def parameters(fields: Fields) -> dict[str, list[str]] | None:
    """Compile `params`, a map of lists."""
    found = fields.fields("params")
    if found is None:
        return None
    return {name: found.texts(name) for name in fields.value("params")} or None


def scheme(fields: Fields) -> str | None:
    """Compile `scheme`, of which newer versions of the operator write capitals."""
    found = fields.text("scheme", "", "http", "https", "HTTP", "HTTPS")
    return found.lower() if found else None


def limits(fields: Fields) -> dict[str, Any]:
    """Compile limits, protocols and options of histograms.

    Args:
        fields: the spec of a monitor.
    """
    protocols = fields.texts("scrapeProtocols")
    for index, name in enumerate(protocols):
        if name not in _PROTOCOLS or name in protocols[:index]:
            problem = "is there twice: remove one" if name in _PROTOCOLS else f"must be one of {', '.join(_PROTOCOLS)}"
            raise Invalid(f'{fields.place("scrapeProtocols")}[{index}] "{name}" {problem}')
    size = fields.text("bodySizeLimit") or None
    if size and not _SIZE.fullmatch(size):
        raise fields.invalid("bodySizeLimit", "which is no size: write `bodySizeLimit: 10MB`")
    return given(
        {
            **{option: fields.number(name) for name, option in _LIMITS.items()},
            **{option: fields.flag(name) for name, option in _FLAGS.items()},
            "native_histogram_min_bucket_factor": _quantity(fields, "nativeHistogramMinBucketFactor"),
            "scrape_protocols": protocols or None,
            "fallback_scrape_protocol": fields.text("fallbackScrapeProtocol", *_PROTOCOLS),
            "body_size_limit": size,
        }
    )


def metric_relabelings(fields: Fields) -> dict[str, list[Step]]:
    """Compile `metricRelabelings`.

    Args:
        fields: the map that contains them.
    """
    found = steps(fields.each("metricRelabelings"))
    return {"metric_relabel_configs": found} if found else {}


def _quantity(fields: Fields, name: str) -> float | None:
    """Return a quantity of Kubernetes, for example `1.1` or `1100m`."""
    found = fields.value(name)
    if found is None:
        return None
    parts = re.fullmatch(r"([0-9.]+)([a-zA-Z]?)", str(found))
    try:
        return float(parts[1]) * _MULTIPLES[parts[2]] if parts else float(str(found))
    except (ValueError, KeyError) as error:
        raise fields.invalid(name, f'which is no quantity: write `{name}: "1.1"`') from error
