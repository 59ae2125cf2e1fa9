"""The configuration of the fluent-bit engine sets every option whose default loses lines."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from harness.render.manifests import Manifests

from .conftest import tails

Configs = Callable[..., dict[str, Any]]
OPTIONS = "../shared/data/fluent-bit-5.1.1-options.json"


def with_files(*files: Mapping[str, Any], **sidecar: Any) -> dict[str, Any]:
    """Return values with these log files and without the demo, which cannot write to all of them."""
    return {
        "app": {"demo": {"enabled": False}, "command": ["serve"]},
        "logs": {"files": list(files)},
        "sidecar": sidecar,
    }


def app_file(**fields: Any) -> dict[str, Any]:
    return {"name": "app", "path": "/var/log/app/app.log", **fields}


def test_one_configuration_for_each_sidecar(agent_config: Configs) -> None:
    """All files have one configuration; with `perFile`, each has its own."""
    files = [app_file(), {"name": "audit", "path": "/var/log/app/audit.log"}]
    together = agent_config(with_files(*files))
    assert {name: [i["tag"] for i in tails(made["pipeline"])] for name, made in together.items()} == {
        "sidecar": ["app", "audit"]
    }
    apart = agent_config(with_files(*files, perFile=True))
    assert {name: [i["tag"] for i in tails(made["pipeline"])] for name, made in apart.items()} == {
        "sidecar-app": ["app"],
        "sidecar-audit": ["audit"],
    }


def test_input_loses_nothing_in_its_defaults(agent_config: Configs) -> None:
    """The input of the default installation has the settings with which no line is lost or duplicated."""
    [tail] = tails(agent_config()["sidecar"]["pipeline"])
    assert tail == {
        "name": "tail",
        "alias": "app",
        "tag": "app",
        "path": "/var/log/app/app.log-*,/var/log/app/app.log.*,/var/log/app/app.log",
        "exclude_path": "*.gz,*.zip,*.bz2,*.xz,*.zst",
        "key": "log",
        "read_from_head": True,
        "db": "/var/lib/log-sidecar/sidecar/app.db",
        "db.locking": True,
        "db.sync": "normal",
        "refresh_interval": "0.250000000",
        "watcher_interval": 1,
        "rotate_wait": 315360000,
        "buffer_chunk_size": "64k",
        "buffer_max_size": "1M",
        "file_cache_advise": False,
        "inotify_watcher": True,
        "skip_long_lines": True,
        "truncate_long_lines": True,
        "storage.type": "filesystem",
        "storage.pause_on_chunks_overlimit": True,
    }


def test_output_is_the_raw_line(agent_config: Configs) -> None:
    """The default output writes raw lines to stdout, and retries without limit."""
    assert agent_config()["sidecar"]["pipeline"]["outputs"] == [
        {
            "name": "file",
            "alias": "stdout",
            "match": "*",
            "file": "/dev/stdout",
            "format": "template",
            "template": "{log}",
            "retry_limit": "no_limits",
        }
    ]


def test_service_settings_follow_the_values(agent_config: Configs) -> None:
    """Log level, addresses and sizes come from the values; buffers are on the state volume."""
    settings = {
        "httpServer": {"listen": "::", "port": 3000},
        "flush": 1.5,
        "storage": {"maxChunksUp": 4},
        "refreshInterval": 1.5,
        "bufferMaxSize": "2M",
    }
    made = agent_config({"sidecar": {"logLevel": "debug", "drainSeconds": 3, "fluentBit": settings}})["sidecar"]
    service, [tail] = made["service"], tails(made["pipeline"])
    assert (service["http_server"], service["http_listen"], service["http_port"]) == (True, "::", 3000)
    assert (service["log_level"], service["flush"], service["storage.max_chunks_up"]) == ("debug", 1.5, 4)
    assert service["storage.path"] == "/var/lib/log-sidecar/sidecar/chunks"
    assert tail["buffer_max_size"] == "2M"


@pytest.mark.parametrize(
    ("seconds", "interval"),
    [(0.25, "0.250000000"), (0.05, "0.050000000"), (1, "1.000000000"), (1.5, "1.500000000")],
)
def test_refresh_interval_has_nine_decimals(agent_config: Configs, seconds: float, interval: str) -> None:
    """The interval has nine decimals, as Fluent Bit reads decimals as nanoseconds and would loop with fewer."""
    values = {"sidecar": {"drainSeconds": 3, "fluentBit": {"refreshInterval": seconds}}}
    [tail] = tails(agent_config(values)["sidecar"]["pipeline"])
    assert tail["refresh_interval"] == interval


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({}, "/var/log/app/app.log-*,/var/log/app/app.log.*,/var/log/app/app.log"),
        ({"rotation": "rename"}, "/var/log/app/app.log-*,/var/log/app/app.log.*,/var/log/app/app.log"),
        ({"rotation": "copytruncate"}, "/var/log/app/app.log"),
        ({"path": "/var/log/app/*.log"}, "/var/log/app/*.log-*,/var/log/app/*.log.*,/var/log/app/*.log"),
        ({"rotated": ["/var/log/app/app-*.log"]}, "/var/log/app/app-*.log,/var/log/app/app.log"),
    ],
    ids=["default", "rename", "copytruncate", "glob", "own-rotated-names"],
)
def test_rotated_names_are_read_only_when_rotation_renames(
    agent_config: Configs, fields: dict[str, Any], path: str
) -> None:
    """A renamed file is read before the new one; a copy is not read."""
    [tail] = tails(agent_config(with_files(app_file(**fields)))["sidecar"]["pipeline"])
    assert tail["path"] == path


def test_another_file_is_not_taken_for_a_rotated_one(agent_config: Configs) -> None:
    """`app.log.err` matches the rotated names of `app.log`, but only its own input reads it."""
    files = [
        app_file(),
        {"name": "err", "path": "/var/log/app/app.log.err"},
        {"name": "b", "path": "/var/log/app/b.log"},
    ]
    first, second, third = tails(agent_config(with_files(*files))["sidecar"]["pipeline"])
    assert first["exclude_path"] == "*.gz,*.zip,*.bz2,*.xz,*.zst,/var/log/app/app.log.err*"
    assert second["exclude_path"] == third["exclude_path"] == "*.gz,*.zip,*.bz2,*.xz,*.zst"


def test_label_is_put_before_each_line(agent_config: Configs) -> None:
    """With `fileLabel`, each input adds the name of its file, and the output prints it."""
    made = agent_config(with_files(app_file(), {"name": "b", "path": "/var/log/app/b.log"}, fileLabel=True))["sidecar"]
    processors = [tail["processors"] for tail in tails(made["pipeline"])]
    assert processors == [{"logs": [{"name": "record_modifier", "record": [f"file {name}"]}]} for name in ("app", "b")]
    assert [out["template"] for out in made["pipeline"]["outputs"]] == ["{file}: {log}"]


@pytest.mark.parametrize(
    ("values", "counted"),
    [
        ({}, False),
        ({"sidecar": {"state": {"medium": "Memory"}}}, False),
        ({"sidecar": {"state": {"medium": ""}}}, True),
        ({"logs": {"volume": {"type": "persistentVolumeClaim"}}}, True),
    ],
    ids=["auto", "memory", "disk", "claim"],
)
def test_lines_are_counted_before_they_go_to_a_disk(
    agent_config: Configs, values: Mapping[str, Any], counted: bool
) -> None:
    """With state on a disk, which can be full, a processor counts lines; in memory there is none."""
    [tail] = tails(agent_config(values)["sidecar"]["pipeline"])
    assert tail.get("processors") == ({"logs": [{"name": "record_modifier"}]} if counted else None)


@pytest.mark.parametrize("preset", ["go", "java", "python", "ruby"])
def test_lines_of_a_record_are_joined_by_a_processor(agent_config: Configs, preset: str) -> None:
    """Lines of a record are joined for their file only, before they are stored, and printed on one line."""
    files = [app_file(multiline=preset), {"name": "b", "path": "/var/log/app/b.log"}]
    made = agent_config(with_files(*files))["sidecar"]
    app, other = tails(made["pipeline"])
    assert app["processors"]["logs"] == [
        {
            "name": "multiline",
            "alias": "records-of-app",
            "multiline.key_content": "log",
            "multiline.parser": "records-of-app",
            "mode": "parser",
            "buffer": True,
            "flush_ms": 500,
            "emitter_name": "records-of-app-emitter",
        }
    ]
    assert "processors" not in other
    [parser] = made["multiline_parsers"]
    assert {rule["next_state"].partition("/")[0] for rule in parser["rules"]} == {preset}
    [one_line] = made["pipeline"]["filters"]
    assert (one_line["name"], one_line["match"], one_line["call"]) == ("lua", "app", "one_line")


def test_lines_are_converted_before_they_are_joined(agent_config: Configs) -> None:
    """The characters of the encoding, without those that Fluent Bit would expand, come before other processors."""
    [app] = tails(agent_config(with_files(app_file(multiline="java", encoding="windows-1252")))["sidecar"]["pipeline"])
    decode, join = app["processors"]["logs"]
    assert (decode["name"], decode["call"], join["name"]) == ("lua", "decode", "multiline")
    assert "äåæçèé" in decode["code"]
    assert "${" not in decode["code"]


@pytest.mark.parametrize("preset", ["docker", "cri"])
def test_split_lines_are_joined_by_the_input(agent_config: Configs, preset: str) -> None:
    """The input joins the partial lines of a container runtime."""
    pipeline = agent_config(with_files(app_file(multiline=preset)))["sidecar"]["pipeline"]
    assert [tail["multiline.parser"] for tail in tails(pipeline)] == [preset]
    assert [one["name"] for one in pipeline["filters"]] == ["lua"]


@pytest.mark.parametrize("separator", ["\\n", " | "])
def test_separator_of_joined_lines(agent_config: Configs, separator: str) -> None:
    """The separator of joined lines comes from the values, and reaches the filter unchanged."""
    values = with_files(app_file(multiline="go"))
    values["logs"]["multilineSeparator"] = separator
    [code] = [one["code"] for one in agent_config(values)["sidecar"]["pipeline"]["filters"] if one["name"] == "lua"]
    assert f'line:gsub("\\r?\\n", {json.dumps(separator)})' in code


def test_without_multiline_there_is_no_filter(agent_config: Configs) -> None:
    """Without `multiline`, there is no filter."""
    assert "filters" not in agent_config()["sidecar"]["pipeline"]


def test_every_option_is_one_that_fluent_bit_has(agent_config: Configs, chart: Any) -> None:
    """Fluent Bit has every option; it only warns about unknown ones."""
    table = chart.parents[1] / OPTIONS
    if not table.exists():
        pytest.skip("needs the table of Fluent Bit's options, ../shared/data/fluent-bit-5.1.1-options.json")
    known = json.loads(table.read_text(encoding="utf-8"))
    made = agent_config(with_files(app_file(multiline="go"), fileLabel=True))["sidecar"]["pipeline"]
    for section in ("inputs", "filters", "outputs"):
        for plugin in made[section]:
            unknown = set(plugin) - set(known[section][plugin["name"]]) - {"name", "processors"}
            assert unknown == set(), plugin["name"]


def test_changed_configuration_makes_new_pods(install: Callable[..., Manifests]) -> None:
    """The pod's checksum changes with the sidecar's configuration, and with nothing else."""

    def checksum(values: Mapping[str, Any] | None = None) -> str:
        annotations = install(values).one("Deployment")["spec"]["template"]["metadata"]["annotations"]
        found: str = annotations["checksum/sidecar"]
        return found

    assert checksum({"sidecar": {"logLevel": "debug"}}) != checksum()
    assert checksum({"app": {"replicas": 3}}) == checksum()
