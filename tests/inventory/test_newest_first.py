"""Lists of tables that only grow show the newest rows first, and read hardly more rows than they show, however long ago the last one of them was written."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inventory.models import BatchLocation, Movement, Reservation
from inventory.orchestrator import OrderedLine, reserve_for_order
from tests.api.conftest import Caller
from tests.factories.inventory import ACTOR, ProductFactory, site, stocked
from tests.factories.office import listing, office
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db

PAGE = 51
OLD, NEW = 300, 4700

# What happened to one lot long ago, then years of others.
_YEARS = """
    INSERT INTO inventory_movement (type, product_id, batch_id, batch_location_id, location_id, warehouse_id, quantity_change, reserved_change, quantity_before,
                                    quantity_after, reserved_after, document_type, order_ref, reason, performed_by, performed_by_type, occurred_at)
    SELECT CASE WHEN n > %(old)s THEN 'sale' ELSE 'adjustment' END, m.product_id, m.batch_id, m.batch_location_id, m.location_id, m.warehouse_id, 0, 0, 1, 1, 0,
           '', '', '', 'tests', 'system', now() + n * interval '1 minute'
    FROM generate_series(1, %(old)s + %(new)s) n
    JOIN inventory_movement m ON m.type = 'receiving' AND m.product_id = CASE WHEN n > %(old)s THEN %(other)s ELSE %(milk)s END
    ORDER BY n;
    INSERT INTO inventory_reservation (order_ref, warehouse_id, status, reason, explanation, created_at, version)
    SELECT 'x:' || n, %(site)s, CASE WHEN n > %(old)s THEN 'fulfilled' ELSE 'expired' END, '', '[]', now() + n * interval '1 minute', 1
    FROM generate_series(1, %(old)s + %(new)s) n;
    INSERT INTO inventory_batch (product_id, lot_number, label_condition, received_at, purchase_price, currency, status, status_reason, held_itself)
    SELECT CASE WHEN n > %(old)s THEN %(other)s ELSE %(milk)s END, 'N' || n, '', now(), 1, 'EUR', 'available', '', false
    FROM generate_series(1, %(old)s + %(new)s) n ORDER BY n;
    INSERT INTO inventory_batchlocation (batch_id, location_id, phase, product_id, warehouse_id, quantity, reserved, blocked_reason, consumed_fraction,
                                         clock_started_at, clock_condition, received_at, version)
    SELECT b.id, %(shelf)s, 'sealed', b.product_id, %(site)s, 1, 0, CASE WHEN b.product_id = %(milk)s THEN 'held' ELSE '' END, 0, now(), '', now(), 1
    FROM inventory_batch b WHERE b.lot_number LIKE 'N%%' ORDER BY b.id;
    ANALYZE
