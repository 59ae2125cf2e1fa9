"""The records that each output receives, and their log groups and streams, by a simulation of filters and outputs."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import fluentbit
from harness.render.manifests import Manifests, load_yaml

Configs = Callable[..., dict[str, Any]]
Install = Callable[..., Manifests]
NAMESPACES = ("default", "shop", "amazon-cloudwatch", "not-listed")
HOST_PROCESS = {"mode": "hostProcess"}
ALL_LOGS = {"host": {"enabled": True}, "dataplane": {"enabled": True, "channels": ["EKS"]}}
ENVIRONMENT = {"HOST_NAME": "node-1", "CONTAINER_SANDBOX_MOUNT_POINT": "C:\\hpc"}


def config_of(made: Manifests) -> fluentbit.Config:
    data = made.one("ConfigMap", "x-fluent-bit-windows")["data"]
    [text] = [text for name, text in data.items() if name.startswith("fluent-bit.")]
    return fluentbit.parse(text, environment=ENVIRONMENT)


def outputs_of(**named: dict[str, Any]) -> dict[str, Any]:
    """Return values with these outputs; the default output is disabled unless it is among them."""
    return {"outputs": {"cloudwatch": {"enabled": False}, **named}}


def log_of(namespace: str) -> str:
    return fluentbit.container_log(namespace, "web-1")


def listed(group: str, **namespaces: list[str]) -> dict[str, Any]:
    """Return an output to one log group for some namespaces."""
    return {"type": "cloudwatch", "logGroupName": group, "match": {"namespaces": namespaces}}


START = "/aws/containerinsights/eks"
GROUPS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "namespace": ({}, {name: f"{START}/{name}" for name in NAMESPACES}),
    "static": (
        {"outputs": {"cloudwatch": {"logGroupTemplate": ""}}},
        dict.fromkeys(NAMESPACES, f"{START}/application"),
    ),
    "list": (
        outputs_of(
            one=listed("/{cluster}/one", include=["default"]),
            two=listed("/two", include=["sh*"]),
            rest=listed("/rest", exclude=["default", "sh*"]),
        ),
        {"default": "/eks/one", "shop": "/two", "amazon-cloudwatch": "/rest", "not-listed": "/rest"},
    ),
    "template": (
        {"outputs": {"cloudwatch": {"logGroupTemplate": "/b/$kubernetes['namespace_name']"}}},
        {name: f"/b/{name}" for name in NAMESPACES},
    ),
}


@pytest.mark.parametrize("profile", ["upstream", "aws-legacy"])
@pytest.mark.parametrize(("values", "groups"), GROUPS.values(), ids=GROUPS)
def test_groups(install: Install, values: dict[str, Any], groups: dict[str, str], profile: str) -> None:
    """Records of every namespace, listed or not, reach the log group that the values set."""
    builds = {"profile": profile, "windows": {"builds": [{"name": "2022"}]}}
    config = config_of(install({**values, **builds}))
    found = {}
    for name in NAMESPACES:
        [reader] = fluentbit.inputs_of(config, log_of(name))
        [arrived] = fluentbit.deliveries(config, fluentbit.tag_of(reader, log_of(name)), {"log": "x"})
        found[name] = arrived.group
        assert arrived.stream == "web-1.app"
    assert found == groups


# Examples of the README, by the sentence above them, and the log groups of the namespaces.
SHOWN = {
    "For one log group": {
        "shop": f"{START}/application",
        "team-a": f"{START}/application",
        "x": f"{START}/application",
    },
    "For log groups of certain namespaces": {
        "shop": "/shop/windows",
        "team-a": "/teams/windows",
        "x": f"{START}/other",
    },
}


@pytest.mark.parametrize("sentence", SHOWN)
def test_examples_of_the_readme(install: Install, chart: Path, sentence: str) -> None:
    """The examples of the README, with one log group or several, deliver each record once."""
    text = (chart / "README.md").read_text(encoding="utf-8")
    [block] = re.findall(rf"^{sentence}.*?```yaml\n(.*?)```", text, re.MULTILINE | re.DOTALL)
    config = config_of(install(load_yaml(block)))
    found = {}
    for name in SHOWN[sentence]:
        [arrived] = fluentbit.deliveries(config, fluentbit.tag_of(config.inputs[0], log_of(name)))
        found[name] = arrived.group
    assert found == SHOWN[sentence]


def test_copies_are_delivered_to_each_output_once(install: Install) -> None:
    """Several outputs receive the records that their `match` selects: namespaces, pipelines, or all records."""
    values = outputs_of(
        all={"type": "http", "host": "a"},
        pods={"type": "http", "host": "b", "match": {"namespaces": {"include": ["default"]}}},
        others={"type": "http", "host": "c", "match": {"namespaces": {"exclude": ["default"]}}},
        node={"type": "http", "host": "d", "match": {"pipelines": ["host", "dataplane"]}},
    )
    made = install({**HOST_PROCESS, **values, "logs": ALL_LOGS})
    config = config_of(made)
    tags = {name: fluentbit.tag_of(config.inputs[0], log_of(name)) for name in ("default", "shop")}
    found = {
        name: sorted(arrived.output.get("host") for arrived in fluentbit.deliveries(config, tag))
        for name, tag in {**tags, "host": "host.events", "dataplane": "dataplane.events"}.items()
    }
    assert found == {
        "default": ["a", "b"],
        "shop": ["a", "c"],
        "host": ["a", "c", "d"],
        "dataplane": ["a", "c", "d"],
    }


@pytest.mark.parametrize(
    ("streams", "expected"),
    [
        ({}, {"log_stream_prefix", "log_stream_template"}),
        ({"logStreamName": "{node}"}, {"log_stream_name"}),
        ({"logStreamName": "{node}", "logStreamTemplate": "$stream"}, {"log_stream_name", "log_stream_template"}),
        ({"logStreamPrefix": "win-", "logStreamTemplate": ""}, {"log_stream_prefix"}),
    ],
    ids=["default", "name", "name-and-template", "prefix"],
)
def test_log_streams(agent_config: Configs, streams: dict[str, str], expected: set[str]) -> None:
    """An output has either a log stream name or a prefix; the default template does not override a name."""
    [output] = agent_config({"outputs": {"cloudwatch": streams}})["pipeline"]["outputs"]
    assert {option for option in output if option.startswith("log_stream_")} == expected
