"""Parses Kubernetes quantities, for example ``250m`` and ``1.5Gi``."""

import re
from decimal import Decimal

_QUANTITY = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([numkMGTPE]|[KMGTPE]i)?")
_POWERS = {letter: power for power, letter in enumerate("kMGTPE", start=1)} | {"m": -1, "u": -2, "n": -3}


def quantity(value: str | float) -> Decimal:
    """Return a quantity as a number: cores, or bytes.

    Args:
        value: a quantity, as documented for Kubernetes' ``resource.Quantity``.

    Raises:
        ValueError: the value is not a quantity.
    """
    found = _QUANTITY.fullmatch(str(value))
    if found is None:
        raise ValueError(f"{value!r} is not a Kubernetes quantity")
    number, suffix = Decimal(found[1]), found[2] or ""
    base, letter = (1024, suffix[0].replace("K", "k")) if suffix.endswith("i") else (1000, suffix)
    return number * Decimal(base) ** Decimal(_POWERS.get(letter, 0))
