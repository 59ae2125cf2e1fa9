"""Monitors with random mistakes: whatever is compiled is a configuration that Prometheus accepts."""

import copy
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eks_observability.monitors import outputs
from eks_observability.monitors.objects import KINDS, Object, Objects

from . import prometheus_operator
from .test_monitors_operator import FIELDS, SHAPES

NUMBER = 2000
# Discovery that the harness's Prometheus does not contain.
CLOUDS = ("consul_sd_configs", "dns_sd_configs", "ec2_sd_configs", "http_sd_configs")
TEXTS = (
    *("", "x", "a b", "a-b", "é", "\n", "\x00", "9" * 30, "a" * 300, "1", "__name__", "__address__"),
    *("(", "[a", "a{2", "x{1001}", "x{3,1}", "(?!a)", r"\C", r"\1", "$1", "${1}", "$0", ".*", "a|b", "(?i)x"),
    *("http://x", "http://%zz", "://", "tls", "https", "TLS10", "Replace", "KEEP", "../x", "..", "a/b"),
    *("30s", "0s", "1y2w", "1h1h", "1.5h", "5", "10MB", "10 MB", "0.5GB", "{{x}}"),
)
OTHERS: tuple[Any, ...] = (0, 1, -1, 1.5, True, False, None, [], ["a"], [""], {}, {"a": "b"})


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container of a value with each of its keys."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in items:
        yield value, key
        yield from places(one)


def mutated() -> Objects:
    """Return monitors, each of which has one or two fields with another value."""
    dice = random.Random(16)
    fixtures = [*SHAPES.values(), *FIELDS.values()]
    objects = []
    for number in range(NUMBER):
        kind = dice.choice(KINDS)
        one = copy.deepcopy(dice.choice([one for one in fixtures if one["kind"] == kind]))
        for _ in range(dice.choice((1, 1, 2))):
            container, key = dice.choice(list(places(one["spec"])))
            container[key] = copy.deepcopy(dice.choice([*TEXTS, *OTHERS]))
        objects.append(Object(one["kind"], "shop", f"m{number}", one))
    data = prometheus_operator.data_of(fixtures)
    return Objects(objects, {(kind, "shop", name, key): value for (kind, _, name, key), value in data.items()})


@pytest.fixture(scope="module")
def result() -> outputs.Result:
    """What is compiled of them, and what is left out."""
    return outputs.compile_all(mutated(), scraper=False)


def test_some_mistakes_are_harmless(result: outputs.Result) -> None:
    """The comparison below is about both: monitors that are compiled, and monitors that are left out."""
    assert len(result.broken) > NUMBER / 2
    assert len(result.jobs) > NUMBER / 8
    assert len(result.groups) > NUMBER / 100


def test_prometheus_accepts_all_jobs(result: outputs.Result, promtool: Path, tmp_path: Path) -> None:
    """No mistake reaches Prometheus, which would reject the configuration as a whole."""
    jobs = [{name: value for name, value in job.items() if name not in CLOUDS} for job in result.jobs]
    file = tmp_path / "prometheus.yaml"
    file.write_text(outputs.text({"scrape_configs": jobs}), encoding="utf-8")
    done = subprocess.run([promtool, "check", "config", "--syntax-only", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_accepts_all_rules(result: outputs.Result, promtool: Path, tmp_path: Path) -> None:
    """No mistake reaches the rule file, which contains the groups of all objects."""
    file = tmp_path / "rules.yaml"
    file.write_text(outputs.text(outputs.values(result, "shop")["rules"]), encoding="utf-8")
    done = subprocess.run([promtool, "check", "rules", "--lint=none", file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_files_stay_in_their_folder(result: outputs.Result) -> None:
    """No reference escapes from the volume, or makes a volume that Kubernetes rejects."""
    [volume] = outputs.values(result, "shop")["server"]["extraVolumes"]
    items = [item for source in volume["projected"]["sources"] for one in source.values() for item in one["items"]]
    assert len(items) > 5
    assert all(part not in ("", ".", "..") for item in items for part in item["path"].split("/"))
