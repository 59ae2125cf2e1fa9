"""The dashboard of Prometheus: delivery to Amazon Managed Service for Prometheus, and its cost."""

from eks_observability.dashboards.model import Board, CloudWatch, Panel, Query, Row, Variable
from eks_observability.dashboards.promql import CLUSTER, percentile, rate, series

HOURS_PER_MONTH = 730
SECONDS_PER_MONTH = HOURS_PER_MONTH * 3600
REMOTE = "a server with remote write"
CONFIGS = 'config=~"kubelet|node-exporter|pods"'
RULES = "a server with rules"
# An agent drops other metrics when it scrapes them.
SENDS_SELECTED = "a server that sends only the allow-list"
ALERTMANAGER = "an Alertmanager"
NO_AWS = "CloudWatch metrics exist only in AWS"

# The first two billion samples of a month in us-east-1; `eks-observability cost` has the other tiers.
PRICE = Variable("price", "$ per 10 million samples", "", "0.90")

ANY = ".+"


def _own(metric: str, *matchers: str) -> str:
    return series(metric, "prometheus", *matchers)


def _queue(metric: str) -> str:
    return _own(f"prometheus_remote_storage_{metric}")


def _stat(title: str, expr: str, unit: str, description: str = "", *, alarm: float | None = None) -> Panel:
    return Panel(
        title,
        "stat",
        (Query(expr),),
        unit=unit,
        description=description,
        width=4,
        height=4,
        alarm=alarm,
        needs=(REMOTE,),
    )


def _graph(title: str, unit: str, *queries: Query, description: str = "", needs: tuple[str, ...] = ()) -> Panel:
    return Panel(title, "graph", queries, unit=unit, description=description, needs=needs)


def _failures(title: str, *metrics: str, description: str = "", needs: tuple[str, ...] = ()) -> Panel:
    """Count failures of the last hour by pod of Prometheus."""
    total = " + ".join(f"increase({_own(metric)}[1h])" for metric in metrics)
    return _graph(
        title, "short", Query(f"sum by (instance) ({total})", "{{instance}}"), description=description, needs=needs
    )


def _jobs(expr: str) -> Query:
    return Query(f"sum by (job) ({expr})", "{{job}}")


def _cloudwatch(title: str, unit: str, search: str, statistic: str, description: str) -> Panel:
    query = CloudWatch(f"SEARCH('{search}', '{statistic}', 300)")
    return Panel(title, "graph", (query,), unit=unit, description=description, absent=NO_AWS)


# vmagent counts the samples that it queues, and the requests that fail.
_QUEUED = _own("vmagent_remotewrite_rows_pushed_after_relabel_total")
_REFUSED = _own("vmagent_remotewrite_packets_dropped_total")
_SENT = f"(sum({rate(_queue('samples_total'))}) or sum({rate(_QUEUED)}))"
_KEPT = series("scrape_samples_post_metric_relabeling", ANY)
_SCRAPED = series("scrape_samples_scraped", ANY)
# Both are 0 (1970) until the first samples are sent.
_LAG = (
    f"({_queue('queue_highest_timestamp_seconds')} - on (cluster, instance, remote_name, url) group_left ()"
    f" ({_queue('queue_highest_sent_timestamp_seconds')} > 0))"
)

