"""Reading a file of products: every cell is judged, and every fault says row, field and what was expected."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import cache, lru_cache
from io import StringIO
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.db import models

from inventory.enums import Condition
from inventory.errors import FileRefused
from inventory.models import Product, ShelfLife
from warehouse.core.quantities import ZERO

FIELDS = (
    "sku", "name", "base_unit", "quantity_step", "weight_tolerance", "rotation", "tracks_expiry", "min_remaining_days", "freezable",
    "default_low_stock_threshold", "weight", "length", "width", "height", "is_active",
)  # fmt: skip
# Days that the sealed product keeps; empty: it may not lie in such a place.
LIVES = {f"life_{condition}": condition for condition in Condition.values}
COLUMNS = (*FIELDS, *LIVES)
SAID = 1000
YES, NO = {"1", "yes", "true", "y"}, {"0", "no", "false", "n"}

Life = Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class ProductRow:
    """A line of the file: the values of the columns that it has, and its sealed lives by condition, None where the file speaks of none."""

    row: int
    values: Mapping[str, Any]
    lives: Life | None

    @property
    def key(self) -> str:
        return str(self.values["sku"]).upper()


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a cell. `row` counts lines as an editor does: the head is 1."""

    row: int
    field: str
    detail: str
    expected: str = ""
    given: str = ""

    @property
    def text(self) -> str:
        expected = f" Expected: {self.expected}." if self.expected else ""
        return f"Row {self.row}, {self.field}: {self.detail}{expected}"


class BadCell(Exception):
    """A cell that is not what its column wants."""


def read_products(text: str, progress: Callable[[int], object] = lambda rows: None) -> list[ProductRow]:
    """The products of a CSV file (comma or semicolon, with a head). `progress` is called with the number of lines read since.

    Raises FileRefused naming every fault: then nothing of the file is meant.
    """
    faults: list[Fault] = []
    rows: list[ProductRow] = []
    seen: dict[str, int] = {}
    for number, cells in _lines(text):
        row = _row(number, cells, faults)
        if row is not None and seen.setdefault(row.key, number) != number:
            faults.append(Fault(number, "sku", f"{row.values['sku']!r} stands in row {seen[row.key]} already.", "each SKU once"))
        elif row is not None:
            rows.append(row)
        progress(1)
    refuse(faults)
    if not rows:
        raise FileRefused("The file has no line with a product.", errors=[])
    return rows


def refuse(faults: list[Fault]) -> None:
    """Raise FileRefused when there is a fault; the first of many are listed."""
    if faults:
        listed = [asdict(fault) | {"code": "invalid"} for fault in faults[:SAID]]
        more = f" And {len(faults) - 3} more." if len(faults) > 3 else ""
        raise FileRefused(" ".join(fault.text for fault in faults[:3]) + more, errors=listed, faults=len(faults))


def _lines(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The number of each line and its cells by column; empty lines are left out."""
    text = text.removeprefix("\ufeff")
    head = text.partition("\n")[0]
    reader = csv.reader(StringIO(text), delimiter=";" if head.count(";") > head.count(",") else ",", strict=True)
    try:
        columns = [name.strip().lower() for name in next(reader, [])]
        _judge_head(columns)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(columns):
                refuse([Fault(reader.line_num, "", f"It has {len(cells)} cells.", f"{len(columns)}, as the head has")])
            yield reader.line_num, dict(zip(columns, (cell.strip() for cell in cells), strict=True))
    except csv.Error as error:
        refuse([Fault(reader.line_num, "", f"This is no CSV: {error}.")])


def _judge_head(columns: list[str]) -> None:
    known = f"some of {', '.join(COLUMNS)}"
    faults = [Fault(1, name[:40], "There is no such column.", known) for name in columns if name not in COLUMNS]
    faults += [Fault(1, name, "The column stands twice.") for name in sorted({name for name in columns if columns.count(name) > 1})]
    faults += [] if "sku" in columns else [Fault(1, "sku", "The column is missing.", known)]
    refuse(faults)


def _row(number: int, cells: Mapping[str, str], faults: list[Fault]) -> ProductRow | None:
    values: dict[str, Any] = {}
    lives: dict[str, Decimal] | None = {} if LIVES.keys() & cells.keys() else None
    good = True
    for column, cell in cells.items():
        try:
            value = _value(column, cell)
        except BadCell as error:
            faults.append(Fault(number, column, str(error), _expected(column), cell[:80]))
            good = False
            continue
        if column not in LIVES:
            values[column] = value
        elif lives is not None and value is not None:
            lives[LIVES[column]] = value
    return ProductRow(number, values, lives) if good else None


def _value(column: str, cell: str) -> Any:
    # Names differ from line to line, the rest repeats itself.
    return _converted.__wrapped__(column, cell) if column in ("sku", "name") else _converted(column, cell)


@cache
def _field(column: str) -> models.Field[Any, Any]:
    return cast("models.Field[Any, Any]", ShelfLife._meta.get_field("days") if column in LIVES else Product._meta.get_field(column))


@lru_cache(maxsize=4096)
def _converted(column: str, cell: str) -> Any:
    """The cell as the column keeps it; an empty one is its default, or nothing."""
    field = _field(column)
    if not cell:
        if column in LIVES or field.null:
            return None
        if field.has_default():
            return field.get_default()
        raise BadCell("It is empty.")
    if isinstance(field, models.BooleanField):
        if cell.lower() not in YES | NO:
            raise BadCell(f"{cell[:40]!r} is neither yes nor no.")
        return cell.lower() in YES
    if "\0" in cell:
        raise BadCell("It has a NUL character.")
    try:
        value = field.clean(cell, None)
    except ValidationError as error:
        raise BadCell(" ".join(error.messages)) from None
    if isinstance(field, models.DecimalField) and (value < ZERO or (value == ZERO and column == "quantity_step")):
        raise BadCell(f"{cell[:40]} is too small.")
    return value


@cache
def _expected(column: str) -> str:
    field = _field(column)
    if column in LIVES:
        return "a number of days, such as 14 or 0.5, or nothing"
    if field.choices:
        return f"one of {', '.join(str(value) for value, _ in field.flatchoices)}"
    if isinstance(field, models.BooleanField):
        return "yes or no"
    if isinstance(field, models.DecimalField):
        least = "greater than 0" if column == "quantity_step" else "from 0"
        return f"a number {least} with at most {field.decimal_places} decimals, such as 2.5"
    if isinstance(field, models.IntegerField):
        return "a whole number of days from 0"
    return f"a text of at most {field.max_length} characters"
