"""The Serial Shipping Container Code, a package's number in the world (GS1, application identifier 00).

Eighteen digits: extension digit, company prefix, serial, check digit. The extension digit is the serial's first digit, so that it counts on when the
digits behind the prefix are used up.
"""

from __future__ import annotations

import re

DIGITS = 18
# As scanners say it: with or without their own prefix, FNC1, the application identifier and its brackets.
_SCANNED = re.compile(r"(?:\]C1)?\x1d?(?:\(00\)|00)?([0-9]{18})")
PREFIX = re.compile(r"[0-9]{4,12}")


def check_digit(digits: str) -> str:
    """The digit that makes the weighted sum (3, 1, 3, … from the right) a multiple of ten."""
    return str(-sum(int(digit) * (1 if place % 2 else 3) for place, digit in enumerate(reversed(digits))) % 10)


def capacity(prefix: str) -> int:
    """How many packages a company prefix can number."""
    return 10 ** (DIGITS - 1 - len(prefix))


def sscc_of(prefix: str, serial: int) -> str:
    """The SSCC of this serial. Raises ValueError when the prefix has no such number."""
    if not PREFIX.fullmatch(prefix):
        raise ValueError(f"{prefix!r} is no GS1 company prefix: four to twelve digits.")
    if not 0 <= serial < capacity(prefix):
        raise ValueError(f"The company prefix {prefix} numbers {capacity(prefix)} packages; there is no number {serial}.")
    digits = str(serial).zfill(DIGITS - 1 - len(prefix))
    body = digits[0] + prefix + digits[1:]
    return body + check_digit(body)


def is_sscc(text: str) -> bool:
    """Whether it is eighteen digits with the right one at the end."""
    return len(text) == DIGITS and text.isascii() and text.isdigit() and check_digit(text[:-1]) == text[-1]


def scanned_sscc(code: str) -> str:
    """The SSCC that a scanned code is; empty when it is something else."""
    match = _SCANNED.fullmatch(code)
    return match[1] if match and is_sscc(match[1]) else ""


def spaced(sscc: str, prefix: str) -> str:
    """As people read it: extension, prefix, serial, check digit; whole where the prefix is another one by now."""
    if sscc[1:].startswith(prefix):
        return " ".join((sscc[0], prefix, sscc[1 + len(prefix) : -1], sscc[-1]))
    return f"{sscc[0]} {sscc[1:-1]} {sscc[-1]}"
