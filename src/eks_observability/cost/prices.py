"""The price file: each price with its unit, tiers, free tier, source and date."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from eks_observability.errors import CommandError

DEFAULT = Path(__file__).with_name("prices.toml")


@dataclass(frozen=True)
class Price:
    """The monthly price of a unit.

    Attributes:
        unit: billed unit.
        per: number of units per price.
        tiers: upper bounds in units, with the price in USD up to each bound; the last has no bound.
        free: free units per month.
        source: URL of the published price.
        read: date of the last comparison with the source.
        evidence: ``official`` if read at the source, ``secondary`` if quoted by others.
    """

    unit: str
    per: float
    tiers: tuple[tuple[float, float], ...]
    free: float
    source: str
    read: date
    evidence: Literal["official", "secondary"]

    def of(self, quantity: float) -> float:
        """Return the cost of a quantity, in USD."""
        left, below, total = max(0.0, quantity - self.free), 0.0, 0.0
        for bound, usd in self.tiers:
            part = min(left, bound - below)
            total += part / self.per * usd
            left, below = left - part, bound
        return total


@dataclass(frozen=True)
class Instance:
    """An instance type.

    Attributes:
        usd: on-demand price per hour.
        cpu: number of vCPUs.
        memory_gib: memory in GiB.
    """

    usd: float
    cpu: float
    memory_gib: float


@dataclass(frozen=True)
class Prices:
    """The content of a price file.

    Attributes:
        region: AWS region of the prices.
        hours: hours per month.
        price: prices by name.
        instances: instance types by name.
        instances_read: source, date and evidence of the instance prices.
        spot_saving: share of the node price that spot instances save, from 0 to 1.
        bytes_per_sample: size of a stored sample.
        log_compression: stored bytes per byte of log.
    """

    region: str
    hours: float
    price: Mapping[str, Price]
    instances: Mapping[str, Instance]
    instances_read: tuple[str, date, str]
    spot_saving: float
    bytes_per_sample: float
    log_compression: float

    def instance(self, name: str) -> Instance:
        """Return an instance type.

        Raises:
            CommandError: the file has no such type.
        """
        if name not in self.instances:
            raise CommandError(
                f"there is no price for {name}, only for {', '.join(self.instances)}. Copy {DEFAULT}, "
                "add to [instance]\n"
                f'"{name}" = {{ usd = 0.0, cpu = 0, memory_gib = 0 }}\nand pass the copy with --prices'
            )
        return self.instances[name]


def load(path: Path = DEFAULT) -> Prices:
    """Read a price file; ``prices.toml`` explains its fields.

    Raises:
        CommandError: the file is missing or incomplete.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        read = table["instances"]
        return Prices(
            region=table["region"],
            hours=table["hours_per_month"],
            price={name: _price(row) for name, row in table["price"].items()},
            instances={name: Instance(**row) for name, row in table["instance"].items()},
            instances_read=(read["source"], read["read"], read["evidence"]),
            **table["assumption"],
        )
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        fault = f"{type(error).__name__}: {error}"
        raise CommandError(f"{path} is not a price file: {fault}; compare it with {DEFAULT}") from error


def _price(row: dict[str, Any]) -> Price:
    tiers = row.get("tiers") or [[0, row["usd"]]]
    *bounded, (_, last) = tiers
    return Price(
        unit=row["unit"],
        per=row["per"],
        tiers=(*((float(bound), usd) for bound, usd in bounded), (float("inf"), last)),
        free=row.get("free", 0),
        source=row["source"],
        read=row["read"],
        evidence=row["evidence"],
    )
