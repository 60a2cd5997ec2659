"""What time alone does to stock."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from inventory.models import Batch, BatchLocation, Product
from inventory.orchestrator import InsufficientStock, OrderedLine, UnfitNow, expire_stock, get_availability, pick_reserved, promise_order
from inventory.queries.reconciliation import everything_that_disagrees
from inventory.services.expiry import judge_by_time
from inventory.stock.gate import StockKey
from inventory.tasks import expire_reservations_task, expire_stock_task
from tests.factories.inventory import ACTOR, ProductFactory, Site, stocked
from tests.inventory.books import assert_books_balance, totals
from tests.inventory.clocks import label_says
from tests.inventory.events import heard

pytestmark = pytest.mark.django_db


@pytest.fixture
def milk(house: Site) -> Product:
    product = ProductFactory(sku="MILK", lives={"chilled": 30})
    stocked(product, house.cool, 4, lot="OLD", expires_in_days=2)
    stocked(product, house.cool, 6, lot="NEW", expires_in_days=20)
    return product


def make_expired(lot: str) -> BatchLocation:
    """As if the night had passed."""
    label_says(BatchLocation.objects.filter(batch__lot_number=lot), timezone.now())
    return BatchLocation.objects.get(batch__lot_number=lot)


def available(product: Product) -> Decimal:
    (answer,) = get_availability([product.pk])
    return answer.available


def test_the_job_takes_it_out_of_the_figures(milk: Product, house: Site) -> None:
    make_expired("OLD")

    with heard() as events:
        assert expire_stock(actor=ACTOR) == 1

    assert totals(milk.pk, house.id) == (10, 0, 4, 6)
    assert list(BatchLocation.objects.order_by("pk").values_list("blocked_reason", flat=True)) == ["expired", ""]
    assert events.types() == ["stock.changed"]
    assert expire_stock(actor=ACTOR) == 0
    assert_books_balance()


def test_what_may_be_promised_never_waits_for_the_job(milk: Product, house: Site) -> None:
    make_expired("OLD")

    assert totals(milk.pk, house.id)[3] == 10
    assert available(milk) == 6
    with pytest.raises(InsufficientStock):
        promise_order("shop:1", [OrderedLine(milk.pk, Decimal(7))], actor=ACTOR)
    (reserved,) = promise_order("shop:1", [OrderedLine(milk.pk, Decimal(6))], actor=ACTOR)
    assert len(reserved.items) == 1


def test_what_is_promised_and_expires_stays_promised_but_is_not_picked(milk: Product, house: Site) -> None:
    (reserved,) = promise_order("shop:1", [OrderedLine(milk.pk, Decimal(3))], actor=ACTOR)
    make_expired("OLD")

    assert expire_stock(actor=ACTOR) == 1

    assert totals(milk.pk, house.id) == (10, 3, 1, 6)
    with pytest.raises(UnfitNow, match=r"too early\. Report it short"):
        pick_reserved(
            reserved.items[0].id, Decimal(1), warehouse_id=house.id, product_id=milk.pk, to_location_id=house.bench.pk,
            document_type="picking_task", document_id=1, actor=ACTOR,
        )  # fmt: skip
    assert_books_balance()


def test_what_must_be_left_at_shipping_counts(house: Site) -> None:
    cheese = ProductFactory(lives={"chilled": 30}, min_remaining_days=7)
    place = stocked(cheese, house.cool, 4, expires_in_days=9)

    assert expire_stock(actor=ACTOR) == 0
    BatchLocation.objects.filter(pk=place.pk).update(effective_expires_at=timezone.now() + timedelta(days=7))
    assert expire_stock(actor=ACTOR) == 1
    assert totals(cheese.pk, house.id) == (4, 0, 4, 0)


def test_what_is_blocked_for_another_reason_keeps_it(milk: Product, house: Site) -> None:
    bench = stocked(milk, house.bench, 2, lot="OLD", expires_in_days=2)
    label_says(BatchLocation.objects.filter(batch__lot_number="OLD"), timezone.now())

    assert expire_stock(actor=ACTOR) == 1

    bench.refresh_from_db()
    assert bench.blocked_reason == "place"
    assert_books_balance()


def test_it_is_judged_again_behind_the_gate(milk: Product, house: Site) -> None:
    assert judge_by_time([StockKey(house.id, milk.pk)], actor=ACTOR) == 0


def test_many_products_in_few_statements(house: Site) -> None:
    for _ in range(12):
        stocked(ProductFactory(), house.shelf, 1, expires_in_days=2)
    label_says(BatchLocation.objects.all(), timezone.now())

    with CaptureQueriesContext(connection) as queries:
        assert expire_stock(actor=ACTOR) == 12

    assert len([query for query in queries if "SAVEPOINT" not in query["sql"]]) == 5
    assert_books_balance()


def test_what_may_be_due_is_found_by_date(milk: Product) -> None:
    with CaptureQueriesContext(connection) as queries:
        expire_stock(actor=ACTOR)

    (looks,) = [query["sql"] for query in queries if "UNION" in query["sql"]]
    with transaction.atomic(), connection.cursor() as cursor:
        # The tables are small; whether the index can be used for all products at once is asked.
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_nestloop = off")
        cursor.execute(f"EXPLAIN {looks}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert re.search(r"batch_location_expiry.*\n\s+Index Cond: \(\(?effective_expires_at <= ", plan), plan


def test_the_tasks_of_the_worker(milk: Product) -> None:
    make_expired("OLD")

    assert (expire_stock_task(), expire_reservations_task()) == (1, 0)


def test_two_days_ahead_without_a_restart(milk: Product, house: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has frozen the date when it was imported."""
    real = timezone.now
    monkeypatch.setattr(timezone, "now", lambda: real() + timedelta(days=3))

    assert available(milk) == 6
    assert expire_stock(actor=ACTOR) == 1
    assert totals(milk.pk, house.id) == (10, 0, 4, 6)


def test_what_is_fit_again_comes_back(milk: Product, house: Site) -> None:
    Product.objects.filter(pk=milk.pk).update(min_remaining_days=10)
    assert expire_stock(actor=ACTOR) == 1
    Product.objects.filter(pk=milk.pk).update(min_remaining_days=0)
    assert [(found.check, found.stored) for found in everything_that_disagrees()] == [("blocked", "expired")]

    with heard() as events:
        assert expire_stock(actor=ACTOR) == 1

    assert (totals(milk.pk, house.id), events.types()) == ((10, 0, 0, 10), ["stock.changed"])
    assert_books_balance()


def test_what_is_held_does_not_come_back_by_time(milk: Product, house: Site) -> None:
    Product.objects.filter(pk=milk.pk).update(min_remaining_days=10)
    assert expire_stock(actor=ACTOR) == 1
    Product.objects.filter(pk=milk.pk).update(min_remaining_days=0)
    Batch.objects.update(status="on_hold")

    assert expire_stock(actor=ACTOR) == 0
