"""Reading an order history from CSV: a file in, invoices and the rows that can't be used out. Nothing is read from the database."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from django.conf import settings

from warehouse.replay.fields import names_day_first, read_number, read_time

COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
OPTIONAL = {"Description", "CustomerID", "Country"}
# The same columns in other editions of such files.
ALIASES = {"invoice": "InvoiceNo", "price": "UnitPrice"}
DELIMITERS = ",;\t|"
MOST_LINES_OF_A_FIELD = 5  # a quote that is still open then was never meant to open a field
CODE_LENGTH, INVOICE_LENGTH = 64, 80
MOST_PRICE = Decimal(10) ** 9
# One sign and three zeros: a thousand to some writers, one to others.
_THOUSANDS = re.compile(r"[+\-\u2212]?\d{1,3}[.,]000")
# In the first line of some files: by what the fields are parted, for spreadsheets.
_DELIMITER_LINE = re.compile(r'"?sep=.?"?', re.IGNORECASE)


def is_goods_code(code: str) -> bool:
    """A code that does not begin with a digit is a charge: postage, a discount, a bank's fee."""
    return "0" <= code[:1] <= "9"


class UnreadableFile(Exception):
    """The file as a whole can't be used; the text says why."""


class InvoiceKind(StrEnum):
    SALE = "sale"
    CANCELLATION = "cancellation"
    ADJUSTMENT = "adjustment"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of an invoice. `number` is its line in the file, the first being 1; `code` is in capitals."""

    number: int
    invoice: str
    code: str
    description: str
    quantity: Decimal
    invoiced_at: datetime
    unit_price: Decimal
    customer: str
    country: str

    @property
    def is_goods(self) -> bool:
        """Whether it is goods, not a charge."""
        return is_goods_code(self.code)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that can't be used, and why."""

    number: int
    reason: str
    invoice: str = ""
    code: str = ""


@dataclass(slots=True)
class Invoice:
    """All usable lines of one invoice number, wherever they stand in the file."""

    number: str
    rows: list[Row] = field(default_factory=list)

    @property
    def kind(self) -> InvoiceKind:
        """C is a cancellation; without one positive quantity it is an adjustment of stock; all others are sales."""
        if self.number.startswith("C"):
            return InvoiceKind.CANCELLATION
        if any(row.quantity > 0 for row in self.rows):
            return InvoiceKind.SALE
        return InvoiceKind.ADJUSTMENT

    @property
    def goods(self) -> list[Row]:
        """What a sale sells."""
        return [row for row in self.rows if row.quantity > 0 and row.is_goods] if self.kind is InvoiceKind.SALE else []


@dataclass(slots=True)
class History:
    """What a file says, in its order."""

    invoices: list[Invoice]
    bad_rows: list[BadRow]
    lines: int


def read_history(content: bytes) -> History:
    """Read a whole file: UTF-8 with or without BOM, UTF-16 with one, else cp1252; comma, semicolon, tab or bar; dot or comma decimals.

    A row that can't be used is kept with its line number and the reason; the rows around it are not harmed. Raises UnreadableFile when the columns are
    not there.
    """
    lines = _lines(content)
    first = _first(lines)
    header, delimiter = _header(lines[first:])
    reader = _Reader(header)
    records = list(_records(lines, delimiter, len(header), first + 1))
    date = header.index("InvoiceDate")
    reader.day_first = names_day_first([fields[date].strip() for _, fields in records if len(fields) == len(header)])
    invoices: dict[str, Invoice] = {}
    bad: list[BadRow] = []
    for number, fields in records:
        row = reader.read(number, fields)
        if isinstance(row, BadRow):
            bad.append(row)
        else:
            invoices.setdefault(row.invoice, Invoice(row.invoice)).rows.append(row)
    return History(list(invoices.values()), bad, len(records))


