"""Generates committed files."""

from pathlib import Path

from harness.generate import options, outputs, schemas, templates

__all__ = ["generate"]


def generate(root: Path, *, check: bool = False) -> list[Path]:
    """Write the charts' copies of shared files, and the references of outputs and options.

    Args:
        root: the checkout.
        check: do not write files.

    Returns:
        The files that changed or, with ``check``, would change; sorted.
    """
    changed: dict[Path, str | None] = {**templates.copies(root / "charts"), **schemas.stale(root / "charts")}
    if (root / "charts" / "shared" / "outputs.yaml").exists():
        changed |= {**outputs.stale_page(root), **options.stale(root)}
    if not check:
        for path, text in changed.items():
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
    return sorted(changed)
