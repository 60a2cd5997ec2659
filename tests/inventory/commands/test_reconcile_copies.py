"""`manage.py reconcile_stock` finds what was changed of the ledger's own copies, of promises, of dates and of the guards, and names it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection, transaction

from inventory.models import Location, Product, Reservation
from inventory.orchestrator import OrderedLine, promise_order
from inventory.queries.reconciliation import everything_that_disagrees
from tests.factories.inventory import ACTOR, ProductFactory, Site, site, stocked

pytestmark = pytest.mark.django_db


@pytest.fixture
def milk() -> Product:
    """Two lots of which one is promised, in a site beside which there is another; the second lot has a place of its own."""
    house: Site = site(code="MAIN")
    site(code="OTHER")
    product = ProductFactory(sku="MILK", lives={"chilled": 14})
    stocked(product, house.cool, 10, lot="L1", expires_in_days=5)
    stocked(product, house.cool, 10, lot="L2", expires_in_days=9)
    stocked(ProductFactory(sku="BREAD"), house.shelf, 5)
    promise_order("shop:1", [OrderedLine(product.pk, Decimal(2))], actor=ACTOR)
    return product


def sql(*statements: str) -> None:
    """What a hand in the database does, with every trigger off."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for statement in statements:
            cursor.execute(statement)
        cursor.execute("RESET session_replication_role")


def found() -> set[tuple[str, str]]:
    with transaction.atomic():
        return {(each.check, each.field) for each in everything_that_disagrees()}


def other(table: str) -> str:
    """The id of another row than the one that the column names."""
    return f"(SELECT max(id) FROM {table})"


LAST = "(SELECT max(id) FROM inventory_movement WHERE reserved_change > 0)"
PROMISE = "(SELECT id FROM inventory_reservation)"
L1 = "(SELECT l.id FROM inventory_batchlocation l JOIN inventory_batch b ON b.id = l.batch_id WHERE b.lot_number = 'L1')"


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (f"UPDATE inventory_movement SET warehouse_id = {other('inventory_warehouse')} WHERE id = {LAST}", ("lines", "warehouse")),
        (f"UPDATE inventory_movement SET product_id = {other('inventory_product')} WHERE id = {LAST}", ("lines", "product")),
        (f"UPDATE inventory_movement SET batch_id = {other('inventory_batch')} WHERE id = {LAST}", ("lines", "batch")),
        (f"UPDATE inventory_movement SET location_id = {other('inventory_location')} WHERE id = {LAST}", ("lines", "location")),
        (f"UPDATE inventory_batchlocation SET location_id = location_id + 1 WHERE id = {L1}", ("lines", "location")),
        (f"UPDATE inventory_batchlocation SET batch_id = batch_id + 1, phase = 'opened' WHERE id = {L1}", ("lines", "batch")),
        # The first one is a checkout's, the second one an order's that was confirmed before.
        (f"UPDATE inventory_reservation SET order_ref = 'shop:2', confirmed_at = NULL WHERE id = {PROMISE}", ("reservations", "order_ref")),
        (f"UPDATE inventory_movement SET order_ref = 'shop:2', occurred_at = now() + interval '1 hour' WHERE id = {LAST}", ("reservations", "order_ref")),
        (f"UPDATE inventory_reservation SET warehouse_id = {other('inventory_warehouse')} WHERE id = {PROMISE}", ("reservations", "warehouse")),
        (f"UPDATE inventory_batchlocation SET effective_expires_at = effective_expires_at + interval '10 years' WHERE id = {L1}",
         ("dates", "effective_expires_at")),
        (f"UPDATE inventory_batchlocation SET effective_expires_at = NULL WHERE id = {L1}", ("dates", "effective_expires_at")),
        (f"UPDATE inventory_batchlocation SET not_after = NULL, consumed_fraction = 0 WHERE id = {L1}", ("dates", "effective_expires_at")),
        ("UPDATE inventory_shelflife SET days = 1", ("dates", "effective_expires_at")),
    ],
)  # fmt: skip
def test_what_a_hand_has_changed(statement: str, expected: tuple[str, str], milk: Product) -> None:
    assert found() == set()
    sql(statement)
    assert expected in found()


