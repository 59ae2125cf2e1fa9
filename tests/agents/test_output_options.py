"""Options of outputs exist in the Fluent Bit that runs the tests."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.generate import outputs

ROOT = Path(__file__).parents[2]
CHARTS = sorted(path.parent.name for path in ROOT.glob("charts/*/Chart.yaml"))
DATA = outputs.load(ROOT / "charts" / "shared")
# Every output accepts these options (src/flb_output.c, 5.1.1), although the help of some plugins omits them.
ANY_OUTPUT = {"port", "storage.total_limit_size", "tls.ca_file", "tls.verify", "tls.verify_hostname", "tls.vhost"}


def plugins_of(kind: dict[str, Any]) -> set[str]:
    """Return the plugins that an output type has in some agent, Fargate's log router included."""
    return {kind[key] for key in ("plugin", "logRouter") if key in kind}


# Plugins that `custom` rejects: for tests, for metrics, for files in the container, and those that report no loss.
NO_BACKENDS = {"counter", "exit", "file", "flowcounter", "lib", "null", "plot", "prometheus_exporter"}
NO_BACKENDS |= {"prometheus_remote_write", "udp", "vivo_exporter"}
# Options that the chart sets, or other values of an output.
OF_THE_CHART = {"alias", "match", "match_regex", "retry_limit", "tls", "tls.ca_file", "tls.proxy.ca_file", "tls.verify"}
OF_THE_CHART |= {"tls.verify_hostname", "tls.vhost"}


def test_custom_knows_the_plugins_of_the_program(fluent_bit: Path) -> None:
    """Every other plugin of the program is accepted with exactly its options, apart from those that the chart sets."""
    told = json.loads(subprocess.run([fluent_bit, "-J"], capture_output=True, text=True, check=True).stdout)
    groups, accepted = DATA["plugins"]["groups"], DATA["plugins"]["plugins"]
    typed = {"es"}.union(*map(plugins_of, DATA["types"].values()))
    named = {plugin["name"]: plugin["properties"] for plugin in told["outputs"]}
    assert named.keys() - typed - NO_BACKENDS == accepted.keys()
    for name, plugin in accepted.items():
        known = {*groups["any"], *plugin["options"]}
        known |= {option for group in ("net", "tls") if plugin.get(group, True) for option in groups[group]}
        of_program = {option["name"].lower() for options in named[name].values() for option in options}
        of_program = {option for option in of_program if not option.startswith("tls.windows.")}
        assert known == of_program - OF_THE_CHART, name
        assert set(plugin.get("secrets", [])) <= known


@pytest.mark.parametrize("plugin", sorted(set().union(*map(plugins_of, DATA["types"].values()))))
def test_every_option_of_an_output_exists(plugin: str, fluent_bit: Path) -> None:
    """All options and fixed settings of an output type are options of its plugin."""
    described = subprocess.run([fluent_bit, "-o", plugin, "--help"], capture_output=True, text=True, check=True).stdout
    known = ANY_OUTPUT | set(re.findall(r"^(?:\x1b\[\d*m)*([a-z][\w.]*) ", described, re.MULTILINE))
    options: set[str] = set()
    for name, kind in DATA["types"].items():
        if plugin not in plugins_of(kind):
            continue
        options |= set(kind.get("fixed", {}))
        for chart in CHARTS:
            used = outputs.types(DATA, chart).get(name, {}).values()
            options |= {option["option"] for option in used if "option" in option}
    # The options of a library have a prefix.
    prefixes = tuple(name for name in known if name.endswith("."))
    assert sorted(option for option in options - known if not option.startswith(prefixes)) == []
