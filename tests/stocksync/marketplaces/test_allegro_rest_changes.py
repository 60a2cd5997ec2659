"""What changed at Allegro: every order comes out at least once with its newest revision, whatever the journal does."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from pytest_django.fixtures import Settings

from stocksync.enums import RemoteState
from stocksync.marketplaces.allegro_rest import AllegroRestClient, changes
from stocksync.marketplaces.base import Position, RemoteOrder
from tests.partners.allegro_rest import AllegroRest
from tests.partners.server import PartnerServer
from tests.stocksync.marketplaces.allegro import ClientFor
from warehouse.core.partners.errors import PermanentFailure, RetryableFailure

BEGIN = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


class Hands:
    """The time of ours and Allegro's."""

    now = BEGIN

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)


@pytest.fixture
def hands(allegro: AllegroRest) -> Hands:
    hands = Hands()
    allegro.clock = lambda: hands.now
    allegro.put_offer("77", 10_000, sku="MILK-1")
    return hands


@pytest.fixture
def reader(client: AllegroRestClient, hands: Hands) -> AllegroRestClient:
    client._now = lambda: hands.now
    return client


def read_all(reader: AllegroRestClient, position: Position) -> tuple[list[RemoteOrder], Position]:
    orders: list[RemoteOrder] = []
    for _ in range(50):
        found = reader.read_changes(position)
        orders += found.orders
        position = found.position
        if found.at_end:
            return orders, position
    raise AssertionError("the end was never reached")


def newest(orders: Iterable[RemoteOrder]) -> dict[str, str]:
    """The revision of each order that came out last, by the time of the change."""
    known: dict[str, RemoteOrder] = {}
    for order in orders:
        before = known.get(order.external_id)
        if before is None or (order.changed_at and before.changed_at and order.changed_at >= before.changed_at):
            known[order.external_id] = order
    return {external_id: order.revision for external_id, order in known.items()}


def there(allegro: AllegroRest) -> dict[str, str]:
    return {form["id"]: form["revision"] for form in allegro.ledger.newest("forms", "id")}


def test_the_journal_is_read_to_its_end_and_then_only_what_is_new(reader: AllegroRestClient, allegro: AllegroRest, hands: Hands):
    for number in range(3):
        allegro.sell("77", order_id=f"order-{number}")
    orders, position = read_all(reader, Position())
    assert newest(orders) == there(allegro)
    assert position == Position(allegro.ledger.table("events")[-1]["id"], hands.now)
    hands.passes(seconds=30)
    assert reader.read_changes(position) == changes.Changes([], position, True)
    allegro.change_order("order-1", status="CANCELLED")
    found = reader.read_changes(position)
    assert [(order.external_id, order.state) for order in found.orders] == [("order-1", RemoteState.CANCELLED)]
    assert (found.at_end, found.position.swept_until) == (True, position.swept_until)


def test_a_full_page_is_not_the_end(reader: AllegroRestClient, allegro_rest: PartnerServer, allegro: AllegroRest, hands: Hands):
    for number in range(changes.EVENTS_PAGE + 1):
        allegro.sell("77", order_id=f"order-{number}")
    due = hands.now - changes.SWEEP_EVERY
    first = reader.read_changes(Position("", due))
    assert (len(first.orders), first.at_end, first.position.swept_until) == (changes.EVENTS_PAGE, False, due)
    assert not [row for row in allegro_rest.requests() if row["path"] == "/order/checkout-forms"]
    second = reader.read_changes(first.position)
    assert (second.at_end, second.position.swept_until) == (True, hands.now)
    assert newest([*first.orders, *second.orders]) == there(allegro)


def test_an_order_with_many_events_is_read_once(reader: AllegroRestClient, allegro_rest: PartnerServer, allegro: AllegroRest, hands: Hands):
    allegro.duplicate = True
    allegro.sell("77", order_id="order-1", status="BOUGHT")
    allegro.change_order("order-1", status="FILLED_IN")
    allegro.change_order("order-1", status="READY_FOR_PROCESSING")
    assert allegro.ledger.count("events") == 6
    orders = reader.read_changes(Position("", hands.now)).orders
    assert [(order.external_id, order.state) for order in orders] == [("order-1", RemoteState.READY)]
    assert [row["path"] for row in allegro_rest.requests()] == ["/order/events", "/order/checkout-forms/order-1"]


