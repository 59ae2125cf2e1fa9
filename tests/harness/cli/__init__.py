"""The commands of `python -m harness`, including the demo."""
