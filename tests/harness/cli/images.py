"""Compares the images of the charts with their registries, and prints the result."""

from collections.abc import Sequence
from pathlib import Path

import click
import yaml

from harness.errors import HarnessError
from harness.images import published


def check(charts: Sequence[Path]) -> int:
    """Print each image with its platforms and newer tags.

    Args:
        charts: the charts' folders.

    Returns:
        Exit status: 0, 1 if an image lacks a platform that its chart lists, 2 if a registry did not answer.
    """
    faults, silent = [], []
    for image in (image for chart in charts for image in published.listed(chart)):
        try:
            found = published.published(image.image)
        except HarnessError as error:
            silent.append(str(error))
            continue
        latest = f"; newer: {found.newer[-1]}" if found.newer else ""
        click.echo(f"{image.chart:20} {image.image}: {', '.join(sorted(found.platforms))}{latest}")
        faults += published.faults(image, found)
    for line in (*faults, *(f"not checked: {reason}" for reason in silent)):
        click.echo(line)
    return 1 if faults else 2 if silent else 0


def pin(charts: Sequence[Path]) -> int:
    """Print values for each chart that pin the digests of its default images.

    Args:
        charts: the charts' folders.

    Returns:
        Exit status: 0.

    Raises:
        HarnessError: a registry does not answer.
    """
    for chart in charts:
        if values := published.pins(chart):
            click.echo(f"# {chart.name}\n{yaml.safe_dump(values)}---")
    return 0
