"""The dashboard of Prometheus: delivery to Amazon Managed Service for Prometheus, and its cost."""

from eks_observability.dashboards.model import Board, CloudWatch, Panel, Query, Row, Variable
from eks_observability.dashboards.promql import CLUSTER, RATE, rate, series

HOURS_PER_MONTH = 730
SECONDS_PER_MONTH = HOURS_PER_MONTH * 3600
REMOTE = "a server with remote write"
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


def _jobs(expr: str) -> Query:
    return Query(f"sum by (job) ({expr})", "{{job}}")


def _cloudwatch(title: str, unit: str, search: str, statistic: str, description: str) -> Panel:
    query = CloudWatch(f"SEARCH('{search}', '{statistic}', 300)")
    return Panel(title, "graph", (query,), unit=unit, description=description, absent=NO_AWS)


_SENT = f"sum({rate(_queue('samples_total'))})"
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
                    f"sum(increase({_queue('samples_failed_total')}[1h]))",
                    "short",
                    "In the last hour: rejected by the endpoint with an error that is not retried.",
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
                    Query(f"sum by (url) ({rate(_queue('samples_total'))})", "sent"),
                    Query(f"sum by (url) ({rate(_queue('samples_retried_total'))})", "sent again"),
                    Query(f"sum by (url) ({rate(_queue('samples_failed_total'))})", "lost"),
                    description="Retried samples: after 429 and 5xx responses.",
                    needs=(REMOTE,),
                ),
                _graph(
                    "Bytes sent",
                    "Bps",
                    Query(f"sum by (url) ({rate(_queue('bytes_total'))})", "{{url}}"),
                    needs=(REMOTE,),
                ),
                _graph(
                    "Request duration",
                    "s",
                    Query(
                        "histogram_quantile(0.99, sum by (url, le)"
                        f" (rate({_queue('sent_batch_duration_seconds_bucket')}[{RATE}])))",
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
                    Query(f"sum by (instance) ({_own('prometheus_tsdb_wal_storage_size_bytes')})", "{{instance}}"),
                ),
                _graph(
                    "Configuration loaded",
                    "bool",
                    Query(f"min by (instance) ({_own('prometheus_config_last_reload_successful')})", "{{instance}}"),
                ),
                _graph(
                    "Failed rules",
                    "short",
                    Query(
                        f"sum by (instance) ({rate(_own('prometheus_rule_evaluation_failures_total'))})",
                        "{{instance}}",
                    ),
                    description="Only a server evaluates rules; for an agent, the workspace does.",
                    needs=("a server with rules",),
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
