"""Products from a file: all of it, or nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from django.db import IntegrityError, transaction
from django.db.models.functions import Upper

from inventory.enums import Phase
from inventory.locks import lock_products
from inventory.models import Product, ShelfLife
from inventory.queries.codes import taken_by_barcodes, taken_by_places
from inventory.queries.product_file import FIELDS, Fault, ProductRow, refuse
from inventory.services.products import COUNTED_IN, JUDGED_BY, change_product
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict, DomainError
from warehouse.core.transactions import StartAgain, operation

T = TypeVar("T")

AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the lines of a file."""

    created: int
    changed: int
    unchanged: int


@operation(Role.INTEGRATION)
def import_products(rows: Sequence[ProductRow], *, actor: Actor) -> Imported:
    """Make and change products as the lines of a file say (`inventory.queries.product_file.read_products`): all of them, or none.

    A known SKU keeps its spelling; columns that the file does not have stay as they are. Set-based: many new or plainly changed products cost a few
    statements per 2,000. What the goods in stock are judged by, and lives, change one product after the other as by `change_product`, with its locks
    and events. Raises FileRefused naming every line that can't be, Conflict when somebody added one of the SKUs meanwhile.
    """
    known = {product.sku.upper(): product for keys in _parts([row.key for row in rows]) for product in _products(keys)}
    lives = {pk: days for ids in _parts([product.pk for product in known.values()]) for pk, days in _lives(ids).items()}
    fresh = [row for row in rows if row.key not in known]
    refuse([*_nameless(fresh), *_taken(fresh)])
    careful, plain, unchanged = [], [], 0
    for row in (row for row in rows if row.key in known):
        product = known[row.key]
        changes = _changes(product, row)
        other_lives = row.lives is not None and dict(row.lives) != lives.get(product.pk, {})
        if other_lives or changes.keys() & (JUDGED_BY | COUNTED_IN):
            careful.append((product, row, changes, other_lives))
        elif changes:
            plain.append((product.pk, row))
        else:
            unchanged += 1
    _change_carefully(careful, actor)
    _change(plain)
    _create(fresh)
    return Imported(len(fresh), len(careful) + len(plain), unchanged)


def _parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    """So many at a time: a statement has room for 65,535 values."""
    return (items[start : start + AT_ONCE] for start in range(0, len(items), AT_ONCE))


def _products(keys: Iterable[str]) -> Iterable[Product]:
    return Product.objects.annotate(key=Upper("sku")).filter(key__in=set(keys))


def _lives(product_ids: Iterable[int]) -> dict[int, dict[str, Decimal]]:
    """Sealed lives by product and condition."""
    result: dict[int, dict[str, Decimal]] = {}
    rows = ShelfLife.objects.filter(product__in=set(product_ids), phase=Phase.SEALED)
    for product, condition, days in rows.values_list("product_id", "condition", "days"):
        result.setdefault(product, {})[condition] = days
    return result


def _changes(product: Product, row: ProductRow) -> dict[str, Any]:
    return {name: value for name, value in row.values.items() if name != "sku" and getattr(product, name) != value}


def _nameless(fresh: Iterable[ProductRow]) -> list[Fault]:
    return [Fault(row.row, "name", "A new product needs a name.", "the column name") for row in fresh if not row.values.get("name")]


def _taken(fresh: Sequence[ProductRow]) -> list[Fault]:
    taken: dict[str, str] = {}
    for keys in _parts([row.key for row in fresh]):
        taken |= taken_by_barcodes(keys) | taken_by_places(keys)
    return [Fault(row.row, "sku", f"{row.values['sku']!r} is {taken[row.key]}.", "a code that is nothing else") for row in fresh if row.key in taken]


def _change_carefully(careful: Iterable[tuple[Product, ProductRow, Mapping[str, Any], bool]], actor: Actor) -> None:
    """Product by product, in order of their ids; what is refused is said of its line, all such lines together."""
    faults = []
    for product, row, changes, other_lives in sorted(careful, key=lambda each: each[0].pk):
        lives: list[dict[str, Any]] | None = None
        if other_lives and row.lives is not None:
            others = product.shelf_lives.exclude(phase=Phase.SEALED).values("condition", "phase", "days")
            lives = [*map(dict, others), *({"condition": condition, "phase": Phase.SEALED, "days": days} for condition, days in row.lives.items())]
        try:
            change_product.inside(product.pk, dict(changes), shelf_lives=lives, actor=actor)
        except DomainError as error:
            faults.append(Fault(row.row, ", ".join(error.data.get("fields", [])) or "sku", error.detail))
    refuse(faults)


def _change(plain: Sequence[tuple[int, ProductRow]]) -> None:
    locked = {pk: product for ids in _parts(sorted(pk for pk, _ in plain)) for pk, product in lock_products(ids).items()}
    names: set[str] = set()
    for pk, row in plain:
        changes = _changes(locked[pk], row)
        if changes.keys() & (JUDGED_BY | COUNTED_IN):
            raise StartAgain  # somebody changed it since it was compared
        for name, value in changes.items():
            setattr(locked[pk], name, value)
        names |= changes.keys()
    if names:
        Product.objects.bulk_update(locked.values(), sorted(names), batch_size=AT_ONCE)


def _create(fresh: Sequence[ProductRow]) -> None:
    products = [Product(**{name: row.values[name] for name in FIELDS if name in row.values}) for row in fresh]
    try:
        with transaction.atomic():
            Product.objects.bulk_create(products, batch_size=AT_ONCE)
    except IntegrityError as error:
        raise Conflict("Somebody added one of these SKUs meanwhile. Repeat the import: it goes on from what is there.") from error
    lives = (
        ShelfLife(product=product, condition=condition, phase=Phase.SEALED, days=days)
        for product, row in zip(products, fresh, strict=True)
        for condition, days in (row.lives or {}).items()
    )
    ShelfLife.objects.bulk_create(lives, batch_size=AT_ONCE)
