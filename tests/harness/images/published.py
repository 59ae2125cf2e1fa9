"""Compares the images that charts list with their registries: platforms, newer tags, digests. Runs the real `crane`."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import tools
from harness.errors import HarnessError
from harness.render.manifests import load_yaml

# Builds of Windows by the year in an image's name, as `os.version` of a manifest has them. Source:
# https://learn.microsoft.com/virtualization/windowscontainers/deploy-containers/version-compatibility
_BUILDS = {"2019": "10.0.17763", "2022": "10.0.20348", "2025": "10.0.26100"}
# Versions in a tag; a number alone is a year or part of a name. The last part is of the CloudWatch agent.
_VERSION = re.compile(r"\d+(?:\.\d+)+(?:b\d+)?")


@dataclass(frozen=True)
class Listed:
    """An image in the annotation `artifacthub.io/images` of a chart.

    Attributes:
        chart: name of the chart.
        name: name of the entry; ends with the year of the build for Windows.
        image: the image, with its tag.
        platforms: what the chart promises, for example ``linux/arm64``.
    """

    chart: str
    name: str
    image: str
    platforms: tuple[str, ...]


@dataclass(frozen=True)
class Published:
    """What a registry has of an image.

    Attributes:
        digest: digest of the image of all platforms.
        platforms: the platforms; those of Windows with the build, for example ``windows/amd64 10.0.20348``.
        newer: newer tags of the same kind, oldest first.
    """

    digest: str
    platforms: frozenset[str]
    newer: tuple[str, ...]


def listed(chart: Path) -> list[Listed]:
    """Return the images that a chart lists for Artifact Hub.

    Args:
        chart: the chart's folder.
    """
    metadata = load_yaml((chart / "Chart.yaml").read_text(encoding="utf-8"))
    entries = load_yaml(metadata["annotations"]["artifacthub.io/images"])
    return [Listed(chart.name, entry["name"], entry["image"], tuple(entry["platforms"])) for entry in entries]


def published(image: str) -> Published:
    """Ask an image's registry.

    Args:
        image: the image, with its tag.

    Raises:
        HarnessError: the registry does not answer, or has no such image.
    """
    repository, _, tag = image.rpartition(":")
    manifest = json.loads(_crane("manifest", image))
    if "manifests" in manifest:
        platforms = [_platform(entry["platform"]) for entry in manifest["manifests"] if "platform" in entry]
    else:
        platforms = [_platform(json.loads(_crane("config", image)))]
    return Published(
        _crane("digest", image), frozenset(platforms), tuple(newer(tag, _crane("ls", repository).splitlines()))
    )


def faults(image: Listed, found: Published) -> list[str]:
    """Return what a chart promises and the registry does not have, one sentence for each platform."""
    missing = [platform for platform in image.platforms if not _has(platform, image.name, found.platforms)]
    return [f"{image.chart}: {image.image} has no {platform}, which Chart.yaml lists" for platform in missing]


def newer(tag: str, tags: list[str]) -> list[str]:
    """Return the tags that differ from a tag in higher versions only, oldest first.

    Args:
        tag: the tag, for example ``v3.14.0``.
        tags: all tags of the repository.
    """

    def numbers(text: str) -> list[int]:
        return [int(number) for version in _VERSION.findall(text) for number in re.findall(r"\d+", version)]

    alike = [other for other in tags if _VERSION.split(other) == _VERSION.split(tag)]
    return sorted((other for other in alike if numbers(other) > numbers(tag)), key=numbers)


def pins(chart: Path) -> dict[str, Any]:
    """Return values that pin the digest of each default image that a chart lists under its exact name.

    Images of Windows have a tag for each build of the nodes, which one digest cannot replace.

    Args:
        chart: the chart's folder.

    Raises:
        HarnessError: a registry does not answer.
    """
    names = {entry.image for entry in listed(chart)}
    return _pinned(load_yaml((chart / "values.yaml").read_text(encoding="utf-8")), names)


def _pinned(values: Any, names: set[str]) -> dict[str, Any]:
    pinned: dict[str, Any] = {}
    for key, value in values.items() if isinstance(values, dict) else ():
        if key == "image" and (name := f"{value['registry']}/{value['repository']}:{value['tag']}") in names:
            pinned[key] = {"digest": _crane("digest", name)}
        elif key != "image" and (below := _pinned(value, names)):
            pinned[key] = below
    return pinned


def _platform(data: dict[str, Any]) -> str:
    name = "/".join(data[key] for key in ("os", "architecture", "variant") if data.get(key))
    return f"{name} {data.get('os.version', '')}".strip()


def _has(platform: str, name: str, found: frozenset[str]) -> bool:
    build = _BUILDS.get(name.rpartition("-")[2], "") if platform.startswith("windows/") else ""
    # The registry may add the variant, as in linux/arm64/v8.
    return any(re.match(rf"{re.escape(platform)}(/v8)?( {re.escape(build)}|$)", other) for other in found)


def _crane(*arguments: str) -> str:
    done = subprocess.run([tools.path("crane"), *arguments], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        reason = re.sub(r"^Error: (fetching \w+ \S+: )?", "", done.stderr.strip().splitlines()[-1])
        raise HarnessError(f"{arguments[-1]}: {reason}")
    return done.stdout.strip()
