"""`pick_item` beside its floor: whole items of tasks of three lines, of which the floor picks one half and the operation the other."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection

from bench.data import WAREHOUSE
from bench.measure import Row, require_same_writes, row, run_floor, statements_of, timed
from bench.reserve import product_range
from fulfillment.models import PickingTaskItem
from fulfillment.services.picks import pick_item
from inventory.models import Location
from warehouse.core.actor import Actor, Role

LINES = 3
# As many of each kind as there are items prepared: the floor picks exactly so many, the operation until the time is up.
ITEMS_PER_SECOND = 600

_START = """
    UPDATE fulfillment_pickingtask t SET status = 'in_progress', started_at = now(), worker_id = %s, packing_location_id = %s
    FROM bench.made m WHERE t.order_id = m.order_id
"""
_LIST = """
    INSERT INTO bench.todo SELECT row_number() OVER (ORDER BY i.id), i.id
    FROM bench.made m JOIN fulfillment_pickingtask t ON t.order_id = m.order_id JOIN fulfillment_pickingtaskitem i ON i.task_id = t.id
"""


class Picker:
    """One who picks whole items, having read what their labels say."""

    def __init__(self, actor: Actor, items: list[int]) -> None:
        self.actor = actor
        self.items = list(PickingTaskItem.objects.filter(pk__in=items).select_related("product", "location").order_by("-pk"))

    def __call__(self) -> None:
        item = self.items.pop()
        pick_item(item.pk, item.quantity_required, actor=self.actor, location_scan=item.location.barcode, product_scan=item.product.sku)


def bench(seconds: int, products: int) -> list[Row]:
    """One client. To reach: at most 12 statements, p95 below 25 ms."""
    user = picker()
    _run_scripts()
    actor = Actor.of_user(user)
    same = _prepare(user, orders=4, same_product=True)
    Picker(actor, same[:1])()  # from now on its lot has a place on the bench
    require_same_writes("pick", Picker(actor, same[1:2]), lambda: _floor_once(same[2]))
    statements = statements_of(Picker(actor, same[3:4]))
    items = _prepare(user, orders=2 * ITEMS_PER_SECOND * seconds // LINES)
    half = len(items) // 2
    floor = run_floor("SELECT bench.pick_next()\n", 1, seconds, transactions=half)
    pick = Picker(actor, items[half:])
    for _ in range(20):
        pick()
    latencies: list[float] = []
    end = time.perf_counter() + seconds
    while pick.items and time.perf_counter() < end:
        latencies.append(timed(pick))
    if not pick.items:
        print("pick: all that was prepared is picked; the figure is of a shorter time.", file=sys.stderr)
    return [row("pick", 1, 1000 * len(latencies) / sum(latencies), latencies, floor, statements)]


def picker() -> Any:
    """The one user who picks in a bench."""
    user, _ = get_user_model().objects.get_or_create(username="bench-picker")
    user.groups.set([Group.objects.get(name=Role.PICKER.value)])
    return user


def _run_scripts() -> None:
    with connection.cursor() as cursor:
        for script in ("floor_reserve.sql", "floor_intake.sql", "floor_pick.sql"):
            cursor.execute((Path(__file__).parent / script).read_text())


def _prepare(user: Any, *, orders: int, same_product: bool = False) -> list[int]:
    """Tasks that the user walks already, by the floor of the intake. Returns their items in the order of the floor's turns."""
    first, last = product_range()
    bench_place = Location.objects.get(warehouse__code=WAREHOUSE, code="PACK").pk
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE bench.made, bench.todo")
        cursor.execute("ALTER SEQUENCE bench.turns RESTART")
        for number in range(orders):
            start = 0 if same_product else number * 7919
            wanted = [first] if same_product else [first + (start + line) % (last - first + 1) for line in range(LINES)]
            cursor.execute("INSERT INTO bench.made SELECT bench.intake(%s::bigint[], %s::numeric[])", [wanted, list(range(1, len(wanted) + 1))])
        cursor.execute(_START, [user.pk, bench_place])
        cursor.execute(_LIST)
        cursor.execute("ANALYZE bench.todo")
        cursor.execute("SELECT item FROM bench.todo ORDER BY turn")
        return [item for (item,) in cursor.fetchall()]


def _floor_once(item: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT bench.pick(%s)", [item])
