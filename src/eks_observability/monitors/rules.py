"""Compiles PrometheusRules to rule groups."""

from typing import Any

import promql_parser

from eks_observability.monitors.fields import Fields, Invalid, durations, given, shown
from eks_observability.monitors.objects import Object
from eks_observability.monitors.relabeling import is_label

Group = dict[str, Any]


def groups(rule: Object) -> list[Group]:
    """Compile a PrometheusRule.

    Args:
        rule: the object.

    Returns:
        Its groups, as in a rule file of Prometheus, without those that have no rules.

    Raises:
        Invalid: Prometheus would reject a group, or it has unknown fields.
    """
    # Charts write an empty spec when all of their rules are off.
    spec = Fields(rule.content.get("spec") or {}, "spec")
    found = [_group(fields) for fields in spec.each("groups")]
    spec.done()
    names = [group["name"] for group in found]
    for index, name in enumerate(names):
        if name in names[:index]:
            raise Invalid(f'spec.groups[{index}].name is "{name}", which another group has: rename it')
    return [group for group in found if group["rules"]]


def _group(fields: Fields) -> Group:
    group = {
        "name": fields.required("name"),
        **dict(durations(fields, "interval", "query_offset")),
        **given({"limit": fields.number("limit"), "labels": _labels(fields)}),
        "rules": [_rule(one) for one in fields.each("rules")],
    }
    fields.ignore("partial_response_strategy")  # of Thanos
    fields.done()
    return group


def _rule(fields: Fields) -> dict[str, Any]:
    record, alert = fields.text("record") or None, fields.text("alert") or None
    if (record is None) == (alert is None):
        raise Invalid(f"{fields.path} must have either record or alert")
    for name in ("for", "keep_firing_for", "annotations") if record else ():
        if fields.value(name):
            raise fields.invalid(name, "but a recording rule has none: remove it")
    if record and not is_label(record.replace(":", "_")):
        raise fields.invalid("record", 'which is no metric name: use letters, digits, "_" and ":"')
    rule = {
        **given({"record": record, "alert": alert}),
        "expr": _expression(fields),
        **dict(durations(fields, "for", "keep_firing_for")),
        **given({"labels": _labels(fields), "annotations": fields.labels("annotations") or None}),
    }
    for name in ("labels", "annotations"):
        for key, text in rule.get(name, {}).items():
            if text.count("{{") != text.count("}}"):
                raise Invalid(f'{fields.place(name)}.{key} is {shown(text)}: close each "{{{{" with "}}}}"')
    fields.done()
    return rule


def _expression(fields: Fields) -> str:
    found = fields.value("expr")
    if found is None or isinstance(found, bool) or not isinstance(found, str | int):
        raise fields.invalid("expr", "but must be a query")
    try:
        promql_parser.parse(str(found))
    except ValueError as error:
        raise fields.invalid("expr", f"which is no PromQL ({error}): correct it") from error
    return str(found)


def _labels(fields: Fields) -> dict[str, str] | None:
    labels = fields.labels("labels")
    for name in labels:
        if not is_label(name):
            raise Invalid(f'{fields.place("labels")} has "{name}", which is no label name: use letters, digits and "_"')
    return labels or None
