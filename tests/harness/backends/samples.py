"""Reads metrics in Prometheus' text format, as agents and exporters serve them."""


def total(text: str, metric: str, **labels: str) -> float:
    """Return the sum of a metric's samples that have these labels; 0 if there is none.

    Args:
        text: the served metrics.
        metric: the name of the metric.
        labels: values of labels; samples may have more.
    """
    wanted = [f'{name}="{value}"' for name, value in labels.items()]
    lines = [line for line in text.splitlines() if line.startswith((f"{metric}{{", f"{metric} "))]
    return sum(float(line.rpartition(" ")[2]) for line in lines if all(label in line for label in wanted))
