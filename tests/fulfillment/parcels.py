"""Packed orders and their parcels, for tests of what the carrier does with them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from fulfillment.models import PackingTask, PickingTask, Shipment, StatusReport
from fulfillment.services.packages import add_package, pack_item, set_package_details
from fulfillment.services.packing_tasks import complete_packing_task, start_packing_task
from inventory.models import Alert
from tests.factories.fulfillment import order_for, packed, person, picked, reachable_site, stocked
from tests.factories.inventory import ProductFactory, Site
from tests.partners.server import PartnerServer
from warehouse.core.actor import Role


def packed_order(external_id: str = "4711", *, quantity: int = 2, site: Site | None = None, **more: Any) -> PackingTask:
    """An order for one product, packed into one parcel; the carrier was not asked yet."""
    product, place = ProductFactory(), site or reachable_site()
    stocked(product, place.shelf, 50)
    order = order_for([(product, quantity, place)], external_id=external_id, **more)
    return packed(picked(PickingTask.objects.get(order=order), person(Role.PICKER)), person(Role.PACKER))


def packed_in_two(external_id: str = "4711", *, site: Site | None = None) -> PackingTask:
    """An order for five of a product, packed into parcels of two and three."""
    product, place, packer = ProductFactory(), site or reachable_site(), person(Role.PACKER)
    stocked(product, place.shelf, 50)
    order = order_for([(product, 5, place)], external_id=external_id)
    task = picked(PickingTask.objects.get(order=order), person(Role.PICKER))
    start_packing_task(task.pk, actor=packer)
    for count in (2, 3):
        box = add_package(task.pk, actor=packer)
        set_package_details(task.pk, Decimal("1.5"), 30, 20, 10, actor=packer, package_id=box.pk)
        pack_item(task.pk, product.sku, count, actor=packer, package_id=box.pk)
    return complete_packing_task(task.pk, actor=packer)


def shipments(*statuses: str) -> list[Shipment]:
    """All shipments (of these statuses), by id."""
    rows = Shipment.objects.select_related("package").order_by("pk")
    return list(rows.filter(status__in=statuses) if statuses else rows)


def due_now() -> None:
    """What waits for its next try waits no longer; who claimed it is gone."""
    now = timezone.now()
    Shipment.objects.exclude(next_attempt_at=None).update(next_attempt_at=now, leased_until=None)
    StatusReport.objects.exclude(next_attempt_at=None).update(next_attempt_at=now, leased_until=None)


def open_alerts(kind: str = "shipment_stuck") -> list[Alert]:
    return list(Alert.objects.filter(kind=kind, resolved_at=None).order_by("pk"))


def one_living_each(delivery: PartnerServer, packages: Sequence[str]) -> None:
    """The partner's own ledger has exactly one living shipment for each of these packages (by barcode), and no other."""
    living = [row["request"]["package"]["description"] for row in delivery.partner.living()]
    assert sorted(living) == sorted(packages)


class Clock:
    """The time of day for all that asks `timezone.now` or the breaker's clock; moved by the test."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = timezone.now()
        patch.setattr(timezone, "now", lambda: self.now)

        class Frozen(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:
                return self.now

        patch.setattr("pybreaker.datetime", Frozen)

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)
