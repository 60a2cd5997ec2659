"""`reserve_for_order` beside its floor."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from pathlib import Path
from random import Random

from django.db import connection
from django.db.models import Max, Min

from bench.data import WAREHOUSE
from bench.measure import Row, require_same_writes, row, run_clients, run_floor, statements_of
from inventory.models import Product, Warehouse
from inventory.orchestrator import OrderedLine, reserve_for_order
from warehouse.core.actor import Actor

ACTOR = Actor.system("bench")

COLD = """\\set a random(:first, :last)
\\set b random(:first, :last)
\\set c random(:first, :last)
SELECT bench.reserve(ARRAY[:a, :b + (:b = :a)::int, :c + 2 * (:c = :a OR :c = :b)::int]::bigint[], ARRAY[1, 2, 3]::numeric[])
"""
HOT = "SELECT bench.reserve(ARRAY[:first]::bigint[], ARRAY[1]::numeric[])\n"


class Client:
    """One client: reserves for one order after another, of three random products, or of the hot one."""

    def __init__(self, case: str, number: int) -> None:
        self.warehouse = Warehouse.objects.get(code=WAREHOUSE).pk
        self.products = list(Product.objects.order_by("pk").values_list("pk", flat=True))
        self.random = Random(number)
        self.case, self.number, self.count = case, number, 0

    def __call__(self) -> None:
        self.count += 1
        products = self.products[:1] if self.case == "reserve-hot" else self.random.sample(self.products, 3)
        lines = [OrderedLine(product, Decimal(index)) for index, product in enumerate(products, start=1)]
        reserve_for_order(f"{self.case}:{self.number}-{self.count}", lines, warehouse_id=self.warehouse, actor=ACTOR)


def bench(seconds: int, products: int) -> list[Row]:
    """Cold with three random lines at 1, 2 and 4 clients, and one hot product at 4, each right after its floor."""
    first, last = product_range()
    with connection.cursor() as cursor:
        cursor.execute((Path(__file__).parent / "floor_reserve.sql").read_text())
    rows = []
    for case, script, clients in [("reserve", COLD, 1), ("reserve", COLD, 2), ("reserve", COLD, 4), ("reserve-hot", HOT, 4)]:
        script = script.replace(":first", str(first)).replace(":last", str(last - 2))
        floor = run_floor(script, clients, seconds)
        per_second, latencies = run_clients(case, clients, seconds)
        rows.append(row(case, clients, per_second, latencies, floor, statements_of(Client(case, 2_000_000 + clients))))
        require_same_writes(case, Client(case, 1_000_000 + clients), partial(_floor_once, case, first))
    return rows


def product_range() -> tuple[int, int]:
    """The first and the last id of the products of the bench's site; all between are its too, for they were the first in the database."""
    found = Product.objects.filter(stock__warehouse__code=WAREHOUSE).aggregate(first=Min("pk"), last=Max("pk"))
    return found["first"], found["last"]


def _floor_once(case: str, first: int) -> None:
    products = [first] if case == "reserve-hot" else [first, first + 1, first + 2]
    with connection.cursor() as cursor:
        cursor.execute("SELECT bench.reserve(%s::bigint[], %s::numeric[])", [products, list(range(1, len(products) + 1))])
