"""Barcodes as they are printed: symbol values of Code 128, their bars, and what makes a printer print the same; QR."""

from __future__ import annotations

import re
from dataclasses import dataclass

import segno

from warehouse.core import code128 as symbols

START_B, START_C, TO_C, TO_B, FNC1 = 104, 105, 99, 100, 102
QUIET_MODULES = 10
# In ZPL `>` begins a code; the characters that are themselves written by one.
_ZPL_STARTS = {START_B: ">:", START_C: ">;"}
_ZPL_CODES = {TO_C: ">5", TO_B: ">6", FNC1: ">8"}
_ZPL_CHARACTERS = {">": ">0", "~": ">=", "^": "><"}


@dataclass(frozen=True, slots=True)
class Symbol:
    """A Code 128 symbol: its values, from the start character to the last one before the checksum."""

    values: tuple[int, ...]

    @property
    def modules(self) -> str:
        """1 is a bar, 0 is a space, without the quiet zones."""
        return bars(self.values)

    @property
    def zpl(self) -> str:
        """What `^BC` is told in mode N, so that it uses the very same values."""
        start, *rest = self.values
        said, in_c = [_ZPL_STARTS[start]], start == START_C
        for value in rest:
            if value in _ZPL_CODES and not (in_c and value == TO_C):
                said.append(_ZPL_CODES[value])
                in_c = value == TO_C or (in_c and value != TO_B)
            elif in_c:
                said.append(f"{value:02d}")
            else:
                said.append(_ZPL_CHARACTERS.get(chr(value + 32), chr(value + 32)))
        return "".join(said)


def bars(values: tuple[int, ...]) -> str:
    """The modules of these values with their checksum and the stop character."""
    return symbols.modules_of_values(symbols.with_checksum(values))


def code128(text: str) -> Symbol | None:
    """A short symbol that says the text: runs of digits take half the room. None when there are no such characters (there are ASCII 32 to 126)."""
    if not text or any(not 32 <= ord(char) <= 126 for char in text):
        return None
    values: list[int] = []
    place, in_c = 0, False
    while place < len(text):
        digits = len(re.match("[0-9]*", text[place:])[0])  # type: ignore[index]  # it always matches
        # A change of the set costs a character: it is worth it for four digits at either end, for six in the middle, and for nothing but two.
        at_end = not values or place + digits == len(text)
        if not in_c and digits % 2 == 0 and (digits >= (4 if at_end else 6) or text.isdigit()):
            values.append(TO_C if values else START_C)
            in_c = True
        elif in_c and digits < 2:
            values.append(TO_B)
            in_c = False
        elif not values:
            values.append(START_B)
        if in_c:
            values.append(int(text[place : place + 2]))
            place += 2
        else:
            values.append(ord(text[place]) - 32)
            place += 1
    return Symbol(tuple(values))


def gs1_sscc(sscc: str) -> Symbol:
    """The SSCC as GS1-128."""
    digits = f"00{sscc}"
    return Symbol((START_C, FNC1, *(int(digits[place : place + 2]) for place in range(0, len(digits), 2))))


def qr(text: str) -> list[list[bool]]:
    """The QR code of the text, error correction M, without the quiet zone."""
    return [[bool(module) for module in row] for row in segno.make_qr(text, error="m", boost_error=False).matrix]
