"""Orders come in over REST."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from fulfillment.models import Order, PickingTask, StatusReport
from inventory.models import Reservation, Stock
from tests.api.conftest import Caller, codes
from tests.factories.fulfillment import begun, person
from tests.factories.inventory import ProductFactory, StorefrontFactory, StorefrontProductFactory, site, stocked
from tests.factories.stocksync import elsewhere
from warehouse.core.actor import Role

pytestmark = pytest.mark.django_db


@pytest.fixture
def milk():
    product = ProductFactory(sku="MILK")
    StorefrontProductFactory(product=product, external_listing_id="100", storefront=StorefrontFactory(external_id="7"))
    for code in ("1", "2"):
        stocked(product, site(code=f"W{code}", external_id=code).shelf, 10)
    return product


def test_an_order_for_two_warehouses(integration, milk):
    body = {
        "order_id": "10234",
        "storefront_id": "7",
        "priority": "high",
        "ship_by": (timezone.now() + timedelta(days=1)).isoformat(),
        "items": [{"listing_id": 100, "quantity": 2, "warehouse_id": 1}, {"listing_id": "100", "quantity": "3", "warehouse_id": "2"}],
    }
    made = integration.post("orders", body)
    assert made.status_code == 201, made.content
    shown = made.json()
    assert (shown["source"], shown["order_id"], shown["order_ref"], shown["status"], shown["priority"]) == (
        "listings", "10234", "listings:10234", "accepted", "high",
    )  # fmt: skip
    assert [(line["sku"], line["quantity"], line["warehouse"]) for line in shown["lines"]] == [("MILK", "2.000", "W1"), ("MILK", "3.000", "W2")]
    assert [(task["warehouse"], task["status"]) for task in shown["picking_tasks"]] == [("W1", "pending"), ("W2", "pending")]
    again = integration.post("orders", body)
    assert (again.status_code, again.json()["id"]) == (201, shown["id"])
    assert Order.objects.count() == 1
    assert integration.get("orders", order_id="10234", status="accepted").json()["results"][0]["id"] == shown["id"]
    assert integration.get(f"orders/{shown['id']}").json() == shown


def test_not_enough_is_kept_as_rejected_and_tried_again(integration, milk):
    made = integration.post("orders", {"order_id": "1", "items": [{"sku": "MILK", "quantity": "30"}]}).json()
    assert made["status"] == "rejected"
    assert made["shortages"][0]["sku"] == "MILK"
    assert not Reservation.objects.exists()
    path = f"orders/{made['id']}"
    assert integration.post(f"{path}/retry").json()["status"] == "rejected"
    stocked(milk, PickingTask._meta.get_field("warehouse").related_model.objects.get(code="W1").locations.get(code="A-01"), 20)
    assert integration.post(f"{path}/retry").json()["status"] == "accepted"
    assert codes(integration.post(f"{path}/retry")) == (409, "transition_refused")


def test_cancelled_by_our_number_or_by_theirs(integration, milk):
    body = {"order_id": "1", "items": [{"sku": "MILK", "quantity": "3"}]}
    made = integration.post("orders", body).json()
    cancelled = integration.post(f"orders/{made['id']}/cancel", {"reason": "customer"}, **{"Idempotency-Key": "x"}).json()
    assert (cancelled["status"], cancelled["cancellation_reason"]) == ("cancelled", "customer")
    assert [task["status"] for task in cancelled["picking_tasks"]] == ["cancelled"]
    assert sum(stock.reserved for stock in Stock.objects.all()) == 0
    early = integration.post("orders/cancel", {"order_id": "2", "reason": "changed my mind"}).json()
    assert (early["status"], early["lines"]) == ("cancelled", [])
    assert integration.post("orders", body | {"order_id": "2"}).json()["status"] == "cancelled"
    assert not PickingTask.objects.filter(order__external_id="2").exists()


def test_what_an_order_goes_without_is_shown_and_accepted_by_a_manager(integration, milk):
    made = integration.post(
        "orders", {"order_id": "1", "items": [{"sku": "MILK", "quantity": 2, "warehouse": "W1"}, {"sku": "MILK", "quantity": 3, "warehouse": "W2"}]}
    ).json()
    assert made["missing"] == []
    manager = Caller(Role.MANAGER)
    path = f"orders/{made['id']}"
    assert manager.post(f"picking-tasks/{made['picking_tasks'][1]['id']}/cancel", {"reason": "broken"}).status_code == 200
    shown = integration.get(path).json()
    assert shown["status"] == "needs_attention"
    [row] = shown["missing"]
    assert (row["sku"], row["quantity"], row["accepted"], row["accepted_at"]) == ("MILK", "3.000", "0.000", None)

    assert codes(integration.post(f"{path}/accept-missing", {"reason": "fine"})) == (403, "permission_denied")
    assert codes(manager.post(f"{path}/accept-missing", {})) == (400, "validation_failed")
    accepted = manager.post(f"{path}/accept-missing", {"reason": "the customer knows"}).json()

    assert (accepted["status"], accepted["missing"][0]["accepted"], accepted["missing"][0]["reason"]) == ("picking", "3.000", "the customer knows")
    assert codes(manager.post(f"{path}/accept-missing", {"reason": "again"})) == (409, "conflict")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"items": []}, (400, "validation_failed")),
        ({"items": [{"quantity": 1}]}, (422, "unknown_product")),
        ({"items": [{"listing_id": "nope", "quantity": 1}]}, (422, "unknown_product")),
        ({"storefront_id": "8", "items": [{"listing_id": "100", "quantity": 1}]}, (422, "unknown_product")),
        ({"items": [{"sku": "MILK", "quantity": 1, "warehouse_id": "9"}]}, (422, "unknown_warehouse")),
        ({"items": [{"sku": "MILK", "quantity": "0.25"}]}, (400, "validation_failed")),
        ({"order_id": " "}, (400, "validation_failed")),
        ({"order_id": "a\nb"}, (400, "validation_failed")),
        ({"source": "a:b"}, (400, "validation_failed")),
        ({"source": "till"}, (400, "validation_failed")),
        ({"priority": "now"}, (400, "validation_failed")),
        ({"provider": "pigeon"}, (404, "not_found")),
        ({"items": [{"sku": "MILK", "quantity": 1}] * 1001}, (400, "validation_failed")),
    ],
)
def test_an_order_that_can_not_be_read(integration, milk, wrong, code):
    assert codes(integration.post("orders", {"order_id": "1", "items": [{"sku": "MILK", "quantity": 1}]} | wrong)) == code
    assert not Order.objects.exists()


def test_an_order_under_the_name_of_a_channel(integration, milk):
    """Its own orders come by events: one that anybody else sent would be taken for the channel's."""
    elsewhere(site(), code="allegro-pl")
    order = {"order_id": "1", "items": [{"sku": "MILK", "quantity": 1}]}
    refusal = integration.post("orders", order | {"source": "allegro-pl"})
    assert (codes(refusal), refusal.json()["errors"]) == ((400, "validation_failed"), [{"field": "source", "code": "reserved"}])
    assert not Order.objects.exists()
    assert integration.post("orders", order | {"source": "allegro-de"}).status_code == 201


