"""The dashboard of the log agents: records read, delivered, waiting and lost."""

from eks_observability.dashboards.model import Board, CloudWatch, Panel, Query, Row
from eks_observability.dashboards.promql import CLUSTER, NAMESPACE, kubelet, percentile, rate, series

# Annotated pods or annotated Services: the agents are discovered by either. The metric names are those of
# `/api/v2/metrics/prometheus`; `/api/v1` reports neither chunks nor pauses.
AGENTS = "pods|endpoints"
COMPLAINTS = 'message_type=~"warn|error"'
IN = 'namespace=~"$namespace"'
# Redaction counts secrets by records that it drops, in a filter for each rule.
NO_COUNTERS = 'name!~"redact.*"'
SECRETS = 'name=~"redacted-.*"'
FLUENT_BIT = "a Fluent Bit whose pod is annotated for scraping"
NO_AWS = "CloudWatch metrics exist only in AWS"


def _agent(metric: str, *matchers: str) -> str:
    return series(metric, AGENTS, IN, *matchers)


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
        needs=(FLUENT_BIT,),
    )


def _graph(
    title: str, unit: str, *queries: Query, description: str = "", needs: tuple[str, ...] = (FLUENT_BIT,)
) -> Panel:
    return Panel(title, "graph", queries, unit=unit, description=description, needs=needs)


def _by_name(metric: str, *matchers: str) -> Query:
    return Query(f"sum by (name) ({rate(_agent(metric, *matchers))})", "{{name}}")


def _total(metric: str) -> str:
    return f"sum({rate(_agent(metric))})"


BOARD = Board(
    uid="eks-logs",
    title="EKS / Logs pipeline",
    description="Records that the log agents read, delivered, buffered and lost.",
    variables=(CLUSTER, NAMESPACE),
    rows=(
        Row(
            "State",
            (
                _stat("Agents", f"count({_agent('fluentbit_uptime')})", "short"),
                _stat("Records read", _total("fluentbit_input_records_total"), "recs"),
                _stat("Records delivered", _total("fluentbit_output_proc_records_total"), "recs"),
                _stat(
                    "Records lost",
                    f"sum(increase({_agent('fluentbit_output_dropped_records_total')}[1h]))",
                    "short",
                    "In the last hour: dropped after the last retry, or rejected by the backend.",
                    alarm=1,
                ),
                _stat(
                    "Waiting chunks",
                    f"sum({_agent('fluentbit_input_storage_chunks')})",
                    "short",
                    "Each holds up to 2 MB.",
                ),
                _stat(
                    "Paused inputs",
                    f"sum({_agent('fluentbit_input_ingestion_paused')})",
                    "short",
                    "The memory buffer is full. Files that are rotated away before reading resumes are lost.",
                    alarm=1,
                ),
            ),
        ),
        Row(
            "Records",
            (
                _graph("Read, records", "recs", _by_name("fluentbit_input_records_total")),
                _graph("Read, bytes", "Bps", _by_name("fluentbit_input_bytes_total")),
                _graph(
                    "Dropped by filters",
                    "recs",
                    _by_name("fluentbit_filter_drop_records_total", NO_COUNTERS),
                    description="Dropped intentionally by a filter.",
                    needs=(FLUENT_BIT, "a Fluent Bit with a filter"),
                ),
                _graph(
                    "Redacted, by rule",
                    "cps",
                    Query(
                        "sum by (name) (label_replace("
                        f"{rate(_agent('fluentbit_filter_drop_records_total', SECRETS))},"
                        ' "name", "$1", "name", "redacted-(.*)"))',
                        "{{name}}",
                    ),
                    description="Secrets that agents replaced; `error`: records that they could not check.",
                    needs=(FLUENT_BIT, "a Fluent Bit with redaction"),
                ),
                _graph("Delivered, records", "recs", _by_name("fluentbit_output_proc_records_total")),
                _graph("Delivered, bytes", "Bps", _by_name("fluentbit_output_proc_bytes_total")),
                _graph(
                    "Delivery latency",
                    "s",
                    Query(
                        percentile(0.99, _agent("fluentbit_output_latency_seconds_bucket"), "output"),
                        "{{output}}",
                    ),
                    description="99th percentile of the time from reading a chunk to delivery; at most 30 s.",
                ),
            ),
        ),
        Row(
            "Trouble",
            (
                _graph(
                    "Retries",
                    "short",
                    _by_name("fluentbit_output_retries_total"),
                    description="The backend is slow or unavailable, or rejects records. Nothing is lost yet.",
                ),
                _graph(
                    "Rejected, chunks",
                    "short",
                    _by_name("fluentbit_output_errors_total"),
                    description="Dropped without a retry; if the name ends in .s3, an upload that is repeated.",
                ),
                _graph(
                    "Lost",
                    "recs",
                    _by_name("fluentbit_output_dropped_records_total"),
                    description="Dropped after the last retry, or rejected. Failed uploads to S3 count, but are kept.",
                ),
                _graph(
                    "Buffered memory",
                    "bytes",
                    Query(
                        f"sum by (namespace, pod) ({_agent('fluentbit_input_storage_memory_bytes')})",
                        "{{namespace}} {{pod}}",
                    ),
                ),
                _graph(
                    "Warnings and errors of the agents",
                    "short",
                    Query(
                        "sum by (message_type)"
                        f" ({rate(series('fluentbit_logger_logs_total', AGENTS, IN, COMPLAINTS))})",
                        "{{message_type}}",
                    ),
                ),
                _graph(
                    "Agent uptime",
                    "s",
                    Query(f"min by (namespace, pod) ({_agent('fluentbit_uptime')})", "{{namespace}} {{pod}}"),
                    description="A sawtooth indicates an agent that restarts repeatedly.",
                ),
                _graph(
                    "Buffer left",
                    "percent",
                    Query(
                        f"min by (name) ({_agent('fluentbit_output_chunk_available_capacity_percent')})",
                        "{{name}}",
                    ),
                    description="When the buffer of an output is full, the oldest records are dropped.",
                ),
            ),
        ),
        Row(
            "Sources and backend",
            (
                _graph(
                    "Container logs on the nodes",
                    "bytes",
                    Query(
                        f"sum by (namespace) ({kubelet('kubelet_container_log_filesystem_used_bytes', IN)})",
                        "{{namespace}}",
                    ),
                    description="Container logs that the kubelets keep on the nodes, after rotation.",
                    needs=(),
                ),
                Panel(
                    "CloudWatch Logs: bytes by log group",
                    "graph",
                    (
                        CloudWatch(
                            'SEARCH(\'{AWS/Logs,LogGroupName} MetricName="IncomingBytes" "/aws/containerinsights"\','
                            " 'Sum', 300)",
                            "${PROP('Dim.LogGroupName')}",
                        ),
                    ),
                    unit="bytes",
                    description="Ingested bytes that CloudWatch Logs bills, per 5 minutes.",
                    width=16,
                    absent=NO_AWS,
                ),
            ),
        ),
    ),
)
