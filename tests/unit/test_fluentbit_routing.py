"""Where records go: the simulation of Fluent Bit's routing, and that Fluent Bit itself sends them the same way."""

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.fluentbit import Mount, container_log, deliveries, faults, inputs_of, mounts_of, parse, pod_log, tag_of
from harness.fluentbit.mounts import mount_at
from harness.fluentbit.patterns import meeting
from harness.render.manifests import Pod, load_yaml

TAG = tag_of(parse("[INPUT]\n  Name tail\n  Tag application.*\n").inputs[0], container_log("shop", "web-1"))
META = {"name": "kubernetes", "match": "*", "kube_tag_prefix": "application.C.var.log.containers."}


def pipeline(**sections: list[dict[str, Any]]) -> str:
    return yaml.safe_dump({"service": {"flush": 0.2, "log_level": "error"}, "pipeline": sections})


def cloudwatch(**options: Any) -> dict[str, Any]:
    return {"name": "cloudwatch_logs", "match": "*", "log_group_name": "other", "log_stream_prefix": "s-", **options}


def groups(output: dict[str, Any], *filters: dict[str, Any], tag: str = TAG, **record: Any) -> list[tuple[str, str]]:
    made = deliveries(parse(pipeline(filters=list(filters), outputs=[output])), tag, record)
    return [(delivery.group, delivery.stream) for delivery in made]


def test_tag_is_the_path_on_windows() -> None:
    """The tag of the article's container log files."""
    expected = f"application.C.var.log.containers.web-1_shop_app-{'c0ffee42' * 8}.log"
    assert expected == TAG


def test_group_is_made_from_the_tag() -> None:
    """The namespace that the kubernetes filter reads from the tag names the group, for any namespace."""
    template = "/aws/containerinsights/prod/$kubernetes['namespace_name']"
    [(group, stream)] = groups(cloudwatch(log_group_template=template), META)
    assert (group, stream) == ("/aws/containerinsights/prod/shop", f"s-{TAG}")


def test_tag_is_made_from_the_path_by_an_expression() -> None:
    """A tag with names takes them from the path, and a parser of one's own finds the pod in such a tag."""
    tail = {
        "name": "tail",
        "path": "/var/log/pods/*/*/*.log",
        "tag": "application.pods.<namespace>_<pod>",
        "tag_regex": r"^/var/log/pods/(?<namespace>[^_/]+)_(?<pod>[^_/]+)_",
    }
    filter_ = {"name": "kubernetes", "match": "*", "kube_tag_prefix": "application.", "regex_parser": "pods"}
    text = pipeline(
        inputs=[tail],
        filters=[filter_],
        outputs=[cloudwatch(region="us-east-1", log_group_template="/x/$kubernetes['namespace_name']")],
    )
    parser = {"name": "pods", "format": "regex", "regex": r"^pods\.(?<namespace_name>[^_]+)_(?<pod_name>.+)$"}
    config = parse(yaml.safe_dump({**load_yaml(text), "parsers": [parser]}))
    tag = tag_of(config.inputs[0], pod_log("shop", "web-1.eu-west-1"))
    assert tag == "application.pods.shop_web-1.eu-west-1"
    [delivery] = deliveries(config, tag)
    assert (delivery.group, delivery.stream) == ("/x/shop", f"s-{tag}")
    assert faults(config) == []
    assert "filter kubernetes.0: the parser pods is not defined" in faults(parse(text))


def test_fixed_group_takes_what_has_no_metadata() -> None:
    """Without the filter the template has no value, and the record goes to the fixed group and stream."""
    output = cloudwatch(
        log_group_template="/x/$kubernetes['namespace_name']",
        log_stream_template="$kubernetes['pod_name'].$kubernetes['container_name']",
    )
    assert groups(output) == [("other", f"s-{TAG}")]
    assert groups(output, META) == [("/x/shop", "web-1.app")]


def test_variable_that_does_not_end_has_no_value() -> None:
    """`$a/$b` is one variable to Fluent Bit, and none that a record has."""
    assert groups(cloudwatch(log_group_template="$a/$b"), a="x", b="y") == [("other", f"s-{TAG}")]
    assert groups(cloudwatch(log_group_template="$a.$b"), a="x", b="y") == [("x.y", f"s-{TAG}")]


@pytest.mark.parametrize(
    ("filter_", "record", "arrives"),
    [
        ({"name": "grep", "exclude": "$kubernetes['namespace_name'] ^kube-"}, {}, True),
        ({"name": "grep", "exclude": "$kubernetes['namespace_name'] ^sh"}, {}, False),
        ({"name": "grep", "regex": "level ^error$"}, {"level": "error"}, True),
        ({"name": "grep", "regex": "level ^error$"}, {"level": "info"}, False),
        ({"name": "grep", "regex": "level ^error$"}, {}, False),
        ({"name": "grep", "regex": ["a 1", "b 1"], "logical_op": "and"}, {"a": "1", "b": "2"}, False),
        ({"name": "grep", "regex": ["a 1", "b 1"], "logical_op": "or"}, {"a": "1", "b": "2"}, True),
        ({"name": "grep", "exclude": ["a 1", "b 1"], "logical_op": "and"}, {"a": "1", "b": "2"}, True),
        ({"name": "grep", "match": "other.*", "exclude": "a 1"}, {"a": "1"}, True),
    ],
)
def test_grep_drops_what_it_says(filter_: dict[str, Any], record: dict[str, Any], arrives: bool) -> None:
    """Namespaces and levels are kept or left out by pattern, for the tags that the filter matches."""
    assert bool(groups(cloudwatch(), META, {"match": "*", **filter_}, **record)) is arrives


