"""Reading metrics in Prometheus' text format."""

import pytest

from harness.backends.samples import total

TEXT = """\
# HELP sent_total Sent records.
# TYPE sent_total counter
sent_total{name="a",zone="x"} 2
sent_total{name="b",zone="x"} 3.5
sent_total_bytes{name="a"} 100
up 1
"""


@pytest.mark.parametrize(
    ("metric", "labels", "sum_"),
    [
        pytest.param("sent_total", {}, 5.5, id="all labels"),
        pytest.param("sent_total", {"name": "a"}, 2, id="one label"),
        pytest.param("sent_total", {"zone": "x", "name": "b"}, 3.5, id="two labels in another order"),
        pytest.param("sent_total", {"name": "c"}, 0, id="other value"),
        pytest.param("up", {}, 1, id="without labels"),
        pytest.param("sent", {}, 0, id="prefix of a name"),
    ],
)
def test_total(metric: str, labels: dict[str, str], sum_: float) -> None:
    """Samples of exactly this metric with these labels are added; comments and longer names are not."""
    assert total(TEXT, metric, **labels) == sum_
