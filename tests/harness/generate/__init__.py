"""Generates committed files."""

from pathlib import Path

from harness.generate import environments, files, options, outputs, schemas, templates

__all__ = ["generate"]


def generate(root: Path, *, check: bool = False) -> list[Path]:
    """Write the charts' copies of shared files, and the references of outputs and options.

    Args:
        root: the checkout.
        check: do not write files.

    Returns:
        The files that changed or, with ``check``, would change; sorted.
    """
    charts = root / "charts"
    types = outputs.load(charts / "shared")
    wanted: dict[Path, str | None] = {**templates.copies(charts, types), **schemas.schemas(charts, types)}
    if types["types"]:
        wanted |= {**outputs.reference(root, types), **options.reference(root), **environments.reference(root)}
    return files.write(wanted, check=check)
