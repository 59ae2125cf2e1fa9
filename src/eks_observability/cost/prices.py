"""The price file: each price with its unit, tiers, what is free, and where and when it was read."""

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
    """What a unit costs in a month.

    Attributes:
        unit: what is counted.
        per: how many units a price is for.
        tiers: up to how many units which price holds, in USD; the last has no bound.
        free: units that cost nothing.
        source: where it is published.
        read: when it was compared with the source.
        evidence: ``official`` when the figure was read there, ``secondary`` when others quote it.
    """

    unit: str
    per: float
    tiers: tuple[tuple[float, float], ...]
    free: float
    source: str
    read: date
    evidence: Literal["official", "secondary"]

    def of(self, quantity: float) -> float:
        """Return what a quantity costs, in USD."""
        left, below, total = max(0.0, quantity - self.free), 0.0, 0.0
        for bound, usd in self.tiers:
            part = min(left, bound - below)
            total += part / self.per * usd
            left, below = left - part, bound
        return total


@dataclass(frozen=True)
class Instance:
    """A type of node.

    Attributes:
        usd: what an hour costs on demand.
        cpu: its processors.
        memory_gib: its memory.
    """

    usd: float
    cpu: float
    memory_gib: float


@dataclass(frozen=True)
class Prices:
    """All of a price file.

    Attributes:
        region: the region that the prices are of.
        hours: of a month.
        price: the prices, by name.
        instances: types of nodes, by name.
        instances_read: source, day and evidence of their prices.
        spot_saving: the part of a node's price that spot saves, from 0 to 1.
        bytes_per_sample: what a stored sample takes.
        log_compression: stored bytes of a byte of log.
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
        """Return a type of node.

        Raises:
            CommandError: the file has no price of it.
        """
        if name not in self.instances:
            raise CommandError(
                f"there is no price of {name}; there are {', '.join(self.instances)}. Copy {DEFAULT}, "
                "add to [instance]\n"
                f'"{name}" = {{ usd = 0.0, cpu = 0, memory_gib = 0 }}\nand name the copy with --prices'
            )
        return self.instances[name]


def load(path: Path = DEFAULT) -> Prices:
    """Read a price file; ``prices.toml`` explains its fields.

    Raises:
        CommandError: it is not there, or something is missing in it.
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
        raise CommandError(f"{path} is no price file: {fault}; compare it with {DEFAULT}") from error


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
