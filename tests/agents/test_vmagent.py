"""vmagent itself: what it keeps during a restart, which options it knows, and which metrics alerts can use."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.backends.remote_write import RemoteWriteReceiver
from harness.render.helm import Helm
from harness.render.manifests import load_yaml

from .prometheus import CHART, Exporter, amp, built, running
from .test_prometheus import MODES, pod

pytestmark = pytest.mark.slow
KNOWN = load_yaml((CHART / "files" / "vmagent.yaml").read_text(encoding="utf-8"))


def test_restart_during_an_outage(tmp_path: Path) -> None:
    """Waiting samples are on the volume, and arrive after a restart."""
    values = {"server": {**MODES["vmagent"], "remoteWrite": [amp()]}}
    with RemoteWriteReceiver(region="us-east-1") as receiver, Exporter("a 1\n") as exporter:
        with running(tmp_path, values, {"pods": [exporter.target(**pod("a"))]}, receiver) as vmagent:
            vmagent.wait(lambda: receiver.select("a"), "the first sample")
            receiver.fail("500")
            scrapes = len(exporter.requests)
            vmagent.wait(lambda: len(exporter.requests) > scrapes + 5, "scrapes during the outage")
            vmagent.stop(gently=True)
            scrapes = len(exporter.requests)
            receiver.heal()
            vmagent.start()
            vmagent.wait(lambda: len(receiver.select("a").popitem()[1]) >= scrapes, "all scrapes")
        assert receiver.repeated == 0
        # It sends the request of the moment of its stop last.
        assert receiver.late <= max(samples for _, samples in receiver.arrivals)


def test_metrics_of_alerts(tmp_path: Path) -> None:
    """vmagent has every metric of its own that alerts and dashboards read, below its prefix."""
    listed = load_yaml((CHART / "files" / "allow-list.yaml").read_text(encoding="utf-8"))["prometheus"]
    wanted = {name for name in listed if name.startswith(("vm_", "vmagent_"))}
    values = {"server": {**MODES["vmagent"], "remoteWrite": [amp()], "web": {"routePrefix": "/vm"}}}
    with (
        RemoteWriteReceiver(region="us-east-1") as receiver,
        Exporter("a 1\n") as exporter,
        running(
            tmp_path, values, {"kubelet": [exporter.target(node_name="a")]}, receiver, base="http://{}/vm"
        ) as vmagent,
    ):
        vmagent.wait(lambda: receiver.select("up"), "the first sample")
        page = vmagent.get("/metrics")
    assert len(wanted) > 10
    assert {name for name in wanted if f"\n{name}{{" not in page and f"\n{name} " not in page} == set()
    assert 'vm_promscrape_scrape_pool_targets{scrape_job="kubelet", status="up"} 1' in page


@pytest.mark.parametrize("unknown", [set(), {"body_size_limit"}], ids=["listed", "not-listed"])
def test_listed_options_are_known(tmp_path: Path, unknown: set[str]) -> None:
    """vmagent knows the names of all options of scrape configurations that the chart permits, and no others."""

    def given(known: dict[str, Any]) -> dict[str, Any]:
        """Return every option, without a value."""
        made: dict[str, Any] = {}
        for name, options in known.items():
            value = given(options) if options else None
            made[name] = [value] if name.endswith(("_configs", "selectors")) else value
        return made

    config = tmp_path / "config.yaml"
    scrape = {**given(KNOWN["scrape"]), **dict.fromkeys(unknown)}
    # The chart omits it.
    del scrape["fallback_scrape_protocol"]
    config.write_text(yaml.safe_dump({"scrape_configs": [scrape]}), encoding="utf-8")
    command = [built("vmagent"), "-dryRun", f"-promscrape.config={config}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode == 0) is not bool(unknown)
    assert set(re.findall(r"field (\S+) not found", done.stderr)) == unknown


def test_rendered_files_are_valid(tmp_path: Path) -> None:
    """vmagent accepts the files of ci/vmagent-values.yaml with all jobs."""
    values = {"scrape": {"jobs": {"controlPlane": True}}}
    made = Helm().render(CHART, values=values, value_files=[CHART / "ci" / "vmagent-values.yaml"])
    for name, text in made.texts("test-observability-stack-server").items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    args = [one.replace("/etc/prometheus/", f"{tmp_path}/") for one in made.containers("vmagent")[0]["args"]]
    done = subprocess.run([built("vmagent"), "-dryRun", *args], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
