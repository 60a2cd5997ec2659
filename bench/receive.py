"""`confirm_receiving` of 1,000 lines, each a new lot of another product, beside its floor."""

from __future__ import annotations

import time
from datetime import date, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path

from django.db import connection
from django.utils import timezone

from bench.data import WAREHOUSE
from bench.measure import Row, require_same_writes, row, statements_of, timed
from bench.reserve import product_range
from inventory.models import Location, Receiving, Warehouse
from inventory.services.receiving import ReceivingLine, create_receiving
from inventory.services.receiving_confirmation import confirm_receiving
from warehouse.core.actor import Actor

ACTOR = Actor.system("bench")
LINES = 1000


class Paper:
    """Drafts of deliveries, one after the other, of all products by turns, each line with its shelf; the paper itself is not measured."""

    def __init__(self) -> None:
        self.warehouse = Warehouse.objects.get(code=WAREHOUSE).pk
        self.shelves = list(Location.objects.filter(warehouse=self.warehouse, is_pickable=True).values_list("pk", flat=True))
        self.first, self.last = product_range()
        self.number = count(Receiving.objects.count() * LINES)
        self.expires_on = date.fromordinal(timezone.now().toordinal()) + timedelta(days=100)

    def __call__(self) -> int:
        return create_receiving(warehouse_id=self.warehouse, location_id=self.shelves[0], lines=[self._line() for _ in range(LINES)], actor=ACTOR).pk

    def _line(self) -> ReceivingLine:
        number = next(self.number)
        return ReceivingLine(
            product_id=self.first + number % (self.last - self.first + 1),
            expected_quantity=Decimal(10),
            lot_number=f"RECEIVED-{number}",
            label_expires_on=self.expires_on,
            label_condition="ambient",
            purchase_price=Decimal(1),
            location_id=self.shelves[number % len(self.shelves)],
        )


def bench(seconds: int, products: int) -> list[Row]:
    """By turns one by the operation and one by the floor, for some seconds. To reach: 20 statements beside bulk inserts, less than 3 s."""
    with connection.cursor() as cursor:
        cursor.execute((Path(__file__).parent / "floor_receive.sql").read_text())
    paper = Paper()
    drafts = [paper() for _ in range(3)]
    require_same_writes("receive", lambda: confirm_receiving(drafts[0], actor=ACTOR), lambda: _floor(drafts[1]))
    statements = statements_of(lambda: confirm_receiving(drafts[2], actor=ACTOR))
    ours: list[float] = []
    floor: list[float] = []
    end = time.perf_counter() + seconds
    while not ours or time.perf_counter() < end:
        draft, other = paper(), paper()
        ours.append(timed(lambda draft=draft: confirm_receiving(draft, actor=ACTOR)))  # type: ignore[misc]
        floor.append(timed(lambda other=other: _floor(other)))  # type: ignore[misc]
    return [row(f"receive {LINES:,} lines", 1, 1000 * len(ours) / sum(ours), ours, 1000 * len(floor) / sum(floor), statements)]


def _floor(receiving: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT bench.receive(%s)", [receiving])