def test_what_the_journal_loses_the_sweep_finds(reader: AllegroRestClient, allegro: AllegroRest, hands: Hands):
    _, position = read_all(reader, Position())
    allegro.lose(2)
    allegro.sell("77", order_id="lost-1")
    allegro.sell("77", order_id="lost-2")
    allegro.sell("77", order_id="kept")
    hands.passes(minutes=1)
    orders, position = read_all(reader, position)
    assert set(newest(orders)) == {"kept"}
    hands.passes(minutes=3)
    orders, position = read_all(reader, position)
    assert newest(orders) == there(allegro)
    assert position.swept_until == hands.now


@pytest.mark.parametrize("lag", [0, 9])
def test_the_sweep_reaches_behind_its_last_end(reader: AllegroRestClient, allegro: AllegroRest, hands: Hands, lag: int):
    _, position = read_all(reader, Position())
    allegro.clock = lambda: hands.now - timedelta(minutes=lag)
    allegro.lose(1)
    allegro.sell("77", order_id="lost")
    hands.passes(minutes=0 if lag else 3)
    found, _ = read_all(reader, Position(position.journal, hands.now - changes.SWEEP_EVERY))
    assert newest(found) == there(allegro)


def test_duplicates_gaps_and_disorder_together(reader: AllegroRestClient, allegro: AllegroRest, hands: Hands):
    allegro.duplicate = allegro.disorder = True
    position, seen = Position(), list[RemoteOrder]()
    for number in range(40):
        allegro.sell("77", order_id=f"order-{number}", status="BOUGHT")
        if number % 4 == 1:
            allegro.lose(1)
        allegro.change_order(f"order-{number // 2}", status="READY_FOR_PROCESSING")
        if number % 10 == 9:
            allegro.change_order(f"order-{number}", status="CANCELLED")
        hands.passes(seconds=40)
        found = reader.read_changes(position)
        seen += found.orders
        position = found.position
    hands.passes(minutes=3)
    orders, _ = read_all(reader, position)
    assert newest([*seen, *orders]) == there(allegro)


def test_a_sweep_far_behind_catches_up_in_steps(reader: AllegroRestClient, allegro_rest: PartnerServer, allegro: AllegroRest, hands: Hands):
    allegro.lose(6)
    for number in range(6):
        allegro.sell("77", order_id=f"order-{number}")
        hands.passes(hours=5)
    position = Position("", BEGIN)
    steps: list[datetime | None] = []
    seen: list[RemoteOrder] = []
    while True:
        found = reader.read_changes(position)
        seen += found.orders
        position = found.position
        steps.append(position.swept_until)
        if found.at_end:
            break
    assert steps == [BEGIN + timedelta(hours=hours) for hours in (6, 12, 18, 24, 30)]
    assert newest(seen) == there(allegro)


def test_a_list_that_shrinks_while_it_is_read_is_read_again(
    reader: AllegroRestClient, allegro_rest: PartnerServer, allegro: AllegroRest, hands: Hands
):
    allegro.lose(changes.FORMS_PAGE + 51)
    for number in range(changes.FORMS_PAGE + 50):
        allegro.sell("77", order_id=f"order-{number}")
    hands.passes(hours=20)
    asked = reader.checkout_forms
    pages: list[int] = []

    def changing(*args: object):
        pages.append(1)
        if len(pages) == 2:
            allegro.change_order("order-3", status="CANCELLED")
        return asked(*args)  # type: ignore[arg-type]

    reader.checkout_forms = changing  # type: ignore[method-assign]
    first = reader.read_changes(Position("", BEGIN))
    assert (first.at_end, first.position.swept_until) == (False, BEGIN)
    rest, position = read_all(reader, first.position)
    assert newest([*first.orders, *rest]) == there(allegro)
    assert position.swept_until == hands.now


def test_one_unreadable_order_stops_no_other(reader: AllegroRestClient, allegro_rest: PartnerServer, allegro: AllegroRest, hands: Hands):
    for number in range(4):
        allegro.sell("77", order_id=f"order-{number}")
    allegro_rest.fail("replace", path="*/order-1", values={"lineItems": "none"})
    allegro_rest.fail("status", path="*/order-2", status=500)
    allegro_rest.fail("status", path="*/order-3", status=403)
    found = reader.read_changes(Position("", hands.now))
    assert {order.external_id: order.fault for order in found.orders} == {
        "order-0": "",
        "order-1": "lineItems is not a list of objects",
        "order-2": "answered 500",
        "order-3": 'refused with 403: {"error": "This is a fault on demand."}',
    }


