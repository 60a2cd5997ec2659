"""Catalogue, places and goods for tests. Rows that no operation makes are built by factory-boy; goods come in by the real receiving."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from inventory.enums import Condition, LocationKind, Phase
from inventory.models import (
    Barcode,
    BatchLocation,
    Location,
    Movement,
    Product,
    Seller,
    ShelfLife,
    Storefront,
    StorefrontProduct,
    Supplier,
    Warehouse,
)
from inventory.orchestrator import ReceivingLine, place_stock
from warehouse.core.actor import Actor

ACTOR = Actor.system("tests")


class SellerFactory(DjangoModelFactory):
    class Meta:
        model = Seller

    code = factory.Sequence(lambda n: f"SELLER{n}")
    name = factory.LazyAttribute(lambda o: o.code.title())


class WarehouseFactory(DjangoModelFactory):
    class Meta:
        model = Warehouse

    code = factory.Sequence(lambda n: f"W{n}")
    external_id = factory.LazyAttribute(lambda o: f"ext-{o.code}")
    name = factory.LazyAttribute(lambda o: f"Warehouse {o.code}")
    city = "Belgrade"
    country = "RS"


class LocationFactory(DjangoModelFactory):
    """An ambient shelf unless told otherwise."""

    class Meta:
        model = Location

    warehouse = factory.SubFactory(WarehouseFactory)
    code = factory.Sequence(lambda n: f"A-{n}")
    barcode = factory.LazyAttribute(lambda o: f"LOC-{o.warehouse.code}-{o.code}")
    kind = LocationKind.STORAGE
    condition = Condition.AMBIENT
    pick_sequence = factory.Sequence(lambda n: n)
    is_pickable = factory.LazyAttribute(lambda o: o.kind in {LocationKind.STORAGE, LocationKind.DISPLAY})


class SupplierFactory(DjangoModelFactory):
    class Meta:
        model = Supplier

    code = factory.Sequence(lambda n: f"SUP{n}")
    name = factory.LazyAttribute(lambda o: f"Supplier {o.code}")


class ProductFactory(DjangoModelFactory):
    """Pieces that keep for a year in ambient. `lives` are days by condition, or by (condition, phase)."""

    class Meta:
        model = Product
        skip_postgeneration_save = True

    sku = factory.Sequence(lambda n: f"SKU-{n:05d}")
    name = factory.LazyAttribute(lambda o: f"Product {o.sku}")

    @factory.post_generation
    def lives(self, create: bool, extracted: Mapping[Any, Any] | None, **kwargs: Any) -> None:
        days = {Condition.AMBIENT: 365} if extracted is None else extracted
        for key, value in days.items():
            condition, phase = key if isinstance(key, tuple) else (key, Phase.SEALED)
            ShelfLife.objects.create(product=self, condition=condition, phase=phase, days=value)


class BarcodeFactory(DjangoModelFactory):
    class Meta:
        model = Barcode

    code = factory.Sequence(lambda n: f"{4000000000000 + n}")
    product = factory.SubFactory(ProductFactory)


class StorefrontFactory(DjangoModelFactory):
    class Meta:
        model = Storefront

    external_id = factory.Sequence(lambda n: f"storefront-{n}")
    name = factory.LazyAttribute(lambda o: o.external_id)


class StorefrontProductFactory(DjangoModelFactory):
    class Meta:
        model = StorefrontProduct

    storefront = factory.SubFactory(StorefrontFactory)
    product = factory.SubFactory(ProductFactory)
    external_listing_id = factory.Sequence(lambda n: f"listing-{n}")


@dataclass(frozen=True, slots=True)
class Site:
    """A warehouse with one place of each kind that the flow needs."""

    warehouse: Warehouse
    shelf: Location
    cool: Location
    freezer: Location
    dock: Location
    bench: Location
    quarantine: Location
    transit: Location

    @property
    def id(self) -> int:
        return self.warehouse.pk


def site(**warehouse: Any) -> Site:
    """A warehouse with an ambient, a chilled and a frozen shelf, dock, bench, quarantine and transit."""
    house = WarehouseFactory(**warehouse)

    def place(code: str, kind: LocationKind, condition: str = "") -> Location:
        return LocationFactory(warehouse=house, code=code, kind=kind, condition=condition)

    return Site(
        house,
        place("A-01", LocationKind.STORAGE, Condition.AMBIENT),
        place("C-01", LocationKind.STORAGE, Condition.CHILLED),
        place("F-01", LocationKind.STORAGE, Condition.FROZEN),
        place("DOCK", LocationKind.RECEIVING),
        place("PACK", LocationKind.PACKING),
        place("QUAR", LocationKind.QUARANTINE),
        place("TRANSIT", LocationKind.TRANSIT),
    )


def stocked(
    product: Product, location: Location, quantity: Decimal | str | int, *, lot: str = "", expires_in_days: int | None = None, actor: Actor = ACTOR
) -> BatchLocation:
    """Receive goods into a place through the real operation and return the BatchLocation that they joined.

    `expires_in_days` counts from today in the warehouse's time zone; 0 or less is accepted as short dated.
    """
    expires = None
    if expires_in_days is not None:
        expires = timezone.now().astimezone(ZoneInfo(location.warehouse.time_zone)).date() + timedelta(days=expires_in_days)
    line = ReceivingLine(
        product.pk,
        expected_quantity=Decimal(quantity),
        lot_number=lot,
        label_expires_on=expires,
        location_id=location.pk,
        accept_short_dated=expires is not None,
        short_dated_reason="a test" if expires is not None else "",
    )
    receiving = place_stock(warehouse_id=location.warehouse_id, line=line, actor=actor)
    movement = Movement.objects.filter(document_type="receiving", document_id=receiving.pk).get()
    return BatchLocation.objects.select_related("batch").get(pk=movement.batch_location_id)
