"""The checker of Fluent Bit configurations: it reads both formats and finds what was planted."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.fluentbit import ConfigError, Mount, container_log, faults, parse, read, write

OPTIONS = Path(__file__).parents[2] / "../shared/data/fluent-bit-5.1.1-options.json"
CLASSIC = r"""
@SET cluster=prod
[SERVICE]
    Flush         1
    Parsers_File  parsers.conf
    storage.path  C:\var\fluent-bit\state\chunks
[INPUT]
    Name    tail
    Tag     application.*
    # a comment between options
    Path    C:\var\log\containers\*.log
    Parser  container
    DB      C:\var\fluent-bit\state\tail.db
[INPUT]
    Name      winevtlog
    Tag       host.eventlog
    Channels  System
    DB        C:\var\fluent-bit\state\events.db
[FILTER]
    Name             kubernetes
    Match            application.*
    Kube_Tag_Prefix  application.C.var.log.containers.
[OUTPUT]
    Name                cloudwatch_logs
    Match               application.*
    region              ${AWS_REGION}
    log_group_name      /aws/containerinsights/${cluster}/other
    log_group_template  /aws/containerinsights/${cluster}/$kubernetes['namespace_name']
    log_stream_prefix   x-
[OUTPUT]
    Name               cloudwatch_logs
    Alias              events
    Match              host.*
    region             ${AWS_REGION}
    log_group_name     /aws/containerinsights/${cluster}/host
    log_stream_prefix  x-
