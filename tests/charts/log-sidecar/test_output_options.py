"""Options of the sidecar's outputs, compared with those of Fluent Bit and with the program."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.render.manifests import load_yaml

from .test_output import BACKENDS, DATA, to

Configs = Callable[..., dict[str, Any]]
OPTIONS = "../shared/data/fluent-bit-5.1.1-options.json"
# Options of all outputs with a network connection, which the list of options omits for the AWS plugins.
TLS = {"tls.verify", "tls.verify_hostname", "tls.ca_file", "port"}
# The list omits the plugin `kafka`, whose options tests/agents/test_output_options.py compares with the program.
LISTED = sorted({*BACKENDS} - {"kafka"})
COMMON = {"alias", "match", "workers", "retry_limit", "storage.total_limit_size", "processors", "name"}


@pytest.mark.parametrize("kind", LISTED)
def test_every_option_is_one_that_fluent_bit_has(agent_config: Configs, chart: Any, kind: str) -> None:
    """Fluent Bit has every option; it only warns about unknown ones."""
    table = chart.parents[1] / OPTIONS
    if not table.exists():
        pytest.skip("needs the table of Fluent Bit's options, ../shared/data/fluent-bit-5.1.1-options.json")
    known = json.loads(table.read_text(encoding="utf-8"))
    values = to(kind)
    for file in ("opensearch", "cloudwatch"):
        given = load_yaml((chart / "ci" / f"{file}-values.yaml").read_text(encoding="utf-8"))
        if kind in given["outputs"]:
            values["outputs"][kind] = given["outputs"][kind] | {"enabled": True, "match": {}}
    values["sidecar"] = {"state": {"sizeLimit": "1Gi"}}
    made = agent_config(values)["sidecar"]["pipeline"]
    for section in ("inputs", "outputs"):
        for plugin in made[section]:
            unknown = set(plugin) - set(known[section][plugin["name"]]) - COMMON
            assert unknown - (TLS if "service" in DATA["types"][kind] else set()) == set(), plugin["name"]


@pytest.mark.parametrize("kind", BACKENDS)
def test_fluent_bit_takes_the_configuration(agent_config: Configs, tmp_path: Path, kind: str, fluent_bit: Path) -> None:
    """Fluent Bit accepts the options of each backend, and rules for multiline records."""
    rules = {"multiline": "regex", "multilineRegex": {"start": r"^\d"}}
    values = to(kind, files=[{"name": "a", "path": "/var/log/app/a.log", **rules}])
    text = json.dumps(agent_config(values)["sidecar"]).replace("/var/lib/log-sidecar", str(tmp_path))
    (tmp_path / "a.yaml").write_text(text)
    parts = {"PORT": "443", "TLS": "on", "HOST": "h", "URI": "/"}
    names = {f"OUTPUT_SUMOLOGIC__{part}": text for part, text in parts.items()} | {"AWS_REGION": "eu-west-1"}
    command = [str(fluent_bit), "--dry-run", "--config", str(tmp_path / "a.yaml")]
    tried = subprocess.run(command, env={**os.environ, **names}, capture_output=True, text=True, check=False)
    assert tried.returncode == 0, tried.stderr
    assert "error" not in tried.stderr
