"""Converts boards to Grafana's JSON, with Grafana's SDK."""

import json
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.builders import bargauge, cloudwatch, common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import cloudwatch as cloudwatch_model
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import prometheus as prometheus_model

from eks_observability.dashboards.model import FILES, INTERVAL, Board, CloudWatch, Panel, Query, Variable

TAG = "eks-observability-charts"

# A variable: a dashboard that names a data source by its uid works in only one Grafana.
_PROMETHEUS = model.DataSourceRef("prometheus", "${datasource}")
_CLOUDWATCH = model.DataSourceRef("cloudwatch", "${cloudwatch}")
_ALL = model.VariableOption(selected=True, text=["All"], value=["$__all"])
_Builder = stat.Panel | table.Panel | bargauge.Panel | timeseries.Panel


def as_json(board: Board) -> str:
    """Return a dashboard in Grafana's import format.

    Args:
        board: the dashboard.

    Returns:
        Deterministic JSON with a final newline.
    """
    text = json.dumps(_dashboard(board).build(), cls=JSONEncoder, indent=1, sort_keys=True, ensure_ascii=False)
    return text + "\n"


def write(boards: tuple[Board, ...], *, check: bool = False, folder: Path = FILES) -> list[Path]:
    """Write the JSON of each dashboard, and delete files of removed dashboards.

    Args:
        boards: the dashboards.
        check: write nothing.
        folder: folder of the files.

    Returns:
        The files that changed or, with `check`, would change.
    """
    wanted = {folder / f"{board.uid}.json": as_json(board) for board in boards}
    changed = [path for path in sorted(folder.glob("*.json")) if path not in wanted]
    if not check:
        folder.mkdir(parents=True, exist_ok=True)
        for path in changed:
            path.unlink()
    for path, text in wanted.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            changed.append(path)
            if not check:
                path.write_text(text, encoding="utf-8")
    return changed


def _dashboard(board: Board) -> dashboard.Dashboard:
    built = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags([TAG, "eks"])
        .editable()
        .timezone("browser")
        .time("now-6h", "now")
        .refresh("1m")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("Others")
            .type(model.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    )
    if any(panel.source == "cloudwatch" for panel in board.panels):
        built = built.with_variable(dashboard.DatasourceVariable("cloudwatch").label("CloudWatch").type("cloudwatch"))
    for variable in board.variables:
        built = built.with_variable(_variable(variable))
    identifier = 0
    for row in board.rows:
        identifier += 1
        built = built.with_row(dashboard.Row(row.title).id(identifier))
        for panel in row.panels:
            identifier += 1
            built = built.with_panel(_panel(panel, identifier))
    return built


def _variable(variable: Variable) -> dashboard.QueryVariable | dashboard.TextBoxVariable:
    if not variable.metric:
        return dashboard.TextBoxVariable(variable.name).label(variable.label).default_value(variable.values)
    return (
        dashboard.QueryVariable(variable.name)
        .label(variable.label)
        .datasource(_PROMETHEUS)
        # `refId` marks the query as the plugin's own, not as one from before version 9.
        .query({"query": f"label_values({variable.metric}, {variable.values})", "refId": "Variable"})
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.NATURAL_ASC)
        .multi(True)
        .include_all(True)
        # Also matches series without the label: a server without remote write has no `cluster`.
        .all_value(".*")
        .current(_ALL)
    )


def _panel(panel: Panel, identifier: int) -> _Builder:
    built = _drawn(panel).id(identifier).title(panel.title).unit(panel.unit).span(panel.width).height(panel.height)
    built = built.datasource(_CLOUDWATCH if panel.source == "cloudwatch" else _PROMETHEUS)
    if panel.description:
        built = built.description(panel.description)
    if panel.top is not None:
        built = built.min(0).max(panel.top)
    queries: tuple[Query | CloudWatch, ...] = panel.queries
    for letter, query in zip("ABCDEFGH", queries, strict=False):
        built = built.with_target(_target(query, letter, panel.kind))
    return built.thresholds(_thresholds(panel))


def _drawn(panel: Panel) -> _Builder:
    if panel.kind == "stat":
        return (
            stat.Panel()
            .graph_mode(common_model.BigValueGraphMode.AREA)
            .color_mode(common_model.BigValueColorMode.VALUE)
            .reduce_options(_newest())
        )
    if panel.kind == "bars":
        return bargauge.Panel().orientation(common_model.VizOrientation.HORIZONTAL).reduce_options(_newest())
    if panel.kind == "table":
        return table.Panel().with_transformation(
            model.DataTransformerConfig(id_val="organize", options={"excludeByName": {"Time": True}})
        )
    graph = (
        timeseries.Panel()
        .legend(
            common.VizLegendOptions()
            .display_mode(common_model.LegendDisplayMode.LIST)
            .placement(common_model.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .tooltip(
            common.VizTooltipOptions()
            .mode(common_model.TooltipDisplayMode.MULTI)
            .sort(common_model.SortOrder.DESCENDING)
        )
        .show_points(common_model.VisibilityMode.NEVER)
        .fill_opacity(10)
    )
    if panel.kind == "stacked":
        graph = graph.fill_opacity(40).stacking(common.StackingConfig().mode(common_model.StackingMode.NORMAL))
    return graph


def _newest() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"])


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    steps = [model.Threshold(value=None, color="green")]
    if panel.warn is not None:
        steps.append(model.Threshold(value=panel.warn, color="orange"))
    if panel.alarm is not None:
        steps.append(model.Threshold(value=panel.alarm, color="red"))
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def _target(query: Query | CloudWatch, letter: str, kind: str) -> Any:
    if isinstance(query, CloudWatch):
        return (
            cloudwatch.CloudWatchMetricsQuery()
            .ref_id(letter)
            .datasource(_CLOUDWATCH)
            .query_mode(cloudwatch_model.CloudWatchQueryMode.METRICS)
            .metric_query_type(cloudwatch_model.MetricQueryType.SEARCH)
            .metric_editor_mode(cloudwatch_model.MetricEditorMode.CODE)
            .region("default")
            .expression(query.expression)
            .label(query.legend)
            .period("300")
        )
    target = (
        prometheus.Dataquery()
        .ref_id(letter)
        .datasource(_PROMETHEUS)
        .expr(query.expr)
        .editor_mode(prometheus_model.QueryEditorMode.CODE)
    )
    if kind in ("table", "bars"):
        newest = target.instant().legend_format(query.legend or "__auto")
        return newest.format(prometheus_model.PromQueryFormat.TABLE) if kind == "table" else newest
    return target.range().interval(INTERVAL).legend_format(query.legend or "__auto")
