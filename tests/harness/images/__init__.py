"""Assembles container images on this machine, for clusters that cannot pull; compares listed images with registries."""

from harness.images.assemble import STAND_INS, archive, fluent_bit, fluent_bit_legacy, missing_for, register
from harness.images.recipe import Recipe, machine_program, variable_of

__all__ = [
    "STAND_INS",
    "Recipe",
    "archive",
    "fluent_bit",
    "fluent_bit_legacy",
    "machine_program",
    "missing_for",
    "register",
    "variable_of",
]