def test_a_lone_order_that_the_server_stumbles_over_comes_out_of_the_list(
    reader: AllegroRestClient, allegro_rest: PartnerServer, allegro: AllegroRest, hands: Hands
):
    allegro.sell("77", order_id="order-1")
    allegro_rest.fail("status", path="*/order-1", status=500, times=None)
    found = reader.read_changes(Position("", hands.now))
    assert [(order.external_id, order.fault) for order in found.orders] == [("order-1", "answered 500"), ("order-1", "")]
    assert found.position.journal == allegro.ledger.table("events")[-1]["id"]
    allegro_rest.fail("status", path="/order/checkout-forms", status=500)
    with pytest.raises(RetryableFailure):
        reader.read_changes(Position("", hands.now))


def test_a_page_of_nothing_but_errors_is_an_outage(
    reader: AllegroRestClient, allegro_rest: PartnerServer, allegro: AllegroRest, hands: Hands, settings: Settings
):
    settings.PARTNER_CIRCUIT_FAILURES = 1_000
    for number in range(changes.EVENTS_PAGE):
        allegro.sell("77", order_id=f"order-{number}")
    allegro_rest.fail("status", path="*/order-*", status=500, times=None)
    with pytest.raises(RetryableFailure):
        reader.read_changes(Position("", hands.now))


def test_a_token_that_is_not_taken_is_no_orders_fault(client_for: ClientFor, allegro: AllegroRest, hands: Hands, monkeypatch: pytest.MonkeyPatch):
    token = allegro.give_tokens()["access_token"]
    allegro.sell("77", order_id="order-1")
    client = client_for(lambda: token, lambda refused: refused)
    events = client.order_events("", 100)
    allegro.revoke(token)
    monkeypatch.setattr(client, "order_events", lambda after, limit: events)
    with pytest.raises(PermanentFailure) as caught:
        client.read_changes(Position("", hands.now))
    assert caught.value.status == 401


def test_a_list_that_does_not_say_how_long_it_is_is_not_believed(client: AllegroRestClient, allegro_rest: PartnerServer):
    allegro_rest.fail("missing", field="totalCount", path="/order/checkout-forms")
    with pytest.raises(RetryableFailure, match="totalCount is missing"):
        client.read_changes(Position())


def test_an_order_that_the_journal_invents_is_told(reader: AllegroRestClient, allegro: AllegroRest, hands: Hands):
    allegro.sell("77", order_id="order-1")
    event = allegro.ledger.table("events")[0]
    allegro.ledger.append("events", event | {"id": "1700000000000002", "order": {"checkoutForm": {"id": "nobody"}}})
    allegro.ledger.append("events", event | {"id": "1700000000000003", "order": None})
    found = reader.read_changes(Position("", hands.now))
    assert [(order.external_id, bool(order.fault)) for order in found.orders] == [("order-1", False), ("nobody", True)]
    assert found.position.journal == "1700000000000003"


@pytest.mark.parametrize("fault", [{"kind": "drop"}, {"kind": "status", "status": 503}, {"kind": "status", "status": 429, "retry_after": "1"}])
def test_an_outage_moves_nothing(reader: AllegroRestClient, allegro_rest: PartnerServer, allegro: AllegroRest, hands: Hands, fault: dict):
    allegro.sell("77", order_id="order-1")
    allegro_rest.fail(**fault, path="/order/checkout-forms*", times=None)
    with pytest.raises(RetryableFailure):
        reader.read_changes(Position("", hands.now))


def test_ten_thousand_orders_are_read(client_for: ClientFor, allegro: AllegroRest, hands: Hands):
    for number in range(10_000):
        allegro.put_order(f"order-{number}", [("77", 1)])
    reader = client_for()
    reader._now = lambda: hands.now
    seen = 0
    page: str | None = None
    for _ in range(5):
        found = reader.list_orders(BEGIN, BEGIN, page=page)
        seen += len(found.orders)
        page = found.next
    assert (seen, page) == (500, "500")
    assert len(reader.read_changes(Position(allegro.ledger.table("events")[-3]["id"], hands.now)).orders) == 2