def _lines(content: bytes) -> list[str]:
    """Each line is decoded by itself: one in another encoding harms no other."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        content = content.decode("utf-16", errors="replace").encode()
    return [_decode(line) for line in content.removeprefix(codecs.BOM_UTF8).splitlines(keepends=True)]


def _decode(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")


def _first(lines: list[str]) -> int:
    """Where the header stands: behind empty lines and the one in which spreadsheets name the delimiter."""
    return next((index for index, line in enumerate(lines) if line.strip() and not _DELIMITER_LINE.fullmatch(line.strip())), 0)


def _header(lines: list[str]) -> tuple[list[str], str]:
    """The columns by our names, and the delimiter that parts them. Columns that we do not know keep theirs."""
    known = {_bare(name): name for name in COLUMNS} | ALIASES
    best: list[str] = []
    for delimiter in DELIMITERS if lines else "":
        names = [known.get(_bare(name), name.strip()) for name in next(csv.reader([lines[0]], delimiter=delimiter), [])]
        if set(COLUMNS) - OPTIONAL <= set(names):
            return names, delimiter
        best = max(best, names, key=len)
    missing = [name for name in COLUMNS if name not in OPTIONAL and name not in best]
    raise UnreadableFile(f"The first line must name the columns {', '.join(COLUMNS)}. Missing: {', '.join(missing)}.")


def _bare(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def _records(lines: list[str], delimiter: str, width: int, index: int) -> Iterator[tuple[int, list[str]]]:
    """Each record from this index on with its line number. A field may go over a few lines; a quote that is never closed spoils its own line only."""
    while index < len(lines):
        start, record = index, _fields(lines[index : index + 1], delimiter)
        index += 1
        if _is_open(record):
            for end in range(start + 2, min(start + MOST_LINES_OF_A_FIELD, len(lines)) + 1):
                if len(_fields(lines[end - 1 : end], delimiter)) == width:
                    break  # a record by itself
                longer = _fields(lines[start:end], delimiter)
                if len(longer) == width and not _is_open(longer):
                    record, index = longer, end
                    break
        if any(value.strip() for value in record):
            yield start + 1, record


def _fields(lines: list[str], delimiter: str) -> list[str]:
    try:
        return next(csv.reader(lines, delimiter=delimiter), [])
    except csv.Error:
        return ["".join(lines)]  # absurdly long: as one field it is refused below


def _is_open(record: list[str]) -> bool:
    """Whether the line ended inside quotes: only then does its last field keep the line's end."""
    return bool(record) and record[-1].endswith(("\n", "\r"))


class _Reader:
    def __init__(self, header: list[str]) -> None:
        self.header = header
        self.day_first = False

    def read(self, number: int, fields: list[str]) -> Row | BadRow:
        if len(fields) != len(self.header):
            return BadRow(number, f"it has {len(fields)} fields, not {len(self.header)}")
        if _is_open(fields):
            return BadRow(number, "a quote is opened and not closed")
        values = {name: value.strip() for name, value in zip(self.header, fields, strict=True)}
        invoice, code = values["InvoiceNo"].upper(), values["StockCode"].upper()
        quantity, price = read_number(values["Quantity"]), read_number(values["UnitPrice"])
        invoiced_at = read_time(values["InvoiceDate"], day_first=self.day_first)
        reason = self._refusal(values, invoice, code, quantity, price, invoiced_at)
        if reason or quantity is None or price is None or invoiced_at is None:
            return BadRow(number, reason, invoice[:INVOICE_LENGTH], code[:CODE_LENGTH])
        description = " ".join(values.get("Description", "").split())
        return Row(number, invoice, code, description, quantity, invoiced_at, price, values.get("CustomerID", ""), values.get("Country", ""))

    def _refusal(
        self, values: Mapping[str, str], invoice: str, code: str, quantity: Decimal | None, price: Decimal | None, invoiced_at: datetime | None
    ) -> str:
        """Why the row can't be used, or an empty string."""
        if any(sign in value for value in values.values() for sign in "\0\ufffd"):
            return "it has a character that can't be read"
        for name, text, longest in (("InvoiceNo", invoice, INVOICE_LENGTH), ("StockCode", code, CODE_LENGTH)):
            if not text:
                return f"{name} is empty"
            if len(text) > longest or not text.isprintable():
                return f"{name} {text[:20]!r} can't be one"
        if quantity is None:
            return f"Quantity {values['Quantity'][:20]!r} is not a number"
        if quantity == 0:
            return "Quantity is 0"
        if abs(quantity) > settings.MAX_LINE_QUANTITY:
            return f"Quantity {values['Quantity'][:20]} is larger than {settings.MAX_LINE_QUANTITY}"
        if quantity % 1:
            return f"Quantity {values['Quantity'][:20]} is not a whole number of pieces"
        if _THOUSANDS.fullmatch(values["Quantity"]):
            return f"Quantity {values['Quantity']!r} may be {quantity:.0f} or {quantity * 1000:.0f}"
        if price is None:
            return f"UnitPrice {values['UnitPrice'][:20]!r} is not a number"
        if abs(price) >= MOST_PRICE or (price < 0 and is_goods_code(code)):
            return f"UnitPrice {values['UnitPrice'][:20]} can't be the price of goods"
        if invoiced_at is None:
            return f"InvoiceDate {values['InvoiceDate'][:20]!r} is not a date"
        if invoice.startswith("C") and quantity > 0:
            return "an invoice with C can't have a positive quantity"
        return ""