def test_a_promise_that_is_made_active_again_and_holds_nothing(milk: Product) -> None:
    reservation = Reservation.objects.get()
    sql(
        "INSERT INTO inventory_reservation (order_ref, warehouse_id, status, reason, explanation, created_at, version)"
        " SELECT 'shop:9', warehouse_id, 'active', '', '[]', now(), 1 FROM inventory_reservation"
    )
    ghost = Reservation.objects.exclude(pk=reservation.pk).get()

    assert found() == {("reservations", "status")}
    with transaction.atomic():
        assert [each.id for each in everything_that_disagrees()] == [str(ghost.pk)]


def test_goods_that_keep_no_time_have_no_date(milk: Product) -> None:
    soap = stocked(ProductFactory(tracks_expiry=False), Location.objects.get(code="A-01", warehouse__code="MAIN"), 5)
    assert (soap.effective_expires_at, found()) == (None, set())
    sql(f"UPDATE inventory_batchlocation SET effective_expires_at = now() + interval '3 days' WHERE id = {soap.pk}")
    assert found() == {("dates", "effective_expires_at")}


CHECK = "batch_location_reserved_within_quantity"
TRIGGER = """
    DO $do$ DECLARE name text; BEGIN
        SELECT tgname INTO name FROM pg_trigger WHERE tgname LIKE 'pgtrigger_movement_keep_row%';
        {body}
    END $do$
"""


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            f"ALTER TABLE inventory_batchlocation DROP CONSTRAINT {CHECK}, ADD CONSTRAINT {CHECK} CHECK (reserved >= 0)",
            (CHECK, "CHECK (reserved >= 0::numeric)"),
        ),
        ("DROP INDEX one_active_reservation_per_order", ("one_active_reservation_per_order", "missing")),
        ("DROP INDEX outbox_position_once", ("outbox_position_once", "missing")),
        ("ALTER TABLE outbox_inboxentry DROP CONSTRAINT inbox_entry_once", ("inbox_entry_once", "missing")),
        ("ALTER TABLE outbox_idempotencykey DROP CONSTRAINT idempotency_key_once", ("idempotency_key_once", "missing")),
        (
            "DROP INDEX outbox_position_once; CREATE INDEX outbox_position_once ON outbox_outboxevent (position) WHERE position IS NOT NULL",
            ("outbox_position_once", 'CREATE INDEX outbox_position_once ON outbox_outboxevent USING btree ("position") WHERE "position" IS NOT NULL'),
        ),
        (
            TRIGGER.format(
                body="EXECUTE format('CREATE OR REPLACE FUNCTION %I() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN RETURN NEW; END $f$', name);"
            ),
            ("movement_keep_row", "another function"),
        ),
        (
            TRIGGER.format(
                body="EXECUTE format('DROP TRIGGER %I ON inventory_movement', name);"
                "EXECUTE format('CREATE TRIGGER %I BEFORE DELETE ON inventory_movement FOR EACH ROW EXECUTE FUNCTION %I()', name, name);"
            ),
            ("movement_keep_row", "for something else"),
        ),
    ],
    ids=["laxer check", "no promise index", "no position index", "no inbox", "no keys", "not unique", "empty function", "deletes only"],
)
def test_a_guard_that_bears_the_name_and_does_something_else(statement: str, expected: tuple[str, str]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
        assert [(each.id, each.stored) for each in everything_that_disagrees() if each.check == "guards"] == [expected]
        transaction.set_rollback(True)


def test_a_promise_is_named(milk: Product) -> None:
    reservation = Reservation.objects.get()
    with transaction.atomic():
        sql("UPDATE inventory_reservation SET order_ref = 'shop:2', confirmed_at = NULL")
        (finding,) = everything_that_disagrees()
    assert (finding.table, finding.id, finding.sku, finding.warehouse, finding.stored, finding.computed) == (
        "Reservation", str(reservation.pk), None, "MAIN", "shop:2", "shop:1",
    )  # fmt: skip
