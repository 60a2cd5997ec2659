"""A pick-up: of each packing task all parcels or none, and one that can't go does not hold up the others."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fulfillment.models import Order, PackingTask, Shipment
from fulfillment.services.hand_over import hand_over_shipments
from fulfillment.services.orders import process_order_cancelled
from fulfillment.tasks import sweep_shipments
from inventory.models import Batch, Stock
from inventory.orchestrator import hold_batch
from tests.concurrency.threads import race
from tests.factories.fulfillment import ACTOR, person, reachable_site
from tests.fulfillment.parcels import packed_in_two, packed_order, shipments
from tests.partners.fixtures import delivery, order_system
from warehouse.core.actor import Role
from warehouse.core.errors import NotFound, PermissionDenied, ValidationFailed

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("redis", "order_system")]
__all__ = ["delivery", "order_system"]


def ids() -> list[int]:
    return [row.pk for row in shipments()]


def test_a_van_full(delivery):
    site = reachable_site()
    for number in range(3):
        packed_order(str(number), site=site)
    packed_in_two("two", site=site)
    sweep_shipments()
    manifest = hand_over_shipments(ids(), actor=person(Role.PACKER))
    assert (sorted(manifest.handed_over), manifest.refused) == (ids(), [])
    assert {row.status for row in shipments()} == {"handed_over"}
    assert set(Order.objects.values_list("status", flat=True)) == {"shipped"}
    assert set(Stock.objects.values_list("reserved", flat=True)) == {Decimal(0)}
    # Handed over already is handed over.
    assert sorted(hand_over_shipments(ids(), actor=ACTOR).handed_over) == ids()


def test_what_can_not_go_stays_and_the_others_go(delivery):
    site = reachable_site()
    packed_order("good", site=site)
    packed_in_two("half", site=site)
    packed_order("held", site=site)
    packed_order("gone", site=site)
    sweep_shipments()
    packed_order("unasked", site=site)
    good, first, second, held, gone, unasked = shipments()
    hold_batch(Batch.objects.get(product=held.package.items.get().item.product_id).pk, reason="smells", actor=ACTOR)
    process_order_cancelled("listings", "gone", "x", actor=ACTOR)

    manifest = hand_over_shipments([good.pk, first.pk, held.pk, gone.pk, unasked.pk], actor=ACTOR)

    assert manifest.handed_over == [good.pk]
    told = {row.task_id: row.error for row in manifest.refused}
    assert told[first.packing_task_id].data["missing"] == [second.package.barcode]
    assert told[held.packing_task_id].code == "unfit_now"
    assert "keep the parcel here" in told[gone.packing_task_id].detail
    assert "no waybill yet" in told[unasked.packing_task_id].detail
    assert [row.status for row in shipments()] == ["handed_over", "created", "created", "created", "void_requested", "requested"]
    assert PackingTask.objects.get(pk=held.packing_task_id).status == "packed"


def test_lists_that_make_no_sense(delivery):
    with pytest.raises(ValidationFailed):
        hand_over_shipments([], actor=ACTOR)
    with pytest.raises(ValidationFailed):
        hand_over_shipments(range(1, 400), actor=ACTOR)
    with pytest.raises(NotFound):
        hand_over_shipments([10**9], actor=ACTOR)
    with pytest.raises(PermissionDenied):
        hand_over_shipments([1], actor=person(Role.PICKER))


def test_two_vans_at_once(delivery):
    site = reachable_site()
    for number in range(4):
        packed_order(str(number), site=site)
    sweep_shipments()
    wanted = ids()
    outcomes = race([lambda: hand_over_shipments(wanted, actor=ACTOR), lambda: hand_over_shipments(wanted[::-1], actor=ACTOR)] * 2)
    assert [outcome.error for outcome in outcomes] == [None] * 4
    assert {row.status for row in shipments()} == {"handed_over"}


def test_statements_grow_by_the_task_only(delivery):
    site = reachable_site()
    for number in range(4):
        packed_order(str(number), site=site)
    sweep_shipments()

    def statements(wanted: list[int]) -> int:
        with CaptureQueriesContext(connection) as queries:
            hand_over_shipments(wanted, actor=ACTOR)
        return len(queries)

    wanted = ids()
    one, three = statements(wanted[:1]), statements(wanted[1:])
    # Without what opens and ends the transaction; each further task costs as much.
    assert (one - 2, three - one) == (30, 2 * 23)
    assert Shipment.objects.filter(status="handed_over").count() == 4


def test_all_parcels_are_locked_before_the_gates(delivery):
    """As everybody locks them: who waits for a gate holds its shipments already."""
    site = reachable_site()
    packed_order("1", site=site)
    packed_order("2", site=site)
    sweep_shipments()
    with CaptureQueriesContext(connection) as queries:
        hand_over_shipments(ids(), actor=ACTOR)
    locks = [query["sql"] for query in queries if "FOR NO KEY UPDATE" in query["sql"] or "FOR UPDATE" in query["sql"]]
    gate = next(place for place, sql in enumerate(locks) if "inventory_stock" in sql)
    parcels = [sql for sql in locks[:gate] if 'FROM "fulfillment_shipment"' in sql]
    assert len(parcels) == 1
    assert 'ORDER BY "fulfillment_shipment"."id"' in parcels[0]