BOARD = Board(
    uid="eks-remote-write",
    title="EKS / Remote write and cost",
    description="Delivery of samples to Amazon Managed Service for Prometheus, and their cost.",
    variables=(CLUSTER, PRICE),
    rows=(
        Row(
            "Now",
            (
                _stat("Samples sent", _SENT, "cps"),
                _stat(
                    "Ingest, $ per month",
                    f"{_SENT} * {SECONDS_PER_MONTH} / 1e7 * $price",
                    "currencyUSD",
                    "Projected from the current rate, at the price above; without storage and queries.",
                ),
                _stat(
                    "Behind",
                    f"max{_LAG}",
                    "s",
                    "How far the newest sent sample is behind the newest waiting sample.",
                    alarm=120,
                ),
                _stat(
                    "Samples lost",
                    f"sum(increase({_queue('samples_failed_total')}[1h])) or sum(increase({_REFUSED}[1h]))",
                    "short",
                    "In the last hour: rejected with an error that is not retried. For vmagent: requests.",
                    alarm=1,
                ),
                _stat("Waiting samples", f"sum({_queue('samples_pending')})", "short"),
                _stat(
                    "Shards / maximum",
                    f"max({_queue('shards')} / {_queue('shards_max')})",
                    "percentunit",
                    "At 1 the queue cannot send faster: raise `max_shards` or `max_samples_per_send`.",
                    alarm=0.9,
                ),
            ),
        ),
        Row(
            "Remote write",
            (
                _graph(
                    "Samples",
                    "cps",
                    Query(f"sum by (url) ({rate(_queue('samples_total'))} or {rate(_QUEUED)})", "sent"),
                    Query(f"sum by (url) ({rate(_queue('samples_retried_total'))})", "sent again"),
                    Query(f"sum by (url) ({rate(_queue('samples_failed_total'))})", "lost"),
                    description="Retried samples: after 429 and 5xx responses.",
                    needs=(REMOTE,),
                ),
                _graph(
                    "Bytes sent",
                    "Bps",
                    Query(
                        f"sum by (url) ({rate(_queue('bytes_total'))}"
                        f" or {rate(_own('vmagent_remotewrite_bytes_sent_total'))})",
                        "{{url}}",
                    ),
                    needs=(REMOTE,),
                ),
                _graph(
                    "Request duration",
                    "s",
                    Query(
                        percentile(0.99, _queue("sent_batch_duration_seconds_bucket"), "url"),
                        "99th percentile",
                    ),
                    Query(
                        f"sum by (url) ({rate(_queue('sent_batch_duration_seconds_sum'))})"
                        f" / sum by (url) ({rate(_queue('sent_batch_duration_seconds_count'))})",
                        "mean",
                    ),
                    needs=(REMOTE,),
                ),
                _graph(
                    "Shards",
                    "short",
                    Query(f"sum by (url) ({_queue('shards')})", "running"),
                    Query(f"sum by (url) ({_queue('shards_desired')})", "wanted"),
                    Query(f"sum by (url) ({_queue('shards_max')})", "allowed"),
                    needs=(REMOTE,),
                ),
                _graph(
                    "Waiting samples by queue",
                    "short",
                    Query(f"sum by (instance, url) ({_queue('samples_pending')})", "{{instance}}"),
                    needs=(REMOTE,),
                ),
                _graph(
                    "Seconds behind",
                    "s",
                    Query(
                        f"max by (instance, url) {_LAG}",
                        "{{instance}}",
                    ),
                    description="Samples more than about two hours behind are lost: the write-ahead log is truncated.",
                    needs=(REMOTE,),
                ),
            ),
        ),
        Row(
            "Scrapes",
            (
                _graph("Samples per scrape by job", "short", _jobs(_KEPT), description="After metric relabeling."),
                _graph(
                    "Dropped by job",
                    "percentunit",
                    Query(f"1 - sum by (job) ({_KEPT}) / sum by (job) ({_SCRAPED})", "{{job}}"),
                    description="Share of scraped samples dropped by metric relabeling, including the allow-list.",
                ),
                _graph(
                    "New series by job",
                    "short",
                    _jobs(f"sum_over_time({series('scrape_series_added', ANY)}[1h])"),
                    description="In the last hour. Churn from short-lived pods costs memory.",
                ),
                Panel(
                    "Ingest by job, $ per month",
                    "bars",
                    (
                        Query(
                            f"sum by (job) (sum_over_time({_KEPT}[1h])) * {HOURS_PER_MONTH} / 1e7 * $price",
                            "{{job}}",
                        ),
                    ),
                    unit="currencyUSD",
                    description="Projected from the samples scraped in the last hour; a server sends fewer.",
                ),
                _graph("Targets up by job", "short", _jobs(series("up", ANY))),
                _graph(
                    "Scrape duration by job",
                    "s",
                    Query(f"max by (job) ({series('scrape_duration_seconds', ANY)})", "{{job}}"),
                ),
            ),
        ),
        Row(
            "Prometheus",
            (
                _graph(
                    "Memory",
                    "bytes",
                    Query(f"sum by (instance) ({_own('process_resident_memory_bytes')})", "{{instance}}"),
                ),
                _graph(
                    "CPU",
                    "cores",
                    Query(f"sum by (instance) ({rate(_own('process_cpu_seconds_total'))})", "{{instance}}"),
                ),
                _graph(
                    "Series",
                    "short",
                    Query(
                        f"sum by (instance) ({_own('prometheus_tsdb_head_series')}"
                        f" or {_own('prometheus_agent_active_series')})",
                        "{{instance}}",
                    ),
                ),
                _graph(
                    "Write-ahead log",
                    "bytes",
                    Query(
                        f"sum by (instance) ({_own('prometheus_tsdb_wal_storage_size_bytes')}"
                        f" or {_own('vmagent_remotewrite_pending_data_bytes')})",
                        "{{instance}}",
                    ),
                    description="For vmagent: the data that waits to be sent.",
                ),
                _graph(
                    "Configuration loaded",
                    "bool",
                    Query(
                        f"min by (instance) ({_own('prometheus_config_last_reload_successful')}"
                        f" or {_own('vm_promscrape_config_last_reload_successful')})",
                        "{{instance}}",
                    ),
                ),
                _graph(
                    "Failed rules",
                    "short",
                    Query(
                        f"sum by (instance) ({rate(_own('prometheus_rule_evaluation_failures_total'))})",
                        "{{instance}}",
                    ),
                    description="Only a server evaluates rules; for an agent, the workspace does.",
                    needs=(RULES,),
                ),
            ),
        ),
        Row(
            "Failures in the last hour",
            (
                _failures(
                    "Scrapes over a limit",
                    "prometheus_target_scrapes_exceeded_sample_limit_total",
                    "prometheus_target_scrapes_exceeded_body_size_limit_total",
                    "prometheus_target_scrape_pool_exceeded_label_limits_total",
                    description="All samples of such a scrape are lost.",
                ),
                _failures("Duplicate samples", "prometheus_target_scrapes_sample_duplicate_timestamp_total"),
                _failures("Failed discovery", "prometheus_sd_kubernetes_failures_total"),
                _graph(
                    "Samples dropped before sending",
                    "cps",
                    Query(f"sum by (reason) ({rate(_queue('samples_dropped_total'))})", "{{reason}}"),
                    description="`dropped_series`: metrics that the allow-list drops. Other reasons are losses.",
                    needs=(SENDS_SELECTED,),
                ),
                _graph(
                    "Watches of kube-state-metrics",
                    "ops",
                    Query(
                        f"sum by (result) ({rate(series('kube_state_metrics_watch_total', 'kube-state-metrics'))})",
                        "{{result}}",
                    ),
                ),
                _graph(
                    "Storage failures",
                    "short",
                    Query(
                        f"sum by (instance) (increase({_own('prometheus_tsdb_compactions_failed_total')}[1h])"
                        f" + increase({_own('prometheus_tsdb_reloads_failures_total')}[1h])"
                        f" + increase({_own('prometheus_tsdb_wal_corruptions_total')}[1h]))"
                        f" or sum by (instance) (increase({_own('prometheus_agent_corruptions_total')}[1h]))",
                        "{{instance}}",
                    ),
                    description="Failed compactions and reloads, and damage of the write-ahead log.",
                ),
            ),
        ),
        Row(
            "Alerts",
            (
                _graph(
                    "Alerts not delivered",
                    "short",
                    Query(
                        f"sum by (instance) (increase({_own('prometheus_notifications_dropped_total')}[1h]))",
                        "{{instance}} dropped",
                    ),
                    Query(
                        f"sum by (instance) (increase({_own('prometheus_notifications_errors_total')}[1h]))",
                        "{{instance}} errors",
                    ),
                    description="From Prometheus to Alertmanager, in the last hour.",
                    needs=(ALERTMANAGER,),
                ),
                _graph(
                    "Alertmanagers and targets discovered",
                    "short",
                    Query(
                        f"min by (instance) ({_own('prometheus_notifications_alertmanagers_discovered')})",
                        "{{instance}} Alertmanagers",
                    ),
                    Query(
                        f"max by (config) ({_own('prometheus_sd_discovered_targets', CONFIGS)})",
                        "{{config}}",
                    ),
                    needs=(ALERTMANAGER,),
                ),
                _graph(
                    "Notifications",
                    "short",
                    Query(
                        "sum by (integration)"
                        f" (increase({series('alertmanager_notifications_total', 'alertmanager')}[1h]))",
                        "{{integration}} sent",
                    ),
                    Query(
                        "sum by (integration)"
                        f" (increase({series('alertmanager_notifications_failed_total', 'alertmanager')}[1h]))",
                        "{{integration}} failed",
                    ),
                    Query(
                        f"min by (instance) ({series('alertmanager_config_last_reload_successful', 'alertmanager')})",
                        "{{instance}} configuration loaded",
                    ),
                    description="From Alertmanager to the receivers, in the last hour.",
                    needs=(ALERTMANAGER,),
                ),
            ),
        ),
        Row(
            "Amazon Managed Service for Prometheus",
            (
                _cloudwatch(
                    "Active series",
                    "short",
                    'Namespace="AWS/Usage" MetricName="ResourceCount" Service="Prometheus" Resource="ActiveSeries"',
                    "Average",
                    "Per workspace.",
                ),
                _cloudwatch(
                    "Samples per second",
                    "cps",
                    'Namespace="AWS/Usage" MetricName="ResourceCount" Service="Prometheus" Resource="IngestionRate"',
                    "Average",
                    "Per workspace.",
                ),
                _cloudwatch(
                    "Discarded samples",
                    "short",
                    'Namespace="AWS/Prometheus" MetricName="DiscardedSamples"',
                    "Sum",
                    "By reason: over a quota, too old, duplicate.",
                ),
            ),
        ),
    ),
)
