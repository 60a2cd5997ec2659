"""What is sold: its units, how long it keeps, its codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from inventory.enums import Phase
from inventory.locks import lock_catalogue_row, lock_product_alone
from inventory.models import Barcode, BatchLocation, Product, ShelfLife, Stock
from inventory.queries.codes import taken_by_barcodes, taken_by_places, taken_by_products
from inventory.services.catalogue import Same, Values, create_row, delete_row, require_free_code, require_same, set_values
from inventory.services.freshness import judge_again
from inventory.stock.gate import StockKey, lock_stock
from warehouse.core.actor import Actor, Role
from warehouse.core.errors import Conflict
from warehouse.core.transactions import operation

# What is in stock is counted in them: they are fixed once there is a lot.
COUNTED_IN = frozenset({"base_unit", "quantity_step"})
# The goods in stock are judged by them.
JUDGED_BY = frozenset({"tracks_expiry", "min_remaining_days"})

ShelfLives = Sequence[Mapping[str, Any]]


@operation(Role.INTEGRATION)
def create_product(values: Values, *, actor: Actor, shelf_lives: ShelfLives = ()) -> Product:
    """Add a product, with lives of `condition`, `phase` and `days`. Raises Conflict when its SKU is taken."""
    sku = values.get("sku", "")
    require_free_code(sku, taken_by_barcodes([sku]) | taken_by_places([sku]), "sku")
    product = create_row(Product, values)
    _write_lives(product, shelf_lives)
    return product


@operation(Role.INTEGRATION)
def change_product(product_id: int, values: Values, *, actor: Actor, shelf_lives: ShelfLives | None = None, same: Same = None) -> Product:
    """Set the values; `shelf_lives`, where given, replaces the whole list. The goods in stock are judged again by what they are judged by.

    Locks the product; where it matters to the goods, the gates of all its stock before, and where the unit or step is another the product alone, so
    that no lot comes meanwhile. Emits stock.changed, stock.low, stock.out. Raises NotFound, StaleVersion, and Conflict: for the unit and step of what
    has lots, for the life of a condition that goods lie in, for a SKU that is taken.
    """
    current = Product.objects.filter(pk=product_id).values(*COUNTED_IN).first() or {}
    if any(name in values and values[name] != now for name, now in current.items()):
        product = lock_product_alone(product_id)
        _lock_gates(product_id)
    else:
        if shelf_lives is not None or set(values) & JUDGED_BY:
            _lock_gates(product_id)
        product = lock_catalogue_row(Product, product_id)
    require_same(product, same)
    changed = {name for name, value in values.items() if getattr(product, name) != value}
    if "sku" in changed:
        sku = values["sku"]
        require_free_code(sku, taken_by_barcodes([sku], product_id=product_id) | taken_by_places([sku]), "sku")
    counted = sorted(changed & COUNTED_IN)
    if counted and product.batches.exists():
        raise Conflict(f"There are lots of {product.sku}: its {' and '.join(counted)} can't change any more.", product=product_id, fields=counted)
    product = set_values(product, values)
    if shelf_lives is not None:
        if product.tracks_expiry:
            _require_lives_in_use(product, shelf_lives)
        product.shelf_lives.all().delete()
        _write_lives(product, shelf_lives)
    if shelf_lives is not None or changed & JUDGED_BY:
        judge_again(product_id, actor=actor)
    return product


@operation(Role.INTEGRATION)
def create_barcode(values: Values, *, actor: Actor) -> Barcode:
    """Add a code of a product. Raises Conflict when it is taken, by another product's SKU or by a place too."""
    _require_free_barcode(values.get("code", ""), values.get("product_id"))
    return create_row(Barcode, values)


@operation(Role.INTEGRATION)
def change_barcode(barcode_id: int, values: Values, *, actor: Actor, same: Same = None) -> Barcode:
    """Set the values. Locks the code; raises NotFound, StaleVersion, and Conflict when it is taken, by another product's SKU or by a place too."""
    row = lock_catalogue_row(Barcode, barcode_id)
    require_same(row, same)
    if {"code", "product_id"} & set(values):
        _require_free_barcode(values.get("code", row.code), values.get("product_id", row.product_id))
    return set_values(row, values)


@operation(Role.INTEGRATION)
def delete_barcode(barcode_id: int, *, actor: Actor) -> None:
    """Take the code out. Raises NotFound."""
    delete_row(Barcode, barcode_id)


def _require_free_barcode(code: str, product_id: int | None) -> None:
    require_free_code(code, taken_by_products([code], product_id=product_id) | taken_by_places([code]), "code")


def _lock_gates(product_id: int) -> None:
    lock_stock(StockKey(*key) for key in Stock.objects.filter(product=product_id).values_list("warehouse_id", "product_id"))


def _write_lives(product: Product, lives: ShelfLives) -> None:
    ShelfLife.objects.bulk_create(ShelfLife(product=product, **life) for life in lives)


def _require_lives_in_use(product: Product, lives: ShelfLives) -> None:
    """Goods whose life under their condition is taken away would keep for ever."""
    kept = {str(life["condition"]) for life in lives if life.get("phase", Phase.SEALED) == Phase.SEALED}
    gone = set(product.shelf_lives.filter(phase=Phase.SEALED).exclude(condition__in=kept).values_list("condition", flat=True))
    lying = BatchLocation.objects.filter(product=product, has_stock=True, clock_condition__in=gone).values_list("clock_condition", flat=True)
    found = sorted(set(lying)) if gone else []
    if found:
        raise Conflict(f"Goods of {product.sku} are kept {', '.join(found)}: leave the life of that.", product=product.pk, conditions=found)
