"""Compiles label selectors to relabel configurations, or to selectors of Prometheus' discovery."""

import re
from collections.abc import Iterable, Iterator

from eks_observability.monitors.fields import Fields, Invalid
from eks_observability.monitors.relabeling import Step, label_name

# Names and values of labels in Kubernetes, and selectors in its requests.
_DOMAIN = r"(?:[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*/)?"
_NAME = rf"{_DOMAIN}[A-Za-z0-9](?:[-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"
_TERM = rf"(?:!?{_NAME}|{_NAME} *(?:==?|!=) *{_VALUE}|{_NAME} +(?:not)?in +\({_VALUE}(?: *, *{_VALUE})*\))"
LABEL_SELECTOR = re.compile(rf"(?: *{_TERM} *(?:, *{_TERM} *)*)?")
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


class Selector:
    """A label selector.

    Args:
        fields: the selector; None selects everything.

    Raises:
        Invalid: Kubernetes would reject it.
    """

    def __init__(self, fields: Fields | None) -> None:
        self.labels: dict[str, str] = {}
        self.expressions: list[tuple[str, str, list[str]]] = []
        if fields is None:
            return
        self.labels = fields.labels("matchLabels")
        for name, value in self.labels.items():
            _check(name, [value], fields.place("matchLabels"))
        for expression in fields.each("matchExpressions"):
            operator = expression.text("operator", *_OPERATORS) or ""
            values = expression.texts("values")
            self.expressions.append((expression.required("key"), operator, values))
            expression.done()
            _check(self.expressions[-1][0], values, expression.path)
            if operator not in _OPERATORS:
                raise Invalid(f"{expression.place('operator')} is missing: use one of {', '.join(_OPERATORS)}")
            if bool(values) != (operator in ("In", "NotIn")):
                needs = "requires at least one value" if operator in ("In", "NotIn") else "accepts no values"
                raise expression.invalid("values", f"but {operator} {needs}")
        fields.done()

    def steps(self, role: str) -> Iterator[Step]:
        """Yield relabelings that keep the selected targets.

        Args:
            role: the object with the labels: service, pod or ingress.
        """
        for name, value in sorted(self.labels.items()):
            yield _step("keep", role, name, [value])
        for name, operator, values in self.expressions:
            yield _step("keep" if operator in ("In", "Exists") else "drop", role, name, values)

    def __str__(self) -> str:
        """Return the selector as in a request to the API server."""
        parts = [(name, f"{name}={value}") for name, value in self.labels.items()]
        for name, operator, values in self.expressions:
            if operator in ("In", "NotIn"):
                parts.append((name, f"{name} {operator.lower()} ({','.join(sorted(set(values)))})"))
            else:
                parts.append((name, name if operator == "Exists" else f"!{name}"))
        return ",".join(text for _, text in sorted(parts, key=lambda part: part[0]))


def _check(name: str, values: Iterable[str], place: str) -> None:
    if not re.fullmatch(_NAME, name):
        raise Invalid(f'{place} has "{name}", which is no name of a label in Kubernetes: correct it')
    for value in values:
        if not re.fullmatch(_VALUE, value):
            raise Invalid(f'{place} has "{value}", which is no value of a label in Kubernetes: correct it')


def _step(action: str, role: str, name: str, values: list[str]) -> Step:
    meta = f"__meta_kubernetes_{role}"
    present = f"{meta}_labelpresent_{label_name(name)}"
    if not values:
        return {"action": action, "source_labels": [present], "regex": "true"}
    labels = [f"{meta}_label_{label_name(name)}", present]
    return {"action": action, "source_labels": labels, "regex": f"({'|'.join(values)});true"}


def namespaces(fields: Fields | None, own: str) -> list[str]:
    """Return the namespaces of a `namespaceSelector`; empty: all.

    Args:
        fields: the selector; None selects the object's own namespace.
        own: namespace of the object.
    """
    if fields is None:
        return [own]
    every, names = fields.flag("any"), fields.texts("matchNames")
    fields.done()
    return [] if every else names or [own]
