"""Labels for tests."""

from __future__ import annotations

from typing import Any

from fulfillment.labels.content import LabelContent, Party
from fulfillment.labels.sscc import spaced, sscc_of

PREFIX = "2000000"
HOUSE = Party("Irina", "Bulevar 1", "11000", "Beograd", "RS", "+381 11 1234567")
CUSTOMER = Party("Anna Müller", "Hauptstraße 5", "10115", "Berlin", "DE", "+49 30 123456")
SERBIAN = Party("Јелена Ђорђевић", "Улица краља Петра Првог 12, стан 4", "18000", "Ниш", "Србија", "+381 64 000000")
POLISH = Party("Żółć Gęślą", "ul. Źródlana 3/7", "00-001", "Łódź", "Polska", "+48 22 000000")
GREEK = Party("Ελένη Παπαδοπούλου", "Οδός Ερμού 15", "105 63", "Αθήνα", "Ελλάδα", "+30 21 000000")
HOSTILE = Party("^XZ^XA^FO0,0^FDowned^FS", "~JR_5E^XA ~DGR:X.GRF _7E >;>8", "1^2", "~_^ city", "^FS", "_")
LONG = Party(
    "Maria " * 9, "Unter den sehr langen Linden " * 7, "10115", "Bergisch Gladbach-Niederschönhausen", "Deutschland", "+49 30 123456 ext. 12345"
)
LONG_CYRILLIC = Party("Константин " * 5, ("проспект Космонавтов, строение 14, " * 6)[:200], "620000", "Екатеринбург", "Россия", "+7 343 0000000")
WORDLESS = Party("W" * 120, "Ж" * 200, "1", "M" * 90, "", "")
PARTIES = {
    "latin": CUSTOMER, "serbian": SERBIAN, "polish": POLISH, "greek": GREEK, "hostile": HOSTILE, "long": LONG, "long cyrillic": LONG_CYRILLIC,
    "wordless": WORDLESS, "unknown": Party(),
}  # fmt: skip


def label(receiver: Party = CUSTOMER, *, serial: int = 7, **more: Any) -> LabelContent:
    """A label of the second of three packages."""
    sscc = sscc_of(PREFIX, serial)
    said = {
        "sender": HOUSE,
        "order": "ORD-2026-000123",
        "package": 2,
        "packages": 3,
        "weight": "2.5 kg",
        "carrier": "PostExpress",
        "tracking_number": "PE0123456789RS",
        "sscc": sscc,
        "sscc_text": spaced(sscc, PREFIX),
        "code": "PAK-2026-000001-2",
    }
    return LabelContent(receiver=receiver, **{**said, **more})