def test_fields_are_set_and_removed() -> None:
    """What modify and record_modifier add names the group; what they remove does not."""
    add = {"name": "modify", "match": "*", "add": "team ops", "set": ["level info"], "remove": "stream"}
    more = {"name": "record_modifier", "match": "*", "record": "host a", "remove_key": "_p"}
    output = cloudwatch(log_group_template="$team.$level.$host", log_stream_template="$stream")
    assert groups(output, add, more, stream="stdout", _p="F", level="x") == [("ops.info.a", f"s-{TAG}")]


def test_record_that_gets_a_new_tag_goes_on_from_there() -> None:
    """It passes the filters again, but not the one that sent it; without `keep` the old tag has no record left."""
    rule = {"name": "rewrite_tag", "match": "application.*", "rule": "$log ^(\\w+) application.$1.x false"}
    outputs = [{"name": "null", "match": "application.C*"}, {"name": "null", "match": "application.failed.*"}]
    for keep, expected in (("false", {"application.failed.x"}), ("true", {"application.failed.x", TAG})):
        rule["rule"] = f"$log ^(\\w+) application.$1.x {keep}"
        made = parse(pipeline(filters=[rule], outputs=outputs))
        assert {one.tag for one in deliveries(made, TAG, {"log": "failed again"})} == expected


@pytest.mark.parametrize(
    ("patterns", "shortest"),
    [
        (["a*", "*b"], "ab"),
        (["a*c", "ab*"], "abc"),
        (["*"], ""),
        (["a.*_shop_*", "a.*"], "a._shop_"),
        (["a*", "b*"], None),
        (["a", "a*a"], None),
        (["*x*", "a*", "*z"], "axz"),
    ],
)
def test_patterns_meet(patterns: list[str], shortest: str | None) -> None:
    """The shortest text that fits every pattern, or none."""
    assert meeting(patterns) == shortest


def test_innermost_mount_counts() -> None:
    """Windows has one slash in two forms, no case, and a disk that may be left out."""
    state, root = Mount("C:\\var\\fluent-bit\\state"), Mount("C:\\var", read_only=True)
    assert mount_at([root, state], "/VAR/fluent-bit/state/x.db") is state
    assert mount_at([root, state], "C:\\var\\fluent-bit\\statement") is root
    assert mount_at([Mount("/var/log")], "/var/Log/x") is None


def test_host_process_sees_its_nodes_disk() -> None:
    """What it writes to the node's disk lasts; what it writes to its own image does not."""
    container = {"name": "a", "volumeMounts": [{"name": "config", "mountPath": "C:\\etc"}]}
    spec: dict[str, Any] = {"volumes": [{"name": "config", "configMap": {"name": "x"}}], "containers": [container]}
    plain = mounts_of(Pod({}, {}, spec), container)
    assert plain == [Mount("C:\\etc", read_only=True, lasting=False)]
    spec["securityContext"] = {"windowsOptions": {"hostProcess": True}}
    mounts = mounts_of(Pod({}, {}, spec), container)
    places = {path: mount_at(mounts, path) for path in ("C:\\hpc\\etc\\a", "C:\\hpc\\b", "C:\\var\\c")}
    assert [bool(place and place.lasting) for place in places.values()] == [False, False, True]
    assert (place := places["C:\\hpc\\etc\\a"]) and place.read_only


@pytest.mark.slow
def test_fluent_bit_sends_records_the_same_way(fluent_bit: Path, tmp_path: Path) -> None:
    """Every pair of a tag and an output, globs and expressions, rewritten tags among them: as the program does it."""
    tags = ["a", "ab", "a.b", "a.b.c", "app.x_shop_y", "app.x_shop-b_y", "app.default_z", "b.a", "ba.c.a"]
    globs = ["*", "a", "a*", "a.*", "*.a", "*b*", "a*c", "**", "app.*_shop_*", "*.*.*", "app.*_*b_*"]
    expressions = ["a", "^b", "b$", "app\\.[^_]+_shop_", "(?<x>a)\\.b", "app\\.(?!.*_shop_).*", "x", "/a.c/", ".*\\.a$"]
    inputs = [
        {"name": "dummy", "tag": tag, "samples": 1, "dummy": json.dumps({"log": tag, "deep": {"a.b": tag}})}
        for tag in tags
    ]
    rules = ["$log ^(b)(.*)$ again.$1.$deep['a.b'] true", "$log ^a\\.b$ moved.$TAG[1].$log false"]
    filters = [
        {"name": "rewrite_tag", "match": "*", "rule": rule, "emitter_name": f"e{i}"} for i, rule in enumerate(rules)
    ]
    wanted = [
        *({"match": glob} for glob in [*globs, "again.*", "moved*"]),
        *({"match_regex": one} for one in expressions),
    ]
    outputs = [{"name": "file", "path": str(tmp_path), "file": f"{i}.txt", **how} for i, how in enumerate(wanted)]
    text = pipeline(inputs=inputs, filters=filters, outputs=outputs)
    (tmp_path / "all.yaml").write_text(text, encoding="utf-8")
    subprocess.run(["timeout", "-s", "INT", "3", str(fluent_bit), "-q", "-c", str(tmp_path / "all.yaml")], check=False)
    config = parse(text)
    expected: set[tuple[str, str]] = set()
    for tag in tags:
        made = deliveries(config, tag, {"log": tag, "deep": {"a.b": tag}})
        expected |= {(one.output.get("file"), one.tag) for one in made}
    arrived = {
        (file.name, line.split(":")[0]) for file in tmp_path.glob("*.txt") for line in file.read_text().splitlines()
    }
    assert arrived == expected
    assert len(arrived) > 50


