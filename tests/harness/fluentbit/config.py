"""Parses a configuration in YAML or the classic format."""

import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from harness.errors import HarnessError

# Sections by their name in the classic format; Fluent Bit silently ignores any other.
_CLASSIC = {
    "service": "service",
    "input": "input",
    "filter": "filter",
    "output": "output",
    "parser": "parser",
    "multiline_parser": "multiline_parser",
    "custom": "custom",
    "plugins": "plugins",
    "stream_task": "stream_task",
}
_YAML = {
    "customs",
    "env",
    "extensions",
    "includes",
    "multiline_parsers",
    "parsers",
    "pipeline",
    "plugins",
    "service",
    "stream_processor",
    "upstream_servers",
}
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


class ConfigError(HarnessError):
    """Text that Fluent Bit rejects or misinterprets; the message names the place."""


@dataclass(frozen=True)
class Plugin:
    """One input, filter or output.

    Attributes:
        kind: ``input``, ``filter`` or ``output``.
        number: index among the plugins of its kind, from 0.
        options: options by lowercase name; a repeated option is a list.
    """

    kind: str
    number: int
    options: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The plugin's name, for example ``tail``."""
        return self.get("name").lower()

    def get(self, option: str, default: str = "") -> str:
        """Return an option as text; the first if repeated."""
        value = self.options.get(option, default)
        return _text(value[0] if isinstance(value, list) and value else value)

    def all(self, option: str) -> list[str]:
        """Return all values of an option as text."""
        value = self.options.get(option, [])
        return [_text(one) for one in (value if isinstance(value, list) else [value])]

    def __str__(self) -> str:
        return f"{self.kind} {self.get('alias') or f'{self.name}.{self.number}'}"


@dataclass
class Config:
    """A configuration.

    Attributes:
        service: the service section, by lowercase name.
        plugins: inputs, filters and outputs, in order.
        parsers: parsers that the configuration defines, with their regular expressions, if any.
        multiline_parsers: names of the multiline parsers that the configuration defines.
        unset: variables without a value.
        odd: parts that Fluent Bit silently ignores.
    """

    service: dict[str, Any] = field(default_factory=dict)
    plugins: list[Plugin] = field(default_factory=list)
    parsers: dict[str, str] = field(default_factory=dict)
    multiline_parsers: set[str] = field(default_factory=set)
    unset: set[str] = field(default_factory=set)
    odd: list[str] = field(default_factory=list)

    @property
    def inputs(self) -> list[Plugin]:
        """The inputs, in order."""
        return [plugin for plugin in self.plugins if plugin.kind == "input"]

    @property
    def filters(self) -> list[Plugin]:
        """The filters, in order."""
        return [plugin for plugin in self.plugins if plugin.kind == "filter"]

    @property
    def outputs(self) -> list[Plugin]:
        """The outputs, in order."""
        return [plugin for plugin in self.plugins if plugin.kind == "output"]

    def _add(self, kind: str, options: dict[str, Any]) -> None:
        if kind == "service":
            self.service |= options
        elif kind == "parser":
            self.parsers[_text(options.get("name", ""))] = _text(options.get("regex", ""))
        elif kind == "multiline_parser":
            self.multiline_parsers.add(_text(options.get("name", "")))
        elif kind in ("input", "filter", "output"):
            number = sum(plugin.kind == kind for plugin in self.plugins)
            self.plugins.append(Plugin(kind, number, options))


def parse(text: str, *, files: Mapping[str, str] | None = None, environment: Mapping[str, str] | None = None) -> Config:
    """Parse a configuration.

    Args:
        text: the configuration; classic if it starts with a section header, else YAML.
        files: content of included files and of ``parsers_file``, by file name.
        environment: values of ``${NAME}``.

    Raises:
        ConfigError: Fluent Bit would not start with the configuration.
    """
    config = Config()
    reader = _Reader(config, files or {}, dict(environment or {}))
    reader.read(text)
    for name in reader.texts(config.service.get("parsers_file", [])):
        known = reader.file(name)
        if known is not None:
            reader.read(known)
    return config


