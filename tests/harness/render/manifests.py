"""Rendered objects: a sequence with strict selection."""

import functools
import pickle
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, overload

import yaml

Object = dict[str, Any]
# Path of the pod template in each kind.
_TEMPLATES = {
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Deployment": ("spec", "template"),
    "Job": ("spec", "template"),
    "Pod": (),
    "ReplicaSet": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
}
COMPONENT_LABEL = "app.kubernetes.io/component"


class ManifestError(AssertionError):
    """Rendered text that is not a list of objects, or an ambiguous or empty selection."""


def load_yaml(text: str | bytes) -> Any:
    """Return a YAML document, like `yaml.safe_load`, but parsed by libyaml in a tenth of the time."""
    return yaml.load(text, Loader=yaml.CSafeLoader)


class _Loader(yaml.CSafeLoader):
    """YAML as Kubernetes parses it: dates are strings, and repeated keys are errors."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        # A merge key may be overridden, and PyYAML resolves it in place, so check before.
        merges = any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value)
        mapping = super().construct_mapping(node, deep=deep)
        if len(mapping) != len(node.value) and not merges:
            raise ManifestError(f"a key appears twice in one mapping:\n{node.start_mark}")
        return mapping


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for letter, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Pod:
    """A pod or a pod template.

    Attributes:
        owner: the object that contains it; for a Pod, itself.
        metadata: labels and annotations of the pods.
        spec: the pod's specification.
    """

    owner: Object
    metadata: Object
    spec: Object

    def containers(self) -> list[Object]:
        """Return all containers: init containers (including native sidecars), then the others."""
        return [*self.spec.get("initContainers", []), *self.spec.get("containers", [])]

    def __str__(self) -> str:
        return "/".join(key_of(self.owner))


# Readable data, by kind.
_DATA = {"ConfigMap": "data", "Secret": "stringData"}


class Manifests(Sequence[Object]):
    """Objects in Helm's order.

    Args:
        objects: the objects; owned by this sequence, tests may modify them.
    """

    def __init__(self, objects: Iterable[Object] = ()) -> None:
        self._objects = list(objects)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the objects of a YAML stream; each call returns fresh copies.

        Raises:
            ManifestError: a document is not an object, or has a repeated key.
            yaml.YAMLError: the text is not YAML.
        """
        return cls(pickle.loads(_pickled(text)))

    def select(
        self,
        kind: str | None = None,
        name: str | None = None,
        *,
        labels: Mapping[str, str] | None = None,
        component: str | None = None,
    ) -> "Manifests":
        """Return the objects that match all arguments; may be empty.

        Args:
            kind: the objects' kind.
            name: the object's name.
            labels: labels that the objects must have.
            component: the value of their label ``app.kubernetes.io/component``.
        """
        wanted = {**(labels or {}), **({COMPONENT_LABEL: component} if component is not None else {})}
        return Manifests(
            item
            for item in self._objects
            if kind in (None, item["kind"])
            and name in (None, item["metadata"]["name"])
            and wanted.items() <= (item["metadata"].get("labels") or {}).items()
        )

    def one(
        self,
        kind: str | None = None,
        name: str | None = None,
        *,
        labels: Mapping[str, str] | None = None,
        component: str | None = None,
    ) -> Object:
        """Return the only matching object; for the arguments, see ``select``.

        Raises:
            ManifestError: none or several match; the message lists all objects.
        """
        found = self.select(kind, name, labels=labels, component=component)
        if len(found) != 1:
            asked = {"kind": kind, "name": name, "labels": labels, "component": component}
            given = ", ".join(f"{field}={value!r}" for field, value in asked.items() if value is not None)
            there = ", ".join(sorted("/".join(key) for key in self.names())) or "nothing"
            raise ManifestError(f"{len(found)} objects match {given or 'everything'}, not 1; there is {there}")
        return found[0]

    def texts(self, name: str | None = None, *, component: str | None = None) -> dict[str, str]:
        """Return the readable data of the only matching ConfigMap or Secret, by key.

        Raises:
            ManifestError: none or several match.
        """
        item = Manifests(one for one in self.select(None, name, component=component) if one["kind"] in _DATA).one()
        return dict(item[_DATA[item["kind"]]])

    def names(self) -> set[tuple[str, str]]:
        """Return the (kind, name) of every object, for comparison with an exact set.

        Raises:
            ManifestError: two objects have the same kind, namespace and name.
        """
        seen: set[tuple[str, str, str]] = set()
        for item in self._objects:
            place = (*key_of(item), item["metadata"].get("namespace", ""))
            if place in seen:
                raise ManifestError(f"{'/'.join(key_of(item))} is rendered twice")
            seen.add(place)
        return {(kind, name) for kind, name, _ in seen}

    def pods(self) -> list[Pod]:
        """Return all pod templates and Pods."""
        return [pod for item in self._objects if (pod := pod_of(item)) is not None]

    def containers(self, name: str | None = None) -> list[Object]:
        """Return the containers of all pod templates, including init containers and native sidecars.

        Args:
            name: return only containers of this name.
        """
        every = [container for pod in self.pods() for container in pod.containers()]
        return [container for container in every if name in (None, container["name"])]

    def __iter__(self) -> Iterator[Object]:
        return iter(self._objects)

    def __len__(self) -> int:
        return len(self._objects)

    @overload
    def __getitem__(self, index: int) -> Object: ...
    @overload
    def __getitem__(self, index: slice) -> "Manifests": ...
    def __getitem__(self, index: int | slice) -> "Object | Manifests":
        if isinstance(index, slice):
            return Manifests(self._objects[index])
        return self._objects[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Manifests) and self._objects == other._objects

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        return f"Manifests({', '.join('/'.join(key_of(item)) for item in self._objects)})"


def key_of(item: Object) -> tuple[str, str]:
    """Return an object's kind and name."""
    return item["kind"], item["metadata"]["name"]


def pod_of(item: Object) -> Pod | None:
    """Return the pod template of an object; ``None`` if its kind has none."""
    where = _TEMPLATES.get(item["kind"])
    if where is None:
        return None
    template = item
    for step in where:
        template = template[step]
    return Pod(item, template.get("metadata") or {}, template["spec"])


# A copy from a pickle is fifty times faster than parsing.
@functools.lru_cache(maxsize=256)
def _pickled(text: str) -> bytes:
    objects = [document for document in yaml.load_all(text, Loader=_Loader) if document is not None]
    for item in objects:
        if not isinstance(item, dict) or not item.get("kind") or not item.get("apiVersion"):
            raise ManifestError(f"not a Kubernetes object: {item!r:.200}")
        if not (item.get("metadata") or {}).get("name"):
            raise ManifestError(f"a {item['kind']} without a name: {item!r:.200}")
    return pickle.dumps(objects)