@pytest.mark.slow
def test_fluent_bit_reads_and_enriches_the_same_files(fluent_bit: Path, tmp_path: Path) -> None:
    """Files that patterns choose and leave out, metadata from tags, namespaces dropped and listed: as it does it."""
    logs = tmp_path / "var" / "log" / "containers"
    logs.mkdir(parents=True)
    pods = [("shop", "web-1"), ("shop-2", "shop"), ("bank", "shop"), ("kube-system", "dns.x"), ("default", "a")]
    files = [container_log(namespace, pod, folder=str(logs)) for namespace, pod in pods]
    files += [str(logs / name) for name in ("old.log.gz", "notes.txt", "bare.log")]
    for file in files:
        Path(file).write_text(f"{file}\n", encoding="utf-8")
    prefix = tag_of(parse("[INPUT]\n  Name tail\n  Tag app.*\n").inputs[0], str(logs)) + "."
    tail = {"name": "tail", "read_from_head": True, "refresh_interval": 1}
    inputs = [
        {**tail, "tag": "app.*", "path": f"{logs}/*.log", "exclude_path": "*_shop-2_*,*.gz"},
        {**tail, "tag": "rest", "path": f"{logs}/*.gz,{logs}/[a-n]*.txt,{logs}/*_shop-2_*"},
    ]
    kubernetes = {"name": "kubernetes", "match": "app.*", "kube_tag_prefix": prefix, "use_tag_for_meta": True}
    drop = {"name": "grep", "match": "app.*", "exclude": "$kubernetes['namespace_name'] ^kube-"}
    start = r"app\..*containers\.[^_]+_"
    wanted = [
        {"match_regex": f"{start}shop_"},
        {"match_regex": f"{start}(?!(?:shop)_)"},
        {"match": "rest"},
        {"match": "app.*_bank_*"},
        {"match": "app.*bare.log"},
    ]
    outputs = [{"name": "file", "path": str(tmp_path), "file": f"{i}.txt", **how} for i, how in enumerate(wanted)]
    text = pipeline(inputs=inputs, filters=[kubernetes, drop], outputs=outputs)
    (tmp_path / "all.yaml").write_text(text, encoding="utf-8")
    subprocess.run(["timeout", "-s", "INT", "3", str(fluent_bit), "-q", "-c", str(tmp_path / "all.yaml")], check=False)
    config = parse(text)
    expected = set()
    for file in files:
        for reader in inputs_of(config, file):
            for one in deliveries(config, tag_of(reader, file), {"log": file}):
                expected.add((one.output.get("file"), one.tag, namespace_of(one.record)))
    arrived = set()
    for output in tmp_path.glob("*.txt"):
        for line in output.read_text(encoding="utf-8").splitlines():
            tag, _, rest = line.partition(": [")
            arrived.add((output.name, tag, namespace_of(json.loads(rest[rest.index("{") :].rstrip("]")))))
    assert arrived == expected
    assert {namespace for _, _, namespace in arrived} == {"shop", "bank", "default", ""}


@pytest.mark.parametrize(
    ("folder", "pattern", "left_out"),
    [
        ("C:\\logs", "*_shop_*", True),
        ("C:\\logs", "WEB-1_*", True),
        ("C:\\logs", "C:\\logs\\web*", True),
        ("C:\\logs", "*_shop-2_*", False),
        ("/logs", "*_shop_*", True),
        ("/logs", "web-1_*", False),
    ],
)
def test_files_are_left_out_by_path_or_name(folder: str, pattern: str, left_out: bool) -> None:
    """Windows compares a pattern with the file's path and with its name, in any case; Linux with its path alone."""
    file = container_log("shop", "web-1", folder=folder)
    slash = "\\" if "\\" in folder else "/"
    tail = {"name": "tail", "tag": "a.*", "path": f"{folder}{slash}*.log", "exclude_path": pattern}
    assert (inputs_of(parse(pipeline(inputs=[tail])), file) == []) is left_out


def namespace_of(record: Mapping[str, Any]) -> str:
    namespace: str = record.get("kubernetes", {}).get("namespace_name", "")
    return namespace