def test_no_cancellation_waits_for_what_a_till_sells(integration, milk):
    assert codes(integration.post("orders/cancel", {"source": "till", "order_id": "MAIN:1", "reason": "x"})) == (400, "validation_failed")
    assert not Order.objects.exists()


def test_a_cancellation_may_be_conditional(integration, milk):
    made = integration.post("orders", {"order_id": "1", "items": [{"sku": "MILK", "quantity": "3"}]})
    path = f"orders/{made.json()['id']}"
    stale = integration.post(f"{path}/cancel", {"reason": "late"}, **{"If-Match": '"99"'})
    assert codes(stale) == (412, "stale_version")
    by_key = integration.post("orders/cancel", {"order_id": "1", "reason": "late"}, **{"If-Match": '"99"'})
    assert codes(by_key) == (412, "stale_version")
    assert Order.objects.get().status == "accepted"
    done = integration.post(f"{path}/cancel", {"reason": "late"}, **{"If-Match": made["ETag"]})
    assert (done.status_code, done.json()["status"]) == (200, "cancelled")


def test_other_quantities_for_an_order_that_nobody_has_begun(integration, milk):
    made = integration.post("orders", {"order_id": "1", "items": [{"sku": "MILK", "quantity": "3"}]})
    wanted = {"order_id": "1", "items": [{"sku": "MILK", "quantity": "5"}]}
    assert codes(integration.post("orders/change", wanted, **{"If-Match": '"99"'})) == (412, "stale_version")
    assert codes(integration.post("orders/change", wanted | {"order_id": "2"})) == (404, "not_found")
    assert codes(integration.post("orders/change", wanted | {"items": []})) == (400, "validation_failed")
    assert codes(integration.post("orders/change", wanted | {"items": [{"sku": "MILK", "quantity": "5000"}]})) == (409, "insufficient_stock")
    assert sum(stock.reserved for stock in Stock.objects.all()) == 3

    changed = integration.post("orders/change", wanted, **{"If-Match": made["ETag"]})

    assert changed.status_code == 200
    assert [(line["sku"], line["quantity"]) for line in changed.json()["lines"]] == [("MILK", "5.000")]
    assert sorted(task["status"] for task in changed.json()["picking_tasks"]) == ["cancelled", "pending"]
    assert sum(stock.reserved for stock in Stock.objects.all()) == 5
    begun(PickingTask.objects.get(status="pending"), person(Role.PICKER))
    assert codes(integration.post("orders/change", wanted | {"items": [{"sku": "MILK", "quantity": "4"}]})) == (409, "transition_refused")


def test_a_status_that_was_refused_is_told_again(integration, milk):
    made = integration.post("orders", {"order_id": "1", "items": [{"sku": "MILK", "quantity": "3"}]}).json()
    path = f"orders/{made['id']}/report-status"
    assert codes(integration.post(path)) == (409, "conflict")
    report = StatusReport.objects.create(order_id=made["id"], status="ready_for_shipment", attempts=3, last_error="400: no")
    told = integration.post(path)
    assert (told.status_code, told.json()["id"]) == (200, made["id"])
    report.refresh_from_db()
    assert report.next_attempt_at <= timezone.now()
    assert codes(Caller(Role.PICKER).post(path)) == (403, "permission_denied")


def test_orders_are_found_by_their_whole_number(integration, milk):
    for number in ("1", "2"):
        integration.post("orders", {"order_id": number, "order_number": f"SO-{number}", "items": [{"sku": "MILK", "quantity": "1"}]})

    def found(**asked):
        return [row["order_id"] for row in integration.get("orders", **asked).json()["results"]]

    assert (found(order_number="so-2"), found(search="so-1"), found(search="2"), found(search="so")) == (["2"], ["1"], ["2"], [])
