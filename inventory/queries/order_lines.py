"""From what partners call things to what we call them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection

from inventory.errors import UnknownProduct, UnknownWarehouse
from warehouse.core.errors import ValidationFailed
from warehouse.core.quantities import parse_quantity, require_step
from warehouse.core.texts import storable

MAX_LINES = 1000
MOST_DAYS = 3650


@dataclass(frozen=True, slots=True)
class OrderedLine:
    """So much of a product, from a certain warehouse or from any. `listing_id` is what the partners call it, if they do."""

    product_id: int
    quantity: Decimal
    warehouse_id: int | None = None
    min_remaining_days: int = 0
    listing_id: str = ""


# Every order passes here: arrays, so that a statement is the same, and stays prepared, for any number of lines.
_LISTINGS = """
    SELECT sp.external_listing_id, p.id, p.sku, p.quantity_step
    FROM inventory_storefrontproduct sp
    JOIN inventory_product p ON p.id = sp.product_id AND p.is_active
    JOIN inventory_storefront f ON f.id = sp.storefront_id
    WHERE sp.external_listing_id = ANY(%s::text[]) AND %s::text IN ('', f.external_id)
"""
_SKUS = "SELECT upper(sku), id, sku, quantity_step FROM inventory_product WHERE upper(sku) = ANY(%s::text[]) AND is_active"
_SITES = "SELECT id, external_id, code FROM inventory_warehouse WHERE (external_id = ANY(%s::text[]) OR code = ANY(%s::text[])) AND is_active"


# What names something in a line.
_NAMES = ("listing_id", "sku", "warehouse_id", "warehouse")


class _Known(NamedTuple):
    product_id: int
    sku: str
    step: Decimal


def resolve_lines(lines: Sequence[Mapping[str, Any]], *, storefront_id: str | None = None) -> list[OrderedLine]:
    """Read lines as partners send them: `listing_id` (of that storefront) or `sku`, `quantity`, and perhaps `warehouse_id` (the partners' id) or
    `warehouse` (our code), `min_remaining_days`. Numbers may come quoted. Beside a listing an SKU that is none of ours says nothing; one of another product
    contradicts it, and so does the code of another warehouse its id. At most three statements for any number of lines.

    Raises ValidationFailed, UnknownProduct or UnknownWarehouse; `errors` lists every bad line with its index.
    """
    if not isinstance(lines, (list, tuple)) or not lines:
        raise ValidationFailed("An order needs at least one line.", errors=[{"field": "items", "code": "required"}])
    if len(lines) > MAX_LINES:
        raise ValidationFailed(f"An order may have {MAX_LINES} lines, not {len(lines)}.", errors=[{"field": "items", "code": "too_many"}])
    for index, line in enumerate(lines):
        if not isinstance(line, Mapping):
            raise ValidationFailed(f"items[{index}] is not an object.", errors=[{"field": f"items[{index}]", "code": "invalid"}])
    _require_names(lines)
    quantities = _quantities(lines)
    products = _products(lines, storefront_id)
    warehouses = _warehouses(lines)
    _require_steps(quantities, products)
    result = []
    for index, line in enumerate(lines):
        known = products[index]
        result.append(OrderedLine(known.product_id, quantities[index], warehouses[index], _days(line, index), _text(line.get("listing_id"))))
    return result


def _require_names(lines: Sequence[Mapping[str, Any]]) -> None:
    """A name is text or a number. Taken for none, a list for a warehouse would mean any warehouse."""
    fields = [
        f"items[{index}].{name}"
        for index, line in enumerate(lines)
        for name in _NAMES
        if line.get(name) is not None and (isinstance(line[name], bool) or not isinstance(line[name], (str, int, float, Decimal)))
    ]
    if fields:
        raise ValidationFailed(f"{', '.join(fields)}: a name is text or a number.", errors=[{"field": field, "code": "invalid"} for field in fields])


def _quantities(lines: Sequence[Mapping[str, Any]]) -> list[Decimal]:
    errors: list[dict[str, Any]] = []
    result = []
    for index, line in enumerate(lines):
        try:
            result.append(parse_quantity(line.get("quantity"), field=f"items[{index}].quantity"))
        except ValidationFailed as error:
            errors.extend({**entry, "detail": error.detail} for entry in error.errors)
    if errors:
        raise ValidationFailed(" ".join(entry["detail"] for entry in errors), errors=errors)
    return result


def _require_steps(quantities: Sequence[Decimal], products: Sequence[_Known]) -> None:
    errors: list[dict[str, Any]] = []
    details = []
    for index, (quantity, known) in enumerate(zip(quantities, products, strict=True)):
        try:
            require_step(quantity, known.step, sku=known.sku, field=f"items[{index}].quantity")
        except ValidationFailed as error:
            errors.extend(error.errors)
            details.append(error.detail)
    if errors:
        raise ValidationFailed(" ".join(details), errors=errors)


def _read(statement: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def _products(lines: Sequence[Mapping[str, Any]], storefront_id: str | None) -> list[_Known]:
    listings = {_text(line.get("listing_id")) for line in lines} - {""}
    skus = {_text(line.get("sku")).upper() for line in lines} - {""}
    by_listing: dict[str, list[_Known]] = {}
    if listings:
        for listing, *known in _read(_LISTINGS, [list(listings), storefront_id or ""]):
            by_listing.setdefault(listing, []).append(_Known(*known))
    by_sku: dict[str, _Known] = {}
    if skus:
        by_sku = {key: _Known(*known) for key, *known in _read(_SKUS, [list(skus)])}
    result = []
    errors: list[dict[str, Any]] = []
    contradictions: list[tuple[str, str]] = []
    for index, line in enumerate(lines):
        listing, sku = _text(line.get("listing_id")), _text(line.get("sku"))
        by_name = by_sku.get(sku.upper())
        matches = by_listing.get(listing, []) if listing else [by_name] if by_name else []
        if len({match.product_id for match in matches}) == 1:
            if by_name and by_name.product_id != matches[0].product_id:
                contradictions.append((f"items[{index}].sku", f"listing {listing} is {matches[0].sku}, not {by_name.sku}"))
            result.append(matches[0])
        else:
            errors.append({"field": f"items[{index}]", "code": "ambiguous" if matches else "unknown", "listing_id": listing, "sku": sku})
    if errors:
        names = ", ".join(f"listing {e['listing_id']}" if e["listing_id"] else f"SKU {e['sku'] or '(none)'}" for e in errors)
        raise UnknownProduct(f"No single active product is known as: {names}.", errors=errors)
    _refuse(contradictions)
    return result


def _warehouses(lines: Sequence[Mapping[str, Any]]) -> list[int | None]:
    ids = {_text(line.get("warehouse_id")) for line in lines} - {""}
    codes = {_text(line.get("warehouse")) for line in lines} - {""}
    by_id: dict[str, int] = {}
    by_code: dict[str, int] = {}
    if ids or codes:
        for pk, external_id, code in _read(_SITES, [list(ids), list(codes)]):
            by_id[external_id], by_code[code] = pk, pk
    errors = []
    contradictions: list[tuple[str, str]] = []
    result: list[int | None] = []
    for index, line in enumerate(lines):
        name, code = _text(line.get("warehouse_id")), _text(line.get("warehouse"))
        found = by_id.get(name) if name else by_code.get(code)
        if (name or code) and found is None:
            errors.append({"field": f"items[{index}].warehouse_id", "code": "unknown", "asked": name or code})
        elif name and code and by_code.get(code) != found:
            contradictions.append((f"items[{index}].warehouse", f"warehouse {name} is not {code}"))
        result.append(found)
    if errors:
        raise UnknownWarehouse(f"There is no active warehouse {', '.join(sorted({e['asked'] for e in errors}))}.", errors=errors)
    _refuse(contradictions)
    return result


def _refuse(contradictions: Sequence[tuple[str, str]]) -> None:
    """Raise ValidationFailed for lines that name two things where one is meant."""
    if contradictions:
        text = "; ".join(f"{field}: {detail}" for field, detail in contradictions)
        raise ValidationFailed(f"{text}.", errors=[{"field": field, "code": "contradiction", "detail": detail} for field, detail in contradictions])


def _days(line: Mapping[str, Any], index: int) -> int:
    value = line.get("min_remaining_days")
    if value is None or value == "":
        return 0
    text = "" if isinstance(value, bool) else str(value).strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and int(text) <= MOST_DAYS):
        field = f"items[{index}].min_remaining_days"
        raise ValidationFailed(
            f"{field}: {str(value)[:20]!r} is not a number of days up to {MOST_DAYS}.", errors=[{"field": field, "code": "invalid"}]
        )
    return int(text)


def _text(value: Any) -> str:
    return "" if value is None else storable(str(value)).strip()
