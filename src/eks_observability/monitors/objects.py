"""Reads Kubernetes objects from manifests, Helm renders and the output of kubectl."""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

import yaml

from eks_observability.errors import CommandError

GROUP = "monitoring.coreos.com"
# The name of most objects in Kubernetes.
NAME = re.compile(r"(?=.{1,253}$)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
KINDS = ("ServiceMonitor", "PodMonitor", "Probe", "ScrapeConfig", "PrometheusRule")


@dataclass(frozen=True)
class Object:
    """A monitor or rule.

    Attributes:
        kind: one of `KINDS`.
        namespace: its namespace.
        name: its name.
        content: the object as parsed.
    """

    kind: str
    namespace: str
    name: str
    content: Mapping[str, Any] = field(compare=False)

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass
class Objects:
    """Everything of interest in the input.

    Attributes:
        monitors: by kind, in the order of `KINDS`, then by namespace and name.
        classes: scrape classes of Prometheus objects by name; the default one is also at an empty name.
        data: the values of Secrets and ConfigMaps by kind, namespace, name and key.
    """

    monitors: list[Object] = field(default_factory=list)
    data: dict[tuple[str, str, str, str], str] = field(default_factory=dict)
    classes: dict[str, Mapping[str, Any]] = field(default_factory=dict)


def read(files: Iterable[IO[str]], namespace: str) -> Objects:
    """Read objects; those of other kinds are skipped.

    Args:
        files: YAML or JSON with any number of documents, which can be lists.
        namespace: namespace of objects that name none.

    Raises:
        CommandError: a file is no YAML, has no object, or has two monitors of one kind with the same name.
    """
    objects = Objects()
    found: dict[tuple[int, str, str], Object] = {}
    for file in files:
        for item in _items(file):
            meta = item.get("metadata")
            meta = meta if isinstance(meta, Mapping) else {}
            kind, name = str(item.get("kind")), str(meta.get("name") or "")
            place = str(meta.get("namespace") or namespace)
            if kind in ("Secret", "ConfigMap"):
                objects.data |= {(kind, place, name, key): value for key, value in _data(item)}
            elif kind in ("Prometheus", "PrometheusAgent"):
                _add_classes(objects, item)
            elif kind in KINDS and str(item.get("apiVersion", "")).startswith(f"{GROUP}/"):
                one = Object(kind, place, name, item)
                if not name:
                    raise CommandError(f"{file.name}: a {kind} has no metadata.name: set it")
                if not NAME.fullmatch(name) or not NAME.fullmatch(place):
                    raise CommandError(f"{file.name}: {one} is no name of an object in Kubernetes: correct it")
                key = (KINDS.index(kind), place, name)
                if key in found:
                    raise CommandError(f"{one} is in the input twice: remove one, or set --namespace per input")
                found[key] = one
    objects.monitors = [one for _, one in sorted(found.items())]
    return objects


def _items(file: IO[str]) -> Iterator[Mapping[str, Any]]:
    try:
        documents = list(yaml.load_all(file, Loader=yaml.CSafeLoader))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CommandError(f"{file.name} is no YAML: {' '.join(str(error).split())}") from error
    for document in documents:
        if document is None:
            continue
        if not isinstance(document, Mapping) or "kind" not in document:
            raise CommandError(
                f"{file.name} has a document without `kind`: pass Kubernetes objects, for example the output of "
                "`helm template` or `kubectl get servicemonitors,podmonitors --all-namespaces -o yaml`"
            )
        items = document.get("items")
        if isinstance(items, list) and str(document["kind"]).endswith("List"):
            yield from (_with_kind(item, document) for item in items if isinstance(item, Mapping))
        else:
            yield document


def _add_classes(objects: Objects, item: Mapping[str, Any]) -> None:
    spec = item.get("spec")
    for one in (spec.get("scrapeClasses") or []) if isinstance(spec, Mapping) else []:
        if not isinstance(one, Mapping) or not one.get("name"):
            raise CommandError(f"a {item['kind']} has a scrape class without a name: set it")
        for name in [str(one["name"]), *([""] if one.get("default") else [])]:
            if objects.classes.setdefault(name, one) != one:
                what = f"the scrape class {name}" if name else "the default scrape class"
                raise CommandError(f"{what} is defined twice: pass one Prometheus object")


def _with_kind(item: Mapping[str, Any], listed: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return an item of a typed list, for example a ServiceMonitorList, with the type that it leaves out."""
    kind = str(listed["kind"]).removesuffix("List")
    return {"apiVersion": listed.get("apiVersion"), "kind": kind, **item} if kind else item


def _data(item: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    plain = item.get("stringData" if item["kind"] == "Secret" else "data")
    if item["kind"] == "Secret":
        encoded = item.get("data")
        for key, value in (encoded if isinstance(encoded, Mapping) else {}).items():
            try:
                yield str(key), base64.b64decode(str(value)).decode()
            except (binascii.Error, UnicodeDecodeError):
                continue  # binary data is never a client ID
    for key, value in (plain if isinstance(plain, Mapping) else {}).items():
        yield str(key), str(value)
