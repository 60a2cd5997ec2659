"""What a label says."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Party:
    """Who sends or gets a package. Everything may be empty."""

    name: str = ""
    street: str = ""
    postal_code: str = ""
    city: str = ""
    country: str = ""
    phone: str = ""

    @classmethod
    def of(cls, address: Mapping[str, Any]) -> Party:
        """From an address as the delivery service speaks it."""
        said = {name: clean(address.get(name)) for name in ("street", "postal_code", "city", "country", "phone")}
        return cls(name=clean(address.get("contact_name")), **said)

    @property
    def short_lines(self) -> list[str]:
        """In three lines at most, for a sender."""
        town = " ".join(part for part in (self.postal_code, self.city) if part)
        lines = [(self.name, self.phone), (self.street,), (town, self.country)]
        return [", ".join(part for part in line if part) for line in lines if any(line)]

    @property
    def lines(self) -> list[str]:
        """As it is written on a label, a line each, without what is not known."""
        town = " ".join(part for part in (self.postal_code, self.city) if part)
        return [line for line in (self.name, self.street, town, self.country, self.phone) if line]


@dataclass(frozen=True, slots=True)
class LabelContent:
    """One package's label. `tracking_number` is empty while the carrier has not answered, `sscc` on a return; `code` is what the house calls it."""

    sender: Party
    receiver: Party
    order: str
    package: int
    packages: int
    weight: str
    carrier: str
    tracking_number: str
    sscc: str
    sscc_text: str
    code: str
    is_return: bool = False


def clean(value: Any) -> str:
    """Text that can be written in a line: composed letters, single blanks, nothing that has no shape (control characters, marks of direction)."""
    text = unicodedata.normalize("NFC", str(value or ""))
    kept = "".join(" " if unicodedata.category(char) in ("Cc", "Zs", "Zl", "Zp") else char for char in text if unicodedata.category(char) != "Cf")
    return " ".join(kept.split())