"""
PARSERS = "[PARSER]\n    Name    container\n    Format  json\n"
MOUNTS = [
    Mount("C:\\var\\log", read_only=True),
    Mount("C:\\var\\fluent-bit\\state"),
    Mount("C:\\tmp", lasting=False),
]


def config_faults(text: str, **how: Any) -> list[str]:
    made = parse(text, files={"parsers.conf": PARSERS}, environment={"AWS_REGION": "eu-west-1"})
    return faults(made, mounts=MOUNTS, **how)


def planted(old: str, new: str) -> str:
    assert old in CLASSIC
    return CLASSIC.replace(old, new)


def as_yaml(**pipeline: Any) -> str:
    return yaml.safe_dump({"pipeline": {"outputs": [{"name": "stdout", "match": "*"}], **pipeline}})


def test_sound_configuration_has_no_faults() -> None:
    """What is right is left alone, in the classic format, with variables and an own parser."""
    assert config_faults(CLASSIC) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("[SERVICE]", "[ SERVICE ]", "line 3: the section [ SERVICE ] is ignored; write [SERVICE]"),
        pytest.param("    Tag     application.*\n", "", "input tail.0: it has no tag; add a unique one"),
        pytest.param(
            "Match              host.*",
            "Match              *",
            r"input tail.0: the tag application.C.var.log.containers.pod-x_namespace-x_container-x-"
            f"{'c0ffee42' * 8}.log reaches output cloudwatch_logs.0 and output events: its records are "
            "duplicated, and billed each time",
        ),
        pytest.param(
            "Match               application.*",
            "Match               app.*",
            "output cloudwatch_logs.0: it matches app.*, a tag that no input sets",
        ),
        pytest.param(
            "Match              host.*",
            "Match              hosts",
            "input winevtlog.1: no output matches the tag host.eventlog; its records are lost",
        ),
        pytest.param("Parser  container", "Parser  docker", "input tail.0: the parser docker is not defined"),
        pytest.param(
            "Parser  container",
            "multiline.parser  docker, crio",
            "input tail.0: the multiline parser crio is not defined",
        ),
        pytest.param(
            "state\\tail.db",
            "tail.db",
            "input tail.0: db C:\\var\\fluent-bit\\tail.db is in no mount, so it is lost with the container",
        ),
        pytest.param(
            "C:\\var\\fluent-bit\\state\\tail.db",
            "C:\\TMP\\tail.db",
            "input tail.0: db C:\\TMP\\tail.db is in C:\\tmp, which is lost with the pod",
        ),
        pytest.param(
            "C:\\var\\fluent-bit\\state\\tail.db",
            "/var/log/tail.db",
            "input tail.0: db /var/log/tail.db is in C:\\var\\log, which is read-only",
        ),
        pytest.param(
            "state\\events.db",
            "state\\tail.db",
            "input tail.0 and input winevtlog.1 store their positions in the same db "
            "C:\\var\\fluent-bit\\state\\tail.db",
        ),
        pytest.param(
            "C:\\var\\log\\containers\\*.log",
            "D:\\logs\\*.log",
            "input tail.0: D:\\logs\\*.log is in no mount, so it has no files to read",
        ),
        pytest.param(
            "host.eventlog", "application.*", "input tail.0 and input winevtlog.1 have the same tag application.*"
        ),
        pytest.param(
            "    Match              host.*\n", "", "output events: it has no match, so it receives no records"
        ),
        pytest.param(
            "application.C.var.log.containers.",
            "kube.var.log.containers.a.path.that.is.longer.than.that",
            "filter kubernetes.0: the tag application.C.var.log.containers.pod-x_namespace-x_"
            f"container-x-{'c0ffee42' * 8}.log contains no pod; kube_tag_prefix is removed by its length",
        ),
        pytest.param(
            "C:\\var\\log\\containers\\*.log",
            "C:/var/log/containers/*.log",
            "input tail.0: C:/var/log/containers/*.log matches no file on Windows, where a pattern "
            "requires backslashes",
        ),
        pytest.param(
            "containers\\*.log",
            "containers\\[a-z]*.log",
            "input tail.0: C:\\var\\log\\containers\\[a-z]*.log has a bracket expression, which "
            "is not supported on Windows",
        ),
        pytest.param("${AWS_REGION}", "${AWS_REGON}", "${AWS_REGON} has no value"),
        pytest.param(
            "Channels  System",
            "storage.type  filesystem",
            None,
            id="storage.path is there",
        ),
        pytest.param(
            "$kubernetes['namespace_name']",
            "$kubernetes['namespace_name']/$kubernetes['pod_name']",
            "output cloudwatch_logs.0: log_group_template has the variable "
            "$kubernetes['namespace_name']/$kubernetes['pod_name'], which ends only at . , space or a quote",
        ),
        pytest.param(
            "    Alias              events",
            "    log_retention_days  8",
            "output cloudwatch_logs.1: CloudWatch Logs does not accept a retention of 8 days",
        ),
        pytest.param(
            "    Alias              events",
            "    log_stream_name  y",
            "output cloudwatch_logs.1: exactly one of log_stream_name and log_stream_prefix is required",
        ),
    ],
)
def test_planted_fault_is_found(old: str, new: str, expected: str | None) -> None:
    """Each fault, put into the sound configuration, is named with its place."""
    found = config_faults(planted(old, new))
    assert found == [] if expected is None else expected in found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[INPUT]\n    Name tail\n  Tag x\n", "line 3 is not indented like the first one"),
        ("[INPUT]\n    Name\n", "line 2: name has no value"),
        ("[INPUT\n", "is not closed"),
        ("@INCLUDE other.conf\n", "the included file other.conf does not exist"),
        ("pipeline:\n  inputs: []\n  inputs: []\n", "a key appears twice"),
        ("pipelin: {}\n", "there is no section pipelin"),
        ("pipeline: {input: []}\n", r"there is no section pipeline\.input"),
        ("just text", "not a mapping"),
        ("a: [", "invalid YAML"),
    ],
)
def test_text_that_fluent_bit_refuses_is_rejected(text: str, message: str) -> None:
    """A configuration with which the program would not start is no configuration."""
    with pytest.raises(ConfigError, match=f"(?i){message}"):
        parse(text)


def test_both_formats_say_the_same() -> None:
    """The same pipeline, written in YAML, has the same plugins."""
    inputs = [{"Name": "dummy", "Tag": "a", "samples": 1}, {"name": "dummy", "tag": "b", "rate": 2}]
    written = "".join("[INPUT]\n" + "".join(f"  {key} {value}\n" for key, value in one.items()) for one in inputs)
    classic = parse(written + "[OUTPUT]\n  Name stdout\n  Match *\n")
    modern = parse(as_yaml(inputs=inputs))
    as_text = [
        [{key: str(one.options[key]) for key in one.options} for one in made.plugins] for made in (classic, modern)
    ]
    assert as_text[0] == as_text[1]


def test_options_that_stand_several_times_are_kept() -> None:
    """Rules of a filter are a list, however they are written."""
    classic = parse(
        "[FILTER]\n  Name grep\n  Match *\n  Exclude a x\n  Exclude b y\n[OUTPUT]\n  Name null\n  Match *\n"
    )
    modern = parse(as_yaml(filters=[{"name": "grep", "match": "*", "exclude": ["a x", "b y"]}]))
    assert classic.filters[0].all("exclude") == modern.filters[0].all("exclude") == ["a x", "b y"]


def test_file_that_two_inputs_read_is_found() -> None:
    """Two patterns that hold one file would deliver it twice; `exclude_path` parts them."""
    every = {"name": "tail", "tag": "all.*", "path": "/var/log/containers/*.log"}
    some = {"name": "tail", "tag": "some.*", "path": "/var/log/containers/web-*.log"}
    file = container_log("shop", "web-1", folder="/var/log/containers")
    [fault] = faults(parse(as_yaml(inputs=[every, some])), paths=[file])
    assert fault == f"{file} is read by input tail.0 and input tail.1: each of its lines would be duplicated"
    every["exclude_path"] = "/var/log/containers/web-*.log"
    assert faults(parse(as_yaml(inputs=[every, some])), paths=[file]) == []


def test_outputs_that_only_some_tags_share_are_found() -> None:
    """Two patterns overlap although no example does: a tag that both match is derived."""
    inputs = [{"name": "tail", "tag": "app.*", "path": "/var/log/containers/*.log"}]
    outputs = [{"name": "null", "match": "app.*_shop_*"}, {"name": "null", "match": "app.*"}]
    found = faults(parse(as_yaml(inputs=inputs, outputs=outputs)))
    assert found == [
        "input tail.0: output null.0 and output null.1 both match app.var.log.containers._shop_.log: "
        "its records are duplicated, and billed twice"
    ]
    outputs[1] |= {"name": "http", "host": "logs.example.com"}
    assert faults(parse(as_yaml(inputs=inputs, outputs=outputs)), several=True) == []
    outputs[0] |= {"name": "http", "host": "logs.example.com"}
    [fault] = faults(parse(as_yaml(inputs=inputs, outputs=outputs)), several=True)
    assert fault.endswith("its records are duplicated, and billed twice")
    outputs[1]["match"] = "app.*_bank_*x"
    assert not [fault for fault in faults(parse(as_yaml(inputs=inputs, outputs=outputs))) if "twice" in fault]


def test_dropping_on_purpose_is_no_loss() -> None:
    """A record that a grep filter excludes is not missed; one that it does not exclude is."""
    inputs = [{"name": "dummy", "tag": "a"}]
    for pattern, expected in (("log line", 0), ("log other", 1)):
        filters = [{"name": "grep", "match": "*", "exclude": pattern}]
        outputs = [{"name": "null", "match": "b"}]
        found = faults(parse(as_yaml(inputs=inputs, filters=filters, outputs=outputs)))
        assert len([fault for fault in found if "lost" in fault]) == expected


def test_misspelt_names_are_found() -> None:
    """With the list of options, a plugin or an option that Fluent Bit does not have is named."""
    if not OPTIONS.exists():
        pytest.skip("needs the table of Fluent Bit's options, ../shared/data/fluent-bit-5.1.1-options.json")
    options = json.loads(OPTIONS.read_text(encoding="utf-8"))
    inputs = [
        {"name": "tail", "tag": "a", "pth": "/x", "path": "/y"},
        {"name": "winevtlog", "tag": "b", "channels": "System", "chanels": "x"},
        {"name": "tial", "tag": "c"},
        {"tag": "d"},
    ]
    assert faults(parse(as_yaml(inputs=inputs)), options=options) == [
        "input tail.0: tail has no option pth",
        "input winevtlog.1: winevtlog has no option chanels",
        "input tial.2: Fluent Bit has no input tial",
        "input .3: no plugin name",
    ]


def test_configuration_is_read_and_written_in_both_formats() -> None:
    """What is read of either format is one shape, and written again the same, variables and all."""
    document = {
        "service": {"flush": "1", "http_server": "On"},
        "pipeline": {
            "inputs": [{"name": "tail", "path": "C:\\a b\\*.log"}, {"name": "dummy", "tag": "${TAG}"}],
            "filters": [{"name": "grep", "match": "*", "regex": "log ^[a-z] b$"}],
            "outputs": [{"name": "null", "match": "*"}],
        },
    }
    classic = write(document, classic=True)
    assert classic.startswith("[SERVICE]\n    flush 1\n")
    assert read(classic) == read(write(document)) == document
    on = {"service": {"hot_reload": True}, "pipeline": {}}
    assert write(on, classic=True) == "[SERVICE]\n    hot_reload On\n"
