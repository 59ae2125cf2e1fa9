"""Options of outputs exist in the Fluent Bit that runs the tests."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness import images
from harness.generate import outputs

ROOT = Path(__file__).parents[2]
CHARTS = sorted(path.parent.name for path in ROOT.glob("charts/*/Chart.yaml"))
DATA = outputs.load(ROOT / "charts" / "shared")
# Every output accepts these options (src/flb_output.c, 5.1.1), although the help of some plugins omits them.
ANY_OUTPUT = {"port", "storage.total_limit_size", "tls.ca_file", "tls.verify", "tls.verify_hostname", "tls.vhost"}


def plugins_of(kind: dict[str, Any]) -> set[str]:
    """Return the plugins that an output type has in some agent, Fargate's log router included."""
    return {kind["plugin"], kind.get("logRouter", kind["plugin"])}


@pytest.mark.parametrize("plugin", sorted(set().union(*map(plugins_of, DATA["types"].values()))))
def test_every_option_of_an_output_exists(plugin: str) -> None:
    """All options and fixed settings of an output type are options of its plugin."""
    agent = images.fluent_bit()
    if agent is None:
        pytest.skip("needs fluent-bit on PATH (or in $FLUENT_BIT)")
    described = subprocess.run([agent, "-o", plugin, "--help"], capture_output=True, text=True, check=True).stdout
    known = ANY_OUTPUT | set(re.findall(r"^(?:\x1b\[\d*m)*([a-z][\w.]*) ", described, re.MULTILINE))
    options: set[str] = set()
    for name, kind in DATA["types"].items():
        if plugin not in plugins_of(kind):
            continue
        options |= set(kind.get("fixed", {}))
        for chart in CHARTS:
            used = outputs.types(DATA, chart).get(name, {}).values()
            options |= {option["option"] for option in used if "option" in option}
    assert sorted(options - known) == []
