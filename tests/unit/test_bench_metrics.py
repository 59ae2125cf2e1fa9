"""The benchmark of metrics: what is counted, and what is said of it."""

from collections import Counter

from bench.metrics import Side, report, side
from harness.backends import remote_write
from harness.backends.remote_write import Labels, RemoteWriteReceiver


def memory(name: str, place: str) -> Labels:
    labels = {"__name__": f"container_memory_{name}", "namespace": place, "container": "prometheus"}
    return tuple(sorted(labels.items()))


def test_side_counts_what_arrived_in_its_time() -> None:
    """Samples are those of requests within the time, per minute; memory is that of the side's own pod."""
    with RemoteWriteReceiver() as all_of_it, RemoteWriteReceiver() as few:
        for name in ("working_set_bytes", "rss"):
            points = {1_000: 5.0, 61_000: 10.0, 121_000: 30.0, 122_000: 20.0}
            all_of_it._keep(memory(name, "ours"), remote_points(points))
            all_of_it._keep(memory(name, "article"), remote_points({121_000: 99.0}))
        few._keep((("__name__", "up"), ("job", "kubelet")), remote_points({61_000: 1.0}))
        few.arrivals = [(50.0, 7), (70.0, 10), (170.0, 20), (190.0, 7)]
        counted = side("ours", few, all_of_it, 60.0, 180.0)
    assert counted == Side(15.0, 1, Counter(kubelet=1), (20.0, 30.0), 20.0)


def test_report_says_shares_and_empty_panels() -> None:
    """A share is ours of theirs; a panel that stays empty is named."""
    article = Side(20_000, 20_000, Counter(nodes=20_000), (2e8, 3e8), 1e8)
    ours = Side(1_000, 900, Counter(kubelet=900), (5e7, 6e7), 5e7)
    text = report(article, ours, {"eks-node: CPU"}, 10)
    assert "| samples sent per minute | 20,000 | 1,000 | 5.0% |" in text
    assert "| memory, median of the working set | 200 MB | 50 MB | 25.0% |" in text
    assert "these panels are empty: eks-node: CPU." in text
    assert "every panel's query returns data" in report(article, ours, set(), 10)


def remote_points(points: dict[int, float]) -> object:
    body = remote_write.encode({(("__name__", "x"),): points})
    return remote_write.decode(body).timeseries[0].samples