@dataclass
class _Reader:
    config: Config
    files: Mapping[str, str]
    environment: dict[str, str]

    def read(self, text: str) -> None:
        classic = re.search(r"^(\[|@SET|@INCLUDE)", text, re.MULTILINE | re.IGNORECASE)
        if classic:
            self._classic(text)
        else:
            self._yaml(text)

    def file(self, path: str) -> str | None:
        return self.files.get(re.split(r"[/\\]", path)[-1])

    def texts(self, value: Any) -> list[str]:
        return [_text(one) for one in (value if isinstance(value, list) else [value])]

    def _include(self, path: str) -> None:
        found = self.file(path)
        if found is None:
            raise ConfigError(f"the included file {path} does not exist")
        self.read(found)

    def _classic(self, text: str) -> None:
        kind, indent = "", ""
        options: dict[str, Any] = {}
        for number, raw in enumerate(text.splitlines(), 1):
            line = raw.rstrip("\r")
            if not line.strip() or line.startswith("#"):
                continue
            if line.startswith(("@", "[")):
                self.config._add(kind, options)
                kind, options = "", {}
                if line.startswith("["):
                    kind = self._header(line, number)
                elif line.upper().startswith("@INCLUDE "):
                    self._include(line[9:])
                elif match := re.match(r"@SET\s+([^=]+)=(.*)", line, re.IGNORECASE):
                    self.environment[match[1]] = match[2]
                continue
            start = line[: len(line) - len(line.lstrip(" \t"))]
            indent = indent or start or " "
            if start != indent:
                raise ConfigError(f"line {number} is not indented like the first one: {line.strip()!r}")
            if line.strip().startswith("#"):
                continue
            key, _, value = line.strip().partition(" ")
            if not value.strip():
                raise ConfigError(f"line {number}: {key} has no value")
            _put(options, key.lower(), self._expanded(value.strip()))
        self.config._add(kind, options)

    def _header(self, line: str, number: int) -> str:
        if "]" not in line:
            raise ConfigError(f"line {number}: the section header {line!r} is not closed")
        name = line[1 : line.index("]")]
        if name.lower() not in _CLASSIC:
            bare = name.strip().lower() in _CLASSIC
            hint = f"; write [{name.strip().upper()}]" if bare else ""
            self.config.odd.append(f"line {number}: the section [{name}] is ignored{hint}")
            return "other"
        return _CLASSIC[name.lower()]

    def _yaml(self, text: str) -> None:
        try:
            document = yaml.load(text, Loader=_Loader)
        except yaml.YAMLError as error:
            raise ConfigError(f"invalid YAML: {error}") from error
        if not isinstance(document, dict):
            raise ConfigError("the configuration is not a mapping")
        for name in sorted(set(document) - _YAML):
            raise ConfigError(f"there is no section {name}")
        env = document.get("env") or {}
        self.environment |= {str(key): _text(value) for key, value in env.items()}
        for path in document.get("includes") or []:
            self._include(path)
        pipeline = document.get("pipeline") or {}
        for name in sorted(set(pipeline) - {"inputs", "filters", "outputs"}):
            raise ConfigError(f"there is no section pipeline.{name}")
        self.config._add("service", self._lowered(document.get("service") or {}))
        for kind in ("parser", "multiline_parser"):
            for options in document.get(f"{kind}s") or []:
                self.config._add(kind, self._lowered(options))
        for kind in ("input", "filter", "output"):
            for options in pipeline.get(f"{kind}s") or []:
                self.config._add(kind, self._lowered(options))

    def _lowered(self, options: Mapping[str, Any]) -> dict[str, Any]:
        return {str(key).lower(): self._expanded(value) for key, value in options.items()}

    def _expanded(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._expanded(one) for one in value]
        if isinstance(value, dict):
            return {key: self._expanded(one) for key, one in value.items()}
        return _VARIABLE.sub(self._variable, value) if isinstance(value, str) else value

    def _variable(self, match: re.Match[str]) -> str:
        if match[1] not in self.environment:
            self.config.unset.add(match[1])
        return self.environment.get(match[1], "")


class _Loader(yaml.CSafeLoader):
    """YAML that rejects repeated keys: Fluent Bit would use one of the two."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        mapping = super().construct_mapping(node, deep=deep)
        if len(mapping) != len(node.value):
            raise ConfigError(f"a key appears twice in one mapping:\n{node.start_mark}")
        return mapping


def _put(options: dict[str, Any], key: str, value: str) -> None:
    if key not in options:
        options[key] = value
    elif isinstance(options[key], list):
        options[key].append(value)
    else:
        options[key] = [options[key], value]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
