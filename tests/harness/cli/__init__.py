"""The commands of `python -m harness`, the demo among them."""
