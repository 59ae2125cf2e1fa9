"""docs/options.md maps values to the program options that their comments name."""

from pathlib import Path

from harness.generate import files, options

ROOT = Path(__file__).parents[2]
VALUES = """\
# Logs ----
logs:
  # -- How often to scan, in seconds (`refresh_interval`).
  refreshInterval: 5
  # -- (string) Levels, in order of
  # verbosity | detail (`log_level`, `--log.level`).
  level: info
  # -- Enable it (requires `mode: host`).
  enabled: true
  # -- Limit (`limit`); above it, records are dropped.
  limit: 5
  plain: 1
"""


def test_comments_that_end_with_an_option_are_listed(tmp_path: Path) -> None:
    """Only a value whose comment ends with option names is listed, without the names and the type of the value."""
    (tmp_path / "values.yaml").write_text(VALUES)
    assert options.options(tmp_path / "values.yaml") == [
        ("logs.refreshInterval", "`refresh_interval`", "How often to scan, in seconds."),
        ("logs.level", "`log_level`, `--log.level`", "Levels, in order of verbosity | detail."),
    ]


def test_page_has_a_table_for_each_chart(tmp_path: Path) -> None:
    """The page has a section for each chart, escapes the separator of cells, and is stale until it is written."""
    for chart in ("a", "b"):
        (tmp_path / "charts" / chart).mkdir(parents=True)
        (tmp_path / "charts" / chart / "values.yaml").write_text(VALUES)
    ((file, text),) = options.reference(tmp_path).items()
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## a", "## b"]
    assert "| `logs.level` | `log_level`, `--log.level` | Levels, in order of verbosity \\| detail. |" in text
    assert files.write({file: text}, check=True) == [file]
    assert files.write({file: text}) == [file]
    assert files.write(options.reference(tmp_path), check=True) == []


def test_every_chart_names_options() -> None:
    """Each chart's values name options of its programs, such as those of the HTTP server of Fluent Bit."""
    ports = {
        "fluent-bit-windows": "httpServer.port",
        "log-sidecar": "sidecar.fluentBit.refreshInterval",
        "observability-stack": "logs.httpServer.port",
    }
    listed = {
        chart: {each.value for each in options.options(ROOT / "charts" / chart / "values.yaml")} for chart in ports
    }
    assert {chart for chart, value in ports.items() if value not in listed[chart]} == set()
