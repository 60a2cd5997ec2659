"""Audits for tests: people who count, goods to count, and trade beside it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from inventory.models import Audit, AuditLine, BatchLocation, Product
from inventory.orchestrator import (
    DocumentType,
    OrderedLine,
    consume_reservation,
    create_audit,
    pick_reserved,
    record_count,
    reserve_for_order,
    scan_audit_place,
    start_audit,
)
from tests.factories.inventory import ACTOR, ProductFactory, Site
from tests.factories.office import clerk
from warehouse.core.actor import Actor, Role


@pytest.fixture
def ann(db: None) -> Actor:
    return Actor.of_user(clerk(Role.AUDITOR))


@pytest.fixture
def bob(db: None) -> Actor:
    return Actor.of_user(clerk(Role.AUDITOR))


@pytest.fixture
def bread(db: None) -> Product:
    return ProductFactory(sku="BREAD")


def running(house: Site, **more: Any) -> Audit:
    """An audit that has begun; a difference of any size stands."""
    audit = create_audit(warehouse_id=house.id, actor=ACTOR, **{"recount_above_percent": Decimal(100), **more})
    return start_audit(audit.pk, actor=ACTOR)


def line_of(audit: Audit, row: BatchLocation) -> AuditLine:
    return AuditLine.objects.get(audit=audit, batch_location=row)


def count(audit: Audit, row: BatchLocation, quantity: int | str, actor: Actor = ACTOR) -> AuditLine:
    """Scan the place and count at once."""
    scan_audit_place(audit.pk, row.location_id, actor=actor)
    return record_count(audit.pk, line_of(audit, row).pk, Decimal(quantity), actor=actor)


def sell(product: Product, quantity: int | str, house: Site, ref: str = "shop:1") -> None:
    reserved = reserve_for_order(ref, [OrderedLine(product.pk, Decimal(quantity))], warehouse_id=house.id, actor=ACTOR)
    consume_reservation(reserved.reservation_id, actor=ACTOR)


def pick(house: Site, product: Product, item: int, quantity: int) -> None:
    """To the bench."""
    pick_reserved(
        item, Decimal(quantity), warehouse_id=house.id, product_id=product.pk, to_location_id=house.bench.pk,
        document_type=DocumentType.PICKING_TASK, document_id=1, actor=ACTOR,
    )  # fmt: skip


def what_lies(product: Product) -> list[tuple[str, Decimal, Decimal]]:
    rows = BatchLocation.objects.filter(product=product).order_by("pk")
    return list(rows.values_list("batch__lot_number", "quantity", "reserved"))