"""


class Years(NamedTuple):
    """The goods that were not touched for long, and where they lay."""

    goods: BatchLocation
    values: dict[str, Any]


@pytest.fixture
def years(db: None) -> Years:
    old, new = site(code="OLD"), site(code="NEW")
    milk, other = ProductFactory(sku="MILK"), ProductFactory()
    goods = stocked(milk, old.shelf, 5, lot="LONG-AGO")
    reserve_for_order("shop:1", [OrderedLine(milk.pk, Decimal(1))], warehouse_id=old.id, actor=ACTOR)
    stocked(other, new.shelf, 5)
    with connection.cursor() as cursor:
        values = {"milk": milk.pk, "other": other.pk, "site": new.id, "shelf": new.shelf.pk, "old": OLD, "new": NEW}
        for statement in _YEARS.split(";\n"):
            cursor.execute(statement, values)
    return Years(goods, {"product": milk.pk, "batch": goods.batch_id, "location": goods.location_id})


def rows_read(table: str, asked: CaptureQueriesContext) -> int:
    """How many rows of the table the statements look at, those included that are thrown away again."""

    def looked_at(node: dict[str, Any]) -> float:
        here = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"] if node.get("Relation Name") == table else 0
        return here + sum(looked_at(part) for part in node.get("Plans", ()))

    total = 0.0
    with connection.cursor() as cursor:
        for query in list(asked.captured_queries):
            if query["sql"].startswith("SELECT") and f'"{table}"' in query["sql"]:
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query['sql']}")
                (plans,) = cursor.fetchone()
                total += looked_at((plans if isinstance(plans, list) else json.loads(plans))[0]["Plan"])
    return round(total)


@pytest.mark.parametrize(
    ("path", "query", "shown"),
    [
        ("movements", "product={product}", PAGE),
        ("movements", "batch={batch}", PAGE),
        ("movements", "lot_number=long-ago", PAGE),
        ("movements", "type=adjustment", PAGE),
        ("movements", "type=mix_in", 0),
        ("movements", "type=mix_in&type=mix_out", 0),
        ("reservations", "status=expired", PAGE),
        ("reservations", "status=released", 0),
        ("reservations", "ordering=created_at", PAGE),
        ("reservations", "ordering=-created_at", PAGE),
        ("reservations", "created_to=2001-01-01T00:00:00Z", 0),
    ],
)
def test_a_list_of_the_api(years: Years, path: str, query: str, shown: int) -> None:
    caller = Caller(Role.MANAGER)
    with CaptureQueriesContext(connection) as asked:
        body = caller.client.get(f"/api/v1/{path}?{query.format(**years.values)}").json()

    assert len(body["results"]) == min(shown, 50)
    table = (Movement if path == "movements" else Reservation)._meta.db_table
    # Rows that are sorted by a second column are read some at a time.
    assert rows_read(table, asked) <= 2 * shown


def test_a_place_is_looked_up_in_the_site_that_is_named(years: Years) -> None:
    caller = Caller(Role.MANAGER)
    with CaptureQueriesContext(connection) as asked:
        shown = caller.get("movements", location="A-01", warehouse="OLD").json()["results"]

    assert {(row["location"], row["warehouse"]) for row in shown} == {("A-01", "OLD")}
    # Nothing of the place with the same code in the other site; the two lines at the start beside the old ones.
    assert rows_read(Movement._meta.db_table, asked) <= OLD + 2
    assert not [query["sql"] for query in asked if '"inventory_movement"."location_id" IN (' in query["sql"]]
    assert caller.get("movements", location="A-01", warehouse="NOWHERE").json()["results"] == []


@pytest.mark.parametrize(
    ("model", "query", "shown"),
    [
        (Movement, "product__id__exact={product}", 50),
        (Movement, "location__id__exact={location}", 50),
        (Movement, "type__exact=adjustment", 50),
        (Movement, "type__exact=mix_in", 0),
        (Movement, "q=long-ago", 50),
        (Movement, "q=milk", 50),
        (Movement, "q=shop:1", 1),
        (BatchLocation, "", 50),
        (BatchLocation, "product__id__exact={product}", 50),
        (BatchLocation, "blocked_reason__exact=held", 50),
        (BatchLocation, "blocked_reason__exact=recalled", 0),
        (BatchLocation, "has_stock__exact=1", 50),
        (Reservation, "status__exact=expired", 50),
        (Reservation, "status__exact=released", 0),
        (Reservation, "q=shop:1", 1),
    ],
)
def test_a_list_of_the_back_office(years: Years, model: Any, query: str, shown: int) -> None:
    client = office(Role.MANAGER)
    with CaptureQueriesContext(connection) as asked:
        answer = client.get(f"{listing(model)}?{query.format(**years.values)}")

    assert len(answer.context["cl"].result_list) == shown
    # One more to say that the term names an order, one more to see that there is a next page.
    assert rows_read(model._meta.db_table, asked) <= shown + 2


def test_goods_that_are_there_or_gone(years: Years) -> None:
    BatchLocation.objects.filter(pk=years.goods.pk).update(quantity=0, reserved=0)
    found = office(Role.MANAGER).get(f"{listing(BatchLocation)}?has_stock__exact=0").context["cl"].result_list

    assert [row.pk for row in found] == [years.goods.pk]
